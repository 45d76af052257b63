//! The highest revision of each scope that this process has seen.

use std::collections::HashMap;

use crate::seal::{Revision, Scope};

/// The most scopes whose highest revision a vault remembers. Those that were used last are
/// remembered; at a usual length of names it is some 10 MiB, at the greatest 60 MiB.
pub const MAX_WATERMARKS: usize = 1 << 16;

/// The highest revisions, in two generations: what is used moves to the young one, and when that
/// is full the old one is forgotten.
#[derive(Default)]
pub(super) struct Watermarks {
    young: HashMap<Scope, Revision>,
    old: HashMap<Scope, Revision>,
    /// How often anything was forgotten on purpose. What was read from the store before that
    /// sets no mark after it.
    epoch: u64,
}

/// What was remembered of a scope before the store was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) highest: Option<Revision>,
    epoch: u64,
}

impl Watermarks {
    /// What is remembered of a scope: to be asked before the store is.
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

    /// Remembers a revision that was authenticated or acknowledged, where it is the highest.
    pub(super) fn raise(&mut self, scope: &Scope, revision: Revision, seen: Seen) {
        if self.epoch == seen.epoch && self.seen(scope).highest < Some(revision) {
            self.insert(scope, revision);
        }
    }

    /// Whether something was forgotten on purpose since.
    pub(super) fn has_forgotten_since(&self, seen: Seen) -> bool {
        self.epoch != seen.epoch
    }

    /// Forgets one scope.
    pub(super) fn forget(&mut self, scope: &Scope) {
        self.young.remove(scope);
        self.old.remove(scope);
        self.epoch += 1;
    }

    /// Forgets all scopes.
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
        Revision::new(number).unwrap()
    }

    #[test]
    fn marks_only_rise_and_are_forgotten_on_purpose() {
        let mut marks = Watermarks::default();
        let scope = Scope::module("chat").unwrap();
        let seen = marks.seen(&scope);
        assert_eq!(seen.highest, None);
        marks.raise(&scope, revision(2), seen);
        marks.raise(&scope, revision(1), seen);
        assert_eq!(marks.seen(&scope).highest, Some(revision(2)));
        marks.forget(&scope);
        marks.raise(&scope, revision(2), seen);
        assert_eq!(marks.seen(&scope).highest, None, "what was read before sets no mark");
        for _ in 0..2 {
            let seen = marks.seen(&scope);
            assert!(!marks.has_forgotten_since(seen));
            marks.forget_all();
            assert!(marks.has_forgotten_since(seen));
            marks.raise(&scope, revision(2), seen);
            assert_eq!(marks.seen(&scope).highest, None, "nor before all were forgotten");
        }
    }

    #[test]
    fn they_are_bounded_and_those_in_use_stay() {
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
