//! Why a vault did not do what it was asked to.

use crate::seal::{OpenError, Revision, ScopeError, SealError};
use crate::store::{Cause, StoreError};

/// Why a vault did not do what it was asked to. None holds a value or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Another revision stands than was expected, so nothing was changed. It is this one; `None`
    /// where there is no record.
    #[error("{}", conflict(current))]
    Conflict {
        /// The revision that stands, of a document or a tombstone.
        current: Option<Revision>,
    },
    /// There is no document to delete or to copy.
    #[error("there is no document")]
    Absent,
    /// The store did not tell whether it wrote, and by now something else stands: the write may
    /// have stood in between, or not. Whoever needs to know reads what stands.
    #[error("it is not known whether it was written; {}", now(current))]
    Superseded {
        /// The revision that stands.
        current: Option<Revision>,
    },
    /// The store did not tell whether it wrote, nor when it was asked again. The write may have
    /// happened, or may still happen.
    #[error("it is not known whether it was written")]
    Unknown(#[source] Cause),
    /// The store holds an older record than this process has seen, or none any more: it was put
    /// back, or purged by another process. A restore on purpose is accepted by
    /// [`Vault::accept_restore`](crate::vault::Vault::accept_restore).
    #[error("the store was rolled back: revision {highest} was seen; {}", now(found))]
    RolledBack {
        /// The highest revision that was seen.
        highest: Revision,
        /// The revision that stands.
        found: Option<Revision>,
    },
    /// A record does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A document could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A name cannot be part of a scope, or a row of the store is filed under what is no scope.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// The store failed, and nothing was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn conflict(current: &Option<Revision>) -> String {
    match current {
        Some(revision) => format!("revision {revision} stands, and another state was expected"),
        None => "no record stands, and one was expected".to_owned(),
    }
}

fn now(current: &Option<Revision>) -> String {
    match current {
        Some(revision) => format!("revision {revision} stands"),
        None => "no record stands".to_owned(),
    }
}
