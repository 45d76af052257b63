//! Past rows: they change with the record of their scope, or not at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::seal::{Header, Record, Scope};
use crate::store::backend::{Fetch, Outcome, Write, commitment, past};
use crate::store::{Store, StoreError};

use super::{Ends, TRIES, applies, commitment_of, conflicts, revision, scope, tombstone};

/// The revisions of a scope that have a past row, with the revision that each row holds.
pub(super) fn past_of(store: &dyn Store, scope: &Scope) -> Vec<(u64, u64)> {
    let range = past(scope.as_bytes());
    let prefix = &range.start[..range.start.len() - 8];
    let rows = store.scan(prefix, None, usize::MAX, Fetch::Records).unwrap();
    let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap());
    let rows = rows.iter().map(|row| (number(&row.scope()[prefix.len()..]), row.record()));
    rows.map(|(key, record)| (key, Header::parse(record).unwrap().revision().get())).collect()
}

/// Returns a record in the place of the past record of a revision.
fn kept(scope: &Scope, number: u64) -> Record {
    tombstone(scope, number)
}

/// Writes the revisions of a scope up to `last`, each with the past row of the one before. Returns
/// the last record.
fn written(store: &dyn Store, scope: &Scope, last: u64) -> Record {
    let mut record = tombstone(scope, 1);
    applies(store, Write::create(scope, record.clone()));
    for number in 2..=last {
        let next = tombstone(scope, number);
        let write = Write::replace(scope, commitment_of(&record), next.clone());
        applies(store, write.put_past(revision(number - 1), kept(scope, number - 1)));
        record = next;
    }
    record
}

pub(super) fn a_past_row_is_put_with_its_record(store: &dyn Store) {
    let [chat, other] = [scope("chat"), scope("chat").version("1").unwrap()];
    let third = written(store, &chat, 3);
    assert_eq!(past_of(store, &chat), [(1, 1), (2, 2)]);
    assert_eq!(past_of(store, &other), []);

    // A row that exists is overwritten.
    let fourth = tombstone(&chat, 4);
    let write = Write::replace(&chat, commitment_of(&third), fourth.clone());
    applies(store, write.put_past(revision(2), kept(&chat, 9)));
    assert_eq!(past_of(store, &chat), [(1, 1), (2, 9)]);
    assert_eq!(store.get(chat.as_bytes()).unwrap().as_deref(), Some(fourth.as_bytes()));

    // A write over itself adds several.
    let write = Write::replace(&chat, commitment_of(&fourth), fourth.clone());
    let write = [3, 7, 5]
        .into_iter()
        .fold(write, |write, number| write.put_past(revision(number), kept(&chat, number)));
    applies(store, write.remove_past(0..2));
    assert_eq!(past_of(store, &chat), [(2, 9), (3, 3), (5, 5), (7, 7)]);

    // A scope that has no record has past rows if a write says so.
    applies(
        store,
        Write::create(&other, tombstone(&other, 1)).put_past(revision(7), kept(&other, 7)),
    );
    assert_eq!(past_of(store, &other), [(7, 7)]);
}

pub(super) fn a_conflict_leaves_the_past_alone(store: &dyn Store) {
    let chat = scope("chat");
    let third = written(store, &chat, 3);
    let refused = [
        Write::create(&chat, tombstone(&chat, 4)),
        Write::replace(&chat, [0; 32], tombstone(&chat, 4)),
    ];
    for write in refused {
        conflicts(store, write.put_past(revision(3), kept(&chat, 3)).remove_past(0..u64::MAX));
        assert_eq!(past_of(store, &chat), [(1, 1), (2, 2)]);
    }
    let absent = scope("absent");
    let write = Write::replace(&absent, commitment_of(&third), tombstone(&absent, 4));
    conflicts(store, write.put_past(revision(3), kept(&absent, 3)));
    assert_eq!(past_of(store, &absent), []);
}

