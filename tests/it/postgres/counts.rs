//! The statements that the store sends: how many, and what they leave behind.

use std::time::Duration;

use secrets_toml::seal::Revision;
use secrets_toml::store::backend::{Fetch, KEYRING_ROW, Outcome, Write, commitment};
use secrets_toml::store::{AsyncStore, StoreError};
use secrets_toml::vault::{AsyncVault, Expected, VaultError};
use tokio_postgres::types::Type;

use super::{Server, block_on, migrated, scope};
use crate::chain;
use crate::seal::{keyring, revision, secrets};
use crate::server::{Schema, configure, connect};

/// Statements, statements with names, and round trips.
#[test]
fn a_call_is_one_statement_without_a_name() {
    block_on(async {
        for schema in [Schema::new().await, Schema::pooled().await] {
            let proxy = schema.proxy().await;
            let store = schema.store_through(&proxy);
            let chat = scope("chat");
            let counts = &proxy.counts;
            store.migrate().await.unwrap();
            assert_eq!(counts.take(), [2, 0, 2], "the catalogue is asked, and the table made");
            store.migrate().await.unwrap();
            assert_eq!(counts.take(), [1, 0, 1], "nothing is absent");

            let [first, second] = [1, 2]
                .map(|number| keyring().seal_tombstone(&chat, revision(number), None).unwrap());
            let current = *commitment(first.as_bytes()).unwrap();
            let past = keyring().seal_tombstone(&chat, Revision::FIRST, None).unwrap();
            let replace = Write::replace(&chat, current, second)
                .put_past(Revision::FIRST, past)
                .remove_past(2..u64::MAX);
            let create = [Write::create(&chat, first)];
            assert_eq!(store.apply(None, &create).await.unwrap(), [Outcome::Applied]);
            assert_eq!(counts.take(), [1, 0, 1], "create");
            assert_eq!(store.apply(None, &[replace]).await.unwrap(), [Outcome::Applied]);
            assert_eq!(counts.take(), [1, 0, 1], "replace, with history");
            assert_eq!(store.apply(None, &create).await.unwrap(), [Outcome::Conflict]);
            assert_eq!(counts.take(), [1, 0, 1], "conflict");
            assert!(store.get(chat.as_bytes()).await.unwrap().is_some());
            assert_eq!(counts.take(), [1, 0, 1], "get");
            assert_eq!(store.scan(&[], None, 9, Fetch::Records).await.unwrap().len(), 2);
            assert_eq!(counts.take(), [1, 0, 1], "scan");
            assert_eq!(store.count_by_key().await.unwrap().len(), 1);
            assert_eq!(counts.take(), [1, 0, 1], "count");
            assert!(store.purge(chat.as_bytes()).await.unwrap());
            assert_eq!(counts.take(), [1, 0, 1], "purge");
            assert!(!store.purge(KEYRING_ROW).await.unwrap());
            let keyring = [Write::keyring(None, "text")];
            counts.take();
            assert_eq!(store.apply(None, &keyring).await.unwrap(), [Outcome::Applied]);
            assert_eq!(counts.take(), [1, 0, 1], "keyring");
        }
    });
}

/// A lone writer costs one flush of the log.
#[test]
fn a_write_is_one_flush() {
    const WRITES: i64 = 50;
    let server = Server::start();
    block_on(async {
        let store = server.store();
        store.migrate().await.unwrap();
        let admin = connect(&server.config).await.unwrap();
        // The server's own processes flush the log, too, from time to time.
        let settings = ["autovacuum = off", "wal_writer_delay = '10s'", "bgwriter_delay = '10s'"];
        configure(&admin, &settings).await;
        let flushes = async || {
            // Each process reports its own part at most once in a second.
            tokio::time::sleep(Duration::from_millis(1100)).await;
            store.get(b"none").await.unwrap();
            admin.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
            let row = admin.query_one("SELECT wal_sync FROM pg_stat_wal", &[]).await.unwrap();
            row.get::<_, i64>(0)
        };
        let before = flushes().await;
        for number in 0..WRITES {
            let scope = scope(&number.to_string());
            let record = keyring().seal_tombstone(&scope, Revision::FIRST, None).unwrap();
            let create = [Write::create(&scope, record)];
            assert_eq!(store.apply(None, &create).await.unwrap(), [Outcome::Applied]);
        }
        let flushed = flushes().await - before;
        assert!((WRITES..WRITES + 8).contains(&flushed), "{flushed} flushes");
    });
}

