//! What a vault decides, as functions of what it has read: no store is touched here.

use crate::seal::{self, Keyring, OpenError, Opened, Record, Revision, Scope, SealError};
use crate::store::backend::{self, Write};
use crate::validate::Secrets;
use crate::vault::error::VaultError;

/// What must stand for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// No document: there never was one, or it was deleted.
    Absent,
    /// The record of this revision, be it a document or a tombstone.
    Revision(Revision),
}

/// An authenticated record, and which one it is.
pub(super) struct Standing {
    pub(super) opened: Opened,
    commitment: [u8; 32],
}

/// What is to stand next.
pub(super) enum Change<'a> {
    Put(&'a Secrets),
    Copy(&'a Opened),
    Delete,
}

/// A write, and the revision that it makes.
pub(super) struct Plan {
    pub(super) write: Write,
    pub(super) revision: Revision,
}

/// What is to be done about one record when the primary key has changed.
pub(super) enum Rewrap {
    /// It is under the primary key.
    Current,
    /// It is older than it was seen to be, unless the scan was too early.
    Behind,
    Write(Plan),
}

/// Authenticates what the store gave.
pub(super) fn open(
    keyring: &Keyring,
    scope: &Scope,
    record: Option<&[u8]>,
) -> Result<Option<Standing>, OpenError> {
    let Some(record) = record else { return Ok(None) };
    let opened = keyring.open(scope, record)?;
    let commitment = *backend::commitment(record).expect("what was opened has a commitment");
    Ok(Some(Standing { opened, commitment }))
}

/// The revision that was found, held against the highest that was seen before.
pub(super) fn check(highest: Option<Revision>, found: Option<Revision>) -> Result<(), VaultError> {
    match highest {
        Some(highest) if found < Some(highest) => Err(VaultError::RolledBack { highest, found }),
        _ => Ok(()),
    }
}

/// The document that is to be copied.
pub(super) fn source(standing: Option<Standing>) -> Result<Opened, VaultError> {
    let opened = standing.map(|standing| standing.opened);
    opened.filter(|opened| !opened.is_tombstone()).ok_or(VaultError::Absent)
}

/// The write that carries out a change, where what stands is what was expected.
pub(super) fn plan(
    keyring: &Keyring,
    scope: &Scope,
    standing: Option<&Standing>,
    expected: Expected,
    change: &Change<'_>,
) -> Result<Plan, VaultError> {
    let current = standing.map(|standing| standing.opened.revision());
    let absent = standing.is_none_or(|standing| standing.opened.is_tombstone());
    if absent && matches!(change, Change::Delete) {
        return Err(VaultError::Absent);
    }
    let holds = match expected {
        Expected::Absent => absent,
        Expected::Revision(revision) => current == Some(revision),
    };
    if !holds {
        return Err(VaultError::Conflict { current });
    }
    let revision = next(current)?;
    let record = match change {
        Change::Put(secrets) => keyring.seal(scope, revision, secrets)?,
        Change::Copy(opened) => keyring.reseal(scope, revision, opened)?,
        Change::Delete => keyring.seal_tombstone(scope, revision)?,
    };
    let write = match standing {
        Some(standing) => Write::replace(scope, standing.commitment, record),
        None => Write::create(scope, record),
    };
    Ok(Plan { write, revision })
}

/// What became of a write whose second sending was refused, by what stands now.
///
/// Another record at its revision stands in its place: it was never written, and never will be.
/// Anything else leaves it open whether it stood in between.
pub(super) fn resolve(
    write: &Write,
    revision: Revision,
    standing: Option<&Standing>,
) -> Result<(), VaultError> {
    if standing
        .is_some_and(|standing| Some(&standing.commitment) == backend::commitment(write.record()))
    {
        return Ok(());
    }
    let current = standing.map(|standing| standing.opened.revision());
    Err(if current == Some(revision) {
        VaultError::Conflict { current }
    } else {
        VaultError::Superseded { current }
    })
}

/// What is to be done about a record that a scan met.
pub(super) fn rewrap(
    keyring: &Keyring,
    scope: &Scope,
    record: &[u8],
    highest: Option<Revision>,
) -> Result<Rewrap, OpenError> {
    let header = seal::inspect(record)?;
    if highest > Some(header.revision()) {
        // To give it the next revision would hide that an older one was put back.
        return Ok(Rewrap::Behind);
    }
    let Some(rewrapped) = keyring.rewrap(scope, record)? else { return Ok(Rewrap::Current) };
    let revision = next(Some(header.revision()))?;
    let write = Write::replace(scope, *header.commitment(), rewrapped);
    Ok(Rewrap::Write(Plan { write, revision }))
}

/// The same write for a record that was read on its own; `None` where it needs none.
pub(super) fn rewrap_standing(
    keyring: &Keyring,
    scope: &Scope,
    standing: &Standing,
) -> Result<Option<Plan>, SealError> {
    if !standing.opened.is_stale() {
        return Ok(None);
    }
    let revision = next(Some(standing.opened.revision()))?;
    let record = keyring.reseal(scope, revision, &standing.opened)?;
    let write = Write::replace(scope, standing.commitment, record);
    Ok(Some(Plan { write, revision }))
}

/// The write of a record from elsewhere, as it is; `None` where what stands is as high.
pub(super) fn import(
    scope: &Scope,
    standing: Option<&Standing>,
    opened: &Opened,
    record: &[u8],
) -> Option<Write> {
    let record = Record::from_sealed(record);
    match standing {
        None => Some(Write::create(scope, record)),
        Some(standing) if standing.opened.revision() >= opened.revision() => None,
        Some(standing) => Some(Write::replace(scope, standing.commitment, record)),
    }
}

fn next(current: Option<Revision>) -> Result<Revision, SealError> {
    match current {
        Some(current) => current.next().ok_or(SealError::LastRevision),
        None => Ok(Revision::FIRST),
    }
}
