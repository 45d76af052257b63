//! An adapter from a store that blocks to one that is awaited.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::store::backend::{Fetch, Outcome, Row, Write};
use crate::store::contract::{AsyncStore, Store};
use crate::store::error::StoreError;

/// An [`AsyncStore`] that calls a [`Store`], and blocks.
///
/// Each future does all of its work, disk access included, in its first poll. Meanwhile its thread
/// does nothing else: for milliseconds, if a file is written. In a service on tokio, use
/// `SpawnBlocking` (feature `tokio`).
#[derive(Debug, Clone, Copy, Default)]
pub struct Blocking<S>(
    /// The store to call.
    pub S,
);

impl<S: Store> AsyncStore for Blocking<S> {
    async fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(scope)
    }

    async fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        self.0.apply(fence, writes)
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        self.0.scan(prefix, after, limit, fetch)
    }

    async fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        self.0.purge(scope)
    }
}

/// Polls a future over a [`Blocking`] store once, which completes it.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("a blocking store is done when it returns"),
    }
}
