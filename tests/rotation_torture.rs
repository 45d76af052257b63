//! Rotation torture: writers, readers, imports and rotations in any number of processes, killed and stopped
//! at random. Every acknowledged record opens at the end, and nobody meets an error but a conflict.
//!
//! Runs a tenth of its counts, or all if the variable `SECRETS_TOML_FULL` is set.

#![cfg(feature = "vault")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/dice.rs"]
mod dice;
#[path = "support/folder.rs"]
mod folder;
#[path = "support/full.rs"]
mod full;
#[cfg(all(unix, feature = "postgres"))]
#[path = "rotation_torture/processes.rs"]
mod processes;
#[cfg(all(unix, feature = "postgres"))]
#[path = "support/waiting.rs"]
mod waiting;

use std::collections::HashMap;
use std::io::Cursor;
use std::ops::ControlFlow::{Break, Continue};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use dice::Dice;
use full::times;
use secrets_toml::seal::{Custody, Lock, Scope};
use secrets_toml::store::backend::{Fetch, Outcome, Row, Write};
use secrets_toml::store::{MemoryStore, Store, StoreError};
use secrets_toml::vault::{Expected, RotateError, Scopes, TransferError, Vault, VaultError};
use secrets_toml::{Document, Secrets};

fn custody() -> Custody<'static> {
    Custody::new("test").and_then(|it| it.lock("host", Lock::raw(&[5; 32]))).unwrap()
}

/// The custody of the deployment that imports come from.
fn elsewhere() -> Custody<'static> {
    Custody::new("elsewhere").and_then(|it| it.lock("host", Lock::raw(&[6; 32]))).unwrap()
}

fn secrets() -> Secrets {
    Document::parse("A = 1").unwrap().validate().unwrap()
}

fn scope(number: usize) -> Scope {
    Scope::module("chat").unwrap().version(&number.to_string()).unwrap()
}

/// The acknowledged revisions of scopes.
type Told = HashMap<usize, u64>;

/// An export of one document in a scope.
fn export_of(scope: &Scope) -> Vec<u8> {
    let vault = Vault::create(MemoryStore::new(), &elsewhere()).unwrap();
    vault.put(scope, &secrets(), Expected::Absent).unwrap();
    let mut export = Vec::new();
    vault.export(&mut export).unwrap();
    export
}

