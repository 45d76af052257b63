//! A store that answers at once, where one is asked for that takes its time.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::store::backend::{Fetch, Outcome, Row, Write};
use crate::store::contract::{AsyncStore, Store};
use crate::store::error::StoreError;

/// A [`Store`] as an [`AsyncStore`].
///
/// **It blocks.** A future of it does its work when it is polled, the disk's included, and is ready
/// then: the thread does nothing else meanwhile, for milliseconds where a file is written. In a
/// service with more to do, give each call a thread that may block.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blocking<S>(
    /// The store.
    pub S,
);

impl<S: Store> AsyncStore for Blocking<S> {
    async fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(scope)
    }

    async fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        self.0.apply(writes)
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

/// The result of a future of a store that answers at once: there is nothing to wait for.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("a blocking store is done when it returns"),
    }
}
