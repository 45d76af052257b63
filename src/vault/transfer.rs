//! Exports: all records of a store, written to a file and read into another store.

use std::io::{Read, Seek, SeekFrom, Write};

use crate::seal::{Keyring, Record, Scope};
use crate::store::backend::{self, Fetch, Outcome, Row};
use crate::store::{AsyncStore, Scan};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::decide::{self, Current};
use crate::vault::error::{TransferError, VaultError};
use crate::vault::export_format::{ExportReader, ExportWriter};
use crate::vault::import_past::{BATCH, MAX_BATCH_LEN, PastRows, Presents};
use crate::vault::place::Place;
use crate::vault::report::Report;
use crate::vault::watermark::{Mark, Seen};

impl<S: AsyncStore> AsyncVault<S> {
    /// Writes all records to a file, sealed as they are. Same as
    /// [`Vault::export`](crate::vault::Vault::export).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::export`](crate::vault::Vault::export).
    pub async fn export(&self, out: impl Write) -> Result<u64, TransferError> {
        let mut export = ExportWriter::new(out)?;
        let mut scan = Scan::new(&self.store, Vec::new(), usize::MAX, Fetch::Records);
        loop {
            let page = scan.next_page().await.map_err(VaultError::from)?;
            if page.is_empty() {
                return export.finish();
            }
            for row in &page {
                export.write(row)?;
            }
        }
    }

    /// Writes the records of an export to this vault's store. Same as
    /// [`Vault::import`](crate::vault::Vault::import).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::import`](crate::vault::Vault::import).
    pub async fn import(&self, mut from: impl Read + Seek) -> Result<Report, TransferError> {
        // A file that is damaged anywhere is refused before anything of it is written. So it is read
        // twice.
        let start = from.stream_position()?;
        let mut rows = ExportReader::new(&mut from)?;
        while rows.next()?.is_some() {}
        from.seek(SeekFrom::Start(start))?;

        // All present records come before all past ones, so each past row finds its present.
        let keyring = self.keyring();
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
                self.write_import(&keyring, std::mem::take(&mut batch), &mut report).await?;
                len = 0;
            }
            match place {
                Place::Present(scope) => match self.plan_import(&keyring, scope, &row).await {
                    Ok(Some(planned)) => {
                        len += row_len;
                        batch.push(planned);
                    }
                    Ok(None) => report.kept += 1,
                    Err(error) if error.ends_the_call() => return Err(error.into()),
                    Err(error) => report.fail(row.scope(), error),
                },
                Place::Past(scope, revision) => {
                    let record = Record::from_sealed(row.record());
                    match &mut past {
                        Some(rows) if rows.has_room(&scope, row_len) => rows.push(revision, record),
                        _ => {
                            let present = presents.find(rows.file(), &scope)?;
                            let present = present.and_then(|row| keyring.open(&scope, row).ok());
                            let present = present.as_ref().map(Mark::of);
                            let next = PastRows::new(scope, present, revision, record);
                            if let Some(rows) = past.replace(next) {
                                self.write_past(&keyring, &rows, &mut report).await?;
                            }
                        }
                    }
                }
            }
        }
        self.write_import(&keyring, batch, &mut report).await?;
        if let Some(rows) = past {
            self.write_past(&keyring, &rows, &mut report).await?;
        }
        report.complete = true;
        Ok(report)
    }

    /// Opens a present record of the export and plans its write. Returns `None` if the current record
    /// is kept.
    async fn plan_import(
        &self,
        keyring: &Keyring,
        scope: Scope,
        row: &Row,
    ) -> Result<Option<Planned>, VaultError> {
        let opened = keyring.open(&scope, row.record())?;
        let mark = Mark::of(&opened);
        let (current, seen) = match self.read(keyring, &scope).await {
            // The record is gone from the store. The import may bring it back, unless it is older
            // than what this vault has seen.
            Err(error @ VaultError::RolledBack { found: None, .. }) => {
                let seen = self.watermarks().seen(&scope);
                match decide::check(seen.highest, Some(mark)) {
                    Err(VaultError::RolledBack { .. }) => return Err(error),
                    checked => checked?,
                }
                (None, seen)
            }
            read => read?,
        };
        let write = decide::import(&scope, current.as_ref(), &opened, row.record())?;
        Ok(write.map(|write| Planned { scope, mark, seen, write }))
    }

    /// Writes present records in one commit.
    async fn write_import(
        &self,
        keyring: &Keyring,
        planned: Vec<Planned>,
        report: &mut Report,
    ) -> Result<(), VaultError> {
        if planned.is_empty() {
            return Ok(());
        }
        // The writes in one list, as `apply` takes them; in the other, in the same order, what is
        // needed for each outcome.
        let (writes, planned): (Vec<_>, Vec<_>) =
            planned.into_iter().map(|one| (one.write, (one.scope, one.mark, one.seen))).unzip();
        let outcomes = self.apply_again(&writes).await?;
        for ((scope, mark, seen), outcome) in planned.into_iter().zip(outcomes) {
            if outcome == Outcome::Applied {
                report.written += 1;
                self.watermarks().raise(&scope, mark, seen);
                continue;
            }
            // Another process wrote here after `plan_import` had read the record, or the first
            // of two attempts of `apply_again` wrote this record.
            let current = self.read(keyring, &scope).await?.0;
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
        Ok(())
    }
}

/// A present record of an export that is going to be written.
struct Planned {
    scope: Scope,
    mark: Mark,
    seen: Seen,
    write: backend::Write,
}
