//! The contract between a vault and its store: the two traits, and the scan that checks a store's
//! order.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;

use crate::seal::format::KEYRING_ROW;
use crate::seal::{Header, KeyId, Kind, Scope};
use crate::store::error::StoreError;
use crate::store::range::RowRange;
use crate::store::row::{Fetch, Row};
use crate::store::write::{Outcome, Write};

/// A key-value store for sealed records, with conditional writes.
///
/// The key is the [encoding](crate::seal::Scope::as_bytes) of a scope, of at most 780 bytes. The
/// value is a [record](crate::seal::Record::as_bytes), of at most 2 MiB and 120 bytes. A store compares keys as bytes, and
/// returns values as they were written. It reads nothing in them except a record's
/// [`commitment`](crate::store::backend::commitment).
///
/// # Contract
///
/// A [`Vault`](crate::vault::Vault) relies on what follows:
///
/// - **Linearizable.** A call takes effect at one moment between its start and its return. A read
///   sees every write that any process got acknowledged before the read began. A replica that lags
///   behind cannot be a store.
/// - **Durable.** An acknowledged write survives a crash of the process and of the machine.
///   ([`MemoryStore`](crate::store::MemoryStore) is the exception, and says so.)
/// - **Conditional.** A write applies if and only if [`Write::holds`] for the record that is then
///   stored under its scope. Checking and writing are one atomic step, whoever else writes.
/// - **Fenced.** A batch applies only if its fence holds, by
///   [`fence_holds`](crate::store::backend::fence_holds), for the
///   [keyring's row](crate::store::backend::KEYRING_ROW) as it is at the moment of the commit. So a write
///   that was sealed under a keyring does not apply once another keyring is acknowledged, however long
///   the write took.
/// - **Whole.** A [`Write`] puts and removes past rows, too. They change if and only if the write
///   applies, in the same atomic step.
/// - **Atomic.** The writes of a batch whose conditions hold commit together, or none does. A
///   conflict of one write does not prevent the others.
/// - **Honest.** [`StoreError::Unavailable`] means that nothing was changed and nothing will be. If
///   the store cannot know that, it returns [`StoreError::Unknown`], and the vault sends the same
///   batch again.
/// - **Sent once.** A store does not repeat a write that may have happened: the repetition would
///   report a conflict with the write itself. It may repeat one that it knows was rolled back.
/// - **Concurrent.** Any number of threads may call a store at a time.
///
/// A store does not check records. The vault sends at most 4,096 writes in a batch, and never an
/// empty one.
///
/// # Examples
///
/// ```
/// use secrets_toml::seal::{Keyring, Revision, Scope};
/// use secrets_toml::store::backend::{Fetch, Outcome, Write};
/// use secrets_toml::store::{MemoryStore, Store};
///
/// let keyring = Keyring::generate()?;
/// let scope = Scope::module("chat")?;
/// let record = keyring.seal_tombstone(&scope, Revision::FIRST, None)?;
///
/// let store: Box<dyn Store> = Box::new(MemoryStore::new());
/// let writes = [Write::create(&scope, record.clone())];
/// assert_eq!(store.apply(None, &writes)?, [Outcome::Applied]);
/// assert_eq!(store.apply(None, &writes)?, [Outcome::Conflict], "the scope has a record now");
/// assert_eq!(store.apply(Some(&[7; 32]), &writes)?, [Outcome::Fenced], "no keyring is stored");
/// assert_eq!(store.get(scope.as_bytes())?.as_deref(), Some(record.as_bytes()));
/// assert_eq!(store.scan(&[], None, 10, Fetch::Heads)?.len(), 1);
/// assert!(store.purge(scope.as_bytes())?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The module [`backend`](crate::store::backend) has an example of an implementation.
pub trait Store: Send + Sync {
    /// Returns the record of a scope, or `None` if it has none.
    ///
    /// # Errors
    ///
    /// Any [`StoreError`] but [`Unknown`](StoreError::Unknown) and
    /// [`Repeated`](StoreError::Repeated), if the store cannot tell. It never returns `None` then.
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Applies the writes whose conditions hold, if the fence holds. Returns the outcome of each, in the
    /// order of `writes`.
    ///
    /// If the fence does not hold, each outcome is [`Outcome::Fenced`], and nothing was done. An empty
    /// batch changes nothing and returns no outcomes.
    ///
    /// A batch that writes the [keyring's row](crate::store::backend::KEYRING_ROW) has this one write, with
    /// a fence that equals the write's condition.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Repeated`] if two writes name one scope, or if a write puts or removes a past
    ///   row that another one names.
    /// - [`StoreError::Unknown`] if the batch may have been committed, or may still be.
    /// - Any other [`StoreError`] if nothing was changed.
    fn apply(&self, fence: Option<&[u8; 32]>, writes: &[Write])
    -> Result<Vec<Outcome>, StoreError>;

    /// Returns one page of the scopes that begin with `prefix` and come after `after`, in the order
    /// of their bytes. A vault refuses a page that is out of order.
    ///
    /// `after` need not be stored, nor begin with `prefix`. The empty prefix selects all scopes.
    ///
    /// A page has at most `limit` rows and at most
    /// [`MAX_PAGE_LEN`](crate::store::backend::MAX_PAGE_LEN) bytes, which are the lengths of its
    /// scopes and of the parts of records that `fetch` selects. It may be shorter than both allow.
    /// It is empty only if no such scope is left, or if `limit` is 0. If the first row alone is
    /// longer, the page has that row.
    ///
    /// A page shows the store at one moment, but the pages of a scan show different ones. A scope
    /// that has a record from the first page to the last is returned once. One that is created or
    /// purged meanwhile may be returned or not.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get).
    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError>;

