//! The error of every store.

use std::error::Error;

/// An error of a store.
///
/// After every error except [`Unknown`](Self::Unknown), the call has changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The call failed, changed nothing, and will change nothing later. It may be tried again.
    #[error("the store is unavailable; nothing was changed")]
    Unavailable(#[source] Cause),
    /// The role lacks a right that the call needs, or may only read. Nothing was changed, and the call
    /// fails again until somebody grants the right.
    #[error("the store denies this to its role; grant it the right")]
    Denied(#[source] Cause),
    /// The call failed while it wrote: the write may have happened, or may still happen.
    #[error("the store did not report whether the write happened")]
    Unknown(#[source] Cause),
    /// The store's data is damaged, or its rows are not in the order of their keys. Restore it from a
    /// backup.
    #[error("the store is damaged; restore it from a backup")]
    Corrupt(#[source] Cause),
    /// The database is already open in another process, or by another handle in this one.
    #[error("the database is already open, here or in another process")]
    InUse,
    /// The database does not exist: the file is absent or empty, or the table is absent. Create it
    /// with `RedbStore::create` or `PostgresStore::migrate`.
    #[error("the database does not exist; create it first")]
    Missing,
    /// The file to create already exists. It was not overwritten.
    #[error("the file already exists; open it instead")]
    Exists,
    /// The database belongs to another program, or to a later version of this crate.
    #[error("the database belongs to another program, or to a later version of this library")]
    Foreign(#[source] Cause),
    /// The batch has two writes to one scope, or to one past row.
    #[error("the batch has two writes to one scope")]
    Repeated,
}

/// The cause of a [`StoreError`]: an error of the library or the service behind the store.
///
/// It may be logged, so it must not contain a password or a record.
pub type Cause = Box<dyn Error + Send + Sync>;
