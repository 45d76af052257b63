//! Faults around the store: locks, lost connections, servers that stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrets_toml::seal::{Record, Scope};
use secrets_toml::store::backend::{Outcome, Write, commitment};
use secrets_toml::store::{AsyncStore, PostgresStore, StoreError};
use secrets_toml::vault::{AsyncVault, Expected, VaultError};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use super::{Server, block_on, migrated, scope};
use crate::chain;
use crate::full::times;
use crate::proxy::Proxy;
use crate::seal::{keyring, revision, secrets};
use crate::server::{Schema, connect};

/// Longer than a call that waits for nobody takes on a busy machine.
const SOON: Duration = Duration::from_millis(100);
const A_WHILE: Duration = Duration::from_millis(300);

pub(super) fn tombstone(scope: &Scope, number: u64) -> Record {
    keyring().seal_tombstone(scope, revision(number), None).unwrap()
}

pub(super) fn over(scope: &Scope, current: &Record, number: u64) -> (Write, Record) {
    let next = tombstone(scope, number);
    let write = Write::replace(scope, *commitment(current.as_bytes()).unwrap(), next.clone());
    (write, next)
}

pub(super) async fn created(store: &PostgresStore, scope: &Scope) -> Record {
    let record = tombstone(scope, 1);
    let write = [Write::create(scope, record.clone())];
    assert_eq!(store.apply(None, &write).await.unwrap(), [Outcome::Applied]);
    record
}

/// The median time of a call.
async fn median(calls: usize, mut call: impl AsyncFnMut()) -> Duration {
    let mut spent = Vec::new();
    for _ in 0..calls {
        let started = Instant::now();
        call().await;
        spent.push(started.elapsed());
    }
    spent.sort();
    spent[calls / 2]
}

pub(super) async fn number(client: &Client, query: &str) -> i64 {
    client.query_one(query, &[]).await.unwrap().get(0)
}

#[test]
fn a_locked_row_delays_nobody_else() {
    block_on(async {
        for schema in [migrated().await, Schema::pooled().await] {
            // They wait for as long as the lock is held.
            let store = Arc::new(schema.store().deadline(Duration::from_secs(60)));
            store.migrate().await.unwrap();
            let [chat, other] = ["chat", "other"].map(scope);
            let first = created(&store, &chat).await;
            let mut current = created(&store, &other).await;
            let holder = schema.client().await;
            let hold = "BEGIN; SELECT 1 FROM secrets_toml_records WHERE scope = '\\x01000463686174' FOR UPDATE";
            holder.batch_execute(hold).await.unwrap();

            let mut waiting = JoinSet::new();
            // A pool of two has no connection left if two statements wait.
            let writers = if schema.is_pooled() { 1 } else { 10 };
            for _ in 0..writers {
                let (store, write) = (store.clone(), over(&chat, &first, 2).0);
                waiting.spawn(async move { store.apply(None, &[write]).await.unwrap() });
            }
            sleep(A_WHILE).await;
            let until = Instant::now() + Duration::from_secs(1).mul_f64(times(10) as f64);
            while Instant::now() < until {
                let read = median(9, async || drop(store.get(other.as_bytes()).await.unwrap()));
                let read = read.await;
                let written = median(9, async || {
                    let (write, next) = over(&other, &current, 2);
                    assert_eq!(store.apply(None, &[write]).await.unwrap(), [Outcome::Applied]);
                    current = next;
                });
                let written = written.await;
                let purged =
                    median(9, async || assert!(!store.purge(b"none").await.unwrap())).await;
                let longest = read.max(written).max(purged);
                assert!(longest < SOON, "{read:?} {written:?} {purged:?}");
            }
            assert!(waiting.try_join_next().is_none(), "the lock is held");
            holder.batch_execute("COMMIT").await.unwrap();
            let mut applied = 0;
            while let Some(outcome) = waiting.join_next().await {
                applied += usize::from(outcome.unwrap() == [Outcome::Applied]);
            }
            assert_eq!(applied, 1);
        }
    });
}

