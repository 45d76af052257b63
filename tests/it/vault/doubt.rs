//! A store that fails while it writes: the four outcomes.

use std::error::Error;
use std::io::Cursor;
use std::ops::ControlFlow::Continue;

use secrets_toml::seal::{Revision, Scope};
use secrets_toml::store::backend::Outcome;
use secrets_toml::store::{MemoryStore, Store, StoreError};
use secrets_toml::vault::{Expected, Scopes, TransferError, Vault, VaultError};

use crate::faulty::Step;
use crate::seal::{install, keyring, revision, secrets};
use crate::vault::altered::Altered;
use crate::vault::{Rings, Tested, beside, conflicts, document, holds, vault};

const OURS: &str = "WHOSE = 'ours'";
const THEIRS: &str = "WHOSE = 'theirs'";

/// A vault with a document at revision 1, and what becomes of the next two calls that write.
fn with(steps: impl IntoIterator<Item = Step<MemoryStore>>) -> (Tested, Scope) {
    let vault = vault();
    let acme = install("acme");
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    vault.store().writes(steps);
    (vault, acme)
}

fn put_ours(vault: &Tested, scope: &Scope) -> Result<Revision, VaultError> {
    vault.put(scope, &document(OURS), Expected::Revision(revision(1)))
}

/// Another process writes, some times.
fn meanwhile(times: u64) -> Step<MemoryStore> {
    Step::after(move |store: &MemoryStore| {
        let vault = Vault::new(store, keyring());
        for _ in 0..times {
            let at = vault.get(&install("acme")).unwrap().unwrap().revision();
            vault.put(&install("acme"), &document(THEIRS), Expected::Revision(at)).unwrap();
        }
    })
}

#[test]
fn unavailable_means_that_nothing_was_changed() {
    let (vault, acme) = with([Step::Unavailable]);
    let error = put_ours(&vault, &acme).unwrap_err();
    assert!(matches!(error, VaultError::Store(StoreError::Unavailable(_))), "{error:?}");
    assert_eq!(error.to_string(), "the store is unavailable; nothing was changed");
    holds(&vault, &acme, 1, crate::seal::TEXT);
    vault.store().reads([Step::Unavailable]);
    assert!(matches!(vault.get(&acme), Err(VaultError::Store(StoreError::Unavailable(_)))));
    assert_eq!(put_ours(&vault, &acme).unwrap(), revision(2));
}

#[test]
fn what_was_lost_is_sent_again() {
    for steps in [vec![Step::Lost], vec![Step::Done], vec![Step::Late]] {
        let (vault, acme) = with(steps);
        assert_eq!(put_ours(&vault, &acme).unwrap(), revision(2));
        holds(&vault, &acme, 2, OURS);
        // The same bytes: what lands late finds itself.
        assert!(vault.store().land().iter().all(|outcome| *outcome == Outcome::Conflict));
        holds(&vault, &acme, 2, OURS);
        // It was acknowledged, so it is remembered.
        vault.store().store.purge(acme.as_bytes()).unwrap();
        assert!(matches!(vault.get(&acme), Err(VaultError::RolledBack { .. })));
    }
}

#[test]
fn the_first_document_and_a_deletion_are_sent_again_too() {
    for step in [Step::Lost, Step::Done, Step::Late] {
        let vault = vault();
        let acme = install("acme");
        vault.store().writes([step]);
        assert_eq!(vault.put(&acme, &document(OURS), Expected::Absent).unwrap(), revision(1));
        vault.store().land();
        holds(&vault, &acme, 1, OURS);
    }
    let (vault, acme) = with([Step::Done]);
    assert_eq!(vault.delete(&acme, revision(1), None).unwrap(), revision(2));
}

#[test]
fn another_record_at_our_revision_is_a_conflict() {
    let (vault, acme) = with([Step::Lost, meanwhile(1)]);
    conflicts(put_ours(&vault, &acme), Some(2));
    holds(&vault, &acme, 2, THEIRS);

    let (vault, acme) = with([Step::Late, meanwhile(1)]);
    conflicts(put_ours(&vault, &acme), Some(2));
    assert_eq!(vault.store().land(), [Outcome::Conflict], "it is too late for ever");
    holds(&vault, &acme, 2, THEIRS);
}

#[test]
fn our_record_is_ours_however_often_it_was_rewrapped() {
    let (vault, acme) = with([]);
    let rings = Rings::new();
    vault.set_keyring(rings.load(1)).unwrap();
    let rewrap = Step::after(move |store: &MemoryStore| assert_eq!(rings.rewrap(store, 0), 1));
    vault.store().writes([Step::Done, rewrap]);
    assert_eq!(put_ours(&vault, &acme).unwrap(), revision(2));
    holds(&vault, &acme, 2, OURS);
    assert_eq!(vault.get(&acme).unwrap().unwrap().rewraps(), 1);
}

