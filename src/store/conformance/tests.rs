//! The cases of the suite.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod fence;
mod groups;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use self::fence::*;
use self::groups::*;
use crate::seal::{Header, Keyring, Record, Revision, Scope};
use crate::store::backend::{Fetch, HEAD_LEN, MAX_PAGE_LEN, Outcome, Row, Write, commitment};
use crate::store::conformance::Case;
use crate::store::{Store, StoreError};
use crate::{Document, MAX_LEN, Secrets};

macro_rules! cases {
    ($($case:ident,)*) => {
        /// Every case, with its name.
        pub(super) const CASES: &[Case] = &[$((stringify!($case), $case)),*];
    };
}

cases! {
    a_write_is_decided_on_its_condition,
    no_increment_is_lost,
    there_is_one_creator,
    a_scan_keeps_to_its_prefix,
    pages_join_to_the_whole,
    a_page_ends_at_its_length,
    heads_are_the_first_bytes,
    of_a_batch_what_holds_is_written,
    a_batch_commits_together,
    a_batch_names_a_scope_once,
    records_of_any_size_come_back,
    purging_needs_no_condition,
    a_past_row_is_put_with_its_record,
    a_conflict_leaves_the_past_alone,
    ranges_are_removed_first,
    of_a_batch_each_group_is_whole,
    a_batch_names_a_past_row_once,
    a_past_row_is_replaced_on_its_own_condition,
    past_and_present_are_purged_together,
    a_planned_write_fails_whole_after_a_purge,
    two_writers_leave_one_past,
    a_purge_leaves_no_past_of_a_write,
    a_batch_is_fenced_whole,
    the_keyrings_row_is_replaced_by_who_read_it,
    there_is_one_keyring,
    no_write_passes_a_keyring_that_was_replaced,
    no_write_without_a_keyring_passes_a_new_one,
    concurrent_calls_are_told_their_own_outcomes,
}

fn keyring() -> Keyring {
    Keyring::from_bytes([7; 32])
}

fn revision(number: u64) -> Revision {
    Revision::try_from(number).unwrap()
}

fn scope(name: &str) -> Scope {
    Scope::module(name).unwrap()
}

fn tombstone(scope: &Scope, number: u64) -> Record {
    keyring().seal_tombstone(scope, revision(number), None).unwrap()
}

fn commitment_of(record: &Record) -> [u8; 32] {
    *commitment(record.as_bytes()).unwrap()
}

#[track_caller]
fn applies(store: &dyn Store, write: Write) {
    assert_eq!(store.apply(None, &[write]).unwrap(), [Outcome::Applied]);
}

#[track_caller]
fn conflicts(store: &dyn Store, write: Write) {
    let before = store.get(write.scope()).unwrap();
    assert_eq!(store.apply(None, std::slice::from_ref(&write)).unwrap(), [Outcome::Conflict]);
    assert_eq!(store.get(write.scope()).unwrap(), before, "a conflict changes nothing");
}

/// The number of writes without one that applies, after which a case fails: it would not end.
const TRIES: usize = 10_000;

/// Ends the threads of a case with the first of them that ends, so that no thread waits for one that
/// has failed.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn scopes_of(rows: &[Row]) -> Vec<Vec<u8>> {
    rows.iter().map(|row| row.scope().to_vec()).collect()
}

fn a_write_is_decided_on_its_condition(store: &dyn Store) {
    let chat = scope("chat");
    let [first, second, other] = [1, 2, 2].map(|number| tombstone(&chat, number));
    assert_eq!(store.get(chat.as_bytes()).unwrap(), None);
    conflicts(store, Write::replace(&chat, commitment_of(&first), second.clone()));

    applies(store, Write::create(&chat, first.clone()));
    assert_eq!(store.get(chat.as_bytes()).unwrap().as_deref(), Some(first.as_bytes()));
    conflicts(store, Write::create(&chat, first.clone()));
    conflicts(store, Write::replace(&chat, commitment_of(&second), other.clone()));

    applies(store, Write::replace(&chat, commitment_of(&first), second.clone()));
    conflicts(store, Write::replace(&chat, commitment_of(&first), other));
    assert_eq!(store.get(chat.as_bytes()).unwrap().as_deref(), Some(second.as_bytes()));
    assert_eq!(store.get(scope("cha").as_bytes()).unwrap(), None);
    assert_eq!(store.apply(None, &[]).unwrap(), []);
}