/// A create waits for an insert that is not committed. What shares its commit does not, for long.
#[test]
fn an_insert_under_way_delays_the_others_shortly() {
    block_on(async {
        let schema = migrated().await;
        let store = Arc::new(schema.store());
        let chat = scope("chat");
        let holder = schema.client().await;
        let insert = "INSERT INTO secrets_toml_records (scope, record) VALUES ($1, $2)";
        holder.batch_execute("BEGIN").await.unwrap();
        let theirs = tombstone(&chat, 1);
        holder.execute(insert, &[&chat.as_bytes(), &theirs.as_bytes()]).await.unwrap();
        let mut tasks = JoinSet::new();
        for number in 0..8 {
            let store = store.clone();
            tasks.spawn(async move { drop(created(&store, &scope(&number.to_string())).await) });
        }
        let (creator, create) = (store.clone(), [Write::create(&chat, tombstone(&chat, 1))]);
        let creating = tokio::spawn(async move { creator.apply(None, &create).await.unwrap() });
        let all = async {
            while let Some(task) = tasks.join_next().await {
                task.unwrap();
            }
        };
        timeout(Duration::from_secs(2), all).await.expect("the others go alone");
        assert!(!creating.is_finished());
        holder.batch_execute("COMMIT").await.unwrap();
        assert_eq!(creating.await.unwrap(), [Outcome::Conflict]);
    });
}

/// Two stores create the same records, and then replace them, each in an order of its own. Both wait for
/// the record in the middle, which somebody else has locked.
#[test]
fn opposite_batches_do_not_deadlock() {
    const SCOPES: usize = 30;
    block_on(async {
        let schema = Schema::pooled().await;
        schema.store().migrate().await.unwrap();
        let admin = schema.client().await;
        let scopes: Vec<_> = (0..SCOPES).map(|number| scope(&format!("{number:02}"))).collect();
        let (mut creates, mut replaces) = (Vec::new(), Vec::new());
        for scope in &scopes {
            let first = tombstone(scope, 1);
            replaces.push(over(scope, &first, 2).0);
            creates.push(Write::create(scope, first));
        }
        let middle = scopes[SCOPES / 2].as_bytes();
        let insert = "INSERT INTO secrets_toml_records (scope, record) VALUES ($1, '')";
        let lock = "SELECT FROM secrets_toml_records WHERE scope = $1 FOR UPDATE";
        for (hold, batch) in [(insert, creates), (lock, replaces)] {
            admin.batch_execute("BEGIN").await.unwrap();
            admin.query(hold, &[&middle]).await.unwrap();
            let mut tasks = JoinSet::new();
            for turned in [false, true] {
                let (store, mut batch) = (schema.store(), batch.clone());
                if turned {
                    batch.reverse();
                }
                tasks.spawn(async move { store.apply(None, &batch).await.unwrap() });
            }
            sleep(A_WHILE).await;
            assert!(tasks.try_join_next().is_none(), "both wait");
            admin.batch_execute("ROLLBACK").await.unwrap();
            let outcomes = tasks.join_all().await.concat();
            let applied = outcomes.iter().filter(|outcome| **outcome == Outcome::Applied);
            assert_eq!(applied.count(), SCOPES);
        }
        let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        sleep(Duration::from_secs(1)).await;
        assert_eq!(number(&admin, deadlocks).await, 0);
    });
}

/// The lock of the table keeps the commit under way. Its leader is dropped, and then all are.
#[test]
fn who_is_dropped_leaves_the_others_their_commit() {
    block_on(async {
        for schema in [migrated().await, Schema::pooled().await] {
            schema.store().migrate().await.unwrap();
            let holder = schema.client().await;
            let lock = "BEGIN; LOCK TABLE secrets_toml_records IN EXCLUSIVE MODE";
            for dropped in [1, 2, 6] {
                let store = Arc::new(schema.store());
                holder.batch_execute(lock).await.unwrap();
                let scopes: Vec<_> =
                    (0..6).map(|number| scope(&format!("{dropped}-{number}"))).collect();
                let mut tasks = Vec::new();
                for one in &scopes {
                    let (store, write) = (store.clone(), [Write::create(one, tombstone(one, 1))]);
                    tasks.push(tokio::spawn(
                        async move { store.apply(None, &write).await.unwrap() },
                    ));
                    sleep(Duration::from_millis(20)).await;
                }
                tasks.drain(..dropped).for_each(|task| task.abort());
                sleep(A_WHILE).await;
                let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = \
                            current_setting('application_name') AND pid <> pg_backend_pid() AND state <> 'idle'";
                assert_eq!(number(&holder, left).await, i64::from(dropped < 6), "{dropped}");
                holder.batch_execute("COMMIT").await.unwrap();
                for task in tasks {
                    assert_eq!(task.await.unwrap(), [Outcome::Applied]);
                }
                sleep(SOON).await;
                assert_eq!(number(&holder, left).await, 0);
                for (number, one) in scopes.iter().enumerate() {
                    let found = store.get(one.as_bytes()).await.unwrap().is_some();
                    // The first one was sent before it was dropped, and is cancelled if all are dropped.
                    let written = number >= dropped || number == 0 && dropped < 6;
                    assert_eq!(found, written, "{number} of {dropped}");
                }
            }
        }
    });
}

