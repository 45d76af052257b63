//! The past of a scope: the decision which past row a write puts, and which ones it removes.

use std::ops::Range;

use crate::seal::{Record, Revision};
use crate::store::backend::Write;

/// The past rows that a write puts and removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Past {
    /// The revision whose past row is put: the one that is replaced.
    pub(super) put: Option<Revision>,
    /// The revisions whose past rows are removed.
    removed: [Range<u64>; 2],
}

impl Past {
    /// Decides for a write of revision `next` over the present revision, if there is one. `keep` is
    /// the number of revisions before `next` whose past rows are kept.
    ///
    /// ```text
    /// present 8, next 9, keep 3    put 8, remove ..6 and 9..
    /// present 8, next 9, keep 0    put none, remove 8..
    /// present none, next 1         put none, remove all
    /// ```
    ///
    /// A past row at or above the present is not of this history: it was put back, or it is left
    /// from an earlier record of the scope. It would become visible below the next revision, so it is
    /// removed, or the row that is put overwrites it.
    pub(super) fn plan(present: Option<Revision>, next: Revision, keep: u64) -> Self {
        let from = present.map_or(0, Revision::get);
        let put = present.filter(|_| keep > 0);
        let removed = match put {
            Some(_) => [0..next.get().saturating_sub(keep), from + 1..u64::MAX],
            None => [0..0, from..u64::MAX],
        };
        Self { put, removed }
    }

    /// Adds the decision to a write. `record` is the past record of the revision to [put](Self::put).
    pub(super) fn add_to(self, write: Write, record: Option<Record>) -> Write {
        let write = self.removed.into_iter().fold(write, Write::remove_past);
        match self.put.zip(record) {
            Some((revision, record)) => write.put_past(revision, record),
            None => write,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{Keyring, Scope};

    fn revision(number: u64) -> Revision {
        Revision::try_from(number).unwrap()
    }

    #[test]
    fn the_newest_past_is_kept_and_what_is_not_older_than_the_present_goes() {
        const END: u64 = u64::MAX;
        let last = i64::MAX as u64;
        for (present, next, keep, put, removed) in [
            (None, 1, 0, None, [0..0, 0..END]),
            (None, 1, 20, None, [0..0, 0..END]),
            (Some(1), 2, 20, Some(1), [0..0, 2..END]),
            (Some(8), 9, 3, Some(8), [0..6, 9..END]),
            (Some(8), 9, 1, Some(8), [0..8, 9..END]),
            (Some(8), 9, 0, None, [0..0, 8..END]),
            (Some(8), 9, END, Some(8), [0..0, 9..END]),
            (Some(last - 1), last, 1, Some(last - 1), [0..last - 1, last..END]),
        ] {
            let planned = Past::plan(present.map(revision), revision(next), keep);
            let expected = Past { put: put.map(revision), removed };
            assert_eq!(planned, expected, "{next} over {present:?}, keeping {keep}");
        }
    }

    #[test]
    fn a_write_gets_what_was_decided() {
        let keyring = Keyring::from_bytes([7; 32]);
        let chat = Scope::module("chat").unwrap();
        let seal = |number| keyring.seal_tombstone(&chat, revision(number), None).unwrap();
        let key = |number: u64| [b"\x11\0\x04chat", &number.to_be_bytes()[..]].concat();
        let write = || Write::replace(&chat, [0; 32], seal(9));

        let planned = Past::plan(Some(revision(8)), revision(9), 3).add_to(write(), Some(seal(8)));
        assert_eq!(planned.past()[0].scope(), key(8));
        assert_eq!(planned.removed(), [key(0)..key(6), key(9)..key(u64::MAX)]);

        let planned = Past::plan(Some(revision(8)), revision(9), 0).add_to(write(), None);
        assert_eq!(planned.past(), []);
        assert_eq!(planned.removed(), [key(8)..key(u64::MAX)]);
    }
}
