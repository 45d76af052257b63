//! What a vault does to all of its records: to move them to another key, and to check them.

use std::fmt;
use std::ops::ControlFlow;

use crate::seal::{KeyId, Keyring, Revision, Scope, Unused};
use crate::store::backend::{Fetch, Outcome, Row, Write};
use crate::store::{AsyncStore, StoreError};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::decide::{self, Plan, Rewrap};
use crate::vault::error::VaultError;
use crate::vault::watermark::Seen;

/// How many failures of a sweep are kept; beyond that they are counted. A hundred are enough to
/// see what is wrong.
pub const MAX_FAILURES: usize = 100;

/// How many records are moved in one commit, at most: a page may end earlier.
const BATCH: usize = 4096;

/// How often one record is tried while others write it. Each time one of them succeeded.
const ATTEMPTS: usize = 100;

/// How far [`Vault::rewrap_all`](crate::vault::Vault::rewrap_all) has come.
#[derive(Debug, Default)]
pub struct Progress {
    done: u64,
    skipped: u64,
    failures: Failures,
    complete: bool,
}

impl Progress {
    /// How many records were moved to the primary key.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done
    }

    /// How many say that they are under it already. They were not decrypted.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many could not be moved.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.count
    }

    /// The first [`MAX_FAILURES`] of those.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures.first
    }

    /// Whether the end was reached.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

/// What [`Vault::verify`](crate::vault::Vault::verify) found.
#[derive(Debug, Default)]
pub struct Verification {
    documents: u64,
    tombstones: u64,
    failures: Failures,
    /// The keys that were disabled all the while.
    disabled: Vec<KeyId>,
}

impl Verification {
    /// How many documents opened.
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// How many tombstones opened.
    #[must_use]
    pub fn tombstones(&self) -> u64 {
        self.tombstones
    }

    /// How many records did not open, or were older than this process had seen.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.count
    }

    /// The first [`MAX_FAILURES`] of those.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures.first
    }

    /// The proof that no record of this store needs a key. There is one where
    ///
    /// - every record opened,
    /// - the key was disabled when the scan began, and the keyring was not
    ///   [changed](crate::vault::Vault::set_keyring) until it ended, and
    /// - nothing in this process that began under an earlier keyring, with the key as the primary
    ///   one, was still under way when the scan began.
    ///
    /// It speaks for this store, this process and the moment of the scan. A key that is enabled and
    /// promoted again later is used again: use the proof at once. Other stores, other processes
    /// that still have the key, a write of which the store [did not tell](VaultError::Unknown) and
    /// which may still land, exports, backups and live [`ScopeKeyring`]s are the host's to think of.
    ///
    /// [`ScopeKeyring`]: crate::seal::ScopeKeyring
    #[must_use]
    pub fn unused(&self, id: &KeyId) -> Option<Unused> {
        let proven = self.failures.count == 0 && self.disabled.contains(id);
        proven.then(|| Unused::of(*id))
    }
}

/// One record that something could not be done about.
#[derive(Debug)]
pub struct Failure {
    scope: Vec<u8>,
    error: VaultError,
}

