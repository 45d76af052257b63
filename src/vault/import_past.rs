//! The past rows of an export, written below the present records of a store.

use std::collections::VecDeque;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use crate::seal::{Keyring, Record, Revision, Scope};
use crate::store::AsyncStore;
use crate::store::backend::{MAX_PAGE_LEN, Outcome, Row};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::call::Call;
use crate::vault::decide::{self, ATTEMPTS, Current};
use crate::vault::error::{TransferError, VaultError};
use crate::vault::export_format::ExportReader;
use crate::vault::held::Held;
use crate::vault::imported::ExportKeys;
use crate::vault::report::Report;
use crate::vault::slices::Slices;
use crate::vault::watermark::Mark;

/// The most records that an import writes in one commit.
pub(super) const BATCH: usize = 1000;

/// The most bytes of scopes and records that an import writes in one commit, as many as a page of a
/// scan has. It bounds the memory that an import takes. The longest record fits.
pub(super) const MAX_BATCH_LEN: usize = MAX_PAGE_LEN;

/// Finds the present records of an export for its past rows, which are in the same order.
///
/// It reads the first part of the file once more, side by side with the second one, a batch at a time.
pub(super) struct Presents {
    /// The place in the file of the next batch.
    next: u64,
    batch: VecDeque<Row>,
}

impl Presents {
    /// Starts at the file's position, that of the first row.
    pub(super) fn new(file: &mut impl Seek) -> Result<Self, TransferError> {
        Ok(Self { next: file.stream_position()?, batch: VecDeque::new() })
    }

    /// Returns the present record of a scope. The scopes are asked for in ascending order. The file
    /// keeps its position.
    pub(super) fn find(
        &mut self,
        file: &mut (impl Read + Seek),
        scope: &Scope,
    ) -> Result<Option<&[u8]>, TransferError> {
        let scope = scope.as_bytes();
        while self.batch.back().is_none_or(|row| row.scope() < scope) {
            self.batch.clear();
            self.read_batch(file)?;
            if self.batch.is_empty() {
                return Ok(None);
            }
        }
        while self.batch.front().is_some_and(|row| row.scope() < scope) {
            self.batch.pop_front();
        }
        Ok(self.batch.front().filter(|row| row.scope() == scope).map(Row::record))
    }

    fn read_batch(&mut self, file: &mut (impl Read + Seek)) -> Result<(), TransferError> {
        let back = file.stream_position()?;
        file.seek(SeekFrom::Start(self.next))?;
        let mut rows = ExportReader::within(&mut *file);
        let mut len = 0;
        while self.batch.len() < BATCH && len < MAX_BATCH_LEN {
            // A past row follows somewhere: the caller has it.
            let row = rows.next()?.filter(|row| Scope::from_bytes(row.scope()).is_ok());
            let Some(row) = row else { break };
            len += row.scope().len() + row.record().len();
            self.next = rows.file().stream_position()?;
            self.batch.push_back(row);
        }
        file.seek(SeekFrom::Start(back))?;
        Ok(())
    }
}

/// Past rows of one scope that are written in one commit.
pub(super) struct PastRows {
    scope: Scope,
    /// The present record of the export, if it opens.
    present: Option<Mark>,
    rows: Vec<(Revision, Record)>,
    len: usize,
}

impl PastRows {
    pub(super) fn new(
        scope: Scope,
        present: Option<Mark>,
        revision: Revision,
        record: Record,
    ) -> Self {
        let mut rows = Self { scope, present, rows: Vec::new(), len: 0 };
        rows.push(revision, record);
        rows
    }

    /// Returns `true` if a row of this scope and length can be added.
    pub(super) fn has_room(&self, scope: &Scope, len: usize) -> bool {
        self.scope == *scope && self.rows.len() < BATCH && self.len + len <= MAX_BATCH_LEN
    }

    pub(super) fn push(&mut self, revision: Revision, record: Record) {
        self.len += self.scope.past(revision).len() + record.as_bytes().len();
        self.rows.push((revision, record));
    }
}

/// The decision about one row.
enum Decision {
    /// The record, under the primary key.
    Put(Record),
    Kept,
    Failed(VaultError),
}

