//! Finds the keys of tables.
//!
//! - A table with few keys is searched along its nodes. While a table is filled, a filter of 256 bits
//!   says of most new keys that they are absent.
//! - The keys of larger tables are in one open-addressing hash table from (table, key) to a node. Its
//!   hash function has a random key, so nobody can choose keys that collide.
//!
//! Both take linear time for any text: the first because few keys are few, the second because of the
//! random key.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use crate::document::node::{MAX_LEN, Node, ROOT, Texts};

/// The most keys of a table that are searched without hashing.
const FEW: u32 = 32;

/// Finds the keys of the tables of one text.
pub(super) struct Names {
    hasher: RandomState,
    /// A node in the lower bits, and some bits of its key's hash in the others. The root has no key,
    /// so 0 marks an empty slot. At most five eighths of the slots are used.
    slots: Vec<u32>,
    used: usize,
    /// The number of nodes that the reader expects.
    estimate: usize,
    filter: Filter,
}

/// The bits of a slot that a node needs: each node but the root has a byte of the text to itself.
const NODE_BITS: u32 = 20;
const _: () = assert!(MAX_LEN < 1 << NODE_BITS);

/// Spreads small differences over the upper bits of a product.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Names {
    /// Allocates nothing until a table has many keys.
    pub(super) fn new(estimate: usize) -> Self {
        let filter = Filter { table: ROOT, bits: [0; 4] };
        Self { hasher: RandomState::new(), slots: Vec::new(), used: 0, estimate, filter }
    }

    /// Returns the node of a key in a table, whose last child is `last`.
    ///
    /// If the key is absent, returns the hash that [`add`](Self::add) needs: of the filter if the table
    /// has few keys, or of the hash table. The caller adds the key right after this, so that it is
    /// hashed once.
    #[inline(always)]
    pub(super) fn find(
        &self,
        nodes: &[Node],
        (table, last): (u32, u32),
        key: &[u8],
        texts: Texts<'_>,
    ) -> Result<u32, u64> {
        if nodes[table as usize].len() > FEW {
            return self.find_hashed(nodes, table, key, texts);
        }
        let filter_hash = filter_hash(key);
        if self.filter.table == table && !self.filter.may_have(filter_hash) {
            return Err(filter_hash);
        }
        let mut id = last;
        while id != ROOT && texts.bytes(nodes[id as usize].key) != key {
            id = nodes[id as usize].sibling;
        }
        if id == ROOT { Err(filter_hash) } else { Ok(id) }
    }

    #[inline(never)]
    fn find_hashed(
        &self,
        nodes: &[Node],
        table: u32,
        key: &[u8],
        texts: Texts<'_>,
    ) -> Result<u32, u64> {
        let hash = self.hash(table, key);
        let mut slot = self.first_slot(hash);
        // This loop ends, since some slots are empty.
        loop {
            let found = self.slots[slot];
            if found == 0 {
                return Err(hash);
            }
            let id = found & ((1 << NODE_BITS) - 1);
            if found == tagged(hash, id) {
                let node = &nodes[id as usize];
                if node.parent == table && texts.bytes(node.key) == key {
                    return Ok(id);
                }
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// Adds a key, which must be the last child of its table, with the hash that `find` returned.
    ///
    /// The key that makes a table too large for the search without hashing brings the earlier keys
    /// of the table along.
    #[inline(always)]
    pub(super) fn add(&mut self, nodes: &[Node], id: u32, hash: u64, texts: Texts<'_>) {
        let node = &nodes[id as usize];
        let len = nodes[node.parent as usize].len();
        if len <= FEW {
            if len == 1 {
                self.filter = Filter { table: node.parent, bits: [0; 4] };
            }
            if self.filter.table == node.parent {
                self.filter.insert(hash);
            }
        } else {
            self.add_hashed(nodes, id, hash, texts);
        }
    }

    #[inline(never)]
    fn add_hashed(&mut self, nodes: &[Node], id: u32, hash: u64, texts: Texts<'_>) {
        let table = nodes[id as usize].parent;
        let is_first = nodes[table as usize].len() == FEW + 1;
        let new = if is_first { FEW as usize + 1 } else { 1 };
        if slots_for(self.used + new) > self.slots.len() {
            // As many of the nodes to come as of those so far. The root is not a key.
            let used = self.used + new;
            let estimate = self.estimate * used / (nodes.len() - 1);
            self.resize(nodes, texts, slots_for(used.max(estimate)));
        }
        if !is_first {
            return self.insert(hash, id);
        }
        let mut id = id;
        while id != ROOT {
            self.insert(self.hash(table, texts.bytes(nodes[id as usize].key)), id);
            id = nodes[id as usize].sibling;
        }
    }

    /// Moves the keys to another number of slots.
    #[cold]
    fn resize(&mut self, nodes: &[Node], texts: Texts<'_>, slots: usize) {
        let earlier = std::mem::replace(&mut self.slots, vec![0; slots]);
        self.used = 0;
        for slot in earlier.into_iter().filter(|&slot| slot != 0) {
            let id = slot & ((1 << NODE_BITS) - 1);
            let node = &nodes[id as usize];
            self.insert(self.hash(node.parent, texts.bytes(node.key)), id);
        }
    }

    /// Frees slots that no key will need.
    pub(super) fn shrink(&mut self, nodes: &[Node], texts: Texts<'_>) {
        let slots = slots_for(self.used);
        if self.slots.len() > slots {
            self.resize(nodes, texts, slots);
        }
    }

    fn insert(&mut self, hash: u64, id: u32) {
        let mut slot = self.first_slot(hash);
        while self.slots[slot] != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = tagged(hash, id);
        self.used += 1;
    }

    fn first_slot(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn hash(&self, table: u32, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        // The same key in many tables must not collide. The table's number is multiplied by an odd
        // factor, so tables fall into different slots, as there are fewer tables than slots.
        hasher.finish().wrapping_add(u64::from(table).wrapping_mul(SPREAD))
    }
}

/// The number of slots for this number of keys: a power of two, of which they use five eighths at most.
fn slots_for(keys: usize) -> usize {
    (8 * keys).div_ceil(5).next_power_of_two()
}

/// The content of a slot.
fn tagged(hash: u64, id: u32) -> u32 {
    ((hash >> 32) as u32) << NODE_BITS | id
}

/// Tells of most keys that a table does not have them. The table is the one whose first key was added
/// last, which most often is the one that the next keys go to.
struct Filter {
    table: u32,
    bits: [u64; 4],
}

impl Filter {
    #[inline]
    fn insert(&mut self, hash: u64) {
        self.bits[(hash >> 62) as usize] |= 1 << (hash >> 56 & 63);
    }

    #[inline]
    fn may_have(&self, hash: u64) -> bool {
        self.bits[(hash >> 62) as usize] >> (hash >> 56 & 63) & 1 == 1
    }
}

/// The hash of a key in a filter. The keys of a table mostly differ in their first or last bytes.
#[inline]
fn filter_hash(key: &[u8]) -> u64 {
    let ends = match (key.first_chunk(), key.last_chunk()) {
        (Some(&first), Some(&last)) => {
            u64::from_le_bytes(first).rotate_left(5) ^ u64::from_le_bytes(last)
        }
        _ => key.iter().fold(0, |ends, &byte| ends << 8 | u64::from(byte)),
    };
    (ends ^ key.len() as u64).wrapping_mul(SPREAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_five_eighths_of_the_slots_are_used() {
        for keys in [1, 3, 33, 40, 41, 48, 96, 1000, 1536] {
            let slots = slots_for(keys);
            assert!(8 * keys <= 5 * slots && slots.is_power_of_two(), "{keys} keys: {slots} slots");
            assert!(5 * slots < 16 * keys + 16, "{keys} keys: {slots} slots");
        }
    }
}
