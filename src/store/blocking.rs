//! An adapter from a store that blocks to one that is awaited.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

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

/// Runs a future to its end, on a thread that may block.
///
/// A future over a [`Blocking`] store is done at its first poll, unless it pauses between slices of work.
/// So a waker, which is allocated, is made for the second one.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return result;
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
