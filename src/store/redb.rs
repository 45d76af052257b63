//! A store in one file, with the embedded database redb.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use redb::backends::FileBackend;
use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableHandle,
    WriteTransaction,
};

use crate::store::backend::{Fetch, Outcome, Row, Write};
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::page::{Page, check_batch, start};

#[cfg(test)]
mod tests;

/// How much of the file is kept in memory unless [`RedbOptions::cache_len`] says otherwise, in
/// bytes: 16 MiB, which holds the inner pages of some millions of records.
const DEFAULT_CACHE_LEN: usize = 16 << 20;

/// The one table. Its name tells our files from those of other programs that use redb.
const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("secrets-toml/v1 records");

/// A [`Store`] in one file: the embedded database [redb](https://docs.rs/redb).
///
/// One process has the file open at a time; in it, any number of threads share one store. A write
/// that was acknowledged is on the disk, as far as `fsync` tells. The file is made readable and
/// writable for its owner only; it holds ciphertext and the names of scopes.
///
/// [`open`](Self::open) reads the whole file and checks it, which takes seconds where it has
/// gigabytes, so that a damaged one is [`StoreError::Corrupt`] before anything is read from it or
/// written to it: a record that is there must not be taken for absent. What is damaged while it is
/// open is found where redb, or the seal of a record, notices.
///
/// # A damaged file
///
/// redb can panic on what it does not expect in a file. That is caught here and becomes
/// [`StoreError::Corrupt`], though the panic's message, of redb's own words, is printed by the
/// process's panic hook. It is the one exception to the promise that no input makes this library
/// panic inside, and it takes unwinding: under `panic = "abort"` the process ends.
///
/// After an input or output error the file is closed and opened again, and a write that was in
/// flight is looked up: it was acknowledged, or nothing was changed, or, where the file cannot be
/// opened, it is [`StoreError::Unknown`].
///
/// ```
/// use secrets_toml::store::{RedbStore, Store, StoreError};
///
/// let folder = std::env::temp_dir().join(format!("secrets-toml-doc-{}", std::process::id()));
/// std::fs::create_dir_all(&folder)?;
/// let file = folder.join("vault.redb");
///
/// assert!(matches!(RedbStore::open(&file), Err(StoreError::Missing)));
/// let store = RedbStore::create(&file)?;
/// assert!(matches!(RedbStore::open(&file), Err(StoreError::InUse)));
/// assert_eq!(store.get(b"anything")?, None);
/// drop(store);
/// RedbStore::open(&file)?;
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RedbStore {
    state: RwLock<State>,
    /// Held by whoever writes, until it is known what became of it: redb has one writer at a time
    /// anyway.
    writer: Mutex<()>,
    reopen: Box<dyn Fn() -> Result<Database, StoreError> + Send + Sync>,
}