    /// Removes the record of a scope, and all its [past](crate::store::backend::past) rows with it, without a
    /// condition and without a fence. Returns `true` if there was a record.
    ///
    /// It is one atomic step. A past row that a write put before is removed, too, if the write was
    /// applied while the purge waited for it.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Unknown`] if the record may have been removed, or may still be.
    /// - Any other [`StoreError`] if nothing was changed.
    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError>;
}

/// A [`Store`] whose calls are awaited, on the runtime of the store's choice.
///
/// The contract is that of [`Store`]. A future that is dropped before it is done leaves its write in
/// doubt, as [`StoreError::Unknown`] does: the write may have happened, or may still happen.
///
/// [`Blocking`](crate::store::Blocking) makes an `AsyncStore` of a [`Store`].
pub trait AsyncStore: Send + Sync {
    /// Same as [`Store::get`].
    fn get(&self, scope: &[u8])
    -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;

    /// Same as [`Store::apply`].
    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> impl Future<Output = Result<Vec<Outcome>, StoreError>> + Send;

    /// Same as [`Store::scan`].
    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// Same as [`Store::purge`].
    fn purge(&self, scope: &[u8]) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Counts all records by the key ID in their heads. Rows that are not records count under `None`. The
    /// [keyring's row](crate::store::backend::KEYRING_ROW) is left out.
    ///
    /// The default implementation scans all heads. Override it if the store can count faster. The
    /// key IDs are not authenticated, and the counts need not be of one moment.
    ///
    /// # Errors
    ///
    /// Same as [`Store::get`].
    fn count_by_key(
        &self,
    ) -> impl Future<Output = Result<BTreeMap<Option<KeyId>, u64>, StoreError>> + Send {
        async {
            let mut counts = BTreeMap::new();
            let mut scan = Scan::new(self, Vec::new(), usize::MAX, Fetch::Heads);
            loop {
                let page = scan.next_page().await?;
                if page.is_empty() {
                    return Ok(counts);
                }
                for row in page {
                    let kinds = Scope::kinds(row.scope()).unwrap_or(&Kind::PRESENT);
                    let header = Header::of_head(row.record(), kinds);
                    *counts.entry(header.ok().map(|header| header.key_id())).or_default() += 1;
                }
            }
        }
    }
}

/// The rows of some ranges, in strictly ascending order.
///
/// A store that returns a row again would be counted twice, and one that returns a page again would
/// be scanned for ever. So a row that is out of order is [`StoreError::Corrupt`], and nothing of its
/// page is returned. The keyring's row is left out.
pub(crate) struct Scan<'a, S: ?Sized> {
    store: &'a S,
    /// The ranges that are left.
    ranges: VecDeque<RowRange>,
    limit: usize,
    fetch: Fetch,
    /// Rows whose keys are malformed belong to no part of a store.
    is_part: bool,
}

impl<'a, S: AsyncStore + ?Sized> Scan<'a, S> {
    /// Scans the rows whose keys begin with a prefix, with at most `limit` rows a page.
    pub(crate) fn new(store: &'a S, prefix: Vec<u8>, limit: usize, fetch: Fetch) -> Self {
        let ranges = VecDeque::from([RowRange::of(prefix)]);
        Self { store, ranges, limit, fetch, is_part: false }
    }

    /// Scans the rows in ranges, which are in ascending order. A row with a malformed key is left out.
    pub(crate) fn of_part(
        store: &'a S,
        ranges: impl IntoIterator<Item = RowRange>,
        limit: usize,
        fetch: Fetch,
    ) -> Self {
        Self { store, ranges: ranges.into_iter().collect(), limit, fetch, is_part: true }
    }

    /// Leaves out the past rows.
    pub(crate) fn of_present(mut self) -> Self {
        self.ranges = self.ranges.into_iter().map(RowRange::of_present).collect();
        self
    }

    /// Returns the next page. It is empty at the end.
    pub(crate) async fn next_page(&mut self) -> Result<Vec<Row>, StoreError> {
        while let Some(range) = self.ranges.front() {
            let is_empty = range.is_empty();
            let mut page = if is_empty { Vec::new() } else { self.checked_page(range).await? };
            // If this future was dropped while it waited, the next one reads the same page.
            let Some(range) = self.ranges.pop_front() else { break };
            let last = page.last().map(|row| row.scope().to_vec());
            range.cut(&mut page);
            if last.is_some() {
                self.ranges.push_front(RowRange { after: last, ..range });
            }
            page.retain(|row| row.scope() != KEYRING_ROW);
            if self.is_part {
                page.retain(|row| Scope::kinds(row.scope()).is_ok());
            }
            if !page.is_empty() {
                return Ok(page);
            }
        }
        Ok(Vec::new())
    }

    async fn checked_page(&self, range: &RowRange) -> Result<Vec<Row>, StoreError> {
        let mut last = range.after.as_deref();
        let page = self.store.scan(&range.prefix, last, self.limit, self.fetch).await?;
        for row in &page {
            if !row.scope().starts_with(&range.prefix) {
                return Err(StoreError::Corrupt("a scan has a row without its prefix".into()));
            }
            if last >= Some(row.scope()) {
                return Err(StoreError::Corrupt("the rows of a scan are out of order".into()));
            }
            last = Some(row.scope());
        }
        Ok(page)
    }
}

/// Implements [`Store`] for pointers to one.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: Store + ?Sized> Store for $pointer {
            fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
                (**self).get(scope)
            }

            fn apply(
                &self,
                fence: Option<&[u8; 32]>,
                writes: &[Write],
            ) -> Result<Vec<Outcome>, StoreError> {
                (**self).apply(fence, writes)
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
