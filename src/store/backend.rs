//! What the author of a store needs beside its traits: writes, their conditions, and pages of a scan.

use std::collections::HashSet;

use crate::seal::{Record, Scope};
use crate::store::error::StoreError;

/// The length of a record's head, in bytes: what it says of itself in clear, without the content.
pub const HEAD_LEN: usize = 100;

/// What one page of a scan holds at most, in bytes of scopes and records: 4 MiB, so that neither
/// side ever holds much. A single record is shorter than that.
pub const MAX_PAGE_LEN: usize = 4 << 20;

/// Where the commitment stands in a record.
const COMMITMENT: std::ops::Range<usize> = 68..HEAD_LEN;

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

/// The commitment of a record: what tells one write from another. `None` where the bytes are too
/// short to be a record; no condition holds of them.
#[must_use]
pub fn commitment(record: &[u8]) -> Option<&[u8; 32]> {
    record.get(COMMITMENT)?.try_into().ok()
}

/// Refuses a batch that names one scope twice: its conditions would depend on the order.
pub(super) fn check_batch(writes: &[Write]) -> Result<(), StoreError> {
    let mut scopes = HashSet::with_capacity(writes.len());
    let distinct = writes.len() < 2 || writes.iter().all(|write| scopes.insert(&write.scope));
    if distinct { Ok(()) } else { Err(StoreError::Repeated) }
}

/// A page of a scan that is being filled.
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

    /// Adds the next row; `false` where the page ended before it.
    pub(super) fn push(&mut self, scope: &[u8], record: &[u8]) -> bool {
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
pub(super) fn start<'a>(prefix: &'a [u8], after: Option<&'a [u8]>) -> std::ops::Bound<&'a [u8]> {
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