/// The deadline of a call covers its place in the queue.
#[test]
fn a_deadline_tells_what_was_sent() {
    block_on(async {
        for schema in [migrated().await, Schema::pooled().await] {
            schema.store().migrate().await.unwrap();
            let holder = schema.client().await;
            let store = Arc::new(schema.store().deadline(Duration::from_millis(500)));
            store.get(b"none").await.unwrap();
            holder
                .batch_execute("BEGIN; LOCK TABLE secrets_toml_records IN EXCLUSIVE MODE")
                .await
                .unwrap();
            let apply = |name: &str| {
                let (store, scope) = (store.clone(), scope(name));
                tokio::spawn(async move {
                    store
                        .apply(None, &[Write::create(&scope, tombstone(&scope, 1))])
                        .await
                        .unwrap_err()
                })
            };
            let sent = apply("sent");
            sleep(Duration::from_millis(100)).await;
            let same = apply("sent");
            let (sent, same) = (sent.await.unwrap(), same.await.unwrap());
            assert!(matches!(sent, StoreError::Unknown(_)), "{sent:?}");
            assert!(
                matches!(same, StoreError::Unavailable(_) | StoreError::Unknown(_)),
                "{same:?}"
            );
            // The cancelled statements do not wait for the lock any more.
            sleep(A_WHILE).await;
            holder.batch_execute("COMMIT").await.unwrap();
            assert_eq!(store.get(scope("sent").as_bytes()).await.unwrap(), None);
            created(&store, &scope("sent")).await;
        }
    });
}

