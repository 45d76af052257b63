//! A disk that fails: what became of each write is known afterwards, or reported as unknown.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use crate::seal::{Keyring, Record, Revision, Scope};
use crate::store::backend::{Fetch, Outcome, Write, commitment, past};
use crate::store::redb::tests::store_on;
use crate::store::redb::{RedbOptions, RedbStore};
use crate::store::{Store, StoreError};

fn chat() -> Scope {
    Scope::module("chat").unwrap()
}

fn tombstone(scope: &Scope, revision: Revision) -> Record {
    Keyring::from_bytes([0x11; 32]).seal_tombstone(scope, revision, None).unwrap()
}

/// Writes the first record of a scope.
fn create(scope: &Scope) -> Write {
    Write::create(scope, tombstone(scope, Revision::FIRST))
}

#[track_caller]
fn applies(store: &RedbStore, write: Write) {
    assert_eq!(store.apply(None, &[write]).unwrap(), [Outcome::Applied]);
}

/// A file in memory that fails on request.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    bytes: Vec<u8>,
    /// How many more writes and syncs succeed before all fail.
    until_failure: Option<u64>,
    /// Opening the disk again fails, too.
    gone: bool,
    /// The next read panics, as redb may on a damaged file.
    panics: bool,
    /// The next read finds no bytes, as in a file that is too short.
    ends: bool,
}

impl Disk {
    fn store(&self) -> RedbStore {
        let disk = self.clone();
        store_on(&RedbOptions::new().cache_len(0), move || disk.handle()).unwrap()
    }

    /// Opens the disk again, which repairs it unless it is gone.
    fn handle(&self) -> io::Result<Self> {
        let mut platter = self.0.lock().unwrap();
        if platter.gone {
            return Err(failure());
        }
        platter.until_failure = None;
        Ok(self.clone())
    }

    fn set(&self, change: impl FnOnce(&mut Platter)) {
        change(&mut self.0.lock().unwrap());
    }

    fn changing(&self) -> io::Result<MutexGuard<'_, Platter>> {
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

/// At whichever step of a write the disk fails, the store knows afterwards whether it wrote.
#[test]
fn after_an_error_of_the_disk_what_was_in_flight_is_known() {
    let chat = chat();
    let (mut written, mut not_written) = (0, 0);
    for until_failure in 0.. {
        let disk = Disk::default();
        let store = disk.store();
        disk.set(|platter| platter.until_failure = Some(until_failure));
        let write = create(&chat);
        let result = store.apply(None, std::slice::from_ref(&write));
        let failed = disk.0.lock().unwrap().until_failure.take().is_none();
        let current = store.get(chat.as_bytes()).unwrap();
        match result {
            Ok(outcomes) => {
                assert_eq!(outcomes, [Outcome::Applied]);
                assert_eq!(current.as_deref(), Some(write.record()));
                written += u64::from(failed);
            }
            Err(error) => {
                assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
                assert_eq!(current, None, "after {until_failure}");
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

/// The record is written over itself, so only the past rows tell whether the write is done.
#[test]
fn after_an_error_of_the_disk_the_past_is_known_too() {
    let chat = chat();
    let record = tombstone(&chat, Revision::FIRST);
    let current = *commitment(record.as_bytes()).unwrap();
    let over_itself = || Write::replace(&chat, current, record.clone());
    let puts = |write: Write| write.put_past(Revision::FIRST, record.clone());
    let has_past = |store: &RedbStore| {
        !store.scan(&past(chat.as_bytes()).start[..1], None, 9, Fetch::Heads).unwrap().is_empty()
    };
    let (mut written, mut not_written) = (0, 0);
    for removes in [false, true] {
        for until_failure in 0.. {
            let disk = Disk::default();
            let store = disk.store();
            applies(&store, create(&chat));
            let start = *commitment(&store.get(chat.as_bytes()).unwrap().unwrap()).unwrap();
            let first = Write::replace(&chat, start, record.clone());
            applies(&store, if removes { puts(first) } else { first });
            disk.set(|platter| platter.until_failure = Some(until_failure));
            let write = over_itself();
            let write = if removes { write.remove_past(0..9) } else { puts(write) };
            let result = store.apply(None, &[write]);
            let failed = disk.0.lock().unwrap().until_failure.take().is_none();
            let is_done = has_past(&store) != removes;
            assert_eq!(result.is_ok(), is_done, "after {until_failure}: {result:?}");
            written += u64::from(failed && is_done);
            not_written += u64::from(!is_done);
            if !failed {
                break;
            }
        }
    }
    assert!(written > 0 && not_written > 6, "{written} were written, {not_written} were not");
}

#[test]
fn a_write_to_a_disk_that_is_gone_is_unknown() {
    let chat = chat();
    let disk = Disk::default();
    let store = disk.store();
    disk.set(|platter| (platter.until_failure, platter.gone) = (Some(3), true));
    let write = create(&chat);
    let error = store.apply(None, std::slice::from_ref(&write)).unwrap_err();
    assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
    assert_eq!(error.to_string(), "the store did not report whether the write happened");
    let error = store.apply(None, std::slice::from_ref(&write)).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    disk.set(|platter| platter.gone = false);
    applies(&store, write);
}

#[test]
fn a_read_that_fails_is_unavailable_and_the_next_one_is_not() {
    let chat = chat();
    let disk = Disk::default();
    let store = disk.store();
    applies(&store, create(&chat));
    disk.set(|platter| platter.until_failure = Some(0));
    let error = store.get(chat.as_bytes()).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(store.get(chat.as_bytes()).unwrap().is_some());
}

#[test]
fn a_panic_is_a_damaged_file() {
    let chat = chat();
    let disk = Disk::default();
    let store = disk.store();
    applies(&store, create(&chat));
    disk.set(|platter| platter.panics = true);
    let error = store.get(chat.as_bytes()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    assert_eq!(error.to_string(), "the store is damaged; restore it from a backup");
    assert_eq!(error.source().unwrap().to_string(), "the database library panicked");
    assert!(store.get(chat.as_bytes()).unwrap().is_some(), "it was opened again");
    disk.set(|platter| platter.panics = true);
    let next = Write::replace(&chat, [0; 32], tombstone(&chat, Revision::FIRST.next().unwrap()));
    assert!(matches!(store.apply(None, &[next]).unwrap_err(), StoreError::Corrupt(_)));
    assert!(store.purge(chat.as_bytes()).unwrap());
    disk.set(|platter| platter.ends = true);
    let error = store.get(chat.as_bytes()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    assert_eq!(store.get(chat.as_bytes()).unwrap(), None);
}
