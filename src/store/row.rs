//! The rows of a scan.

use crate::seal::format::HEAD_LEN;

/// How much of each record a scan returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fetch {
    /// The first [`HEAD_LEN`](crate::store::backend::HEAD_LEN) bytes, or all bytes of a shorter record.
    Heads,
    /// The whole record.
    Records,
}

impl Fetch {
    /// Returns the part of a record that the scan returns.
    #[must_use]
    pub fn of(self, record: &[u8]) -> &[u8] {
        match self {
            Self::Heads => &record[..record.len().min(HEAD_LEN)],
            Self::Records => record,
        }
    }
}

/// One row of a scan: a scope, and its record or the record's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    scope: Vec<u8>,
    record: Vec<u8>,
}

impl Row {
    /// Creates a row from the encoding of a scope and from what [`Fetch::of`] its record returns.
    #[must_use]
    pub fn new(scope: Vec<u8>, record: Vec<u8>) -> Self {
        Self { scope, record }
    }

    /// The encoding of the scope, as it is stored.
    #[must_use]
    pub fn scope(&self) -> &[u8] {
        &self.scope
    }

    /// The record, or its head.
    #[must_use]
    pub fn record(&self) -> &[u8] {
        &self.record
    }
}
