//! Calls that visit all records: sealing them again under the primary key, checking them, counting
//! them.

use std::ops::ControlFlow;

use crate::seal::{Keyring, Revision, Scope};
use crate::store::backend::{Fetch, Outcome, Row, Write};
use crate::store::{AsyncStore, Scan, StoreError};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::decide::{self, Plan, Rewrap};
use crate::vault::error::VaultError;
use crate::vault::report::Report;
use crate::vault::watermark::Seen;

/// The most records that are sealed again in one commit. A page may be shorter.
const BATCH: usize = 4096;

/// The most attempts to seal one record again while other processes write it. Each attempt that
/// fails means that one of them succeeded.
const ATTEMPTS: usize = 100;

impl<S: AsyncStore> AsyncVault<S> {
    /// Seals every record again that is not under the primary key. Same as
    /// [`Vault::rewrap_all`](crate::vault::Vault::rewrap_all).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::rewrap_all`](crate::vault::Vault::rewrap_all).
    pub async fn rewrap_all(
        &self,
        mut progress: impl FnMut(&Report) -> ControlFlow<()>,
    ) -> Result<Report, VaultError> {
        let keyring = self.keyring();
        let mut report = Report::default();
        let mut scan = Scan::new(&self.store, Vec::new(), BATCH, Fetch::Records);
        loop {
            let page = scan.next_page().await?;
            report.complete = page.is_empty();
            self.rewrap_page(&keyring, page, &mut report).await?;
            if progress(&report).is_break() || report.complete {
                return Ok(report);
            }
        }
    }

    /// Opens every record. Same as [`Vault::verify`](crate::vault::Vault::verify).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::verify`](crate::vault::Vault::verify).
    pub async fn verify(&self) -> Result<Report, VaultError> {
        let (keyring, disabled) = self.keyring_and_disabled();
        let mut report = Report::default();
        let mut scan = Scan::new(&self.store, Vec::new(), BATCH, Fetch::Records);
        loop {
            let page = scan.next_page().await?;
            if page.is_empty() {
                break;
            }
            for row in page {
                match self.verify_row(&keyring, &row).await {
                    Ok(Found::Document) => report.documents += 1,
                    Ok(Found::Tombstone) => report.tombstones += 1,
                    Ok(Found::Nothing) => {}
                    Err(error @ VaultError::Store(_)) => return Err(error),
                    Err(error) => report.fail(row.scope(), error),
                }
            }
        }
        // If the keyring was replaced during the scan, a key may have been primary in between, and
        // a record may have been written behind the scan. Then nothing is proven.
        if self.is_current(&keyring) {
            report.disabled = disabled;
        }
        report.complete = true;
        Ok(report)
    }

    /// Counts the records under each key. Same as [`Vault::usage`](crate::vault::Vault::usage).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::usage`](crate::vault::Vault::usage).
    pub async fn usage(&self) -> Result<Report, VaultError> {
        let mut report = Report::default();
        for (id, records) in self.store.count_by_key().await? {
            match id {
                Some(id) => drop(report.by_key.insert(id, records)),
                None => report.unreadable = records,
            }
        }
        report.complete = true;
        Ok(report)
    }

    async fn verify_row(&self, keyring: &Keyring, row: &Row) -> Result<Found, VaultError> {
        let scope = Scope::from_bytes(row.scope())?;
        let opened = keyring.open(&scope, row.record())?;
        let seen = self.watermarks().seen(&scope);
        if seen.highest <= Some(opened.revision()) {
            return Ok(Found::of(opened.is_tombstone()));
        }
        // The row is older than what this vault has seen. That is a rollback only if the record is
        // still as old when it is read again: another thread may have written it after the page was
        // read.
        let current = self.read(keyring, &scope).await?.0;
        Ok(current.map_or(Found::Nothing, |current| Found::of(current.opened.is_tombstone())))
    }

    /// Seals the records of a page again: all in one commit, and then one by one those that
    /// another process wrote meanwhile.
    async fn rewrap_page(
        &self,
        keyring: &Keyring,
        page: Vec<Row>,
        report: &mut Report,
    ) -> Result<(), VaultError> {
        // `scopes` and `writes` have the same length and order: `scopes[i]` is what is needed when
        // the outcome of `writes[i]` is known.
        let mut scopes = Vec::new();
        let mut writes = Vec::new();
        let mut again = Vec::new();
        for row in page {
            let scope = match Scope::from_bytes(row.scope()) {
                Ok(scope) => scope,
                Err(error) => {
                    report.fail(row.scope(), error);
                    continue;
                }
            };
            let seen = self.watermarks().seen(&scope);
            match decide::rewrap(keyring, &scope, row.record(), seen.highest) {
                Ok(Rewrap::UpToDate) => report.kept += 1,
                Ok(Rewrap::Behind) => again.push(scope),
                Ok(Rewrap::Write(Plan { write, revision })) => {
                    writes.push(write);
                    scopes.push((scope, revision, seen));
                }
                Err(error) => report.fail(row.scope(), error),
            }
        }
        if !writes.is_empty() {
            let outcomes = self.apply_again(&writes).await?;
            for ((scope, revision, seen), outcome) in scopes.into_iter().zip(outcomes) {
                if outcome == Outcome::Applied {
                    report.written += 1;
                    self.raise_existing(&scope, revision, seen);
                } else {
                    again.push(scope);
                }
            }
        }
        for scope in again {
            match self.rewrap_one(keyring, &scope).await {
                Ok(true) => report.written += 1,
                Ok(false) => report.kept += 1,
                Err(error @ (VaultError::Store(_) | VaultError::Unknown(_))) => return Err(error),
                Err(error) => report.fail(scope.as_bytes(), error),
            }
        }
        Ok(())
    }

    /// Reads one record and seals it again, repeatedly while other processes write it. Returns
    /// `true` if it was written here.
    async fn rewrap_one(&self, keyring: &Keyring, scope: &Scope) -> Result<bool, VaultError> {
        let mut current_revision = None;
        for _ in 0..ATTEMPTS {
            let (current, seen) = self.read(keyring, scope).await?;
            let Some(current) = current else { return Ok(false) };
            let plan = decide::rewrap_current(keyring, scope, &current)?;
            let Some(Plan { write, revision }) = plan else { return Ok(false) };
            if self.apply_again(&[write]).await?[0] == Outcome::Applied {
                self.raise_existing(scope, revision, seen);
                return Ok(true);
            }
            current_revision = Some(revision);
        }
        Err(VaultError::Conflict { current: current_revision })
    }

    /// Applies writes, and once more if the store does not confirm them.
    ///
    /// The second outcome [`Outcome::Conflict`] has two meanings then: another process wrote the
    /// record, or the first attempt did, and the condition no longer holds because its own record is
    /// there. The callers therefore read the record again, which answers both. They need no more: a
    /// first attempt that is carried out late finds that its condition does not hold any more.
    pub(super) async fn apply_again(&self, writes: &[Write]) -> Result<Vec<Outcome>, VaultError> {
        match self.apply(writes).await {
            Err(StoreError::Unknown(_)) => {
                self.apply(writes).await.map_err(|error| VaultError::Unknown(error.into()))
            }
            result => Ok(result?),
        }
    }

    /// Raises a watermark that exists. A call that visits all records sets no new ones: a million
    /// of them would push out those in use.
    fn raise_existing(&self, scope: &Scope, revision: Revision, seen: Seen) {
        if seen.highest.is_some() {
            self.watermarks().raise(scope, revision, seen);
        }
    }
}

/// The kind of a record that a scan found.
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
