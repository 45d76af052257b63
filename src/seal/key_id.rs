//! The ID of a key.

use std::fmt;

/// The ID of a key in a keyring: 16 bytes that are derived from the key and reveal nothing about it.
///
/// `Display` writes 32 lower-case hexadecimal digits, and `FromStr` reads them in either case.
///
/// ```
/// use secrets_toml::seal::{KeyId, Keyring};
///
/// let id = Keyring::generate()?.primary();
/// assert_eq!(id.to_string().parse::<KeyId>()?, id);
/// # Ok::<(), secrets_toml::seal::KeyringError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 16]);

impl KeyId {
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the ID.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}
