//! A store in one file: the embedded database redb.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::mem;
use std::ops::{Bound, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use redb::backends::FileBackend;
use redb::{
    Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, Table,
    TableDefinition, TableHandle, WriteTransaction,
};

use crate::store::backend::{Fetch, KEYRING_ROW, Outcome, Row, Write, fence_holds, past};
use crate::store::blocking::now;
use crate::store::commits::{Call, Commits, Decided};
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::page::{Page, check_batch, start};
use crate::store::redb::latest::Latest;

mod latest;
#[cfg(test)]
mod tests;

/// The default cache, in bytes: it holds the inner pages of some millions of records.
const DEFAULT_CACHE_LEN: usize = 16 << 20;

/// The one table. Its name distinguishes our files from those of other programs that use redb.
const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("secrets-toml/v1 records");

/// A [`Store`] in one file: the embedded database [redb](https://docs.rs/redb).
///
/// One process at a time has the file open, and any number of its threads share one store. The file
/// holds ciphertext and the names of scopes. On Unix, only its owner can read and write it.
///
/// A write is acknowledged after `fsync`. It survives a crash and a power cut, as far as the disk
/// honors `fsync`. Concurrent calls of [`apply`](Store::apply) share commits.
///
/// # Damaged files
///
/// [`open`](Self::open) reads the whole file and verifies its checksums: seconds, if the file has
/// gigabytes. It refuses a damaged file with [`StoreError::Corrupt`], because a damaged file can
/// hide records. Damage that happens later is found when redb meets it, or when a record fails to
/// open.
///
/// redb can panic on a damaged file. The store catches the panic and returns
/// [`StoreError::Corrupt`]. The process's panic hook still prints redb's message. This is the one
/// exception to the rule that no input makes this crate panic, and it needs unwinding: with
/// `panic = "abort"`, the process ends.
///
/// # Errors of the disk
///
/// After an input or output error, the store closes the file, opens it again, and looks up the
/// write that failed:
///
/// - If the write is stored, the call succeeds.
/// - If it is not stored, the call returns the error, usually [`StoreError::Unavailable`].
/// - If the file cannot be opened again, the call returns [`StoreError::Unknown`].
///
/// # Examples
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
    core: Arc<Core>,
    commits: Commits,
}

/// The database, which a commit needs whoever runs it.
struct Core {
    /// Calls hold it for reading, whether they read or write. Opening the file again needs it for
    /// writing, and so waits until no call uses the old database.
    state: RwLock<State>,
    /// Held by a call that writes until the result is known. redb has one writer at a time anyway.
    writer: Mutex<()>,
    reopen: Box<dyn Fn() -> Result<Database, StoreError> + Send + Sync>,
}

impl RedbStore {
    /// Creates a file and opens it, with the default options.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Exists`] if the path exists. It is not overwritten.
    /// - [`StoreError::Unavailable`] if the file cannot be created or written.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        RedbOptions::new().create(path)
    }

    /// Opens a file that [`create`](Self::create) made, with the default options.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Missing`] if the file is absent or empty.
    /// - [`StoreError::InUse`] if it is already open, in this process or another.
    /// - [`StoreError::Foreign`] if it belongs to another program or to a later version.
    /// - [`StoreError::Corrupt`] if it is damaged.
    /// - [`StoreError::Unavailable`] if it cannot be read or written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        RedbOptions::new().open(path)
    }

    fn new(
        database: Database,
        reopen: impl Fn() -> Result<Database, Failure> + Send + Sync + 'static,
    ) -> Self {
        let core = Arc::new(Core {
            state: RwLock::new(State::new(database)),
            writer: Mutex::new(()),
            reopen: Box::new(move || guarded(&reopen)),
        });
        let shared = core.clone();
        let commits = Commits::new(move |calls| {
            let core = shared.clone();
            Box::pin(async move { core.commit(&calls) })
        });
        Self { core, commits }
    }
}

impl Core {
    /// Runs a transaction that reads. After an error it opens the file again, for the next call: redb
    /// refuses all further work after an input or output error.
    fn read<T>(&self, run: impl FnOnce(&Records) -> Result<T, Failure>) -> Result<T, StoreError> {
        let state = self.state()?;
        let result = guarded(|| run(&*state.records()?));
        let epoch = state.epoch;
        drop(state);
        if result.is_err() {
            // If that fails, the next call tries again and reports it.
            drop(self.restart(epoch));
        }
        result
    }

