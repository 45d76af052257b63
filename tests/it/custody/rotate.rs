//! A rotation: one call, in any number of processes, killed anywhere.

use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrets_toml::seal::{Custody, KmsKey, Lock, LockedKeyring};
use secrets_toml::store::{MemoryStore, Store};
use secrets_toml::vault::{Expected, RotateError, Scopes, Vault};

use super::{is_rotated, keyring_of, living, locks, opened, rotate};
use crate::chain;
use crate::faulty::{Faulty, Step};
use crate::seal::{install, keyring, revision, secrets};

/// The rows that [`fill`] makes.
const ROWS: u64 = 9;

/// Two documents with a past, a tombstone, and a document of one revision.
fn fill(vault: &Vault<impl Store>) {
    for (name, revisions) in [("a", 3), ("b", 2), ("c", 2), ("d", 1)] {
        for number in 0..revisions {
            let expected = match number {
                0 => Expected::Absent,
                number => Expected::Revision(revision(number)),
            };
            vault.put(&install(name), &secrets(), expected).unwrap();
        }
    }
    vault.delete(&install("c"), revision(2), None).unwrap();
}

fn filled() -> Faulty<MemoryStore> {
    let store = Faulty::new(MemoryStore::new());
    fill(&Vault::create(&store, &locks()).unwrap().keep_history(5).unwrap());
    store
}

/// Three documents, a tombstone, and their five past revisions are there, under one key.
#[track_caller]
fn is_complete(store: &MemoryStore) {
    is_rotated(store);
    let report = opened(store).verify(Scopes::All).unwrap();
    assert_eq!((report.documents(), report.tombstones(), report.past()), (3, 1, 5));
}

#[test]
fn one_call_moves_all_records_and_destroys_the_old_key() {
    let store = filled();
    let vault = opened(&store);
    let old = living(&store.store);
    let mut seen = Vec::new();
    let report = vault
        .rotate(|report| {
            seen.push((report.written(), report.documents() + report.past()));
            Continue(())
        })
        .unwrap();
    assert_eq!((report.written(), report.kept(), report.failed()), (9, 0, 0));
    assert_eq!((report.documents(), report.tombstones(), report.past()), (3, 1, 5));
    assert!(report.is_complete());
    assert_eq!(seen, [(9, 0), (9, 0), (9, 8)]);
    is_complete(&store.store);
    assert_eq!(keyring_of(&store.store).generation(), 3, "two writes of the keyring");
    assert!(!living(&store.store).contains(&old[0]));

    // Another one, in a process that knows none of this.
    rotate(&store.store);
    is_complete(&store.store);
    assert_eq!(vault.get(&install("a")).unwrap().unwrap().revision(), revision(3));
    assert_eq!(keyring_of(&store.store).entries().len(), 3);
}

/// The host's key is wrapped by a service that does not answer, and nobody knows the passphrase.
#[test]
fn no_lock_is_needed_for_a_rotation_or_to_load_one() {
    let key = KmsKey::new("aws", "alias/secrets").unwrap();
    let store = MemoryStore::new();
    let [vault, other] = {
        let (kek, wrapped) = ([8; 32], b"wrapped");
        let kms = Lock::kms(&key, wrapped, &kek);
        let custody = Custody::new("test").and_then(|it| it.lock("aws", kms)).unwrap();
        let vault = Vault::create(&store, &custody).unwrap();
        [vault, Vault::open(&store, &custody).unwrap()]
    };
    for _ in 0..3 {
        other.put(&install("a"), &secrets(), Expected::Absent).unwrap();
        vault.rotate(|_| Continue(())).unwrap();
        let found = other.get(&install("a")).unwrap().unwrap();
        other.delete(&install("a"), found.revision(), None).unwrap();
        other.rotate(|_| Continue(())).unwrap();
    }
    assert_eq!(LockedKeyring::load(&store).unwrap().set(), 1);
    assert_eq!(vault.verify(Scopes::All).unwrap().failed(), 0);
}

/// The process is killed when it makes a call of the store. Its own work is cut short there; another
/// process goes on.
#[test]
fn it_goes_on_wherever_it_was_killed() {
    for reads in [true, false] {
        for number in 0.. {
            let store = filled();
            let vault = opened(&store);
            let old = living(&store.store);
            let steps = (0..number).map(|_| Step::Pass).chain([Step::Unavailable]);
            if reads {
                store.reads(steps)
            } else {
                store.writes(steps)
            }
            let ended = vault.rotate(|_| Continue(()));
            if ended.is_ok() {
                assert!(number > 2, "{number}");
                break;
            }
            assert!(matches!(ended, Err(RotateError::Vault(_))), "{ended:?}");
            let report = opened(&store.store).verify(Scopes::All).unwrap();
            assert_eq!((report.documents(), report.past(), report.failed()), (3, 5, 0));
            rotate(&store.store);
            is_complete(&store.store);
            assert!(!living(&store.store).contains(&old[0]), "{number}");
        }
    }
}

#[test]
fn it_completes_though_the_store_does_not_confirm() {
    type Doubt = fn() -> Step<MemoryStore>;
    for doubt in [(|| Step::Lost) as Doubt, || Step::Done, || Step::Late] {
        for number in 0..4 {
            let store = filled();
            let old = living(&store.store);
            store.writes((0..number).map(|_| Step::Pass).chain([doubt()]));
            opened(&store).rotate(|_| Continue(())).unwrap();
            store.land();
            is_complete(&store.store);
            assert!(!living(&store.store).contains(&old[0]));
        }
    }
}