#[allow(clippy::single_range_in_vec_init, reason = "each case has a list of ranges")]
pub(super) fn ranges_are_removed_first(store: &dyn Store) {
    let chat = scope("chat");
    let neighbours = [scope("chas"), scope("chau"), chat.version("1").unwrap()];
    for neighbour in &neighbours {
        written(store, neighbour, 10);
    }
    let (mut current, mut last) = (written(store, &chat, 10), 10);
    // The ranges, the past row that is put, and what is left.
    type Case<'a> = (&'a [std::ops::Range<u64>], Option<u64>, &'a [u64]);
    let cases: [Case<'_>; 8] = [
        (&[], None, &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (&[0..1, 10..u64::MAX], None, &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (&[9..u64::MAX], None, &[1, 2, 3, 4, 5, 6, 7, 8]),
        (&[0..3], None, &[3, 4, 5, 6, 7, 8]),
        (&[0..4, 8..9], Some(12), &[4, 5, 6, 7, 12]),
        (&[6..6], None, &[4, 5, 6, 7, 12]),
        // The row that is put is in a range.
        (&[0..6, 7..u64::MAX], Some(12), &[6, 12]),
        (&[0..u64::MAX], Some(3), &[3]),
    ];
    for (ranges, put, left) in cases {
        last += 1;
        let next = tombstone(&chat, last);
        let mut write = Write::replace(&chat, commitment_of(&current), next.clone());
        if let Some(put) = put {
            write = write.put_past(revision(put), kept(&chat, put));
        }
        write = ranges.iter().cloned().fold(write, Write::remove_past);
        applies(store, write);
        let expected: Vec<_> = left.iter().map(|number| (*number, *number)).collect();
        assert_eq!(past_of(store, &chat), expected, "after {ranges:?}");
        current = next;
    }
    for neighbour in &neighbours {
        assert_eq!(past_of(store, neighbour).len(), 9);
    }
}

pub(super) fn of_a_batch_each_group_is_whole(store: &dyn Store) {
    let [a, b, c] = ["a", "b", "c"].map(scope);
    let current = [&a, &b].map(|scope| written(store, scope, 3));
    let writes = [
        Write::replace(&a, commitment_of(&current[0]), tombstone(&a, 4)),
        Write::replace(&b, [0; 32], tombstone(&b, 4)),
        Write::create(&c, tombstone(&c, 1)),
    ];
    let [first, second, third] = writes;
    let batch = [
        first.put_past(revision(3), kept(&a, 3)).remove_past(0..2),
        second.put_past(revision(3), kept(&b, 3)).remove_past(0..2),
        third.remove_past(0..u64::MAX),
    ];
    use Outcome::{Applied, Conflict};
    assert_eq!(store.apply(None, &batch).unwrap(), [Applied, Conflict, Applied]);
    assert_eq!(past_of(store, &a), [(2, 2), (3, 3)]);
    assert_eq!(past_of(store, &b), [(1, 1), (2, 2)]);
    assert_eq!(past_of(store, &c), []);
    assert_eq!(store.apply(None, &batch).unwrap(), [Conflict; 3], "sent again");
    assert_eq!(past_of(store, &a), [(2, 2), (3, 3)]);
}

pub(super) fn a_batch_names_a_past_row_once(store: &dyn Store) {
    let chat = scope("chat");
    let write = || Write::create(&chat, tombstone(&chat, 1));
    let other = Write::create(&scope("other"), tombstone(&scope("other"), 1));
    let past = || Write::replace_past(&chat, revision(3), [0; 32], kept(&chat, 3));
    for twice in [
        vec![write().put_past(revision(3), kept(&chat, 3)), past()],
        vec![past(), write().remove_past(3..4)],
        vec![past(), past()],
        vec![write().put_past(revision(3), kept(&chat, 3)).put_past(revision(3), kept(&chat, 9))],
    ] {
        let error = store.apply(None, &twice).unwrap_err();
        assert!(matches!(error, StoreError::Repeated), "{error:?}");
    }
    assert_eq!(store.scan(&[], None, 9, Fetch::Heads).unwrap(), []);
    // A write may put what it removes.
    let own = write().put_past(revision(3), kept(&chat, 3)).remove_past(0..4);
    let beside = Write::replace_past(&chat, revision(4), [0; 32], kept(&chat, 4));
    assert_eq!(
        store.apply(None, &[own, other, beside]).unwrap(),
        [Outcome::Applied, Outcome::Applied, Outcome::Conflict]
    );
    assert_eq!(past_of(store, &chat), [(3, 3)]);
}

pub(super) fn a_past_row_is_replaced_on_its_own_condition(store: &dyn Store) {
    let chat = scope("chat");
    let third = written(store, &chat, 3);
    let row = |number: u64| store.get(&[b"\x11\0\x04chat", &number.to_be_bytes()[..]].concat());
    let commitment = *commitment(&row(2).unwrap().unwrap()).unwrap();
    let again = kept(&chat, 2);
    conflicts(store, Write::replace_past(&chat, revision(2), [0; 32], again.clone()));
    conflicts(store, Write::replace_past(&chat, revision(1), commitment, again.clone()));
    conflicts(store, Write::replace_past(&chat, revision(3), commitment, again.clone()));
    let write = Write::replace_past(&chat, revision(2), commitment, again.clone());
    applies(store, write.clone());
    assert_eq!(row(2).unwrap().as_deref(), Some(again.as_bytes()));
    assert_eq!(store.get(chat.as_bytes()).unwrap().as_deref(), Some(third.as_bytes()));
    assert_eq!(past_of(store, &chat), [(1, 1), (2, 2)]);

    // The row is gone, and another tenant has one of this revision.
    store.purge(chat.as_bytes()).unwrap();
    conflicts(store, write.clone());
    written(store, &chat, 3);
    conflicts(store, write);
}

pub(super) fn past_and_present_are_purged_together(store: &dyn Store) {
    let [chat, next, version] = [scope("chat"), scope("chau"), scope("chat").version("1").unwrap()];
    for scope in [&chat, &next, &version] {
        written(store, scope, 4);
    }
    assert!(store.purge(chat.as_bytes()).unwrap());
    assert_eq!((past_of(store, &chat), store.get(chat.as_bytes()).unwrap()), (vec![], None));
    assert!(!store.purge(chat.as_bytes()).unwrap());
    assert_eq!((past_of(store, &next).len(), past_of(store, &version).len()), (3, 3));

    // Past rows without a record: there was no record, and they are removed all the same.
    let row = Scope::module("chat").unwrap();
    applies(store, Write::create(&row, tombstone(&row, 1)).put_past(revision(1), kept(&row, 1)));
    assert!(store.purge(row.as_bytes()).unwrap());
    assert_eq!(
        store.scan(&past(row.as_bytes()).start[..1], None, 9, Fetch::Heads).unwrap().len(),
        3
    );
    assert!(!store.purge(&chat.as_bytes()[..1]).unwrap(), "the start of an encoding");
    assert!(!store.purge(b"").unwrap());
    assert_eq!((past_of(store, &next).len(), past_of(store, &version).len()), (3, 3));
}

/// One process has planned revision 5 with past revision 4. Before it writes, the scope is purged, and
/// another tenant makes it again.
pub(super) fn a_planned_write_fails_whole_after_a_purge(store: &dyn Store) {
    for theirs in [1, 4] {
        let chat = scope("chat");
        let fourth = written(store, &chat, 4);
        let planned = Write::replace(&chat, commitment_of(&fourth), tombstone(&chat, 5))
            .put_past(revision(4), kept(&chat, 4))
            .remove_past(5..u64::MAX);
        assert!(store.purge(chat.as_bytes()).unwrap());
        conflicts(store, planned.clone());
        assert_eq!(past_of(store, &chat), [], "nothing of the first tenant");

        written(store, &chat, theirs);
        let before = past_of(store, &chat);
        conflicts(store, planned);
        assert_eq!(past_of(store, &chat), before, "nothing but what is the second tenant's");
        assert!(store.purge(chat.as_bytes()).unwrap());
    }
}

/// Each write keeps the last two revisions. Whichever of the writers wins, the past is that of the
/// record.
pub(super) fn two_writers_leave_one_past(store: &dyn Store) {
    const WRITES: u64 = 40;
    let chat = scope("chat");
    written(store, &chat, 1);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                let (mut applied, mut tries) = (0, 0);
                while applied < WRITES {
                    tries += 1;
                    assert!(tries < TRIES, "no write applies");
                    let current = store.get(chat.as_bytes()).unwrap().unwrap();
                    let header = Header::parse(&current).unwrap();
                    let number = header.revision().get();
                    let next = tombstone(&chat, number + 1);
                    let write = Write::replace(&chat, *header.commitment(), next)
                        .put_past(revision(number), kept(&chat, number))
                        .remove_past(0..number.saturating_sub(1))
                        .remove_past(number + 1..u64::MAX);
                    applied +=
                        u64::from(store.apply(None, &[write]).unwrap() == [Outcome::Applied]);
                }
            });
        }
    });
    let last = 2 * WRITES;
    assert_eq!(past_of(store, &chat), [(last - 1, last - 1), (last, last)]);
}

