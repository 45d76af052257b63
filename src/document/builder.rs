//! Builds the index from the parser's events.
//!
//! While it builds, [`Builder`] enforces TOML's rules on tables: a key is defined once, a header
//! opens a table once, and nothing is added to an array or inline table after its end. It accepts
//! the same texts as `toml_edit`.

use toml_parser::decoder::Encoding;
use toml_parser::lexer::{Token, TokenKind};
use toml_parser::parser::EventReceiver;
use toml_parser::{ErrorSink, Raw, Span as ParserSpan};

use crate::document::decode::Decoder;
use crate::document::fault::Fault;
use crate::document::index::MAX_DEPTH;
use crate::document::index::{Index, Kind, Names, Node, ROOT, Slice, Span};
use crate::document::report::{DecodeErrors, Errors};
use crate::text::shown::{self, Step};
use crate::text::wiped::Wiped;

/// A part of a key: `a` and `b` in `a.b`.
#[derive(Clone, Copy)]
struct Part {
    /// The decoded part.
    place: Slice,
    /// The part as it is written.
    span: Span,
}

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
    nodes: Vec<Node>,
    names: Names,
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
        let (keys, elements) = most_nodes(tokens);
        let mut nodes = Vec::with_capacity(keys + elements + 1);
        nodes.push(Node {
            kind: Kind::Table,
            implicit: false,
            dotted: false,
            depth: 0,
            parent: ROOT,
            key: Slice::in_text(0, 0),
            key_span: Span::default(),
            value: Slice::in_text(0, 0),
            span: Span::default(),
            children: ROOT,
            len: 0,
            sibling: ROOT,
        });
        Self {
            text,
            errors,
            decoder: Decoder::new(text, errors),
            nodes,
            names: Names::with_capacity(keys),
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
        (Index::new(self.nodes, self.names), self.decoder.into_decoded())
    }

    /// The path of a node, for an error.
    pub(super) fn path(&self, mut node: u32) -> String {
        let mut steps = Vec::new();
        while node != ROOT {
            let Node { parent, key, .. } = self.nodes[node as usize];
            steps.push(if self.nodes[parent as usize].kind.is_array() {
                Step::Position(key.position())
            } else {
                Step::Key(key.of(self.text, self.decoder.decoded()))
            });
            node = parent;
        }
        shown::display(steps.into_iter().rev())
    }

    fn node(&mut self, id: u32) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    /// Gives up the structure if the grammar has reported an error inside a header, an array or an
    /// inline table. An error elsewhere ends with its line.
    fn check_grammar(&mut self) {
        if self.errors.take_grammar() && (self.open > 0 || self.header != Header::None) {
            self.lost = true;
        }
    }

    /// Looks up a key of a table. If it is absent, returns what [`Names::add`] needs.
    fn find(&self, table: u32, part: Part) -> Result<u32, Option<u64>> {
        let decoded = self.decoder.decoded();
        let key = part.place.of(self.text, decoded);
        let last = self.nodes[table as usize].children;
        self.names.find(&self.nodes, (table, last), key, self.text, decoded)
    }

    /// Adds a node. Returns `None` if it is too deep; then the rest of the text is not indexed.
    fn push(&mut self, parent: u32, key: Slice, key_span: Span, kind: Kind) -> Option<u32> {
        let depth = self.node(parent).depth + 1;
        if usize::from(depth) > MAX_DEPTH {
            self.errors.report(key_span.range(), Fault::TooDeep);
            self.lost = true;
            return None;
        }
        let id = self.nodes.len() as u32;
        self.nodes.push(Node {
            kind,
            implicit: false,
            dotted: false,
            depth,
            parent,
            key,
            key_span,
            value: Slice::in_text(0, 0),
            span: key_span,
            children: ROOT,
            len: 0,
            sibling: ROOT,
        });
        Some(id)
    }

    /// Adds a key to a table, with the hash that `find` returned.
    fn add_key(&mut self, table: u32, part: Part, hash: Option<u64>, kind: Kind) -> Option<u32> {
        let id = self.push(table, part.place, part.span, kind)?;
        self.append(table, id);
        self.names.add(&self.nodes, id, hash, self.text, self.decoder.decoded());
        Some(id)
    }

    /// Adds an element to an array.
    fn add_element(&mut self, array: u32, span: Span, kind: Kind) -> Option<u32> {
        let position = self.node(array).len as usize;
        let id = self.push(array, Slice::in_text(position, position), span, kind)?;
        self.append(array, id);
        Some(id)
    }

    /// Makes a node the last child of its parent.
    fn append(&mut self, parent: u32, id: u32) {
        self.node(id).sibling = self.node(parent).children;
        self.node(parent).children = id;
        self.node(parent).len += 1;
    }

    /// Reports a key that is defined twice.
    ///
    /// Its node is pushed but not appended to the children of the table: the tree stays as it was,
    /// and what the text defines below the key has a parent, so that errors in it are found, too.
    fn clash(&mut self, table: u32, part: Part, existing: u32, fault: Fault) -> Option<u32> {
        let first = self.node(existing).key_span.start as usize;
        self.errors.clash(part.span.range(), fault, existing, first);
        self.push(table, part.place, part.span, Kind::Table)
    }

    /// Takes one step of a header or a dotted key: returns the table that `part` names in `table`,
    /// and makes it if it is absent.
    ///
    /// There are three results, because an error must not end the search for others:
    ///
    /// - `Some(Ok(table))`: go on from this table.
    /// - `Some(Err(beside))`: the step is reported. The key gets a node below `beside`, which is
    ///   not part of the tree, and no further step is checked: each of them would fail, too.
    /// - `None`: too deep. The rest of the text is not indexed.
    ///
    /// Headers and dotted keys follow different rules:
    ///
    /// - A header may pass through any table, `[a]` then `[a.b]`.
    /// - A dotted key may pass only through tables that no header has opened. If an earlier header
    ///   made the table on the way to its own, as `[a.b.c]` makes `a.b`, the dotted key takes it
    ///   over: after `[a]` and `b.d = 1`, the header `[a.b]` is an error.
    /// - Both pass through an array of tables into its last element.
    fn descend(&mut self, table: u32, part: Part, dotted: bool) -> Option<Result<u32, u32>> {
        let id = match self.find(table, part) {
            Err(hash) => {
                let id = self.add_key(table, part, hash, Kind::Table)?;
                self.node(id).implicit = true;
                self.node(id).dotted = dotted;
                return Some(Ok(id));
            }
            Ok(id) => id,
        };
        let node = self.node(id);
        Some(match node.kind {
            Kind::Table if !dotted => Ok(id),
            Kind::Table if node.implicit => {
                node.dotted = true;
                Ok(id)
            }
            // While building, `children` is the last child.
            Kind::ArrayOfTables => Ok(node.children),
            Kind::Table => Err(self.clash(table, part, id, Fault::DefinedTwice)?),
            _ => Err(self.clash(table, part, id, Fault::NotATable)?),
        })
    }

    /// Adds the node of a key that has a value. Its kind is set when the value is read.
    fn define_key(&mut self, parts: &[Part]) -> Option<u32> {
        let (&last, path) = parts.split_last()?;
        let mut table = self.container;
        for &part in path {
            match self.descend(table, part, true)? {
                Ok(id) => table = id,
                Err(beside) => return self.push(beside, last.place, last.span, Kind::Table),
            }
        }
        // A dotted key may not add to a table that a header opened.
        if !path.is_empty() && !self.node(table).implicit {
            return self.clash(table, last, table, Fault::DefinedTwice);
        }
        match self.find(table, last) {
            Err(hash) => self.add_key(table, last, hash, Kind::String),
            Ok(existing) => self.clash(table, last, existing, Fault::DefinedTwice),
        }
    }

    /// Returns the table that a header opens, and makes it if it is absent.
    fn define_header(&mut self, array: bool, parts: &[Part]) -> Option<u32> {
        let (&last, path) = parts.split_last()?;
        let mut table = ROOT;
        for &part in path {
            match self.descend(table, part, false)? {
                Ok(id) => table = id,
                Err(beside) => return self.push(beside, last.place, last.span, Kind::Table),
            }
        }
        let existing = match self.find(table, last) {
            Err(hash) if array => {
                let array = self.add_key(table, last, hash, Kind::ArrayOfTables)?;
                return self.add_element(array, last.span, Kind::Table);
            }
            Err(hash) => return self.add_key(table, last, hash, Kind::Table),
            Ok(existing) => existing,
        };
        let node = self.node(existing);
        match node.kind {
            Kind::ArrayOfTables if array => self.add_element(existing, last.span, Kind::Table),
            Kind::Table if !array && node.implicit && !node.dotted => {
                node.implicit = false;
                node.key_span = last.span;
                node.span = last.span;
                Some(existing)
            }
            Kind::Table | Kind::ArrayOfTables => {
                self.clash(table, last, existing, Fault::DefinedTwice)
            }
            _ => self.clash(table, last, existing, Fault::NotATable),
        }
    }

    /// Returns the node of the next value: that of the key before it, or a new element.
    fn place_value(&mut self, span: ParserSpan, kind: Kind) -> Option<u32> {
        let span = Span::new(span);
        let id = match self.pending.take() {
            Some(id) => id,
            // A value without a key is in an array. Anywhere else, the grammar has reported it and
            // the structure is lost.
            None => self.add_element(self.container, span, kind)?,
        };
        self.node(id).kind = kind;
        self.node(id).span = span;
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
        self.node(closed).span.end = span.end() as u32;
        self.container = if self.open == 0 { self.section } else { self.enclosing(closed) };
    }

    /// The array or inline table around another. Dotted keys may have made tables in between: in
    /// `a = { b.c = [] }`, it is `a` that is around the array, not `b`.
    fn enclosing(&self, id: u32) -> u32 {
        let mut id = self.nodes[id as usize].parent;
        while self.nodes[id as usize].dotted {
            id = self.nodes[id as usize].parent;
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
        let parts = std::mem::take(&mut self.parts);
        if let Some(table) = self.define_header(array, &parts) {
            self.section = table;
            self.container = table;
        }
        self.parts = parts;
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
        let parts = std::mem::take(&mut self.parts);
        self.pending = self.define_key(&parts);
        self.parts = parts;
    }

    fn scalar(&mut self, span: ParserSpan, encoding: Option<Encoding>, _: &mut dyn ErrorSink) {
        self.errors.take_skipping();
        self.check_grammar();
        let (kind, place) = self.decoder.scalar(span, encoding);
        if self.lost {
            return;
        }
        if let Some(id) = self.place_value(span, kind) {
            self.node(id).value = place;
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

/// Returns an upper bound for the number of keys, and one for the number of elements besides.
///
/// The index is allocated once, and its hash table never grows, so the bound must also hold for a
/// text with errors. Every node is paid for by a token of its own:
///
/// - A part of a key is followed by a `.` or an `=`.
/// - The last part of a header's key is followed by neither, but the header has a `[`. `[[a]]` may
///   make a key and an element, and has two.
/// - If the `=` is missing in an inline table, its `{` pays for the key.
/// - An element of an array follows a `[` or a `,`.
fn most_nodes(tokens: &[Token]) -> (usize, usize) {
    let (mut keys, mut elements) = (0, 0);
    for token in tokens {
        match token.kind() {
            TokenKind::Equals
            | TokenKind::Dot
            | TokenKind::LeftSquareBracket
            | TokenKind::LeftCurlyBracket => keys += 1,
            TokenKind::Comma => elements += 1,
            _ => {}
        }
    }
    (keys, elements)
}
