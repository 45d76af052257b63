//! The suite of `store::conformance` over the stores that need a file or a server, and what the vault
//! expects of every store.

#[cfg(feature = "conformance")]
mod broken;
#[cfg(feature = "redb")]
mod file;
#[cfg(feature = "tokio")]
mod spawn;

use secrets_toml::seal::{Record, Scope};
use secrets_toml::store::backend::{Outcome, Write, commitment, fence_holds};
use secrets_toml::store::{MemoryStore, Store};
use secrets_toml::vault::{Expected, Vault};

use crate::seal::{keyring, revision};

fn scope(name: &str) -> Scope {
    Scope::module(name).unwrap()
}

fn tombstone(scope: &Scope, number: u64) -> Record {
    keyring().seal_tombstone(scope, revision(number), None).unwrap()
}

fn commitment_of(record: &Record) -> [u8; 32] {
    *commitment(record.as_bytes()).unwrap()
}

#[cfg(feature = "redb")]
#[track_caller]
fn applies(store: &dyn Store, write: Write) {
    assert_eq!(store.apply(None, &[write]).unwrap(), [Outcome::Applied]);
}

#[cfg(feature = "conformance")]
mod conformance {
    use secrets_toml::store::conformance::run;

    #[test]
    fn in_memory() {
        run(secrets_toml::store::MemoryStore::new);
    }

    /// Creates stores, each in a file of its own.
    #[cfg(feature = "redb")]
    fn in_files(folder: &crate::folder::Folder) -> impl Fn() -> secrets_toml::store::RedbStore {
        let count = std::cell::Cell::new(0);
        move || {
            count.set(count.get() + 1);
            let file = folder.join(format!("{}.redb", count.get()));
            secrets_toml::store::RedbStore::create(file).unwrap()
        }
    }

    #[cfg(feature = "redb")]
    #[test]
    fn in_redb() {
        run(in_files(&crate::folder::Folder::new()));
    }

    #[cfg(all(feature = "redb", feature = "tokio"))]
    #[test]
    fn on_threads_of_tokio() {
        use secrets_toml::store::SpawnBlocking;

        let folder = crate::folder::Folder::new();
        let create = in_files(&folder);
        run(|| crate::waiting::Waiting::over(async { vec![SpawnBlocking::new(create())] }));
    }

    #[cfg(feature = "postgres")]
    mod postgres {
        use super::run;
        use crate::server::LEVELS;
        use crate::waiting::Waiting;

        #[test]
        fn directly() {
            run(Waiting::new);
        }

        #[test]
        fn under_repeatable_read() {
            run(|| Waiting::under(LEVELS[0]));
        }

        #[test]
        fn under_serializable() {
            run(|| Waiting::under(LEVELS[1]));
        }

        #[test]
        fn through_a_pooler() {
            run(Waiting::pooled);
        }
    }
}

#[test]
fn a_write_says_what_it_expects() {
    let chat = scope("chat");
    let [first, second] = [1, 2].map(|number| tombstone(&chat, number));
    let create = Write::create(&chat, first.clone());
    let replace = Write::replace(&chat, commitment_of(&first), second.clone());
    assert_eq!((create.expected(), create.record()), (None, first.as_bytes()));
    assert_eq!(replace.expected(), Some(&commitment_of(&first)));
    let store = MemoryStore::new();
    assert_eq!(store.apply(None, std::slice::from_ref(&create)).unwrap(), [Outcome::Applied]);
    assert_eq!(format!("{store:?}"), "MemoryStore { records: 1 }");
    assert_eq!((replace.scope(), replace.record()), (chat.as_bytes(), second.as_bytes()));
}

#[test]
fn a_fence_is_the_commitment_of_the_row() {
    let row = Write::keyring(None, "a").record().to_vec();
    assert_eq!(&row[..5], b"\x89SLK\x01");
    assert_eq!((&row[5..72], &row[104..]), (&[0; 67][..], &b"a"[..]));
    let hash = fence_of("a");
    for (fence, row, holds) in [
        (None, None, true),
        (None, Some(&row[..]), false),
        (Some(&hash), None, false),
        (Some(&hash), Some(&row[..]), true),
        (Some(&fence_of("b")), Some(&row[..]), false),
        (None, Some(&row[..4]), false),
        (Some(&hash), Some(&row[..103]), false),
    ] {
        assert_eq!(fence_holds(fence, row), holds, "{fence:?} {row:?}");
    }
}

/// The fence of a keyring's text.
fn fence_of(text: &str) -> [u8; 32] {
    *commitment(Write::keyring(None, text).record()).unwrap()
}

fn revisions_go_on_after_deletion(store: impl Store) {
    let vault = Vault::new(store, keyring());
    let chat = scope("chat");
    for round in 0..3 {
        let put = vault.put(&chat, &crate::seal::secrets(), Expected::Absent).unwrap();
        assert_eq!(put, revision(2 * round + 1));
        assert_eq!(vault.delete(&chat, put, None).unwrap(), revision(2 * round + 2));
        assert!(vault.get(&chat).unwrap().unwrap().is_tombstone());
    }
}

#[test]
fn revisions_go_on_in_memory() {
    revisions_go_on_after_deletion(MemoryStore::new());
}

#[cfg(feature = "redb")]
#[test]
fn revisions_go_on_in_redb() {
    let folder = crate::folder::Folder::new();
    let file = folder.join("vault.redb");
    revisions_go_on_after_deletion(secrets_toml::store::RedbStore::create(file).unwrap());
}

#[cfg(feature = "postgres")]
#[test]
fn revisions_go_on_in_postgres() {
    revisions_go_on_after_deletion(crate::waiting::Waiting::new());
}