/// A purge races with a writer. Whoever comes first, no past row is left without its record.
pub(super) fn a_purge_leaves_no_past_of_a_write(store: &dyn Store) {
    const PURGES: usize = 60;
    let chat = scope("chat");
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                let _ends = Ends(&done);
                while !done.load(Ordering::Relaxed) {
                    let write = match store.get(chat.as_bytes()).unwrap() {
                        None => Write::create(&chat, tombstone(&chat, 1)),
                        Some(current) => {
                            let header = Header::parse(&current).unwrap();
                            let number = header.revision().get();
                            Write::replace(
                                &chat,
                                *header.commitment(),
                                tombstone(&chat, number + 1),
                            )
                            .put_past(revision(number), kept(&chat, number))
                        }
                    };
                    store.apply(None, &[write]).unwrap();
                }
            });
        }
        let _ends = Ends(&done);
        for _ in 0..PURGES {
            store.purge(chat.as_bytes()).unwrap();
            // One page is one moment: the record comes first, and its past is complete.
            let rows = store.scan(&[], None, usize::MAX, Fetch::Heads).unwrap();
            let number = |head: &[u8]| u64::from_be_bytes(head[8..16].try_into().unwrap());
            let past = rows.iter().filter(|row| row.scope()[0] == 0x11);
            let past: Vec<_> = past.map(|row| number(row.record())).collect();
            let present = rows.iter().find(|row| row.scope() == chat.as_bytes());
            let present = present.map_or(1, |row| number(row.record()));
            let whole = past == (1..present).collect::<Vec<_>>();
            assert!(whole, "past {past:?} of revision {present}");
        }
    });
}
