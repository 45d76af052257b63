//! Tests that replace the file by a simulated disk: cuts of the power, and errors.
//!
//! They are unit tests because only this module can replace the file.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod disk;
mod failing;
#[path = "../../../tests/support/full.rs"]
mod full;
mod power;

use std::io;

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use crate::store::redb::{RedbOptions, RedbStore, guarded, prepare};
use crate::store::{StoreError, conformance};

/// Opens a store on a simulated disk, or creates it if the disk is empty. The store calls `backend`
/// again after an error.
fn store_on<B: StorageBackend>(
    options: &RedbOptions,
    backend: impl Fn() -> io::Result<B> + Send + Sync + 'static,
) -> Result<RedbStore, StoreError> {
    let first = || prepare(options.builder().create_with_backend(backend()?)?);
    let database = guarded(first)?;
    let again = options.clone().without_check();
    Ok(RedbStore::new(database, move || prepare(again.builder().create_with_backend(backend()?)?)))
}

#[test]
fn the_suite_passes() {
    let options = RedbOptions::new().cache_len(1 << 20);
    conformance::run(|| store_on(&options, || Ok(InMemoryBackend::new())).unwrap());
}