/// A rewrap between reading and writing: the write is planned anew, a hundred times.
#[test]
fn a_rewrap_in_between_is_no_conflict() {
    for (refused, written) in [(1, true), (99, true), (100, false)] {
        for first in [None, Some(Step::Lost), Some(Step::Late)] {
            let lost = first.is_some();
            let rings = Rings::new();
            let (vault, acme) = with(first);
            vault.set_keyring(rings.load(1)).unwrap();
            vault.store().writes((0..refused).map(|turn| {
                let rings = rings.clone();
                Step::after(move |store: &MemoryStore| {
                    assert_eq!(rings.rewrap(store, turn), 1);
                })
            }));
            let put = put_ours(&vault, &acme);
            if written {
                assert_eq!(put.unwrap(), revision(2), "{refused} {lost}");
                holds(&vault, &acme, 2, OURS);
            } else {
                conflicts(put, Some(1));
                assert_eq!(vault.get(&acme).unwrap().unwrap().revision(), revision(1));
            }
            assert!(vault.store().land().iter().all(|outcome| *outcome == Outcome::Conflict));
        }
    }
}

/// A visible record need not be durable. So it is written once more over itself.
#[test]
fn our_record_is_confirmed_by_a_write_over_itself() {
    for (third, known) in [(Step::Pass, true), (Step::Unavailable, false), (Step::Done, false)] {
        let (vault, acme) = with([Step::Done, Step::Pass, third]);
        match put_ours(&vault, &acme) {
            Ok(_) => assert!(known),
            Err(VaultError::Unknown(_)) => assert!(!known),
            Err(error) => panic!("{error:?}"),
        }
        holds(&vault, &acme, 2, OURS);
    }
    let (vault, acme) = with([Step::Done, Step::Pass, meanwhile(1)]);
    let error = put_ours(&vault, &acme).unwrap_err();
    assert!(matches!(error, VaultError::Superseded { .. }), "{error:?}");
}

/// The scope was purged here and made again, while the write was in doubt.
#[test]
fn a_lower_revision_leaves_it_open() {
    let (vault, acme) = with([]);
    vault.put(&acme, &secrets(), Expected::Revision(revision(1))).unwrap();
    let vault = std::sync::Arc::new(vault);
    let inside = vault.clone();
    let made_again = Step::after(move |_: &MemoryStore| {
        inside.purge(&install("acme")).unwrap();
        inside.put(&install("acme"), &document(THEIRS), Expected::Absent).unwrap();
    });
    vault.store().writes([Step::Done, made_again]);
    let error = vault.put(&acme, &document(OURS), Expected::Revision(revision(2))).unwrap_err();
    let VaultError::Superseded { current } = error else { panic!("{error:?}") };
    assert_eq!(current, Some(revision(1)));
    holds(&vault, &acme, 1, THEIRS);
}

#[test]
fn a_higher_revision_leaves_it_open() {
    for (first, times) in [(Step::Done, 1), (Step::Lost, 2)] {
        let (vault, acme) = with([first, meanwhile(times)]);
        let error = put_ours(&vault, &acme).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the store did not confirm the write, and the scope has changed since: it has revision 3 now"
        );
        match error {
            VaultError::Superseded { current } => assert_eq!(current, Some(revision(3))),
            other => panic!("{other:?}"),
        }
        holds(&vault, &acme, 3, THEIRS);
    }
}

