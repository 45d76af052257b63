//! A purge that waits for a write.

use secrets_toml::seal::Revision;
use secrets_toml::store::AsyncStore;
use secrets_toml::store::backend::{Fetch, Outcome, Write};

use super::faults::PATIENT;
use super::{block_on, migrated, scope};
use crate::seal::keyring;
use crate::server::{WAITING, until};

/// The write is not committed yet when the purge begins, so the purge cannot see its past row.
#[test]
fn a_purge_removes_the_past_row_of_a_write_that_it_waited_for() {
    block_on(async {
        let schema = migrated().await;
        let chat = scope("chat");
        let record = keyring().seal_tombstone(&chat, Revision::FIRST, None).unwrap();
        let create = [Write::create(&chat, record.clone())];
        assert_eq!(schema.store().apply(None, &create).await.unwrap(), [Outcome::Applied]);

        let writer = schema.client().await;
        let update = "UPDATE secrets_toml_records SET record = $2 WHERE scope = $1";
        let insert = "INSERT INTO secrets_toml_records (scope, record) VALUES ($1, $2)";
        let past = [&b"\x11\0\x04chat"[..], &1_u64.to_be_bytes()].concat();
        writer.batch_execute("BEGIN").await.unwrap();
        writer.execute(update, &[&chat.as_bytes(), &record.as_bytes()]).await.unwrap();
        writer.execute(insert, &[&past, &record.as_bytes()]).await.unwrap();

        let (purger, purged) = (schema.store().deadline(PATIENT), chat.clone());
        let purge = tokio::spawn(async move { purger.purge(purged.as_bytes()).await });
        until(&schema.client().await, WAITING, 1).await;
        assert!(!purge.is_finished(), "the purge waits for the write");
        writer.batch_execute("COMMIT").await.unwrap();
        assert!(purge.await.unwrap().unwrap());
        assert_eq!(schema.store().scan(&[], None, 9, Fetch::Heads).await.unwrap(), []);
    });
}
