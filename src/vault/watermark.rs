//! Watermarks: the highest revision of each scope that this vault has seen.

use std::collections::HashMap;

use crate::seal::{Revision, Scope};

/// The most scopes that have a watermark: those that were used last. They take about 10 MiB with
/// names of usual length, and 60 MiB with the longest.
const MAX_WATERMARKS: usize = 1 << 16;

/// The highest revision of each scope that was read or written.
///
/// There are two generations, an approximation of a least-recently-used cache: a watermark that is
/// used moves to the young one. When the young one is full, it becomes the old one, and the old one
/// is dropped.
#[derive(Default)]
pub(super) struct Watermarks {
    young: HashMap<Scope, Revision>,
    old: HashMap<Scope, Revision>,
    /// The number of times that watermarks were forgotten on purpose, by a purge or an accepted
    /// restore. A revision that was read before must not set a watermark afterwards: it would be
    /// higher than what the store has, and every read would report a rollback.
    epoch: u64,
}

/// The watermark of a scope and the epoch, taken before the store is read. Comparing with an older
/// watermark never reports a rollback that did not happen; comparing with one that was set after the
/// read might.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) highest: Option<Revision>,
    epoch: u64,
}

impl Watermarks {
    /// Returns the watermark of a scope. Call this before the store is read.
    pub(super) fn seen(&mut self, scope: &Scope) -> Seen {
        let mut highest = self.young.get(scope).copied();
        if highest.is_none() {
            highest = self.old.remove(scope);
            if let Some(revision) = highest {
                self.insert(scope, revision);
            }
        }
        Seen { highest, epoch: self.epoch }
    }

    /// Raises the watermark to a revision that was authenticated or confirmed, if it is higher. Does
    /// nothing if watermarks were forgotten after `seen` was taken.
    pub(super) fn raise(&mut self, scope: &Scope, revision: Revision, seen: Seen) {
        if self.epoch == seen.epoch && self.seen(scope).highest < Some(revision) {
            self.insert(scope, revision);
        }
    }

    /// Returns `true` if watermarks were forgotten after `seen` was taken.
    pub(super) fn has_forgotten_since(&self, seen: Seen) -> bool {
        self.epoch != seen.epoch
    }

    /// Forgets the watermark of one scope.
    pub(super) fn forget(&mut self, scope: &Scope) {
        self.young.remove(scope);
        self.old.remove(scope);
        self.epoch += 1;
    }

    /// Forgets all watermarks.
    pub(super) fn forget_all(&mut self) {
        *self = Self { epoch: self.epoch + 1, ..Self::default() };
    }

    fn insert(&mut self, scope: &Scope, revision: Revision) {
        if let Some(mark) = self.young.get_mut(scope) {
            *mark = revision;
            return;
        }
        if self.young.len() >= MAX_WATERMARKS / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(scope.clone(), revision);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(number: u64) -> Revision {
        Revision::try_from(number).unwrap()
    }

    #[test]
    fn watermarks_only_rise_until_they_are_forgotten() {
        let mut marks = Watermarks::default();
        let scope = Scope::module("chat").unwrap();
        let seen = marks.seen(&scope);
        assert_eq!(seen.highest, None);
        marks.raise(&scope, revision(2), seen);
        marks.raise(&scope, revision(1), seen);
        assert_eq!(marks.seen(&scope).highest, Some(revision(2)));
        marks.forget(&scope);
        marks.raise(&scope, revision(2), seen);
        assert_eq!(marks.seen(&scope).highest, None, "a revision that was read before sets none");
        for _ in 0..2 {
            let seen = marks.seen(&scope);
            assert!(!marks.has_forgotten_since(seen));
            marks.forget_all();
            assert!(marks.has_forgotten_since(seen));
            marks.raise(&scope, revision(2), seen);
            assert_eq!(marks.seen(&scope).highest, None, "the same if all were forgotten");
        }
    }

    #[test]
    fn their_number_is_bounded_and_those_in_use_are_kept() {
        let mut marks = Watermarks::default();
        let kept = Scope::module("kept").unwrap();
        for i in 0..3 * MAX_WATERMARKS {
            let scope = Scope::module(&i.to_string()).unwrap();
            let seen = marks.seen(&scope);
            marks.raise(&scope, Revision::FIRST, seen);
            if i == 0 || i % 1000 == 0 {
                marks.raise(&kept, revision(7), seen);
            }
            assert!(marks.young.len() + marks.old.len() <= MAX_WATERMARKS);
        }
        assert_eq!(marks.seen(&kept).highest, Some(revision(7)));
        assert_eq!(marks.seen(&Scope::module("0").unwrap()).highest, None);
    }
}
