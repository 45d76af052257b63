//! Watermarks: the newest record of each scope that this vault has seen.

use std::collections::{HashMap, VecDeque};

use crate::seal::{Opened, Revision, Scope};

/// The most scopes that have a watermark: those that were used last. They take about 11 MiB with
/// names of usual length, and 61 MiB with the longest.
const MAX_WATERMARKS: usize = 1 << 16;

/// The most scopes whose forgetting is remembered. A call that overlaps with more purges than these
/// sets no watermark.
const MAX_FORGOTTEN: usize = 1024;

/// A record, as a vault remembers it: its place in the order of the scope's records, and the write
/// that made its revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) revision: Revision,
    rewraps: u32,
    /// The first bytes of the origin. Two writes have the same ones by chance in 1 of 2^64 cases.
    origin: [u8; 8],
}

impl Mark {
    pub(super) fn new(revision: Revision, rewraps: u32, origin: &[u8; 32]) -> Self {
        let origin = *origin.first_chunk().expect("an origin has 32 bytes");
        Self { revision, rewraps, origin }
    }

    pub(super) fn of(opened: &Opened) -> Self {
        Self::new(opened.revision(), opened.rewraps(), opened.origin())
    }

    /// Records of a scope are in the order of their revisions. Those of one revision are in the order
    /// in which they were sealed again.
    pub(super) fn order(self) -> (Revision, u32) {
        (self.revision, self.rewraps)
    }

    /// Returns `true` if another write made the same revision.
    pub(super) fn is_fork_of(self, other: Self) -> bool {
        self.revision == other.revision && self.origin != other.origin
    }
}

/// The newest record of each scope that was read or written.
///
/// There are two generations, an approximation of a least-recently-used cache: a watermark that is
/// used moves to the young one. When the young one is full, it becomes the old one, and the old one
/// is dropped.
#[derive(Default)]
pub(super) struct Watermarks {
    young: HashMap<Scope, Mark>,
    old: HashMap<Scope, Mark>,
    /// The scopes that were forgotten last on purpose, by a purge or an accepted restore. A revision
    /// that was read before must not set a watermark afterwards: it would be higher than what the
    /// store has, and every read would report a rollback.
    forgotten: VecDeque<Scope>,
    /// How often something was forgotten before the first of `forgotten`. What was seen earlier
    /// counts as forgotten.
    start: u64,
}

/// The watermark of a scope, taken before the store is read, and how often something had been
/// forgotten then. Comparing with an older watermark never reports a rollback that did not happen;
/// comparing with one that was set after the read might.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) highest: Option<Mark>,
    forgotten: u64,
}

impl Watermarks {
    /// Returns the watermark of a scope. Call this before the store is read.
    pub(super) fn seen(&mut self, scope: &Scope) -> Seen {
        let mut highest = self.young.get(scope).copied();
        if highest.is_none() {
            highest = self.old.remove(scope);
            if let Some(mark) = highest {
                self.insert(scope, mark);
            }
        }
        Seen { highest, forgotten: self.start + self.forgotten.len() as u64 }
    }

    /// Raises the watermark to a record that was authenticated or confirmed, if it is newer. Does
    /// nothing if the scope was forgotten after `seen` was taken.
    pub(super) fn raise(&mut self, scope: &Scope, mark: Mark, seen: Seen) {
        let highest = self.seen(scope).highest.map(Mark::order);
        if !self.has_forgotten_since(scope, seen) && highest < Some(mark.order()) {
            self.insert(scope, mark);
        }
    }

    /// Returns `true` if the scope was forgotten after `seen` was taken.
    pub(super) fn has_forgotten_since(&self, scope: &Scope, seen: Seen) -> bool {
        let Some(known) = seen.forgotten.checked_sub(self.start) else { return true };
        self.forgotten.iter().skip(known as usize).any(|forgotten| forgotten == scope)
    }

