//! Creating, opening and refusing the file of a `RedbStore`.

use std::fs;

use redb::{Database, TableDefinition};
use secrets_toml::store::backend::Write;
use secrets_toml::store::{RedbOptions, RedbStore, Store, StoreError};

use crate::folder::Folder;
use crate::store::{applies, scope, tombstone};

#[track_caller]
fn refuses(opened: Result<RedbStore, StoreError>, message: &str) {
    let error = opened.map(drop).unwrap_err();
    assert_eq!(error.to_string(), message, "{error:?}");
}

#[test]
fn what_was_written_is_there_when_it_is_opened_again() {
    let folder = Folder::new();
    let file = folder.join("vault.redb");
    let chat = scope("chat");
    let write = Write::create(&chat, tombstone(&chat, 1));
    applies(&RedbStore::create(&file).unwrap(), write.clone());
    assert_eq!(format!("{:?}", RedbStore::open(&file).unwrap()), "RedbStore { .. }");
    for _ in 0..3 {
        let store = RedbOptions::default().cache_len(1 << 20).open(&file).unwrap();
        assert_eq!(store.get(chat.as_bytes()).unwrap().as_deref(), Some(write.record()));
    }
}

#[test]
fn creating_and_opening_are_two_things() {
    const MISSING: &str = "the database does not exist; create it first";
    const EXISTS: &str = "the file already exists; open it instead";
    let folder = Folder::new();
    let file = folder.join("vault.redb");
    refuses(RedbStore::open(&file), MISSING);
    refuses(RedbStore::open(folder.join("absent/vault.redb")), MISSING);
    assert!(!file.exists(), "opening creates nothing");
    fs::write(&file, "").unwrap();
    refuses(RedbStore::open(&file), MISSING);
    refuses(RedbStore::create(&file), EXISTS);
    fs::remove_file(&file).unwrap();

    let store = RedbStore::create(&file).unwrap();
    refuses(RedbStore::create(&file), EXISTS);
    refuses(RedbStore::open(&file), "the database is already open, here or in another process");
    drop(store);
    RedbStore::open(&file).unwrap();
    refuses(RedbStore::open(file.join("below")), "the store is unavailable; nothing was changed");
    refuses(
        RedbStore::create(folder.join("absent/vault.redb")),
        "the store is unavailable; nothing was changed",
    );
    // Nobody can create a file in this folder.
    #[cfg(target_os = "linux")]
    refuses(RedbStore::create("/proc/vault.redb"), "the store is unavailable; nothing was changed");
}

#[test]
fn a_bare_name_is_a_file_in_the_current_folder() {
    let name = format!("secrets-toml-test-{}.redb", std::process::id());
    let created = RedbStore::create(&name);
    fs::remove_file(&name).unwrap();
    created.unwrap();
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let file = folder.join("vault.redb");
    drop(RedbStore::create(&file).unwrap());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn another_program_s_file_is_refused_and_left_alone() {
    const FOREIGN: &str =
        "the database belongs to another program, or to a later version of this library";
    let folder = Folder::new();
    let file = folder.join("theirs");
    let text = "[section]\nkey = 'value'\n".repeat(9999);
    fs::write(&file, &text).unwrap();
    refuses(RedbStore::open(&file), FOREIGN);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);

    fs::write(&file, "short").unwrap();
    refuses(RedbStore::open(&file), FOREIGN);

    fs::remove_file(&file).unwrap();
    let theirs = Database::create(&file).unwrap();
    let transaction = theirs.begin_write().unwrap();
    transaction.open_table(TableDefinition::<u64, u64>::new("theirs")).unwrap();
    transaction.commit().unwrap();
    drop(theirs);
    refuses(RedbStore::open(&file), FOREIGN);
    Database::open(&file).unwrap();
}

#[test]
fn a_database_without_a_table_was_never_used() {
    let folder = Folder::new();
    let file = folder.join("vault.redb");
    drop(Database::create(&file).unwrap());
    let store = RedbStore::open(&file).unwrap();
    assert_eq!(store.get(b"anything").unwrap(), None);
}

/// A changed byte in a record, and one in its scope.
#[test]
fn a_damaged_file_is_refused_when_it_is_opened() {
    let folder = Folder::new();
    let file = folder.join("vault.redb");
    let scopes: Vec<_> = (0..40).map(|i| scope(&format!("chat-{i}"))).collect();
    let record = tombstone(&scopes[17], 1);
    {
        let store = RedbStore::create(&file).unwrap();
        for (i, scope) in scopes.iter().enumerate() {
            let record = if i == 17 { record.clone() } else { tombstone(scope, 1) };
            applies(&store, Write::create(scope, record));
        }
    }
    let bytes = fs::read(&file).unwrap();
    let found = |part: &[u8]| bytes.windows(part.len()).filter(|window| *window == part).count();
    assert!(found(record.as_bytes()) > 0 && found(scopes[17].as_bytes()) > 0);
    for part in [record.as_bytes(), scopes[17].as_bytes()] {
        let mut damaged = bytes.clone();
        for at in 0..bytes.len() - part.len() {
            // Old pages hold copies of it.
            if bytes[at..].starts_with(part) {
                damaged[at + part.len() - 1] ^= 1;
            }
        }
        fs::write(&file, &damaged).unwrap();
        refuses(RedbStore::open(&file), "the store is damaged; restore it from a backup");
        let saved = RedbOptions::new().without_check().open(&file).unwrap();
        assert!(saved.get(scopes[3].as_bytes()).unwrap().is_some());
        let damaged = saved.get(scopes[17].as_bytes()).unwrap();
        assert_ne!(damaged.as_deref(), Some(record.as_bytes()));
        drop(saved);
    }
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    refuses(RedbStore::open(&file), "the store is damaged; restore it from a backup");
    fs::write(&file, &bytes).unwrap();
    RedbStore::open(&file).unwrap();
}

#[test]
fn a_file_of_another_version_is_told_from_a_damaged_one() {
    let folder = Folder::new();
    let file = folder.join("vault.redb");
    drop(RedbStore::create(&file).unwrap());
    let mut bytes = fs::read(&file).unwrap();
    // The version is the first byte of both of redb's commit slots.
    assert_eq!([bytes[64], bytes[192]], [3, 3]);
    for version in [2, 4] {
        [bytes[64], bytes[192]] = [version, version];
        fs::write(&file, &bytes).unwrap();
        refuses(
            RedbStore::open(&file),
            "the database belongs to another program, or to a later version of this library",
        );
    }
}
