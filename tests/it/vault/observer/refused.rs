//! Calls that an observer refuses do nothing.

use std::error::Error;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use secrets_toml::seal::{Lock, Revision};
use secrets_toml::store::backend::{Fetch, Outcome, Row, Write};
use secrets_toml::store::{Blocking, Cause, MemoryStore, Store, StoreError};
use secrets_toml::vault::{
    AsyncVault, Event, Expected, Observer, Operation, RotateError, Scopes, TransferError, Vault,
    VaultError,
};

use crate::seal::{custody, install, keyring, revision, secrets};

/// A store that must not be asked.
struct Untouched;

impl Store for Untouched {
    fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        panic!("the store was asked");
    }

    fn apply(&self, _: Option<&[u8; 32]>, _: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        panic!("the store was asked");
    }

    fn scan(&self, _: &[u8], _: Option<&[u8]>, _: usize, _: Fetch) -> Result<Vec<Row>, StoreError> {
        panic!("the store was asked");
    }

    fn purge(&self, _: &[u8]) -> Result<bool, StoreError> {
        panic!("the store was asked");
    }
}

/// An audit log, which is down while this is `true`. It counts what it was told after a call.
#[derive(Default)]
struct Down(AtomicBool, AtomicUsize);

impl Observer for Down {
    fn before(&self, _: &Event<'_>) -> Result<(), Cause> {
        if self.0.load(Ordering::Relaxed) { Err("the audit log is down".into()) } else { Ok(()) }
    }

    fn after(&self, _: &Event<'_>, _: &secrets_toml::vault::Outcome<'_>) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

#[track_caller]
fn is_refused<T>(what: &str, result: Result<T, impl Into<Box<dyn Error>>>) {
    let Err(error) = result else { panic!("{what} was done") };
    let error = error.into();
    let refused = match error.downcast_ref::<TransferError>() {
        Some(TransferError::Vault(error)) => Some(error),
        _ => match error.downcast_ref::<RotateError>() {
            Some(RotateError::Vault(error)) => Some(error),
            _ => error.downcast_ref::<VaultError>(),
        },
    };
    assert!(matches!(refused, Some(VaultError::Refused(_))), "{what}: {error:?}");
    assert_eq!(error.to_string(), "the vault's observer refused the call; nothing was done");
    assert_eq!(error.source().unwrap().to_string(), "the audit log is down", "{what}");
}

/// Makes each call once, on a vault or, with `.await`, on an async one.
macro_rules! is_every_call_refused {
    ($manifest:ident $verify_against:ident $export:ident $import:ident $import_with:ident;
     $vault:ident $($await:tt)*) => {{
        let (acme, other, first) = (install("acme"), install("other"), revision(1));
        let (secrets, lock) = (secrets(), custody(Lock::raw(&[5; 32])));
        let go_on = |_: &_| ControlFlow::Continue(());
        let mut written = Vec::new();
        is_refused("get", $vault.get(&acme)$($await)*);
        is_refused("get_newer", $vault.get_newer(&acme, first)$($await)*);
        is_refused("get_at", $vault.get_at(&acme, first)$($await)*);
        is_refused("put", $vault.put(&acme, &secrets, Expected::Absent)$($await)*);
        is_refused("delete", $vault.delete(&acme, first, None)$($await)*);
        is_refused("copy", $vault.copy(&acme, &other, Expected::Absent, None)$($await)*);
        is_refused("restore", $vault.restore(&acme, first, Expected::Absent, None)$($await)*);
        is_refused("purge", $vault.purge(&acme)$($await)*);
        is_refused("history", $vault.history(&acme)$($await)*);
        is_refused("scopes", $vault.scopes(Scopes::All));
        is_refused("usage", $vault.usage()$($await)*);
        is_refused("rewrap", $vault.rewrap(Scopes::All, go_on)$($await)*);
        is_refused("verify", $vault.verify(Scopes::All)$($await)*);
        is_refused("manifest", $vault.$manifest(Revision::FIRST, &mut written)$($await)*);
        is_refused("verify_against", $vault.$verify_against(&b"no manifest"[..])$($await)*);
        is_refused("export", $vault.$export(&mut written)$($await)*);
        is_refused("import", $vault.$import(Cursor::new(b"no export"))$($await)*);
        is_refused("import_with", $vault.$import_with(Cursor::new(b"no export"), &lock)$($await)*);
        is_refused("rotate", $vault.rotate(go_on)$($await)*);
        is_refused("relock", $vault.relock(&lock)$($await)*);
        is_refused("unlock", $vault.unlock(&lock)$($await)*);
        assert!(written.is_empty());
    }};
}

#[test]
fn the_store_is_not_asked() {
    let down = Arc::new(Down(true.into(), 0.into()));
    let vault = Vault::new(Untouched, keyring()).observed_by(down.clone());
    is_every_call_refused!(manifest verify_against export import import_with; vault);
    let vault = AsyncVault::new(Blocking(Untouched), keyring()).observed_by(down.clone());
    super::ready(async {
        is_every_call_refused!(manifest_blocking verify_against_blocking export_blocking import_blocking import_with_blocking; vault.await)
    });
    assert_eq!(down.1.load(Ordering::Relaxed), 0, "it is not told of what it refused");
}

/// A purge and a write that were refused change no watermark.
#[test]
fn what_the_vault_remembers_stays() {
    let down = Arc::new(Down::default());
    let vault = Vault::new(MemoryStore::new(), keyring()).observed_by(down.clone());
    let acme = install("acme");
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    down.0.store(true, Ordering::Relaxed);
    is_refused("purge", vault.purge(&acme));
    is_refused("put", vault.put(&acme, &secrets(), Expected::Revision(revision(1))));
    down.0.store(false, Ordering::Relaxed);
    assert_eq!(vault.get(&acme).unwrap().unwrap().revision(), revision(1));
    vault.store().purge(acme.as_bytes()).unwrap();
    match vault.get(&acme) {
        Err(VaultError::RolledBack { highest, found: None }) => assert_eq!(highest, revision(1)),
        other => panic!("{other:?}"),
    }
}

/// Reads and writes through the vault that it observes, before and after each put.
#[derive(Default)]
struct Curious(OnceLock<Weak<Vault<MemoryStore>>>);

impl Curious {
    fn look(&self, event: &Event<'_>) -> Option<()> {
        let vault = self.0.get()?.upgrade()?;
        if event.operation() == Operation::Put && event.scope() == Some(&install("acme")) {
            vault.get(&install("acme")).unwrap();
            vault.put(&install("audit"), &secrets(), Expected::Absent).ok();
            vault.purge(&install("audit")).unwrap();
            vault.set_keyring(keyring()).unwrap();
            vault.accept_restore();
        }
        Some(())
    }
}

impl Observer for Curious {
    fn before(&self, event: &Event<'_>) -> Result<(), Cause> {
        self.look(event).ok_or_else(|| "the vault is gone".into())
    }

    fn after(&self, event: &Event<'_>, _: &secrets_toml::vault::Outcome<'_>) {
        self.look(event).unwrap();
    }
}

#[test]
fn an_observer_may_call_the_vault() {
    let curious = Arc::new(Curious::default());
    let vault = Vault::new(MemoryStore::new(), keyring()).observed_by(curious.clone());
    let vault = Arc::new(vault);
    curious.0.set(Arc::downgrade(&vault)).unwrap();
    assert_eq!(vault.put(&install("acme"), &secrets(), Expected::Absent).unwrap(), revision(1));
    assert!(vault.get(&install("audit")).unwrap().is_none());
}
