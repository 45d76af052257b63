//! Calls that wait for the server until their deadline, and answers that come after it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use secrets_toml::store::backend::{Fetch, Outcome, Write};
use secrets_toml::store::{AsyncStore, PostgresStore, StoreError};
use tokio::time::timeout;

use super::faults::tombstone;
use super::{block_on, migrated, scope};
use crate::proxy::Proxy;
use crate::server::{HANGS, Schema, UNDER_WAY, until};

const RECORDS: &str = "SELECT count(*) FROM secrets_toml_records";

fn is_unavailable(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_))
}

/// The lock of the table keeps all calls waiting.
#[test]
fn no_statement_of_a_call_outlives_its_deadline() {
    block_on(async {
        let schema = migrated().await;
        let (holder, chat) = (schema.client().await, scope("chat"));
        let lock = "BEGIN; LOCK TABLE secrets_toml_records IN ACCESS EXCLUSIVE MODE";
        holder.batch_execute(lock).await.unwrap();
        let store = schema.store().deadline(Duration::from_millis(300));
        let error = store.get(chat.as_bytes()).await.unwrap_err();
        assert!(is_unavailable(&error), "{error:?}");
        for fetch in [Fetch::Heads, Fetch::Records] {
            let error = store.scan(&[], None, 9, fetch).await.unwrap_err();
            assert!(is_unavailable(&error), "{error:?}");
        }
        let error = store.count_by_key().await.unwrap_err();
        assert!(is_unavailable(&error), "{error:?}");
        let error = store.purge(chat.as_bytes()).await.unwrap_err();
        assert!(is_unavailable(&error) || matches!(error, StoreError::Unknown(_)), "{error:?}");
        until(&schema.client().await, UNDER_WAY, 0).await;
        holder.batch_execute("COMMIT").await.unwrap();
        let patient = store.deadline(Duration::from_secs(60));
        assert_eq!(patient.get(chat.as_bytes()).await.unwrap(), None);
    });
}

/// Makes a call whose answer is held back until it has returned. Meanwhile the server has done it.
async fn unanswered<T>(
    proxy: &Proxy,
    call: impl Future<Output = Result<T, StoreError>>,
    done: impl Future<Output = ()>,
) -> StoreError {
    proxy.hold();
    let (result, ()) = tokio::join!(timeout(HANGS, call), done);
    proxy.release();
    result.expect("it ends at its deadline").err().expect("there was no answer")
}

/// The server does what a call asks for, and says so too late. The next call does not take that answer
/// for its own: it has another connection.
#[test]
fn an_answer_after_the_deadline_is_not_used() {
    block_on(async {
        for schema in [migrated().await, Schema::pooled().await] {
            schema.store().migrate().await.unwrap();
            let (admin, chat) = (schema.client().await, scope("chat"));
            let proxy = schema.proxy().await;
            let (hasty, patient) = (Duration::from_secs(2), Duration::from_secs(60));
            let mut store = schema.store_through(&proxy).deadline(patient);
            let connects = || proxy.counts.connects.load(Ordering::SeqCst);
            let get = async |store: &PostgresStore| store.get(chat.as_bytes()).await.unwrap();
            assert_eq!((get(&store).await, connects()), (None, 1));

            let record = tombstone(&chat, 1);
            let create = [Write::create(&chat, record.clone())];
            store = store.deadline(hasty);
            let error =
                unanswered(&proxy, store.apply(None, &create), until(&admin, RECORDS, 1)).await;
            assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
            store = store.deadline(patient);
            assert_eq!(store.apply(None, &create).await.unwrap(), [Outcome::Conflict]);
            assert_eq!((get(&store).await.as_deref(), connects()), (Some(record.as_bytes()), 2));

            store = store.deadline(hasty);
            let purge = store.purge(chat.as_bytes());
            let error = unanswered(&proxy, purge, until(&admin, RECORDS, 0)).await;
            assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
            store = store.deadline(patient);
            assert!(!store.purge(chat.as_bytes()).await.unwrap());
            assert_eq!((get(&store).await, connects()), (None, 3));

            store = store.deadline(hasty);
            let error = unanswered(&proxy, store.count_by_key(), async {}).await;
            assert!(is_unavailable(&error), "{error:?}");
            store = store.deadline(patient);
            assert_eq!((get(&store).await, connects()), (None, 4));
        }
    });
}
