//! The fence in SQL: two statements that look right and are not, and the one that is.

use std::time::Duration;

use secrets_toml::seal::Revision;
use secrets_toml::store::backend::{KEYRING_ROW, Outcome, Write, commitment};
use secrets_toml::store::{AsyncStore, PostgresStore, StoreError};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::faults::PATIENT;
use super::{block_on, migrated, scope};
use crate::seal::keyring;
use crate::server::{HANGS, Schema, WAITING, number, until};

/// The keyring's row, as the writer expects it.
const ROW: &str = r"SELECT 1 FROM secrets_toml_records WHERE scope = '\x7d' AND record = '\x01'";

/// The fences, as a table that has one row if the keyring is the expected one.
fn fences() -> [(&'static str, String); 3] {
    [
        ("EXISTS", format!("SELECT 1 WHERE EXISTS ({ROW})")),
        (
            "advisory lock",
            format!(
                "SELECT 1 FROM (SELECT pg_advisory_xact_lock_shared(7)) AS l WHERE EXISTS ({ROW})"
            ),
        ),
        ("FOR SHARE", format!("{ROW} FOR SHARE")),
    ]
}

const ROTATE: &str = r"BEGIN; SELECT pg_advisory_xact_lock(7);
    UPDATE secrets_toml_records SET record = '\x02' WHERE scope = '\x7d'";

/// A table with a keyring's row and the record of a scope, and clients of it.
async fn prepared() -> (Schema, [Client; 3]) {
    let schema = migrated().await;
    let clients = [schema.client().await, schema.client().await, schema.client().await];
    let rows = r"INSERT INTO secrets_toml_records VALUES ('\x7d', '\x01'), ('\x01', '\x01')";
    clients[0].batch_execute(rows).await.unwrap();
    (schema, clients)
}

fn write(fence: &str) -> String {
    format!(
        r"WITH open AS MATERIALIZED ({fence})
          UPDATE secrets_toml_records SET record = '\x03' FROM open WHERE scope = '\x01'"
    )
}

/// Waits until a task has ended, or its statement waits for a lock: then, so many of the schema wait.
/// Returns `true` if it has ended.
async fn ends<T>(watcher: &Client, task: &JoinHandle<T>, waiting: i64) -> bool {
    let decided = async {
        while !task.is_finished() && number(watcher, WAITING).await != waiting {
            sleep(Duration::from_millis(5)).await;
        }
        task.is_finished()
    };
    timeout(HANGS, decided).await.expect("it ends or waits for a lock")
}

/// The write waits for a lock of its record. Meanwhile the keyring is replaced. Returns `true` if the
/// write was carried out after that.
async fn a_writer_that_waits(fence: &str) -> bool {
    let (schema, [holder, writer, rotator]) = prepared().await;
    let watcher = schema.client().await;
    let hold = r"BEGIN; SELECT 1 FROM secrets_toml_records WHERE scope = '\x01' FOR UPDATE";
    holder.batch_execute(hold).await.unwrap();
    let write = write(fence);
    let writing = tokio::spawn(async move { writer.execute(&write, &[]).await.unwrap() });
    until(&watcher, WAITING, 1).await;
    let rotation = format!("{ROTATE}; COMMIT");
    let rotating = tokio::spawn(async move { rotator.batch_execute(&rotation).await.unwrap() });
    let rotated = ends(&watcher, &rotating, 2).await;
    assert!(!writing.is_finished());
    holder.batch_execute("COMMIT").await.unwrap();
    rotated && writing.await.unwrap() == 1
}

/// The write begins while the keyring is being replaced. Returns `true` if the write was carried out
/// after that.
async fn a_writer_that_comes_in_between(fence: &str) -> bool {
    let (schema, [_, writer, rotator]) = prepared().await;
    let watcher = schema.client().await;
    rotator.batch_execute(ROTATE).await.unwrap();
    let write = write(fence);
    let writing = tokio::spawn(async move { writer.execute(&write, &[]).await.unwrap() });
    let before = ends(&watcher, &writing, 1).await;
    rotator.batch_execute("COMMIT").await.unwrap();
    !before && writing.await.unwrap() == 1
}

#[test]
fn exists_and_an_advisory_lock_let_a_write_through_and_for_share_does_not() {
    block_on(async {
        let mut let_through = Vec::new();
        for (name, fence) in fences() {
            let waits = a_writer_that_waits(&fence).await;
            let_through.push((name, waits, a_writer_that_comes_in_between(&fence).await));
        }
        let expected =
            [("EXISTS", true, false), ("advisory lock", false, true), ("FOR SHARE", false, false)];
        assert_eq!(let_through, expected);
    });
}

/// Replaces the keyring's row. A store waits 2 seconds for the writes under way, and changes nothing if
/// that is not enough: on a slow machine, the next attempt may be.
async fn rotate(store: &PostgresStore, write: &Write) -> Vec<Outcome> {
    for _ in 0..5 {
        match store.apply(write.expected(), std::slice::from_ref(write)).await {
            Err(StoreError::Unavailable(_)) => {}
            told => return told.unwrap(),
        }
    }
    panic!("the keyring does not come through");
}

/// The same with the store's own statements.
#[test]
fn no_write_of_the_store_is_let_through() {
    block_on(async {
        let schema = migrated().await;
        let patient = || schema.store().deadline(PATIENT);
        let [store, other] = [patient(), patient()];
        let [holder, rotator, watcher] =
            [schema.client().await, schema.client().await, schema.client().await];
        let chat = scope("chat");
        let record = keyring().seal_tombstone(&chat, Revision::FIRST, None).unwrap();
        let over_itself =
            Write::replace(&chat, *commitment(record.as_bytes()).unwrap(), record.clone());
        let create = [Write::create(&chat, record)];
        let fence = |write: &Write| *commitment(write.record()).unwrap();
        let first = Write::keyring(None, "first");
        let second = Write::keyring(Some(fence(&first)), "second");

        // The keyring is just being made.
        let make = "BEGIN; LOCK TABLE secrets_toml_records IN SHARE ROW EXCLUSIVE MODE";
        let insert = "INSERT INTO secrets_toml_records (scope, record) VALUES ($1, $2)";
        rotator.batch_execute(make).await.unwrap();
        rotator.execute(insert, &[&KEYRING_ROW, &first.record()]).await.unwrap();
        let writing = tokio::spawn(async move { store.apply(None, &create).await });
        assert!(!ends(&watcher, &writing, 1).await, "the write waits for the keyring");
        rotator.batch_execute("COMMIT").await.unwrap();
        assert_eq!(writing.await.unwrap().unwrap(), [Outcome::Fenced]);

        // A write waits for its record, and the keyring waits for the write.
        let store = patient();
        rotator.execute(insert, &[&chat.as_bytes(), &over_itself.record()]).await.unwrap();
        let hold = "SELECT 1 FROM secrets_toml_records WHERE scope = $1 FOR UPDATE";
        holder.batch_execute("BEGIN").await.unwrap();
        holder.query(hold, &[&chat.as_bytes()]).await.unwrap();
        let (under, written) = (fence(&first), over_itself.clone());
        let writing = tokio::spawn(async move { store.apply(Some(&under), &[written]).await });
        assert!(!ends(&watcher, &writing, 1).await);
        let next = second.clone();
        let rotating = tokio::spawn(async move { rotate(&other, &next).await });
        assert!(!ends(&watcher, &rotating, 2).await && !writing.is_finished());
        holder.batch_execute("COMMIT").await.unwrap();
        assert_eq!(writing.await.unwrap().unwrap(), [Outcome::Applied]);
        assert_eq!(rotating.await.unwrap(), [Outcome::Applied]);

        // The keyring is just being replaced, by somebody who does not lock the table.
        let update = "UPDATE secrets_toml_records SET record = $2 WHERE scope = $1";
        rotator.batch_execute("BEGIN").await.unwrap();
        let third = Write::keyring(None, "third");
        rotator.execute(update, &[&KEYRING_ROW, &third.record()]).await.unwrap();
        let (store, under, write) = (patient(), fence(&second), over_itself.clone());
        let writing = tokio::spawn(async move { store.apply(Some(&under), &[write]).await });
        assert!(!ends(&watcher, &writing, 1).await);
        rotator.batch_execute("COMMIT").await.unwrap();
        assert_eq!(writing.await.unwrap().unwrap(), [Outcome::Fenced]);
    });
}

/// Writes whose locks of the keyring's row overlap for ever do not keep a rotation waiting.
#[test]
fn a_keyring_comes_through_between_many_writes() {
    block_on(async {
        let schema = migrated().await;
        let first = Write::keyring(None, "0");
        let store = schema.store();
        let mut fence = *commitment(first.record()).unwrap();
        assert_eq!(store.apply(None, &[first]).await.unwrap(), [Outcome::Applied]);
        let slow = r"SELECT pg_sleep(0.2) FROM secrets_toml_records WHERE scope = '\x7d' FOR SHARE";
        let mut busy = Vec::new();
        for number in 0..4 {
            let client = schema.client().await;
            busy.push(tokio::spawn(async move {
                sleep(Duration::from_millis(50 * number)).await;
                // Its lock of the table is that of a write.
                let write = format!(
                    "WITH f AS MATERIALIZED ({slow})
                    UPDATE secrets_toml_records SET record = '' FROM f WHERE scope = '\\x01'"
                );
                loop {
                    client.execute(&write, &[]).await.unwrap();
                }
            }));
        }
        sleep(Duration::from_millis(500)).await;
        for number in 1..4 {
            let write = Write::keyring(Some(fence), &number.to_string());
            let next = *commitment(write.record()).unwrap();
            assert_eq!(rotate(&store, &write).await, [Outcome::Applied]);
            fence = next;
        }
        busy.iter().for_each(|task| task.abort());
    });
}