fn no_increment_is_lost(store: &dyn Store) {
    const THREADS: u64 = 8;
    const INCREMENTS: u64 = 50;
    let chat = scope("chat");
    applies(store, Write::create(&chat, tombstone(&chat, 1)));
    thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                for _ in 0..INCREMENTS {
                    let applied = (0..TRIES).any(|_| {
                        let current = store.get(chat.as_bytes()).unwrap().unwrap();
                        let header = Header::parse(&current).unwrap();
                        let next = tombstone(&chat, header.revision().get() + 1);
                        let write = Write::replace(&chat, *header.commitment(), next);
                        store.apply(None, &[write]).unwrap() == [Outcome::Applied]
                    });
                    assert!(applied, "no write applies");
                }
            });
        }
    });
    let current = store.get(chat.as_bytes()).unwrap().unwrap();
    let counted = Header::parse(&current).unwrap().revision().get();
    assert_eq!(counted, 1 + THREADS * INCREMENTS);
}

fn there_is_one_creator(store: &dyn Store) {
    const THREADS: usize = 16;
    for round in 0..5 {
        let scope = scope(&format!("chat-{round}"));
        let barrier = Barrier::new(THREADS);
        let winners = thread::scope(|threads| {
            let create = || {
                let record = tombstone(&scope, 1);
                barrier.wait();
                let outcome = store.apply(None, &[Write::create(&scope, record.clone())]).unwrap();
                (outcome == [Outcome::Applied]).then_some(record)
            };
            let threads: Vec<_> = (0..THREADS).map(|_| threads.spawn(create)).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let [winner] = &winners[..] else { panic!("{} creators", winners.len()) };
        assert_eq!(store.get(scope.as_bytes()).unwrap().as_deref(), Some(winner.as_bytes()));
    }
}

/// Scopes whose encodings are close to each other: prefixes, and the lowest and highest bytes.
fn neighbours() -> Vec<Scope> {
    let mut scopes = Vec::new();
    let long = ["a".repeat(255), "a".repeat(254) + "b", "\u{10FFFF}".repeat(63)];
    for module in ["a", "b", "ab", "aa", "b\u{e9}", "\u{10FFFF}", "A"].into_iter().chain(
        long.iter().map(String::as_str), // the first byte of their lengths differs
    ) {
        let module = scope(module);
        for version in ["1", "10", "2", "\u{10FFFF}"] {
            let version = module.version(version).unwrap();
            for install in ["a", "b", "ab"] {
                scopes.push(version.install(install).unwrap());
            }
            scopes.push(version);
        }
        scopes.push(module);
    }
    scopes.sort();
    scopes
}

fn fill(store: &dyn Store, scopes: &[Scope]) {
    let writes: Vec<_> =
        scopes.iter().rev().map(|scope| Write::create(scope, tombstone(scope, 1))).collect();
    let outcomes = store.apply(None, &writes).unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Applied));
}

fn a_scan_keeps_to_its_prefix(store: &dyn Store) {
    let scopes = neighbours();
    fill(store, &scopes);
    let mut prefixes = vec![vec![], vec![0], vec![1], vec![2], vec![3], vec![4], vec![0xFF]];
    for scope in &scopes {
        let bytes = scope.as_bytes();
        let ends = (1..bytes.len()).filter(|end| *end < 9 || end + 9 > bytes.len());
        prefixes.extend(ends.map(|end| bytes[..end].to_vec()));
        prefixes.push([bytes, &[0]].concat());
        // The versions of a module, the installs of a version.
        prefixes.push([&[bytes[0] + 1], &bytes[1..]].concat());
    }
    prefixes.sort();
    prefixes.dedup();
    for prefix in prefixes {
        let rows = store.scan(&prefix, None, usize::MAX, Fetch::Heads).unwrap();
        let encodings = scopes.iter().map(|scope| scope.as_bytes().to_vec());
        let expected: Vec<_> = encodings.filter(|scope| scope.starts_with(&prefix)).collect();
        assert_eq!(scopes_of(&rows), expected, "under {prefix:?}");
    }
}