/// No answer of a commit that no standby has confirmed is taken for success, and reads go on.
#[test]
fn a_standby_that_is_gone_makes_writes_unknown() {
    let server = Server::start();
    block_on(async {
        let vault = AsyncVault::new(server.store().deadline(Duration::from_millis(700)), keyring());
        vault.store().migrate().await.unwrap();
        let [chat, other] = ["chat", "other"].map(scope);
        let first = vault.put(&chat, &secrets(), Expected::Absent).await.unwrap();
        vault.put(&other, &secrets(), Expected::Absent).await.unwrap();
        let admin = connect(&server.config).await.unwrap();
        let set = async |names: &str| {
            admin
                .batch_execute(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"))
                .await
                .unwrap();
            admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
            sleep(A_WHILE).await;
        };
        set("gone").await;
        let mut expected = first;
        for _ in 0..2 {
            let text = secrets();
            let put = vault.put(&chat, &text, Expected::Revision(expected));
            let reads = async {
                for _ in 0..5 {
                    sleep(Duration::from_millis(50)).await;
                    let read = timeout(SOON, vault.get(&other)).await;
                    assert!(read.expect("reads go on").unwrap().is_some());
                }
            };
            let (put, ()) = tokio::join!(put, reads);
            assert!(matches!(put, Err(VaultError::Unknown(_))), "{put:?}");
            expected = vault.get(&chat).await.unwrap().unwrap().revision();
        }
        // Somebody else cancels the wait, and the server says "committed", with a warning.
        let cancelled = scope("cancelled");
        let cancel = async {
            sleep(A_WHILE).await;
            let cancel =
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
            admin.batch_execute(cancel).await.unwrap();
        };
        let record = tombstone(&cancelled, 1);
        let write = [Write::create(&cancelled, record)];
        let (written, ()) = tokio::join!(vault.store().apply(None, &write), cancel);
        assert_eq!(
            chain(&written.unwrap_err()),
            "the store did not report whether the write happened: the server wrote, and warned that it \
             may not be durable"
        );
        set("").await;
        let current = vault.get(&chat).await.unwrap().unwrap().revision();
        vault.put(&chat, &secrets(), Expected::Revision(current)).await.unwrap();
    });
}

/// A write is acknowledged when the standby has it: not while that is away, but when it is back.
#[test]
fn a_standby_that_follows_has_what_is_acknowledged() {
    let server = Server::start();
    server.control("follow");
    block_on(async {
        let patient = server.store().deadline(Duration::from_secs(60));
        let patient = Arc::new(AsyncVault::new(patient, keyring()));
        let hasty = server.store().deadline(Duration::from_millis(700));
        let hasty = AsyncVault::new(hasty, keyring());
        let admin = connect(&server.config).await.unwrap();
        // A write that the standby has applied can be read there.
        for setting in ["synchronous_standby_names = '*'", "synchronous_commit = remote_apply"] {
            admin.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.unwrap();
        }
        admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        sleep(A_WHILE).await;
        patient.store().migrate().await.unwrap();
        let chat = scope("chat");
        let standby = server.config.replace("9999", "9998");
        let is_on_standby = async || {
            let select = "SELECT record FROM secrets_toml_records WHERE scope = $1";
            let client = connect(&standby).await.unwrap();
            let found = client.query_opt(select, &[&chat.as_bytes()]).await.unwrap();
            let current = patient.store().get(chat.as_bytes()).await.unwrap();
            found.map(|row| row.get::<_, Vec<u8>>(0)) == current
        };
        let first = patient.put(&chat, &secrets(), Expected::Absent).await.unwrap();
        assert!(is_on_standby().await);

        server.control("leave");
        let put = hasty.put(&chat, &secrets(), Expected::Revision(first)).await;
        assert!(matches!(put, Err(VaultError::Unknown(_))), "{put:?}");
        let current = patient.get(&chat).await.unwrap().unwrap().revision();
        let (writer, written) = (patient.clone(), chat.clone());
        let putting = tokio::spawn(async move {
            writer.put(&written, &secrets(), Expected::Revision(current)).await
        });
        sleep(A_WHILE).await;
        assert!(!putting.is_finished(), "the standby is away");
        server.control("follow");
        assert_eq!(putting.await.unwrap().unwrap(), current.next().unwrap());
        assert!(is_on_standby().await);
    });
}

#[test]
fn a_restart_under_many_tasks_loses_no_acknowledged_write() {
    const TASKS: usize = 300;
    let server = Server::start();
    block_on(async {
        let store = Arc::new(server.store());
        store.migrate().await.unwrap();
        let done = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..TASKS {
            let (store, done) = (store.clone(), done.clone());
            tasks.spawn(async move {
                let scope = scope(&format!("task-{number}"));
                let (mut acknowledged, mut last) = (0, None::<Record>);
                while !done.load(Ordering::Relaxed) {
                    let next = tombstone(&scope, acknowledged + 1);
                    let write = match &last {
                        None => Write::create(&scope, next.clone()),
                        Some(last) => {
                            let current = *commitment(last.as_bytes()).unwrap();
                            Write::replace(&scope, current, next.clone())
                        }
                    };
                    let outcome = store.apply(None, &[write]).await;
                    if matches!(outcome, Err(StoreError::Unavailable(_))) {
                        continue;
                    }
                    let found = loop {
                        match store.get(scope.as_bytes()).await {
                            Ok(found) => break found,
                            Err(_) => sleep(Duration::from_millis(5)).await,
                        }
                    };
                    let is_next = found.as_deref() == Some(next.as_bytes());
                    match outcome {
                        Ok(outcome) => assert!(outcome == [Outcome::Applied] && is_next),
                        Err(StoreError::Unknown(_)) if is_next => {}
                        Err(StoreError::Unknown(_)) => {
                            assert_eq!(found.as_deref(), last.as_ref().map(Record::as_bytes));
                            continue;
                        }
                        Err(error) => panic!("{}", chain(&error)),
                    }
                    (acknowledged, last) = (acknowledged + 1, Some(next));
                }
                (scope, last)
            });
        }
        sleep(Duration::from_secs(1)).await;
        server.control("crash");
        sleep(A_WHILE).await;
        server.control("restart");
        sleep(Duration::from_secs(2)).await;
        done.store(true, Ordering::Relaxed);
        let mut written = 0;
        while let Some(task) = tasks.join_next().await {
            let (scope, last) = task.unwrap();
            let found = store.get(scope.as_bytes()).await.unwrap();
            assert_eq!(found.as_deref(), last.as_ref().map(Record::as_bytes));
            written += usize::from(last.is_some());
        }
        assert_eq!(written, TASKS);
        let admin = connect(&server.config).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        // The crash has set the count to zero. One session is this one.
        let sessions = "SELECT sessions FROM pg_stat_database WHERE datname = 'postgres'";
        let sessions = number(&admin, sessions).await;
        assert!((2..=8 + 1 + 1).contains(&sessions), "{sessions} connects");
    });
}

/// The pauses between connects grow, and one call connects for all.
#[test]
fn a_server_that_is_gone_is_tried_seldom() {
    const SECONDS: u64 = 2;
    block_on(async {
        let schema = Schema::new().await;
        let proxy = Proxy::start("/nowhere".into()).await;
        let store = Arc::new(schema.store_through(&proxy));
        let until = Instant::now() + Duration::from_secs(SECONDS);
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            let store = store.clone();
            tasks.spawn(async move {
                while Instant::now() < until {
                    let error = store.get(b"none").await.unwrap_err();
                    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
                }
            });
        }
        sleep(Duration::from_secs(SECONDS)).await;
        let attempts = proxy.counts.attempts.load(Ordering::SeqCst);
        assert!((2..12).contains(&attempts), "{attempts} attempts");
        tasks.abort_all();
    });
}

