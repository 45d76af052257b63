//! The nodes while a text is read, and TOML's rules on tables: a key is defined once, a header opens a
//! table once, and nothing is added to an array or inline table after its end.
//!
//! Both readers add their keys and headers here. One reports what [`Refused`] says, the other gives up.

use crate::document::fault::Fault;
use crate::document::index::{Index, Kind, MAX_DEPTH, Node, ROOT, Slice, Span};
use crate::document::names::Names;
use crate::document::node::Texts;

/// A part of a key: `a` and `b` in `a.b`.
#[derive(Clone, Copy, Default)]
pub(super) struct Part {
    /// The decoded part.
    pub(super) place: Slice,
    /// The part as it is written.
    pub(super) span: Span,
}

/// The reason why a key, a header or an element is not added.
pub(super) enum Refused {
    /// It is deeper than [`MAX_DEPTH`].
    TooDeep(Span),
    /// A part of its key is defined already, and so `table` gets no such key.
    Clash { table: u32, part: Part, existing: u32, fault: Fault },
}

/// The nodes of the text that has been read so far.
pub(super) struct Tree<'t> {
    text: &'t str,
    nodes: Vec<Node>,
    names: Names,
}

impl<'t> Tree<'t> {
    /// Makes a tree with a root, and room for this number of nodes.
    pub(super) fn with_capacity(text: &'t str, nodes: usize) -> Self {
        let names = Names::new(nodes);
        let mut nodes = Vec::with_capacity(nodes);
        nodes.push(Node::new(Kind::Table, 0, ROOT, Slice::default(), Span::default()));
        Self { text, nodes, names }
    }

    pub(super) fn finish(self, decoded: &str) -> Index {
        Index::new(self.nodes, self.names, Texts { text: self.text, decoded })
    }

    #[inline]
    pub(super) fn node(&self, id: u32) -> &Node {
        &self.nodes[id as usize]
    }

    #[inline]
    pub(super) fn node_mut(&mut self, id: u32) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    /// Adds a node beside the tree: its parent does not have it as a child.
    #[inline(always)]
    pub(super) fn push(
        &mut self,
        parent: u32,
        key: Slice,
        key_span: Span,
        kind: Kind,
    ) -> Result<u32, Refused> {
        let depth = self.node(parent).depth + 1;
        if usize::from(depth) > MAX_DEPTH {
            return Err(Refused::TooDeep(key_span));
        }
        let id = self.nodes.len() as u32;
        self.nodes.push(Node::new(kind, depth, parent, key, key_span));
        Ok(id)
    }

    /// Adds the node of a key that has a value. Its kind is set when the value is read.
    #[inline(always)]
    pub(super) fn define_key(
        &mut self,
        container: u32,
        parts: &[Part],
        decoded: &str,
    ) -> Result<u32, Refused> {
        let Some((&last, path)) = parts.split_last() else { return Ok(container) };
        let mut table = container;
        for &part in path {
            table = self.descend(table, part, true, decoded)?;
        }
        // A dotted key may not add to a table that a header opened.
        if !path.is_empty() && !self.node(table).implicit {
            return Err(clash(table, last, table, Fault::DefinedTwice));
        }
        match self.find(table, last, decoded) {
            Err(hash) => self.add_key(table, last, hash, Kind::String, decoded),
            Ok(existing) => Err(clash(table, last, existing, Fault::DefinedTwice)),
        }
    }

