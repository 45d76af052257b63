//! An adapter from a store that blocks to one that is awaited, on tokio's threads.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::store::backend::{Fetch, Outcome, Row, Write};
use crate::store::contract::{AsyncStore, Store};
use crate::store::error::StoreError;

/// An [`AsyncStore`] that calls a [`Store`] on the threads that tokio keeps for calls that block, so that
/// no worker of the runtime waits for a disk.
///
/// [`Blocking`](crate::store::Blocking) needs no runtime, and blocks the thread that polls it.
///
/// - If the future of a write is dropped, the write goes on, and may happen or not.
/// - Outside of a tokio runtime, and while one shuts down, a call fails with [`StoreError::Unavailable`].
/// - If the store panics, a read fails with [`StoreError::Unavailable`], and a write with
///   [`StoreError::Unknown`].
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use secrets_toml::Document;
/// use secrets_toml::seal::{Keyring, Scope};
/// use secrets_toml::store::{MemoryStore, SpawnBlocking};
/// use secrets_toml::vault::{AsyncVault, Expected};
///
/// // In a service, this is a `RedbStore`.
/// let store = SpawnBlocking::new(MemoryStore::new());
/// let vault = AsyncVault::new(store, Keyring::generate()?);
/// let scope = Scope::module("chat")?;
/// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
/// vault.put(&scope, &secrets, Expected::Absent).await?;
/// assert!(vault.get(&scope).await?.is_some());
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug)]
pub struct SpawnBlocking<S>(Arc<S>);

impl<S: Store + 'static> SpawnBlocking<S> {
    /// Makes the adapter.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self(Arc::new(store))
    }

    /// Returns the store that it calls.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.0
    }

    /// Runs a call. `panicked` makes the error if the store panics.
    async fn call<T: Send + 'static>(
        &self,
        panicked: fn(&'static str) -> StoreError,
        run: impl FnOnce(&S) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let handle = Handle::try_current();
        let handle = handle.map_err(|_| unavailable("it needs a tokio runtime"))?;
        let store = self.0.clone();
        match handle.spawn_blocking(move || run(&store)).await {
            Ok(result) => result,
            // The payload of the panic may quote a record.
            Err(error) if error.is_panic() => Err(panicked("the store panicked")),
            // A call that has begun is not cancelled.
            Err(_) => Err(unavailable("the tokio runtime shuts down")),
        }
    }
}

impl<S: Store + 'static> AsyncStore for SpawnBlocking<S> {
    async fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let scope = scope.to_vec();
        self.call(unavailable, move |store| store.get(&scope)).await
    }

    async fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        let (fence, writes) = (fence.copied(), writes.to_vec());
        self.call(unknown, move |store| store.apply(fence.as_ref(), &writes)).await
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        let (prefix, after) = (prefix.to_vec(), after.map(<[u8]>::to_vec));
        self.call(unavailable, move |store| store.scan(&prefix, after.as_deref(), limit, fetch))
            .await
    }

    async fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        let scope = scope.to_vec();
        self.call(unknown, move |store| store.purge(&scope)).await
    }
}

fn unavailable(reason: &'static str) -> StoreError {
    StoreError::Unavailable(reason.into())
}

fn unknown(reason: &'static str) -> StoreError {
    StoreError::Unknown(reason.into())
}