#[test]
fn no_record_leaves_it_open_too() {
    let purge = || {
        Step::after(|store: &MemoryStore| {
            store.purge(install("acme").as_bytes()).unwrap();
        })
    };
    // The condition of a first document holds again after a purge, so it is written.
    let vault = vault();
    vault.store().writes([Step::Done, purge()]);
    let put = vault.put(&install("acme"), &document(OURS), Expected::Absent);
    assert_eq!(put.unwrap(), revision(1));

    // That of a later one does not. The mark says that something is gone.
    let (vault, acme) = with([Step::Done, purge()]);
    let error = put_ours(&vault, &acme).unwrap_err();
    assert!(matches!(error, VaultError::Unknown(_)), "{error:?}");
    let source = error.source().unwrap().to_string();
    assert_eq!(source, "rolled back: the scope had revision 1 before; it has no record now");

    // The mark was forgotten when it was purged here.
    let vault = std::sync::Arc::new(vault);
    vault.accept_restore();
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    let inside = vault.clone();
    let purge_here = Step::after(move |_: &MemoryStore| {
        inside.purge(&install("acme")).unwrap();
    });
    vault.store().writes([Step::Done, purge_here]);
    let error = put_ours(&vault, &acme).unwrap_err();
    assert!(matches!(error, VaultError::Superseded { current: None }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the store did not confirm the write, and the scope has changed since: it has no record now"
    );
}

#[test]
fn without_an_answer_it_is_unknown() {
    for steps in [
        [Step::Lost, Step::Lost],
        [Step::Done, Step::Done],
        [Step::Done, Step::Unavailable],
        [Step::Late, Step::Lost],
    ] {
        let (vault, acme) = with(steps);
        let error = put_ours(&vault, &acme).unwrap_err();
        assert!(matches!(error, VaultError::Unknown(_)), "{error:?}");
        assert_eq!(
            error.to_string(),
            "the store did not confirm the write: it may or may not have happened"
        );
        assert!(error.source().is_some());
        // In every case, the next write is decided by the current record.
        vault.store().land();
        let at = vault.get(&acme).unwrap().unwrap().revision();
        vault.put(&acme, &secrets(), Expected::Revision(at)).unwrap();
    }
    // It was written, and sent again, and then nothing could be read.
    let (vault, acme) = with([Step::Done]);
    vault.store().reads([Step::Pass, Step::Unavailable]);
    assert!(matches!(put_ours(&vault, &acme), Err(VaultError::Unknown(_))));
}

#[test]
fn a_conflict_in_between_tells_the_current_revision() {
    let (vault, acme) = with([meanwhile(3)]);
    conflicts(put_ours(&vault, &acme), Some(4));
    let (vault, acme) = with([meanwhile(1)]);
    conflicts(vault.delete(&acme, revision(1), None), Some(2));
    let other = install("other");
    let create = Step::after(move |store: &MemoryStore| {
        let vault = Vault::new(store, keyring());
        vault.put(&install("other"), &document(THEIRS), Expected::Absent).unwrap();
    });
    let (vault, acme) = with([create]);
    conflicts(vault.copy(&acme, &other, Expected::Absent, None), Some(1));
    holds(&vault, &other, 1, THEIRS);
    assert!(beside(&vault).get(&acme).unwrap().is_some());
}

#[test]
fn a_purge_is_sent_again() {
    for (steps, known) in [
        (vec![Step::Lost], true),
        (vec![Step::Done], true),
        (vec![Step::Lost, Step::Lost], false),
        (vec![Step::Done, Step::Unavailable], false),
    ] {
        let (vault, acme) = with(steps);
        let purged = vault.purge(&acme);
        if known {
            assert!(purged.unwrap());
            assert!(vault.get(&acme).unwrap().is_none());
        } else {
            assert!(matches!(purged, Err(VaultError::Unknown(_))), "{purged:?}");
            vault.get(&acme).unwrap();
        }
    }
    let (vault, acme) = with([Step::Unavailable]);
    assert!(matches!(vault.purge(&acme), Err(VaultError::Store(StoreError::Unavailable(_)))));
    holds(&vault, &acme, 1, crate::seal::TEXT);
}

#[test]
fn an_outcome_too_few_is_no_answer() {
    let mut keyring = keyring();
    let vault = Vault::new(MemoryStore::new(), self::keyring());
    for name in ["one", "two"] {
        vault.put(&install(name), &secrets(), Expected::Absent).unwrap();
    }
    let mut file = Vec::new();
    vault.export(&mut file).unwrap();
    // It does what it is asked to, and gives an outcome too few.
    let forgetful =
        |store| Altered::outcomes(store, |_, outcomes| outcomes.truncate(outcomes.len() - 1));
    let vault_of = |store| Vault::new(forgetful(store), self::keyring());

    let error = vault_of(MemoryStore::new()).put(&install("one"), &secrets(), Expected::Absent);
    assert!(matches!(error, Err(VaultError::Unknown(_))), "{error:?}");
    let error = vault_of(MemoryStore::new()).import(Cursor::new(&file));
    assert!(matches!(error, Err(TransferError::Vault(VaultError::Unknown(_)))), "{error:?}");

    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    let store = MemoryStore::new();
    Vault::new(&store, self::keyring()).import(Cursor::new(&file)).unwrap();
    let error =
        Vault::new(forgetful(store), keyring).rewrap(Scopes::All, |_| Continue(())).unwrap_err();
    assert!(matches!(error, VaultError::Unknown(_)), "{error:?}");
}
