//! A store that alters what an honest one returns.

use secrets_toml::store::backend::{Fetch, Outcome, Row, Write};
use secrets_toml::store::{MemoryStore, Store, StoreError};

type Pages = dyn Fn(&MemoryStore, Option<&[u8]>, &mut Vec<Row>) + Send + Sync;
type Outcomes = dyn Fn(&[Write], &mut Vec<Outcome>) + Send + Sync;

/// Alters each page of a scan, or the outcomes of each batch. A page has three rows before.
pub(crate) struct Altered {
    store: MemoryStore,
    pages: Box<Pages>,
    outcomes: Box<Outcomes>,
}

impl Altered {
    /// The change gets the store, the key that the page comes after, and the page.
    pub(crate) fn pages(
        change: impl Fn(&MemoryStore, Option<&[u8]>, &mut Vec<Row>) + Send + Sync + 'static,
    ) -> Self {
        let store = MemoryStore::new();
        Self { store, pages: Box::new(change), outcomes: Box::new(|_, _| {}) }
    }

    pub(crate) fn outcomes(
        store: MemoryStore,
        change: impl Fn(&[Write], &mut Vec<Outcome>) + Send + Sync + 'static,
    ) -> Self {
        Self { store, pages: Box::new(|_, _, _| {}), outcomes: Box::new(change) }
    }
}

impl Store for Altered {
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(scope)
    }

    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = self.store.apply(fence, writes)?;
        (self.outcomes)(writes, &mut outcomes);
        Ok(outcomes)
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        let mut page = self.store.scan(prefix, after, limit.min(3), fetch)?;
        (self.pages)(&self.store, after, &mut page);
        Ok(page)
    }

    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        self.store.purge(scope)
    }
}
