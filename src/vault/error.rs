//! The errors of a vault.

use std::io;

use crate::seal::{KeyringError, LockError, OpenError, Revision, ScopeError};
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
    /// Another process has [relocked](crate::vault::Vault::relock) the keyring under other locks.
    ///
    /// Call [`Vault::unlock`](crate::vault::Vault::unlock) with one of these.
    #[error("the keyring was locked under other locks: call `unlock` with one of them")]
    Locked,
    /// The store has a keyring in it, and the vault was not opened with it.
    ///
    /// Open the vault with [`Vault::open`](crate::vault::Vault::open). The write that was refused has
    /// changed nothing.
    ///
    /// Each call that would write a record fails so. A [`rewrap`](crate::vault::Vault::rewrap) or an
    /// [`import`](crate::vault::Vault::import) that finds nothing to write is `Ok`, and so is a
    /// [`purge`](crate::vault::Vault::purge): it removes the record.
    ///
    /// [`Vault::create`](crate::vault::Vault::create) and [`Vault::adopt`](crate::vault::Vault::adopt) fail
    /// so, too.
    #[error("the store has a keyring in it: open the vault with `Vault::open`")]
    Custody,
    /// The vault's keyring is not in its store, so the host locks and rotates it.
    ///
    /// [`Vault::adopt`](crate::vault::Vault::adopt) puts a keyring into a store.
    #[error("the vault's keyring is not in its store: put it there with `Vault::adopt`")]
    NoCustody,
    /// The store has no keyring in it.
    #[error("{}", no_keyring(*has_records))]
    NoKeyring {
        /// `true` if the store has records.
        ///
        /// Then its keyring was lost, for example because a backup of the records alone was restored.
        /// No record opens without it. If the store is empty, make a keyring with
        /// [`Vault::create`](crate::vault::Vault::create).
        has_records: bool,
    },
    /// The store's keyring could not be locked, read or unlocked, or it is older than before.
    ///
    /// If you restored a backup of it, call
    /// [`Vault::accept_restore`](crate::vault::Vault::accept_restore).
    #[error(transparent)]
    Lock(#[from] LockError),
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
    /// The vault's [observer](crate::vault::Observer) refused the call. The store was asked nothing, and
    /// nothing was changed.
    #[error("the vault's observer refused the call; nothing was done")]
    Refused(#[source] Cause),
}

impl VaultError {
    /// Returns `true` if a call that visits many records ends with this error, which is not about
    /// one of them.
    pub(super) fn ends_the_call(&self) -> bool {
        matches!(
            self,
            Self::Store(_)
                | Self::Unknown(_)
                | Self::Locked
                | Self::Custody
                | Self::NoKeyring { .. }
                | Self::Lock(_)
        )
    }

    /// Returns `true` if the keyring does not open a record, and another one may.
    pub(super) fn is_of_a_key(&self) -> bool {
        matches!(self, Self::Open(error) if error.is_of_a_key())
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

fn no_keyring(has_records: bool) -> &'static str {
    if has_records {
        "the store has records, and its keyring is missing: restore the row of the keyring from a \
         backup of this store, or hand a keyring over with `Vault::adopt`"
    } else {
        "the store has no keyring: make one with `Vault::create`"
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
    /// The keyring of the store was replaced during the export, so that none opens all of its records.
    /// Export again.
    #[error("the keys were rotated during the export: export again")]
    Rotated,
    /// The store failed, or a record does not open and therefore cannot be part of a manifest.
    #[error(transparent)]
    Vault(#[from] VaultError),
}
