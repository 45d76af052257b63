//! Watermarks: the highest revision of each scope that this vault has seen.

use std::collections::{HashMap, VecDeque};

use crate::seal::{Revision, Scope};

/// The most scopes that have a watermark: those that were used last. They take about 10 MiB with
/// names of usual length, and 60 MiB with the longest.
const MAX_WATERMARKS: usize = 1 << 16;

/// The most scopes whose forgetting is remembered. A call that overlaps with more purges than these
/// sets no watermark.
const MAX_FORGOTTEN: usize = 1024;

/// The highest revision of each scope that was read or written.
///
/// There are two generations, an approximation of a least-recently-used cache: a watermark that is
/// used moves to the young one. When the young one is full, it becomes the old one, and the old one
/// is dropped.
#[derive(Default)]
pub(super) struct Watermarks {
    young: HashMap<Scope, Revision>,
    old: HashMap<Scope, Revision>,
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
    pub(super) highest: Option<Revision>,
    forgotten: u64,
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
        Seen { highest, forgotten: self.start + self.forgotten.len() as u64 }
    }

    /// Raises the watermark to a revision that was authenticated or confirmed, if it is higher. Does
    /// nothing if the scope was forgotten after `seen` was taken.
    pub(super) fn raise(&mut self, scope: &Scope, revision: Revision, seen: Seen) {
        if !self.has_forgotten_since(scope, seen) && self.seen(scope).highest < Some(revision) {
            self.insert(scope, revision);
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
            assert!(!marks.has_forgotten_since(&scope, seen));
            marks.forget_all();
            assert!(marks.has_forgotten_since(&scope, seen));
            marks.raise(&scope, revision(2), seen);
            assert_eq!(marks.seen(&scope).highest, None, "the same if all were forgotten");
        }
    }

    #[test]
    fn one_scope_is_forgotten_and_the_others_are_not() {
        let mut marks = Watermarks::default();
        let [kept, purged] = ["kept", "purged"].map(|name| Scope::module(name).unwrap());
        let seen = [&kept, &purged].map(|scope| marks.seen(scope));
        marks.forget(&purged);
        marks.raise(&kept, revision(3), seen[0]);
        marks.raise(&purged, revision(3), seen[1]);
        assert_eq!(marks.seen(&kept).highest, Some(revision(3)));
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
        marks.raise(&kept, revision(4), seen);
        assert_eq!(marks.seen(&kept).highest, Some(revision(3)));
        assert_eq!(marks.forgotten.len(), MAX_FORGOTTEN);
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
