//! Calls that visit all records: sealing them again under the primary key, checking them, counting
//! them.

use std::ops::ControlFlow;

use crate::seal::Keyring;
use crate::store::backend::{Fetch, Outcome, Row, Write};
use crate::store::{AsyncStore, Scan, StoreError};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::decide::{self, ATTEMPTS, Plan, Rewrap};
use crate::vault::error::VaultError;
use crate::vault::place::{Place, Presents};
use crate::vault::report::Report;
use crate::vault::watermark::{Mark, Seen};

/// The most records that are sealed again in one commit. A page may be shorter.
const BATCH: usize = 4096;

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
            let mut presents = Presents::default();
            for row in page {
                match self.verify_row(&keyring, &row, &mut presents).await {
                    Ok(Found::Document) => report.documents += 1,
                    Ok(Found::Tombstone) => report.tombstones += 1,
                    Ok(Found::Past) => report.past += 1,
                    Ok(Found::Nothing) => {}
                    Err(error) if error.ends_the_call() => return Err(error),
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

    async fn verify_row(
        &self,
        keyring: &Keyring,
        row: &Row,
        presents: &mut Presents,
    ) -> Result<Found, VaultError> {
        let scope = match Place::read(row.scope())? {
            Place::Present(scope) => scope,
            Place::Past(scope, revision) => {
                if !presents.is_past(self, keyring, &scope, revision).await? {
                    return Ok(Found::Nothing);
                }
                keyring.open_past(&scope, revision, row.record())?;
                return Ok(Found::Past);
            }
        };
        let opened = keyring.open(&scope, row.record())?;
        let seen = self.watermarks().seen(&scope);
        if decide::check(seen.highest, Some(Mark::of(&opened))).is_ok() {
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
        // `planned` and `writes` have the same length and order: `planned[i]` is what is needed when
        // the outcome of `writes[i]` is known.
        let mut planned = Vec::new();
        let mut writes = Vec::new();
        let mut again = Vec::new();
        let mut presents = Presents::default();
        for row in page {
            match self.plan_rewrap(keyring, &row, &mut presents).await {
                Ok(Planned::Kept) => report.kept += 1,
                Ok(Planned::Ignored) => {}
                Ok(Planned::Again(place)) => again.push(place),
                Ok(Planned::Write(place, write, raised)) => {
                    writes.push(write);
                    planned.push((place, raised));
                }
                Err(error) if error.ends_the_call() => return Err(error),
                Err(error) => report.fail(row.scope(), error),
            }
        }
        if !writes.is_empty() {
            let outcomes = self.apply_again(&writes).await?;
            for ((place, raised), outcome) in planned.into_iter().zip(outcomes) {
                if outcome == Outcome::Applied {
                    report.written += 1;
                    self.raise_existing(&place, raised);
                } else {
                    again.push(place);
                }
            }
        }
        for place in again {
            match self.rewrap_one(keyring, &place).await {
                Ok(true) => report.written += 1,
                Ok(false) => report.kept += 1,
                Err(error) if error.ends_the_call() => return Err(error),
                Err(error) => report.fail(&place.key(), error),
            }
        }
        Ok(())
    }

    async fn plan_rewrap(
        &self,
        keyring: &Keyring,
        row: &Row,
        presents: &mut Presents,
    ) -> Result<Planned, VaultError> {
        let place = Place::read(row.scope())?;
        match &place {
            Place::Present(scope) => {
                let seen = self.watermarks().seen(scope);
                let record = row.record().to_vec();
                Ok(match decide::rewrap(keyring, scope, record, seen.highest)? {
                    Rewrap::UpToDate => Planned::Kept,
                    Rewrap::Behind => Planned::Again(place),
                    Rewrap::Write(Plan { write, mark }) => {
                        Planned::Write(place, write, Some((mark, seen)))
                    }
                })
            }
            Place::Past(scope, revision) => {
                if !presents.is_past(self, keyring, scope, *revision).await? {
                    return Ok(Planned::Ignored);
                }
                let write = decide::rewrap_past(keyring, scope, *revision, row.record())?;
                Ok(write.map_or(Planned::Kept, |write| Planned::Write(place, write, None)))
            }
        }
    }

    /// Reads one record and seals it again, repeatedly while other processes write it. Returns
    /// `true` if it was written here.
    async fn rewrap_one(&self, keyring: &Keyring, place: &Place) -> Result<bool, VaultError> {
        let mut current_revision = None;
        for _ in 0..ATTEMPTS {
            let (write, raised) = match place {
                Place::Present(scope) => {
                    let (current, seen) = self.read(keyring, scope).await?;
                    let Some(current) = current else { return Ok(false) };
                    let plan = decide::rewrap_current(keyring, scope, &current)?;
                    let Some(Plan { write, mark }) = plan else { return Ok(false) };
                    current_revision = Some(mark.revision);
                    (write, Some((mark, seen)))
                }
                Place::Past(scope, revision) => {
                    let row = self.store.get(&place.key()).await?;
                    let Some(record) = row else { return Ok(false) };
                    let write = decide::rewrap_past(keyring, scope, *revision, &record)?;
                    let Some(write) = write else { return Ok(false) };
                    current_revision = Some(*revision);
                    (write, None)
                }
            };
            if self.apply_again(&[write]).await?[0] == Outcome::Applied {
                self.raise_existing(place, raised);
                return Ok(true);
            }
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
