//! Exports, which carry their keyring.

use std::io::Cursor;
use std::ops::ControlFlow::Continue;

use secrets_toml::seal::{Keyring, Lock};
use secrets_toml::store::{MemoryStore, Store};
use secrets_toml::vault::{Expected, Report, Scopes, TransferError, Vault};

use super::{Custody, RELOCKED, fails, is_rotated, locks, opened, other_locks, rotate, row};
use crate::chain;
use crate::faulty::{Faulty, Step};
use crate::seal::{install, keyring, revision, secrets};

fn production() -> Custody<'static> {
    Custody::new("production").and_then(|it| it.lock("host", Lock::raw(&[7; 32]))).unwrap()
}

/// Two documents, one with a past, and a tombstone.
fn filled() -> Faulty<MemoryStore> {
    let store = Faulty::new(MemoryStore::new());
    let vault = Vault::create(&store, &locks()).unwrap().keep_history(5).unwrap();
    for name in ["a", "b", "c"] {
        vault.put(&install(name), &secrets(), Expected::Absent).unwrap();
    }
    vault.put(&install("a"), &secrets(), Expected::Revision(revision(1))).unwrap();
    vault.delete(&install("c"), revision(1), None).unwrap();
    store
}

fn exported(vault: &Vault<impl Store>) -> Vec<u8> {
    let mut export = Vec::new();
    assert_eq!(vault.export(&mut export).unwrap(), 6, "five records, and the keyring");
    export
}

fn counts(report: &Report) -> (u64, u64, u64) {
    (report.written(), report.kept(), report.failed())
}

#[test]
fn the_keyring_is_the_last_entry_of_an_export() {
    let store = filled();
    let export = exported(&opened(&store));
    let row = row(&store);
    let len = u32::try_from(row.len()).unwrap().to_be_bytes();
    let end = [&[0, 1, 0x7D][..], &len, &row, &[0, 0], &6_u64.to_be_bytes()].concat();
    assert!(export.ends_with(&end));
}

#[test]
fn an_export_outlives_rotations() {
    let store = filled();
    let vault = opened(&store);
    let export = exported(&vault);
    rotate(&store.store);
    rotate(&store.store);
    assert_eq!(counts(&vault.import(Cursor::new(&export)).unwrap()), (0, 5, 0));
    for name in ["a", "b", "c"] {
        assert!(vault.purge(&install(name)).unwrap());
    }
    let before = row(&store);
    assert_eq!(counts(&vault.import(Cursor::new(&export)).unwrap()), (5, 0, 0));
    assert_eq!(row(&store), before, "the keyring is not written");
    is_rotated(&store.store);
    let report = vault.verify(Scopes::All).unwrap();
    assert_eq!((report.documents(), report.tombstones(), report.past()), (2, 1, 2));
    assert_eq!(vault.get(&install("a")).unwrap().unwrap().rewraps(), 1);
}

#[test]
fn another_deployment_needs_a_lock_of_the_export() {
    let export = exported(&opened(&filled()));
    let store = MemoryStore::new();
    let vault = Vault::create(&store, &production()).unwrap();
    let before = row(&store);
    let report = vault.import(Cursor::new(&export)).unwrap();
    assert_eq!(counts(&report), (0, 0, 5));
    let message = report.failures()[0].error().to_string();
    assert!(message.ends_with("which is not in the keyring"), "{message}");
    let error = vault.import_with(Cursor::new(&export), &production()).unwrap_err();
    assert_eq!(chain(&error), "the keyring belongs to another deployment");

    let report = vault.import_with(Cursor::new(&export), &locks()).unwrap();
    assert_eq!(counts(&report), (5, 0, 0));
    assert_eq!(row(&store), before, "no key enters the keyring");
    let report = vault.verify(Scopes::All).unwrap();
    assert_eq!((report.documents(), report.tombstones(), report.past()), (2, 1, 2));
    assert_eq!(vault.usage().unwrap().by_key().count(), 1, "all is under the vault's own key");
    vault.rotate(|_| Continue(())).unwrap();
    assert_eq!(counts(&vault.import_with(Cursor::new(&export), &locks()).unwrap()), (0, 5, 0));

    // A vault whose keyring the host keeps.
    let own = Vault::new(MemoryStore::new(), keyring());
    assert_eq!(counts(&own.import_with(Cursor::new(&export), &locks()).unwrap()), (5, 0, 0));
    assert_eq!(own.usage().unwrap().records(&keyring().primary()), 5);
}

/// A process that has not loaded the newest keyring imports an export of today.
#[test]
fn an_export_may_be_newer_than_the_keyring_in_memory() {
    let store = filled();
    let sleeping = opened(&store);
    rotate(&store.store);
    let export = exported(&opened(&store));
    for name in ["a", "b", "c"] {
        store.purge(install(name).as_bytes()).unwrap();
    }
    assert_eq!(counts(&sleeping.import(Cursor::new(&export)).unwrap()), (5, 0, 0));
}

