//! What the author of a store needs beside its traits: writes, their conditions, and pages of a scan.

use crate::seal::{Record, Scope};

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
