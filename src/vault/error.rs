//! The errors of a vault.

use std::io;

use crate::seal::{KeyringError, OpenError, Revision, ScopeError};
use crate::store::{Cause, StoreError};

/// The reason why a vault did not do what it was asked to. It holds no value and no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The current record is not the expected one. Nothing was changed.
    #[error("{}", conflict(current))]
    Conflict {
        /// The current revision, of a document or a tombstone. `None` if the scope has no record.
        current: Option<Revision>,
    },
    /// The scope has no document to delete, to copy or to restore.
    #[error("the scope has no document to delete, copy or restore")]
    Absent,
    /// The store did not confirm the write, and another record is current now. The write either
    /// never happened, or it happened and was overwritten.
    ///
    /// To find out, read the current document.
    #[error(
        "the store did not confirm the write, and the scope has changed since: {}",
        now(current)
    )]
    Superseded {
        /// The current revision. `None` if the scope has no record.
        current: Option<Revision>,
    },
    /// The store did not confirm the write, and did not answer when it was asked again. The write
    /// may have happened, or may still happen.
    #[error("the store did not confirm the write: it may or may not have happened")]
    Unknown(#[source] Cause),
    /// The store has an older record than before, or none: an old copy was restored, or another
    /// process purged the record. A revision that was rewrapped is newer than before.
    ///
    /// If that was done on purpose, call
    /// [`Vault::accept_restore_of`](crate::vault::Vault::accept_restore_of).
    #[error("{}", rolled_back(*highest, *found))]
    RolledBack {
        /// The highest revision that was read or written before, or that a manifest lists.
        highest: Revision,
        /// The current revision. `None` if the scope has no record.
        found: Option<Revision>,
    },
    /// A record has the revision that was seen before, or that a manifest lists, but another write made
    /// it. So one of the two writes replaced the other unseen, or the scope was purged and made again.
    ///
    /// If that was done on purpose, call
    /// [`Vault::accept_restore_of`](crate::vault::Vault::accept_restore_of).
    #[error("forked: revision {revision} of the scope was written by another write than before")]
    Forked {
        /// The revision that was written twice.
        revision: Revision,
    },
    /// A vault cannot keep so many past revisions.
    #[error("a history keeps at most 1000 past revisions")]
    TooLongHistory,
    /// A record does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The keyring could not seal a record.
    #[error(transparent)]
    Keyring(KeyringError),
    /// A name cannot be part of a scope, or the scope of a row in the store is malformed.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// The store failed. Nothing was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl VaultError {
    /// Returns `true` if a call that visits many records ends with this error, which is not about
    /// one of them.
    pub(super) fn ends_the_call(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Unknown(_))
    }
}

/// A record that does not open is [`VaultError::Open`], also if the keyring says so.
impl From<KeyringError> for VaultError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Open(error) => Self::Open(error),
            error => Self::Keyring(error),
        }
    }
}

fn conflict(current: &Option<Revision>) -> String {
    match current {
        Some(revision) => {
            format!("conflict: the current revision is {revision}, not the expected one")
        }
        None => "conflict: the scope has no record, but one was expected".to_owned(),
    }
}

fn rolled_back(highest: Revision, found: Option<Revision>) -> String {
    if found == Some(highest) {
        return format!(
            "rolled back: the store has an older record of revision {highest} than before"
        );
    }
    format!("rolled back: the scope had revision {highest} before; {}", now(&found))
}

fn now(current: &Option<Revision>) -> String {
    match current {
        Some(revision) => format!("it has revision {revision} now"),
        None => "it has no record now".to_owned(),
    }
}

/// The reason why an export or a manifest was not written or not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The file could not be read or written.
    #[error("the file cannot be read or written")]
    Io(#[from] io::Error),
    /// The file ends too early.
    #[error("the file is truncated")]
    Truncated,
    /// The file does not start as an export or a manifest does.
    #[error("the file is not an export or a manifest of this library")]
    NotARecord,
    /// The file has a version of the format that this library does not read.
    #[error("the file has a format version that this library does not know")]
    UnsupportedVersion,
    /// The file breaks the format: a scope, the order of the entries, or their number.
    #[error("the file is malformed")]
    Malformed,
    /// A record in the export is malformed.
    #[error("the file has a malformed record")]
    Record(#[source] OpenError),
    /// The file goes on after its end.
    #[error("the file has further bytes after its end")]
    TrailingBytes,
    /// The manifest does not open.
    #[error("the manifest does not open")]
    Open(#[source] OpenError),
    /// The store failed, or a record does not open and therefore cannot be part of a manifest.
    #[error(transparent)]
    Vault(#[from] VaultError),
}
