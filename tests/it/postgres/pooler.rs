//! PgBouncer in transaction mode: each transaction may meet another connection of the server, on which
//! other processes have left what they like.

use std::env;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrets_toml::seal::{Revision, Scope};
use secrets_toml::store::backend::{Outcome, Write};
use secrets_toml::store::{AsyncStore, PostgresStore};
use tokio::task::JoinSet;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::{block_on, scope};
use crate::full::times;
use crate::seal::keyring;
use crate::server::{self, Schema};

const DELETE: &str = "DELETE FROM secrets_toml_records WHERE scope = $1 RETURNING record";

/// The first value of a query.
pub(super) async fn value(client: &Client, query: &str) -> String {
    let answers = client.simple_query(query).await.unwrap();
    let value = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    value.unwrap()
}

/// Holds a connection of the server. Returns the process that serves it.
async fn hold(client: &Client) -> String {
    client.batch_execute("BEGIN").await.unwrap();
    value(client, "SELECT pg_backend_pid()").await
}

async fn release(client: &Client) {
    client.batch_execute("COMMIT").await.unwrap();
}

/// Runs a test in a process of its own. There, nobody else prepares statements, so the names that come
/// next are known.
fn alone(test: &str, run: impl Future<Output = ()>) {
    const ALONE: &str = "SECRETS_TOML_ALONE";
    if env::var_os(ALONE).is_some() {
        return block_on(run);
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args([&format!("postgres::pooler::{test}"), "--exact", "--nocapture"]);
    let ended = child.env(ALONE, "").output().unwrap();
    let told = [ended.stdout, ended.stderr].map(|told| String::from_utf8_lossy(&told).into_owned());
    assert!(ended.status.success() && told[0].contains("1 passed"), "{}", told.concat());
}

/// Prepares a statement under all names that the client of this process will use next.
async fn prepare_under_next_names(schema: &Schema, foreign: &Client) {
    let direct = schema.client().await;
    let _statement = direct.prepare("SELECT 1").await.unwrap();
    let name = value(&direct, "SELECT name FROM pg_prepared_statements").await;
    let next: usize = name.strip_prefix('s').unwrap().parse().unwrap();
    let prepares = (next..next + 500).map(|name| format!("PREPARE s{name} (bytea) AS {DELETE};"));
    foreign.batch_execute(&prepares.collect::<String>()).await.unwrap();
}

async fn with_a_record() -> (Schema, Scope, Vec<u8>) {
    let schema = Schema::pooled().await;
    let store = schema.store();
    store.migrate().await.unwrap();
    let chat = scope("chat");
    let record = keyring().seal_tombstone(&chat, Revision::FIRST, None).unwrap();
    let write = [Write::create(&chat, record.clone())];
    assert_eq!(store.apply(None, &write).await.unwrap(), [Outcome::Applied]);
    (schema, chat, record.as_bytes().to_vec())
}

/// Two clients hold the two connections of the pool in turn, so that `connects` meets one of them, and
/// `gets` the other. There, another process has prepared a `DELETE` under the names that come next.
async fn steered<T, R>(
    schema: &Schema,
    connects: impl AsyncFnOnce() -> T,
    gets: impl AsyncFnOnce(T) -> R,
) -> R {
    let [one, two, foreign] =
        [schema.pooled_client().await, schema.pooled_client().await, schema.pooled_client().await];
    let (p, q) = (hold(&one).await, hold(&two).await);
    assert_ne!(p, q);
    release(&two).await;
    prepare_under_next_names(schema, &foreign).await;
    assert_eq!(hold(&two).await, q);
    release(&one).await;
    let client = connects().await;
    assert_eq!(hold(&one).await, p);
    release(&two).await;
    let result = gets(client).await;
    release(&one).await;
    result
}

/// The control: a client that names its statement executes the other process's.
#[test]
fn a_named_statement_deletes_what_it_should_read() {
    alone("a_named_statement_deletes_what_it_should_read", async {
        let (schema, chat, record) = with_a_record().await;
        let connects = async || {
            let client = schema.pooled_client().await;
            let get = "SELECT record FROM secrets_toml_records WHERE scope = $1";
            let statement = client.prepare_typed(get, &[Type::BYTEA]).await.unwrap();
            (client, statement)
        };
        let gets = async |(client, statement): (Client, _)| {
            client.query_opt(&statement, &[&chat.as_bytes()]).await.unwrap()
        };
        let row = steered(&schema, connects, gets).await.unwrap();
        assert_eq!(row.get::<_, Vec<u8>>(0), record, "it looks as if it were read");
        assert_eq!(schema.store().get(chat.as_bytes()).await.unwrap(), None, "it was deleted");
    });
}

/// The same for a store that names its statements: the reason not to, behind a pooler.
#[test]
fn a_store_with_named_statements_is_for_direct_connections() {
    alone("a_store_with_named_statements_is_for_direct_connections", async {
        let (schema, chat, _) = with_a_record().await;
        let connects = async || {
            let store = schema.store().with_named_statements();
            assert!(store.get(chat.as_bytes()).await.unwrap().is_some());
            store
        };
        let gets = async |store: PostgresStore| store.get(chat.as_bytes()).await;
        assert!(
            steered(&schema, connects, gets).await.is_err(),
            "it is another statement's answer"
        );
        assert_eq!(schema.store().get(chat.as_bytes()).await.unwrap(), None, "it was deleted");

        // Directly it is one statement and one round trip, after the first time.
        let schema = super::migrated().await;
        let proxy = schema.proxy().await;
        let store = schema.store_through(&proxy).with_named_statements();
        for _ in 0..3 {
            assert_eq!(store.get(chat.as_bytes()).await.unwrap(), None);
        }
        assert_eq!(proxy.counts.take(), [1, 1, 4]);
        let write =
            [Write::create(&chat, keyring().seal_tombstone(&chat, Revision::FIRST, None).unwrap())];
        assert_eq!(store.apply(None, &write).await.unwrap(), [Outcome::Applied]);
        assert_eq!(store.apply(None, &write).await.unwrap(), [Outcome::Conflict]);
        assert_eq!(proxy.counts.take(), [1, 1, 3]);
        assert_eq!(store.get(chat.as_bytes()).await.unwrap().as_deref(), Some(write[0].record()));
    });
}

#[test]
fn a_get_never_executes_another_process_s_statement() {
    alone("a_get_never_executes_another_process_s_statement", async {
        let (schema, chat, record) = with_a_record().await;
        let connects = async || {
            let store = schema.store();
            assert!(store.get(chat.as_bytes()).await.unwrap().is_some());
            store
        };
        let gets = async |store: PostgresStore| store.get(chat.as_bytes()).await.unwrap();
        assert_eq!(steered(&schema, connects, gets).await, Some(record.clone()));
        assert_eq!(schema.store().get(chat.as_bytes()).await.unwrap(), Some(record));
    });
}

/// The variables by which a child gets its configuration, and the number of statements of its past.
const CONFIG: &str = "SECRETS_TOML_POOLED";
const HISTORY: &str = "SECRETS_TOML_HISTORY";

const KEPT: usize = 10;

fn kept(number: usize) -> Scope {
    scope(&format!("kept-{}", number % KEPT))
}

/// Does the work of one process: it gets records, and each opens in its scope.
async fn get_all(config: &str) {
    let store = server::store(config);
    for _ in 0..env::var(HISTORY).unwrap().parse().unwrap() {
        store.count_by_key().await.unwrap();
    }
    for number in 0..times(20_000) / 4 {
        let scope = kept(number);
        let found = store.get(scope.as_bytes()).await.unwrap().unwrap();
        assert!(keyring().open(&scope, &found).is_ok());
    }
}

/// Four processes of different histories get records beside purges, while foreign clients prepare under
/// the names that the clients of all of them use.
#[test]
fn nothing_is_read_or_deleted_that_was_not_asked_for() {
    if let Ok(config) = env::var(CONFIG) {
        return block_on(get_all(&config));
    }
    block_on(async {
        let (schema, ..) = with_a_record().await;
        let first = schema.store();
        for scope in (0..KEPT).map(kept) {
            let record = keyring().seal_tombstone(&scope, Revision::FIRST, None).unwrap();
            let write = [Write::create(&scope, record)];
            assert_eq!(first.apply(None, &write).await.unwrap(), [Outcome::Applied]);
        }
        let done = Arc::new(AtomicBool::new(false));
        let mut beside = JoinSet::new();
        for number in 0..2 {
            let (foreign, until) = (schema.pooled_client().await, done.clone());
            beside.spawn(async move {
                let mut name = number;
                while !until.load(Ordering::Relaxed) {
                    // It fails if this connection has the name.
                    let prepare = format!("PREPARE s{name} (bytea) AS {DELETE}");
                    drop(foreign.batch_execute(&prepare).await);
                    name = (name + 7) % 3000;
                }
            });
            let (store, until) = (schema.store(), done.clone());
            beside.spawn(async move {
                let scope = scope(&format!("churned-{number}"));
                while !until.load(Ordering::Relaxed) {
                    let record = keyring().seal_tombstone(&scope, Revision::FIRST, None).unwrap();
                    let create = [Write::create(&scope, record)];
                    assert_eq!(store.apply(None, &create).await.unwrap(), [Outcome::Applied]);
                    assert!(store.purge(scope.as_bytes()).await.unwrap());
                }
            });
        }
        let mut getting = JoinSet::new();
        for history in 0..4 {
            let mut child = Command::new(env::current_exe().unwrap());
            child.args(["postgres::pooler::nothing_is_read_or_deleted_that_was_not_asked_for"]);
            child.arg("--exact").env(CONFIG, schema.config()).env(HISTORY, history.to_string());
            getting.spawn_blocking(move || child.status().unwrap());
        }
        while let Some(status) = getting.join_next().await {
            assert!(status.unwrap().success());
        }
        done.store(true, Ordering::Relaxed);
        while let Some(task) = beside.join_next().await {
            task.unwrap();
        }
    });
}
