//! The decisions of a vault, as pure functions of what it has read.

use crate::seal::{
    By, Contents, Header, Keyring, KeyringError, Kind, OpenError, Opened, Record, Revision, Scope,
};
use crate::store::backend::{self, Write};
use crate::vault::error::VaultError;
use crate::vault::past::Past;
use crate::vault::watermark::Mark;

/// The most attempts to write over one record while other processes write it. Each attempt that
/// fails means that one of them succeeded.
pub(super) const ATTEMPTS: usize = 100;

/// The condition of a write: the record that it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// The scope has no document: none was ever written, or it was deleted.
    Absent,
    /// The current record has this revision. It may be a document or a tombstone.
    Revision(Revision),
}

/// The current record of a scope, authenticated.
pub(super) struct Current {
    pub(super) opened: Opened,
    /// The record as it is stored.
    record: Vec<u8>,
}

impl Current {
    pub(super) fn mark(&self) -> Mark {
        Mark::of(&self.opened)
    }

    pub(super) fn revision(&self) -> Revision {
        self.opened.revision()
    }

    /// Opens the record once more.
    pub(super) fn open_again(&self, keyring: &Keyring, scope: &Scope) -> Result<Opened, OpenError> {
        keyring.open(scope, &self.record)
    }

    /// A write that replaces this record and no other.
    pub(super) fn replace(&self, scope: &Scope, record: Record) -> Write {
        let commitment = backend::commitment(&self.record);
        Write::replace(scope, *commitment.expect("a record that opened has a commitment"), record)
    }

    /// A write that changes nothing if this is still the current record. Its acknowledgement also
    /// covers the write that put the record there.
    pub(super) fn over_itself(&self, scope: &Scope) -> Write {
        self.replace(scope, Record::from_sealed(&self.record))
    }
}

/// The change that a caller asks for.
pub(super) enum Change<'a> {
    Put(&'a Contents<'a>),
    Copy(&'a Opened, Option<&'a By>),
    Delete(Option<&'a By>),
}

/// A write, and the record that is current after it.
pub(super) struct Plan {
    pub(super) write: Write,
    pub(super) mark: Mark,
}

/// The outcome of a write that the store did not confirm.
pub(super) enum Resolved {
    /// The record is there. This write confirms it.
    Written(Write),
    /// It never was there and never will be. The record that it was to replace was only sealed again.
    NotWritten,
}

/// The decision about one record of a page when all are sealed again.
pub(super) enum Rewrap {
    /// The record is under the primary key.
    UpToDate,
    /// The record is older than its watermark, or forked from it. Either it was put back, or it was
    /// written after the page was read; reading it again tells which.
    Behind,
    Write(Plan),
}

/// Authenticates a record of the store. Gives the record back if it does not open.
pub(super) fn open(
    keyring: &Keyring,
    scope: &Scope,
    record: Option<Vec<u8>>,
) -> Result<Option<Current>, (OpenError, Vec<u8>)> {
    let Some(record) = record else { return Ok(None) };
    match keyring.open(scope, &record) {
        Ok(opened) => Ok(Some(Current { opened, record })),
        Err(error) => Err((error, record)),
    }
}

/// Compares the record that was found with the newest that was seen before. `None` is older than
/// every record: one that is gone was rolled back, too.
pub(super) fn check(highest: Option<Mark>, found: Option<Mark>) -> Result<(), VaultError> {
    let Some(highest) = highest else { return Ok(()) };
    if found.is_some_and(|found| found.is_fork_of(highest)) {
        return Err(VaultError::Forked { revision: highest.revision });
    }
    if found.map(Mark::order) < Some(highest.order()) {
        let found = found.map(|found| found.revision);
        return Err(VaultError::RolledBack { highest: highest.revision, found });
    }
    Ok(())
}