    /// Runs a transaction that writes.
    ///
    /// `run` returns the value that the call returns if the transaction commits, and whether there
    /// is anything to commit. If the commit fails, it may have reached the disk all the same. Then
    /// `landed` looks in the reopened file for what `run` wrote.
    fn write<T>(
        &self,
        run: impl FnOnce(&WriteTransaction) -> Result<(T, Commit), Failure>,
        landed: impl FnOnce(&T, &Database) -> Result<bool, Failure>,
    ) -> Result<T, StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state()?;
        // Set right before the commit: whatever fails while this is `None` has changed nothing.
        let mut plan = None;
        let result = guarded(|| {
            let mut transaction = state.database()?.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            // Opening the file after a crash then takes milliseconds instead of a walk through it.
            transaction.set_quick_repair(true);
            let (value, commit) = run(&transaction)?;
            if matches!(commit, Commit::Nothing) {
                transaction.abort()?;
                return Ok(Some(value));
            }
            plan = Some(value);
            state.latest.commit(|| transaction.commit())?;
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
        // Nobody else has written since, because this call still holds the writer's lock. What is
        // found now is durable: opening the file has written and synced the header that leads to it.
        match reopened.and_then(|state| guarded(|| landed(&plan, state.database()?))) {
            Ok(true) => Ok(plan),
            Ok(false) => Err(error),
            Err(_) => Err(StoreError::Unknown(Box::new(error))),
        }
    }

    /// Commits calls together. Returns what it decides about each.
    fn commit(&self, calls: &[Arc<Call>]) -> Vec<Decided> {
        match (self.apply(calls), calls) {
            (Ok(outcomes), _) => {
                let mut outcomes = outcomes.into_iter();
                let mut of = |call: &Arc<Call>| outcomes.by_ref().take(call.writes.len()).collect();
                calls.iter().map(|call| Decided::Told(Ok(of(call)))).collect()
            }
            (Err(error), [_]) => vec![Decided::Told(Err(error))],
            (Err(error @ StoreError::Unknown(_)), _) => {
                let error = error.shared();
                calls.iter().map(|_| Decided::Told(Err(error()))).collect()
            }
            // Nothing was written. It may be the fault of one call.
            (Err(_), _) => calls.iter().map(|_| Decided::Alone).collect(),
        }
    }

    /// Applies the writes of calls, which have one fence, in one transaction.
    fn apply(&self, calls: &[Arc<Call>]) -> Result<Vec<Outcome>, StoreError> {
        let writes = || calls.iter().flat_map(|call| &call.writes);
        let fence = calls.first().and_then(|call| call.fence.as_ref());
        let run = |transaction: &WriteTransaction| {
            let mut records = transaction.open_table(RECORDS)?;
            let keyring = records.get(KEYRING_ROW)?;
            if !fence_holds(fence, keyring.as_ref().map(|row| row.value())) {
                return Ok((writes().map(|_| Outcome::Fenced).collect(), Commit::Nothing));
            }
            drop(keyring);
            let mut outcomes = Vec::new();
            for write in writes() {
                let holds = write.holds(records.get(write.scope())?.as_ref().map(|r| r.value()));
                if holds {
                    records.insert(write.scope(), write.record())?;
                    write.removed().iter().try_for_each(|range| remove(&mut records, range))?;
                    for past in write.past() {
                        records.insert(past.scope(), past.record())?;
                    }
                }
                outcomes.push(if holds { Outcome::Applied } else { Outcome::Conflict });
            }
            let commit = Commit::if_any(outcomes.contains(&Outcome::Applied));
            Ok((outcomes, commit))
        };
        self.write(run, |outcomes: &Vec<_>, database| {
            let applied = |(_, outcome): &(_, &Outcome)| **outcome == Outcome::Applied;
            for (write, _) in writes().zip(outcomes).filter(applied) {
                if !is_done(write, database)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Locks the database for use, and opens the file first if the last attempt failed.
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
    ///
    /// Several calls can fail on one error of the disk. Each of them comes here with the epoch that
    /// it used, and only the first one opens the file.
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
        self.core.read(|records| Ok(records.get(scope)?.map(|record| record.value().to_vec())))
    }

    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        check_batch(writes)?;
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let call = Arc::new(Call::new(fence, writes));
        match now(self.commits.join(call.clone())) {
            Decided::Told(result) => result,
            Decided::Alone => self.core.apply(&[call]),
        }
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        self.core.read(|records| {
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
        let past = past(scope);
        let run = |transaction: &WriteTransaction| {
            let mut records = transaction.open_table(RECORDS)?;
            let found = records.remove(scope)?.is_some();
            let has_past = !is_empty(&records, &past)?;
            remove(&mut records, &past)?;
            Ok((found, Commit::if_any(found || has_past)))
        };
        self.core.write(run, |_, database| {
            let records = database.begin_read()?.open_table(RECORDS)?;
            Ok(records.get(scope)?.is_none() && is_empty(&records, &past)?)
        })
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").finish_non_exhaustive()
    }
}

/// Options for creating or opening a [`RedbStore`].
///
/// # Examples
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
    /// Creates the default options: a cache of 16 MiB, and a check of the file when it is opened.
    #[must_use]
    pub fn new() -> Self {
        Self { cache_len: DEFAULT_CACHE_LEN, check: true }
    }

    /// Sets the size of the store's cache, in bytes: 16 MiB by default.
    ///
    /// The operating system caches the file, too.
    #[must_use]
    pub fn cache_len(mut self, bytes: usize) -> Self {
        self.cache_len = bytes;
        self
    }

    /// Opens a file without checking it, to rescue records from a damaged one.
    ///
    /// A record that opens is authentic. A record that seems absent may only be unreachable, so do
    /// not write to such a store.
    #[must_use]
    pub fn without_check(mut self) -> Self {
        self.check = false;
        self
    }

    /// Same as [`RedbStore::create`], with these options.
    ///
    /// # Errors
    ///
    /// Same as [`RedbStore::create`].
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
        // An unfinished file could not be opened, and would be in the way of creating it again.
        let database = database.inspect_err(|_| drop(fs::remove_file(path)))?;
        Ok(self.store(path, database))
    }

    /// Same as [`RedbStore::open`], with these options.
    ///
    /// # Errors
    ///
    /// Same as [`RedbStore::open`].
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

    /// A store that opens its file again without a check: that was done, and would take seconds
    /// while every call waits.
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

/// The table in a snapshot of the database.
type Records = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The open database.
struct State {
    /// `None` after an error, until the file was opened again.
    database: Option<Database>,
    latest: Latest<Records>,
    /// How often the file was opened again.
    epoch: u64,
}

impl State {
    fn new(database: Database) -> Self {
        Self { database: Some(database), latest: Latest::default(), epoch: 0 }
    }

    /// Returns all records that are acknowledged.
    fn records(&self) -> Result<Arc<Records>, Failure> {
        let database = self.database()?;
        self.latest.get(|| Ok(database.begin_read()?.open_table(RECORDS)?))
    }

    fn database(&self) -> Result<&Database, Failure> {
        self.database.as_ref().ok_or(Failure::Redb(redb::Error::DatabaseClosed))
    }

    /// Closes the database. redb may panic then, too, if the file is damaged.
    fn close(&mut self) {
        let (latest, database) = (mem::take(&mut self.latest), self.database.take());
        let _ = catch_unwind(AssertUnwindSafe(|| drop((latest, database))));
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.close();
    }
}

/// The part of a transaction to commit: all of it, or nothing.
enum Commit {
    Everything,
    Nothing,
}

impl Commit {
    fn if_any(changed: bool) -> Self {
        if changed { Self::Everything } else { Self::Nothing }
    }
}

/// An error inside redb.
enum Failure {
    Redb(redb::Error),
    /// The file belongs to another program.
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
            Failure::Foreign => {
                return Self::Foreign("it has the tables of another program".into());
            }
        };
        match &error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse,
            redb::Error::UpgradeRequired(_) => Self::Foreign(error.into()),
            redb::Error::Io(io) => match io.kind() {
                io::ErrorKind::InvalidData => Self::Foreign(error.into()),
                io::ErrorKind::UnexpectedEof => Self::Corrupt(error.into()),
                _ => Self::Unavailable(error.into()),
            },
            // redb reports a file of another version this way only.
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

/// Calls redb, and takes a panic for a damaged file. Its payload may quote the file, so it is dropped.
fn guarded<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Ok(result?),
        Err(_) => Err(StoreError::Corrupt("the database library panicked".into())),
    }
}

/// Removes the rows in a range of keys.
fn remove(records: &mut Table<'_, &[u8], &[u8]>, range: &Range<Vec<u8>>) -> Result<(), Failure> {
    Ok(records.retain_in::<&[u8], _>(bounds(range), |_, _| false)?)
}

fn is_empty(
    records: &impl ReadableTable<&'static [u8], &'static [u8]>,
    range: &Range<Vec<u8>>,
) -> Result<bool, Failure> {
    Ok(records.range::<&[u8]>(bounds(range))?.next().transpose()?.is_none())
}

fn bounds(range: &Range<Vec<u8>>) -> Range<&[u8]> {
    &range.start..&range.end
}

/// Returns `true` if all that a write does is done.
fn is_done(write: &Write, database: &Database) -> Result<bool, Failure> {
    let records = database.begin_read()?.open_table(RECORDS)?;
    let past = write.past().iter().map(|row| (row.scope(), row.record()));
    let put: BTreeMap<_, _> = past.chain([(write.scope(), write.record())]).collect();
    for (key, record) in &put {
        if records.get(*key)?.is_none_or(|found| found.value() != *record) {
            return Ok(false);
        }
    }
    for range in write.removed() {
        for row in records.range::<&[u8]>(bounds(range))? {
            if !put.contains_key(row?.0.value()) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Creates the table if the database has none at all, since it was never used then. Refuses a
/// database that has other tables only.
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

/// Makes the name of a new file as durable as its content: `fsync` of a file does not cover it.
#[cfg(unix)]
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder_of(_: &Path) -> io::Result<()> {
    Ok(())
}
