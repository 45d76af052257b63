//! Sealing records again under the primary key: while a page is committed, the next one is read and
//! sealed.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::seal::{Header, KeyId, Kind, Scope};
use crate::store::backend::{Fetch, Outcome, Row, Write};
use crate::store::{AsyncStore, Scan, StoreError};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::beside::{Beside, Committed, both};
use crate::vault::call::Call;
use crate::vault::custody::kept_changing;
use crate::vault::decide::{self, ATTEMPTS, Plan, Rewrap};
use crate::vault::error::VaultError;
use crate::vault::held::Held;
use crate::vault::list::Scopes;
use crate::vault::operation::Operation;
use crate::vault::place::{Place, Presents};
use crate::vault::report::Report;
use crate::vault::slices::Slices;
use crate::vault::watermark::{Mark, Seen};

/// The most records that are sealed again in one commit. A page may be shorter.
pub(super) const BATCH: usize = 4096;

impl<S: AsyncStore> AsyncVault<S> {
    /// Seals every record again that is not under the primary key. Same as
    /// [`Vault::rewrap`](crate::vault::Vault::rewrap).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::rewrap`](crate::vault::Vault::rewrap).
    pub async fn rewrap(
        &self,
        scopes: Scopes<'_>,
        progress: impl FnMut(&Report) -> ControlFlow<()>,
    ) -> Result<Report, VaultError> {
        let call = self.call_owning(Operation::Rewrap, || scopes.parent())?;
        let report = call.rewrap(Beside::Task, scopes, progress).await;
        call.end(report)
    }
}