/// At each call of the store, another process rotates, or writes, or does both.
#[test]
fn others_rotate_and_write_meanwhile() {
    fn write(store: &MemoryStore) {
        let vault = opened(store).keep_history(5).unwrap();
        let second = Expected::Revision(revision(1));
        vault.put(&install("new"), &secrets(), Expected::Absent).unwrap();
        vault.put(&install("d"), &secrets(), second).unwrap();
        vault.restore(&install("c"), revision(1), Expected::Revision(revision(3)), None).unwrap();
    }
    let others: [fn(&MemoryStore); 3] = [rotate, write, |store| {
        write(store);
        rotate(store);
    }];
    for other in others {
        for reads in [true, false] {
            for number in 0.. {
                let store = filled();
                let vault = opened(&store);
                let old = living(&store.store);
                let begun = Arc::new(AtomicBool::new(false));
                let sign = begun.clone();
                let step = Step::after(move |store: &MemoryStore| {
                    sign.store(true, Ordering::Relaxed);
                    other(store);
                });
                let steps = (0..number).map(|_| Step::Pass).chain([step]);
                if reads {
                    store.reads(steps)
                } else {
                    store.writes(steps)
                }
                let report = vault.rotate(|_| Continue(())).unwrap();
                let opened = report.documents() + report.tombstones() + report.past();
                let counts = (opened, report.written(), report.kept());
                assert!(opened >= ROWS || counts == (0, 0, 0), "of all, or of none: {report:?}");
                is_rotated(&store.store);
                assert!(!living(&store.store).contains(&old[0]));
                if !begun.load(Ordering::Relaxed) {
                    // The rotation was over before.
                    assert!(number > 2, "{number}");
                    break;
                }
            }
        }
    }
}

/// The first rotation has added its key, and nothing else. The call finishes it, and makes its own.
#[test]
fn the_rotation_of_another_is_finished_first() {
    let store = filled();
    store.writes([Step::Pass, Step::Unavailable]);
    opened(&store).rotate(|_| Continue(())).unwrap_err();
    let before = living(&store.store);
    assert_eq!(before.len(), 2);
    rotate(&store.store);
    is_complete(&store.store);
    let after = living(&store.store);
    assert!(before.iter().all(|key| !after.contains(key)), "{before:?} {after:?}");
    assert_eq!(keyring_of(&store.store).generation(), 5);
}

#[test]
fn it_is_stopped_and_continued() {
    for stop in 1..4 {
        let store = filled();
        let vault = opened(&store);
        let mut calls = 0;
        let error = vault
            .rotate(|_| {
                calls += 1;
                if calls == stop { Break(()) } else { Continue(()) }
            })
            .unwrap_err();
        assert_eq!(chain(&error), "the rotation was stopped; call it again to go on");
        let RotateError::Unfinished(report) = error else { panic!("{error:?}") };
        assert!(!report.is_complete());
        assert_eq!(living(&store.store).len(), 2, "the keys are kept");
        vault.rotate(|_| Continue(())).unwrap();
        is_complete(&store.store);
    }
}

#[test]
fn a_record_that_does_not_open_keeps_its_key() {
    let store = filled();
    // A record in another's place, under the old key.
    let (a, d) = (install("a"), install("d"));
    store.show(d.as_bytes(), store.store.get(a.as_bytes()).unwrap().unwrap());
    let vault = opened(&store);
    for _ in 0..3 {
        let error = vault.rotate(|_| Continue(())).unwrap_err();
        let message = "the rotation is unfinished: a record failed, and its key is kept";
        assert_eq!(chain(&error), message);
        let RotateError::Unfinished(report) = error else { panic!("{error:?}") };
        assert_eq!(report.failures()[0].scope(), Some(d.clone()));
        assert_eq!(living(&store.store).len(), 2, "no key is added while one is kept");
    }
    // In the place of a record under the new key, so that only opening it tells.
    store.show(d.as_bytes(), store.store.get(a.as_bytes()).unwrap().unwrap());
    let error = vault.rotate(|_| Continue(())).unwrap_err();
    assert!(matches!(error, RotateError::Unfinished(_)), "{error:?}");

    store.show_all();
    vault.rotate(|_| Continue(())).unwrap();
    is_complete(&store.store);
}

#[test]
fn a_disabled_key_stays_as_it_is() {
    let store = MemoryStore::new();
    let own = Vault::new(&store, keyring());
    own.put(&install("a"), &secrets(), Expected::Absent).unwrap();
    let mut ring = keyring();
    let (old, new) = (ring.primary(), ring.add().unwrap());
    ring.promote(&new).unwrap();
    ring.disable(&old).unwrap();
    let vault = Vault::adopt(&store, ring, &locks()).unwrap();
    let error = vault.rotate(|_| Continue(())).unwrap_err();
    assert!(matches!(&error, RotateError::Unfinished(report) if report.failed() == 1), "{error:?}");
    assert!(vault.purge(&install("a")).unwrap());
    vault.rotate(|_| Continue(())).unwrap();
    is_rotated(&store);
    let state = |id| keyring_of(&store).entries().find(|(known, _)| *known == id).unwrap().1;
    assert_eq!(format!("{:?} {:?}", state(old), state(new)), "Disabled Destroyed");
}

#[test]
fn rotation_never_ends() {
    let store = MemoryStore::new();
    let vault = Vault::create(&store, &locks()).unwrap();
    vault.put(&install("a"), &secrets(), Expected::Absent).unwrap();
    for _ in 0..140 {
        vault.rotate(|_| Continue(())).unwrap();
    }
    is_rotated(&store);
    assert_eq!(keyring_of(&store).entries().len(), 129);
}
