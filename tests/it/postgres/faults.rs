//! Faults around the store: locks, lost connections, servers that stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use secrets_toml::seal::{Record, Revision, Scope};
use secrets_toml::store::backend::{Outcome, Write, commitment};
use secrets_toml::store::{AsyncStore, PostgresStore, StoreError};
use secrets_toml::vault::{AsyncVault, Expected, VaultError};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use super::shared::queued;
use super::{Server, block_on, migrated, scope};
use crate::chain;
use crate::full::times;
use crate::proxy::Proxy;
use crate::seal::{keyring, revision, secrets};
use crate::server::{HANGS, Schema, UNDER_WAY, WAITING, configure, connect, number, until};

const A_WHILE: Duration = Duration::from_millis(300);
/// The deadline of a call that waits for as long as a test likes.
pub(super) const PATIENT: Duration = Duration::from_secs(3600);
/// The deadline of a call that waits in vain.
const HASTY: Duration = Duration::from_millis(700);

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

#[test]
fn a_locked_row_delays_nobody_else() {
    block_on(async {
        for schema in [migrated().await, Schema::pooled().await] {
            beside_a_locked_row(&schema, times(1000), Duration::ZERO).await;
        }
    });
}

#[test]
#[ignore = "a busy machine takes longer"]
fn beside_a_row_that_is_locked_for_ten_seconds_calls_take_less_than_100_ms() {
    block_on(async {
        for schema in [migrated().await, Schema::pooled().await] {
            for spent in beside_a_locked_row(&schema, 9, Duration::from_secs(10)).await {
                for nine in spent.chunks_exact(9) {
                    let mut nine = nine.to_vec();
                    nine.sort();
                    assert!(nine[4] < Duration::from_millis(100), "{nine:?}");
                }
            }
        }
    });
}