impl<S: AsyncStore> Call<'_, AsyncVault<S>> {
    /// Writes the present record over itself, and the past rows with it. So they become past of
    /// exactly the record that was read. If it changes meanwhile, all is decided anew.
    pub(super) async fn write_past(
        &self,
        held: &mut Arc<Held>,
        keys: &ExportKeys,
        past: &PastRows,
        report: &mut Report,
    ) -> Result<(), VaultError> {
        let scope = &past.scope;
        let mut revision_now = None;
        for _ in 0..ATTEMPTS {
            let under = held.clone();
            let mut known: Option<Option<Current>> = None;
            let mut decisions = Vec::with_capacity(past.rows.len());
            let mut slices = Slices::default();
            for (revision, record) in &past.rows {
                slices.add(record.as_bytes().len()).await;
                if known.is_none() {
                    match self.present_of(held, past).await {
                        Ok(present) => known = Some(present),
                        Err(error) if error.ends_the_call() => return Err(error),
                        Err(error) => {
                            decisions.push(Decision::Failed(error));
                            continue;
                        }
                    }
                }
                let present = known.as_ref().and_then(Option::as_ref);
                let decided = self.decide_past(held, keys, past, present, *revision, record);
                match decided.await {
                    Err(error) if error.ends_the_call() => return Err(error),
                    decision => decisions.push(decision.unwrap_or_else(Decision::Failed)),
                }
            }
            if !Arc::ptr_eq(held, &under) {
                continue;
            }
            let put = past.rows.iter().zip(&decisions).filter_map(|((revision, _), decision)| {
                match decision {
                    Decision::Put(record) => Some((*revision, record.clone())),
                    _ => None,
                }
            });
            let mut put = put.peekable();
            if let Some(current) = known.flatten().filter(|_| put.peek().is_some()) {
                let write = put.fold(current.over_itself(scope), |write, (revision, record)| {
                    write.put_past(revision, record)
                });
                // The present has the same commitment afterwards. So if the store does not confirm the
                // write, the second attempt applies whether the first one did or not.
                match self.apply_again(&under, &[write]).await? {
                    Some(outcomes) if outcomes[0] == Outcome::Applied => {}
                    Some(_) => {
                        revision_now = Some(current.revision());
                        continue;
                    }
                    None => {
                        self.reload(held).await?;
                        continue;
                    }
                }
            }
            for ((revision, _), decision) in past.rows.iter().zip(decisions) {
                match decision {
                    Decision::Put(_) => report.written += 1,
                    Decision::Kept => report.kept += 1,
                    Decision::Failed(error) => report.fail(&scope.past(*revision), error),
                }
            }
            return Ok(());
        }
        for (revision, _) in &past.rows {
            let current = revision_now;
            report.fail(&scope.past(*revision), VaultError::Conflict { current });
        }
        Ok(())
    }

    /// Opens the present record of an export, if there is one. One that does not open was reported when
    /// it was to be written.
    pub(super) async fn mark_of(
        &self,
        held: &mut Arc<Held>,
        keys: &ExportKeys,
        scope: &Scope,
        present: Option<&[u8]>,
    ) -> Result<Option<Mark>, VaultError> {
        let Some(record) = present else { return Ok(None) };
        let open = |keyring: &Keyring| keyring.open(scope, record);
        match self.open_imported(held, keys, open).await {
            Ok(opened) => Ok(Some(Mark::of(&opened))),
            Err(error) if error.ends_the_call() => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Returns the present record of the store that the rows are past of: the export's own present
    /// record, or one above it in whose history that one is. Returns `None` if there is none.
    ///
    /// If the scope was purged and made again since the export, its past is another tenant's.
    async fn present_of(
        &self,
        held: &mut Arc<Held>,
        past: &PastRows,
    ) -> Result<Option<Current>, VaultError> {
        let (current, _) = self.read(held, &past.scope).await?;
        let Some((current, exported)) = current.zip(past.present) else { return Ok(None) };
        let ours = if current.revision() > exported.revision {
            let ours = self.open_past(held, &past.scope, exported.revision).await?;
            let Some(ours) = ours else { return Ok(None) };
            Mark::of(&ours)
        } else {
            current.mark()
        };
        if ours.is_fork_of(exported) {
            return Err(VaultError::Forked { revision: exported.revision });
        }
        Ok((ours.revision == exported.revision).then_some(current))
    }

    /// Decides about one row, `present` being the record of the store that it is past of.
    async fn decide_past(
        &self,
        held: &mut Arc<Held>,
        keys: &ExportKeys,
        past: &PastRows,
        present: Option<&Current>,
        revision: Revision,
        record: &Record,
    ) -> Result<Decision, VaultError> {
        let scope = &past.scope;
        let open = |keyring: &Keyring| keyring.open_past(scope, revision, record.as_bytes());
        let opened = self.open_imported(held, keys, open).await?;
        // One that is not below its own present is ignored, as it would be in a store.
        let exported = past.present.filter(|exported| exported.revision > revision);
        if present.is_none() || exported.is_none() {
            return Ok(Decision::Kept);
        }
        match self.open_past(held, scope, revision).await? {
            None => Ok(Decision::Put(decide::import_past(held, scope, &opened, record)?)),
            Some(ours) => decide::is_kept(&ours, &opened).map(|()| Decision::Kept),
        }
    }
}
