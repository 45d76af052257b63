//! Exports: all records of a store, written to a file and read into another store.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use crate::seal::{Custody, Keyring, Record, Scope};
use crate::store::backend::{Fetch, Outcome, Row};
use crate::store::{AsyncStore, Scan};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::call::Call;
use crate::vault::custody::kept_changing;
use crate::vault::decide::{self, ATTEMPTS, Current, Plan};
use crate::vault::error::{TransferError, VaultError};
use crate::vault::export_format::{ExportReader, ExportWriter};
use crate::vault::held::Held;
use crate::vault::import_past::{BATCH, MAX_BATCH_LEN, PastRows, Presents};
use crate::vault::imported::ExportKeys;
use crate::vault::operation::Operation;
use crate::vault::place::Place;
use crate::vault::report::Report;
use crate::vault::slices::Slices;
use crate::vault::watermark::{Mark, Seen};

impl<S: AsyncStore> AsyncVault<S> {
    /// Writes all records to a file, sealed as they are. Same as
    /// [`Vault::export`](crate::vault::Vault::export).
    ///
    /// The store is awaited. Writing to `out` blocks the thread.
    ///
    /// # Errors
    ///
    /// Same as [`Vault::export`](crate::vault::Vault::export).
    pub async fn export_blocking(&self, out: impl Write) -> Result<u64, TransferError> {
        let call = self.call(Operation::Export, None)?;
        let count = call.export(out).await;
        call.end(count)
    }

    /// Writes the records of an export to this vault's store. Same as
    /// [`Vault::import`](crate::vault::Vault::import).
    ///
    /// The store is awaited. Reading `from` blocks the thread.
    ///
    /// # Errors
    ///
    /// Same as [`Vault::import`](crate::vault::Vault::import).
    pub async fn import_blocking(&self, from: impl Read + Seek) -> Result<Report, TransferError> {
        let call = self.call(Operation::Import, None)?;
        let report = call.import_by(from, None).await;
        call.end(report)
    }

    /// Writes the records of an export under other locks. Same as
    /// [`Vault::import_with`](crate::vault::Vault::import_with).
    ///
    /// The store is awaited. Reading `from` blocks the thread.
    ///
    /// # Errors
    ///
    /// Same as [`Vault::import_with`](crate::vault::Vault::import_with).
    pub async fn import_with_blocking(
        &self,
        from: impl Read + Seek,
        custody: &Custody<'_>,
    ) -> Result<Report, TransferError> {
        let call = self.call(Operation::Import, None)?;
        let report = call.import_by(from, Some(custody)).await;
        call.end(report)
    }
}

