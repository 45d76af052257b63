//! The latest snapshot of the database, which reads share until the next commit.
//!
//! To begin a transaction and to look its table up takes longer than to find a record. A snapshot
//! changes by no means but a commit, and only this store commits to its file.

use std::sync::{Arc, PoisonError, RwLock};

/// A snapshot that reads share, of type `T`.
///
/// A read that begins after a commit was acknowledged must see it. And once a read has seen a commit, no
/// later read may miss it, although the commit becomes visible before it is acknowledged. So no snapshot
/// is kept while a commit is under way, and none that was opened before or during one is kept afterwards.
pub(super) struct Latest<T>(RwLock<Kept<T>>);

struct Kept<T> {
    snapshot: Option<Arc<T>>,
    /// Counts the beginnings and the ends of commits. They run one at a time, so it is odd while one is
    /// under way.
    turns: u64,
}

impl<T> Latest<T> {
    /// Returns the snapshot, or opens one.
    pub(super) fn get<E>(&self, open: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let turns = {
            let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(snapshot) = &kept.snapshot {
                return Ok(snapshot.clone());
            }
            kept.turns
        };
        let snapshot = Arc::new(open()?);
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.turns == turns && turns % 2 == 0 {
            kept.snapshot = Some(snapshot.clone());
        }
        Ok(snapshot)
    }

    /// Runs a commit. No read shares a snapshot meanwhile. If it panics, none does any more.
    pub(super) fn commit<R>(&self, run: impl FnOnce() -> R) -> R {
        self.turn();
        let result = run();
        self.turn();
        result
    }

    /// Closes the snapshot, because a commit begins or ends.
    fn turn(&self) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        kept.turns += 1;
        let snapshot = kept.snapshot.take();
        // Closing a snapshot takes locks of the database.
        drop(kept);
        drop(snapshot);
    }
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(RwLock::new(Kept { snapshot: None, turns: 0 }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A database whose snapshot is a number.
    #[derive(Default)]
    struct Number {
        now: AtomicU32,
        latest: Latest<u32>,
    }

    impl Number {
        fn read(&self) -> u32 {
            self.read_while(|| ())
        }

        /// Reads, and does something after the snapshot was opened and before it is kept.
        fn read_while(&self, run: impl FnOnce()) -> u32 {
            let open = || {
                let now = self.now.load(Ordering::SeqCst);
                run();
                Ok::<_, ()>(now)
            };
            *self.latest.get(open).unwrap()
        }

        /// Commits the next number, and does something before and after it becomes visible.
        fn commit_while(&self, before: impl FnOnce(), after: impl FnOnce()) {
            self.latest.commit(|| {
                before();
                self.now.fetch_add(1, Ordering::SeqCst);
                after();
            });
        }

        fn commit(&self) {
            self.commit_while(|| (), || ());
        }
    }

    #[test]
    fn reads_share_a_snapshot() {
        let number = Number::default();
        for commits in 0..3 {
            assert_eq!(number.read(), commits);
            assert_eq!(number.read_while(|| panic!("it was open")), commits);
            number.commit();
        }
    }

    #[test]
    fn a_read_sees_what_was_committed_before() {
        let number = Number::default();
        assert_eq!(number.read(), 0);
        number.commit();
        assert_eq!(number.read(), 1);
    }

    #[test]
    fn a_snapshot_from_before_a_commit_is_not_kept() {
        let number = Number::default();
        assert_eq!(number.read_while(|| number.commit()), 0);
        assert_eq!(number.read(), 1);
    }

    #[test]
    fn a_snapshot_is_not_kept_during_a_commit() {
        let number = Number::default();
        number.commit_while(|| assert_eq!(number.read(), 0), || assert_eq!(number.read(), 1));
        assert_eq!(number.read(), 1);
    }

    #[test]
    fn a_snapshot_from_before_a_commit_is_not_kept_during_it() {
        let number = Number::default();
        let late = || {
            number.latest.turn();
            number.now.store(1, Ordering::SeqCst);
        };
        assert_eq!(number.read_while(late), 0);
        assert_eq!(number.read(), 1);
    }

    #[test]
    fn a_snapshot_from_the_time_of_a_commit_is_not_kept_after_it() {
        let number = Number::default();
        number.latest.turn();
        let late = || {
            number.now.store(1, Ordering::SeqCst);
            number.latest.turn();
        };
        assert_eq!(number.read_while(late), 0);
        assert_eq!(number.read(), 1);
    }
}
