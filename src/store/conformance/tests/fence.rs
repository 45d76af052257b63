//! The fence: a batch applies only under the keyring that it was sealed under.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::seal::Scope;
use crate::store::Store;
use crate::store::backend::{Fetch, KEYRING_ROW, Outcome, Write, commitment};

use super::{Ends, commitment_of, scope, tombstone};

/// The fence of a keyring's text.
fn fence_of(text: &str) -> [u8; 32] {
    *commitment(Write::keyring(None, text).record()).unwrap()
}

/// The fence of the keyring that a store has.
fn fence_in(store: &dyn Store) -> Option<[u8; 32]> {
    store.get(KEYRING_ROW).unwrap().map(|row| *commitment(&row).unwrap())
}

/// Writes a keyring over the one of another text, or over none.
#[track_caller]
fn keyring(store: &dyn Store, over: Option<&str>, text: &str) -> Outcome {
    let over = over.map(fence_of);
    let outcomes = store.apply(over.as_ref(), &[Write::keyring(over, text)]).unwrap();
    let [outcome] = outcomes[..] else { panic!("{outcomes:?}") };
    outcome
}

fn rows(store: &dyn Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = store.scan(&[], None, usize::MAX, Fetch::Records).unwrap();
    rows.iter().map(|row| (row.scope().to_vec(), row.record().to_vec())).collect()
}

pub(super) fn a_batch_is_fenced_whole(store: &dyn Store) {
    let [a, b, c] = ["a", "b", "c"].map(scope);
    let old = tombstone(&a, 1);
    let [ours, theirs] = ["ours", "theirs"].map(fence_of);
    use Outcome::{Applied, Conflict, Fenced};
    assert_eq!(store.apply(None, &[Write::create(&a, old.clone())]).unwrap(), [Applied]);

    // Two that would apply, and one that would conflict.
    let batch = [
        Write::replace(&a, commitment_of(&old), tombstone(&a, 2)),
        Write::create(&b, tombstone(&b, 1)).remove_past(0..u64::MAX),
        Write::replace(&c, [0; 32], tombstone(&c, 2)),
    ];
    let before = rows(store);
    assert_eq!(store.apply(Some(&ours), &batch).unwrap(), [Fenced; 3], "the store has none");
    assert_eq!(rows(store), before);

    assert_eq!(keyring(store, None, "ours"), Applied);
    let before = rows(store);
    for fence in [None, Some(&theirs), Some(&[0; 32])] {
        assert_eq!(store.apply(fence, &batch).unwrap(), [Fenced; 3], "{fence:?}");
        assert_eq!(store.apply(fence, &batch[2..]).unwrap(), [Fenced], "{fence:?}");
        assert_eq!(store.apply(fence, &[]).unwrap(), []);
        assert_eq!(rows(store), before, "{fence:?}");
    }
    assert_eq!(store.apply(Some(&ours), &batch).unwrap(), [Applied, Applied, Conflict]);
    assert_eq!(store.apply(Some(&ours), &batch).unwrap(), [Conflict; 3]);

    // A purge needs no fence.
    assert!(store.purge(b.as_bytes()).unwrap());
}

pub(super) fn the_keyrings_row_is_replaced_by_who_read_it(store: &dyn Store) {
    use Outcome::{Applied, Fenced};
    assert_eq!(keyring(store, Some("first"), "second"), Fenced, "there is none");
    assert_eq!(store.get(KEYRING_ROW).unwrap(), None);
    assert_eq!(keyring(store, None, "first"), Applied);
    let row = Write::keyring(None, "first").record().to_vec();
    assert_eq!(store.get(KEYRING_ROW).unwrap(), Some(row.clone()));
    assert_eq!(keyring(store, None, "first"), Fenced, "there is one");
    assert_eq!(keyring(store, Some("second"), "third"), Fenced);
    assert_eq!(store.get(KEYRING_ROW).unwrap(), Some(row));
    assert_eq!(keyring(store, Some("first"), "second"), Applied);
    assert_eq!(keyring(store, Some("first"), "second"), Fenced, "sent again");
    assert_eq!(fence_in(store), Some(fence_of("second")));

    // Whoever restores a backup of the records alone removes the row.
    assert!(store.purge(KEYRING_ROW).unwrap());
    assert_eq!(keyring(store, None, "third"), Applied);
}

pub(super) fn there_is_one_keyring(store: &dyn Store) {
    const THREADS: usize = 8;
    let mut over = None;
    for round in 0..4 {
        let barrier = Barrier::new(THREADS);
        let make = |number: usize| {
            let text = format!("{round} {number}");
            barrier.wait();
            (keyring(store, over.as_deref(), &text) == Outcome::Applied).then_some(text)
        };
        let winners = thread::scope(|threads| {
            let threads = (0..THREADS).map(|number| {
                let make = &make;
                threads.spawn(move || make(number))
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let [winner] = &winners[..] else { panic!("{winners:?}") };
        assert_eq!(fence_in(store), Some(fence_of(winner)));
        over = Some(winner.clone());
    }
}

/// Threads write under the keyring that they read last, by `next`, which makes the scope of a write.
/// Once another keyring is acknowledged, no write under an earlier one applies any more.
fn race(store: &dyn Store, keyrings: usize) {
    let (writes, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let texts: Vec<_> = (0..keyrings).map(|number| format!("{number}")).collect();
    // The fences that writes may have: none, and then one after the other.
    let fences: Vec<_> =
        [None].into_iter().chain(texts.iter().map(|t| Some(fence_of(t)))).collect();
    let of = |number: usize| Scope::module("chat").unwrap().version(&number.to_string()).unwrap();
    let count = |number: usize| {
        let mut installs = of(number).as_bytes().to_vec();
        installs[0] += 1;
        store.scan(&installs, None, usize::MAX, Fetch::Heads).unwrap().len()
    };
    let wait_for_writes = || {
        let begun = writes.load(Ordering::Relaxed);
        while writes.load(Ordering::Relaxed) < begun + 4 && !done.load(Ordering::Relaxed) {
            thread::yield_now();
        }
    };
    thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                let _ends = Ends(&done);
                while !done.load(Ordering::Relaxed) {
                    let fence = fence_in(store);
                    let number = fences.iter().position(|known| *known == fence).unwrap();
                    let name = writes.fetch_add(1, Ordering::Relaxed).to_string();
                    let scope = of(number).install(&name).unwrap();
                    let write = Write::create(&scope, tombstone(&scope, 1));
                    store.apply(fence.as_ref(), &[write]).unwrap();
                }
            });
        }
        let _ends = Ends(&done);
        for (number, text) in texts.iter().enumerate() {
            wait_for_writes();
            let over = number.checked_sub(1).map(|before| &texts[before][..]);
            assert_eq!(keyring(store, over, text), Outcome::Applied);
            let earlier = count(number);
            wait_for_writes();
            assert_eq!(count(number), earlier, "a write came after keyring {text}");
        }
    });
    let applied: usize = (0..fences.len()).map(count).sum();
    assert!(applied > 0);
}

pub(super) fn no_write_passes_a_keyring_that_was_replaced(store: &dyn Store) {
    race(store, 20);
}

pub(super) fn no_write_without_a_keyring_passes_a_new_one(store: &dyn Store) {
    for _ in 0..5 {
        race(store, 1);
        let scopes = store.scan(&[], None, usize::MAX, Fetch::Heads).unwrap();
        for row in scopes {
            store.purge(row.scope()).unwrap();
        }
    }
}