impl RedbStore {
    /// Makes a new file and opens it, with the default options.
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] where anything is there already; [`StoreError::Unavailable`] where
    /// the file cannot be made.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        RedbOptions::new().create(path)
    }

    /// Opens the file that [`create`](Self::create) made, with the default options.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] where there is no file or an empty one, [`StoreError::InUse`] where
    /// another process has it open, [`StoreError::Foreign`] and [`StoreError::Corrupt`] where it
    /// is no good, and [`StoreError::Unavailable`] where it cannot be read or written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        RedbOptions::new().open(path)
    }

    fn new(
        database: Database,
        reopen: impl Fn() -> Result<Database, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self {
            state: RwLock::new(State { database: Some(database), epoch: 0 }),
            writer: Mutex::new(()),
            reopen: Box::new(move || guarded(&reopen)),
        }
    }

    /// Runs a transaction that reads.
    fn read<T>(&self, run: impl FnOnce(&Database) -> Result<T, Failure>) -> Result<T, StoreError> {
        let state = self.state()?;
        let result = guarded(|| run(state.database()?));
        let epoch = state.epoch;
        drop(state);
        if result.is_err() {
            // Whether it opens again is the next call's concern.
            drop(self.restart(epoch));
        }
        result
    }

    /// Runs a transaction that writes, and commits it where `run` gives a plan. Where it is not
    /// known whether it was committed, `landed` looks whether the plan was carried out.
    fn write<T>(
        &self,
        run: impl FnOnce(&WriteTransaction) -> Result<(T, Commit), Failure>,
        landed: impl FnOnce(&T, &Database) -> Result<bool, Failure>,
    ) -> Result<T, StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state()?;
        let mut plan = None;
        let result = guarded(|| {
            let mut transaction = state.database()?.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            transaction.set_quick_repair(true);
            let (value, commit) = run(&transaction)?;
            if matches!(commit, Commit::Nothing) {
                transaction.abort()?;
                return Ok(Some(value));
            }
            plan = Some(value);
            transaction.commit()?;
            Ok(None)
        });
        let epoch = state.epoch;
        drop(state);
        let error = match (result, &plan) {
            (Ok(Some(value)), _) => return Ok(value),
            (Ok(None), _) => return Ok(plan.expect("what was committed was planned")),
            (Err(error), _) => error,
        };
        let reopened = self.restart(epoch);
        let Some(plan) = plan else { return Err(error) };
        // Nobody else has written since: this call still holds the writer's lock. What is found now
        // is on the disk, because opening the file again has written and synced the header that
        // leads to it.
        match reopened.and_then(|state| guarded(|| landed(&plan, state.database()?))) {
            Ok(true) => Ok(plan),
            Ok(false) => Err(error),
            Err(_) => Err(StoreError::Unknown(Box::new(error))),
        }
    }

    /// The database, opened again where the last attempt to do so failed.
    fn state(&self) -> Result<RwLockReadGuard<'_, State>, StoreError> {
        loop {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if state.database.is_some() {
                return Ok(state);
            }
            let epoch = state.epoch;
            drop(state);
            drop(self.restart(epoch)?);
        }
    }

    /// Closes the database and opens it again, unless another thread has done so since `epoch`.
    fn restart(&self, epoch: u64) -> Result<RwLockReadGuard<'_, State>, StoreError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.epoch == epoch {
            state.close();
            state.database = Some((self.reopen)()?);
            state.epoch += 1;
        }
        drop(state);
        self.state()
    }
}

impl Store for RedbStore {
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|database| look_up(database, scope))
    }

    fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        check_batch(writes)?;
        let run = |transaction: &WriteTransaction| {
            let mut records = transaction.open_table(RECORDS)?;
            let mut outcomes = Vec::with_capacity(writes.len());
            for write in writes {
                let holds = write.holds(records.get(write.scope())?.as_ref().map(|r| r.value()));
                if holds {
                    records.insert(write.scope(), write.record())?;
                }
                outcomes.push(if holds { Outcome::Applied } else { Outcome::Conflict });
            }
            let commit = Commit::if_any(outcomes.contains(&Outcome::Applied));
            Ok((outcomes, commit))
        };
        self.write(run, |outcomes, database| {
            for (write, outcome) in writes.iter().zip(outcomes) {
                let stands = look_up(database, write.scope())?;
                if *outcome == Outcome::Applied && stands.as_deref() != Some(write.record()) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        self.read(|database| {
            let records = database.begin_read()?.open_table(RECORDS)?;
            let mut page = Page::new(prefix, limit, fetch);
            let range = (start(prefix, after), Bound::<&[u8]>::Unbounded);
            for row in records.range::<&[u8]>(range)? {
                let (scope, record) = row?;
                if !page.push(scope.value(), record.value()) {
                    break;
                }
            }
            Ok(page.rows)
        })
    }

    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        let run = |transaction: &WriteTransaction| {
            let found = transaction.open_table(RECORDS)?.remove(scope)?.is_some();
            Ok((found, Commit::if_any(found)))
        };
        self.write(run, |_, database| Ok(look_up(database, scope)?.is_none()))
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").finish_non_exhaustive()
    }
}

/// How a [`RedbStore`] is made.
///
/// ```
/// use secrets_toml::store::{RedbOptions, StoreError};
///
/// let absent = std::env::temp_dir().join("absent").join("vault.redb");
/// let opened = RedbOptions::new().cache_len(64 << 20).open(absent);
/// assert!(matches!(opened, Err(StoreError::Missing)));
/// ```
#[derive(Debug, Clone)]
pub struct RedbOptions {
    cache_len: usize,
    check: bool,
}

impl RedbOptions {
    /// The default options.
    #[must_use]
    pub fn new() -> Self {
        Self { cache_len: DEFAULT_CACHE_LEN, check: true }
    }

    /// Keeps this much of the file in memory, in bytes. The operating system keeps its own.
    #[must_use]
    pub fn cache_len(mut self, bytes: usize) -> Self {
        self.cache_len = bytes;
        self
    }

