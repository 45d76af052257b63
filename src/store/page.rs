//! Shared by the stores of this crate: the check of a batch, and the pages of a scan.

use std::ops::Bound;

use crate::store::backend::{Fetch, MAX_PAGE_LEN, Row, Write};
use crate::store::error::StoreError;

/// Refuses a batch with two writes to one row: its result would depend on their order.
pub(super) fn check_batch(writes: &[Write]) -> Result<(), StoreError> {
    // The vault sends most writes alone, and a past row is not the one of its scope.
    if writes.len() < 2 && writes.iter().all(|write| write.past().len() < 2) {
        return Ok(());
    }
    let mut keys = Vec::with_capacity(writes.len());
    for (i, write) in writes.iter().enumerate() {
        keys.push((write.scope(), i));
        keys.extend(write.past().iter().map(|past| (past.scope(), i)));
    }
    keys.sort_unstable();
    let repeated = keys.windows(2).any(|pair| pair[0].0 == pair[1].0);
    // A range has no key of another scope, so it crosses at most the past rows of its own.
    let crossed = writes.iter().enumerate().any(|(i, write)| {
        write.removed().iter().any(|range| {
            let start = keys.partition_point(|(key, _)| *key < &range.start[..]);
            let mut inside = keys[start..].iter().take_while(|(key, _)| *key < &range.end[..]);
            inside.any(|(_, owner)| *owner != i)
        })
    });
    if repeated || crossed { Err(StoreError::Repeated) } else { Ok(()) }
}

/// A page under construction.
pub(super) struct Page<'a> {
    prefix: &'a [u8],
    limit: usize,
    fetch: Fetch,
    len: usize,
    pub(super) rows: Vec<Row>,
}

impl<'a> Page<'a> {
    pub(super) fn new(prefix: &'a [u8], limit: usize, fetch: Fetch) -> Self {
        Self { prefix, limit, fetch, len: 0, rows: Vec::new() }
    }

    /// Adds the next row. Returns `false`, and adds nothing, if the page is complete.
    pub(super) fn push(&mut self, scope: &[u8], record: &[u8]) -> bool {
        if !scope.starts_with(self.prefix) || self.rows.len() >= self.limit {
            return false;
        }
        let record = self.fetch.of(record);
        self.len += scope.len() + record.len();
        // A first row is added whatever its length is: an empty page would end the scan. Only a row
        // that this crate did not write is that long.
        if self.len > MAX_PAGE_LEN && !self.rows.is_empty() {
            return false;
        }
        self.rows.push(Row::new(scope.to_vec(), record.to_vec()));
        true
    }
}

/// The lower bound of a scan: past `after`, or at the prefix if that comes later.
pub(super) fn start<'a>(prefix: &'a [u8], after: Option<&'a [u8]>) -> Bound<&'a [u8]> {
    match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
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
