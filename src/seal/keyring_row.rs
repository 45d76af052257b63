//! The row of a store that holds a locked keyring.

use sha2::{Digest, Sha256};

use crate::seal::error::OpenError;
use crate::seal::format::{
    COMMITMENT, HEAD_LEN, KEYRING_ROW_MAGIC, MAX_LOCKED_LEN, VERSION, VERSION_AT,
};

/// Checks the form of such a row: the text of a locked keyring behind a head.
///
/// The hash of the text is at the place of a record's commitment, so that the same compare-and-swap
/// serves. It protects against damage and authenticates nothing.
pub(crate) fn check_keyring_row(row: &[u8]) -> Result<(), OpenError> {
    if !row.starts_with(&KEYRING_ROW_MAGIC) {
        return Err(OpenError::NotARecord);
    }
    if row.len() < HEAD_LEN {
        return Err(OpenError::Truncated);
    }
    let (head, text) = row.split_at(HEAD_LEN);
    if head[VERSION_AT] != VERSION {
        return Err(OpenError::UnsupportedVersion);
    }
    let zeros = &head[VERSION_AT + 1..COMMITMENT.start];
    if zeros.iter().any(|byte| *byte != 0) || text.len() > MAX_LOCKED_LEN {
        return Err(OpenError::Malformed);
    }
    if head[COMMITMENT] != Sha256::digest(text)[..] {
        return Err(OpenError::Mismatch);
    }
    Ok(())
}
