//! A range of a store's rows.

use crate::seal::{Scope, past_prefix};
use crate::store::row::Row;

/// A range of rows in the order of their keys: those that begin with a prefix, come after one key, and
/// come before another.
#[derive(Debug, Default)]
pub(crate) struct RowRange {
    pub(crate) prefix: Vec<u8>,
    pub(crate) after: Option<Vec<u8>>,
    pub(crate) end: Option<Vec<u8>>,
}

impl RowRange {
    /// The rows whose keys begin with a prefix.
    pub(crate) fn of(prefix: Vec<u8>) -> Self {
        Self { prefix, ..Self::default() }
    }

    /// The bytes that come before all past rows, and after all present ones.
    pub(crate) fn first_past() -> Vec<u8> {
        past_prefix(Scope::MODULES)
    }

    /// Returns the range without its past rows.
    pub(super) fn of_present(self) -> Self {
        let past = Self::first_past();
        let end = Some(self.end.map_or(past.clone(), |end| end.min(past)));
        Self { end, ..self }
    }

    /// Returns `true` if no row can be in the range.
    pub(super) fn is_empty(&self) -> bool {
        let Some(end) = &self.end else { return false };
        *end <= self.prefix || self.after.as_ref().is_some_and(|after| end <= after)
    }

    /// Removes the rows of a page that come after the range.
    pub(super) fn cut(&self, page: &mut Vec<Row>) {
        if let Some(end) = &self.end {
            page.truncate(page.partition_point(|row| row.scope() < &end[..]));
        }
    }
}
