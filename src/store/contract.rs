//! What a store promises to the vault: the two traits.

use std::collections::BTreeMap;
use std::future::Future;

use crate::seal::{Header, KeyId};
use crate::store::backend::{Fetch, Outcome, Row, Write};
use crate::store::error::StoreError;

/// What keeps records, one under each scope.
///
/// A scope is its [encoding](Scope::as_bytes), a record its [bytes](Record::as_bytes); a store
/// looks into neither, but for a record's [`commitment`](crate::store::backend::commitment).
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
/// use secrets_toml::store::backend::{Fetch, Outcome, Write};
/// use secrets_toml::store::{MemoryStore, Store};
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
    /// [`MAX_PAGE_LEN`](crate::store::backend::MAX_PAGE_LEN); the first row is always there. A page shows the store at one moment. A record
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
