//! The error of a masker.

use std::fmt;

/// An error from [`Masker::new`](crate::mask::Masker::new): the values have too many spellings.
///
/// # Examples
///
/// ```
/// use secrets_toml::Document;
/// use secrets_toml::mask::Masker;
///
/// let value = |i| format!("v{i} = '{}'\n", "é".repeat(8000));
/// let document = Document::parse((0..50).map(value).collect::<String>())?;
/// assert!(Masker::new(&[&document]).is_ok(), "they are equal");
///
/// let value = |i| format!("v{i} = '{i}{}'\n", "é".repeat(8000));
/// let document = Document::parse((0..50).map(value).collect::<String>())?;
/// assert_eq!(
///     Masker::new(&[&document]).unwrap_err().to_string(),
///     "the values and their spellings have more than 4194304 bytes (store large files elsewhere, \
///      or mask fewer documents)",
/// );
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct MaskerError {}

impl MaskerError {
    pub(super) fn new() -> Self {
        Self {}
    }
}

impl fmt::Display for MaskerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the values and their spellings have more than 4194304 bytes (store large files \
             elsewhere, or mask fewer documents)",
        )
    }
}

// The message names the limit.
const _: () = assert!(crate::mask::limits::MAX_PATTERNS_LEN == 4_194_304);

impl std::error::Error for MaskerError {}