/// Does one thing at random, and tells which revision was acknowledged. Conflicts are expected.
fn work<S: Store>(
    vault: &Vault<S>,
    dice: &mut Dice,
    scopes: usize,
) -> Result<Option<(usize, u64)>, VaultError> {
    let number = dice.roll(scopes);
    let scope = scope(number);
    let current = read(vault.get(&scope))?;
    let revision = current.as_ref().map(|current| current.revision());
    let expected = match &current {
        Some(current) => Expected::Revision(current.revision()),
        None => Expected::Absent,
    };
    let written = match (dice.roll(100), revision) {
        (0..=39, _) | (40..=64, None) => vault.put(&scope, &secrets(), expected),
        (40..=54, Some(revision)) => vault.delete(&scope, revision, None),
        (55..=64, Some(revision)) => {
            let entry = read(read(vault.history(&scope))?.last().transpose())?;
            let oldest = entry.map_or(revision, |entry| entry.revision());
            vault.restore(&scope, oldest, expected, None)
        }
        (65..=74, _) => {
            let imported = vault.import_with(Cursor::new(export_of(&scope)), &elsewhere());
            let report = match imported {
                Err(TransferError::Vault(error)) => return Err(error),
                imported => imported.unwrap(),
            };
            // The imported document may be a fork of the first revision.
            let forked = |error: &VaultError| matches!(error, VaultError::Forked { .. });
            assert!(report.failures().iter().all(|one| {
                forked(one.error()) || matches!(one.error(), VaultError::Conflict { .. })
            }));
            return Ok((report.written() == 1).then_some((number, 1)));
        }
        (75..=97, _) => {
            for entry in read(vault.history(&scope))? {
                read(entry)?;
            }
            return Ok(None);
        }
        (98, _) => {
            let report = read(vault.verify(Scopes::All))?;
            assert_eq!(report.failed(), 0, "{:?}", report.failures());
            return Ok(None);
        }
        _ => {
            // A few of them are stopped.
            let mut batches = dice.roll(8);
            let rotated = vault.rotate(|_| {
                batches = batches.wrapping_sub(1);
                if batches == 0 { Break(()) } else { Continue(()) }
            });
            match rotated {
                Err(RotateError::Unfinished(report)) => {
                    assert_eq!(report.failed(), 0, "{report:?}")
                }
                Err(RotateError::Vault(error)) => return Err(error),
                rotated => drop(rotated.unwrap()),
            }
            return Ok(None);
        }
    };
    match written {
        Ok(revision) => Ok(Some((number, revision.get()))),
        Err(VaultError::Conflict { .. } | VaultError::Absent) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks that a reader meets no error. A process that was stopped may find its store unavailable.
fn read<T>(result: Result<T, VaultError>) -> Result<T, VaultError> {
    let error = result.as_ref().err();
    let is_expected =
        error.is_none_or(|error| matches!(error, VaultError::Store(StoreError::Unavailable(_))));
    assert!(is_expected, "a reader met an error: {error:?}");
    result
}

fn tell(told: &mut Told, number: usize, revision: u64) {
    let highest = told.entry(number).or_default();
    *highest = revision.max(*highest);
}

/// Every acknowledged record is there, or a later one, and every record opens.
fn check<S: Store>(store: S, told: &Told) {
    let vault = Vault::open(store, &custody()).unwrap();
    let report = vault.verify(Scopes::All).unwrap();
    assert_eq!(report.failed(), 0, "{:?}", report.failures());
    for (number, revision) in told {
        let found = vault.get(&scope(*number)).unwrap().unwrap().revision().get();
        assert!(found >= *revision, "scope {number}: {found}, after {revision}");
    }
    vault.rotate(|_| Continue(())).unwrap();
    assert_eq!(vault.usage().unwrap().by_key().count(), 1);
}

/// A store whose calls sleep now and then, before they do anything.
struct Sleepy<S>(S, Mutex<Dice>);

impl<S> Sleepy<S> {
    fn sleep(&self) {
        let millis = {
            let mut dice = self.1.lock().unwrap();
            if dice.roll(30) == 0 { dice.roll(60) } else { 0 }
        };
        if millis > 0 {
            thread::sleep(Duration::from_millis(millis as u64));
        }
    }
}

impl<S: Store> Store for Sleepy<S> {
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.0.get(scope);
        self.sleep();
        found
    }

    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        self.sleep();
        self.0.apply(fence, writes)
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        // Small pages, so that much happens between them.
        let page = self.0.scan(prefix, after, limit.min(50), fetch);
        self.sleep();
        page
    }

    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        self.0.purge(scope)
    }
}

/// Four vaults in one process, each with its own memory, as processes have them.
fn torture<S: Store>(store: &S) {
    let scopes = times(2000);
    drop(Vault::create(store, &custody()).unwrap());
    let told = Mutex::new(Told::new());
    thread::scope(|threads| {
        for number in 0..4 {
            let told = &told;
            threads.spawn(move || {
                let sleepy = Sleepy(store, Mutex::new(Dice(0xC0DE + number)));
                let vault = Vault::open(sleepy, &custody()).unwrap().keep_history(3).unwrap();
                let mut dice = Dice(0xDEAD + number);
                for _ in 0..times(1500) {
                    if let Some((number, revision)) = work(&vault, &mut dice, scopes).unwrap() {
                        tell(&mut told.lock().unwrap(), number, revision);
                    }
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    assert!(told.len() > scopes / 4, "{}", told.len());
    check(store, &told);
}

#[test]
fn in_memory() {
    torture(&MemoryStore::new());
}

#[cfg(feature = "redb")]
#[test]
fn in_a_file() {
    let folder = folder::Folder::new();
    torture(&secrets_toml::store::RedbStore::create(folder.join("vault.redb")).unwrap());
}
