//! Where a [`Vault`](crate::vault::Vault) keeps its records: bytes under bytes, changed only on a
//! condition.
//!
//! A store sees sealed records and the encodings of scopes. It never sees a key or a document, and
//! it need not be trusted with anything but to keep what it said it keeps.
//!
//! `RedbStore`, of the feature `redb`, is one file on one machine; `PostgresStore`, of the feature
//! `postgres`, a table that many share; [`MemoryStore`] forgets. Others implement [`Store`] or
//! [`AsyncStore`].

mod blocking;
mod export;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redb")]
mod redb;

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::future::Future;

pub use self::blocking::Blocking;
pub(crate) use self::export::Import;
pub use self::export::{ExportError, export, export_async};
pub use self::memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use self::postgres::{DEFAULT_STATEMENT_TIMEOUT, PostgresStore};
#[cfg(feature = "redb")]
pub use self::redb::{DEFAULT_CACHE_LEN, RedbOptions, RedbStore};
use crate::seal::{Header, KeyId, Record, Scope};

/// The length of a record's head, in bytes: what it says of itself in clear, without the content.
pub const HEAD_LEN: usize = 100;

/// What one page of a scan holds at most, in bytes of scopes and records: 4 MiB, so that neither
/// side ever holds much. A single record is shorter than that.
pub const MAX_PAGE_LEN: usize = 4 << 20;

/// Where the commitment stands in a record.
const COMMITMENT: std::ops::Range<usize> = 68..HEAD_LEN;

/// What keeps records, one under each scope.
///
/// A scope is its [encoding](Scope::as_bytes), a record its [bytes](Record::as_bytes); a store
/// looks into neither, but for a record's [`commitment`].
///
/// What is promised to the vault, and what the tests of this crate ask of every store:
///
/// - **Linearizable.** A call sees everything that was acknowledged before it began, by whichever
///   process. A read replica is no store.
/// - **Durable.** What was acknowledged is there after a crash, as far as the store keeps anything.
/// - **Conditional.** Each write is decided on its own condition, and those that hold commit
///   together.
/// - **Honest about doubt.** [`StoreError::Unavailable`] means that nothing was changed and never
///   will be; where that is not known, it is [`StoreError::Unknown`].
///
/// ```
/// use secrets_toml::seal::{Keyring, Revision, Scope};
/// use secrets_toml::store::{Fetch, MemoryStore, Outcome, Store, Write};
///
/// let keyring = Keyring::generate()?;
/// let scope = Scope::module("chat")?;
/// let record = keyring.seal_tombstone(&scope, Revision::FIRST)?;
///
/// let store: Box<dyn Store> = Box::new(MemoryStore::new());
/// let writes = [Write::create(&scope, record.clone())];
/// assert_eq!(store.apply(&writes)?, [Outcome::Applied]);
/// assert_eq!(store.apply(&writes)?, [Outcome::Conflict], "something stands there now");
/// assert_eq!(store.get(scope.as_bytes())?.as_deref(), Some(record.as_bytes()));
/// assert_eq!(store.scan(&[], None, 10, Fetch::Heads)?.len(), 1);
/// assert!(store.purge(scope.as_bytes())?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Store: Send + Sync {
    /// The record of a scope.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where the store cannot tell.
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Writes records, each where its condition holds, and tells of each in the order in which they
    /// were given. Those that hold commit together, or none does.
    ///
    /// # Errors
    ///
    /// [`StoreError::Repeated`] where two writes name one scope. [`StoreError::Unknown`] where the
    /// writes may have happened, or may still happen; of every other error none has.
    fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError>;

    /// One page of the scopes that begin with a prefix and come after another, in the order of
    /// their bytes, each with its record or the head of it. An empty page is the end.
    ///
    /// The page ends at `limit` rows or before the row that would make it longer than
    /// [`MAX_PAGE_LEN`]; the first row is always there. A page shows the store at one moment. A record
    /// that stood throughout a scan of several pages is met; of one that was written or purged
    /// meanwhile nothing is promised.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where the store cannot tell.
    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError>;

    /// Removes the record of a scope, whatever it is, and tells whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as of [`apply`](Self::apply).
    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError>;
}

