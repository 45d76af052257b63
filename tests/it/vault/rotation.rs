//! A new primary key: everything moves to it, beside whoever writes, and the old one is destroyed
//! when nothing needs it.

use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;
use std::thread;

use secrets_toml::seal::{KeyId, KeyState, Keyring, Lock, LockedKeyring, OpenError, Scope};
use secrets_toml::store::backend::Write;
use secrets_toml::store::{MemoryStore, Store, StoreError};
use secrets_toml::vault::{Expected, Scopes, Vault, VaultError};

use crate::faulty::{Faulty, Step};
use crate::seal::{custody, install, keyring, revision, secrets, version};
use crate::vault::{Tested, document, holds, vault};

const KEK: [u8; 32] = [5; 32];

/// Makes keyrings with the same two keys, as a host does that locks one and loads it again.
struct Host {
    locked: String,
    old: KeyId,
    new: KeyId,
}

impl Host {
    fn new() -> Self {
        let mut keyring = keyring();
        let (old, new) = (keyring.primary(), keyring.add().unwrap());
        let locked = keyring.lock(&custody(Lock::raw(&KEK))).unwrap();
        Self { locked, old, new }
    }

    fn load(&self) -> Keyring {
        let locked = LockedKeyring::parse(&self.locked).unwrap();
        locked.unlock(&custody(Lock::raw(&KEK))).unwrap()
    }

    fn promoted(&self) -> Keyring {
        let mut keyring = self.load();
        keyring.promote(&self.new).unwrap();
        keyring
    }

    fn disabled(&self) -> Keyring {
        let mut keyring = self.promoted();
        keyring.disable(&self.old).unwrap();
        keyring
    }
}

fn fill(vault: &Vault<impl Store>, count: u64) -> Vec<Scope> {
    let scopes: Vec<_> = (0..count).map(|i| install(&format!("{i:05}"))).collect();
    for scope in &scopes {
        vault.put(scope, &secrets(), Expected::Absent).unwrap();
    }
    scopes
}

fn rewrap(vault: &Vault<impl Store>) -> (u64, u64, u64) {
    let moved = vault.rewrap(Scopes::All, |_| Continue(())).unwrap();
    assert!(moved.is_complete());
    (moved.written(), moved.kept(), moved.failed())
}

#[test]
fn documents_and_tombstones_move() {
    let host = Host::new();
    let vault = vault();
    let scopes = fill(&vault, 3);
    vault.delete(&scopes[1], revision(1), None).unwrap();
    vault.set_keyring(host.promoted()).unwrap();
    vault.put(&scopes[2], &document("NEW = 'x'"), Expected::Revision(revision(1))).unwrap();
    assert_eq!(rewrap(&vault), (2, 1, 0));
    let usage = vault.usage().unwrap();
    assert_eq!((usage.records(&host.old), usage.records(&host.new)), (0, 3));
    holds(&vault, &scopes[0], 1, crate::seal::TEXT);
    holds(&vault, &scopes[2], 2, "NEW = 'x'");
    let tombstone = vault.get(&scopes[1]).unwrap().unwrap();
    assert!(tombstone.is_tombstone() && tombstone.revision() == revision(2));
    assert_eq!(rewrap(&vault), (0, 3, 0));
}

/// Stopped after each batch in turn, and run again.
#[test]
fn it_can_be_stopped_and_run_again() {
    const RECORDS: u64 = 4000;
    let host = Host::new();
    let vault = vault();
    fill(&vault, RECORDS);
    vault.set_keyring(host.promoted()).unwrap();
    let mut done = 0;
    for runs in 1.. {
        let mut calls = 0;
        let moved = vault
            .rewrap(Scopes::All, |now| {
                calls += 1;
                assert!(now.written() + now.kept() <= RECORDS);
                if now.written() > 0 { Break(()) } else { Continue(()) }
            })
            .unwrap();
        assert!(calls <= 3, "a call for each page");
        done += moved.written();
        assert_eq!(vault.usage().unwrap().records(&host.old), RECORDS - done);
        if moved.is_complete() {
            assert_eq!((runs, moved.kept()), (3, RECORDS));
            break;
        }
    }
    assert_eq!(done, RECORDS);
}

