//! Calls that read all records: checking them, counting them.

use std::sync::Arc;

use crate::store::AsyncStore;
use crate::store::backend::{Fetch, Row};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::call::Call;
use crate::vault::decide;
use crate::vault::error::VaultError;
use crate::vault::held::Held;
use crate::vault::list::Scopes;
use crate::vault::operation::Operation;
use crate::vault::place::{Place, Presents};
use crate::vault::report::Report;
use crate::vault::rewrap::BATCH;
use crate::vault::slices::Slices;
use crate::vault::watermark::Mark;

impl<S: AsyncStore> AsyncVault<S> {
    /// Opens every record. Same as [`Vault::verify`](crate::vault::Vault::verify).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::verify`](crate::vault::Vault::verify).
    pub async fn verify(&self, scopes: Scopes<'_>) -> Result<Report, VaultError> {
        let call = self.call_owning(Operation::Verify, || scopes.parent())?;
        let report = call.verify(scopes).await;
        call.end(report)
    }

    /// Counts the records under each key. Same as [`Vault::usage`](crate::vault::Vault::usage).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::usage`](crate::vault::Vault::usage).
    pub async fn usage(&self) -> Result<Report, VaultError> {
        let call = self.call(Operation::Usage, None)?;
        let report = call.usage().await;
        call.end(report)
    }
}

impl<S: AsyncStore> Call<'_, AsyncVault<S>> {
    async fn verify(&self, scopes: Scopes<'_>) -> Result<Report, VaultError> {
        let (begun, disabled) = self.held_and_disabled();
        let mut held = begun.clone();
        let mut report = Report::default();
        let mut scan = scopes.scan(&self.store, BATCH, Fetch::Records)?;
        let mut slices = Slices::default();
        loop {
            let page = scan.next_page().await?;
            if page.is_empty() {
                break;
            }
            let mut presents = Presents::default();
            for row in &page {
                self.verify_row(&mut held, row, &mut presents, &mut report).await?;
                slices.add(row.record().len()).await;
            }
        }
        // If the keyring was replaced during the scan, a key may have been primary in between, and
        // a record may have been written behind the scan. Then nothing is proven. A part proves nothing
        // about the rest.
        if scopes == Scopes::All && self.is_current(&begun) {
            report.disabled = disabled;
        }
        report.complete = true;
        Ok(report)
    }

    async fn usage(&self) -> Result<Report, VaultError> {
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

    /// Opens the record of a row, and reports it.
    pub(super) async fn verify_row(
        &self,
        held: &mut Arc<Held>,
        row: &Row,
        presents: &mut Presents,
        report: &mut Report,
    ) -> Result<(), VaultError> {
        match self.open_found(held, row, presents).await {
            Ok(Found::Document) => report.documents += 1,
            Ok(Found::Tombstone) => report.tombstones += 1,
            Ok(Found::Past) => report.past += 1,
            Ok(Found::Nothing) => {}
            Err(error) if error.ends_the_call() => return Err(error),
            Err(error) => report.fail(row.scope(), error),
        }
        Ok(())
    }

    async fn open_found(
        &self,
        held: &mut Arc<Held>,
        row: &Row,
        presents: &mut Presents,
    ) -> Result<Found, VaultError> {
        let scope = match Place::read(row.scope())? {
            Place::Present(scope) => scope,
            Place::Past(scope, revision) => {
                if !presents.is_past(self, held, &scope, revision).await? {
                    return Ok(Found::Nothing);
                }
                let opened = match held.open_past(&scope, revision, row.record()) {
                    Err(error) if error.is_of_a_key() => {
                        self.open_past(held, &scope, revision).await?
                    }
                    opened => Some(opened?),
                };
                return Ok(if opened.is_some() { Found::Past } else { Found::Nothing });
            }
        };
        let opened = self.open_present(held, &scope, row.record()).await?;
        let Some(opened) = opened else { return Ok(Found::Nothing) };
        let seen = self.watermarks().seen(&scope);
        if decide::check(seen.highest, Some(Mark::of(&opened))).is_ok() {
            return Ok(Found::of(opened.is_tombstone()));
        }
        // The row is older than what this vault has seen. That is a rollback only if the record is
        // still as old when it is read again: another thread may have written it after the page was
        // read.
        let current = self.read(held, &scope).await?.0;
        Ok(current.map_or(Found::Nothing, |current| Found::of(current.opened.is_tombstone())))
    }
}

/// The kind of a record that a scan found.
enum Found {
    Document,
    Tombstone,
    Past,
    Nothing,
}

impl Found {
    fn of(tombstone: bool) -> Self {
        if tombstone { Self::Tombstone } else { Self::Document }
    }
}
