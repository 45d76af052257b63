//! The history of a scope: what was written before, who wrote it, and how it is restored.

use std::fmt;
use std::sync::Arc;

use crate::seal::{By, Opened, Revision, Scope};
use crate::store::backend::{Fetch, past};
use crate::store::{AsyncStore, Blocking, Scan, Store, now};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::call::Call;
use crate::vault::decide::{self, Change, Current, Expected};
use crate::vault::error::VaultError;
use crate::vault::held::Held;
use crate::vault::observer::{End, Touched};
use crate::vault::operation::Operation;

/// The most past revisions that a vault keeps of a scope. A thousand changes are years of work of
/// people. It bounds how long one listing of a history takes.
const MAX_HISTORY: u64 = 1000;

/// The most rows of a history that are fetched at a time. Only their revisions are kept.
const PAGE: usize = 1000;

impl<S: AsyncStore> AsyncVault<S> {
    /// Keeps past revisions. Same as [`Vault::keep_history`](crate::vault::Vault::keep_history).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::keep_history`](crate::vault::Vault::keep_history).
    pub fn keep_history(mut self, revisions: u64) -> Result<Self, VaultError> {
        if revisions > MAX_HISTORY {
            return Err(VaultError::TooLongHistory);
        }
        self.keep = revisions;
        Ok(self)
    }

    /// Lists the revisions of a scope. Same as [`Vault::history`](crate::vault::Vault::history).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::history`](crate::vault::Vault::history).
    pub async fn history(&self, scope: &Scope) -> Result<AsyncHistory<'_, S>, VaultError> {
        let call = self.call_owning(Operation::History, || Some(scope.clone()))?;
        match self.revisions(scope).await {
            Ok((held, present, below)) => {
                Ok(AsyncHistory { call, held, scope: scope.clone(), present, below })
            }
            Err(error) => call.end(Err(error)),
        }
    }

    /// Returns a revision of a scope. Same as [`Vault::get_at`](crate::vault::Vault::get_at).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::get_at`](crate::vault::Vault::get_at).
    pub async fn get_at(
        &self,
        scope: &Scope,
        revision: Revision,
    ) -> Result<Option<Opened>, VaultError> {
        let call = self.call(Operation::GetAt, scope)?;
        let opened = call.get_at(scope, revision).await;
        call.end_with(opened, |opened| opened.as_ref().map(Touched::of))
    }

    /// Writes an earlier revision once more. Same as
    /// [`Vault::restore`](crate::vault::Vault::restore).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::restore`](crate::vault::Vault::restore).
    pub async fn restore(
        &self,
        scope: &Scope,
        revision: Revision,
        expected: Expected,
        by: impl Into<Option<By>>,
    ) -> Result<Revision, VaultError> {
        let call = self.call(Operation::Restore, scope)?;
        let by = by.into();
        let written = call.restore(scope, revision, expected, by.as_ref()).await;
        call.end_written(written)
    }

    /// Reads the present of a scope, and the revisions of its past in ascending order.
    async fn revisions(
        &self,
        scope: &Scope,
    ) -> Result<(Arc<Held>, Option<HistoryEntry>, Vec<Revision>), VaultError> {
        let mut held = self.held();
        // The present first: what is replaced after it was read is not below it.
        let current = self.read(&mut held, scope).await?.0;
        let revision = current.as_ref().map(Current::revision);
        let mut below = Vec::new();
        let prefix = past(scope.as_bytes()).start[..scope.as_bytes().len()].to_vec();
        let mut scan = Scan::new(&self.store, prefix, PAGE, Fetch::Heads);
        loop {
            let page = scan.next_page().await?;
            if revision.is_none() || page.is_empty() {
                break;
            }
            let past = page.iter().filter_map(|row| Scope::of_past(row.scope()));
            below.extend(past.map(|(_, past)| past).filter(|past| Some(*past) < revision));
        }
        let present = current.map(|current| HistoryEntry::of(current.opened));
        Ok((held, present, below))
    }

    /// Opens a revision, present or past. A past row that is not below the present is ignored.
    async fn at(
        &self,
        held: &mut Arc<Held>,
        scope: &Scope,
        current: Option<&Current>,
        revision: Revision,
    ) -> Result<Option<Opened>, VaultError> {
        match current {
            Some(current) if current.revision() == revision => {
                Ok(Some(current.open_again(held, scope)?))
            }
            Some(current) if current.revision() > revision => {
                self.open_past(held, scope, revision).await
            }
            _ => Ok(None),
        }
    }

    /// Opens the past row of a revision, if there is one.
    pub(super) async fn open_past(
        &self,
        held: &mut Arc<Held>,
        scope: &Scope,
        revision: Revision,
    ) -> Result<Option<Opened>, VaultError> {
        let open = |held: &Held, row: &[u8]| held.open_past(scope, revision, row);
        self.open_row(held, &scope.past(revision), open).await
    }
}

