//! Readers, whose keys are rotated meanwhile: an error is reported only if it is true.

use std::ops::ControlFlow::Continue;

use secrets_toml::seal::{Header, OpenError, Revision};
use secrets_toml::store::backend::KEYRING_ROW;
use secrets_toml::store::{MemoryStore, Store};
use secrets_toml::vault::{Expected, Newer, Scopes, TransferError, Vault};

use super::{fails, locks, opened, rotate};
use crate::faulty::{Faulty, Step};
use crate::seal::{install, revision, secrets};

type Read = fn(&Vault<&Faulty<MemoryStore>>);

/// Each read, which panics if it meets an error.
const READS: [(&str, Read); 9] = [
    ("get", |vault| assert!(vault.get(&install("a")).unwrap().is_some())),
    ("get_newer", |vault| {
        let newer = vault.get_newer(&install("a"), Revision::FIRST).unwrap();
        assert!(matches!(newer, Newer::Opened(_)), "{newer:?}");
    }),
    ("get_at", |vault| {
        for number in 1..=2 {
            assert!(vault.get_at(&install("a"), revision(number)).unwrap().is_some());
        }
    }),
    ("history", |vault| {
        let numbers = vault.history(&install("a")).unwrap().map(|entry| entry.unwrap().revision());
        assert_eq!(numbers.collect::<Vec<_>>(), [revision(2), revision(1)]);
    }),
    ("verify", |vault| {
        let report = vault.verify(Scopes::All).unwrap();
        let found = (report.documents(), report.past(), report.failed());
        assert_eq!(found, (3, 3, 0), "{:?}", report.failures());
    }),
    ("manifest", |vault| {
        let mut manifest = Vec::new();
        assert_eq!(vault.manifest(Revision::FIRST, &mut manifest).unwrap(), 3);
    }),
    ("verify_against", |vault| {
        let store = vault.store();
        let mut manifest = Vec::new();
        opened(&store.store).manifest(Revision::FIRST, &mut manifest).unwrap();
        match vault.verify_against(&manifest[..]) {
            Ok(report) => {
                assert_eq!(
                    (report.unchanged(), report.failed()),
                    (3, 0),
                    "{:?}",
                    report.failures()
                );
            }
            // The manifest itself is under a key that the test destroys.
            Err(TransferError::Open(OpenError::KeyDestroyed(_))) => {}
            Err(error) => panic!("{error:?}"),
        }
    }),
    ("usage", |vault| assert_eq!(vault.usage().unwrap().unreadable(), 0)),
    ("rewrap", |vault| {
        let report = vault.rewrap(Scopes::All, |_| Continue(())).unwrap();
        assert_eq!(report.failed(), 0, "{:?}", report.failures());
    }),
];

fn filled() -> Faulty<MemoryStore> {
    let store = Faulty::new(MemoryStore::new());
    let vault = Vault::create(&store, &locks()).unwrap().keep_history(5).unwrap();
    for name in ["a", "b", "c"] {
        vault.put(&install(name), &secrets(), Expected::Absent).unwrap();
        vault.put(&install(name), &secrets(), Expected::Revision(Revision::FIRST)).unwrap();
    }
    store
}

#[test]
fn a_reader_that_slept_through_rotations_sees_no_error() {
    for rotations in 1..3 {
        for (_, read) in READS {
            let store = filled();
            let vault = opened(&store);
            (0..rotations).for_each(|_| rotate(&store.store));
            read(&vault);
        }
    }
}

/// The keys are rotated before one of the calls of the store, and before each of them.
#[test]
fn a_rotation_in_the_middle_of_a_read_is_no_error() {
    for (_, read) in READS {
        for number in 0..12 {
            for steps in [1, 3] {
                let store = filled();
                let vault = opened(&store);
                let rotations = (0..steps).map(|_| Step::after(rotate));
                store.reads((0..number).map(|_| Step::Pass).chain(rotations));
                read(&vault);
            }
        }
    }
}

/// A manifest lists no record, so nothing else loads the keyring.
#[test]
fn a_manifest_is_sealed_and_opened_under_the_keyring_of_the_store() {
    let store = MemoryStore::new();
    let vault = Vault::create(&store, &locks()).unwrap();
    for makes_it in [true, false] {
        let sleeping = opened(&store);
        vault.rotate(|_| Continue(())).unwrap();
        let [makes, verifies] = if makes_it { [&sleeping, &vault] } else { [&vault, &sleeping] };
        let mut manifest = Vec::new();
        makes.manifest(Revision::FIRST, &mut manifest).unwrap();
        assert_eq!(verifies.verify_against(&manifest[..]).unwrap().failed(), 0, "{makes_it}");
    }
}

#[test]
fn a_manifest_that_is_made_during_a_rotation_outlives_it() {
    let store = filled();
    let sleeping = opened(&store);
    let mut manifest = Vec::new();
    let report = opened(&store.store).rotate(|_| {
        if manifest.is_empty() {
            sleeping.manifest(Revision::FIRST, &mut manifest).unwrap();
        }
        Continue(())
    });
    assert_eq!(report.unwrap().written(), 6);
    assert_eq!(opened(&store).verify_against(&manifest[..]).unwrap().unchanged(), 3);
}

#[test]
fn a_forged_key_costs_one_more_read() {
    let store = filled();
    let a = install("a");
    let mut forged = store.store.get(a.as_bytes()).unwrap().unwrap();
    forged[20..36].fill(9);
    let id = Header::parse(&forged).unwrap().key_id();
    let message = format!("the record is under key {id}, which is not in the keyring");
    store.show(a.as_bytes(), forged);
    fails(opened(&store).get(&a), &message);
    let report = opened(&store).verify(Scopes::All).unwrap();
    // Its past revision fails with it.
    assert_eq!((report.failed(), report.documents(), report.past()), (2, 2, 2));
    assert_eq!(report.failures()[0].error().to_string(), message);

    let vault = opened(&store);
    let count = |read: &dyn Fn()| {
        let before = store.gets();
        read();
        store.gets() - before
    };
    // The record, the keyring, the record again.
    assert_eq!(count(&|| drop(vault.get(&a).unwrap_err())), 3);
    store.show_all();
    assert_eq!(count(&|| drop(vault.get(&a).unwrap())), 1);
    rotate(&store.store);
    assert_eq!(count(&|| drop(vault.get(&a).unwrap())), 3);
    assert_eq!(count(&|| drop(vault.get(&a).unwrap())), 1);
    let missing = Faulty::new(MemoryStore::new());
    let vault = Vault::create(&missing, &locks()).unwrap();
    vault.put(&a, &secrets(), Expected::Absent).unwrap();
    missing.store.purge(KEYRING_ROW).unwrap();
    assert!(vault.get(&a).unwrap().is_some(), "a key that is known needs no keyring");
}

#[test]
fn a_key_that_is_destroyed_for_good_is_reported() {
    let store = filled();
    let a = install("a");
    let old = store.store.get(a.as_bytes()).unwrap().unwrap();
    let id = Header::parse(&old).unwrap().key_id();
    rotate(&store.store);
    store.show(a.as_bytes(), old);
    let vault = opened(&store);
    let message = format!("the record is under key {id}, which was destroyed");
    fails(vault.get(&a), &message);
    fails(vault.put(&a, &secrets(), Expected::Revision(revision(2))), &message);
    store.show_all();
    vault.put(&a, &secrets(), Expected::Revision(revision(2))).unwrap();
}
