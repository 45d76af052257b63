//! Old records that are put back, and records that are gone.

use std::ops::ControlFlow;

use secrets_toml::seal::{Keyring, Record, Scope};
use secrets_toml::store::backend::Write;
use secrets_toml::store::{MemoryStore, Store};
use secrets_toml::vault::{Expected, Scopes, Vault, VaultError};

use crate::faulty::{Faulty, Step};
use crate::seal::{install, keyring, revision, secrets, version};
use crate::vault::{Rings, Tested, beside, holds, vault};

/// Replaces the current record, as anybody can who can write to the store.
fn put_back(vault: &Tested, scope: &Scope, record: Option<Record>) {
    let store = &vault.store().store;
    store.purge(scope.as_bytes()).unwrap();
    if let Some(record) = record {
        store.apply(None, &[Write::create(scope, record)]).unwrap();
    }
}

fn old(scope: &Scope, number: u64) -> Option<Record> {
    Some(keyring().seal(scope, revision(number), &secrets()).unwrap())
}

#[track_caller]
fn rolled_back<T: std::fmt::Debug>(result: Result<T, VaultError>, seen: u64, now: Option<u64>) {
    match result.unwrap_err() {
        VaultError::RolledBack { highest, found } => {
            assert_eq!((highest, found), (revision(seen), now.map(revision)));
        }
        other => panic!("{other:?}"),
    }
}

/// A vault that has seen revision 3 of a scope.
fn at_three() -> (Tested, Scope) {
    let vault = vault();
    let acme = install("acme");
    let mut expected = Expected::Absent;
    for _ in 0..3 {
        expected = Expected::Revision(vault.put(&acme, &secrets(), expected).unwrap());
    }
    (vault, acme)
}

#[test]
fn an_old_record_is_refused_everywhere() {
    let (vault, acme) = at_three();
    for (record, found) in [(old(&acme, 2), Some(2)), (None, None)] {
        put_back(&vault, &acme, record);
        let other = install("other");
        rolled_back(vault.get(&acme), 3, found);
        rolled_back(vault.put(&acme, &secrets(), Expected::Absent), 3, found);
        let at = Expected::Revision(revision(2));
        rolled_back(vault.put(&acme, &secrets(), at), 3, found);
        rolled_back(vault.delete(&acme, revision(2), None), 3, found);
        rolled_back(vault.copy(&acme, &other, Expected::Absent, None), 3, found);
    }
    let error = vault.get(&acme).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rolled back: the scope had revision 3 before; it has no record now"
    );
}

#[track_caller]
fn forked<T: std::fmt::Debug>(result: Result<T, VaultError>, number: u64) {
    match result.unwrap_err() {
        VaultError::Forked { revision } => assert_eq!(revision.get(), number),
        other => panic!("{other:?}"),
    }
}

/// Another record of the revision that was seen: two writes made it.
#[test]
fn a_fork_is_refused_everywhere_however_often_it_is_rewrapped() {
    let (vault, acme) = at_three();
    put_back(&vault, &acme, old(&acme, 3));
    let told = "chat/1.2.0/acme: forked: revision 3 of the scope was written by another write \
                than before";
    for rewrapped in [false, true] {
        if rewrapped {
            let ring = Rings::new();
            vault.set_keyring(ring.load(0)).unwrap();
            // Sealed again, the fork would look like our revision after a rewrap.
            let own = vault.rewrap(Scopes::All, |_| ControlFlow::Continue(())).unwrap();
            assert_eq!((own.written(), own.failed()), (0, 1));
            assert_eq!(own.failures()[0].to_string(), told);
            assert_eq!(ring.rewrap(&vault.store().store, 0), 1);
        }
        let at = Expected::Revision(revision(3));
        forked(vault.get(&acme), 3);
        forked(vault.put(&acme, &secrets(), at), 3);
        forked(vault.delete(&acme, revision(3), None), 3);
        forked(vault.copy(&acme, &install("other"), Expected::Absent, None), 3);
        forked(vault.history(&acme), 3);
        let verified = vault.verify(Scopes::All).unwrap();
        assert_eq!((verified.documents(), verified.failed()), (0, 1));
        assert_eq!(verified.failures()[0].to_string(), told);
    }
    vault.accept_restore_of(&acme);
    holds(&vault, &acme, 3, crate::seal::TEXT);
}

