//! The keyring in the store: custody, the fence, and rotation.

mod fenced;
mod passed_on;
mod restored;
mod rotate;
mod settled;

use std::ops::ControlFlow::Continue;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use secrets_toml::seal::{
    Custody, KeyId, KeyState, Keyring, KeyringError, Lock, LockedKeyring, Scope,
};
use secrets_toml::store::backend::{Fetch, KEYRING_ROW, Write};
use secrets_toml::store::{MemoryStore, Store};
use secrets_toml::vault::{Expected, RotateError, Scopes, Vault, VaultError};

use crate::chain;
use crate::faulty::{Faulty, Step};
use crate::seal::{install, keyring, revision, secrets};

pub(crate) fn locks() -> Custody<'static> {
    let custody = Custody::new("test").and_then(|it| it.lock("host", Lock::raw(&[5; 32])));
    custody.and_then(|it| it.lock("break-glass", Lock::raw(&[6; 32]))).unwrap()
}

fn one_lock(name: &str, kek: &'static [u8; 32]) -> Custody<'static> {
    Custody::new("test").and_then(|custody| custody.lock(name, Lock::raw(kek))).unwrap()
}

/// Another set of locks.
fn other_locks() -> Custody<'static> {
    one_lock("host", &[7; 32])
}

/// Opens a store, as a process does that has just started.
pub(crate) fn opened<S: Store>(store: S) -> Vault<S> {
    Vault::open(store, &locks()).unwrap()
}

/// Rotates the keys in another process.
fn rotate(store: &MemoryStore) {
    opened(store).rotate(|_| Continue(())).unwrap();
}

fn keyring_of(store: &dyn Store) -> Keyring {
    let locked = LockedKeyring::load(&store).unwrap();
    locked.unlock(&locks()).or_else(|_| locked.unlock(&other_locks())).unwrap()
}

fn living(store: &dyn Store) -> Vec<KeyId> {
    let is_living = |state| matches!(state, KeyState::Primary | KeyState::Active);
    let keyring = keyring_of(store);
    keyring.entries().filter(|(_, state)| is_living(*state)).map(|(id, _)| id).collect()
}

/// Every row is under the primary key and opens, and no other key can open anything.
#[track_caller]
fn is_rotated(store: &MemoryStore) {
    let vault = opened(store);
    let report = vault.verify(Scopes::All).unwrap();
    assert_eq!(report.failed(), 0, "{:?}", report.failures());
    let usage = vault.usage().unwrap();
    let primary = keyring_of(store).primary();
    assert!(usage.by_key().all(|(key, _)| key == primary), "{usage:?}");
    assert_eq!((living(store), usage.unreadable()), (vec![primary], 0));
}

fn row(store: &dyn Store) -> Vec<u8> {
    store.get(KEYRING_ROW).unwrap().unwrap()
}

#[track_caller]
fn fails<T>(result: Result<T, VaultError>, message: &str) {
    assert_eq!(result.err().map(|error| chain(&error)).as_deref(), Some(message));
}

const IN_STORE: &str = "the store has a keyring in it: open the vault with `Vault::open`";
const BY_HOST: &str = "the vault's keyring is not in its store: put it there with `Vault::adopt`";
const EMPTY: &str = "the store has no keyring: make one with `Vault::create`";
const LOST: &str = "the store has records, and its keyring is missing: restore the row of the keyring \
                    from a backup of this store, or hand a keyring over with `Vault::adopt`";
const RELOCKED: &str = "the keyring was locked under other locks: call `unlock` with one of them";

