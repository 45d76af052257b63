//! What only the store in a file has to do: make it, open it, refuse it, and survive its errors.

use std::error::Error;
use std::fs;
use std::io;
use std::sync::{Arc, Mutex};

use redb::{Database, StorageBackend, TableDefinition};
use secrets_toml::store::{Outcome, RedbOptions, RedbStore, Store, StoreError, Write};

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
    const MISSING: &str = "there is no database; create it first";
    const EXISTS: &str = "there is a file already; open it instead";
    let folder = Folder::new();
    let file = folder.join("vault.redb");
    refuses(RedbStore::open(&file), MISSING);
    refuses(RedbStore::open(folder.join("absent/vault.redb")), MISSING);
    assert!(!file.exists(), "to open makes nothing");
    fs::write(&file, "").unwrap();
    refuses(RedbStore::open(&file), MISSING);
    refuses(RedbStore::create(&file), EXISTS);
    fs::remove_file(&file).unwrap();

    let store = RedbStore::create(&file).unwrap();
    refuses(RedbStore::create(&file), EXISTS);
    refuses(RedbStore::open(&file), "another process has the database open");
    drop(store);
    RedbStore::open(&file).unwrap();
    refuses(RedbStore::open(file.join("below")), "the store is unavailable; nothing was changed");
    refuses(
        RedbStore::create(folder.join("absent/vault.redb")),
        "the store is unavailable; nothing was changed",
    );
    // A folder that nobody can write to.
    #[cfg(target_os = "linux")]
    refuses(RedbStore::create("/proc/vault.redb"), "the store is unavailable; nothing was changed");
}

#[test]
fn a_name_alone_stands_in_the_current_folder() {
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
    const FOREIGN: &str = "the file is not a database of this library";
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

/// Wherever in a record a byte is changed, and wherever in what leads to it.
#[test]
fn a_damaged_file_is_told_when_it_is_opened() {
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
        refuses(RedbStore::open(&file), "the store is damaged");
        let saved = RedbOptions::new().without_check().open(&file).unwrap();
        assert!(saved.get(scopes[3].as_bytes()).unwrap().is_some());
        let damaged = saved.get(scopes[17].as_bytes()).unwrap();
        assert_ne!(damaged.as_deref(), Some(record.as_bytes()));
        drop(saved);
    }
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    refuses(RedbStore::open(&file), "the store is damaged");
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
        refuses(RedbStore::open(&file), "the file is not a database of this library");
    }
}

/// A file in memory that fails when it is told to.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    bytes: Vec<u8>,
    /// How many more writes and syncs succeed before all fail.
    until_failure: Option<u64>,
    /// Whether a new handle fails too.
    gone: bool,
    /// Whether the next read panics, as redb may on a damaged file.
    panics: bool,
    /// Whether the next read finds no bytes, as in a file that is too short.
    ends: bool,
}

impl Disk {
    fn store(&self) -> RedbStore {
        let disk = self.clone();
        RedbStore::with_backend(&RedbOptions::new().cache_len(0), move || disk.handle()).unwrap()
    }

    /// A new handle finds the disk repaired, unless it is gone.
    fn handle(&self) -> io::Result<Self> {
        let mut platter = self.0.lock().unwrap();
        if platter.gone {
            return Err(failure());
        }
        platter.until_failure = None;
        Ok(self.clone())
    }

    fn tell(&self, change: impl FnOnce(&mut Platter)) {
        change(&mut self.0.lock().unwrap());
    }

    fn changing(&self) -> io::Result<std::sync::MutexGuard<'_, Platter>> {
        let mut platter = self.0.lock().unwrap();
        match &mut platter.until_failure {
            Some(0) => return Err(failure()),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(platter)
    }
}

