//! The index: what the text defines, as offsets and kinds. It holds no secret.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use toml_parser::Span as ParserSpan;

/// The longest text, in bytes. A form's text area and a sealed record both hold it comfortably; a
/// file of credentials is a thousand times shorter.
pub const MAX_LEN: usize = 1_000_000;

/// The deepest value, in keys and array positions on the way to it: `a.b[0].c` is 4 deep. Reading
/// recurses, and so deep it still fits on a small thread's stack.
pub const MAX_DEPTH: usize = 80;

// Every offset fits into a `u32` with one bit to spare.
const _: () = assert!(MAX_LEN < 1 << 31);

/// The root table is the first node.
pub(crate) const ROOT: u32 = 0;

/// Where a decoded text stands: in the document, or in the second buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    /// The highest bit says which buffer.
    start: u32,
    end: u32,
}

impl Slice {
    const DECODED: u32 = 1 << 31;

    pub(crate) fn in_text(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    pub(crate) fn decoded(start: usize, end: usize) -> Self {
        Self { start: Self::DECODED + start as u32, end: end as u32 }
    }

    /// The position in its array that stands in the key's place of an element.
    pub(crate) fn position(self) -> usize {
        self.start as usize
    }

    pub(crate) fn is_in_text(self) -> bool {
        self.start & Self::DECODED == 0
    }

    pub(crate) fn of<'a>(self, text: &'a str, decoded: &'a str) -> &'a str {
        let buffer = if self.is_in_text() { text } else { decoded };
        let span = (self.start & !Self::DECODED) as usize..self.end as usize;
        // Not by an index: the message of its panic would quote the text.
        buffer.get(span).unwrap_or_default()
    }
}

/// Bytes of the text.
#[derive(Clone, Copy, Debug, Default)]
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

/// What a node is, as far as reading it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Integer,
    Float,
    Boolean,
    Datetime,
    Array,
    /// Made by `[[header]]`s.
    ArrayOfTables,
    /// Made by a header, or by the parts of a key before the last.
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

    /// The name that messages use.
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// A table that no header opened yet: later keys or headers may still add to it.
    pub(super) implicit: bool,
    /// A table made by a dotted key: no header may open it.
    pub(super) dotted: bool,
    /// Keys and array positions on the way here.
    pub(super) depth: u8,
    pub(crate) parent: u32,
    /// The key as it is meant; of an element, `start` is its position.
    pub(super) key: Slice,
    /// The key as it is written.
    pub(crate) key_span: Span,
    /// The content of a string, the digits of a float.
    pub(crate) value: Slice,
    /// The value as it is written; of a table that is no inline table, the key that made it.
    pub(crate) span: Span,
    /// Where its children begin in `Index::children`; while building, the last child.
    pub(super) children: u32,
    pub(super) len: u32,
    /// The child of its parent before it, by which a table with few keys is searched.
    pub(super) sibling: u32,
}

/// Every node of a document, with its children and a hash table over the keys.
pub(crate) struct Index {
    nodes: Vec<Node>,
    children: Vec<u32>,
    names: Names,
}

impl Index {
    /// Finishes what the builder counted: each node has the number of its children.
    pub(super) fn new(mut nodes: Vec<Node>, names: Names) -> Self {
        // From "so many children" to "they begin here", then each child into its parent's next
        // place: numbers ascend, so the order is the document's.
        let mut start = 0;
        for node in &mut nodes {
            node.children = start;
            start += node.len;
            node.len = 0;
        }
        let mut children = vec![ROOT; nodes.len() - 1];
        for id in 1..nodes.len() {
            let parent = nodes[id].parent as usize;
            let parent = &mut nodes[parent];
            children[(parent.children + parent.len) as usize] = id as u32;
            parent.len += 1;
        }
        Self { nodes, children, names }
    }

    pub(crate) fn node(&self, id: u32) -> &Node {
        &self.nodes[id as usize]
    }