/// Returns `true` if the header of a record shows that it still is the revision `after`, and nothing
/// contradicts the watermark. Nothing is decrypted.
pub(super) fn is_same(record: Option<&[u8]>, after: Revision, highest: Option<Mark>) -> bool {
    let header = record.and_then(|record| Header::of_record(record, &Kind::PRESENT).ok());
    let Some(header) = header.filter(|header| header.revision() == after) else { return false };
    let Some(highest) = highest else { return true };
    // The origin of a rewrapped record is sealed in it. So one that was rewrapped since is opened.
    let found = Mark::new(after, header.rewraps(), header.commitment());
    found.order() == highest.order() && (header.rewraps() > 0 || !found.is_fork_of(highest))
}

/// Returns the document to copy or to restore.
pub(super) fn source(opened: Option<Opened>) -> Result<Opened, VaultError> {
    opened.filter(|opened| !opened.is_tombstone()).ok_or(VaultError::Absent)
}

/// Plans the write of a change, if the current record is the expected one. `keep` is the number of
/// past revisions that are kept.
pub(super) fn plan(
    keyring: &Keyring,
    scope: &Scope,
    current: Option<&Current>,
    expected: Expected,
    change: &Change<'_>,
    keep: u64,
) -> Result<Plan, VaultError> {
    let current_revision = current.map(Current::revision);
    let absent = current.is_none_or(|current| current.opened.is_tombstone());
    if absent && matches!(change, Change::Delete(_)) {
        return Err(VaultError::Absent);
    }
    let holds = match expected {
        Expected::Absent => absent,
        Expected::Revision(revision) => current_revision == Some(revision),
    };
    if !holds {
        return Err(VaultError::Conflict { current: current_revision });
    }
    let revision = next(current_revision)?;
    let record = match change {
        Change::Put(contents) => keyring.seal_contents(scope, revision, contents)?,
        Change::Copy(opened, by) => keyring.seal_copy(scope, revision, opened, *by)?,
        Change::Delete(by) => keyring.seal_deletion(scope, revision, *by)?,
    };
    let origin = *backend::commitment(record.as_bytes()).expect("a sealed record has a commitment");
    let past = Past::plan(current_revision, revision, keep);
    let replaced = match current {
        Some(current) if past.put.is_some() => {
            Some(keyring.reseal_past(scope, &current.opened, 0)?)
        }
        _ => None,
    };
    let write = past.add_to(over(scope, current, record), replaced);
    Ok(Plan { write, mark: Mark::new(revision, 0, &origin) })
}

/// A write over the current record, or over none.
fn over(scope: &Scope, current: Option<&Current>, record: Record) -> Write {
    match current {
        Some(current) => current.replace(scope, record),
        None => Write::create(scope, record),
    }
}

/// Decides the outcome of a write that was sent twice, from the current record. The store did not
/// confirm the first attempt, and refused the second: the condition did not hold any more. `over` is
/// the origin of the record that was to be replaced.
///
/// - The current record has our origin: one of the attempts wrote it. It may have been rewrapped.
/// - It has the origin of the record before: that one was rewrapped, and our write never happened. It
///   never will, because its condition is gone for good.
/// - It is another one of our revision: our write never happened, and never will, likewise.
/// - It has another revision, or is gone: our record may have been current in between, and may
///   have been replaced by others. Nothing that is left in the store tells.
pub(super) fn resolve(
    scope: &Scope,
    plan: &Plan,
    over: Option<[u8; 32]>,
    current: Option<&Current>,
) -> Result<Resolved, VaultError> {
    let Some(current) = current else { return Err(VaultError::Superseded { current: None }) };
    // A record that is written for the first time has its commitment as its origin.
    let origin = Some(current.opened.origin());
    if origin == backend::commitment(plan.write.record()) {
        return Ok(Resolved::Written(current.over_itself(scope)));
    }
    if origin == over.as_ref() {
        return Ok(Resolved::NotWritten);
    }
    let current = Some(current.revision());
    Err(if current == Some(plan.mark.revision) {
        VaultError::Conflict { current }
    } else {
        VaultError::Superseded { current }
    })
}

