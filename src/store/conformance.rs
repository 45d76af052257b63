//! The suite that every store passes, for authors of stores.
//!
//! It checks the [contract](crate::store::Store) through calls alone: conditions, fences, groups with
//! past rows, batches, the order and the pages of scans, purges, and what concurrent calls are told. It
//! cannot check that a write survives a crash.
//!
//! # Examples
//!
//! ```
//! use secrets_toml::store::{MemoryStore, conformance};
//!
//! conformance::run(MemoryStore::new);
//! ```
//!
//! A store that is awaited is run through a wrapper that blocks on a runtime of its own.

mod tests;

use crate::store::contract::Store;

/// One case: its name, and the function that runs it over an empty store.
///
/// The function panics if the store breaks the contract.
pub type Case = (&'static str, fn(&dyn Store));

/// The cases, for a test harness of your own. The next version of this crate may have more.
pub const CASES: &[Case] = tests::CASES;

/// Runs every case, each over a store that `fresh` creates.
///
/// # Panics
///
/// Panics if the store breaks the contract. The message has the place in the source of the case.
pub fn run<S: Store>(fresh: impl Fn() -> S) {
    for (_, case) in CASES {
        case(&fresh());
    }
}