#[test]
fn a_dump_does_not_delay_a_start_and_a_start_delays_nobody() {
    block_on(async {
        let schema = migrated().await;
        let store = schema.store();
        let dump = schema.client().await;
        // The lock that pg_dump holds as long as it runs.
        dump.batch_execute("BEGIN; LOCK TABLE secrets_toml_records IN ACCESS SHARE MODE")
            .await
            .unwrap();
        for _ in 0..5 {
            let starting = schema.store();
            let start = timeout(Duration::from_secs(1), starting.migrate());
            let (started, read) = tokio::join!(start, timeout(SOON * 5, store.get(b"none")));
            started.expect("it waits for no lock").unwrap();
            assert_eq!(read.expect("it waits for nobody").unwrap(), None);
        }
        dump.batch_execute("COMMIT; DROP INDEX secrets_toml_records_key_id").await.unwrap();
        // Something is absent: a start waits for the lock, and not for ever.
        dump.batch_execute("BEGIN; LOCK TABLE secrets_toml_records IN ROW EXCLUSIVE MODE")
            .await
            .unwrap();
        let started = Instant::now();
        let error = store.migrate().await.unwrap_err();
        assert!(chain(&error).contains("55P03"), "{}", chain(&error));
        assert!(started.elapsed() < Duration::from_secs(4));
        dump.batch_execute("COMMIT").await.unwrap();
        store.migrate().await.unwrap();
        let index = "SELECT count(*) FROM pg_indexes WHERE indexname = 'secrets_toml_records_key_id' \
                     AND schemaname = current_schema()";
        assert_eq!(number(&dump, index).await, 1);
    });
}

/// The standby lacks the last write, and becomes the server.
#[test]
fn a_failover_that_loses_a_write_is_noticed() {
    let server = Server::start();
    block_on(async {
        let vault = AsyncVault::new(server.store(), keyring());
        vault.store().migrate().await.unwrap();
        let chat = scope("chat");
        let first = vault.put(&chat, &secrets(), Expected::Absent).await.unwrap();
        server.control("copy");
        let second = vault.put(&chat, &secrets(), Expected::Revision(first)).await.unwrap();
        server.control("failover");
        let error = vault.get(&chat).await.unwrap_err();
        assert!(matches!(error, VaultError::RolledBack { .. }), "{error:?}");
        // A process that has seen nothing writes the same revision.
        let other = AsyncVault::new(server.store(), keyring());
        assert_eq!(other.put(&chat, &secrets(), Expected::Revision(first)).await.unwrap(), second);
        let error = vault.get(&chat).await.unwrap_err();
        assert!(matches!(error, VaultError::Forked { .. }), "{error:?}");
        let third = other.put(&chat, &secrets(), Expected::Revision(second)).await.unwrap();
        assert_eq!(vault.get(&chat).await.unwrap().unwrap().revision(), third);
    });
}
