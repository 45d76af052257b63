//! A blocking store over asynchronous ones.

use std::sync::atomic::{AtomicUsize, Ordering};

use secrets_toml::store::backend::{Fetch, Outcome, Row, Write};
use secrets_toml::store::{AsyncStore, Store, StoreError};
use tokio::runtime::{Builder, Runtime};

/// A blocking store. Its calls use stores over one database in rotation.
pub(crate) struct Waiting<S> {
    runtime: Runtime,
    stores: Vec<S>,
    turn: AtomicUsize,
    /// The most rows of a page.
    pub(crate) page: usize,
}

impl<S> Waiting<S> {
    /// Makes one of stores that are made within its runtime.
    pub(crate) fn over(stores: impl Future<Output = Vec<S>>) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let stores = runtime.block_on(stores);
        Self { runtime, stores, turn: AtomicUsize::new(0), page: usize::MAX }
    }

    fn store(&self) -> &S {
        &self.stores[self.turn.fetch_add(1, Ordering::Relaxed) % self.stores.len()]
    }
}

impl<S: AsyncStore> Store for Waiting<S> {
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.runtime.block_on(self.store().get(scope))
    }

    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        self.runtime.block_on(self.store().apply(fence, writes))
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        self.runtime.block_on(self.store().scan(prefix, after, limit.min(self.page), fetch))
    }

    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        self.runtime.block_on(self.store().purge(scope))
    }
}