fn failure() -> io::Error {
    io::Error::other("the disk fails")
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        if std::mem::take(&mut platter.panics) {
            drop(platter);
            std::panic::resume_unwind(Box::new("as on a damaged file"));
        }
        if std::mem::take(&mut platter.ends) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if platter.until_failure == Some(0) {
            return Err(failure());
        }
        let from = usize::try_from(offset).unwrap();
        out.copy_from_slice(&platter.bytes[from..from + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.changing()?.bytes.resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        drop(self.changing()?);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let from = usize::try_from(offset).unwrap();
        self.changing()?.bytes[from..from + data.len()].copy_from_slice(data);
        Ok(())
    }
}

/// Wherever the disk fails in the course of a write, the store knows afterwards whether it wrote.
#[test]
fn after_an_error_of_the_disk_what_was_in_flight_is_known() {
    let chat = scope("chat");
    let (mut written, mut not_written) = (0, 0);
    for until_failure in 0.. {
        let disk = Disk::default();
        let store = disk.store();
        disk.tell(|platter| platter.until_failure = Some(until_failure));
        let write = Write::create(&chat, tombstone(&chat, 1));
        let result = store.apply(std::slice::from_ref(&write));
        let failed = disk.0.lock().unwrap().until_failure.take().is_none();
        let standing = store.get(chat.as_bytes()).unwrap();
        match result {
            Ok(outcomes) => {
                assert_eq!(outcomes, [Outcome::Applied]);
                assert_eq!(standing.as_deref(), Some(write.record()));
                written += u64::from(failed);
            }
            Err(error) => {
                assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
                assert_eq!(standing, None, "after {until_failure}");
                applies(&store, write.clone());
                not_written += 1;
            }
        }
        drop(store);
        let opened = disk.store();
        assert_eq!(opened.get(chat.as_bytes()).unwrap().as_deref(), Some(write.record()));
        if !failed {
            break;
        }
    }
    assert!(written > 0 && not_written > 3, "{written} were written, {not_written} were not");
}

#[test]
fn where_the_disk_is_gone_it_is_not_known() {
    let chat = scope("chat");
    let disk = Disk::default();
    let store = disk.store();
    disk.tell(|platter| (platter.until_failure, platter.gone) = (Some(3), true));
    let write = Write::create(&chat, tombstone(&chat, 1));
    let error = store.apply(std::slice::from_ref(&write)).unwrap_err();
    assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
    assert_eq!(error.to_string(), "the store did not tell whether it wrote");
    let error = store.apply(std::slice::from_ref(&write)).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    disk.tell(|platter| platter.gone = false);
    applies(&store, write);
}

#[test]
fn a_read_that_fails_is_unavailable_and_the_next_one_is_not() {
    let chat = scope("chat");
    let disk = Disk::default();
    let store = disk.store();
    applies(&store, Write::create(&chat, tombstone(&chat, 1)));
    disk.tell(|platter| platter.until_failure = Some(0));
    let error = store.get(chat.as_bytes()).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(store.get(chat.as_bytes()).unwrap().is_some());
}

#[test]
fn a_panic_is_a_damaged_file() {
    let chat = scope("chat");
    let disk = Disk::default();
    let store = disk.store();
    applies(&store, Write::create(&chat, tombstone(&chat, 1)));
    disk.tell(|platter| platter.panics = true);
    let error = store.get(chat.as_bytes()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    assert_eq!(error.to_string(), "the store is damaged");
    assert_eq!(error.source().unwrap().to_string(), "the database library panicked");
    assert!(store.get(chat.as_bytes()).unwrap().is_some(), "it was opened again");
    disk.tell(|platter| platter.panics = true);
    let next = Write::replace(&chat, [0; 32], tombstone(&chat, 2));
    assert!(matches!(store.apply(&[next]).unwrap_err(), StoreError::Corrupt(_)));
    assert!(store.purge(chat.as_bytes()).unwrap());
    disk.tell(|platter| platter.ends = true);
    let error = store.get(chat.as_bytes()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    assert_eq!(store.get(chat.as_bytes()).unwrap(), None);
}
