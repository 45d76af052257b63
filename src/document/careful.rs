//! The careful reader: builds the index from the parser's events, or reports every error.
//!
//! [`Tree`] has TOML's rules on tables. It accepts the same texts as `toml_edit`.

use toml_parser::decoder::Encoding;
use toml_parser::lexer::{Token, TokenKind};
use toml_parser::parser::EventReceiver;
use toml_parser::{ErrorSink, Raw, Span as ParserSpan};

use crate::document::decode::Decoder;
use crate::document::fault::Fault;
use crate::document::index::{Index, Kind, MAX_DEPTH, Node, ROOT, Span};
use crate::document::report::{DecodeErrors, Errors};
use crate::document::tree::{Part, Refused, Tree};
use crate::text::shown::{self, Step};
use crate::text::wiped::Wiped;

/// The part of a header that has been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Header {
    /// The parser is not in a header.
    None,
    /// Its `[` or `[[`.
    Open,
    /// The first part of its key, too.
    Named,
}

/// Builds the index from the parser's events.
pub(super) struct Builder<'e, 't> {
    text: &'t str,
    errors: &'e Errors<'t>,
    decoder: Decoder<'e, 't>,
    tree: Tree<'t>,
    /// The parts of the key that is being read.
    parts: Vec<Part>,
    /// A dot was read: the next part belongs to the same key.
    continued: bool,
    header: Header,
    /// The table that the last header opened.
    section: u32,
    /// The innermost open array or inline table, or the section.
    container: u32,
    /// The node whose value comes next.
    pending: Option<u32>,
    /// The number of open arrays and inline tables.
    open: usize,
    /// After an error it is unknown which table what follows belongs to. Nothing more is added to
    /// the index; keys and values are still decoded, to report the errors in them.
    lost: bool,
}

impl<'e, 't> Builder<'e, 't> {
    pub(super) fn new(text: &'t str, tokens: &[Token], errors: &'e Errors<'t>) -> Self {
        Self {
            text,
            errors,
            decoder: Decoder::new(text, errors),
            tree: Tree::with_capacity(text, most_nodes(tokens)),
            parts: Vec::with_capacity(MAX_DEPTH + 1),
            continued: false,
            header: Header::None,
            section: ROOT,
            container: ROOT,
            pending: None,
            open: 0,
            lost: false,
        }
    }

    /// Returns the index and the buffer of decoded texts.
    pub(super) fn finish(self) -> (Index, Wiped) {
        (self.tree.finish(self.decoder.decoded()), self.decoder.into_decoded())
    }

    /// The path of a node, for an error.
    pub(super) fn path(&self, mut node: u32) -> String {
        let mut steps = Vec::new();
        while node != ROOT {
            let Node { parent, key, .. } = *self.tree.node(node);
            steps.push(if self.tree.node(parent).kind.is_array() {
                Step::Position(key.position())
            } else {
                Step::Key(key.of(self.text, self.decoder.decoded()))
            });
            node = parent;
        }
        shown::display(steps.into_iter().rev())
    }

    /// Gives up the structure if the grammar has reported an error inside a header, an array or an
    /// inline table. An error elsewhere ends with its line.
    fn check_grammar(&mut self) {
        if self.errors.take_grammar() && (self.open > 0 || self.header != Header::None) {
            self.lost = true;
        }
    }

    /// Returns the node of a key that has a value. Its kind is set when the value is read.
    fn define_key(&mut self) -> Option<u32> {
        let defined = self.tree.define_key(self.container, &self.parts, self.decoder.decoded());
        defined.map_or_else(|refused| self.refuse(refused), Some)
    }

    /// Returns the table that a header opens.
    fn define_header(&mut self, array: bool) -> Option<u32> {
        let defined = self.tree.define_header(array, &self.parts, self.decoder.decoded());
        defined.map_or_else(|refused| self.refuse(refused), Some)
    }

    /// Adds an element to the innermost open array.
    fn add_element(&mut self, span: Span, kind: Kind) -> Option<u32> {
        let added = self.tree.add_element(self.container, span, kind);
        added.map_or_else(|refused| self.refuse(refused), Some)
    }

