//! Look-up of names: compares a few one by one, and hashes more of them.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// The most names that are compared one by one. For so few, hashing takes longer.
const FEW: usize = 16;

/// Finds the positions of names that are stored elsewhere.
///
/// It has positions and parts of keyed hashes, but no name and no value, and so nothing that has to
/// be zeroized. The caller passes the names to each method: the number of names that were added so
/// far, and a function from a position to the name.
pub(super) struct Names {
    /// Used for few names: the union of their [`sketch`]es.
    sketches: u64,
    /// Used for more names. It is boxed to keep `Env` small.
    table: Option<Box<Table>>,
}

/// A hash table with open addressing, at most half full.
struct Table {
    /// Has random keys, so that nobody can choose names that collide.
    hasher: RandomState,
    /// The upper half of a hash, and a position.
    slots: Vec<(u32, u32)>,
}

/// The place at which to add a name that was not found.
pub(super) struct Vacant {
    sketch: u64,
    tag: u32,
    slot: usize,
}

impl Names {
    /// Allocates room for `most` names.
    pub(super) fn with_capacity(most: usize) -> Self {
        let table = (most > FEW).then(|| Box::new(Table::with_capacity(most)));
        Self { sketches: 0, table }
    }

    /// Makes a table of `len` names, which must all differ.
    pub(super) fn of<'a>(len: usize, name: impl Fn(usize) -> &'a str) -> Self {
        let mut names = Self::with_capacity(len);
        for position in 0..len {
            if let Err(vacant) = names.find(name(position).as_bytes(), position, &name) {
                names.add(position, &vacant);
            }
        }
        names
    }

    /// Adds the name at `position`, with the place that [`find`](Self::find) returned for it.
    #[inline]
    pub(super) fn add(&mut self, position: usize, vacant: &Vacant) {
        match &mut self.table {
            None => self.sketches |= vacant.sketch,
            Some(table) => table.slots[vacant.slot] = (vacant.tag, position as u32),
        }
    }

    /// Returns the position of a name. If it is absent, returns the place to add it at.
    ///
    /// Few names are compared one by one, but only if the bit of `wanted` is set in the union of
    /// their sketches. Most absent names are thus rejected without a comparison.
    #[inline]
    pub(super) fn find<'a>(
        &self,
        wanted: &[u8],
        len: usize,
        name: impl Fn(usize) -> &'a str,
    ) -> Result<usize, Vacant> {
        if let Some(table) = &self.table {
            return table.find(wanted, name);
        }
        let sketch = sketch(wanted);
        if sketch & self.sketches != 0
            && let Some(position) = (0..len).find(|&one| name(one).as_bytes() == wanted)
        {
            return Ok(position);
        }
        Err(Vacant { sketch, tag: 0, slot: 0 })
    }
}

impl Table {
    /// Marks an empty slot. No position is that large, since memory has no room for so many names.
    const EMPTY: u32 = u32::MAX;

    fn with_capacity(most: usize) -> Self {
        let len = (2 * most).next_power_of_two();
        Self { hasher: RandomState::new(), slots: vec![(0, Self::EMPTY); len] }
    }

    fn find<'a>(&self, wanted: &[u8], name: impl Fn(usize) -> &'a str) -> Result<usize, Vacant> {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(wanted);
        let hash = hasher.finish();
        let (tag, mask) = ((hash >> 32) as u32, self.slots.len() - 1);
        let mut slot = hash as usize & mask;
        // This loop ends, since at least half of the slots are empty.
        loop {
            let (other, position) = self.slots[slot];
            if position == Self::EMPTY {
                return Err(Vacant { sketch: 0, tag, slot });
            }
            if other == tag && name(position as usize).as_bytes() == wanted {
                return Ok(position as usize);
            }
            slot = (slot + 1) & mask;
        }
    }
}

/// Returns one bit of 64 for a name. It depends on the length and on the first and last byte, which
/// are cheap to read and usually differ between names.
#[inline]
fn sketch(name: &[u8]) -> u64 {
    match name {
        [first, .., last] => 1 << ((name.len() + 5 * usize::from(first ^ last)) % 64),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Looks up every name and as many absent ones. Returns the number of names that were read.
    fn reads(names: &[String]) -> usize {
        let count = Cell::new(0);
        let name = |position: usize| {
            count.set(count.get() + 1);
            names[position].as_str()
        };
        let table = Names::of(names.len(), name);
        for (position, wanted) in names.iter().enumerate() {
            assert_eq!(table.find(wanted.as_bytes(), names.len(), name).ok(), Some(position));
            let absent = format!("{wanted} ");
            assert!(table.find(absent.as_bytes(), names.len(), name).is_err(), "{wanted}");
        }
        count.get()
    }

    #[test]
    fn a_look_up_reads_few_names_however_many_there_are() {
        for len in [0, 1, FEW - 1, FEW, FEW + 1, 1000, 100_000] {
            let names: Vec<_> = (0..len).map(|i| format!("NAME_{i}")).collect();
            let reads = reads(&names);
            // Each name is read once to add it and once to find it. Few names are all read for each
            // look-up. Very few names have the upper half of their hash in common.
            let most = if len <= FEW { 3 * FEW * len } else { 2 * len + len / 1000 + 2 };
            assert!(reads <= most, "{reads} reads for {len} names");
        }
    }

    #[test]
    fn at_least_half_of_the_slots_stay_empty() {
        for len in [FEW + 1, 1000, 1024] {
            let slots = Table::with_capacity(len).slots.len();
            assert!(slots >= 2 * len && slots.is_power_of_two(), "{len} names: {slots} slots");
        }
    }
}