/// A [`Store`] that answers in its own time, on whatever runtime its own library takes. Everything
/// that is said there holds here.
///
/// A future that is dropped before it is done may have written, as after [`StoreError::Unknown`].
pub trait AsyncStore: Send + Sync {
    /// As [`Store::get`].
    fn get(&self, scope: &[u8])
    -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;

    /// As [`Store::apply`].
    fn apply(
        &self,
        writes: &[Write],
    ) -> impl Future<Output = Result<Vec<Outcome>, StoreError>> + Send;

    /// As [`Store::scan`].
    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// As [`Store::purge`].
    fn purge(&self, scope: &[u8]) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Counts the records by the key that each names in clear; those that are no records under
    /// `None`. A scan of all heads, unless a store can do better.
    fn count_by_key(
        &self,
    ) -> impl Future<Output = Result<BTreeMap<Option<KeyId>, u64>, StoreError>> + Send {
        async {
            let mut counts = BTreeMap::new();
            let mut after = None;
            loop {
                let page = self.scan(&[], after.as_deref(), usize::MAX, Fetch::Heads).await?;
                let Some(last) = page.last() else { return Ok(counts) };
                after = Some(last.scope().to_vec());
                for row in page {
                    let header = Header::of_head(row.record());
                    *counts.entry(header.ok().map(|header| header.key_id())).or_default() += 1;
                }
            }
        }
    }
}

/// One conditional write of a record.
#[derive(Debug, Clone)]
pub struct Write {
    scope: Vec<u8>,
    expected: Option<[u8; 32]>,
    record: Record,
}

impl Write {
    /// Writes where nothing stands.
    #[must_use]
    pub fn create(scope: &Scope, record: Record) -> Self {
        Self { scope: scope.as_bytes().to_vec(), expected: None, record }
    }

    /// Writes where the record with this [`commitment`] stands.
    #[must_use]
    pub fn replace(scope: &Scope, commitment: [u8; 32], record: Record) -> Self {
        Self { scope: scope.as_bytes().to_vec(), expected: Some(commitment), record }
    }

    /// The encoding of the scope.
    #[must_use]
    pub fn scope(&self) -> &[u8] {
        &self.scope
    }

    /// The commitment of the record that must stand there; `None` where nothing must.
    #[must_use]
    pub fn expected(&self) -> Option<&[u8; 32]> {
        self.expected.as_ref()
    }

    /// The bytes to be written.
    #[must_use]
    pub fn record(&self) -> &[u8] {
        self.record.as_bytes()
    }

    /// Whether the condition holds of what stands there.
    #[must_use]
    pub fn holds(&self, standing: Option<&[u8]>) -> bool {
        match (&self.expected, standing) {
            (None, None) => true,
            (Some(expected), Some(standing)) => commitment(standing) == Some(expected),
            _ => false,
        }
    }
}

/// What became of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The condition held, and the record was written.
    Applied,
    /// The condition did not hold, and nothing was changed.
    Conflict,
}

/// How much of each record a scan fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fetch {
    /// Its first [`HEAD_LEN`] bytes, or all where it is shorter.
    Heads,
    /// All of it.
    Records,
}

impl Fetch {
    /// The part of a record that is fetched.
    #[must_use]
    pub fn of(self, record: &[u8]) -> &[u8] {
        match self {
            Self::Heads => &record[..record.len().min(HEAD_LEN)],
            Self::Records => record,
        }
    }
}

/// One row of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    scope: Vec<u8>,
    record: Vec<u8>,
}

impl Row {
    /// A row, from the encoding of a scope and a record or the head of one.
    #[must_use]
    pub fn new(scope: Vec<u8>, record: Vec<u8>) -> Self {
        Self { scope, record }
    }

    /// The encoding of the scope, as the store has it.
    #[must_use]
    pub fn scope(&self) -> &[u8] {
        &self.scope
    }

    /// The record, or the head of it.
    #[must_use]
    pub fn record(&self) -> &[u8] {
        &self.record
    }
}

