//! Records from another store.

use std::io::{Read, Seek, SeekFrom};

use crate::seal::{Revision, Scope};
use crate::store::backend::{Outcome, Row, Write};
use crate::store::{AsyncStore, ExportError, Import};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::decide;
use crate::vault::error::VaultError;
use crate::vault::sweep::{Failure, Failures};
use crate::vault::watermark::Seen;

/// How many records are written in one commit, at most.
const BATCH: usize = 1000;

/// What [`Vault::import`](crate::vault::Vault::import) did.
#[derive(Debug, Default)]
pub struct Imported {
    written: u64,
    kept: u64,
    failures: Failures,
}

impl Imported {
    /// How many records were written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many were not, since a record of the same or of a higher revision stands there.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// How many could not be imported: they do not open, or what stands there does not.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.count
    }

    /// The first [`MAX_FAILURES`](crate::vault::MAX_FAILURES) of those.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures.first
    }
}

/// Why nothing more was imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The export cannot be read. Nothing was written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The store failed. What was written until then stays so; to go on is to import again.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl<S: AsyncStore> AsyncVault<S> {
    /// As [`Vault::import`](crate::vault::Vault::import).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn import(&self, mut from: impl Read + Seek) -> Result<Imported, ImportError> {
        let start = from.stream_position().map_err(ExportError::from)?;
        let mut found = Import::new(&mut from)?;
        while found.next()?.is_some() {}
        from.seek(SeekFrom::Start(start)).map_err(ExportError::from)?;

        let mut imported = Imported::default();
        let mut rows = Import::new(&mut from)?;
        let mut batch = Vec::new();
        while let Some(row) = rows.next()? {
            match self.plan_import(&row).await {
                Ok(Some(planned)) => batch.push(planned),
                Ok(None) => imported.kept += 1,
                Err(error @ VaultError::Store(_)) => return Err(error.into()),
                Err(error) => imported.failures.add(row.scope(), error),
            }
            if batch.len() == BATCH {
                self.write_import(std::mem::take(&mut batch), &mut imported).await?;
            }
        }
        self.write_import(batch, &mut imported).await?;
        Ok(imported)
    }

    /// The write of a record, once it was opened; `None` where what stands is as high.
    async fn plan_import(&self, row: &Row) -> Result<Option<Planned>, VaultError> {
        let scope = Scope::from_bytes(row.scope())?;
        let keyring = self.keyring();
        let opened = keyring.open(&scope, row.record())?;
        let (standing, seen) = match self.read(&keyring, &scope).await {
            // Not below what was seen here, though what stands is.
            Err(VaultError::RolledBack { highest, found: None })
                if highest <= opened.revision() =>
            {
                (None, self.watermarks().seen(&scope))
            }
            read => read?,
        };
        let Some(write) = decide::import(&scope, standing.as_ref(), &opened, row.record()) else {
            return Ok(None);
        };
        Ok(Some(Planned { scope, revision: opened.revision(), seen, write }))
    }

    async fn write_import(
        &self,
        planned: Vec<Planned>,
        imported: &mut Imported,
    ) -> Result<(), VaultError> {
        if planned.is_empty() {
            return Ok(());
        }
        let (writes, planned): (Vec<_>, Vec<_>) =
            planned.into_iter().map(|one| (one.write, (one.scope, one.revision, one.seen))).unzip();
        let outcomes = self.apply_again(&writes).await?;
        for ((scope, revision, seen), outcome) in planned.into_iter().zip(outcomes) {
            if outcome == Outcome::Applied {
                imported.written += 1;
                self.watermarks().raise(&scope, revision, seen);
            } else {
                // Somebody wrote there since it was read.
                let current = self.get(&scope).await?.map(|opened| opened.revision());
                match current {
                    Some(current) if current >= revision => imported.kept += 1,
                    _ => imported.failures.add(scope.as_bytes(), VaultError::Conflict { current }),
                }
            }
        }
        Ok(())
    }
}

/// A record that is to be written.
struct Planned {
    scope: Scope,
    revision: Revision,
    seen: Seen,
    write: Write,
}
