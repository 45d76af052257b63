//! The tree of the beginnings of all patterns, from which the automaton is made.
//!
//! Nodes are numbered in the order of a depth-first walk. Patterns are sorted, so that is the order in
//! which they add nodes.

use zeroize::Zeroizing;

use crate::mask::patterns::Patterns;

/// The number of the root.
pub(super) const ROOT: u32 = 0;

/// The tree. Each list has an entry for every node, at its number, except for `first`.
pub(super) struct Tree {
    /// The last byte of a node.
    pub(super) labels: Zeroizing<Vec<u8>>,
    pub(super) parents: Zeroizing<Vec<u32>>,
    pub(super) depths: Zeroizing<Vec<u32>>,
    /// The number of children.
    pub(super) children: Zeroizing<Vec<u32>>,
    /// The next child of the same parent, or the root.
    siblings: Zeroizing<Vec<u32>>,
    /// `true` if a pattern ends in the node.
    pub(super) ends: Zeroizing<Vec<bool>>,
    /// The first node that each pattern added.
    pub(super) first: Zeroizing<Vec<u32>>,
}

impl Tree {
    pub(super) fn new(patterns: &Patterns) -> Self {
        let mut len = 1;
        let mut before: &[u8] = &[];
        for pattern in patterns.iter() {
            len += pattern.len() - common(before, pattern);
            before = pattern;
        }
        let mut tree = Self {
            labels: zeros(len),
            parents: zeros(len),
            depths: zeros(len),
            children: zeros(len),
            siblings: zeros(len),
            ends: zeros(len),
            first: zeros(patterns.len()),
        };
        let longest = patterns.iter().map(<[u8]>::len).max().unwrap_or(0);
        // The nodes of the last pattern, by their depths.
        let mut path = zeros::<u32>(longest + 1);
        let (mut node, mut before): (u32, &[u8]) = (ROOT, &[]);
        for (i, pattern) in patterns.iter().enumerate() {
            let shared = common(before, pattern);
            tree.first[i] = node + 1;
            if before.len() > shared {
                tree.siblings[path[shared + 1] as usize] = node + 1;
            }
            for (depth, &byte) in pattern.iter().enumerate().skip(shared) {
                node += 1;
                tree.labels[node as usize] = byte;
                tree.parents[node as usize] = path[depth];
                tree.depths[node as usize] = depth as u32 + 1;
                tree.children[path[depth] as usize] += 1;
                path[depth + 1] = node;
            }
            tree.ends[node as usize] = true;
            before = pattern;
        }
        tree
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The children of a node, in the order of their bytes.
    pub(super) fn children(&self, node: u32) -> impl Iterator<Item = u32> {
        let first = (self.children[node as usize] > 0).then_some(node + 1);
        std::iter::successors(first, |&child| {
            Some(self.siblings[child as usize]).filter(|&sibling| sibling != ROOT)
        })
    }

    /// Returns all nodes in the order of their depths.
    pub(super) fn by_depth(&self) -> Zeroizing<Vec<u32>> {
        let deepest = self.depths.iter().max().map_or(0, |&depth| depth as usize);
        // First the number of nodes of each depth, then the place of the next one.
        let mut places = zeros::<u32>(deepest + 2);
        self.depths.iter().for_each(|&depth| places[depth as usize + 1] += 1);
        for depth in 0..=deepest {
            places[depth + 1] += places[depth];
        }
        let mut nodes = zeros::<u32>(self.len());
        for (node, &depth) in (0..).zip(self.depths.iter()) {
            nodes[places[depth as usize] as usize] = node;
            places[depth as usize] += 1;
        }
        nodes
    }
}

/// Returns a buffer of final size that is zeroized on drop.
pub(super) fn zeros<T: Copy + Default + zeroize::DefaultIsZeroes>(len: usize) -> Zeroizing<Vec<T>> {
    Zeroizing::new(vec![T::default(); len])
}

/// Returns the length of the common beginning.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
