//! A conditional write with the past rows that belong to it, and its outcome.

use std::ops::Range;

use crate::seal::format::{COMMITMENT, KEYRING_ROW};
use crate::seal::{Record, Revision, Scope, keyring_row, past_key};
use crate::store::row::Row;

/// A conditional write: a compare-and-swap of one record, and of the past rows that belong to it.
///
/// The write is decided by one condition, on the scope's present record. If the condition holds, the
/// store does all of this in one transaction, in this order:
///
/// 1. It writes the [record](Self::record) under the [scope](Self::scope).
/// 2. It removes the rows whose keys are in one of the [ranges](Self::removed).
/// 3. It writes the [past rows](Self::past), over what has their keys.
///
/// If the condition does not hold, it does nothing of this.
///
/// # Examples
///
/// A store that keeps the last three revisions writes revision 9 over revision 8:
///
/// ```
/// use secrets_toml::seal::{Keyring, Revision, Scope};
/// use secrets_toml::store::backend::{Write, commitment, past};
///
/// # let keyring = Keyring::generate()?;
/// # let chat = Scope::module("chat")?;
/// # let [eighth, ninth, kept] = [8, 9, 8].map(|number| {
/// #     keyring.seal_tombstone(&chat, Revision::try_from(number).unwrap(), None).unwrap()
/// # });
/// let eighth = *commitment(eighth.as_bytes()).ok_or("too short")?;
/// let write = Write::replace(&chat, eighth, ninth)
///     .remove_past(0..6) // older than the last three
///     .remove_past(9..u64::MAX) // not older than the present
///     .put_past(Revision::try_from(8)?, kept);
///
/// let key = write.past()[0].scope().to_vec();
/// assert!(past(chat.as_bytes()).contains(&key));
/// assert!(write.removed().iter().all(|range| !range.contains(&key)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Write {
    scope: Vec<u8>,
    expected: Option<[u8; 32]>,
    record: Record,
    past: Vec<Row>,
    removed: Vec<Range<Vec<u8>>>,
}

impl Write {
    /// Creates a write that applies if the scope has no record.
    #[must_use]
    pub fn create(scope: &Scope, record: Record) -> Self {
        Self::new(scope.as_bytes().to_vec(), None, record)
    }

    /// Creates a write that applies if the scope's record has this [commitment](commitment()).
    #[must_use]
    pub fn replace(scope: &Scope, commitment: [u8; 32], record: Record) -> Self {
        Self::new(scope.as_bytes().to_vec(), Some(commitment), record)
    }

    /// Creates a write that replaces a past row of the scope, if that row has this
    /// [commitment](commitment()): to seal it again under another key.
    ///
    /// The condition is on the past row alone. To add one, write the present over itself, and
    /// [put](Self::put_past) the past row with it.
    #[must_use]
    pub fn replace_past(
        scope: &Scope,
        revision: Revision,
        commitment: [u8; 32],
        record: Record,
    ) -> Self {
        let key = past_key(scope.as_bytes(), revision.get());
        Self::new(key, Some(commitment), record)
    }

    /// Creates a write of the keyring's row, over the one of this [commitment](commitment()), or over
    /// none.
    ///
    /// It is the only write of its batch, and `expected` is the batch's fence, too.
    #[must_use]
    pub fn keyring(expected: Option<[u8; 32]>, text: &str) -> Self {
        Self::new(KEYRING_ROW.to_vec(), expected, Record::from_sealed(&keyring_row(text)))
    }

    fn new(scope: Vec<u8>, expected: Option<[u8; 32]>, record: Record) -> Self {
        Self { scope, expected, record, past: Vec::new(), removed: Vec::new() }
    }

    /// Adds the past row of a revision of this scope. A batch that puts one row twice is refused.
    #[must_use]
    pub fn put_past(mut self, revision: Revision, record: Record) -> Self {
        self.past.push(Row::new(past_key(&self.scope, revision.get()), record.into_bytes()));
        self
    }

