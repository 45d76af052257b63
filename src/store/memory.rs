//! A store in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, Range};
use std::sync::{PoisonError, RwLock};

use crate::store::backend::{Fetch, KEYRING_ROW, Outcome, Row, Write, fence_holds, past};
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::page::{Page, check_batch, start};

/// A [`Store`] in memory, for tests.
///
/// Its records end with it. They are sealed, so their memory is not zeroized.
#[derive(Default)]
pub struct MemoryStore {
    records: RwLock<Records>,
}

/// The rows, by their keys.
type Records = BTreeMap<Vec<u8>, Vec<u8>>;

impl MemoryStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        Ok(records.get(scope).cloned())
    }

    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        check_batch(writes)?;
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        if !fence_holds(fence, records.get(KEYRING_ROW).map(Vec::as_slice)) {
            return Ok(vec![Outcome::Fenced; writes.len()]);
        }
        let outcomes = writes.iter().map(|write| {
            if !write.holds(records.get(write.scope()).map(Vec::as_slice)) {
                return Outcome::Conflict;
            }
            records.insert(write.scope().to_vec(), write.record().to_vec());
            write.removed().iter().for_each(|range| remove(&mut records, range));
            for past in write.past() {
                records.insert(past.scope().to_vec(), past.record().to_vec());
            }
            Outcome::Applied
        });
        Ok(outcomes.collect())
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        let mut page = Page::new(prefix, limit, fetch);
        let range = (start(prefix, after), Bound::<&[u8]>::Unbounded);
        for (scope, record) in records.range::<[u8], _>(range) {
            if !page.push(scope, record) {
                break;
            }
        }
        Ok(page.rows)
    }

    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        remove(&mut records, &past(scope));
        Ok(records.remove(scope).is_some())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("MemoryStore").field("records", &records.len()).finish()
    }
}

/// Removes the rows in a range of keys.
fn remove(records: &mut Records, range: &Range<Vec<u8>>) {
    let keys: Vec<_> = records.range(range.clone()).map(|(key, _)| key.clone()).collect();
    keys.iter().for_each(|key| drop(records.remove(key)));
}