#[test]
fn a_bad_record_is_reported_and_the_others_move() {
    let host = Host::new();
    let vault = vault();
    let scopes = fill(&vault, 200);
    let record = vault.store().store.get(scopes[0].as_bytes()).unwrap().unwrap();
    vault.set_keyring(host.promoted()).unwrap();
    vault.store().show(scopes[7].as_bytes(), record);
    vault.store().show(scopes[8].as_bytes(), b"no record".to_vec());
    let moved = vault.rewrap(Scopes::All, |_| Continue(())).unwrap();
    assert_eq!((moved.written(), moved.failed()), (198, 2));
    assert_eq!(moved.failures()[0].scope().as_ref(), Some(&scopes[7]));
    let errors: Vec<_> = moved.failures().iter().map(|failure| failure.error()).collect();
    assert!(matches!(errors[0], VaultError::Open(OpenError::Mismatch)), "{errors:?}");
    assert!(matches!(errors[1], VaultError::Open(OpenError::NotARecord)), "{errors:?}");
    vault.store().show_all();
    assert_eq!(rewrap(&vault), (2, 198, 0));

    for scope in &scopes {
        vault.store().show(scope.as_bytes(), b"no record".to_vec());
    }
    let verified = vault.verify(Scopes::All).unwrap();
    assert_eq!((verified.failed(), verified.failures().len()), (200, 100));
}

#[test]
fn a_record_that_is_written_in_between_is_read_again() {
    let host = Host::new();
    for new_writer in [false, true] {
        let vault = vault();
        fill(&vault, 3);
        vault.set_keyring(host.promoted()).unwrap();
        let ring = if new_writer { host.promoted() } else { host.load() };
        vault.store().writes([Step::after(move |store: &MemoryStore| {
            let writer = Vault::new(store, ring);
            let at = Expected::Revision(revision(1));
            writer.put(&install("00001"), &document("NEW = 'x'"), at).unwrap();
            writer.delete(&install("00002"), revision(1), None).unwrap();
        })]);
        let expected = if new_writer { (1, 2, 0) } else { (3, 0, 0) };
        assert_eq!(rewrap(&vault), expected);
        assert_eq!(vault.usage().unwrap().records(&host.old), 0);
        holds(&vault, &install("00001"), 2, "NEW = 'x'");
    }
}

#[test]
fn a_record_that_others_keep_writing_is_tried_so_often() {
    let host = Arc::new(Host::new());
    for (times, expected) in [(2, (1, 0, 0)), (100, (1, 0, 0)), (101, (0, 0, 1))] {
        let vault = vault();
        let scopes = fill(&vault, 1);
        vault.set_keyring(host.promoted()).unwrap();
        vault.store().writes((0..times).map(|number| {
            let (scope, ring) = (scopes[0].clone(), host.clone());
            Step::after(move |store: &MemoryStore| {
                let at = Expected::Revision(revision(number + 1));
                Vault::new(store, ring.load()).put(&scope, &secrets(), at).unwrap();
            })
        }));
        let moved = vault.rewrap(Scopes::All, |_| Continue(())).unwrap();
        assert_eq!((moved.written(), moved.kept(), moved.failed()), expected, "{times} times");
        if let [failure] = moved.failures() {
            assert!(matches!(failure.error(), VaultError::Conflict { current: Some(_) }));
        }
    }
}

/// A page may be older than the watermark: the current record counts.
#[test]
fn what_is_written_or_purged_after_a_page_was_read_is_no_failure() {
    for (purged, expected) in [(false, (1, 0, 0)), (true, (0, 0, 0))] {
        let vault = Arc::new(vault());
        let scope = fill(&vault, 1).remove(0);
        let before = vault.store().store.get(scope.as_bytes()).unwrap().unwrap();
        vault.put(&scope, &secrets(), Expected::Revision(revision(1))).unwrap();
        vault.store().show(scope.as_bytes(), before);
        let (inside, at) = (vault.clone(), scope.clone());
        vault.store().reads([
            Step::Pass,
            Step::after(move |_: &MemoryStore| {
                inside.store().show_all();
                if purged {
                    inside.purge(&at).unwrap();
                }
            }),
        ]);
        let found = vault.verify(Scopes::All).unwrap();
        assert_eq!((found.documents(), found.tombstones(), found.failed()), expected);
    }
}

#[test]
fn a_record_that_is_purged_in_between_is_skipped() {
    let host = Host::new();
    let vault = Arc::new(vault());
    fill(&vault, 2);
    vault.set_keyring(host.promoted()).unwrap();
    let inside = vault.clone();
    vault.store().writes([Step::after(move |_: &MemoryStore| {
        inside.purge(&install("00001")).unwrap();
    })]);
    assert_eq!(rewrap(&vault), (1, 1, 0));
    assert!(vault.get(&install("00001")).unwrap().is_none());
}