/// Plans to seal a record of a page again.
pub(super) fn rewrap(
    keyring: &Keyring,
    scope: &Scope,
    record: Vec<u8>,
    highest: Option<Mark>,
) -> Result<Rewrap, KeyringError> {
    // A sweep must not make a record that was put back look like a new one.
    let header = Header::of_record(&record, &Kind::PRESENT)?;
    if highest.map(Mark::order) > Some((header.revision(), header.rewraps())) {
        return Ok(Rewrap::Behind);
    }
    if header.key_id() == keyring.primary() {
        return Ok(Rewrap::UpToDate);
    }
    let current = Current { opened: keyring.open(scope, &record)?, record };
    if check(highest, Some(current.mark())).is_err() {
        return Ok(Rewrap::Behind);
    }
    Ok(Rewrap::Write(seal_again(keyring, scope, &current)?))
}

/// Plans the same for a record that was read on its own. Returns `None` if it is under the primary
/// key.
pub(super) fn rewrap_current(
    keyring: &Keyring,
    scope: &Scope,
    current: &Current,
) -> Result<Option<Plan>, KeyringError> {
    let stale = current.opened.is_stale();
    stale.then(|| seal_again(keyring, scope, current)).transpose()
}

fn seal_again(keyring: &Keyring, scope: &Scope, current: &Current) -> Result<Plan, KeyringError> {
    let record = keyring.reseal(scope, &current.opened)?;
    let opened = &current.opened;
    let mark = Mark::new(opened.revision(), opened.rewraps() + 1, opened.origin());
    Ok(Plan { write: current.replace(scope, record), mark })
}

/// Plans to seal a past row again. Returns `None` if it is under the primary key.
pub(super) fn rewrap_past(
    keyring: &Keyring,
    scope: &Scope,
    revision: Revision,
    record: &[u8],
) -> Result<Option<Write>, KeyringError> {
    let Some(rewrapped) = keyring.rewrap_past(scope, revision, record)? else { return Ok(None) };
    let commitment = *backend::commitment(record).expect("a record that opened has a commitment");
    Ok(Some(Write::replace_past(scope, revision, commitment, rewrapped)))
}

/// Plans to write a record of an export: as it is if it is under the primary key, and else sealed again.
/// Returns `None` if the current record has a higher revision, or the same one of the same origin.
///
/// The export has the past of its own record. So the replaced record does not become past, and what was
/// past of it goes.
pub(super) fn import(
    keyring: &Keyring,
    scope: &Scope,
    current: Option<&Current>,
    opened: &Opened,
    record: &[u8],
) -> Result<Option<Plan>, VaultError> {
    let revision = opened.revision();
    if let Some(current) = current.filter(|current| current.revision() >= revision) {
        return is_kept(&current.opened, opened).map(|()| None);
    }
    let (record, rewraps) = if opened.key_id() == keyring.primary() {
        (Record::from_sealed(record), opened.rewraps())
    } else {
        (keyring.reseal(scope, opened)?, opened.rewraps() + 1)
    };
    let write = Past::plan(None, revision, 0).add_to(over(scope, current, record), None);
    Ok(Some(Plan { write, mark: Mark::new(revision, rewraps, opened.origin()) }))
}

/// Returns a past record of an export: as it is if it is under the primary key, and else sealed again.
pub(super) fn import_past(
    keyring: &Keyring,
    scope: &Scope,
    opened: &Opened,
    record: &Record,
) -> Result<Record, KeyringError> {
    if opened.key_id() == keyring.primary() {
        return Ok(record.clone());
    }
    let rewraps = opened.rewraps().checked_add(1).ok_or(KeyringError::LastRevision)?;
    keyring.reseal_past(scope, opened, rewraps)
}

/// Compares a record of the store with one of an export that does not replace it.
pub(super) fn is_kept(ours: &Opened, imported: &Opened) -> Result<(), VaultError> {
    if Mark::of(imported).is_fork_of(Mark::of(ours)) {
        return Err(VaultError::Forked { revision: ours.revision() });
    }
    Ok(())
}

fn next(current: Option<Revision>) -> Result<Revision, KeyringError> {
    match current {
        Some(current) => current.next().ok_or(KeyringError::LastRevision),
        None => Ok(Revision::FIRST),
    }
}
