//! The decisions of a vault, as pure functions of what it has read.

use crate::seal::{
    By, Contents, Header, Keyring, KeyringError, OpenError, Opened, Record, Revision, Scope,
};
use crate::store::backend::{self, Write};
use crate::vault::error::VaultError;

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
    /// The condition of a write that replaces this record and no other.
    commitment: [u8; 32],
}

/// The change that a caller asks for.
pub(super) enum Change<'a> {
    Put(&'a Contents<'a>),
    Copy(&'a Opened, Option<&'a By>),
    Delete(Option<&'a By>),
}

/// A write, and the revision that the record has after it.
pub(super) struct Plan {
    pub(super) write: Write,
    pub(super) revision: Revision,
}

/// The decision about one record of a page when all are sealed again.
pub(super) enum Rewrap {
    /// The record is under the primary key.
    UpToDate,
    /// The record is older than its watermark. Either it was rolled back, or it was written after
    /// the page was read; reading it again tells which.
    Behind,
    Write(Plan),
}

/// Authenticates a record of the store.
pub(super) fn open(
    keyring: &Keyring,
    scope: &Scope,
    record: Option<&[u8]>,
) -> Result<Option<Current>, OpenError> {
    let Some(record) = record else { return Ok(None) };
    let opened = keyring.open(scope, record)?;
    let commitment = *backend::commitment(record).expect("a record that opened has a commitment");
    Ok(Some(Current { opened, commitment }))
}

/// Compares the revision that was found with the highest that was seen before. `None` is lower than
/// every revision: a record that is gone was rolled back, too.
pub(super) fn check(highest: Option<Revision>, found: Option<Revision>) -> Result<(), VaultError> {
    match highest {
        Some(highest) if found < Some(highest) => Err(VaultError::RolledBack { highest, found }),
        _ => Ok(()),
    }
}

/// Returns the document to copy.
pub(super) fn source(current: Option<Current>) -> Result<Opened, VaultError> {
    let opened = current.map(|current| current.opened);
    opened.filter(|opened| !opened.is_tombstone()).ok_or(VaultError::Absent)
}

/// Plans the write of a change, if the current record is the expected one.
pub(super) fn plan(
    keyring: &Keyring,
    scope: &Scope,
    current: Option<&Current>,
    expected: Expected,
    change: &Change<'_>,
) -> Result<Plan, VaultError> {
    let current_revision = current.map(|current| current.opened.revision());
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
    let write = match current {
        Some(current) => Write::replace(scope, current.commitment, record),
        None => Write::create(scope, record),
    };
    Ok(Plan { write, revision })
}

/// Decides the outcome of a write that was sent twice, from the current record. The store did not
/// confirm the first attempt, and refused the second: the condition did not hold any more.
///
/// - The current record has our origin: one of the attempts wrote it. It may have been rewrapped.
/// - It is another one of our revision: our write never happened. It never will, because its
///   condition, the record before, is gone for good.
/// - It has another revision, or is gone: our record may have been current in between, and may
///   have been replaced by others. Nothing that is left in the store tells.
pub(super) fn resolve(
    write: &Write,
    revision: Revision,
    current: Option<&Current>,
) -> Result<(), VaultError> {
    // A record that is written for the first time has its commitment as its origin.
    let origin = backend::commitment(write.record());
    if current.is_some_and(|current| Some(current.opened.origin()) == origin) {
        return Ok(());
    }
    let revision_now = current.map(|current| current.opened.revision());
    Err(if revision_now == Some(revision) {
        VaultError::Conflict { current: revision_now }
    } else {
        VaultError::Superseded { current: revision_now }
    })
}

/// Plans to seal a record of a page again.
pub(super) fn rewrap(
    keyring: &Keyring,
    scope: &Scope,
    record: &[u8],
    highest: Option<Revision>,
) -> Result<Rewrap, KeyringError> {
    let header = Header::parse(record)?;
    if highest > Some(header.revision()) {
        // It may have been rolled back, which a sweep must not make look like a new record.
        return Ok(Rewrap::Behind);
    }
    let Some(rewrapped) = keyring.rewrap(scope, record)? else { return Ok(Rewrap::UpToDate) };
    let write = Write::replace(scope, *header.commitment(), rewrapped);
    Ok(Rewrap::Write(Plan { write, revision: header.revision() }))
}

/// Plans the same for a record that was read on its own. Returns `None` if it is under the primary
/// key.
pub(super) fn rewrap_current(
    keyring: &Keyring,
    scope: &Scope,
    current: &Current,
) -> Result<Option<Plan>, KeyringError> {
    if !current.opened.is_stale() {
        return Ok(None);
    }
    let revision = current.opened.revision();
    let record = keyring.reseal(scope, &current.opened)?;
    let write = Write::replace(scope, current.commitment, record);
    Ok(Some(Plan { write, revision }))
}

/// Plans to write a record of an export as it is. Returns `None` if the current record has the same
/// or a higher revision.
pub(super) fn import(
    scope: &Scope,
    current: Option<&Current>,
    opened: &Opened,
    record: &[u8],
) -> Option<Write> {
    let record = Record::from_sealed(record);
    match current {
        None => Some(Write::create(scope, record)),
        Some(current) if current.opened.revision() >= opened.revision() => None,
        Some(current) => Some(Write::replace(scope, current.commitment, record)),
    }
}

fn next(current: Option<Revision>) -> Result<Revision, KeyringError> {
    match current {
        Some(current) => current.next().ok_or(KeyringError::LastRevision),
        None => Ok(Revision::FIRST),
    }
}