    /// Returns the table that a header opens, and makes it if it is absent.
    pub(super) fn define_header(
        &mut self,
        array: bool,
        parts: &[Part],
        decoded: &str,
    ) -> Result<u32, Refused> {
        let Some((&last, path)) = parts.split_last() else { return Ok(ROOT) };
        let mut table = ROOT;
        for &part in path {
            table = self.descend(table, part, false, decoded)?;
        }
        let existing = match self.find(table, last, decoded) {
            Err(hash) if array => {
                let array = self.add_key(table, last, hash, Kind::ArrayOfTables, decoded)?;
                return self.add_element(array, last.span, Kind::Table);
            }
            Err(hash) => return self.add_key(table, last, hash, Kind::Table, decoded),
            Ok(existing) => existing,
        };
        let node = self.node_mut(existing);
        match node.kind {
            Kind::ArrayOfTables if array => self.add_element(existing, last.span, Kind::Table),
            Kind::Table if !array && node.implicit && !node.dotted => {
                node.implicit = false;
                node.key_span = last.span;
                node.span = last.span;
                Ok(existing)
            }
            Kind::Table | Kind::ArrayOfTables => {
                Err(clash(table, last, existing, Fault::DefinedTwice))
            }
            _ => Err(clash(table, last, existing, Fault::NotATable)),
        }
    }

    /// Adds an element to an array.
    pub(super) fn add_element(
        &mut self,
        array: u32,
        span: Span,
        kind: Kind,
    ) -> Result<u32, Refused> {
        let position = self.node(array).len() as usize;
        let id = self.push(array, Slice::in_text(position, position), span, kind)?;
        self.append(array, id);
        Ok(id)
    }

    /// Takes one step of a header or a dotted key: returns the table that `part` names in `table`,
    /// and makes it if it is absent.
    ///
    /// Headers and dotted keys follow different rules:
    ///
    /// - A header may pass through any table, `[a]` then `[a.b]`.
    /// - A dotted key may pass only through tables that no header has opened. If an earlier header
    ///   made the table on the way to its own, as `[a.b.c]` makes `a.b`, the dotted key takes it
    ///   over: after `[a]` and `b.d = 1`, the header `[a.b]` is an error.
    /// - Both pass through an array of tables into its last element.
    #[inline(never)]
    fn descend(
        &mut self,
        table: u32,
        part: Part,
        dotted: bool,
        decoded: &str,
    ) -> Result<u32, Refused> {
        let id = match self.find(table, part, decoded) {
            Err(hash) => {
                let id = self.add_key(table, part, hash, Kind::Table, decoded)?;
                let node = self.node_mut(id);
                node.implicit = true;
                node.dotted = dotted;
                return Ok(id);
            }
            Ok(id) => id,
        };
        let node = self.node_mut(id);
        match node.kind {
            Kind::Table if !dotted => Ok(id),
            Kind::Table if node.implicit => {
                node.dotted = true;
                Ok(id)
            }
            // While building, `children` is the last child.
            Kind::ArrayOfTables => Ok(node.children()),
            Kind::Table => Err(clash(table, part, id, Fault::DefinedTwice)),
            _ => Err(clash(table, part, id, Fault::NotATable)),
        }
    }

    /// Looks up a key of a table. If it is absent, returns what [`Names::add`] needs.
    #[inline(always)]
    fn find(&self, table: u32, part: Part, decoded: &str) -> Result<u32, u64> {
        let texts = Texts { text: self.text, decoded };
        let last = self.node(table).children();
        self.names.find(&self.nodes, (table, last), texts.bytes(part.place), texts)
    }

    /// Adds a key to a table, with the hash that `find` returned.
    #[inline(always)]
    fn add_key(
        &mut self,
        table: u32,
        part: Part,
        hash: u64,
        kind: Kind,
        decoded: &str,
    ) -> Result<u32, Refused> {
        let id = self.push(table, part.place, part.span, kind)?;
        self.append(table, id);
        self.names.add(&self.nodes, id, hash, Texts { text: self.text, decoded });
        Ok(id)
    }

    /// Makes a node the last child of its parent.
    #[inline(always)]
    fn append(&mut self, parent: u32, id: u32) {
        let list = &mut self.node_mut(parent).inside;
        let sibling = std::mem::replace(&mut list.start, id);
        list.end += 1;
        self.node_mut(id).sibling = sibling;
    }
}

#[cold]
fn clash(table: u32, part: Part, existing: u32, fault: Fault) -> Refused {
    Refused::Clash { table, part, existing, fault }
}
