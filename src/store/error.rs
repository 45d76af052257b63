//! Why a store did not do what it was asked to.

use std::error::Error;

/// Why a store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store failed, and nothing was changed: it may be tried again.
    #[error("the store is unavailable; nothing was changed")]
    Unavailable(#[source] Cause),
    /// The store failed while it wrote: the write may have happened, or may still happen.
    #[error("the store did not tell whether it wrote")]
    Unknown(#[source] Cause),
    /// What the store is made of is damaged. It is to be restored from a copy.
    #[error("the store is damaged")]
    Corrupt(#[source] Cause),
    /// Another process, or another handle in this one, has the database open.
    #[error("another process has the database open")]
    InUse,
    /// There is no database: the file is absent or empty. A store is made by `create`.
    #[error("there is no database; create it first")]
    Missing,
    /// Something is there already, and `create` overwrites nothing.
    #[error("there is a file already; open it instead")]
    Exists,
    /// The file is not a database of this library, or one of a later version.
    #[error("the file is not a database of this library")]
    Foreign(#[source] Cause),
    /// Two writes of one batch name the same scope. Nothing was changed.
    #[error("a batch of writes names one scope twice")]
    Repeated,
}

/// What lies behind a [`StoreError`], as the store's own library tells it.
pub type Cause = Box<dyn Error + Send + Sync>;
