//! Stores for sealed records: the traits [`Store`] and [`AsyncStore`], and three implementations.
//!
//! A [`Vault`](crate::vault::Vault) seals and opens records; a store keeps them.
//!
//! | store | keeps the records | shared by |
//! |---|---|---|
//! | [`MemoryStore`] | in memory | threads |
//! | `RedbStore`, feature `redb` | in one file | the threads of one process at a time |
//! | `PostgresStore`, feature `postgres` | in a PostgreSQL table | processes on any number of machines |
//!
//! A store sees sealed records and the names of scopes. It never sees a key or a secret. Whoever
//! controls a store can delete records and put old ones back, but cannot read or forge them.
//!
//! A [`Vault`](crate::vault::Vault) takes a [`Store`], whose calls block. An
//! [`AsyncVault`](crate::vault::AsyncVault) takes an [`AsyncStore`], or a [`Store`] in an adapter:
//! `SpawnBlocking` in tokio (feature `tokio`), or [`Blocking`].
//!
//! To write another store, implement [`Store`] if its calls block, or [`AsyncStore`] if they are
//! awaited. The module [`backend`] has the types for it, and an example. The feature `conformance` has
//! the suite that every store passes.

pub mod backend;
mod blocking;
#[cfg(any(feature = "postgres", feature = "redb"))]
mod commits;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod contract;
mod error;
mod memory;
mod page;
#[cfg(feature = "postgres")]
mod postgres;
mod range;
#[cfg(feature = "redb")]
mod redb;
mod row;
#[cfg(feature = "tokio")]
mod spawn;
mod write;

pub use self::blocking::Blocking;
pub(crate) use self::blocking::now;
pub(crate) use self::contract::Scan;
pub use self::contract::{AsyncStore, Store};
pub use self::error::{Cause, StoreError};
pub use self::memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresStore;
pub(crate) use self::range::RowRange;
#[cfg(feature = "redb")]
pub use self::redb::{RedbOptions, RedbStore};
#[cfg(feature = "tokio")]
pub use self::spawn::SpawnBlocking;