    /// Opens the file without reading all of it. This is for saving what can be saved from a damaged
    /// one: what opens is authentic still, but what seems absent may only not be found.
    #[must_use]
    pub fn without_check(mut self) -> Self {
        self.check = false;
        self
    }

    /// As [`RedbStore::create`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn create(&self, path: impl AsRef<Path>) -> Result<RedbStore, StoreError> {
        let path = path.as_ref();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::Exists,
            _ => StoreError::Unavailable(error.into()),
        })?;
        let database = guarded(|| {
            let backend = FileBackend::new(file)?;
            let database = prepare(self.builder().create_with_backend(backend)?)?;
            sync_folder_of(path)?;
            Ok(database)
        });
        // Half a file could be neither opened nor created.
        let database = database.inspect_err(|_| drop(fs::remove_file(path)))?;
        Ok(self.store(path, database))
    }

    /// As [`RedbStore::open`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<RedbStore, StoreError> {
        let path = path.as_ref();
        match fs::metadata(path) {
            Ok(file) if file.len() == 0 => return Err(StoreError::Missing),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::Missing);
            }
            _ => {}
        }
        let database = guarded(|| prepare(self.builder().open(path)?))?;
        Ok(self.store(path, database))
    }

    fn store(&self, path: &Path, database: Database) -> RedbStore {
        let (again, path) = (self.clone().without_check(), path.to_owned());
        RedbStore::new(database, move || prepare(again.builder().open(&path)?))
    }

    fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder.set_cache_size(self.cache_len);
        builder.set_check_integrity_on_open(self.check);
        builder
    }
}

impl Default for RedbOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The open database.
struct State {
    /// Absent after an error, until it could be opened again.
    database: Option<Database>,
    /// How often it was opened again.
    epoch: u64,
}

impl State {
    fn database(&self) -> Result<&Database, Failure> {
        self.database.as_ref().ok_or(Failure::Redb(redb::Error::DatabaseClosed))
    }

    /// Closes the database, whatever state it is in.
    fn close(&mut self) {
        let database = self.database.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.close();
    }
}

/// Whether there is anything to commit.
enum Commit {
    Everything,
    Nothing,
}

impl Commit {
    fn if_any(changed: bool) -> Self {
        if changed { Self::Everything } else { Self::Nothing }
    }
}

/// What went wrong inside of redb.
enum Failure {
    Redb(redb::Error),
    /// The file is another program's.
    Foreign,
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Redb(error.into())
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        let error = match failure {
            Failure::Redb(error) => error,
            Failure::Foreign => return Self::Foreign("its tables are another program's".into()),
        };
        match &error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse,
            redb::Error::UpgradeRequired(_) => Self::Foreign(error.into()),
            redb::Error::Io(io) => match io.kind() {
                io::ErrorKind::InvalidData => Self::Foreign(error.into()),
                io::ErrorKind::UnexpectedEof => Self::Corrupt(error.into()),
                _ => Self::Unavailable(error.into()),
            },
            // redb has no other sign for a file of a later version.
            redb::Error::Corrupted(text) if text.starts_with("Expected file format version") => {
                Self::Foreign(error.into())
            }
            redb::Error::Corrupted(_)
            | redb::Error::RepairAborted
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableDoesNotExist(_) => Self::Corrupt(error.into()),
            _ => Self::Unavailable(error.into()),
        }
    }
}

/// Calls into redb; a panic is a damaged file, and what it says is left to the panic hook.
fn guarded<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Ok(result?),
        Err(_) => Err(StoreError::Corrupt("the database library panicked".into())),
    }
}

fn look_up(database: &Database, scope: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    let records = database.begin_read()?.open_table(RECORDS)?;
    Ok(records.get(scope)?.map(|record| record.value().to_vec()))
}

/// Makes sure of the table: makes it where the database has none at all, so was never used, and
/// refuses a database that has others.
fn prepare(database: Database) -> Result<Database, Failure> {
    let transaction = database.begin_read()?;
    let tables: Vec<_> = transaction.list_tables()?.collect();
    drop(transaction);
    if tables.is_empty() {
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        transaction.open_table(RECORDS)?;
        transaction.commit()?;
    } else if !tables.iter().any(|table| table.name() == RECORDS.name()) {
        return Err(Failure::Foreign);
    }
    database.begin_read()?.open_table(RECORDS)?;
    Ok(database)
}

/// Makes the name of a new file as durable as the file.
#[cfg(unix)]
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder_of(_: &Path) -> io::Result<()> {
    Ok(())
}