    /// Reports why a key, a header or an element is refused.
    ///
    /// A key that is defined twice gets a node beside the tree. The tree stays as it was, and what
    /// the text defines below the key has a parent, so that errors in it are found, too.
    ///
    /// If it is too deep, returns `None`. Then the rest of the text is not indexed.
    fn refuse(&mut self, refused: Refused) -> Option<u32> {
        match refused {
            Refused::TooDeep(span) => {
                self.errors.report(span.range(), Fault::TooDeep);
                self.lost = true;
                None
            }
            Refused::Clash { table, part, existing, fault } => {
                let first = self.tree.node(existing).key_span.start as usize;
                self.errors.clash(part.span.range(), fault, existing, first);
                let beside = self.push_beside(table, part)?;
                match self.parts.last() {
                    // No further part is checked: each of them would fail, too.
                    Some(&last) if last.span.start != part.span.start => {
                        self.push_beside(beside, last)
                    }
                    _ => Some(beside),
                }
            }
        }
    }

    fn push_beside(&mut self, parent: u32, part: Part) -> Option<u32> {
        let pushed = self.tree.push(parent, part.place, part.span, Kind::Table);
        pushed.map_or_else(|refused| self.refuse(refused), Some)
    }

    /// Returns the node of the next value: that of the key before it, or a new element.
    fn place_value(&mut self, span: ParserSpan, kind: Kind) -> Option<u32> {
        let span = Span::new(span);
        let id = match self.pending.take() {
            Some(id) => id,
            // A value without a key is in an array. Anywhere else, the grammar has reported it and
            // the structure is lost.
            None => self.add_element(span, kind)?,
        };
        self.tree.node_mut(id).kind = kind;
        self.tree.node_mut(id).span = span;
        Some(id)
    }

    /// Opens an array or an inline table. If this returns `false`, the parser skips to its end.
    ///
    /// The parser reports the end of what it skipped, too. [`close`](Self::close) must not leave a
    /// level then, and a flag in [`Errors`] tells it so. There are two cases:
    ///
    /// - This function returned `false`, and so has entered no level.
    /// - An inline table has an array or another inline table without a key, `{ [1] }`. The parser
    ///   skips it and never reports its start.
    ///
    /// A key, a value or a start means that the parser is not skipping. Each clears the flag.
    fn open(&mut self, span: ParserSpan, kind: Kind) -> bool {
        self.errors.take_skipping();
        self.check_grammar();
        if !self.lost
            && let Some(id) = self.place_value(span, kind)
        {
            self.container = id;
        }
        // The parser recurses for each level, so the limit must hold even if the structure is lost.
        if self.open == MAX_DEPTH {
            self.errors.report(span.start()..span.end(), Fault::TooDeep);
            self.errors.set_skipping();
            return false;
        }
        self.open += 1;
        true
    }

    /// Closes the innermost open array or inline table.
    fn close(&mut self, span: ParserSpan) {
        if self.errors.take_skipping() {
            return;
        }
        self.open = self.open.saturating_sub(1);
        self.check_grammar();
        if self.lost {
            return;
        }
        let closed = self.container;
        self.tree.node_mut(closed).span.end = span.end() as u32;
        self.container = if self.open == 0 { self.section } else { self.enclosing(closed) };
    }

    /// The array or inline table around another. Dotted keys may have made tables in between: in
    /// `a = { b.c = [] }`, it is `a` that is around the array, not `b`.
    fn enclosing(&self, id: u32) -> u32 {
        let mut id = self.tree.node(id).parent;
        while self.tree.node(id).dotted {
            id = self.tree.node(id).parent;
        }
        id
    }

    fn open_header(&mut self) {
        self.check_grammar();
        // The previous header has no end.
        self.lost |= self.header != Header::None;
        self.header = Header::Open;
        self.continued = false;
        self.parts.clear();
    }

    fn close_header(&mut self, array: bool) {
        self.check_grammar();
        self.header = Header::None;
        if self.lost {
            return;
        }
        if let Some(table) = self.define_header(array) {
            self.section = table;
            self.container = table;
        }
    }
}