impl<S: AsyncStore> Call<'_, AsyncVault<S>> {
    pub(super) async fn rewrap<'env>(
        &'env self,
        beside: Beside<'_, 'env>,
        scopes: Scopes<'_>,
        mut progress: impl FnMut(&Report) -> ControlFlow<()>,
    ) -> Result<Report, VaultError> {
        let (mut held, mut report) = (self.held(), Report::default());
        let pass = Pass::new(self, scopes, UpToDate::Kept)?;
        if pass.run(beside, &mut held, &mut report, &mut progress).await?.is_continue() {
            report.complete = true;
            let _ = progress(&report);
        }
        Ok(report)
    }

    /// Commits a page, unless it has nothing to commit.
    async fn commit_page<'env>(
        &'env self,
        beside: Beside<'_, 'env>,
        page: &SealedPage,
    ) -> Committed {
        if page.writes.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let (under, writes) = (page.under.clone(), page.writes.clone());
        beside.run(Box::pin(async move { self.apply_again(&under, &writes).await })).await
    }

    /// Reports a page that was committed, and seals those records one by one that another process wrote
    /// meanwhile.
    async fn finish_page(
        &self,
        held: &mut Arc<Held>,
        page: SealedPage,
        outcomes: Vec<Outcome>,
        report: &mut Report,
    ) -> Result<(), VaultError> {
        let SealedPage { planned, mut again, counted, .. } = page;
        report.add(counted);
        for ((place, raised), outcome) in planned.into_iter().zip(outcomes) {
            if outcome == Outcome::Applied {
                report.written += 1;
                self.raise_existing(&place, raised);
            } else {
                again.push(place);
            }
        }
        for place in again {
            match self.rewrap_one(held, &place).await {
                Ok(true) => report.written += 1,
                Ok(false) => report.kept += 1,
                Err(error) if error.ends_the_call() => return Err(error),
                Err(error) => report.fail(&place.key(), error),
            }
        }
        Ok(())
    }

    /// Plans the write of one record. One that names a key which the keyring does not open with is to be
    /// read again.
    async fn plan_rewrap(
        &self,
        held: &mut Arc<Held>,
        row: &Row,
        presents: &mut Presents,
    ) -> Result<Planned, VaultError> {
        let place = Place::read(row.scope())?;
        match &place {
            Place::Present(scope) => {
                let seen = self.watermarks().seen(scope);
                let record = row.record().to_vec();
                let planned = decide::rewrap(held, scope, record, seen.highest);
                match planned.map_err(VaultError::from) {
                    Ok(Rewrap::UpToDate) => Ok(Planned::Kept),
                    Ok(Rewrap::Behind) => Ok(Planned::Again(place)),
                    Ok(Rewrap::Write(Plan { write, mark })) => {
                        Ok(Planned::Write(place, write, Some((mark, seen))))
                    }
                    Err(error) if error.is_of_a_key() => Ok(Planned::Again(place)),
                    Err(error) => Err(error),
                }
            }
            Place::Past(scope, revision) => {
                if !presents.is_past(self, held, scope, *revision).await? {
                    return Ok(Planned::Ignored);
                }
                let planned = decide::rewrap_past(held, scope, *revision, row.record());
                match planned.map_err(VaultError::from) {
                    Ok(Some(write)) => Ok(Planned::Write(place, write, None)),
                    Ok(None) => Ok(Planned::Kept),
                    Err(error) if error.is_of_a_key() => Ok(Planned::Again(place)),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Reads one record and seals it again, repeatedly while other processes write it. Returns
    /// `true` if it was written here.
    async fn rewrap_one(&self, held: &mut Arc<Held>, place: &Place) -> Result<bool, VaultError> {
        let mut current_revision = None;
        for _ in 0..ATTEMPTS {
            let (write, raised) = match place {
                Place::Present(scope) => {
                    let (current, seen) = self.read(held, scope).await?;
                    let Some(current) = current else { return Ok(false) };
                    let plan = decide::rewrap_current(held, scope, &current)?;
                    let Some(Plan { write, mark }) = plan else { return Ok(false) };
                    current_revision = Some(mark.revision);
                    (write, Some((mark, seen)))
                }
                Place::Past(scope, revision) => {
                    let plan =
                        |held: &Held, row: &[u8]| decide::rewrap_past(held, scope, *revision, row);
                    let write = self.open_row(held, &place.key(), plan).await?.flatten();
                    let Some(write) = write else { return Ok(false) };
                    current_revision = Some(*revision);
                    (write, None)
                }
            };
            match self.apply_again(held, &[write]).await? {
                Some(outcomes) if outcomes[0] == Outcome::Applied => {
                    self.raise_existing(place, raised);
                    return Ok(true);
                }
                Some(_) => {}
                None => self.reload(held).await?,
            }
        }
        Err(VaultError::Conflict { current: current_revision })
    }

    /// Applies writes, and once more if the store does not confirm them. Returns `None` if the store has
    /// another keyring.
    ///
    /// After a second attempt, the outcomes [`Outcome::Conflict`] and [`Outcome::Fenced`] have two
    /// meanings: another process wrote the record or the keyring, or the first attempt was carried out,
    /// and the condition no longer holds because its own record is there. The callers therefore read the
    /// record again, which answers both. They need no more: a first attempt that is carried out late
    /// finds that its condition does not hold any more.
    pub(super) async fn apply_again(
        &self,
        held: &Held,
        writes: &[Write],
    ) -> Result<Option<Vec<Outcome>>, VaultError> {
        match self.apply(held, writes).await {
            Err(StoreError::Unknown(_)) => {
                let again = self.apply(held, writes).await;
                again.map_err(|error| VaultError::Unknown(error.into()))
            }
            result => Ok(result?),
        }
    }

    /// Raises a watermark that exists. A call that visits all records sets no new ones: a million
    /// of them would push out those in use.
    fn raise_existing(&self, place: &Place, raised: Option<(Mark, Seen)>) {
        if let (Place::Present(scope), Some((mark, seen))) = (place, raised)
            && seen.highest.is_some()
        {
            self.watermarks().raise(scope, mark, seen);
        }
    }
}

/// The decision about one row of a page when all are sealed again.
enum Planned {
    /// The record is under the primary key.
    Kept,
    /// A past row that belongs to no history.
    Ignored,
    /// The record is to be read again on its own.
    Again(Place),
    /// The write, and the watermark of a present record.
    Write(Place, Write, Option<(Mark, Seen)>),
}

/// The treatment of a record that is under the primary key already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpToDate {
    /// It is kept, and not decrypted.
    Kept,
    /// It is opened.
    Opened,
}

/// A pass over all records of some scopes.
///
/// It has two pages in memory: one that is committed, and the next one. Their rows are different ones, so
/// no write of a page makes the condition of another page's write false.
pub(super) struct Pass<'env, S> {
    call: &'env Call<'env, AsyncVault<S>>,
    scan: Scan<'env, S>,
    up_to_date: UpToDate,
    slices: Slices,
}

impl<'env, S: AsyncStore> Pass<'env, S> {
    pub(super) fn new(
        call: &'env Call<'env, AsyncVault<S>>,
        scopes: Scopes<'_>,
        up_to_date: UpToDate,
    ) -> Result<Self, VaultError> {
        let scan = scopes.scan(&call.store, BATCH, Fetch::Records)?;
        Ok(Self { call, scan, up_to_date, slices: Slices::default() })
    }

    /// Seals every record again that is not under the primary key. `progress` is called after each page,
    /// and may stop it: nothing is under way then.
    pub(super) async fn run(
        mut self,
        beside: Beside<'_, 'env>,
        held: &mut Arc<Held>,
        report: &mut Report,
        progress: &mut impl FnMut(&Report) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, VaultError> {
        let mut page = self.next_page(held).await?;
        while !page.rows.is_empty() {
            let commit = self.call.commit_page(beside, &page);
            let (outcomes, next) = both(commit, self.next_page(held)).await;
            let mut outcomes = outcomes?;
            let mut attempts = 0;
            let outcomes = loop {
                match outcomes {
                    Some(outcomes) => break outcomes,
                    None if attempts == ATTEMPTS => return Err(kept_changing()),
                    None => {}
                }
                // Nothing was written: the store has another keyring by now.
                attempts += 1;
                self.call.reload(held).await?;
                page = self.seal_page(held, page.rows).await?;
                outcomes = self.call.commit_page(beside, &page).await?;
            };
            self.call.finish_page(held, page, outcomes, report).await?;
            if progress(report).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            page = next?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads the next page and seals it. It is empty at the end.
    async fn next_page(&mut self, held: &mut Arc<Held>) -> Result<SealedPage, VaultError> {
        let rows = self.scan.next_page().await?;
        self.seal_page(held, rows).await
    }

    /// Seals the records of a page, all under one keyring.
    async fn seal_page(
        &mut self,
        held: &mut Arc<Held>,
        rows: Vec<Row>,
    ) -> Result<SealedPage, VaultError> {
        for _ in 0..ATTEMPTS {
            let under = held.clone();
            let (mut writes, mut planned, mut again) = (Vec::new(), Vec::new(), Vec::new());
            let (mut counted, mut presents) = (Report::default(), Presents::default());
            for row in &rows {
                if self.up_to_date == UpToDate::Opened && is_under(row, held.primary()) {
                    self.call.verify_row(held, row, &mut presents, &mut counted).await?;
                } else {
                    match self.call.plan_rewrap(held, row, &mut presents).await {
                        Ok(Planned::Kept) => counted.kept += 1,
                        Ok(Planned::Ignored) => {}
                        Ok(Planned::Again(place)) => again.push(place),
                        Ok(Planned::Write(place, write, raised)) => {
                            writes.push(write);
                            planned.push((place, raised));
                        }
                        Err(error) if error.ends_the_call() => return Err(error),
                        Err(error) => counted.fail(row.scope(), error),
                    }
                }
                self.slices.add(row.record().len()).await;
            }
            if Arc::ptr_eq(held, &under) {
                let writes = writes.into();
                return Ok(SealedPage { rows, under, writes, planned, again, counted });
            }
        }
        Err(kept_changing())
    }
}

/// A page that is sealed, and not committed yet.
struct SealedPage {
    rows: Vec<Row>,
    /// The keyring that the writes are sealed under.
    under: Arc<Held>,
    writes: Arc<[Write]>,
    /// As long as `writes`, and in their order: the need for each when its outcome is known.
    planned: Vec<(Place, Option<(Mark, Seen)>)>,
    /// The records that are to be read again, one by one.
    again: Vec<Place>,
    /// The records that need no write.
    counted: Report,
}

fn is_under(row: &Row, key: KeyId) -> bool {
    let kinds = Scope::kinds(row.scope()).unwrap_or(&Kind::PRESENT);
    Header::of_record(row.record(), kinds).is_ok_and(|header| header.key_id() == key)
}
