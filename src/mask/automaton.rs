//! An automaton that finds all patterns in a text in one pass (Aho and Corasick, 1975).
//!
//! The crate `aho-corasick` would find them, too. But it frees copies of the patterns unwiped while it
//! builds its automatons, and frees the automatons unwiped, which contain the patterns; `tests/wipe`
//! shows it. Here all is in buffers of final size that are zeroized on drop. The crate is an oracle of
//! the tests.
//!
//! A node is the beginning of a pattern: the longest one that ends at a place of the text. The first
//! child of a node is the next number. Most nodes have one child. They have only its byte, and the
//! fallback: the node that takes over if another byte comes. Nodes near the root, and all nodes of a
//! small automaton, have a row instead, with the next node for each class of bytes.

use zeroize::Zeroizing;

use crate::mask::patterns::Patterns;
use crate::mask::tree::{ROOT, Tree, zeros};

/// The most entries of rows in an automaton in which all nodes have one: 1 MiB.
const MAX_ROWS: usize = 1 << 18;

/// The depth up to which all nodes have rows.
const ROW_DEPTH: u32 = 1;

/// The most children of a node that has a list of them, and no row.
const MAX_LIST: u32 = 4;

/// Flags of a node: a pattern ends in it; it is so near the root that the filter may take over.
pub(super) const MATCH: u64 = 1 << 48;
pub(super) const SHALLOW: u64 = 1 << 49;

/// The depth of the deepest node that is [`SHALLOW`].
const SHALLOW_DEPTH: u32 = 3;

/// The bits of a node between the lower half and the flags: the byte of the only child, or one of
/// these.
const NO_CHILD: u16 = 256;
const ROW: u16 = 257;
const LIST: u16 = 258;

pub(super) struct Automaton {
    /// The upper half of a node has its flags and its edge. The lower half has the fallback, or the
    /// offset of the row or list.
    nodes: Zeroizing<Vec<u64>>,
    depths: Zeroizing<Vec<u32>>,
    /// The length of the longest pattern that ends in a node, or 0.
    longest: Zeroizing<Vec<u32>>,
    rows: Zeroizing<Vec<u32>>,
    /// A list is: the fallback, the number of children, and for each child its byte and number.
    lists: Zeroizing<Vec<u32>>,
    /// The class of each byte. All bytes that are in no pattern have one class.
    classes: Zeroizing<Vec<u8>>,
    /// The first node that each pattern added.
    first: Zeroizing<Vec<u32>>,
}

impl Automaton {
    pub(super) fn new(patterns: &Patterns) -> Self {
        Builder::new(Tree::new(patterns)).build()
    }

    /// Returns the node after one more byte.
    #[inline]
    pub(super) fn next(&self, mut node: u32, byte: u8) -> u32 {
        loop {
            let packed = self.nodes[node as usize];
            let (edge, lower) = ((packed >> 32) as u16, packed as u32);
            if edge == u16::from(byte) {
                return node + 1;
            }
            match edge {
                ROW => {
                    let class = self.classes[usize::from(byte)];
                    return self.rows[lower as usize + usize::from(class)];
                }
                LIST => {
                    let list = &self.lists[lower as usize..];
                    let children = list[2..2 + 2 * list[1] as usize].chunks_exact(2);
                    for child in children {
                        if child[0] == u32::from(byte) {
                            return child[1];
                        }
                    }
                    node = list[0];
                }
                _ => node = lower,
            }
        }
    }

    /// Returns the flags of a node, with other bits.
    #[inline]
    pub(super) fn flags(&self, node: u32) -> u64 {
        self.nodes[node as usize]
    }

    #[inline]
    pub(super) fn depth(&self, node: u32) -> usize {
        self.depths[node as usize] as usize
    }

    /// Returns the length of the longest pattern that ends in a node, or 0.
    #[inline]
    pub(super) fn longest(&self, node: u32) -> usize {
        self.longest[node as usize] as usize
    }

    /// Returns the bytes of a node, which are the beginning of a pattern.
    pub(super) fn bytes<'p>(&self, node: u32, patterns: &'p Patterns) -> &'p [u8] {
        match self.first.partition_point(|&first| first <= node).checked_sub(1) {
            Some(pattern) => &patterns.get(pattern)[..self.depth(node)],
            None => &[],
        }
    }
}

/// An automaton under construction: the nodes less deep than the next one are complete.
struct Builder {
    tree: Tree,
    automaton: Automaton,
    /// The longest beginning of a pattern that a node ends with, apart from itself.
    suffixes: Zeroizing<Vec<u32>>,
    /// The nodes without a row, on the way from a suffix to one that has a row.
    way: Zeroizing<Vec<u32>>,
    /// The number of classes.
    width: usize,
    has_rows: bool,
    /// The next free places.
    row: usize,
    list: usize,
}

