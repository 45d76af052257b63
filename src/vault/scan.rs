//! A scan of the store, page by page.

use crate::store::backend::{Fetch, Row};
use crate::store::{AsyncStore, StoreError};

/// The rows whose scopes begin with a prefix, in the order of their scopes.
pub(super) struct Scan<'a, S> {
    store: &'a S,
    prefix: Vec<u8>,
    limit: usize,
    fetch: Fetch,
    after: Option<Vec<u8>>,
}

impl<'a, S: AsyncStore> Scan<'a, S> {
    /// Scans with at most `limit` rows a page.
    pub(super) fn new(store: &'a S, prefix: Vec<u8>, limit: usize, fetch: Fetch) -> Self {
        Self { store, prefix, limit, fetch, after: None }
    }

    /// Returns the next page. It is empty at the end.
    pub(super) async fn next_page(&mut self) -> Result<Vec<Row>, StoreError> {
        let after = self.after.as_deref();
        let page = self.store.scan(&self.prefix, after, self.limit, self.fetch).await?;
        if let Some(last) = page.last() {
            self.after = Some(last.scope().to_vec());
        }
        Ok(page)
    }
}
