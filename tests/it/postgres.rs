//! Tests that need a server: many connections, restarts, permissions, time limits.

mod counts;
mod deadlines;
mod faults;
mod fence;
mod linearizable;
mod pooler;
mod purge;
mod shared;

use std::future::Future;
use std::process::Command;
use std::time::Duration;

use secrets_toml::seal::{Keyring, Revision, Scope};
use secrets_toml::store::backend::{Fetch, Outcome, Write, commitment};
use secrets_toml::store::{AsyncStore, PostgresStore, StoreError};
use secrets_toml::vault::{AsyncVault, Expected, Scopes, VaultError};
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::faults::PATIENT;
use crate::chain;
use crate::seal::{keyring, revision, secrets};
use crate::server::{self, Schema, WAITING, connect, until};

fn block_on<T>(run: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(run)
}

fn scope(name: &str) -> Scope {
    Scope::module(name).unwrap()
}

async fn migrated() -> Schema {
    let schema = Schema::new().await;
    schema.store().migrate().await.unwrap();
    schema
}

#[test]
fn a_migration_may_run_twice_and_at_once() {
    block_on(async {
        let schema = Schema::new().await;
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let store = schema.store().deadline(PATIENT);
            tasks.spawn(async move { store.migrate().await });
        }
        while let Some(migrated) = tasks.join_next().await {
            migrated.unwrap().unwrap();
        }
        let store = schema.store();
        store.migrate().await.unwrap();
        assert_eq!(store.get(scope("chat").as_bytes()).await.unwrap(), None);
    });
}

/// It waits for another one for longer than for a lock of the table.
#[test]
fn a_migration_waits_for_another_one() {
    block_on(async {
        // It has a database of its own, so no other test waits.
        let schema = Schema::pooled().await;
        let other = schema.client().await;
        let lock = "BEGIN; SELECT pg_advisory_xact_lock(x'5345435245545301'::bigint)";
        other.batch_execute(lock).await.unwrap();
        let store = schema.store().deadline(PATIENT);
        let migration = tokio::spawn(async move { store.migrate().await });
        sleep(Duration::from_millis(2500)).await;
        assert!(!migration.is_finished());
        other.batch_execute("COMMIT").await.unwrap();
        migration.await.unwrap().unwrap();
    });
}

