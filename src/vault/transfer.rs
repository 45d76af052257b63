//! Exports: all records of a store, written to a file and read into another store.

use std::io::{Read, Seek, SeekFrom, Write};

use crate::seal::{Revision, Scope};
use crate::store::backend::{self, Fetch, MAX_PAGE_LEN, Outcome, Row};
use crate::store::{AsyncStore, Scan};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::decide;
use crate::vault::error::{TransferError, VaultError};
use crate::vault::export_format::{ExportReader, ExportWriter};
use crate::vault::report::Report;
use crate::vault::watermark::Seen;

/// The most records that an import writes in one commit.
const BATCH: usize = 1000;

/// The most bytes of scopes and records that an import writes in one commit, as many as a page of a
/// scan has. It bounds the memory that an import takes. The longest record fits.
const MAX_BATCH_LEN: usize = MAX_PAGE_LEN;

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

        let mut report = Report::default();
        let mut rows = ExportReader::new(&mut from)?;
        let (mut batch, mut len) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let row_len = row.scope().len() + row.record().len();
            if batch.len() == BATCH || len + row_len > MAX_BATCH_LEN {
                self.write_import(std::mem::take(&mut batch), &mut report).await?;
                len = 0;
            }
            match self.plan_import(&row).await {
                Ok(Some(planned)) => {
                    len += row_len;
                    batch.push(planned);
                }
                Ok(None) => report.kept += 1,
                Err(error @ VaultError::Store(_)) => return Err(error.into()),
                Err(error) => report.fail(row.scope(), error),
            }
        }
        self.write_import(batch, &mut report).await?;
        report.complete = true;
        Ok(report)
    }

    /// Opens a record of the export and plans its write. Returns `None` if the current record has
    /// the same or a higher revision.
    async fn plan_import(&self, row: &Row) -> Result<Option<Planned>, VaultError> {
        let scope = Scope::from_bytes(row.scope())?;
        let keyring = self.keyring();
        let opened = keyring.open(&scope, row.record())?;
        let (current, seen) = match self.read(&keyring, &scope).await {
            // The record is gone from the store. The import may bring it back, unless it is older
            // than what this vault has seen.
            Err(VaultError::RolledBack { highest, found: None })
                if highest <= opened.revision() =>
            {
                (None, self.watermarks().seen(&scope))
            }
            read => read?,
        };
        let Some(write) = decide::import(&scope, current.as_ref(), &opened, row.record()) else {
            return Ok(None);
        };
        Ok(Some(Planned { scope, revision: opened.revision(), seen, write }))
    }

    /// Writes a batch in one commit.
    async fn write_import(
        &self,
        planned: Vec<Planned>,
        report: &mut Report,
    ) -> Result<(), VaultError> {
        if planned.is_empty() {
            return Ok(());
        }
        // The writes in one list, as `apply` takes them; in the other, in the same order, what is
        // needed for each outcome.
        let (writes, planned): (Vec<_>, Vec<_>) =
            planned.into_iter().map(|one| (one.write, (one.scope, one.revision, one.seen))).unzip();
        let outcomes = self.apply_again(&writes).await?;
        for ((scope, revision, seen), outcome) in planned.into_iter().zip(outcomes) {
            if outcome == Outcome::Applied {
                report.written += 1;
                self.watermarks().raise(&scope, revision, seen);
            } else {
                // Another process wrote here after `plan_import` had read the record, or the first
                // of two attempts of `apply_again` wrote this record.
                let current = self.get(&scope).await?.map(|opened| opened.revision());
                match current {
                    Some(current) if current >= revision => report.kept += 1,
                    _ => report.fail(scope.as_bytes(), VaultError::Conflict { current }),
                }
            }
        }
        Ok(())
    }
}

/// A record of an export that is going to be written.
struct Planned {
    scope: Scope,
    revision: Revision,
    seen: Seen,
    write: backend::Write,
}
