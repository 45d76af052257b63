//! The index of a text: the kind of each key and value, and its offsets. It contains no secret.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    /// The highest bit is set for the second buffer.
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

    /// The position in its array. An element has it in place of a key.
    pub(crate) fn position(self) -> usize {
        self.start as usize
    }

    pub(crate) fn len(self) -> usize {
        (self.end - (self.start & !Self::DECODED)) as usize
    }

    pub(crate) fn is_in_text(self) -> bool {
        self.start & Self::DECODED == 0
    }

    pub(crate) fn of<'a>(self, text: &'a str, decoded: &'a str) -> &'a str {
        let buffer = if self.is_in_text() { text } else { decoded };
        let span = (self.start & !Self::DECODED) as usize..self.end as usize;
        // Not `buffer[span]`: the message of its panic would quote the text.
        buffer.get(span).unwrap_or_default()
    }
}

/// A range of bytes of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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
#[derive(Clone, Copy, Debug)]
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
    /// The decoded content of a string, or the digits of a float without `_`.
    pub(crate) value: Slice,
    /// The value as it is written. For a table that is not inline, the key that made it.
    pub(crate) span: Span,
    /// The index of its first child in `Index::children`. While building, its last child.
    pub(super) children: u32,
    /// The number of its children.
    pub(super) len: u32,
    /// The previous child of its parent. A table with few keys is searched along these.
    pub(super) sibling: u32,
}

/// The nodes of a document, with their children and a hash table of the keys.
pub(crate) struct Index {
    /// In the order of the text: the number of a node is larger than its parent's.
    nodes: Vec<Node>,
    /// The children of each node side by side, in the order of their parents.
    children: Vec<u32>,
    names: Names,
}

impl Index {
    /// Makes the list of children from what the builder has collected.
    pub(super) fn new(mut nodes: Vec<Node>, names: Names) -> Self {
        // A counting sort. First `children` becomes the start of each node's part of the list. Then
        // each node is put at the end of its parent's part. Numbers ascend, so each part is in the
        // order of the text. (A node that was added beside the tree cannot occur here: its text is
        // rejected.)
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

    /// The number of nodes. The number of a node is larger than its parent's.
    pub(crate) fn len(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// The children of a table or an array, in the order of the text.
    pub(crate) fn children(&self, id: u32) -> &[u32] {
        let node = self.node(id);
        let start = node.children as usize;
        &self.children[start..start + node.len as usize]
    }

    /// Returns `true` if the node is an element of an array: it has a position and no key.
    pub(crate) fn is_element(&self, id: u32) -> bool {
        id != ROOT && self.node(self.node(id).parent).kind.is_array()
    }

    /// Returns `true` for a table that no header opened, as `a` in `[a.b]`.
    pub(crate) fn is_implicit(&self, id: u32) -> bool {
        self.node(id).implicit
    }

    /// Returns `true` for a table that a dotted key made.
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

    /// Looks up a key of a table.
    pub(crate) fn child(&self, table: u32, key: &str, text: &str, decoded: &str) -> Option<u32> {
        if !self.node(table).kind.is_table() {
            return None;
        }
        let last = self.children(table).last().copied().unwrap_or(ROOT);
        self.names.find(&self.nodes, (table, last), key, text, decoded).ok()
    }
}

/// Finds the keys of tables.
///
/// A table with few keys is searched along its nodes, which is faster than hashing. The keys of
/// larger tables are in one open-addressing hash table from (table, key) to a node.
pub(super) struct Names {
    hasher: RandomState,
    /// The upper half of a hash, and a node. The root has no key, so `ROOT` marks an empty slot.
    slots: Vec<(u32, u32)>,
}

impl Names {
    /// The most keys of a table that are searched without hashing.
    const FEW: u32 = 4;

    /// Allocates a table for at most `keys` keys. It stays at most half full and never grows.
    pub(super) fn with_capacity(keys: usize) -> Self {
        let len = (2 * keys).next_power_of_two();
        Self { hasher: RandomState::new(), slots: vec![(0, ROOT); len] }
    }

    /// Returns the node of a key in a table, whose last child is `last`.
    ///
    /// If the key is absent, returns what [`add`](Self::add) needs to add it: its hash, or `None`
    /// if the table has so few keys that they are not hashed. The caller adds the key right after
    /// this, so that it is hashed once.
    pub(super) fn find(
        &self,
        nodes: &[Node],
        (table, last): (u32, u32),
        key: &str,
        text: &str,
        decoded: &str,
    ) -> Result<u32, Option<u64>> {
        // Both buffers are parameters, because the builder still appends to the second one.
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
        // This loop ends, since at least half of the slots are empty.
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

    /// Adds a key, which must be the last child of its table, with the hash that `find` returned.
    ///
    /// The key that makes a table too large for the search without hashing brings the earlier keys
    /// of the table along.
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
        // The same key in many tables must not collide. The table's number is multiplied by an odd
        // factor, so tables fall into different slots, as there are fewer tables than slots.
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