#[test]
fn a_keyring_is_made_once_and_opened_by_any_lock() {
    let store = MemoryStore::new();
    fails(Vault::open(&store, &locks()), EMPTY);
    fails(LockedKeyring::load(&store), EMPTY);
    let vault = Vault::create(&store, &locks()).unwrap();
    vault.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
    fails(Vault::create(&store, &locks()), IN_STORE);
    fails(Vault::adopt(&store, keyring(), &locks()), IN_STORE);

    for custody in [locks(), one_lock("break-glass", &[6; 32]), one_lock("host", &[5; 32]), {
        let unknown = one_lock("new", &[9; 32]);
        unknown.lock("host", Lock::raw(&[5; 32])).unwrap()
    }] {
        let vault = Vault::open(&store, &custody).unwrap();
        assert!(vault.get(&install("acme")).unwrap().is_some());
        assert!(vault.verify(Scopes::All).unwrap().failed() == 0);
    }
    fails(Vault::open(&store, &one_lock("new", &[5; 32])), "the keyring has no lock of this name");
    fails(
        Vault::open(&store, &one_lock("host", &[6; 32]).at_least(1, 1)),
        "the key of the lock `host` is wrong",
    );
    let high = Vault::open(&store, &locks().at_least(1, 2)).err().unwrap();
    assert!(matches!(&high, VaultError::Lock(error) if error.is_rolled_back()), "{high:?}");
}

#[test]
fn records_without_a_keyring_are_not_taken_for_an_empty_store() {
    let store = MemoryStore::new();
    let before = Vault::new(&store, keyring());
    before.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
    fails(Vault::open(&store, &locks()), LOST);
    fails(Vault::create(&store, &locks()), LOST);
    fails(LockedKeyring::load(&store), LOST);
    let vault = Vault::adopt(&store, keyring(), &locks()).unwrap();
    assert!(vault.get(&install("acme")).unwrap().is_some());
    let vault = opened(&store);
    vault.put(&install("acme"), &secrets(), Expected::Revision(revision(1))).unwrap();
    vault.rotate(|_| Continue(())).unwrap();
    is_rotated(&store);
}

#[test]
fn a_keyring_that_lacks_the_key_of_a_record_is_not_adopted() {
    let store = MemoryStore::new();
    let before = Vault::new(&store, keyring());
    before.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
    let message =
        format!("the record is under key {}, which is not in the keyring", keyring().primary());
    fails(Vault::adopt(&store, Keyring::from_bytes([9; 32]), &locks()), &message);
    assert!(store.get(KEYRING_ROW).unwrap().is_none());
    assert!(before.purge(&install("acme")).unwrap());
    Vault::adopt(&store, Keyring::from_bytes([9; 32]), &locks()).unwrap();
}

/// Another process makes the keyring, and a record under it, before one of the reads.
#[test]
fn a_keyring_that_another_process_makes_is_found() {
    type Call = fn(&Faulty<MemoryStore>) -> Result<(), VaultError>;
    let calls: [(Call, usize, &str); 4] = [
        (|store| Vault::create(store, &locks()).map(drop), 3, IN_STORE),
        (|store| Vault::adopt(store, keyring(), &locks()).map(drop), 2, IN_STORE),
        (|store| Vault::open(store, &locks()).map(drop), 3, ""),
        (|store| LockedKeyring::load(store).map(drop), 3, ""),
    ];
    for (call, reads, message) in calls {
        for number in 0..reads {
            let store = Faulty::new(MemoryStore::new());
            let makes = Step::after(|store: &MemoryStore| {
                let other = Vault::create(store, &locks()).unwrap();
                other.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
            });
            store.reads((0..number).map(|_| Step::Pass).chain([makes]));
            let error = call(&store).err().map(|error| chain(&error));
            assert_eq!(error.unwrap_or_default(), message, "{number}");
        }
    }
}

