//! The row of a store that holds a locked keyring.

use sha2::{Digest, Sha256};

use crate::seal::error::OpenError;
use crate::seal::format::{
    COMMITMENT, HEAD_LEN, KEYRING_ROW_MAGIC, MAX_LOCKED_LEN, VERSION, VERSION_AT,
};

/// Makes the row of a text: a head, and the text behind it.
///
/// The hash of the text is at the place of a record's commitment, so that the same compare-and-swap
/// serves. It protects against damage and authenticates nothing.
pub(crate) fn keyring_row(text: &str) -> Vec<u8> {
    let mut row = vec![0; HEAD_LEN];
    row[..VERSION_AT].copy_from_slice(&KEYRING_ROW_MAGIC);
    row[VERSION_AT] = VERSION;
    row[COMMITMENT].copy_from_slice(&Sha256::digest(text));
    row.extend_from_slice(text.as_bytes());
    row
}

/// Checks the form of such a row, and returns the bytes of its text.
pub(crate) fn check_keyring_row(row: &[u8]) -> Result<&[u8], OpenError> {
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
    Ok(text)
}

/// Checks the form of such a row, and returns its text.
pub(crate) fn keyring_text(row: &[u8]) -> Result<&str, OpenError> {
    std::str::from_utf8(check_keyring_row(row)?).map_err(|_| OpenError::Malformed)
}