#[test]
fn tasks_over_several_connections_lose_no_increment() {
    block_on(async {
        let schema = migrated().await;
        let vault = |store| AsyncVault::new(store, keyring());
        let vaults = [(); 3].map(|()| std::sync::Arc::new(vault(schema.store())));
        let first = vaults[0].put(&scope("chat"), &secrets(), Expected::Absent).await.unwrap();
        assert_eq!(first, Revision::FIRST);
        let mut tasks = JoinSet::new();
        for task in 0..8 {
            let vault = vaults[task % 3].clone();
            tasks.spawn(async move {
                for _ in 0..25 {
                    loop {
                        let current = vault.get(&scope("chat")).await.unwrap().unwrap();
                        let expected = Expected::Revision(current.revision());
                        match vault.put(&scope("chat"), &secrets(), expected).await {
                            Ok(_) => break,
                            Err(VaultError::Conflict { .. } | VaultError::RolledBack { .. }) => {}
                            Err(error) => panic!("{}", chain(&error)),
                        }
                    }
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        let current = vaults[0].get(&scope("chat")).await.unwrap().unwrap();
        assert_eq!(current.revision(), revision(1 + 8 * 25));
    });
}

#[test]
fn the_vault_lists_counts_moves_and_verifies() {
    block_on(async {
        let vault = AsyncVault::new(migrated().await.store(), Keyring::from_bytes([7; 32]));
        let module = scope("chat");
        for number in 0..20 {
            let version = module.version(&number.to_string()).unwrap();
            vault.put(&version, &secrets(), Expected::Absent).await.unwrap();
        }
        let gone = module.version("7").unwrap();
        vault.delete(&gone, Revision::FIRST, None).await.unwrap();
        let mut listing = vault.scopes(Scopes::Versions("chat")).unwrap();
        let mut listed = Vec::new();
        while let Some(scope) = listing.next().await {
            listed.push(scope.unwrap());
        }
        assert_eq!(listed.len(), 20);
        assert!(listed.iter().all(|one| one.is_tombstone() == (*one.scope() == gone)));

        let mut keyring = Keyring::from_bytes([7; 32]);
        let (old, new) = (keyring.primary(), keyring.add().unwrap());
        keyring.promote(&new).unwrap();
        vault.set_keyring(keyring).unwrap();
        let usage = vault.usage().await.unwrap();
        assert_eq!((usage.records(&old), usage.records(&new), usage.unreadable()), (20, 0, 0));
        let moved =
            vault.rewrap(Scopes::All, |_| std::ops::ControlFlow::Continue(())).await.unwrap();
        assert_eq!((moved.written(), moved.failed()), (20, 0));
        let usage = vault.usage().await.unwrap();
        assert_eq!((usage.records(&old), usage.records(&new)), (0, 20));
        let verified = vault.verify(Scopes::All).await.unwrap();
        assert_eq!((verified.documents(), verified.tombstones(), verified.failed()), (19, 1, 0));

        vault.store().apply(None, &[]).await.unwrap();
        assert!(vault.purge(&gone).await.unwrap() && !vault.purge(&gone).await.unwrap());
        assert!(vault.get(&gone).await.unwrap().is_none());
    });
}

/// Two batches deadlock. The server rolls one back, and it is sent again.
#[test]
fn a_batch_that_is_rolled_back_is_sent_again() {
    block_on(async {
        let schema = migrated().await;
        let scopes = ["a", "b"].map(scope);
        let mut current = [1, 1].map(|_| None);
        // One of the two orders is the order in which the server locks the rows.
        for (number, [first, last]) in [(1, [0, 1]), (2, [0, 1]), (3, [1, 0])] {
            let writes = [0, 1].map(|i: usize| {
                let record = keyring().seal_tombstone(&scopes[i], revision(number), None).unwrap();
                let next = *commitment(record.as_bytes()).unwrap();
                match current[i].replace(next) {
                    Some(current) => Write::replace(&scopes[i], current, record),
                    None => Write::create(&scopes[i], record),
                }
            });
            let store = schema.store().deadline(PATIENT);
            if number == 1 {
                assert_eq!(store.apply(None, &writes).await.unwrap(), [Outcome::Applied; 2]);
                continue;
            }
            let holder = schema.client().await;
            let hold = "SELECT 1 FROM secrets_toml_records WHERE scope = $1 FOR UPDATE";
            // The batch detects the deadlock first, and is rolled back.
            holder.batch_execute("SET deadlock_timeout = '20s'; BEGIN").await.unwrap();
            holder.query(hold, &[&scopes[last].as_bytes()]).await.unwrap();
            let applying = tokio::spawn(async move { store.apply(None, &writes).await });
            until(&schema.client().await, WAITING, 1).await;
            // If the batch has looked for a deadlock before this, the holder is rolled back instead.
            drop(holder.query(hold, &[&scopes[first].as_bytes()]).await);
            holder.batch_execute("COMMIT").await.unwrap();
            assert_eq!(applying.await.unwrap().unwrap(), [Outcome::Applied; 2]);
        }
    });
}

#[test]
fn a_connection_that_was_lost_is_made_anew() {
    block_on(async {
        let schema = migrated().await;
        let vault = AsyncVault::new(schema.store(), keyring());
        let mut latest = vault.put(&scope("chat"), &secrets(), Expected::Absent).await.unwrap();
        let admin = schema.client().await;
        for round in 0..40 {
            schema.kill(&admin).await;
            if round % 2 == 0 {
                let found = vault.get(&scope("chat")).await.unwrap().unwrap();
                assert_eq!(found.revision(), latest);
            } else {
                let expected = Expected::Revision(latest);
                latest = vault.put(&scope("chat"), &secrets(), expected).await.unwrap();
            }
        }
    });
}

#[test]
fn what_waits_too_long_for_a_lock_was_not_written() {
    block_on(async {
        let schema = migrated().await;
        let chat = scope("chat");
        let patient = AsyncVault::new(schema.store(), keyring());
        patient.put(&chat, &secrets(), Expected::Absent).await.unwrap();
        let current = patient.store().get(chat.as_bytes()).await.unwrap().unwrap();
        let record = keyring().seal_tombstone(&chat, revision(2), None).unwrap();
        let write = [Write::replace(&chat, *commitment(&current).unwrap(), record)];

        // Another transaction locks the row for longer than the time limit.
        let (holder, watcher) = (schema.client().await, schema.client().await);
        let hold = "BEGIN; SELECT 1 FROM secrets_toml_records FOR UPDATE";
        holder.batch_execute(hold).await.unwrap();
        let over_first = Expected::Revision(Revision::FIRST);
        let mut seconds = 1;
        let (error, late) = loop {
            let hasty = schema.store();
            hasty.get(chat.as_bytes()).await.unwrap();
            let hasty = AsyncVault::new(hasty.deadline(Duration::from_secs(seconds)), keyring());
            let error = hasty.store().apply(None, &write).await.unwrap_err();
            let late = hasty.put(&chat, &secrets(), over_first).await.unwrap_err();
            if chain(&error).contains("55P03") && chain(&late).contains("55P03") {
                break (error, late);
            }
            // The server tells in time that it has written nothing. On a slow machine, that takes longer.
            assert!(seconds < 100, "{} {}", chain(&error), chain(&late));
            seconds *= 2;
        };
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(matches!(late, VaultError::Store(StoreError::Unavailable(_))), "{late:?}");
        until(&watcher, WAITING, 0).await;
        holder.batch_execute("ROLLBACK").await.unwrap();
        let put = patient.put(&chat, &secrets(), over_first).await;
        assert_eq!(put.unwrap(), revision(2));
    });
}

/// The connection is cut while a write waits for a lock, and the server completes the write. The
/// vault reports the true outcome.
#[test]
fn a_write_whose_connection_is_cut_is_resolved() {
    block_on(async {
        let schema = migrated().await;
        let chat = scope("chat");
        let proxy = schema.proxy().await;
        let store = schema.store_through(&proxy).deadline(PATIENT);
        let vault = std::sync::Arc::new(AsyncVault::new(store, keyring()));
        vault.put(&chat, &secrets(), Expected::Absent).await.unwrap();
        let holder = schema.client().await;
        let hold = "BEGIN; SELECT 1 FROM secrets_toml_records FOR UPDATE";
        holder.batch_execute(hold).await.unwrap();

        let writer = vault.clone();
        let put = tokio::spawn(async move {
            writer.put(&scope("chat"), &secrets(), Expected::Revision(Revision::FIRST)).await
        });
        let watcher = schema.client().await;
        until(&watcher, WAITING, 1).await;
        proxy.cut();
        // The server has not noticed the cut, and the same write comes again.
        until(&watcher, WAITING, 2).await;
        assert!(!put.is_finished(), "the lock is still held");
        holder.batch_execute("COMMIT").await.unwrap();
        assert_eq!(put.await.unwrap().unwrap(), revision(2));
        let current = vault.get(&chat).await.unwrap().unwrap();
        assert_eq!(current.revision(), revision(2), "it was written once");
    });
}

#[test]
fn bad_surroundings_are_told_apart_and_lose_nothing() {
    block_on(async {
        let schema = Schema::new().await;
        let chat = scope("chat");
        let error = schema.store().get(chat.as_bytes()).await.unwrap_err();
        assert!(matches!(error, StoreError::Missing), "{error:?}");

        // No server listens on this port.
        let config = "host=/nowhere port=1 user=u password=hunter2 dbname=d";
        let absent = server::store(config);
        let error = absent.get(chat.as_bytes()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        for text in [chain(&error), format!("{error:?}"), format!("{absent:?}")] {
            assert!(!text.contains("hunter2") && !text.contains("/nowhere"), "{text}");
        }

        // A wrong password.
        schema.user_with_a_password().await;
        let wrong = schema.store_of("locked", "hunter2");
        let error = wrong.get(chat.as_bytes()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(chain(&error).contains("password authentication failed"), "{}", chain(&error));
        assert!(!chain(&error).contains("hunter2") && !format!("{error:?}").contains("hunter2"));

        // A table with other columns.
        let client = schema.client().await;
        let other = "CREATE TABLE secrets_toml_records (scope text PRIMARY KEY, record text)";
        client.batch_execute(other).await.unwrap();
        let error = schema.store().get(chat.as_bytes()).await.unwrap_err();
        assert!(matches!(error, StoreError::Foreign(_)), "{error:?}");
        let error = schema.store().migrate().await.unwrap_err();
        assert_eq!(
            chain(&error),
            "the database belongs to another program, or to a later version of this library: the \
             table secrets_toml_records has another layout: (record text, scope text) instead of \
             (commitment bytea generated, key_id bytea generated, record bytea, scope bytea)"
        );

        // A user with read permission only.
        let schema = migrated().await;
        let store = schema.store();
        let record = keyring().seal_tombstone(&chat, Revision::FIRST, None).unwrap();
        store.apply(None, &[Write::create(&chat, record)]).await.unwrap();
        let reader = schema.store_with("SELECT").await;
        assert!(reader.get(chat.as_bytes()).await.unwrap().is_some());
        let next = keyring().seal_tombstone(&scope("other"), Revision::FIRST, None).unwrap();
        let error = reader.apply(None, &[Write::create(&scope("other"), next)]).await.unwrap_err();
        assert!(matches!(error, StoreError::Denied(_)), "{error:?}");
        assert_eq!(
            chain(&error),
            "the store denies this to its role; grant it the right: permission denied for table \
             secrets_toml_records (SQLSTATE 42501)"
        );
        reader.migrate().await.unwrap();
        assert_eq!(store.scan(&[], None, 9, Fetch::Heads).await.unwrap().len(), 1);
    });
}

#[test]
fn the_rights_on_the_table_suffice_once_it_exists() {
    block_on(async {
        let schema = migrated().await;
        let store = schema.store_with("SELECT, INSERT, UPDATE, DELETE").await;
        let vault = AsyncVault::new(store, keyring());
        let chat = scope("chat");
        let first = vault.put(&chat, &secrets(), Expected::Absent).await.unwrap();
        vault.put(&chat, &secrets(), Expected::Revision(first)).await.unwrap();
        assert!(vault.get(&chat).await.unwrap().is_some());
        assert_eq!(vault.store().count_by_key().await.unwrap().len(), 1);
        assert!(vault.purge(&chat).await.unwrap());
        vault.store().migrate().await.unwrap();
        schema.client().await.batch_execute("DROP TABLE secrets_toml_records").await.unwrap();
        let error = vault.store().migrate().await.unwrap_err();
        assert!(matches!(error, StoreError::Denied(_)), "{error:?}");
    });
}

/// A server of this test, which it may stop.
struct Server {
    config: String,
    folder: String,
}

impl Server {
    fn start() -> Self {
        let started = script().arg("start").output().unwrap();
        let text = String::from_utf8(started.stdout).unwrap();
        let part = |i: usize| text.split('\'').nth(i).expect("the script tells").to_owned();
        Self { config: part(1), folder: part(3) }
    }

    fn control(&self, action: &str) {
        let status =
            script().arg(action).env("SECRETS_TOML_POSTGRES_FOLDER", &self.folder).status();
        assert!(status.unwrap().success(), "{action}");
    }

    fn store(&self) -> PostgresStore {
        server::store(&self.config)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.control("stop");
    }
}

fn script() -> Command {
    Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/postgres"))
}

/// The server is killed during writes and restarted. Acknowledged writes are present, and the
/// reported outcome of each write is true.
#[test]
fn a_server_that_is_killed_loses_no_acknowledged_write() {
    const ROUNDS: u64 = 30;
    let server = Server::start();
    block_on(async {
        let vault = std::sync::Arc::new(AsyncVault::new(server.store(), keyring()));
        vault.store().migrate().await.unwrap();
        let chat = scope("chat");
        let mut latest = vault.put(&chat, &secrets(), Expected::Absent).await.unwrap();
        for round in 0..ROUNDS {
            let writer = vault.clone();
            let (writes, mut written) = tokio::sync::watch::channel(());
            let writing = tokio::spawn(async move {
                let mut latest = latest;
                loop {
                    match writer.put(&scope("chat"), &secrets(), Expected::Revision(latest)).await {
                        Ok(revision) => latest = revision,
                        Err(error) => return (latest, error),
                    }
                    writes.send_replace(());
                }
            });
            written.changed().await.expect("it writes between the crashes");
            sleep(Duration::from_millis(10 + 3 * round)).await;
            // Every third time, one backend is killed and the server restarts by itself.
            if round % 3 == 2 {
                let client = connect(&server.config).await.unwrap();
                let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
                client.query(kill, &[]).await.unwrap();
                sleep(Duration::from_millis(20)).await;
            }
            server.control("crash");
            let (acknowledged, error) = writing.await.unwrap();
            server.control("restart");
            let found = vault.get(&chat).await.unwrap().unwrap().revision();
            match error {
                VaultError::Unknown(_) => {
                    assert!(found == acknowledged || Some(found) == acknowledged.next(), "{found}");
                }
                VaultError::Store(StoreError::Unavailable(_)) => {
                    assert_eq!(found, acknowledged, "nothing was changed");
                }
                error => panic!("{}", chain(&error)),
            }
            latest = found;
        }
    });
}

/// A replica may lag, so it is rejected as a store, even for reads.
#[test]
fn a_database_in_recovery_is_refused() {
    let server = Server::start();
    block_on(async { server.store().migrate().await.unwrap() });
    server.control("standby");
    block_on(async {
        let (store, chat) = (server.store(), scope("chat"));
        let record = keyring().seal_tombstone(&chat, Revision::FIRST, None).unwrap();
        let create = [Write::create(&chat, record)];
        let errors = [
            store.get(chat.as_bytes()).await.unwrap_err(),
            store.scan(&[], None, 9, Fetch::Heads).await.unwrap_err(),
            store.scan(&[], None, 9, Fetch::Records).await.unwrap_err(),
            store.count_by_key().await.unwrap_err(),
            store.migrate().await.unwrap_err(),
            store.purge(chat.as_bytes()).await.unwrap_err(),
            store.apply(None, &create).await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
            assert!(chain(&error).contains("in recovery"), "{}", chain(&error));
        }
    });
}
