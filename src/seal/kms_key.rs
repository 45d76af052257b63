//! The name of a key in a key management service.

use crate::seal::error::{LockError, LockFault};
use crate::seal::format::{MAX_KEY_REF_LEN, MAX_PROVIDER_LEN, PROTECTION_KMS, SCOPE_KEYRING};
use crate::seal::scope::Scope;

/// The name of a key in a key management service (KMS), which wraps and unwraps the key that a
/// keyring is locked with.
///
/// This library never calls the service. The caller does, once for a keyring and never for a
/// record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsKey {
    provider: String,
    key_ref: String,
}

impl KmsKey {
    /// Makes the name of a key from a provider, such as `aws`, and the provider's reference to the
    /// key.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if the provider is not 1 to 64 bytes long, or the reference not 1 to
    /// 2048.
    pub fn new(provider: &str, key_ref: &str) -> Result<Self, LockError> {
        let key = Self::checked(provider, key_ref);
        Ok(key.map_err(|(field, max)| LockFault::Field { field, max })?)
    }

    /// The error is a field of the wrong length, and the most bytes that it may have.
    pub(super) fn checked(provider: &str, key_ref: &str) -> Result<Self, (&'static str, usize)> {
        for (field, value, max) in
            [("provider", provider, MAX_PROVIDER_LEN), ("key_ref", key_ref, MAX_KEY_REF_LEN)]
        {
            if !(1..=max).contains(&value.len()) {
                return Err((field, max));
            }
        }
        Ok(Self { provider: provider.to_owned(), key_ref: key_ref.to_owned() })
    }

    /// Returns the name of the service.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Returns the service's reference to the key.
    #[must_use]
    pub fn key_ref(&self) -> &str {
        &self.key_ref
    }

    /// Returns the additional authenticated data ("encryption context") for the service.
    ///
    /// Pass it when wrapping and when unwrapping, so that what was wrapped for a keyring cannot be
    /// unwrapped for anything else.
    #[must_use]
    pub fn context(&self) -> Vec<u8> {
        let fields = [PROTECTION_KMS, &self.provider, &self.key_ref].map(str::as_bytes);
        Scope::encode(SCOPE_KEYRING, &fields).as_bytes().to_vec()
    }
}