/// A record from before a rewrap has the same revision and the same origin.
#[test]
fn a_record_from_before_a_rewrap_is_rolled_back() {
    let (vault, acme) = at_three();
    let before = vault.store().store.get(acme.as_bytes()).unwrap().unwrap();
    let mut ring = keyring();
    let new = ring.add().unwrap();
    ring.promote(&new).unwrap();
    vault.set_keyring(ring).unwrap();
    assert_eq!(vault.rewrap(Scopes::All, |_| ControlFlow::Continue(())).unwrap().written(), 1);
    vault.store().show(acme.as_bytes(), before);
    rolled_back(vault.get(&acme), 3, Some(3));
    assert_eq!(
        vault.get(&acme).unwrap_err().to_string(),
        "rolled back: the store has an older record of revision 3 than before"
    );
    let own = vault.rewrap(Scopes::All, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((own.written(), own.failed()), (0, 1), "it is not sealed again");
    vault.store().show_all();
    holds(&vault, &acme, 3, crate::seal::TEXT);
}

#[test]
fn a_record_of_a_higher_revision_is_none() {
    let (vault, acme) = at_three();
    put_back(&vault, &acme, old(&acme, 9));
    holds(&vault, &acme, 9, crate::seal::TEXT);
    put_back(&vault, &acme, old(&acme, 8));
    rolled_back(vault.get(&acme), 9, Some(8));
}

#[test]
fn reading_is_seeing_and_scanning_is_not() {
    let (vault, acme) = at_three();
    let reader = Vault::new(&vault.store().store, keyring());
    reader.verify(Scopes::All).unwrap();
    reader.usage().unwrap();
    reader.rewrap(Scopes::All, |_| ControlFlow::Continue(())).unwrap();
    put_back(&vault, &acme, old(&acme, 2));
    assert!(reader.get(&acme).is_ok());
    put_back(&vault, &acme, old(&acme, 1));
    rolled_back(reader.get(&acme), 2, Some(1));
}

#[test]
fn a_tombstone_is_seen_too() {
    let (vault, acme) = at_three();
    vault.delete(&acme, revision(3), None).unwrap();
    put_back(&vault, &acme, old(&acme, 3));
    rolled_back(vault.get(&acme), 4, Some(3));
}

#[test]
fn what_does_not_authenticate_is_not_seen() {
    let (vault, acme) = at_three();
    let mut record = old(&acme, 3).unwrap().into_bytes();
    record[8] = 0x7F;
    vault.store().show(acme.as_bytes(), record);
    assert!(matches!(vault.get(&acme), Err(VaultError::Open(_))));
    vault.store().show_all();
    holds(&vault, &acme, 3, crate::seal::TEXT);
}

#[test]
fn a_restore_on_purpose_is_accepted() {
    let (vault, acme) = at_three();
    put_back(&vault, &acme, old(&acme, 1));
    rolled_back(vault.get(&acme), 3, Some(1));
    vault.accept_restore();
    holds(&vault, &acme, 1, crate::seal::TEXT);
    put_back(&vault, &acme, None);
    rolled_back(vault.get(&acme), 1, None);
}

#[test]
fn a_purge_is_accepted_where_it_is_done() {
    let (vault, acme) = at_three();
    let other = beside(&vault);
    other.get(&acme).unwrap();
    vault.purge(&acme).unwrap();
    assert!(vault.get(&acme).unwrap().is_none());
    assert_eq!(vault.put(&acme, &secrets(), Expected::Absent).unwrap(), revision(1));
    rolled_back(other.get(&acme), 3, Some(1));
    other.accept_restore();
    assert!(other.get(&acme).is_ok());
}

#[test]
fn a_restore_of_one_scope_is_accepted_and_no_other() {
    let (vault, acme) = at_three();
    vault.put(&version(), &secrets(), Expected::Absent).unwrap();
    for scope in [&acme, &version()] {
        put_back(&vault, scope, None);
    }
    vault.accept_restore_of(&acme);
    assert!(vault.get(&acme).unwrap().is_none());
    rolled_back(vault.get(&version()), 1, None);
}

/// The purge of one scope while another one is read or written: what was seen of that one counts.
#[test]
fn a_purge_of_another_scope_forgets_nothing() {
    let acme = install("acme");
    let store = MemoryStore::new();
    store.apply(None, &[Write::create(&acme, old(&acme, 3).unwrap())]).unwrap();
    let reader = std::sync::Arc::new(Vault::new(Faulty::new(store), keyring()));
    for write in [false, true] {
        let inside = reader.clone();
        reader.store().reads([Step::after(move |_: &MemoryStore| {
            inside.purge(&version()).unwrap();
        })]);
        let seen = match write {
            false => reader.get(&acme).unwrap().unwrap().revision(),
            true => reader.put(&acme, &secrets(), Expected::Revision(revision(3))).unwrap(),
        };
        reader.store().show(acme.as_bytes(), old(&acme, 1).unwrap().into_bytes());
        rolled_back(reader.get(&acme), seen.get(), Some(1));
        reader.store().show_all();
    }
}

/// The watermark is read before the store. So a write in between is not a rollback, and neither is a
/// purge.
#[test]
fn the_watermark_is_read_before_the_record() {
    let (vault, acme) = at_three();
    let vault = std::sync::Arc::new(vault);
    let inside = vault.clone();
    vault.store().reads([Step::after(move |_: &MemoryStore| {
        inside.purge(&install("acme")).unwrap();
    })]);
    assert!(vault.get(&acme).unwrap().is_none());
}

/// To seal an old record again would make it look new.
#[test]
fn rewrapping_does_not_hide_a_rollback() {
    let (vault, acme) = at_three();
    vault.put(&version(), &secrets(), Expected::Absent).unwrap();
    put_back(&vault, &acme, old(&acme, 2));
    let mut keyring = Keyring::from_bytes([0x11; 32]);
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    vault.set_keyring(keyring).unwrap();
    let moved = vault.rewrap(Scopes::All, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((moved.written(), moved.failed()), (1, 1));
    assert_eq!(
        moved.failures()[0].to_string(),
        "chat/1.2.0/acme: rolled back: the scope had revision 3 before; \
         it has revision 2 now"
    );
    rolled_back(vault.get(&acme), 3, Some(2));
    let verified = vault.verify(Scopes::All).unwrap();
    assert_eq!((verified.documents(), verified.failed()), (1, 1));
}

#[test]
fn rewrapping_sets_no_mark_and_keeps_the_one_that_is_there() {
    let (seen, acme) = at_three();
    let unseen = Vault::new(Faulty::new(MemoryStore::new()), keyring());
    put_back(&unseen, &acme, old(&acme, 3));
    for (vault, noticed) in [(seen, true), (unseen, false)] {
        let mut keyring = keyring();
        let new = keyring.add().unwrap();
        keyring.promote(&new).unwrap();
        vault.set_keyring(keyring).unwrap();
        let moved = vault.rewrap(Scopes::All, |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(moved.written(), 1);
        put_back(&vault, &acme, old(&acme, 2));
        if noticed {
            rolled_back(vault.get(&acme), 3, Some(2));
        } else {
            holds(&vault, &acme, 2, crate::seal::TEXT);
        }
    }
}