    /// How many nodes there are; a parent's number is below its children's.
    pub(crate) fn len(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// The children of a table or an array, in the order of the document.
    pub(crate) fn children(&self, id: u32) -> &[u32] {
        let node = self.node(id);
        let start = node.children as usize;
        &self.children[start..start + node.len as usize]
    }

    /// Whether the node stands in an array, at a position instead of a key.
    pub(crate) fn is_element(&self, id: u32) -> bool {
        id != ROOT && self.node(self.node(id).parent).kind.is_array()
    }

    /// Whether it is a table that no header opened: the way to a deeper key.
    pub(crate) fn is_implicit(&self, id: u32) -> bool {
        self.node(id).implicit
    }

    /// Returns `true` if it is a table that a dotted key made.
    pub(crate) fn is_dotted(&self, id: u32) -> bool {
        self.node(id).dotted
    }

    /// The position of an element.
    pub(crate) fn position(&self, id: u32) -> usize {
        self.node(id).key.position()
    }

    pub(crate) fn key<'a>(&self, id: u32, text: &'a str, decoded: &'a str) -> &'a str {
        self.node(id).key.of(text, decoded)
    }

    pub(crate) fn child(&self, table: u32, key: &str, text: &str, decoded: &str) -> Option<u32> {
        if !self.node(table).kind.is_table() {
            return None;
        }
        let last = self.children(table).last().copied().unwrap_or(ROOT);
        self.names.find(&self.nodes, (table, last), key, text, decoded).ok()
    }
}

/// Finds a table's keys: a few by going through them, which stays within the cache, and more in an
/// open hash table from (table, key) to a node.
pub(super) struct Names {
    hasher: RandomState,
    /// The upper half of a hash and a node; node 0, the root, has no key and marks an empty slot.
    slots: Vec<(u32, u32)>,
}

impl Names {
    /// The most keys of a table that are not hashed.
    const FEW: u32 = 4;

    /// Room for `keys` keys, at most half full: it never grows.
    pub(super) fn with_capacity(keys: usize) -> Self {
        let len = (2 * keys).next_power_of_two();
        Self { hasher: RandomState::new(), slots: vec![(0, ROOT); len] }
    }

    /// The node of a key in a table, whose last child is given too; or the key's hash, where the
    /// table is hashed.
    pub(super) fn find(
        &self,
        nodes: &[Node],
        (table, last): (u32, u32),
        key: &str,
        text: &str,
        decoded: &str,
    ) -> Result<u32, Option<u64>> {
        let is_it = |id: u32| nodes[id as usize].key.of(text, decoded) == key;
        if nodes[table as usize].len <= Self::FEW {
            let mut id = last;
            while id != ROOT && !is_it(id) {
                id = nodes[id as usize].sibling;
            }
            return if id == ROOT { Err(None) } else { Ok(id) };
        }
        let hash = self.hash(table, key);
        let mut slot = self.slot(hash);
        loop {
            let (tag, id) = self.slots[slot];
            if id == ROOT {
                return Err(Some(hash));
            }
            if tag == (hash >> 32) as u32 && nodes[id as usize].parent == table && is_it(id) {
                return Ok(id);
            }
            slot = self.slot(slot as u64 + 1);
        }
    }

    /// Adds the last child of a table, with the hash that `find` gave.
    pub(super) fn add(
        &mut self,
        nodes: &[Node],
        id: u32,
        hash: Option<u64>,
        text: &str,
        decoded: &str,
    ) {
        let table = nodes[id as usize].parent;
        if let Some(hash) = hash {
            self.insert(hash, id);
        } else if nodes[table as usize].len == Self::FEW + 1 {
            let mut id = id;
            while id != ROOT {
                self.insert(self.hash(table, nodes[id as usize].key.of(text, decoded)), id);
                id = nodes[id as usize].sibling;
            }
        }
    }

    fn insert(&mut self, hash: u64, id: u32) {
        let mut slot = self.slot(hash);
        while self.slots[slot].1 != ROOT {
            slot = self.slot(slot as u64 + 1);
        }
        self.slots[slot] = ((hash >> 32) as u32, id);
    }

    fn slot(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn hash(&self, table: u32, key: &str) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key.as_bytes());
        // One key in many tables spreads over as many slots: the factor is odd, and there are
        // fewer tables than slots.
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        hasher.finish().wrapping_add(u64::from(table).wrapping_mul(SPREAD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_half_of_the_slots_stay_empty() {
        for keys in [0, 1, 5, 1000] {
            let slots = Names::with_capacity(keys).slots.len();
            assert!(slots >= 2 * keys && slots.is_power_of_two(), "{keys} keys: {slots} slots");
        }
    }
}
