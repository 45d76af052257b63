//! The name of a key in a key management service.

use crate::seal::error::LockError;
use crate::seal::format::{MAX_KEY_REF_LEN, MAX_PROVIDER_LEN};
use crate::seal::scope::{ScopeError, check};

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
    /// Returns [`LockError`] if the provider is longer than 64 bytes or the reference longer than
    /// 2,048, or if one of them
    ///
    /// - is empty,
    /// - has a control character, or
    /// - starts or ends with white space.
    pub fn new(provider: &str, key_ref: &str) -> Result<Self, LockError> {
        Ok(Self::checked(provider, key_ref)?)
    }

    pub(super) fn checked(provider: &str, key_ref: &str) -> Result<Self, ScopeError> {
        check("provider", provider, MAX_PROVIDER_LEN)?;
        check("key_ref", key_ref, MAX_KEY_REF_LEN)?;
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
}
