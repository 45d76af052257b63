//! The commits that concurrent writers share, as the server counts them.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use secrets_toml::store::backend::{Outcome, Write};
use secrets_toml::store::{AsyncStore, PostgresStore};

use super::faults::tombstone;
use super::{block_on, scope};
use crate::server::Schema;

type Applying = Pin<Box<dyn Future<Output = Vec<Outcome>> + Send>>;

/// Puts a call into the queue. If it is the first one there, its commit begins, and goes on as soon as
/// the call is spawned.
async fn queued(store: &Arc<PostgresStore>, write: Write) -> Applying {
    let store = store.clone();
    let mut applying: Applying =
        Box::pin(async move { store.apply(None, &[write]).await.unwrap() });
    poll_fn(|context| {
        assert!(applying.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
    applying
}

/// The first call has a commit of its own, and all that wait meanwhile share the next one.
#[test]
fn calls_that_wait_share_one_commit() {
    const CALLS: usize = 64;
    block_on(async {
        for schema in [Schema::new().await, Schema::pooled().await] {
            let proxy = schema.proxy().await;
            let store = Arc::new(schema.store_through(&proxy));
            store.migrate().await.unwrap();
            proxy.counts.take();
            let mut calls = Vec::new();
            for number in 0..CALLS {
                let scope = scope(&number.to_string());
                calls.push(queued(&store, Write::create(&scope, tombstone(&scope, 1))).await);
            }
            let calls: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
            for call in calls {
                assert_eq!(call.await.unwrap(), [Outcome::Applied]);
            }
            assert_eq!(proxy.counts.take(), [2, 0, 2]);
        }
    });
}