impl Builder {
    fn new(tree: Tree) -> Self {
        let len = tree.len();
        let (classes, width) = classes(&tree.labels[1..]);
        let mut builder = Self {
            automaton: Automaton {
                nodes: zeros(len),
                depths: tree.depths.clone(),
                longest: zeros(len),
                rows: zeros(0),
                lists: zeros(0),
                classes,
                first: tree.first.clone(),
            },
            suffixes: zeros(len),
            way: zeros(tree.depths.iter().max().map_or(0, |&depth| depth as usize) + 1),
            tree,
            width,
            has_rows: len * width <= MAX_ROWS,
            row: 0,
            list: 0,
        };
        let (mut rows, mut lists) = (0, 0);
        for node in 0..len as u32 {
            match builder.kind(node) {
                ROW => rows += width,
                LIST => lists += 2 + 2 * builder.tree.children[node as usize] as usize,
                _ => {}
            }
        }
        builder.automaton.rows = zeros(rows);
        builder.automaton.lists = zeros(lists);
        builder
    }

    fn build(mut self) -> Automaton {
        for &node in self.tree.by_depth().iter() {
            self.add(node);
        }
        self.automaton
    }

    fn kind(&self, node: u32) -> u16 {
        let children = self.tree.children[node as usize];
        let is_near = self.tree.depths[node as usize] <= ROW_DEPTH;
        match children {
            _ if self.has_rows || is_near || children > MAX_LIST => ROW,
            0 => NO_CHILD,
            1 => u16::from(self.tree.labels[node as usize + 1]),
            _ => LIST,
        }
    }

    /// Completes a node. Its parent and all nodes less deep are complete.
    fn add(&mut self, node: u32) {
        let i = node as usize;
        let (parent, depth) = (self.tree.parents[i], self.tree.depths[i]);
        let suffix = if parent == ROOT {
            ROOT
        } else {
            self.automaton.next(self.suffixes[parent as usize], self.tree.labels[i])
        };
        self.suffixes[i] = suffix;
        let longest =
            if self.tree.ends[i] { depth } else { self.automaton.longest[suffix as usize] };
        self.automaton.longest[i] = longest;

        let kind = self.kind(node);
        let lower = match kind {
            ROW => self.add_row(node, suffix),
            LIST => self.add_list(node, suffix),
            _ => self.fallback(suffix, kind),
        };
        let is_match = if longest > 0 { MATCH } else { 0 };
        let is_shallow = if depth <= SHALLOW_DEPTH { SHALLOW } else { 0 };
        self.automaton.nodes[i] = is_match | is_shallow | u64::from(kind) << 32 | u64::from(lower);
    }

    /// Returns the fallback of a node with this edge. If the suffix has no other edge, it cannot take
    /// over: its own fallback does. So a periodic pattern falls back in few steps.
    fn fallback(&self, suffix: u32, kind: u16) -> u32 {
        let packed = self.automaton.nodes[suffix as usize];
        let edge = (packed >> 32) as u16;
        if edge == kind || edge == NO_CHILD { packed as u32 } else { suffix }
    }

    fn add_list(&mut self, node: u32, suffix: u32) -> u32 {
        let start = self.list;
        let lists = &mut self.automaton.lists;
        lists[start..start + 2].copy_from_slice(&[suffix, self.tree.children[node as usize]]);
        self.list += 2;
        for child in self.tree.children(node) {
            let byte = u32::from(self.tree.labels[child as usize]);
            lists[self.list..self.list + 2].copy_from_slice(&[byte, child]);
            self.list += 2;
        }
        start as u32
    }

    /// Adds the row of a node: that of its suffix, with the children. A suffix without a row has that
    /// of its fallback, with its children, and so on. Its depth bounds the steps.
    fn add_row(&mut self, node: u32, suffix: u32) -> u32 {
        let (start, width) = (self.row, self.width);
        self.row += width;
        if node != ROOT {
            let (mut len, mut next) = (0, suffix);
            let row = loop {
                let packed = self.automaton.nodes[next as usize];
                let lower = packed as u32;
                match (packed >> 32) as u16 {
                    ROW => break lower as usize,
                    LIST => (self.way[len], next) = (next, self.automaton.lists[lower as usize]),
                    _ => (self.way[len], next) = (next, lower),
                }
                len += 1;
            };
            self.automaton.rows.copy_within(row..row + width, start);
            for i in (0..len).rev() {
                self.set_children(self.way[i], start);
            }
        }
        self.set_children(node, start);
        start as u32
    }

    fn set_children(&mut self, node: u32, row: usize) {
        for child in self.tree.children(node) {
            let class = self.automaton.classes[usize::from(self.tree.labels[child as usize])];
            self.automaton.rows[row + usize::from(class)] = child;
        }
    }
}

/// Returns the class of each byte, and the number of classes.
fn classes(bytes: &[u8]) -> (Zeroizing<Vec<u8>>, usize) {
    let mut classes = zeros::<u8>(256);
    bytes.iter().for_each(|&byte| classes[usize::from(byte)] = 1);
    let used = classes.iter().filter(|&&class| class == 1).count();
    // The first class is that of all other bytes, if there are any.
    let mut next = usize::from(used < 256);
    for class in classes.iter_mut().filter(|class| **class == 1) {
        *class = next as u8;
        next += 1;
    }
    (classes, next.max(1))
}