    /// Forgets the watermark of one scope.
    pub(super) fn forget(&mut self, scope: &Scope) {
        self.young.remove(scope);
        self.old.remove(scope);
        if self.forgotten.len() == MAX_FORGOTTEN {
            self.forgotten.pop_front();
            self.start += 1;
        }
        self.forgotten.push_back(scope.clone());
    }

    /// Forgets all watermarks.
    pub(super) fn forget_all(&mut self) {
        let start = self.start + self.forgotten.len() as u64 + 1;
        *self = Self { start, ..Self::default() };
    }

    fn insert(&mut self, scope: &Scope, mark: Mark) {
        if let Some(known) = self.young.get_mut(scope) {
            *known = mark;
            return;
        }
        if self.young.len() >= MAX_WATERMARKS / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(scope.clone(), mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(number: u64) -> Mark {
        rewrapped(number, 0)
    }

    fn rewrapped(number: u64, rewraps: u32) -> Mark {
        Mark::new(Revision::try_from(number).unwrap(), rewraps, &[7; 32])
    }

    #[test]
    fn watermarks_only_rise_until_they_are_forgotten() {
        let mut marks = Watermarks::default();
        let scope = Scope::module("chat").unwrap();
        let seen = marks.seen(&scope);
        assert_eq!(seen.highest, None);
        for newest in [mark(2), rewrapped(2, 1), mark(3), rewrapped(3, 4)] {
            marks.raise(&scope, newest, seen);
            marks.raise(&scope, mark(1), seen);
            marks.raise(&scope, mark(newest.revision.get()), seen);
            assert_eq!(marks.seen(&scope).highest, Some(newest));
        }
        marks.forget(&scope);
        marks.raise(&scope, mark(2), seen);
        assert_eq!(marks.seen(&scope).highest, None, "a revision that was read before sets none");
        for _ in 0..2 {
            let seen = marks.seen(&scope);
            assert!(!marks.has_forgotten_since(&scope, seen));
            marks.forget_all();
            assert!(marks.has_forgotten_since(&scope, seen));
            marks.raise(&scope, mark(2), seen);
            assert_eq!(marks.seen(&scope).highest, None, "the same if all were forgotten");
        }
    }

    #[test]
    fn one_scope_is_forgotten_and_the_others_are_not() {
        let mut marks = Watermarks::default();
        let [kept, purged] = ["kept", "purged"].map(|name| Scope::module(name).unwrap());
        let seen = [&kept, &purged].map(|scope| marks.seen(scope));
        marks.forget(&purged);
        marks.raise(&kept, mark(3), seen[0]);
        marks.raise(&purged, mark(3), seen[1]);
        assert_eq!(marks.seen(&kept).highest, Some(mark(3)));
        assert_eq!(marks.seen(&purged).highest, None);

        // If too many were forgotten since, all count as forgotten.
        let seen = marks.seen(&kept);
        for number in 0..MAX_FORGOTTEN {
            marks.forget(&purged);
            assert!(!marks.has_forgotten_since(&kept, seen), "{number}");
            assert!(marks.has_forgotten_since(&purged, seen), "{number}");
        }
        marks.forget(&purged);
        assert!(marks.has_forgotten_since(&kept, seen));
        marks.raise(&kept, mark(4), seen);
        assert_eq!(marks.seen(&kept).highest, Some(mark(3)));
        assert_eq!(marks.forgotten.len(), MAX_FORGOTTEN);
    }

    #[test]
    fn their_number_is_bounded_and_those_in_use_are_kept() {
        let mut marks = Watermarks::default();
        let kept = Scope::module("kept").unwrap();
        for i in 0..3 * MAX_WATERMARKS {
            let scope = Scope::module(&i.to_string()).unwrap();
            let seen = marks.seen(&scope);
            marks.raise(&scope, mark(1), seen);
            if i == 0 || i % 1000 == 0 {
                marks.raise(&kept, mark(7), seen);
            }
            assert!(marks.young.len() + marks.old.len() <= MAX_WATERMARKS);
        }
        assert_eq!(marks.seen(&kept).highest, Some(mark(7)));
        assert_eq!(marks.seen(&Scope::module("0").unwrap()).highest, None);
    }
}