impl<S: AsyncStore> Call<'_, AsyncVault<S>> {
    async fn export(&self, out: impl Write) -> Result<u64, TransferError> {
        let mut held = self.held();
        let is_in_store = held.fence().is_some();
        if is_in_store {
            self.reload(&mut held).await?;
        }
        let (begun, mut keys) = (held.clone(), HashSet::new());
        let mut export = ExportWriter::new(out)?;
        let mut scan = Scan::new(&self.store, Vec::new(), usize::MAX, Fetch::Records);
        loop {
            let page = scan.next_page().await.map_err(VaultError::from)?;
            if page.is_empty() {
                break;
            }
            for row in &page {
                keys.insert(export.write(row)?);
            }
        }
        if is_in_store {
            // The keys may have been rotated meanwhile. One of the two keyrings has to open all records,
            // but for those that no keyring opens: under a disabled key, or one that was unknown or
            // destroyed all the time.
            self.reload(&mut held).await?;
            let living = [held.living(), begun.living()].concat();
            keys.retain(|key| {
                living.contains(key) || held.is_destroyed(key) && !begun.is_destroyed(key)
            });
            let row = held.row_for(&keys).or_else(|| begun.row_for(&keys));
            export.write_keyring(row.ok_or(TransferError::Rotated)?)?;
        }
        export.finish()
    }

    async fn import_by(
        &self,
        mut from: impl Read + Seek,
        custody: Option<&Custody<'_>>,
    ) -> Result<Report, TransferError> {
        // A file that is damaged anywhere is refused before anything of it is written. So it is read
        // twice. The keyring, which opens the records, is its last row.
        let start = from.stream_position()?;
        let mut rows = ExportReader::new(&mut from)?;
        while rows.next()?.is_some() {}
        let keyring = rows.into_keyring();
        from.seek(SeekFrom::Start(start))?;

        // All present records come before all past ones, so each past row finds its present.
        let mut held = self.held();
        let keys = ExportKeys::unlock(keyring, custody, &held)?;
        let mut report = Report::default();
        let mut rows = ExportReader::new(&mut from)?;
        let mut presents = Presents::new(rows.file())?;
        let (mut batch, mut len) = (Vec::new(), 0);
        let mut past: Option<PastRows> = None;
        while let Some(row) = rows.next()? {
            let row_len = row.scope().len() + row.record().len();
            let place = Place::read(row.scope()).map_err(VaultError::from)?;
            let is_full = batch.len() == BATCH || len + row_len > MAX_BATCH_LEN;
            if is_full || matches!(place, Place::Past(..)) {
                self.write_import(&mut held, &keys, &batch, &mut report).await?;
                batch.clear();
                len = 0;
            }
            match place {
                Place::Present(scope) => {
                    len += row_len;
                    batch.push((scope, row));
                }
                Place::Past(scope, revision) => {
                    let record = Record::from_sealed(row.record());
                    match &mut past {
                        Some(rows) if rows.has_room(&scope, row_len) => rows.push(revision, record),
                        _ => {
                            let present = presents.find(rows.file(), &scope)?;
                            let present = self.mark_of(&mut held, &keys, &scope, present).await?;
                            let next = PastRows::new(scope, present, revision, record);
                            if let Some(rows) = past.replace(next) {
                                self.write_past(&mut held, &keys, &rows, &mut report).await?;
                            }
                        }
                    }
                }
            }
        }
        self.write_import(&mut held, &keys, &batch, &mut report).await?;
        if let Some(rows) = past {
            self.write_past(&mut held, &keys, &rows, &mut report).await?;
        }
        report.complete = true;
        Ok(report)
    }

    /// Writes present records in one commit. If the keys are rotated meanwhile, it is planned anew.
    async fn write_import(
        &self,
        held: &mut Arc<Held>,
        keys: &ExportKeys,
        batch: &[(Scope, Row)],
        report: &mut Report,
    ) -> Result<(), VaultError> {
        for _ in 0..ATTEMPTS {
            if self.write_import_under(held, keys, batch, report).await? {
                return Ok(());
            }
            self.reload(held).await?;
        }
        Err(kept_changing())
    }

    /// Does so under one keyring. Returns `false` if there is another one meanwhile: nothing was written
    /// then, and nothing is reported.
    async fn write_import_under(
        &self,
        held: &mut Arc<Held>,
        keys: &ExportKeys,
        batch: &[(Scope, Row)],
        report: &mut Report,
    ) -> Result<bool, VaultError> {
        let under = held.clone();
        // The writes in one list, as `apply` takes them; in the other, in the same order, what is
        // needed for each outcome.
        let (mut writes, mut planned) = (Vec::new(), Vec::new());
        let (mut kept, mut failed, mut slices) = (0, Vec::new(), Slices::default());
        for (scope, row) in batch {
            match self.plan_import(held, keys, scope, row).await {
                Ok(Some((plan, seen))) => {
                    writes.push(plan.write);
                    planned.push((scope, plan.mark, seen));
                }
                Ok(None) => kept += 1,
                Err(error) if error.ends_the_call() => return Err(error),
                Err(error) => failed.push((scope, error)),
            }
            slices.add(row.record().len()).await;
        }
        if !Arc::ptr_eq(held, &under) {
            return Ok(false);
        }
        let mut outcomes = Vec::new();
        if !writes.is_empty() {
            let Some(applied) = self.apply_again(&under, &writes).await? else { return Ok(false) };
            outcomes = applied;
        }
        report.kept += kept;
        failed.into_iter().for_each(|(scope, error)| report.fail(scope.as_bytes(), error));
        for ((scope, mark, seen), outcome) in planned.into_iter().zip(outcomes) {
            if outcome == Outcome::Applied {
                report.written += 1;
                self.watermarks().raise(scope, mark, seen);
                continue;
            }
            // Another process wrote here after `plan_import` had read the record, or the first
            // of two attempts of `apply_again` wrote this record.
            let current = self.read(held, scope).await?.0;
            match current.as_ref().map(Current::mark) {
                Some(now) if now.is_fork_of(mark) => {
                    report.fail(scope.as_bytes(), VaultError::Forked { revision: now.revision });
                }
                Some(now) if now.revision >= mark.revision => report.kept += 1,
                now => {
                    let current = now.map(|now| now.revision);
                    report.fail(scope.as_bytes(), VaultError::Conflict { current });
                }
            }
        }
        Ok(true)
    }

    /// Opens a present record of the export and plans its write. Returns `None` if the current record
    /// is kept.
    async fn plan_import(
        &self,
        held: &mut Arc<Held>,
        keys: &ExportKeys,
        scope: &Scope,
        row: &Row,
    ) -> Result<Option<(Plan, Seen)>, VaultError> {
        let open = |keyring: &Keyring| keyring.open(scope, row.record());
        let opened = self.open_imported(held, keys, open).await?;
        let (current, seen) = match self.read(held, scope).await {
            // The record is gone from the store. The import may bring it back, unless it is older
            // than what this vault has seen.
            Err(error @ VaultError::RolledBack { found: None, .. }) => {
                let seen = self.watermarks().seen(scope);
                match decide::check(seen.highest, Some(Mark::of(&opened))) {
                    Err(VaultError::RolledBack { .. }) => return Err(error),
                    checked => checked?,
                }
                (None, seen)
            }
            read => read?,
        };
        let plan = decide::import(held, scope, current.as_ref(), &opened, row.record())?;
        Ok(plan.map(|plan| (plan, seen)))
    }
}
