//! The commits that concurrent writers share, as the server counts them.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use secrets_toml::seal::{Revision, Scope};
use secrets_toml::store::backend::{Outcome, Write, past};
use secrets_toml::store::{AsyncStore, PostgresStore, StoreError};

use super::faults::{created, over, tombstone};
use super::{block_on, scope};
use crate::server::Schema;

type Applying = Pin<Box<dyn Future<Output = Result<Vec<Outcome>, StoreError>> + Send>>;

/// Puts a call into the queue. If it is the first one there, its commit begins. It ends only if the
/// server's answer arrives: a test holds that back as long as it has more calls.
pub(super) async fn queued(store: &Arc<PostgresStore>, write: Write) -> Applying {
    let store = store.clone();
    let mut applying: Applying = Box::pin(async move { store.apply(None, &[write]).await });
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
            proxy.hold();
            let mut calls = Vec::new();
            for number in 0..CALLS {
                let scope = scope(&number.to_string());
                calls.push(queued(&store, Write::create(&scope, tombstone(&scope, 1))).await);
            }
            proxy.release();
            let calls: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
            for call in calls {
                assert_eq!(call.await.unwrap().unwrap(), [Outcome::Applied]);
            }
            assert_eq!(proxy.counts.take(), [2, 0, 2]);
        }
    });
}

/// A record or a past row is locked, and two calls share a commit: one that would change the locked row,
/// and another one. The commit writes the other one, and only the first one is sent again.
#[test]
fn only_the_call_of_a_locked_row_goes_alone() {
    block_on(async {
        for schema in [Schema::new().await, Schema::pooled().await] {
            let proxy = schema.proxy().await;
            let store = Arc::new(schema.store_through(&proxy));
            store.migrate().await.unwrap();
            for case in ["record", "removed", "put"] {
                let [chat, first, other] = ["chat", "first", "other"]
                    .map(|name| Scope::module(name).unwrap().version(case).unwrap());
                let past_record = tombstone(&chat, 1);
                let (write, second) = over(&chat, &created(&store, &chat).await, 2);
                let write = write.put_past(Revision::FIRST, past_record.clone());
                assert_eq!(store.apply(None, &[write]).await.unwrap(), [Outcome::Applied]);
                let (write, _) = over(&chat, &second, 3);
                let past_rows = past(chat.as_bytes());
                let record = chat.as_bytes().to_vec()..[chat.as_bytes(), &[0]].concat();
                let (write, locked) = match case {
                    "removed" => (write.remove_past(1..2), past_rows),
                    "put" => (write.put_past(Revision::FIRST, past_record), past_rows),
                    _ => (write, record),
                };
                let holder = schema.client().await;
                holder.batch_execute("BEGIN").await.unwrap();
                let lock =
                    "SELECT FROM secrets_toml_records WHERE scope >= $1 AND scope < $2 FOR UPDATE";
                let locked = holder.query(lock, &[&locked.start, &locked.end]).await.unwrap();
                assert_eq!(locked.len(), 1, "{case}");

                proxy.counts.take();
                proxy.hold();
                let first = queued(&store, Write::create(&first, tombstone(&first, 1))).await;
                let waits = queued(&store, write).await;
                let other = queued(&store, Write::create(&other, tombstone(&other, 1))).await;
                proxy.release();
                let [first, waits, other] = [first, waits, other].map(tokio::spawn);
                assert_eq!(first.await.unwrap().unwrap(), [Outcome::Applied]);
                assert_eq!(other.await.unwrap().unwrap(), [Outcome::Applied]);
                assert!(!waits.is_finished(), "{case}");
                holder.batch_execute("COMMIT").await.unwrap();
                assert_eq!(waits.await.unwrap().unwrap(), [Outcome::Applied]);
                assert_eq!(proxy.counts.take(), [3, 0, 3], "{case}");
            }
        }
    });
}

/// A trigger refuses one scope, as if a right were missing. The calls that share its commit are written.
#[test]
fn only_the_call_that_is_refused_is_told_so() {
    block_on(async {
        for schema in [Schema::new().await, Schema::pooled().await] {
            let proxy = schema.proxy().await;
            let store = Arc::new(schema.store_through(&proxy));
            store.migrate().await.unwrap();
            let [first, bad, good] = ["first", "bad", "good"].map(scope);
            let key: String = bad.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            let refuse = format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '42501'; END $$;
                 CREATE TRIGGER refuse BEFORE INSERT ON secrets_toml_records FOR EACH ROW
                 WHEN (NEW.scope = '\\x{key}') EXECUTE FUNCTION refuse();"
            );
            schema.client().await.batch_execute(&refuse).await.unwrap();
            let mut calls = Vec::new();
            proxy.hold();
            for scope in [&first, &bad, &good] {
                calls.push(queued(&store, Write::create(scope, tombstone(scope, 1))).await);
            }
            proxy.release();
            let mut told = Vec::new();
            for call in calls.into_iter().map(tokio::spawn).collect::<Vec<_>>() {
                told.push(call.await.unwrap());
            }
            assert!(matches!(told.remove(1), Err(StoreError::Denied(_))), "{told:?}");
            for told in told {
                assert_eq!(told.unwrap(), [Outcome::Applied]);
            }
        }
    });
}