#[test]
fn a_keyring_in_doubt_is_looked_up() {
    type Case = (Vec<Step<MemoryStore>>, &'static str);
    let other = || Step::after(|store: &MemoryStore| drop(Vault::create(store, &locks()).unwrap()));
    let in_doubt = "the store did not confirm the write: it may or may not have happened: the store \
                    did not report whether the write happened: requested";
    let cases: [Case; 9] = [
        (vec![Step::Lost], ""),
        (vec![Step::Done], ""),
        (vec![Step::Late], ""),
        (vec![Step::Done, Step::Pass, Step::Done], in_doubt),
        (vec![Step::Unavailable], "the store is unavailable; nothing was changed: requested"),
        (vec![Step::Lost, Step::Lost], in_doubt),
        (vec![Step::Lost, Step::Done], in_doubt),
        (vec![other()], IN_STORE),
        (vec![Step::Lost, other()], IN_STORE),
    ];
    for (number, (steps, message)) in cases.into_iter().enumerate() {
        let store = Faulty::new(MemoryStore::new());
        store.writes(steps);
        let created = Vault::create(&store, &locks());
        store.land();
        match created {
            Ok(vault) => {
                assert_eq!(message, "", "{number}");
                vault.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
                assert!(opened(&store).get(&install("acme")).unwrap().is_some());
            }
            Err(error) => assert_eq!(chain(&error), message, "{number}"),
        }
    }
}

#[test]
fn a_vault_of_a_hosts_keyring_writes_to_no_store_that_has_one() {
    let store = MemoryStore::new();
    let acme = install("acme");
    let own = Vault::new(&store, keyring()).keep_history(3).unwrap();
    own.put(&acme, &secrets(), Expected::Absent).unwrap();
    let mut export = Vec::new();
    own.export(&mut export).unwrap();
    for result in [
        own.rotate(|_| Continue(())).map(drop).map_err(|error| match error {
            RotateError::Vault(error) => error,
            error => panic!("{error:?}"),
        }),
        own.relock(&locks()),
        own.unlock(&locks()),
    ] {
        fails(result, BY_HOST);
    }

    let vault = Vault::adopt(&store, keyring(), &locks()).unwrap();
    let before = store.scan(&[], None, 99, Fetch::Records).unwrap();
    fails(own.put(&acme, &secrets(), Expected::Revision(revision(1))), IN_STORE);
    fails(own.put(&install("new"), &secrets(), Expected::Absent), IN_STORE);
    fails(own.delete(&acme, revision(1), None), IN_STORE);
    fails(own.copy(&acme, &install("new"), Expected::Absent, None), IN_STORE);
    fails(own.restore(&acme, revision(1), Expected::Revision(revision(1)), None), IN_STORE);
    let nothing = own.rewrap(Scopes::All, |_| Continue(())).unwrap();
    assert_eq!((nothing.written(), nothing.kept(), nothing.failed()), (0, 1, 0));
    let mut promoted = keyring();
    let new = promoted.add().unwrap();
    promoted.promote(&new).unwrap();
    own.set_keyring(promoted).unwrap();
    fails(own.rewrap(Scopes::All, |_| Continue(())), IN_STORE);
    let empty = Vault::new(MemoryStore::new(), keyring());
    drop(Vault::create(empty.store(), &locks()).unwrap());
    let error = empty.import(std::io::Cursor::new(&export)).unwrap_err();
    assert_eq!(chain(&error), IN_STORE);
    let kept = own.import(std::io::Cursor::new(&export)).unwrap();
    assert_eq!((kept.written(), kept.kept(), kept.failed()), (0, 1, 0));
    assert_eq!(store.scan(&[], None, 99, Fetch::Records).unwrap(), before);

    // It reads, and it removes.
    assert!(own.get(&acme).unwrap().is_some());
    assert!(own.purge(&acme).unwrap());
    vault.accept_restore();
    assert!(vault.get(&acme).unwrap().is_none());
}

#[test]
fn other_locks_are_unlocked_anew() {
    let store = MemoryStore::new();
    let acme = install("acme");
    let [vault, other] = [Vault::create(&store, &locks()).unwrap(), opened(&store)];
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    vault.relock(&other_locks()).unwrap();
    let kept = living(&store);

    fails(Vault::open(&store, &locks()), "the key of the lock `host` is wrong");
    fails(
        Vault::open(&store, &one_lock("break-glass", &[6; 32])),
        "the keyring has no lock of this name",
    );
    let second = Expected::Revision(revision(1));
    assert!(other.get(&acme).unwrap().is_some(), "the keys are the same");
    fails(other.put(&acme, &secrets(), second), RELOCKED);
    fails(other.relock(&locks()), RELOCKED);
    let error = other.rotate(|_| Continue(())).unwrap_err();
    assert_eq!(chain(&error), RELOCKED);
    fails(other.unlock(&locks()), "the key of the lock `host` is wrong");
    other.unlock(&other_locks()).unwrap();
    other.put(&acme, &secrets(), second).unwrap();
    assert_eq!(living(&store), kept);

    // The one that relocked knows the ring key.
    other.rotate(|_| Continue(())).unwrap();
    vault.put(&acme, &secrets(), Expected::Revision(revision(2))).unwrap();
    assert_eq!(LockedKeyring::load(&store).unwrap().set(), 2);
    assert_ne!(living(&store), kept);
}

#[test]
fn threads_of_a_vault_that_relocks_need_no_unlocking() {
    let store = MemoryStore::new();
    let vault = Vault::create(&store, &locks()).unwrap();
    thread::scope(|threads| {
        let relocking = threads.spawn(|| {
            for number in 0..20 {
                vault.relock(&if number % 2 == 0 { other_locks() } else { locks() }).unwrap();
            }
        });
        let mut written = 0;
        while !relocking.is_finished() {
            written += 1;
            vault.put(&install(&written.to_string()), &secrets(), Expected::Absent).unwrap();
        }
    });
    assert_eq!(vault.verify(Scopes::All).unwrap().failed(), 0);
}

#[test]
fn threads_of_a_vault_may_relock_and_rotate_at_once() {
    let store = MemoryStore::new();
    let vault = Vault::create(&store, &locks()).unwrap();
    thread::scope(|threads| {
        for number in 0..3 {
            let vault = &vault;
            threads.spawn(move || {
                for _ in 0..100 {
                    match number {
                        0 => vault.relock(&locks()).unwrap(),
                        1 => vault.relock(&other_locks()).unwrap(),
                        _ => drop(vault.rotate(|_| Continue(())).unwrap()),
                    }
                }
            });
        }
    });
    // A rotation writes the keyring twice.
    assert_eq!(keyring_of(&store).generation(), 401);
}

/// The store does not confirm the new keyring. A thread that finds it there need not unlock it.
#[test]
fn a_thread_knows_the_keyring_that_another_one_writes() {
    let store: &'static Faulty<MemoryStore> = Box::leak(Box::new(Faulty::new(MemoryStore::new())));
    let vault = Arc::new(Vault::create(store, &locks()).unwrap());
    let inside = vault.clone();
    let writes = Step::after(move |_: &MemoryStore| {
        inside.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
    });
    store.writes([Step::Done, writes]);
    vault.relock(&other_locks()).unwrap();
    assert!(vault.get(&install("acme")).unwrap().is_some());
    vault.rotate(|_| Continue(())).unwrap();
}

/// Two threads relock. The keyring of the first one arrives in the store while the second one writes its
/// own, and the answer is lost. The second one need not unlock what it finds.
#[test]
fn a_thread_that_writes_a_keyring_knows_the_one_that_was_faster() {
    type Store = Faulty<Faulty<MemoryStore>>;
    let inner = Faulty::new(MemoryStore::new());
    let store: &'static Store = Box::leak(Box::new(Faulty::new(inner)));
    let vault = Arc::new(Vault::create(store, &locks()).unwrap());
    let (begun, has_begun) = channel();
    let (arrived, has_arrived) = channel();
    let (spawned, second) = channel();
    let inside = vault.clone();
    store.writes([
        // The first one, the second one, and the first one again.
        Step::after(move |_| {
            spawned.send(thread::spawn(move || inside.relock(&locks()))).unwrap();
            has_begun.recv().unwrap();
        }),
        Step::after(move |_| {
            begun.send(()).unwrap();
            has_arrived.recv().unwrap();
        }),
        Step::after(move |_| {
            arrived.send(()).unwrap();
            second.recv().unwrap().join().unwrap().unwrap();
        }),
    ]);
    store.store.writes([Step::Done, Step::Pass, Step::Pass, Step::Lost]);
    let first = vault.relock(&other_locks());
    assert!(matches!(first, Err(VaultError::Unknown(_))), "{first:?}");
    assert_eq!(LockedKeyring::load(store).unwrap().set(), 3);
    vault.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
}

#[test]
fn the_row_is_no_record() {
    let store = MemoryStore::new();
    let vault = Vault::create(&store, &locks()).unwrap();
    assert_eq!(vault.scopes(Scopes::All).unwrap().count(), 0);
    vault.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
    let usage = vault.usage().unwrap();
    assert_eq!((usage.by_key().count(), usage.unreadable()), (1, 0));
    assert_eq!(vault.scopes(Scopes::All).unwrap().count(), 1);
    let verified = vault.verify(Scopes::All).unwrap();
    assert_eq!((verified.documents(), verified.failed()), (1, 0));
    let mut manifest = Vec::new();
    assert_eq!(vault.manifest(revision(1), &mut manifest).unwrap(), 1);
    assert_eq!(vault.verify_against(&manifest[..]).unwrap().unchanged(), 1);
    assert_eq!(vault.rewrap(Scopes::All, |_| Continue(())).unwrap().kept(), 1);
    assert_eq!(store.scan(&[], None, 9, Fetch::Heads).unwrap().len(), 2);
}

#[test]
fn a_damaged_row_says_so() {
    for text in ["", "format = 1"] {
        let store = MemoryStore::new();
        let write = Write::keyring(None, text);
        store.apply(None, &[write]).unwrap();
        assert!(matches!(Vault::open(&store, &locks()), Err(VaultError::Lock(_))));
    }
    // A row that is not the row of a keyring.
    let store = MemoryStore::new();
    Vault::create(&store, &locks()).unwrap();
    let mut altered = row(&store);
    altered[100] ^= 1;
    let faulty = Faulty::new(store);
    faulty.show(KEYRING_ROW, altered);
    fails(
        Vault::open(&faulty, &locks()),
        "the store's row of the keyring is damaged: the record belongs to another scope, or its \
         header was altered",
    );
}

#[test]
fn a_host_keeps_the_keys_that_records_may_need() {
    let vault = Vault::new(MemoryStore::new(), keyring());
    let old = keyring().primary();
    let message = |result: Result<(), KeyringError>| result.unwrap_err().to_string();
    let lacks =
        format!("the keyring lacks key {old}, which the vault's has: records may be under it");
    assert_eq!(message(vault.set_keyring(Keyring::from_bytes([9; 32]))), lacks);
    let mut other = Keyring::from_bytes([9; 32]);
    let id = other.primary();
    assert_eq!(message(vault.set_keyring_without(Keyring::from_bytes([9; 32]), &[id])), lacks);
    let locked = other.lock(&locks()).unwrap();
    vault.set_keyring_without(other, &[old]).unwrap();
    let older = "the keyring is older than the vault's: load the newest one";
    assert_eq!(message(vault.set_keyring_without(Keyring::from_bytes([9; 32]), &[id])), older);

    // A key that was destroyed is there.
    let mut ring = LockedKeyring::parse(&locked).unwrap().unlock(&locks()).unwrap();
    let new = ring.add().unwrap();
    ring.promote(&new).unwrap();
    ring.disable(&id).unwrap();
    let unused = ring.prove_unused(&id, Vec::<(Scope, Vec<u8>)>::new()).unwrap();
    ring.destroy(unused).unwrap();
    vault.set_keyring(ring).unwrap();

    let vault = Vault::create(MemoryStore::new(), &locks()).unwrap();
    let in_store = "the vault's keyring is in its store: rotate it there, with `Vault::rotate`";
    assert_eq!(message(vault.set_keyring(keyring())), in_store);
    assert_eq!(message(vault.set_keyring_without(keyring(), &[])), in_store);
}
