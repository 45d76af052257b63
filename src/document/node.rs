//! A node of the index: the kind of a key or value, and its offsets. It contains no secret.

use std::ops::Range;

use toml_parser::Span as ParserSpan;

/// The maximum length of a text, in bytes.
///
/// A usual file of credentials is a thousand times shorter. The limit keeps the work on a hostile
/// text small.
pub const MAX_LEN: usize = 1_000_000;

/// The maximum depth of a value, in keys and array positions: `a.b[0].c` is 4 deep.
///
/// The parser recurses for each level, and this many levels fit on the stack of a small thread.
pub const MAX_DEPTH: usize = 80;

// Every offset fits into a `u32` with one bit to spare.
const _: () = assert!(MAX_LEN < 1 << 31);

/// The node of the root table, which is the first.
///
/// No node has it as a child or a sibling, so it also means "none" in these places.
pub(crate) const ROOT: u32 = 0;

/// A decoded text: a range in the document or in the second buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slice {
    /// The highest bit is set for the second buffer.
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Slice {
    const DECODED: u32 = 1 << 31;

    pub(crate) fn in_text(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    pub(crate) fn decoded(start: usize, end: usize) -> Self {
        Self { start: Self::DECODED + start as u32, end: end as u32 }
    }

    /// The position in its array. An element has it in place of a key.
    pub(crate) fn position(self) -> usize {
        self.start as usize
    }

    pub(crate) fn len(self) -> usize {
        self.range().len()
    }

    pub(crate) fn is_in_text(self) -> bool {
        self.start & Self::DECODED == 0
    }

    pub(crate) fn of<'a>(self, text: &'a str, decoded: &'a str) -> &'a str {
        let buffer = if self.is_in_text() { text } else { decoded };
        // Not `buffer[range]`: the message of its panic would quote the text.
        buffer.get(self.range()).unwrap_or_default()
    }

    fn range(self) -> Range<usize> {
        (self.start & !Self::DECODED) as usize..self.end as usize
    }
}

/// A range of bytes of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(super) fn new(span: ParserSpan) -> Self {
        Self { start: span.start() as u32, end: span.end() as u32 }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Integer,
    Float,
    Boolean,
    Datetime,
    Array,
    /// Made by `[[header]]`.
    ArrayOfTables,
    /// Made by a header, or by a part of a key before the last: `a` in `a.b = 1`.
    Table,
    InlineTable,
}

impl Kind {
    pub(crate) fn is_table(self) -> bool {
        matches!(self, Self::Table | Self::InlineTable)
    }

    pub(crate) fn is_array(self) -> bool {
        matches!(self, Self::Array | Self::ArrayOfTables)
    }

    /// The name of the kind in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Datetime => "datetime",
            Self::Array | Self::ArrayOfTables => "array",
            Self::Table | Self::InlineTable => "table",
        }
    }
}

/// A key with its value, or an element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// A table that no header has opened so far, and so a later header may open it, or a dotted key
    /// add to it.
    pub(super) implicit: bool,
    /// A table made by a dotted key, which a header may not open.
    pub(super) dotted: bool,
    /// The number of keys and array positions in its path.
    pub(super) depth: u8,
    pub(crate) parent: u32,
    /// The decoded key. For an element of an array, `start` is its position.
    pub(super) key: Slice,
    /// The key as it is written, including quotes.
    pub(crate) key_span: Span,
    /// The value as it is written. For a table that is not inline, the key that made it.
    pub(crate) span: Span,
    /// The previous child of its parent. A table with few keys is searched along these.
    pub(super) sibling: u32,
    /// Of a table or an array, its children: see [`children`](Self::children). Of another value, its
    /// content. One place serves both, so that a node is small.
    pub(super) inside: Slice,
}

impl Node {
    /// Makes a node without a value.
    pub(super) fn new(kind: Kind, depth: u8, parent: u32, key: Slice, key_span: Span) -> Self {
        Self {
            kind,
            implicit: false,
            dotted: false,
            depth,
            parent,
            key,
            key_span,
            span: key_span,
            sibling: ROOT,
            inside: Slice::default(),
        }
    }

    /// The decoded content of a string, or the digits of a float without `_`.
    pub(crate) fn value(&self) -> Slice {
        self.inside
    }

    /// The index of the first child of a table or an array in `Index::children`. While building, the
    /// last child.
    pub(super) fn children(&self) -> u32 {
        self.inside.start
    }

    /// The number of children of a table or an array.
    pub(super) fn len(&self) -> u32 {
        self.inside.end
    }

    pub(super) fn has_children(&self) -> bool {
        self.kind.is_table() || self.kind.is_array()
    }
}

/// The two buffers that slices are in. A reader still appends to the second one.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    pub(super) text: &'a str,
    pub(super) decoded: &'a str,
}

impl<'a> Texts<'a> {
    #[inline]
    pub(super) fn bytes(self, place: Slice) -> &'a [u8] {
        let buffer = if place.is_in_text() { self.text } else { self.decoded };
        buffer.as_bytes().get(place.range()).unwrap_or_default()
    }
}
