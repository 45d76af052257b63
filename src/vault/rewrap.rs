//! Sealing records again under the primary key.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::store::backend::{Fetch, Outcome, Row, Write};
use crate::store::{AsyncStore, StoreError};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::custody::kept_changing;
use crate::vault::decide::{self, ATTEMPTS, Plan, Rewrap};
use crate::vault::error::VaultError;
use crate::vault::held::Held;
use crate::vault::list::Scopes;
use crate::vault::place::{Place, Presents};
use crate::vault::report::Report;
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
        mut progress: impl FnMut(&Report) -> ControlFlow<()>,
    ) -> Result<Report, VaultError> {
        let (mut held, mut report) = (self.held(), Report::default());
        let _ = self.rewrap_pass(scopes, &mut held, &mut report, &mut progress).await?;
        Ok(report)
    }

    /// Seals every record again that is not under the primary key. Completes the report at the end.
    /// `progress` stops it.
    pub(super) async fn rewrap_pass(
        &self,
        scopes: Scopes<'_>,
        held: &mut Arc<Held>,
        report: &mut Report,
        progress: &mut impl FnMut(&Report) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, VaultError> {
        let mut scan = scopes.scan(&self.store, BATCH, Fetch::Records)?;
        loop {
            let page = scan.next_page().await?;
            report.complete = page.is_empty();
            self.rewrap_page(held, &page, report).await?;
            let flow = progress(report);
            if flow.is_break() || report.complete {
                return Ok(flow);
            }
        }
    }

    /// Seals the records of a page again: all in one commit, and then one by one those that
    /// another process wrote meanwhile. If the keys were rotated meanwhile, the page is planned anew.
    pub(super) async fn rewrap_page(
        &self,
        held: &mut Arc<Held>,
        page: &[Row],
        report: &mut Report,
    ) -> Result<(), VaultError> {
        for _ in 0..ATTEMPTS {
            if self.rewrap_page_under(held, page, report).await? {
                return Ok(());
            }
            self.reload(held).await?;
        }
        Err(kept_changing())
    }

    /// Does so under one keyring. Returns `false` if there is another one meanwhile: nothing was written
    /// then, and nothing is reported.
    async fn rewrap_page_under(
        &self,
        held: &mut Arc<Held>,
        page: &[Row],
        report: &mut Report,
    ) -> Result<bool, VaultError> {
        let under = held.clone();
        // `planned` and `writes` have the same length and order: `planned[i]` is what is needed when
        // the outcome of `writes[i]` is known.
        let mut planned = Vec::new();
        let mut writes = Vec::new();
        let mut again = Vec::new();
        let (mut kept, mut failed) = (0, Vec::new());
        let mut presents = Presents::default();
        for row in page {
            match self.plan_rewrap(held, row, &mut presents).await {
                Ok(Planned::Kept) => kept += 1,
                Ok(Planned::Ignored) => {}
                Ok(Planned::Again(place)) => again.push(place),
                Ok(Planned::Write(place, write, raised)) => {
                    writes.push(write);
                    planned.push((place, raised));
                }
                Err(error) if error.ends_the_call() => return Err(error),
                Err(error) => failed.push((row.scope(), error)),
            }
        }
        if !Arc::ptr_eq(held, &under) {
            return Ok(false);
        }
        let mut written = 0;
        if !writes.is_empty() {
            let Some(outcomes) = self.apply_again(&under, &writes).await? else { return Ok(false) };
            for ((place, raised), outcome) in planned.into_iter().zip(outcomes) {
                if outcome == Outcome::Applied {
                    written += 1;
                    self.raise_existing(&place, raised);
                } else {
                    again.push(place);
                }
            }
        }
        report.kept += kept;
        report.written += written;
        failed.into_iter().for_each(|(scope, error)| report.fail(scope, error));
        for place in again {
            match self.rewrap_one(held, &place).await {
                Ok(true) => report.written += 1,
                Ok(false) => report.kept += 1,
                Err(error) if error.ends_the_call() => return Err(error),
                Err(error) => report.fail(&place.key(), error),
            }
        }
        Ok(true)
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