impl EventReceiver for Builder<'_, '_> {
    fn std_table_open(&mut self, _: ParserSpan, _: &mut dyn ErrorSink) {
        self.open_header();
    }

    fn std_table_close(&mut self, _: ParserSpan, _: &mut dyn ErrorSink) {
        self.close_header(false);
    }

    fn array_table_open(&mut self, _: ParserSpan, _: &mut dyn ErrorSink) {
        self.open_header();
    }

    fn array_table_close(&mut self, _: ParserSpan, _: &mut dyn ErrorSink) {
        self.close_header(true);
    }

    fn inline_table_open(&mut self, span: ParserSpan, _: &mut dyn ErrorSink) -> bool {
        self.open(span, Kind::InlineTable)
    }

    fn inline_table_close(&mut self, span: ParserSpan, _: &mut dyn ErrorSink) {
        self.close(span);
    }

    fn array_open(&mut self, span: ParserSpan, _: &mut dyn ErrorSink) -> bool {
        self.open(span, Kind::Array)
    }

    fn array_close(&mut self, span: ParserSpan, _: &mut dyn ErrorSink) {
        self.close(span);
    }

    fn simple_key(&mut self, span: ParserSpan, encoding: Option<Encoding>, _: &mut dyn ErrorSink) {
        self.errors.take_skipping();
        let place = self.decoder.key(span, encoding);
        if !std::mem::take(&mut self.continued) {
            self.check_grammar();
            // The header has no end. The grammar reports its line; this key is not part of it.
            self.lost |= self.header == Header::Named;
            self.parts.clear();
        }
        if self.header == Header::Open {
            self.header = Header::Named;
        }
        // One part more than the limit is enough for the error.
        if self.parts.len() <= MAX_DEPTH {
            self.parts.push(Part { place, span: Span::new(span) });
        }
    }

    fn key_sep(&mut self, _: ParserSpan, _: &mut dyn ErrorSink) {
        self.continued = true;
    }

    fn key_val_sep(&mut self, _: ParserSpan, _: &mut dyn ErrorSink) {
        self.check_grammar();
        if self.lost {
            return;
        }
        self.pending = self.define_key();
    }

    fn scalar(&mut self, span: ParserSpan, encoding: Option<Encoding>, _: &mut dyn ErrorSink) {
        self.errors.take_skipping();
        self.check_grammar();
        let (kind, place) = self.decoder.scalar(span, encoding);
        if self.lost {
            return;
        }
        if let Some(id) = self.place_value(span, kind) {
            self.tree.node_mut(id).inside = place;
        }
    }

    fn comment(&mut self, span: ParserSpan, _: &mut dyn ErrorSink) {
        let comment = &self.text[span.start()..span.end()];
        if comment.bytes().any(|byte| matches!(byte, 0x00..=0x08 | 0x0A..=0x1F | 0x7F)) {
            Raw::new_unchecked(comment, None, span).decode_comment(&mut DecodeErrors(self.errors));
        }
    }

    fn newline(&mut self, span: ParserSpan, _: &mut dyn ErrorSink) {
        if &self.text[span.start()..span.end()] == "\r" {
            self.errors.report(span.start()..span.end(), Fault::BareCarriageReturn);
        }
    }
}

/// Returns an upper bound for the number of nodes, so that they are allocated once. Every node is paid for by a token of its own:
///
/// - A part of a key is followed by a `.` or an `=`.
/// - The last part of a header's key is followed by neither, but the header has a `[`. `[[a]]` may
///   make a key and an element, and has two.
/// - If the `=` is missing in an inline table, its `{` pays for the key.
/// - An element of an array follows a `[` or a `,`.
fn most_nodes(tokens: &[Token]) -> usize {
    let pays = |token: &&Token| {
        matches!(
            token.kind(),
            TokenKind::Equals
                | TokenKind::Dot
                | TokenKind::LeftSquareBracket
                | TokenKind::LeftCurlyBracket
                | TokenKind::Comma
        )
    };
    tokens.iter().filter(pays).count() + 1
}
