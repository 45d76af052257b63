//! Where a [`Vault`](crate::vault::Vault) keeps its records: bytes under bytes, changed only on a
//! condition.
//!
//! A store sees sealed records and the encodings of scopes. It never sees a key or a document, and
//! it need not be trusted with anything but to keep what it said it keeps.
//!
//! `RedbStore`, of the feature `redb`, is one file on one machine; `PostgresStore`, of the feature
//! `postgres`, a table that many share; [`MemoryStore`] forgets. Others implement [`Store`] or
//! [`AsyncStore`].

pub mod backend;
mod blocking;
mod contract;
mod error;
mod export;
mod memory;
mod page;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redb")]
mod redb;

pub use self::blocking::Blocking;
pub(crate) use self::blocking::now;
pub use self::contract::{AsyncStore, Store};
pub use self::error::{Cause, StoreError};
pub(crate) use self::export::Import;
pub use self::export::{ExportError, export, export_async};
pub use self::memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresStore;
#[cfg(feature = "redb")]
pub use self::redb::{RedbOptions, RedbStore};