/// The settings hold for the transaction that writes, and for no other.
#[test]
fn a_write_sets_what_it_needs_and_leaves_nothing_set() {
    block_on(async {
        let settings =
            "current_setting('synchronous_commit') || ' ' || current_setting('lock_timeout')";
        for (before, during) in
            [("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")]
        {
            let schema = Schema::pooled().await;
            schema.store().migrate().await.unwrap();
            let admin = schema.client().await;
            let watch = format!(
                "CREATE TABLE seen (settings text);
                 CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN INSERT INTO seen VALUES ({settings}); RETURN NULL; END $$;
                 CREATE TRIGGER watch AFTER INSERT OR DELETE ON secrets_toml_records
                 FOR EACH ROW EXECUTE FUNCTION watch();"
            );
            admin.batch_execute(&watch).await.unwrap();
            let name: String =
                admin.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
            let alter = format!("ALTER DATABASE {name} SET synchronous_commit = {before}");
            admin.batch_execute(&alter).await.unwrap();
            // The pooler's connections are older than the setting.
            schema.reconnect().await;

            let (store, chat) = (schema.store(), scope("chat"));
            let record = keyring().seal_tombstone(&chat, Revision::FIRST, None).unwrap();
            let create = [Write::create(&chat, record)];
            assert_eq!(store.apply(None, &create).await.unwrap(), [Outcome::Applied]);
            assert!(store.purge(chat.as_bytes()).await.unwrap());
            let rows = admin.query("SELECT settings FROM seen", &[]).await.unwrap();
            let seen: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            assert_eq!(seen[0], format!("{during} 50ms"), "{before}");
            assert!(seen[1].starts_with(&format!("{during} ")), "{before}: {}", seen[1]);

            let left = schema.pooled_client().await;
            let [a, b] = [&left, &left].map(|client| super::pooler::value(
                client,
                "SELECT current_setting('synchronous_commit') || ' ' || current_setting('lock_timeout')",
            ));
            assert_eq!([a.await, b.await], [format!("{before} 0"), format!("{before} 0")]);
        }
    });
}

#[test]
fn a_database_that_may_only_be_read_denies_a_write() {
    block_on(async {
        let schema = Schema::pooled().await;
        schema.store().migrate().await.unwrap();
        let admin = schema.client().await;
        let name: String =
            admin.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
        let alter = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
        admin.batch_execute(&alter).await.unwrap();
        schema.reconnect().await;
        let store = schema.store();
        let vault = AsyncVault::new(store, keyring());
        assert!(vault.get(&scope("chat")).await.unwrap().is_none());
        let error = vault.put(&scope("chat"), &secrets(), Expected::Absent).await.unwrap_err();
        assert!(chain(&error).contains("25006"), "{}", chain(&error));
        assert!(matches!(error, VaultError::Store(StoreError::Denied(_))), "{error:?}");
        let error = vault.store().purge(scope("chat").as_bytes()).await.unwrap_err();
        assert!(matches!(error, StoreError::Denied(_)), "{error:?}");
    });
}

/// A code says if the write may have been committed. After one of a lost connection, the next call takes
/// another connection.
#[test]
fn the_code_of_the_server_tells_what_became_of_a_write() {
    block_on(async {
        let schema = migrated().await;
        let (admin, store, chat) = (schema.client().await, schema.store(), scope("chat"));
        let record = keyring().seal_tombstone(&chat, Revision::FIRST, None).unwrap();
        let create = [Write::create(&chat, record)];
        for (code, expected, is_left) in [
            ("08006", "Unknown", true),
            ("57P01", "Unknown", true),
            ("57014", "Unknown", false),
            ("58030", "Unknown", false),
            ("XX000", "Unknown", false),
            ("XX001", "Corrupt", false),
            ("42501", "Denied", false),
            ("23514", "Foreign", false),
            ("53100", "Unavailable", false),
        ] {
            let fail = format!(
                "DROP FUNCTION IF EXISTS fail CASCADE;
                 CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN RAISE EXCEPTION '%', pg_backend_pid() USING ERRCODE = '{code}'; END $$;
                 CREATE TRIGGER fail BEFORE INSERT ON secrets_toml_records
                 FOR EACH ROW EXECUTE FUNCTION fail();"
            );
            admin.batch_execute(&fail).await.unwrap();
            let mut causes = Vec::new();
            for _ in 0..2 {
                let error = store.apply(None, &create).await.unwrap_err();
                assert!(format!("{error:?}").starts_with(&format!("{expected}(")), "{error:?}");
                causes.push(chain(&error));
            }
            assert!(causes[0].ends_with(&format!(" (SQLSTATE {code})")), "{}", causes[0]);
            assert_eq!(causes[0] != causes[1], is_left, "{causes:?}");
        }
    });
}

/// The store relies on this text: what the client has not sent was not written.
#[test]
fn the_client_tells_what_it_could_not_encode() {
    block_on(async {
        let schema = migrated().await;
        let client = schema.client().await;
        let error = client.query_typed("SELECT $1", &[(&"text", Type::BYTEA)]).await.unwrap_err();
        assert_eq!(error.to_string(), "error serializing parameter 0");
        client.batch_execute("SELECT 1").await.unwrap();
    });
}