impl<S: AsyncStore> Call<'_, AsyncVault<S>> {
    async fn get_at(
        &self,
        scope: &Scope,
        revision: Revision,
    ) -> Result<Option<Opened>, VaultError> {
        let mut held = self.held();
        let current = self.read(&mut held, scope).await?.0;
        self.at(&mut held, scope, current.as_ref(), revision).await
    }

    async fn restore(
        &self,
        scope: &Scope,
        revision: Revision,
        expected: Expected,
        by: Option<&By>,
    ) -> Result<Touched, VaultError> {
        let mut held = self.held();
        // The write is over the record that is read here. So if the scope is purged and made again
        // meanwhile, the earlier content is not written there.
        let read = self.read(&mut held, scope).await?;
        let source = self.at(&mut held, scope, read.0.as_ref(), revision).await?;
        let source = decide::source(source)?;
        self.change(&mut held, scope, read, expected, &Change::Copy(&source, by)).await
    }
}

/// One revision of a [`History`].
#[derive(Debug)]
pub struct HistoryEntry {
    revision: Revision,
    deleted: bool,
    by: By,
}

impl HistoryEntry {
    fn of(opened: Opened) -> Self {
        let (revision, deleted) = (opened.revision(), opened.is_tombstone());
        Self { revision, deleted, by: opened.into_by() }
    }

    /// The revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Returns `true` if the document was deleted at this revision.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.deleted
    }

    /// The author, as the host named it.
    #[must_use]
    pub fn author(&self) -> Option<&str> {
        self.by.name()
    }

    /// The time, as the host gave it, in seconds since 1970-01-01 00:00 UTC.
    #[must_use]
    pub fn time(&self) -> Option<i64> {
        self.by.seconds()
    }
}

/// The revisions of a scope in an [`AsyncVault`], the present one first. Returned by
/// [`AsyncVault::history`].
pub struct AsyncHistory<'a, S> {
    call: Call<'a, AsyncVault<S>>,
    held: Arc<Held>,
    scope: Scope,
    present: Option<HistoryEntry>,
    /// The past revisions that are still to come, the next one last.
    below: Vec<Revision>,
}

impl<S: AsyncStore> AsyncHistory<'_, S> {
    /// Returns the next lower revision, or `None` at the end.
    pub async fn next(&mut self) -> Option<Result<HistoryEntry, VaultError>> {
        if let Some(present) = self.present.take() {
            return Some(Ok(present));
        }
        while let Some(revision) = self.below.last().copied() {
            let opened = self.call.open_past(&mut self.held, &self.scope, revision).await;
            // Not before: if this future is dropped, the next one reads the same revision.
            self.below.pop();
            match opened {
                Ok(Some(opened)) => return Some(Ok(HistoryEntry::of(opened))),
                // A write has removed it meanwhile.
                Ok(None) => {}
                Err(error) => {
                    if error.ends_the_call() {
                        self.below.clear();
                        self.call.tell(End::Failed(&error), None);
                    }
                    return Some(Err(error));
                }
            }
        }
        self.call.tell(End::Done, None);
        None
    }
}

impl<S> fmt::Debug for AsyncHistory<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncHistory").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// The revisions of a scope in a [`Vault`](crate::vault::Vault), the present one first. Returned by
/// [`Vault::history`](crate::vault::Vault::history).
pub struct History<'a, S>(pub(super) AsyncHistory<'a, Blocking<S>>);

impl<S: Store> Iterator for History<'_, S> {
    type Item = Result<HistoryEntry, VaultError>;

    fn next(&mut self) -> Option<Self::Item> {
        now(self.0.next())
    }
}

impl<S> fmt::Debug for History<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