impl Failure {
    /// The scope; `None` where what the row is filed under is none.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        Scope::from_bytes(&self.scope).ok()
    }

    /// Why.
    #[must_use]
    pub fn error(&self) -> &VaultError {
        &self.error
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope() {
            Some(scope) => write!(f, "{scope:?}: {}", self.error),
            None => write!(f, "a row that is filed under no scope: {}", self.error),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Failures {
    pub(super) first: Vec<Failure>,
    pub(super) count: u64,
}

impl Failures {
    pub(super) fn add(&mut self, scope: &[u8], error: impl Into<VaultError>) {
        self.count += 1;
        if self.first.len() < MAX_FAILURES {
            self.first.push(Failure { scope: scope.to_vec(), error: error.into() });
        }
    }
}

impl<S: AsyncStore> AsyncVault<S> {
    /// As [`Vault::rewrap_all`](crate::vault::Vault::rewrap_all).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn rewrap_all(
        &self,
        mut progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Progress, VaultError> {
        let keyring = self.keyring();
        let mut now = Progress::default();
        let mut after = None;
        loop {
            let page = self.store.scan(&[], after.as_deref(), BATCH, Fetch::Records).await?;
            after = page.last().map(|row| row.scope().to_vec());
            now.complete = after.is_none();
            self.rewrap_page(&keyring, page, &mut now).await?;
            if progress(&now).is_break() || now.complete {
                return Ok(now);
            }
        }
    }

    /// As [`Vault::verify`](crate::vault::Vault::verify).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn verify(&self) -> Result<Verification, VaultError> {
        let (keyring, disabled) = self.keyring_and_disabled();
        let mut found = Verification::default();
        let mut after = None;
        loop {
            let page = self.store.scan(&[], after.as_deref(), BATCH, Fetch::Records).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.scope().to_vec());
            for row in page {
                match self.verify_row(&keyring, &row).await {
                    Ok(Found::Document) => found.documents += 1,
                    Ok(Found::Tombstone) => found.tombstones += 1,
                    Ok(Found::Nothing) => {}
                    Err(error @ VaultError::Store(_)) => return Err(error),
                    Err(error) => found.failures.add(row.scope(), error),
                }
            }
        }
        if self.is_current(&keyring) {
            found.disabled = disabled;
        }
        Ok(found)
    }

    async fn verify_row(&self, keyring: &Keyring, row: &Row) -> Result<Found, VaultError> {
        let scope = Scope::from_bytes(row.scope())?;
        let opened = keyring.open(&scope, row.record())?;
        let seen = self.watermarks().seen(&scope);
        if seen.highest <= Some(opened.revision()) {
            return Ok(Found::of(opened.is_tombstone()));
        }
        // It may have been written since the page was read.
        let standing = self.read(keyring, &scope).await?.0;
        Ok(standing.map_or(Found::Nothing, |standing| Found::of(standing.opened.is_tombstone())))
    }

    async fn rewrap_page(
        &self,
        keyring: &Keyring,
        page: Vec<Row>,
        now: &mut Progress,
    ) -> Result<(), VaultError> {
        let mut scopes = Vec::new();
        let mut plans = Vec::new();
        let mut again = Vec::new();
        for row in page {
            let scope = match Scope::from_bytes(row.scope()) {
                Ok(scope) => scope,
                Err(error) => {
                    now.failures.add(row.scope(), error);
                    continue;
                }
            };
            let seen = self.watermarks().seen(&scope);
            match decide::rewrap(keyring, &scope, row.record(), seen.highest) {
                Ok(Rewrap::Current) => now.skipped += 1,
                Ok(Rewrap::Behind) => again.push(scope),
                Ok(Rewrap::Write(Plan { write, revision })) => {
                    plans.push(write);
                    scopes.push((scope, revision, seen));
                }
                Err(error) => now.failures.add(row.scope(), error),
            }
        }
        if !plans.is_empty() {
            let outcomes = self.apply_again(&plans).await?;
            for ((scope, revision, seen), outcome) in scopes.into_iter().zip(outcomes) {
                if outcome == Outcome::Applied {
                    now.done += 1;
                    self.raise_existing(&scope, revision, seen);
                } else {
                    again.push(scope);
                }
            }
        }
        for scope in again {
            match self.rewrap_one(keyring, &scope).await {
                Ok(true) => now.done += 1,
                Ok(false) => now.skipped += 1,
                Err(error @ (VaultError::Store(_) | VaultError::Unknown(_))) => return Err(error),
                Err(error) => now.failures.add(scope.as_bytes(), error),
            }
        }
        Ok(())
    }

    /// Reads one record and moves it, as often as others write it in between. Tells whether it was
    /// moved here.
    async fn rewrap_one(&self, keyring: &Keyring, scope: &Scope) -> Result<bool, VaultError> {
        let mut current = None;
        for _ in 0..ATTEMPTS {
            let (standing, seen) = self.read(keyring, scope).await?;
            let Some(standing) = standing else { return Ok(false) };
            let plan = decide::rewrap_standing(keyring, scope, &standing)?;
            let Some(Plan { write, revision }) = plan else { return Ok(false) };
            if self.apply_again(&[write]).await?[0] == Outcome::Applied {
                self.raise_existing(scope, revision, seen);
                return Ok(true);
            }
            current = Some(revision);
        }
        Err(VaultError::Conflict { current })
    }

    /// Applies writes, and once more where the store does not tell. What was refused then may have
    /// been written the first time.
    pub(super) async fn apply_again(&self, writes: &[Write]) -> Result<Vec<Outcome>, VaultError> {
        match self.apply(writes).await {
            Err(StoreError::Unknown(_)) => {
                self.apply(writes).await.map_err(|error| VaultError::Unknown(error.into()))
            }
            result => Ok(result?),
        }
    }

    /// A sweep sets no mark, lest a million of them displace those in use.
    fn raise_existing(&self, scope: &Scope, revision: Revision, seen: Seen) {
        if seen.highest.is_some() {
            self.watermarks().raise(scope, revision, seen);
        }
    }
}

/// What a scan met.
enum Found {
    Document,
    Tombstone,
    Nothing,
}

impl Found {
    fn of(tombstone: bool) -> Self {
        if tombstone { Self::Tombstone } else { Self::Document }
    }
}