#[test]
fn a_store_that_fails_ends_it_and_it_goes_on_later() {
    let host = Host::new();
    for (steps, unknown) in [
        (vec![Step::Unavailable], Some(false)),
        (vec![Step::Lost], None),
        (vec![Step::Done], None),
        (vec![Step::Late], None),
        (vec![Step::Lost, Step::Lost], Some(true)),
        (vec![Step::Done, Step::Unavailable], Some(true)),
    ] {
        let vault = vault();
        let scopes = fill(&vault, 3);
        vault.set_keyring(host.promoted()).unwrap();
        vault.store().writes(steps);
        let moved = vault.rewrap(Scopes::All, |_| Continue(()));
        match unknown {
            None => assert_eq!(moved.unwrap().failed(), 0),
            Some(true) => assert!(matches!(moved, Err(VaultError::Unknown(_)))),
            Some(false) => {
                assert!(matches!(moved, Err(VaultError::Store(StoreError::Unavailable(_)))));
            }
        }
        vault.store().land();
        rewrap(&vault);
        assert_eq!(vault.usage().unwrap().records(&host.new), 3);
        for scope in &scopes {
            holds(&vault, scope, 1, crate::seal::TEXT);
        }
    }
}

#[test]
fn a_store_that_fails_when_one_record_is_read_again_ends_it_too() {
    let host = Host::new();
    let vault = vault();
    let scope = fill(&vault, 1).remove(0);
    let before = vault.store().store.get(scope.as_bytes()).unwrap().unwrap();
    vault.put(&scope, &secrets(), Expected::Revision(revision(1))).unwrap();
    vault.store().show(scope.as_bytes(), before);
    vault.set_keyring(host.promoted()).unwrap();
    for _ in 0..2 {
        vault.store().reads([Step::Pass, Step::Unavailable]);
    }
    assert!(matches!(
        vault.verify(Scopes::All),
        Err(VaultError::Store(StoreError::Unavailable(_)))
    ));
    let moved = vault.rewrap(Scopes::All, |_| Continue(()));
    assert!(matches!(moved, Err(VaultError::Store(StoreError::Unavailable(_)))), "{moved:?}");
    vault.store().show_all();
    assert_eq!(rewrap(&vault), (1, 0, 0));
}

#[test]
fn living_writers_lose_nothing() {
    const PUTS: u64 = 300;
    let host = Host::new();
    let vault: Tested = Vault::new(Faulty::new(MemoryStore::new()), host.load());
    let scopes = fill(&vault, 20);
    thread::scope(|threads| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (vault, scopes) = (&vault, &scopes[writer * 10..][..10]);
                threads.spawn(move || {
                    for i in 0..PUTS {
                        let scope = &scopes[i as usize % 10];
                        loop {
                            let at = vault.get(scope).unwrap().unwrap().revision();
                            let text = document(&format!("PUT = {i}"));
                            match vault.put(scope, &text, Expected::Revision(at)) {
                                Ok(_) => break,
                                Err(VaultError::Conflict { .. }) => {}
                                Err(error) => panic!("{error:?}"),
                            }
                        }
                    }
                })
            })
            .collect();
        vault.set_keyring(host.promoted()).unwrap();
        while !writers.iter().all(thread::ScopedJoinHandle::is_finished) {
            rewrap(&vault);
        }
    });
    rewrap(&vault);
    assert_eq!(vault.usage().unwrap().records(&host.new), 20);
    for (i, scope) in scopes.iter().enumerate() {
        let text = format!("PUT = {}", PUTS - 10 + i as u64 % 10);
        assert_eq!(vault.get(scope).unwrap().unwrap().expose_text(), Some(&*text));
    }
}

/// The whole runbook, to the end.
#[test]
fn the_old_key_is_destroyed_when_nothing_needs_it() {
    let host = Host::new();
    let vault = Vault::new(Faulty::new(MemoryStore::new()), host.load());
    let scopes = fill(&vault, 3);
    vault.delete(&scopes[2], revision(1), None).unwrap();
    assert!(vault.verify(Scopes::All).unwrap().unused(&host.old).is_none(), "it is primary");
    vault.set_keyring(host.promoted()).unwrap();
    assert!(vault.verify(Scopes::All).unwrap().unused(&host.old).is_none(), "it is active");
    vault.set_keyring(host.disabled()).unwrap();
    let verified = vault.verify(Scopes::All).unwrap();
    assert_eq!(verified.failed(), 3);
    assert!(matches!(
        verified.failures()[0].error(),
        VaultError::Open(OpenError::KeyDisabled(id)) if *id == host.old
    ));
    assert!(verified.unused(&host.old).is_none(), "records are under it");

    vault.set_keyring(host.promoted()).unwrap();
    assert_eq!(rewrap(&vault), (3, 0, 0));
    vault.set_keyring(host.disabled()).unwrap();
    let verified = vault.verify(Scopes::All).unwrap();
    assert_eq!((verified.documents(), verified.tombstones(), verified.failed()), (2, 1, 0));
    assert!(verified.unused(&host.new).is_none(), "it is primary");

    let mut keyring = host.disabled();
    let proof = verified.unused(&host.old).unwrap();
    assert_eq!(proof.key_id(), host.old);
    keyring.destroy(proof).unwrap();
    assert!(keyring.entries().any(|entry| entry == (host.old, KeyState::Destroyed)));
    vault.set_keyring(keyring).unwrap();
    holds(&vault, &scopes[0], 1, crate::seal::TEXT);
}

