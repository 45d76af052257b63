//! The server's errors as errors of a store.

use std::error::Error as _;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::FromSql;
use tokio_postgres::{Error, Row};

use crate::store::error::{Cause, StoreError};

/// The effect of a statement: it decides what an error without an answer means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Reading,
    Writing,
}

impl Doing {
    /// The error if the server may have done what the statement says.
    pub(super) fn unsure(self, cause: impl Into<Cause>) -> StoreError {
        match self {
            Self::Reading => StoreError::Unavailable(cause.into()),
            Self::Writing => StoreError::Unknown(cause.into()),
        }
    }
}

/// Why a write failed.
pub(super) struct Fault {
    pub(super) error: StoreError,
    /// The server has refused the statement, and has written nothing.
    pub(super) is_refused: bool,
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self { error, is_refused: false }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        fault.error
    }
}

/// Returns `true` if the connection is lost, even if the client has not noticed yet: an error that
/// is not the server's, the server's report that it shuts the connection down, or a pooler's that it
/// has lost its own.
pub(super) fn is_lost(error: &Error) -> bool {
    match error.as_db_error() {
        Some(told) => ["57P", "08"].iter().any(|class| told.code().code().starts_with(class)),
        None => !is_unsent(error),
    }
}

/// Returns `true` if the server has rolled the statement back for the sake of another one: it may be
/// sent again.
pub(super) fn is_rolled_back(error: &Error) -> bool {
    matches!(
        error.code(),
        Some(&SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE)
    )
}

/// Returns `true` if the client has failed to encode the statement. It sends nothing then.
fn is_unsent(error: &Error) -> bool {
    // The client does not tell its kinds of errors apart except by their texts. No error of an input
    // or output comes with one of these.
    let text = error.to_string();
    text.starts_with("error serializing parameter") || text.starts_with("error encoding message")
}

/// Translates an error. While writing, it is `Unknown` unless the server has refused the statement.
pub(super) fn failure(error: Error, doing: Doing) -> StoreError {
    let Some(told) = error.as_db_error() else {
        return match is_unsent(&error) {
            true => StoreError::Unavailable(error.into()),
            false => doing.unsure(error),
        };
    };
    let code = told.code();
    let cause = || format!("{} (SQLSTATE {})", told.message(), code.code()).into();
    match code {
        &SqlState::UNDEFINED_TABLE => StoreError::Missing,
        &SqlState::INSUFFICIENT_PRIVILEGE | &SqlState::READ_ONLY_SQL_TRANSACTION => {
            StoreError::Denied(cause())
        }
        &SqlState::UNDEFINED_COLUMN
        | &SqlState::UNDEFINED_FUNCTION
        | &SqlState::DATATYPE_MISMATCH
        | &SqlState::WRONG_OBJECT_TYPE
        | &SqlState::INVALID_COLUMN_REFERENCE
        | &SqlState::GENERATED_ALWAYS
        | &SqlState::NOT_NULL_VIOLATION
        | &SqlState::CHECK_VIOLATION => StoreError::Foreign(cause()),
        &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => StoreError::Corrupt(cause()),
        // The connection, the time limit, the server's system, or the server itself failed: the
        // statement may have been committed by then.
        _ if ["08", "57", "58", "XX"].iter().any(|class| code.code().starts_with(class)) => {
            doing.unsure(cause())
        }
        // The server refused the statement, and has rolled it back.
        _ => StoreError::Unavailable(cause()),
    }
}

/// The error of a connect. Its text has the server's message, and the causes below it.
pub(super) fn connect_failure(error: &Error) -> StoreError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    StoreError::Unavailable(text.into())
}

/// Reads one column of a row.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, place: usize) -> Result<T, StoreError> {
    row.try_get(place).map_err(|error| StoreError::Foreign(error.into()))
}
