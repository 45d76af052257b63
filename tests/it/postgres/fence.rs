//! The fence in SQL: two statements that look right and are not, and the one that is.

use std::time::Duration;

use secrets_toml::seal::Revision;
use secrets_toml::store::AsyncStore;
use secrets_toml::store::backend::{KEYRING_ROW, Outcome, Write, commitment};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::{block_on, migrated, scope};
use crate::seal::keyring;
use crate::server::Schema;

/// Long enough for a statement that waits for no lock.
const A_WHILE: Duration = Duration::from_millis(400);

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

/// The write waits for a lock of its record. Meanwhile the keyring is replaced. Returns `true` if the
/// write was carried out after that.
async fn a_writer_that_waits(fence: &str) -> bool {
    let (_schema, [holder, writer, rotator]) = prepared().await;
    let hold = r"BEGIN; SELECT 1 FROM secrets_toml_records WHERE scope = '\x01' FOR UPDATE";
    holder.batch_execute(hold).await.unwrap();
    let write = write(fence);
    let writing = tokio::spawn(async move { writer.execute(&write, &[]).await.unwrap() });
    sleep(A_WHILE).await;
    let rotation = format!("{ROTATE}; COMMIT");
    let mut rotating = tokio::spawn(async move { rotator.batch_execute(&rotation).await.unwrap() });
    let rotated = timeout(A_WHILE, &mut rotating).await.is_ok();
    assert!(!writing.is_finished());
    holder.batch_execute("COMMIT").await.unwrap();
    rotated && writing.await.unwrap() == 1
}

/// The write begins while the keyring is being replaced. Returns `true` if the write was carried out
/// after that.
async fn a_writer_that_comes_in_between(fence: &str) -> bool {
    let (_schema, [_, writer, rotator]) = prepared().await;
    rotator.batch_execute(ROTATE).await.unwrap();
    let write = write(fence);
    let mut writing = tokio::spawn(async move { writer.execute(&write, &[]).await.unwrap() });
    let before = timeout(A_WHILE, &mut writing).await.is_ok();
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

/// The same with the store's own statements.
#[test]
fn no_write_of_the_store_is_let_through() {
    block_on(async {
        let schema = migrated().await;
        let [store, other] = [schema.store(), schema.store()];
        let [holder, rotator] = [schema.client().await, schema.client().await];
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
        sleep(A_WHILE).await;
        assert!(!writing.is_finished(), "the write waits for the keyring");
        rotator.batch_execute("COMMIT").await.unwrap();
        assert_eq!(writing.await.unwrap().unwrap(), [Outcome::Fenced]);

        // A write waits for its record, and the keyring waits for the write.
        let store = schema.store();
        rotator.execute(insert, &[&chat.as_bytes(), &over_itself.record()]).await.unwrap();
        let hold = "SELECT 1 FROM secrets_toml_records WHERE scope = $1 FOR UPDATE";
        holder.batch_execute("BEGIN").await.unwrap();
        holder.query(hold, &[&chat.as_bytes()]).await.unwrap();
        let (under, written) = (fence(&first), over_itself.clone());
        let writing = tokio::spawn(async move { store.apply(Some(&under), &[written]).await });
        sleep(A_WHILE).await;
        let next = second.clone();
        let rotating =
            tokio::spawn(
                async move { other.apply(next.expected(), std::slice::from_ref(&next)).await },
            );
        sleep(A_WHILE).await;
        assert!(!writing.is_finished() && !rotating.is_finished());
        holder.batch_execute("COMMIT").await.unwrap();
        assert_eq!(writing.await.unwrap().unwrap(), [Outcome::Applied]);
        assert_eq!(rotating.await.unwrap().unwrap(), [Outcome::Applied]);

        // The keyring is just being replaced, by somebody who does not lock the table.
        let update = "UPDATE secrets_toml_records SET record = $2 WHERE scope = $1";
        rotator.batch_execute("BEGIN").await.unwrap();
        let third = Write::keyring(None, "third");
        rotator.execute(update, &[&KEYRING_ROW, &third.record()]).await.unwrap();
        let (store, under, write) = (schema.store(), fence(&second), over_itself.clone());
        let writing = tokio::spawn(async move { store.apply(Some(&under), &[write]).await });
        sleep(A_WHILE).await;
        assert!(!writing.is_finished());
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
            let writing = store.apply(Some(&fence), std::slice::from_ref(&write));
            let outcome = timeout(Duration::from_secs(5), writing).await.expect("it comes through");
            assert_eq!(outcome.unwrap(), [Outcome::Applied]);
            fence = next;
        }
        busy.iter().for_each(|task| task.abort());
    });
}