    /// Adds a range of revisions of this scope whose past rows are removed.
    #[must_use]
    pub fn remove_past(mut self, revisions: Range<u64>) -> Self {
        if !revisions.is_empty() {
            let [start, end] = [revisions.start, revisions.end];
            self.removed.push(past_key(&self.scope, start)..past_key(&self.scope, end));
        }
        self
    }

    /// The encoding of the scope to write to, or the key of a past row or of the
    /// [keyring's row](crate::store::backend::KEYRING_ROW).
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

    /// The past rows to write. Their [keys](Row::scope) are in the [`past`] of the scope.
    #[must_use]
    pub fn past(&self) -> &[Row] {
        &self.past
    }

    /// The ranges of keys whose rows are removed. Each is in the [`past`] of the scope, and begins
    /// below its end.
    #[must_use]
    pub fn removed(&self) -> &[Range<Vec<u8>>] {
        &self.removed
    }

    /// Returns `true` if the condition holds for the scope's current record, `None` if it has none.
    #[must_use]
    pub fn holds(&self, current: Option<&[u8]>) -> bool {
        fence_holds(self.expected(), current)
    }
}

/// The result of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The condition held. The record was written, and past rows as the write says.
    Applied,
    /// The condition did not hold. Nothing of the write was done.
    Conflict,
    /// The batch's [fence](fence_holds) did not hold. Nothing of the batch was done. All of its writes
    /// have this outcome, or none has it.
    Fenced,
}

/// Returns the commitment of a record: 32 bytes that distinguish it from every other record.
///
/// Returns `None` if the bytes are too short for a record. No condition of a [`Write`] holds for such
/// bytes.
#[must_use]
pub fn commitment(record: &[u8]) -> Option<&[u8; 32]> {
    record.get(COMMITMENT)?.try_into().ok()
}

/// Returns `true` if the fence of a batch holds for the [keyring's row](crate::store::backend::KEYRING_ROW)
/// as it is when the batch is committed, `None` if the row is absent.
///
/// A fence is the row's [commitment](commitment()), or `None` if the row is absent.
#[must_use]
pub fn fence_holds(fence: Option<&[u8; 32]>, row: Option<&[u8]>) -> bool {
    match (fence, row) {
        (None, None) => true,
        (Some(fence), Some(row)) => commitment(row) == Some(fence),
        _ => false,
    }
}

/// Returns the range of the keys of a scope's past rows.
///
/// No row of another scope has a key in this range. Bytes that are not the encoding of a scope have
/// an empty range.
#[must_use]
pub fn past(scope: &[u8]) -> Range<Vec<u8>> {
    // The start of an encoding would have the past rows of all scopes that begin with it.
    match scope.first() {
        Some(1..=3) if Scope::from_bytes(scope).is_ok() => {
            past_key(scope, 0)..past_key(scope, u64::MAX)
        }
        _ => Vec::new()..Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_rows_are_filed_by_scope_and_revision() {
        let version = Scope::module("chat").unwrap().version("1").unwrap();
        let key = past_key(version.as_bytes(), 258);
        assert_eq!(key, b"\x12\0\x04chat\0\x011\0\0\0\0\0\0\x01\x02");
        let all = past(version.as_bytes());
        for revision in [0, 1, i64::MAX as u64] {
            assert!(all.contains(&past_key(version.as_bytes(), revision)), "{revision}");
        }
        let others = ["chat", "chat1", "cha", "chau"].map(|name| Scope::module(name).unwrap());
        for other in others.iter().chain([&version.install("1").unwrap()]) {
            assert!(!all.contains(&past_key(other.as_bytes(), 1)), "{other}");
            assert!(!all.contains(&other.as_bytes().to_vec()), "{other}");
        }
        let cut = &version.as_bytes()[..version.as_bytes().len() - 3];
        for strange in [&[][..], &[0], &[1], cut, &[4, 0, 1, b'a'], &[0x7D], &[0xFF]] {
            assert!(past(strange).is_empty(), "{strange:?}");
        }
    }
}