fn pages_join_to_the_whole(store: &dyn Store) {
    let scopes = neighbours();
    fill(store, &scopes);
    for prefix in [&[][..], &[2], &[3, 0, 1, b'a'], &[9]] {
        let whole = store.scan(prefix, None, usize::MAX, Fetch::Records).unwrap();
        for limit in [1, 2, 3, 7, whole.len().max(1), whole.len() + 1] {
            let mut joined: Vec<Row> = Vec::new();
            loop {
                let after = joined.last().map(|row| row.scope().to_vec());
                let page = store.scan(prefix, after.as_deref(), limit, Fetch::Records).unwrap();
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                joined.extend(page);
                assert!(joined.len() <= whole.len(), "it goes on");
            }
            assert_eq!(joined, whole, "in pages of {limit}");
        }
    }
    let before = store.scan(&[2], Some(&[1]), 1, Fetch::Heads).unwrap();
    assert_eq!(before, store.scan(&[2], None, 1, Fetch::Heads).unwrap(), "after what comes before");
    assert_eq!(store.scan(&[2], Some(&[3]), 1, Fetch::Heads).unwrap(), []);
    assert_eq!(store.scan(&[], None, 0, Fetch::Heads).unwrap(), []);
}

fn largest() -> Secrets {
    let text = format!("X = '{}'", "x".repeat(MAX_LEN - 6));
    assert_eq!(text.len(), MAX_LEN);
    Document::parse(text).unwrap().validate().unwrap()
}

fn a_page_ends_at_its_length(store: &dyn Store) {
    let secrets = largest();
    let keyring = keyring();
    for name in ["a", "b", "c", "d", "e"] {
        let scope = scope(name);
        let record = keyring.seal(&scope, Revision::FIRST, &secrets).unwrap();
        applies(store, Write::create(&scope, record));
    }
    let first = store.scan(&[], None, usize::MAX, Fetch::Records).unwrap();
    let len: usize = first.iter().map(|row| row.scope().len() + row.record().len()).sum();
    assert_eq!(first.len(), 3);
    assert!(len <= MAX_PAGE_LEN);
    let rest = store.scan(&[], Some(first[2].scope()), usize::MAX, Fetch::Records).unwrap();
    assert_eq!(rest.len(), 2);
    assert_eq!(store.scan(&[], None, usize::MAX, Fetch::Heads).unwrap().len(), 5);
}

fn heads_are_the_first_bytes(store: &dyn Store) {
    let chat = scope("chat");
    let record = tombstone(&chat, 1);
    applies(store, Write::create(&chat, record.clone()));
    let [head] = &store.scan(&[], None, 9, Fetch::Heads).unwrap()[..] else { panic!("one row") };
    assert_eq!(head.record(), &record.as_bytes()[..HEAD_LEN]);
    let [row] = &store.scan(&[], None, 9, Fetch::Records).unwrap()[..] else { panic!("one row") };
    assert_eq!((row.scope(), row.record()), (chat.as_bytes(), record.as_bytes()));
}

fn of_a_batch_what_holds_is_written(store: &dyn Store) {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(scope);
    let [old_b, old_c] = [&b, &c].map(|scope| tombstone(scope, 1));
    applies(store, Write::create(&b, old_b.clone()));
    applies(store, Write::create(&c, old_c.clone()));
    let writes = [
        Write::create(&c, tombstone(&c, 1)),
        Write::create(&a, tombstone(&a, 1)),
        Write::replace(&d, [0; 32], tombstone(&d, 2)),
        Write::replace(&b, commitment_of(&old_b), tombstone(&b, 2)),
    ];
    use Outcome::{Applied, Conflict};
    assert_eq!(store.apply(None, &writes).unwrap(), [Conflict, Applied, Conflict, Applied]);
    assert_eq!(store.get(a.as_bytes()).unwrap().as_deref(), Some(writes[1].record()));
    assert_eq!(store.get(b.as_bytes()).unwrap().as_deref(), Some(writes[3].record()));
    assert_eq!(store.get(c.as_bytes()).unwrap().as_deref(), Some(old_c.as_bytes()));
    assert_eq!(store.get(d.as_bytes()).unwrap(), None);
    assert_eq!(store.apply(None, &writes).unwrap(), [Conflict; 4], "sent again");
}

fn a_batch_commits_together(store: &dyn Store) {
    let scopes = ["a", "b"].map(scope);
    fill(store, &scopes);
    let revisions = || -> Vec<u64> {
        let rows = store.scan(&[], None, 2, Fetch::Heads).unwrap();
        // The revision is in the head.
        let number = |row: &Row| u64::from_be_bytes(row.record()[8..16].try_into().unwrap());
        rows.iter().map(number).collect()
    };
    thread::scope(|threads| {
        let writer = threads.spawn(|| {
            for number in 2..100 {
                let writes = scopes.each_ref().map(|scope| {
                    let current = store.get(scope.as_bytes()).unwrap().unwrap();
                    let commitment = *commitment(&current).unwrap();
                    Write::replace(scope, commitment, tombstone(scope, number))
                });
                assert_eq!(store.apply(None, &writes).unwrap(), [Outcome::Applied; 2]);
            }
        });
        while !writer.is_finished() {
            let seen = revisions();
            assert_eq!(seen[0], seen[1], "a page is one moment");
        }
    });
    assert_eq!(revisions(), [99, 99]);
}