/// Makes calls while a row is locked and writes wait for it, at least for a time. Each call ends while the
/// lock is held, and is one round trip: none has waited and come again. Returns the times that reads,
/// writes and purges took.
async fn beside_a_locked_row(schema: &Schema, rounds: usize, held: Duration) -> [Vec<Duration>; 3] {
    let proxy = schema.proxy().await;
    let store = Arc::new(schema.store_through(&proxy).deadline(PATIENT));
    store.migrate().await.unwrap();
    let [chat, other] = ["chat", "other"].map(scope);
    let first = created(&store, &chat).await;
    let mut current = created(&store, &other).await;
    let holder = schema.client().await;
    let hold =
        "BEGIN; SELECT 1 FROM secrets_toml_records WHERE scope = '\\x01000463686174' FOR UPDATE";
    holder.batch_execute(hold).await.unwrap();

    proxy.counts.take();
    let mut waiting = JoinSet::new();
    // A pool of two has no connection left if two statements wait. Of eight connections, four may.
    let (writers, alone) = if schema.is_pooled() { (1, 1) } else { (10, 4) };
    for _ in 0..writers {
        let (store, write) = (store.clone(), over(&chat, &first, 2).0);
        waiting.spawn(async move { store.apply(None, &[write]).await.unwrap() });
    }
    until(&schema.client().await, WAITING, alone).await;
    let sent = async {
        while proxy.counts.round_trips.load(Ordering::SeqCst) < writers + alone as usize {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(HANGS, sent).await.expect("each goes with others first, and then alone");
    proxy.counts.take();
    let mut spent = [const { Vec::new() }; 3];
    let started = Instant::now();
    while spent[0].len() < rounds || started.elapsed() < held {
        let mut times = [Instant::now(); 4];
        let calls = async {
            assert!(store.get(other.as_bytes()).await.unwrap().is_some());
            times[1] = Instant::now();
            let (write, next) = over(&other, &current, 2);
            assert_eq!(store.apply(None, &[write]).await.unwrap(), [Outcome::Applied]);
            times[2] = Instant::now();
            assert!(!store.purge(b"none").await.unwrap());
            times[3] = Instant::now();
            current = next;
        };
        timeout(HANGS, calls).await.expect("the lock is of another row");
        assert_eq!(proxy.counts.take(), [3, 0, 3]);
        for (spent, pair) in spent.iter_mut().zip(times.windows(2)) {
            spent.push(pair[1] - pair[0]);
        }
    }
    assert!(waiting.try_join_next().is_none(), "the lock is held");
    holder.batch_execute("COMMIT").await.unwrap();
    let mut applied = 0;
    while let Some(outcome) = waiting.join_next().await {
        applied += usize::from(outcome.unwrap() == [Outcome::Applied]);
    }
    assert_eq!(applied, 1);
    spent
}

/// A create waits for an insert that is not committed. What shares its commit comes through before.
#[test]
fn an_insert_under_way_delays_the_others_shortly() {
    block_on(async {
        let schema = migrated().await;
        let store = Arc::new(schema.store().deadline(PATIENT));
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
        timeout(HANGS, all).await.expect("the others go alone");
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
            let (holder, watcher) = (schema.client().await, schema.client().await);
            let lock = "BEGIN; LOCK TABLE secrets_toml_records IN EXCLUSIVE MODE";
            for dropped in [1, 2, 6] {
                let store = Arc::new(schema.store().deadline(PATIENT));
                holder.batch_execute(lock).await.unwrap();
                let scopes: Vec<_> =
                    (0..6).map(|number| scope(&format!("{dropped}-{number}"))).collect();
                // The first one begins the commit.
                let mut calls = Vec::new();
                for one in &scopes {
                    calls.push(queued(&store, Write::create(one, tombstone(one, 1))).await);
                }
                let mut tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
                until(&watcher, WAITING, 1).await;
                for task in tasks.drain(..dropped) {
                    task.abort();
                    assert!(task.await.unwrap_err().is_cancelled());
                }
                if dropped == 6 {
                    until(&watcher, UNDER_WAY, 0).await;
                }
                // If somebody has cancelled the commit, it does not wait any more.
                sleep(A_WHILE).await;
                assert_eq!(number(&watcher, WAITING).await, i64::from(dropped < 6), "{dropped}");
                holder.batch_execute("COMMIT").await.unwrap();
                for task in tasks {
                    assert_eq!(task.await.unwrap().unwrap(), [Outcome::Applied]);
                }
                until(&watcher, UNDER_WAY, 0).await;
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
            let patient = schema.store();
            patient.migrate().await.unwrap();
            let (holder, watcher) = (schema.client().await, schema.client().await);
            // It has a connection already.
            let store = schema.store();
            store.get(b"none").await.unwrap();
            let store = Arc::new(store.deadline(HASTY));
            let lock = "BEGIN; LOCK TABLE secrets_toml_records IN EXCLUSIVE MODE";
            holder.batch_execute(lock).await.unwrap();
            let chat = scope("sent");
            let sent = queued(&store, Write::create(&chat, tombstone(&chat, 1))).await;
            let same = queued(&store, Write::create(&chat, tombstone(&chat, 1))).await;
            let [sent, same] = [sent, same].map(tokio::spawn);
            let (sent, same) = tokio::join!(sent, same);
            let [sent, same] = [sent, same].map(|told| told.unwrap().unwrap_err());
            assert!(matches!(sent, StoreError::Unknown(_)), "{sent:?}");
            assert!(
                matches!(same, StoreError::Unavailable(_) | StoreError::Unknown(_)),
                "{same:?}"
            );
            // The cancelled statements do not wait for the lock any more.
            until(&watcher, UNDER_WAY, 0).await;
            holder.batch_execute("COMMIT").await.unwrap();
            assert_eq!(patient.get(chat.as_bytes()).await.unwrap(), None);
            created(&patient, &chat).await;
        }
    });
}

/// The commits that wait for a standby.
const WAITING_COMMITS: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

/// Makes commits wait for a standby, by these settings. The processes of the server load them one after
/// the other, and the one that matters does not show that it has. So this commits until a commit waits.
async fn wait_for_standbys(config: &str, settings: &[&str]) -> Client {
    let (admin, probe) = (connect(config).await.unwrap(), connect(config).await.unwrap());
    configure(&admin, settings).await;
    let commits = async {
        loop {
            probe.batch_execute("CREATE TABLE probe (); DROP TABLE probe").await.unwrap();
        }
    };
    tokio::select! {
        () = commits => {}
        () = until(&admin, WAITING_COMMITS, 1) => {}
    }
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    admin.batch_execute(end).await.unwrap();
    until(&admin, WAITING_COMMITS, 0).await;
    admin
}

/// A vault that has a connection already, and gives up soon.
async fn hasty(server: &Server) -> AsyncVault<PostgresStore> {
    let store = server.store();
    store.get(b"none").await.unwrap();
    AsyncVault::new(store.deadline(HASTY), keyring())
}

/// Puts secrets until the call is sent: on a slow machine, the deadline may come before that.
async fn put(
    vault: &AsyncVault<PostgresStore>,
    scope: &Scope,
    expected: Revision,
) -> Result<Revision, VaultError> {
    loop {
        match vault.put(scope, &secrets(), Expected::Revision(expected)).await {
            Err(VaultError::Store(StoreError::Unavailable(_))) => {}
            told => return told,
        }
    }
}

/// No answer of a commit that no standby has confirmed is taken for success, and reads go on.
#[test]
fn a_standby_that_is_gone_makes_writes_unknown() {
    let server = Server::start();
    block_on(async {
        let patient = AsyncVault::new(server.store().deadline(PATIENT), keyring());
        patient.store().migrate().await.unwrap();
        let [chat, other] = ["chat", "other"].map(scope);
        let mut expected = patient.put(&chat, &secrets(), Expected::Absent).await.unwrap();
        patient.put(&other, &secrets(), Expected::Absent).await.unwrap();
        let hasty = hasty(&server).await;
        let admin =
            wait_for_standbys(&server.config, &["synchronous_standby_names = 'gone'"]).await;
        for _ in 0..2 {
            let put = put(&hasty, &chat, expected).await;
            assert!(matches!(put, Err(VaultError::Unknown(_))), "{put:?}");
            until(&admin, WAITING_COMMITS, 0).await;
            expected = patient.get(&chat).await.unwrap().unwrap().revision();
        }
        // Somebody else cancels the wait, and the server says "committed", with a warning.
        let cancelled = scope("cancelled");
        let cancel = async {
            until(&admin, WAITING_COMMITS, 1).await;
            for _ in 0..5 {
                let read = timeout(HANGS, patient.get(&other)).await;
                assert!(read.expect("reads go on").unwrap().is_some());
            }
            assert_eq!(number(&admin, WAITING_COMMITS).await, 1);
            let cancel =
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
            admin.batch_execute(cancel).await.unwrap();
        };
        let record = tombstone(&cancelled, 1);
        let write = [Write::create(&cancelled, record)];
        let (written, ()) = tokio::join!(patient.store().apply(None, &write), cancel);
        assert_eq!(
            chain(&written.unwrap_err()),
            "the store did not report whether the write happened: the server wrote, and warned that it \
             may not be durable"
        );
        configure(&admin, &["synchronous_standby_names = ''"]).await;
        patient.put(&chat, &secrets(), Expected::Revision(expected)).await.unwrap();
    });
}

/// A write is acknowledged when the standby has it: not while that is away, but when it is back.
#[test]
fn a_standby_that_follows_has_what_is_acknowledged() {
    let server = Server::start();
    block_on(async {
        // A write that the standby has applied can be read there.
        let settings = ["synchronous_standby_names = '*'", "synchronous_commit = remote_apply"];
        let admin = wait_for_standbys(&server.config, &settings).await;
        server.control("follow");
        let patient = AsyncVault::new(server.store().deadline(PATIENT), keyring());
        let patient = Arc::new(patient);
        patient.store().migrate().await.unwrap();
        let hasty = hasty(&server).await;
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
        let put = put(&hasty, &chat, first).await;
        assert!(matches!(put, Err(VaultError::Unknown(_))), "{put:?}");
        until(&admin, WAITING_COMMITS, 0).await;
        let current = patient.get(&chat).await.unwrap().unwrap().revision();
        let (writer, written) = (patient.clone(), chat.clone());
        let putting = tokio::spawn(async move {
            writer.put(&written, &secrets(), Expected::Revision(current)).await
        });
        until(&admin, WAITING_COMMITS, 1).await;
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
        let counts: Arc<Vec<_>> = Arc::new((0..TASKS).map(|_| AtomicU64::new(0)).collect());
        // Waits until each task has written again.
        let all_write = async || {
            let count = || counts.iter().map(|count| count.load(Ordering::Relaxed));
            let before: Vec<_> = count().collect();
            let all = async {
                while count().zip(&before).any(|(now, before)| now == *before) {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(HANGS, all).await.expect("all of them write");
        };
        let mut tasks = JoinSet::new();
        for number in 0..TASKS {
            let (store, done, counts) = (store.clone(), done.clone(), counts.clone());
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
                    counts[number].store(acknowledged, Ordering::Relaxed);
                }
                (scope, last)
            });
        }
        all_write().await;
        server.control("crash");
        sleep(A_WHILE).await;
        server.control("restart");
        all_write().await;
        done.store(true, Ordering::Relaxed);
        while let Some(task) = tasks.join_next().await {
            let (scope, last) = task.unwrap();
            let found = store.get(scope.as_bytes()).await.unwrap();
            assert_eq!(found.as_deref(), last.as_ref().map(Record::as_bytes));
        }
        // The crash has set the count to zero. One session is this one.
        let admin = connect(&server.config).await.unwrap();
        let sessions = "SELECT sessions FROM pg_stat_database WHERE datname = 'postgres'";
        let counted = async {
            loop {
                match number(&admin, sessions).await {
                    // A session is counted when it is idle for the first time.
                    ..2 => sleep(Duration::from_millis(5)).await,
                    sessions => return sessions,
                }
            }
        };
        let sessions = timeout(HANGS, counted).await.expect("there are sessions");
        assert!(sessions <= 8 + 1, "{sessions} connects");
    });
}

/// Two connections are lost, and the second loss is noticed later. What was made in between stays.
#[test]
fn a_loss_closes_no_connection_that_was_made_since() {
    block_on(async {
        let schema = migrated().await;
        let proxy = schema.proxy().await;
        let store = Arc::new(schema.store_through(&proxy).deadline(PATIENT));
        let (holder, watcher) = (schema.client().await, schema.client().await);
        let [one, other] = ["one", "other"].map(scope);
        let records = [created(&store, &one).await, created(&store, &other).await];
        let lock = "BEGIN; SELECT FROM secrets_toml_records FOR UPDATE";
        holder.batch_execute(lock).await.unwrap();
        let mut calls = Vec::new();
        for (waiting, (scope, record)) in (1..).zip([&one, &other].into_iter().zip(&records)) {
            let (store, write) = (store.clone(), over(scope, record, 2).0);
            calls.push(tokio::spawn(async move { store.apply(None, &[write]).await }));
            until(&watcher, WAITING, waiting).await;
        }
        let connects = || proxy.counts.connects.load(Ordering::SeqCst);
        let kill = "SELECT pg_terminate_backend((SELECT pid FROM pg_stat_activity WHERE \
                    cardinality(pg_blocking_pids(pid)) > 0 AND \
                    application_name = current_setting('application_name') ORDER BY query_start LIMIT 1))";
        let mut made = Vec::new();
        for call in calls {
            watcher.batch_execute(kill).await.unwrap();
            let error = call.await.unwrap().unwrap_err();
            assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
            store.get(b"none").await.unwrap();
            made.push(connects());
        }
        assert_eq!(made[0], made[1]);
        holder.batch_execute("COMMIT").await.unwrap();
    });
}

/// The pauses between connects grow, and one call connects for all.
#[test]
fn a_server_that_is_gone_is_tried_seldom() {
    block_on(async {
        let schema = Schema::new().await;
        let proxy = Proxy::start("/nowhere".into()).await;
        let store = Arc::new(schema.store_through(&proxy));
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            let store = store.clone();
            tasks.spawn(async move {
                loop {
                    let error = store.get(b"none").await.unwrap_err();
                    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
                }
            });
        }
        let attempts = &proxy.counts.attempts;
        let tried = async {
            while attempts.lock().unwrap().len() < 8 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(HANGS, tried).await.expect("it is tried again");
        tasks.abort_all();
        while let Some(task) = tasks.join_next().await {
            assert!(task.unwrap_err().is_cancelled());
        }
        let attempts = attempts.lock().unwrap();
        for (pair, pause) in attempts.windows(2).zip([20, 40, 80, 160, 320, 640, 1000]) {
            let paused = pair[1] - pair[0];
            assert!(paused >= Duration::from_millis(pause), "{paused:?} instead of {pause} ms");
        }
    });
}

/// Who waits for a lock is told so by an error.
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
            let (started, read) = tokio::join!(starting.migrate(), store.get(b"none"));
            started.expect("it waits for no lock");
            assert_eq!(read.expect("it waits for nobody"), None);
        }
        dump.batch_execute("COMMIT; DROP INDEX secrets_toml_records_key_id").await.unwrap();
        // Something is absent: a start waits for the lock, and not for ever.
        dump.batch_execute("BEGIN; LOCK TABLE secrets_toml_records IN ROW EXCLUSIVE MODE")
            .await
            .unwrap();
        let patient = schema.store().deadline(PATIENT);
        let started = timeout(HANGS, patient.migrate()).await.expect("it does not wait for ever");
        let error = started.unwrap_err();
        assert!(chain(&error).contains("55P03"), "{}", chain(&error));
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