/// A vault in which nothing is under the old key, which is disabled.
fn ready(host: &Host) -> Arc<Tested> {
    let vault = Arc::new(Vault::new(Faulty::new(MemoryStore::new()), host.disabled()));
    fill(&vault, 3);
    assert!(vault.verify(Scopes::All).unwrap().unused(&host.old).is_some());
    vault
}

#[test]
fn one_unreadable_record_is_no_proof() {
    let host = Host::new();
    let vault = ready(&host);
    vault.store().show(install("00001").as_bytes(), b"no record".to_vec());
    assert!(vault.verify(Scopes::All).unwrap().unused(&host.old).is_none());
    vault.store().show_all();
    assert!(vault.verify(Scopes::All).unwrap().unused(&host.old).is_some());
    let tombstone = host.load().seal_tombstone(&version(), revision(1), None).unwrap();
    vault.store().store.apply(None, &[Write::create(&version(), tombstone)]).unwrap();
    assert!(
        vault.verify(Scopes::All).unwrap().unused(&host.old).is_none(),
        "a tombstone needs a key too"
    );
}

#[test]
fn a_scan_during_which_the_keyring_changed_is_no_proof() {
    let host = Arc::new(Host::new());
    for last in [Host::disabled, Host::promoted, Host::load] {
        let vault = ready(&host);
        let (inside, ring) = (vault.clone(), host.clone());
        vault.store().reads([
            Step::Pass,
            Step::after(move |_: &MemoryStore| {
                inside.set_keyring(ring.promoted()).unwrap();
                inside.set_keyring(last(&ring)).unwrap();
            }),
        ]);
        assert!(vault.verify(Scopes::All).unwrap().unused(&host.old).is_none());
    }
}

#[test]
fn a_key_that_is_disabled_during_the_scan_is_no_proof() {
    let host = Arc::new(Host::new());
    let vault = ready(&host);
    vault.set_keyring(host.promoted()).unwrap();
    let (inside, ring) = (vault.clone(), host.clone());
    vault
        .store()
        .reads([Step::after(move |_: &MemoryStore| inside.set_keyring(ring.disabled()).unwrap())]);
    assert!(vault.verify(Scopes::All).unwrap().unused(&host.old).is_none());
    assert!(vault.verify(Scopes::All).unwrap().unused(&host.old).is_some());
}

/// A writer that began when the old key was primary may write behind the scan.
#[test]
fn an_operation_that_is_under_way_with_the_old_key_is_no_proof() {
    let host = Arc::new(Host::new());
    let vault = ready(&host);
    vault.set_keyring(host.load()).unwrap();
    let (inside, ring) = (vault.clone(), host.clone());
    vault.store().writes([Step::after(move |_: &MemoryStore| {
        inside.set_keyring(ring.promoted()).unwrap();
        inside.set_keyring(ring.disabled()).unwrap();
        assert!(
            inside.verify(Scopes::All).unwrap().unused(&ring.old).is_none(),
            "the writer is not done"
        );
    })]);
    vault.put(&version(), &secrets(), Expected::Absent).unwrap();
    assert!(vault.verify(Scopes::All).unwrap().unused(&host.old).is_none(), "it has written");
    vault.set_keyring(host.promoted()).unwrap();
    rewrap(&vault);
    vault.set_keyring(host.disabled()).unwrap();
    assert!(vault.verify(Scopes::All).unwrap().unused(&host.old).is_some());
}

#[test]
fn a_scan_that_is_cut_short_is_no_proof() {
    let host = Host::new();
    let vault = ready(&host);
    vault.store().reads([Step::Pass, Step::Unavailable]);
    assert!(matches!(vault.verify(Scopes::All), Err(VaultError::Store(_))));
}
