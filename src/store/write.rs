//! A conditional write, and its outcome.

use crate::seal::format::COMMITMENT;
use crate::seal::{Record, Scope};

/// A conditional write of one record: a compare-and-swap.
#[derive(Debug, Clone)]
pub struct Write {
    scope: Vec<u8>,
    expected: Option<[u8; 32]>,
    record: Record,
}

impl Write {
    /// Creates a write that applies if the scope has no record.
    #[must_use]
    pub fn create(scope: &Scope, record: Record) -> Self {
        Self { scope: scope.as_bytes().to_vec(), expected: None, record }
    }

    /// Creates a write that applies if the scope's record has this [commitment](commitment()).
    #[must_use]
    pub fn replace(scope: &Scope, commitment: [u8; 32], record: Record) -> Self {
        Self { scope: scope.as_bytes().to_vec(), expected: Some(commitment), record }
    }

    /// The encoding of the scope to write to.
    #[must_use]
    pub fn scope(&self) -> &[u8] {
        &self.scope
    }

    /// The commitment of the record to replace, or `None` if the scope must have no record.
    #[must_use]
    pub fn expected(&self) -> Option<&[u8; 32]> {
        self.expected.as_ref()
    }

    /// The bytes to write.
    #[must_use]
    pub fn record(&self) -> &[u8] {
        self.record.as_bytes()
    }

    /// Returns `true` if the condition holds for the scope's current record, `None` if it has none.
    #[must_use]
    pub fn holds(&self, current: Option<&[u8]>) -> bool {
        match (&self.expected, current) {
            (None, None) => true,
            (Some(expected), Some(current)) => commitment(current) == Some(expected),
            _ => false,
        }
    }
}

/// The result of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The condition held. The record was written.
    Applied,
    /// The condition did not hold. The scope was not changed.
    Conflict,
}

/// Returns the commitment of a record: 32 bytes that distinguish it from every other record.
///
/// Returns `None` if the bytes are too short for a record. No condition of a [`Write`] holds for such
/// bytes.
#[must_use]
pub fn commitment(record: &[u8]) -> Option<&[u8; 32]> {
    record.get(COMMITMENT)?.try_into().ok()
}
