//! A store that blocks, on tokio's threads.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use secrets_toml::store::backend::{Fetch, Outcome, Row, Write};
use secrets_toml::store::{AsyncStore, MemoryStore, SpawnBlocking, Store, StoreError};
use tokio::runtime::{Builder, Runtime};

use super::{scope, tombstone};
use crate::chain;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A store that waits in each call until it is told to go on, and panics if nobody can tell it any more.
struct Waits {
    begun: Sender<()>,
    go_on: Mutex<Receiver<()>>,
    store: Arc<MemoryStore>,
}

impl Waits {
    fn new() -> (Self, Receiver<()>, Sender<()>) {
        let ((begun, has_begun), (tell, go_on)) = (channel(), channel());
        (Self { begun, go_on: Mutex::new(go_on), store: Arc::default() }, has_begun, tell)
    }

    fn wait(&self) -> &MemoryStore {
        self.begun.send(()).unwrap();
        let go_on = self.go_on.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        go_on.recv().expect("hunter2");
        &self.store
    }
}

impl Store for Waits {
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.wait().get(scope)
    }

    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        self.wait().apply(fence, writes)
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        self.wait().scan(prefix, after, limit, fetch)
    }

    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        self.wait().purge(scope)
    }
}

/// One thread both waits for the store and lets it go on.
#[test]
fn other_tasks_run_while_the_store_blocks() {
    let (store, begun, tell) = Waits::new();
    let store = SpawnBlocking::new(store);
    let chat = scope("chat");
    let writes = [Write::create(&chat, tombstone(&chat, 1))];
    let go_on = async {
        while begun.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        tell.send(()).unwrap();
    };
    let outcomes = runtime().block_on(async { tokio::join!(store.apply(None, &writes), go_on).0 });
    assert_eq!(outcomes.unwrap(), [Outcome::Applied]);
    assert_eq!(store.store().store.get(chat.as_bytes()).unwrap().unwrap(), writes[0].record());
}

#[test]
fn a_write_whose_future_is_dropped_goes_on() {
    let (store, begun, tell) = Waits::new();
    let (records, store) = (store.store.clone(), SpawnBlocking::new(store));
    let chat = scope("chat");
    let writes = [Write::create(&chat, tombstone(&chat, 1))];
    // The drop of a runtime waits for the calls that have begun.
    runtime().block_on(async {
        let has_begun = async {
            while begun.try_recv().is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = store.apply(None, &writes) => unreachable!("nobody tells the store to go on"),
            () = has_begun => {}
        }
        tell.send(()).unwrap();
    });
    assert!(records.get(chat.as_bytes()).unwrap().is_some());
}

#[test]
fn a_panic_of_the_store_is_an_error() {
    let (store, _begun, tell) = Waits::new();
    let store = SpawnBlocking::new(store);
    drop(tell);
    let chat = scope("chat");
    let writes = [Write::create(&chat, tombstone(&chat, 1))];
    runtime().block_on(async {
        let unavailable = "the store is unavailable; nothing was changed: the store panicked";
        let unknown = "the store did not report whether the write happened: the store panicked";
        assert_eq!(chain(&store.get(chat.as_bytes()).await.unwrap_err()), unavailable);
        let scanned = store.scan(&[], None, 1, Fetch::Heads).await;
        assert_eq!(chain(&scanned.unwrap_err()), unavailable);
        assert_eq!(chain(&store.apply(None, &writes).await.unwrap_err()), unknown);
        assert_eq!(chain(&store.purge(chat.as_bytes()).await.unwrap_err()), unknown);
    });
}

#[test]
fn without_a_runtime_it_is_unavailable() {
    let store = SpawnBlocking::new(MemoryStore::new());
    let Poll::Ready(got) = pin!(store.get(b"")).poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("there is nothing to wait for");
    };
    let unavailable = "the store is unavailable; nothing was changed: it needs a tokio runtime";
    assert_eq!(chain(&got.unwrap_err()), unavailable);
}