fn a_batch_names_a_scope_once(store: &dyn Store) {
    let [a, b] = ["a", "b"].map(scope);
    let writes = [&a, &b, &a].map(|scope| Write::create(scope, tombstone(scope, 1)));
    let [first, _, again] = writes.clone();
    for batch in [&writes[..], &[first, again]] {
        let error = store.apply(None, batch).unwrap_err();
        assert!(matches!(error, StoreError::Repeated), "{error:?}");
        assert_eq!(error.to_string(), "the batch has two writes to one scope");
    }
    assert_eq!(store.scan(&[], None, 9, Fetch::Heads).unwrap(), []);
}

fn records_of_any_size_come_back(store: &dyn Store) {
    let empty = Document::parse("").unwrap().validate().unwrap();
    for (name, secrets) in [("empty", &empty), ("largest", &largest())] {
        let scope = scope(&name.repeat(36)).version(name).unwrap();
        let record = keyring().seal(&scope, Revision::FIRST, secrets).unwrap();
        applies(store, Write::create(&scope, record.clone()));
        let found = store.get(scope.as_bytes()).unwrap();
        assert!(found.as_deref() == Some(record.as_bytes()), "{name}");
    }
}

/// Threads call at the same time, with conditions and fences that hold and others. However the store
/// combines the calls, each is told its own outcomes.
fn concurrent_calls_are_told_their_own_outcomes(store: &dyn Store) {
    const THREADS: usize = 12;
    const ROUNDS: u64 = 15;
    use Outcome::{Applied, Conflict, Fenced};
    let shared = scope("shared");
    applies(store, Write::create(&shared, tombstone(&shared, 1)));
    thread::scope(|threads| {
        for number in 0..THREADS {
            let shared = &shared;
            threads.spawn(move || {
                let [own, other] = ["own", "other"].map(|n| scope(&format!("{n}-{number}")));
                let mut current: Option<Record> = None;
                for round in 1..=ROUNDS {
                    let next = tombstone(&own, round);
                    let write = match &current {
                        None => Write::create(&own, next.clone()),
                        Some(current) => Write::replace(&own, commitment_of(current), next.clone())
                            .put_past(revision(round - 1), tombstone(&own, round - 1))
                            .remove_past(0..round.saturating_sub(2)),
                    };
                    let wrong = Write::replace(&other, [9; 32], tombstone(&other, 1));
                    let batch = [write, wrong];
                    let fenced = store.apply(Some(&[round as u8; 32]), &batch).unwrap();
                    assert_eq!(fenced, [Fenced, Fenced], "{number}, {round}");
                    let taken = [Write::create(shared, tombstone(shared, 1))];
                    assert_eq!(store.apply(None, &taken).unwrap(), [Conflict]);
                    assert_eq!(store.apply(None, &batch).unwrap(), [Applied, Conflict]);
                    assert_eq!(store.apply(None, &batch).unwrap(), [Conflict, Conflict]);
                    let found = store.get(own.as_bytes()).unwrap();
                    assert_eq!(found.as_deref(), Some(next.as_bytes()), "{number}, {round}");
                    current = Some(next);
                }
                assert_eq!(store.get(other.as_bytes()).unwrap(), None);
                let past = past_of(store, &own);
                assert_eq!(past, [ROUNDS - 2, ROUNDS - 1].map(|number| (number, number)));
            });
        }
    });
}

fn purging_needs_no_condition(store: &dyn Store) {
    let [chat, other] = ["chat", "other"].map(scope);
    fill(store, &[chat.clone(), other.clone()]);
    assert!(store.purge(chat.as_bytes()).unwrap());
    assert!(!store.purge(chat.as_bytes()).unwrap());
    assert_eq!(store.get(chat.as_bytes()).unwrap(), None);
    assert!(store.get(other.as_bytes()).unwrap().is_some());
    applies(store, Write::create(&chat, tombstone(&chat, 1)));
}