/// Whoever does not know the new locks is told so, and not that the records of the export are unreadable.
#[test]
fn an_export_under_locks_that_are_unknown_yet_is_imported_after_unlocking() {
    let store = filled();
    let sleeping = opened(&store);
    let relocked = opened(&store);
    relocked.relock(&other_locks()).unwrap();
    relocked.rotate(|_| Continue(())).unwrap();
    let export = exported(&relocked);
    for name in ["a", "b", "c"] {
        store.purge(install(name).as_bytes()).unwrap();
    }
    let error = sleeping.import(Cursor::new(&export)).unwrap_err();
    assert_eq!(chain(&error), RELOCKED);
    sleeping.unlock(&other_locks()).unwrap();
    assert_eq!(counts(&sleeping.import(Cursor::new(&export)).unwrap()), (5, 0, 0));
}

/// The key of a record is forged, disabled or destroyed. No rotation can be the reason, so it is exported.
#[test]
fn an_export_has_the_records_that_do_not_open() {
    let put = |vault: &Vault<&Faulty<MemoryStore>>, name| {
        vault.put(&install(name), &secrets(), Expected::Absent).unwrap();
    };
    let bad = install("bad");
    let forged: fn(&Faulty<MemoryStore>) = |store| {
        let other = Keyring::from_bytes([9; 32]);
        let record = other.seal_tombstone(&install("bad"), revision(1), None).unwrap();
        store.show(install("bad").as_bytes(), record.as_bytes().to_vec());
    };
    let destroyed: fn(&Faulty<MemoryStore>) = |store| {
        let old = store.store.get(install("bad").as_bytes()).unwrap().unwrap();
        rotate(&store.store);
        store.show(install("bad").as_bytes(), old);
    };
    let mut cases = Vec::new();
    for breaks in [forged, destroyed] {
        let store = Faulty::new(MemoryStore::new());
        put(&Vault::create(&store, &locks()).unwrap(), "bad");
        breaks(&store);
        cases.push(store);
    }
    let disabled = Faulty::new(MemoryStore::new());
    put(&Vault::new(&disabled, keyring()), "bad");
    let mut ring = keyring();
    let (old, new) = (ring.primary(), ring.add().unwrap());
    ring.promote(&new).unwrap();
    ring.disable(&old).unwrap();
    drop(Vault::adopt(&disabled, ring, &locks()).unwrap());
    cases.push(disabled);

    for store in cases {
        let vault = opened(&store);
        put(&vault, "good");
        let mut export = Vec::new();
        assert_eq!(vault.export(&mut export).unwrap(), 3, "two records, and the keyring");
        let other = Vault::create(MemoryStore::new(), &production()).unwrap();
        let report = other.import_with(Cursor::new(&export), &locks()).unwrap();
        assert_eq!(counts(&report), (1, 0, 1));
        assert_eq!(report.failures()[0].scope(), Some(bad.clone()));
    }
}

/// The keys were rotated so often during the export that the keyring does not know the records' key any
/// more. The keyring of the beginning opens them.
#[test]
fn an_export_may_outlive_the_memory_of_a_keyring() {
    let store = filled();
    let vault = opened(&store);
    // The keyring, the page of all records, and the end of the scan.
    let rotates = Step::after(|store| (0..130).for_each(|_| rotate(store)));
    store.reads([Step::Pass, Step::Pass, rotates]);
    let export = exported(&vault);
    let other = Vault::create(MemoryStore::new(), &production()).unwrap();
    let report = other.import_with(Cursor::new(&export), &locks()).unwrap();
    assert_eq!(counts(&report), (5, 0, 0), "{:?}", report.failures());
}

/// An export during a rotation opens with the keyring that it carries, or says that it would not.
#[test]
fn an_export_during_a_rotation_is_whole_or_refused() {
    let mut refused = 0;
    for number in 0..6 {
        for rotations in 1..3 {
            let store = filled();
            let vault = opened(&store);
            let steps = (0..rotations).map(|_| Step::after(rotate));
            store.reads((0..number).map(|_| Step::Pass).chain(steps));
            let mut export = Vec::new();
            match vault.export(&mut export) {
                Ok(_) => {
                    let other = Vault::create(MemoryStore::new(), &production()).unwrap();
                    let report = other.import_with(Cursor::new(&export), &locks()).unwrap();
                    assert_eq!(counts(&report), (5, 0, 0), "{number}: {:?}", report.failures());
                }
                Err(error) => {
                    assert!(matches!(error, TransferError::Rotated), "{error:?}");
                    let message = "the keys were rotated during the export: export again";
                    assert_eq!(error.to_string(), message);
                    refused += 1;
                }
            }
        }
    }
    assert!(refused < 4, "{refused}");
    fails(Vault::open(&MemoryStore::new(), &locks()), super::EMPTY);
}