/// Why a store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store failed, and nothing was changed: it may be tried again.
    #[error("the store is unavailable; nothing was changed")]
    Unavailable(#[source] Cause),
    /// The store failed while it wrote: the write may have happened, or may still happen.
    #[error("the store did not tell whether it wrote")]
    Unknown(#[source] Cause),
    /// What the store is made of is damaged. It is to be restored from a copy.
    #[error("the store is damaged")]
    Corrupt(#[source] Cause),
    /// Another process, or another handle in this one, has the database open.
    #[error("another process has the database open")]
    InUse,
    /// There is no database: the file is absent or empty. A store is made by `create`.
    #[error("there is no database; create it first")]
    Missing,
    /// Something is there already, and `create` overwrites nothing.
    #[error("there is a file already; open it instead")]
    Exists,
    /// The file is not a database of this library, or one of a later version.
    #[error("the file is not a database of this library")]
    Foreign(#[source] Cause),
    /// Two writes of one batch name the same scope. Nothing was changed.
    #[error("a batch of writes names one scope twice")]
    Repeated,
}

/// What lies behind a [`StoreError`], as the store's own library tells it.
pub type Cause = Box<dyn Error + Send + Sync>;

/// The commitment of a record: what tells one write from another. `None` where the bytes are too
/// short to be a record; no condition holds of them.
#[must_use]
pub fn commitment(record: &[u8]) -> Option<&[u8; 32]> {
    record.get(COMMITMENT)?.try_into().ok()
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: Store + ?Sized> Store for $pointer {
            fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
                (**self).get(scope)
            }

            fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
                (**self).apply(writes)
            }

            fn scan(
                &self,
                prefix: &[u8],
                after: Option<&[u8]>,
                limit: usize,
                fetch: Fetch,
            ) -> Result<Vec<Row>, StoreError> {
                (**self).scan(prefix, after, limit, fetch)
            }

            fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
                (**self).purge(scope)
            }
        }
    )*};
}

forward!(&S, Box<S>, std::sync::Arc<S>);

/// Refuses a batch that names one scope twice: its conditions would depend on the order.
fn check_batch(writes: &[Write]) -> Result<(), StoreError> {
    let mut scopes = HashSet::with_capacity(writes.len());
    let distinct = writes.len() < 2 || writes.iter().all(|write| scopes.insert(&write.scope));
    if distinct { Ok(()) } else { Err(StoreError::Repeated) }
}

/// A page of a scan that is being filled.
struct Page<'a> {
    prefix: &'a [u8],
    limit: usize,
    fetch: Fetch,
    len: usize,
    rows: Vec<Row>,
}

impl<'a> Page<'a> {
    fn new(prefix: &'a [u8], limit: usize, fetch: Fetch) -> Self {
        Self { prefix, limit, fetch, len: 0, rows: Vec::new() }
    }

    /// Adds the next row; `false` where the page ended before it.
    fn push(&mut self, scope: &[u8], record: &[u8]) -> bool {
        if !scope.starts_with(self.prefix) || self.rows.len() >= self.limit {
            return false;
        }
        let record = self.fetch.of(record);
        self.len += scope.len() + record.len();
        if self.len > MAX_PAGE_LEN && !self.rows.is_empty() {
            return false;
        }
        self.rows.push(Row::new(scope.to_vec(), record.to_vec()));
        true
    }
}

/// Where a scan begins: past `after`, or at the prefix where that comes later.
fn start<'a>(prefix: &'a [u8], after: Option<&'a [u8]>) -> std::ops::Bound<&'a [u8]> {
    match after {
        Some(after) if after >= prefix => std::ops::Bound::Excluded(after),
        _ => std::ops::Bound::Included(prefix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_be_exactly_full() {
        let mut page = Page::new(b"", usize::MAX, Fetch::Records);
        assert!(page.push(b"a", &vec![0; MAX_PAGE_LEN - 2]));
        assert!(page.push(b"b", b"") && !page.push(b"c", b""));
        assert_eq!(page.rows.len(), 2);
    }
}
