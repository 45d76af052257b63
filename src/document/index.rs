//! The index of a text: its nodes, their children, and their names. It contains no secret.

use crate::document::names::Names;
use crate::document::node::Texts;
pub(crate) use crate::document::node::{Kind, Node, ROOT, Slice, Span};
pub use crate::document::node::{MAX_DEPTH, MAX_LEN};

/// The nodes of a document, with their children and a hash table of the keys.
pub(crate) struct Index {
    /// In the order of the text: the number of a node is larger than its parent's.
    nodes: Vec<Node>,
    /// The children of each node side by side, in the order of their parents.
    children: Vec<u32>,
    names: Names,
}

impl Index {
    /// Makes the list of children from what a reader has collected.
    pub(super) fn new(mut nodes: Vec<Node>, mut names: Names, texts: Texts<'_>) -> Self {
        // A counting sort. First `children` becomes the start of each node's part of the list. Then
        // each node is put at the end of its parent's part. Numbers ascend, so each part is in the
        // order of the text. (A node that was added beside the tree cannot occur here: its text is
        // rejected.)
        let mut start = 0;
        for node in nodes.iter_mut().filter(|node| node.has_children()) {
            let len = node.len();
            node.inside = Slice { start, end: 0 };
            start += len;
        }
        let mut children = vec![ROOT; nodes.len() - 1];
        for id in 1..nodes.len() {
            let parent = nodes[id].parent as usize;
            let list = &mut nodes[parent].inside;
            children[(list.start + list.end) as usize] = id as u32;
            list.end += 1;
        }
        // A reader estimates the number of nodes. Shrinking costs more than a few unused ones.
        if nodes.capacity() > nodes.len() + nodes.len() / 16 + 16 {
            nodes.shrink_to_fit();
        }
        names.shrink(&nodes, texts);
        Self { nodes, children, names }
    }

    pub(crate) fn node(&self, id: u32) -> &Node {
        &self.nodes[id as usize]
    }

    /// The number of nodes. The number of a node is larger than its parent's.
    pub(crate) fn len(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// The children of a table or an array, in the order of the text. Other values have none.
    pub(crate) fn children(&self, id: u32) -> &[u32] {
        let node = self.node(id);
        if !node.has_children() {
            return &[];
        }
        let start = node.children() as usize;
        &self.children[start..start + node.len() as usize]
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
        self.names.find(&self.nodes, (table, last), key.as_bytes(), Texts { text, decoded }).ok()
    }
}
