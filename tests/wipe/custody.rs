//! A keyring in the store: the vault wipes each key, and keeps none that it no longer needs.

use std::io::Cursor;
use std::ops::ControlFlow::Continue;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use secrets_toml::seal::{Custody, Keyring, Lock, LockedKeyring, Scope};
use secrets_toml::store::backend::{HEAD_LEN, KEYRING_ROW};
use secrets_toml::store::{Blocking, MemoryStore, Store};
use secrets_toml::vault::{AsyncVault, Expected, RotateError, TransferError, Vault, VaultError};
use secrets_toml::{Document, Secrets};

use crate::derived::{aead_key, keys, keys_scope, lock_scope, ring_key, scope_key, sealed, state};
use crate::faulty::{Faulty, Step};
use crate::probe::{Freed, keep, live, track};

/// No message has eight bytes of it.
const KEY: [u8; 32] = *b"a host kept it before it adopted";
const KEK: [u8; 32] = *b"locks the keyring at first: 32 B";
const NEXT_KEK: [u8; 32] = *b"relocks what was locked: 32 byte";
const THEIR_KEK: [u8; 32] = *b"of another deployment's lock: 32";

type Shared<'a> = AsyncVault<Blocking<&'a MemoryStore>>;

fn custody(deployment: &str, kek: &'static [u8; 32]) -> Custody<'static> {
    Custody::new(deployment).and_then(|custody| custody.lock("host", Lock::raw(kek))).unwrap()
}

fn ours(kek: &'static [u8; 32]) -> Custody<'static> {
    custody("test", kek)
}

fn theirs() -> Custody<'static> {
    custody("theirs", &THEIR_KEK)
}

fn scope() -> Scope {
    Scope::module("chat").unwrap()
}

fn secrets() -> Secrets {
    Document::parse("TOKEN = 'a value'").unwrap().validate().unwrap()
}

/// The text of the keyring in a store.
fn text(store: &MemoryStore) -> String {
    String::from_utf8(store.get(KEYRING_ROW).unwrap().unwrap().split_off(HEAD_LEN)).unwrap()
}

/// Runs a future. It is on the stack: an executor's block would have what the stack had before it.
fn run<T>(future: impl Future<Output = T>) -> T {
    let (mut future, mut context) = (pin!(future), Context::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
    }
}

fn adopt<S: Store>(store: S) -> Result<AsyncVault<Blocking<S>>, VaultError> {
    run(AsyncVault::adopt(Blocking(store), Keyring::from_bytes(KEY), &ours(&KEK)))
}

/// Checks that no freed block holds the key, what is derived from it for this scope, or its hash
/// states.
#[track_caller]
fn assert_wiped(freed: &Freed, name: &str, key: &[u8; 32], scope: &[u8]) {
    assert!(freed.blocks() > 0, "no block was freed: nothing was tested");
    let scope_key = scope_key(key, scope);
    for (derived, key) in [("", &key[..]), ("the scope's key of ", &scope_key)] {
        assert_eq!(freed.hits(key), 0, "{derived}{name}");
        for pad in [0x36, 0x5C] {
            assert_eq!(freed.hits(&state(key, pad)), 0, "a state of {derived}{name}");
        }
    }
}

/// Checks the same for all keys of a keyring's text.
#[track_caller]
fn assert_keyring_wiped(freed: &Freed, text: &str, deployment: &str, kek: &[u8; 32]) {
    let (lock, ring) = (lock_scope(deployment), ring_key(text, deployment, kek));
    let keys_scope = keys_scope(text, deployment);
    assert_wiped(freed, "the key of the lock", kek, &lock);
    assert_wiped(freed, "the ring key", &ring, &keys_scope);
    for key in keys(text, deployment, &ring) {
        assert_wiped(freed, "a key of the keyring", &key, scope().as_bytes());
    }
    let aead_key = aead_key(&scope_key(kek, &lock), &sealed(text)[72..104]);
    assert_eq!(freed.hits(&aead_key), 0, "the key of the lock's record");
}

/// Checks in how many live blocks each key is.
#[track_caller]
fn assert_live<const N: usize>(expected: [(&str, &[u8; 32], usize); N]) {
    let found = expected.map(|(name, key, _)| (name, live(key)));
    assert_eq!(found, expected.map(|(name, _, count)| (name, count)));
    for kek in [&KEK, &NEXT_KEK, &THEIR_KEK] {
        assert_eq!(live(kek), 0, "the key of a lock is kept");
    }
}

/// The only key of a keyring in a store, and the ring key.
fn opened(store: &MemoryStore, deployment: &str, kek: &[u8; 32]) -> ([u8; 32], [u8; 32]) {
    let text = text(store);
    let ring = ring_key(&text, deployment, kek);
    let [key] = keys(&text, deployment, &ring)[..] else { panic!("it has several keys") };
    (key, ring)
}

#[test]
fn the_probe_is_alive() {
    track(|| {
        let (copies, _) = keep(|| (Box::new(KEY), Box::new(KEY), KEY.to_vec()));
        assert_eq!(live(&KEY), 3);
        drop(copies.1);
        assert_eq!(live(&KEY), 2);
        let (moved, _) = keep(|| {
            let mut copy = copies.2;
            copy.reserve_exact(1 << 16);
            copy
        });
        assert_eq!((live(&KEY), live(&KEK)), (2, 0));
        drop((copies.0, moved));
        assert_eq!(live(&KEY), 0);
    });
}

#[test]
fn rotated_and_relocked() {
    track(|| {
        let store = MemoryStore::new();
        let mut all = Vec::new();
        let (vault, freed) = keep(|| {
            let vault = adopt(&store).unwrap();
            run(vault.put(&scope(), &secrets(), Expected::Absent)).unwrap();
            run(vault.get(&scope())).unwrap().unwrap();
            vault
        });
        all.push(freed);
        let first = text(&store);
        let (key, ring) = opened(&store, "test", &KEK);
        assert_eq!(key, KEY);
        assert_live([("the adopted key", &KEY, 1), ("the ring key", &ring, 1)]);

        let (_, freed) = keep(|| run(vault.rotate(|_| Continue(()))).unwrap());
        all.push(freed);
        let rotated = text(&store);
        let (second, _) = opened(&store, "test", &KEK);
        assert_live([("the first", &KEY, 0), ("the second", &second, 1), ("the ring", &ring, 1)]);

        let (other, freed) = keep(|| run(AsyncVault::open(Blocking(&store), &ours(&KEK))).unwrap());
        all.push(freed);
        assert_live([("the second", &second, 2), ("the ring", &ring, 2)]);

        let ((), freed) = keep(|| run(vault.relock(&ours(&NEXT_KEK))).unwrap());
        all.push(freed);
        let relocked = text(&store);
        let (_, next_ring) = opened(&store, "test", &NEXT_KEK);
        assert_live([("the second", &second, 2), ("of other", &ring, 1), ("ours", &next_ring, 1)]);

        let ((), freed) = keep(|| unlock(&other));
        all.push(freed);
        assert_live([("the second", &second, 2), ("the first ring", &ring, 0)]);
        assert_live([("the ring", &next_ring, 2)]);

        // The other vault rotates, and this one finds the new keyring in the store.
        let ((), freed) = keep(|| {
            run(other.rotate(|_| Continue(()))).unwrap();
            run(vault.get(&scope())).unwrap().unwrap();
        });
        all.push(freed);
        let last = text(&store);
        let (third, _) = opened(&store, "test", &NEXT_KEK);
        assert_live([("the second", &second, 0), ("the third", &third, 2)]);

        let ((), freed) = keep(|| drop((vault, other)));
        all.push(freed);
        assert_live([("the third", &third, 0), ("the ring", &next_ring, 0)]);
        let record = store.get(scope().as_bytes()).unwrap().unwrap();
        let aead_key = aead_key(&scope_key(&third, scope().as_bytes()), &record[72..104]);
        for freed in &all {
            assert_eq!(freed.hits(&aead_key), 0, "the key of the record");
            assert_keyring_wiped(freed, &first, "test", &KEK);
            assert_keyring_wiped(freed, &rotated, "test", &KEK);
            assert_keyring_wiped(freed, &relocked, "test", &NEXT_KEK);
            assert_keyring_wiped(freed, &last, "test", &NEXT_KEK);
        }
    });
}

/// Unlocks a vault whose locks were replaced, first with the wrong key.
fn unlock(vault: &Shared<'_>) {
    let put = || run(vault.put(&Scope::module("other").unwrap(), &secrets(), Expected::Absent));
    assert!(matches!(put(), Err(VaultError::Locked)));
    assert!(matches!(run(vault.unlock(&ours(&KEK))), Err(VaultError::Lock(_))));
    run(vault.unlock(&ours(&NEXT_KEK))).unwrap();
    put().unwrap();
}

#[test]
fn imported_under_another_lock() {
    track(|| {
        let (store, their_store) = (MemoryStore::new(), MemoryStore::new());
        let (export, exporting) = keep(|| {
            let vault = run(AsyncVault::create(Blocking(&their_store), &theirs())).unwrap();
            run(vault.put(&scope(), &secrets(), Expected::Absent)).unwrap();
            let mut export = Vec::new();
            assert_eq!(run(vault.export_blocking(&mut export)).unwrap(), 2);
            export
        });
        let (their_key, their_ring) = opened(&their_store, "theirs", &THEIR_KEK);
        assert_live([("the key", &their_key, 0), ("the ring key", &their_ring, 0)]);

        let (vault, importing) = keep(|| {
            let vault = adopt(&store).unwrap();
            let import =
                |custody: &_| run(vault.import_with_blocking(Cursor::new(&export), custody));
            let wrong = import(&custody("theirs", &KEK)).unwrap_err();
            assert!(matches!(wrong, TransferError::Vault(VaultError::Lock(_))), "{wrong:?}");
            assert_eq!(run(vault.import_blocking(Cursor::new(&export))).unwrap().failed(), 1);
            assert_eq!(import(&theirs()).unwrap().written(), 1);
            vault
        });
        assert_live([("the key", &their_key, 0), ("the ring key", &their_ring, 0)]);
        let (_, ring) = opened(&store, "test", &KEK);
        assert_live([("our key", &KEY, 1), ("our ring key", &ring, 1)]);
        let ((), dropping) = keep(|| drop(vault));
        for freed in [exporting, importing, dropping] {
            assert_keyring_wiped(&freed, &text(&their_store), "theirs", &THEIR_KEK);
            assert_keyring_wiped(&freed, &text(&store), "test", &KEK);
        }
    });
}

/// A future on the heap takes along what the stack had in its unused bytes.
#[test]
fn created_on_the_heap() {
    let store = MemoryStore::new();
    let (vault, freed) = keep(|| {
        let custody = ours(&KEK);
        run(Box::pin(AsyncVault::create(Blocking(&store), &custody))).unwrap()
    });
    drop(vault);
    let (key, ring) = opened(&store, "test", &KEK);
    assert_eq!((freed.hits(&key), freed.hits(&ring)), (0, 0));
}

#[test]
fn kept_by_the_host() {
    let store = MemoryStore::new();
    let (text, freed) = keep(|| {
        let mut keyring = Keyring::generate().unwrap();
        let text = keyring.lock(&ours(&KEK)).unwrap();
        let vault = Vault::new(&store, keyring);
        vault.put(&scope(), &secrets(), Expected::Absent).unwrap();
        vault
            .set_keyring(LockedKeyring::parse(&text).unwrap().unlock(&ours(&KEK)).unwrap())
            .unwrap();
        assert!(vault.get(&scope()).unwrap().is_some());
        text
    });
    assert_keyring_wiped(&freed, &text, "test", &KEK);
}

#[test]
fn refused() {
    track(|| {
        let store = MemoryStore::new();
        let ((), freed) = keep(|| {
            let adopt =
                || run(AsyncVault::adopt(Blocking(&store), Keyring::from_bytes(KEY), &ours(&KEK)));
            let vault = adopt().unwrap();
            assert!(matches!(adopt(), Err(VaultError::Custody)));
            let created = run(AsyncVault::create(Blocking(&store), &ours(&KEK)));
            assert!(matches!(created, Err(VaultError::Custody)));
            let opened = run(AsyncVault::open(Blocking(&store), &ours(&NEXT_KEK)));
            assert!(matches!(opened, Err(VaultError::Lock(_))));
            let no_locks = Custody::new("test").unwrap();
            assert!(matches!(run(vault.relock(&no_locks)), Err(VaultError::Lock(_))));
        });
        let (_, ring) = opened(&store, "test", &KEK);
        assert_live([("the key", &KEY, 0), ("the ring key", &ring, 0)]);
        assert_keyring_wiped(&freed, &text(&store), "test", &KEK);
    });
}

/// The write of a keyring may still happen after it failed, so the vault keeps that keyring: but only
/// until it loads another one.
#[test]
fn a_keyring_whose_write_failed() {
    track(|| {
        let store = Faulty::new(MemoryStore::new());
        let (vault, failing) = keep(|| {
            let vault = adopt(&store).unwrap();
            run(vault.put(&scope(), &secrets(), Expected::Absent)).unwrap();
            store.writes([Step::Unavailable]);
            let error = run(vault.rotate(|_| Continue(()))).unwrap_err();
            assert!(matches!(error, RotateError::Vault(VaultError::Store(_))), "{error:?}");
            vault
        });
        let (_, ring) = opened(&store.store, "test", &KEK);
        assert_live([("the adopted key", &KEY, 2), ("the ring key", &ring, 2)]);
        let ((), loading) = keep(|| {
            let other = run(AsyncVault::open(Blocking(&store), &ours(&KEK))).unwrap();
            run(other.rotate(|_| Continue(()))).unwrap();
            run(vault.get(&scope())).unwrap().unwrap();
        });
        let (key, _) = opened(&store.store, "test", &KEK);
        assert_live([("the adopted key", &KEY, 0), ("the next", &key, 1), ("the ring", &ring, 1)]);
        let ((), dropping) = keep(|| drop(vault));
        for freed in [failing, loading, dropping] {
            assert_wiped(&freed, "the adopted key", &KEY, scope().as_bytes());
            assert_keyring_wiped(&freed, &text(&store.store), "test", &KEK);
        }
    });
}

/// The same steps with a vault that blocks, whose rotation has a thread.
#[test]
fn blocking() {
    let (store, their_store) = (MemoryStore::new(), MemoryStore::new());
    let (texts, freed) = keep(|| {
        let mut texts = Vec::new();
        let vault = Vault::adopt(&store, Keyring::from_bytes(KEY), &ours(&KEK)).unwrap();
        let vault = vault.keep_history(2).unwrap();
        let first = vault.put(&scope(), &secrets(), Expected::Absent).unwrap();
        vault.put(&scope(), &secrets(), Expected::Revision(first)).unwrap();
        texts.push((text(&store), "test", &KEK));
        let other = Vault::open(&store, &ours(&KEK)).unwrap();
        vault.rotate(|_| Continue(())).unwrap();
        assert!(other.get(&scope()).unwrap().is_some());
        texts.push((text(&store), "test", &KEK));
        vault.relock(&ours(&NEXT_KEK)).unwrap();
        let put = other.put(&Scope::module("other").unwrap(), &secrets(), Expected::Absent);
        assert!(matches!(put, Err(VaultError::Locked)));
        other.unlock(&ours(&NEXT_KEK)).unwrap();
        let mut export = Vec::new();
        assert_eq!(other.export(&mut export).unwrap(), 3);
        texts.push((text(&store), "test", &NEXT_KEK));
        let their_vault = Vault::create(&their_store, &theirs()).unwrap();
        let imported = their_vault.import_with(Cursor::new(export), &ours(&NEXT_KEK)).unwrap();
        assert_eq!((imported.written(), imported.failed()), (2, 0));
        texts.push((text(&their_store), "theirs", &THEIR_KEK));
        texts
    });
    for (text, deployment, kek) in texts {
        assert_keyring_wiped(&freed, &text, deployment, kek);
    }
}
