//! A lock: the key or the passphrase that a keyring is locked and unlocked with.

use std::fmt;

#[cfg(feature = "passphrase")]
use crate::seal::format::PROTECTION_ARGON2ID;
use crate::seal::format::{PROTECTION_KMS, PROTECTION_RAW};
use crate::seal::kms_key::KmsKey;
#[cfg(feature = "passphrase")]
use crate::seal::passphrase::PassphraseCost;

/// The key or passphrase that a keyring is locked and unlocked with.
///
/// There are three kinds: a raw key, a passphrase, and a key that a key management service wraps.
/// A keyring is unlocked with the kind that it was locked with.
///
/// `Debug` shows the kind only.
#[derive(Clone, Copy)]
pub struct Lock<'a>(pub(super) Means<'a>);

#[derive(Clone, Copy)]
pub(super) enum Means<'a> {
    Raw(&'a [u8; 32]),
    #[cfg(feature = "passphrase")]
    Passphrase(&'a [u8], PassphraseCost),
    Kms {
        key: &'a KmsKey,
        wrapped: &'a [u8],
        kek: &'a [u8; 32],
    },
}

impl<'a> Lock<'a> {
    /// A key of 32 uniformly random bytes, which the host keeps.
    #[must_use]
    pub fn raw(kek: &'a [u8; 32]) -> Self {
        Self(Means::Raw(kek))
    }

    /// A passphrase, at the default cost.
    ///
    /// Locking takes 64 MiB of memory and the better part of a second. Unlocking takes the cost from
    /// the text of the locked keyring. The passphrase is used byte for byte, without normalization.
    #[cfg(feature = "passphrase")]
    #[must_use]
    pub fn passphrase(passphrase: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self::passphrase_at(passphrase, PassphraseCost::default())
    }

    /// A passphrase, at another cost.
    ///
    /// The cost matters for locking only. Unlocking takes the cost from the text of the locked
    /// keyring, as with [`passphrase`](Self::passphrase).
    #[cfg(feature = "passphrase")]
    #[must_use]
    pub fn passphrase_at(
        passphrase: &'a (impl AsRef<[u8]> + ?Sized),
        cost: PassphraseCost,
    ) -> Self {
        Self(Means::Passphrase(passphrase.as_ref(), cost))
    }

    /// A key of 32 uniformly random bytes that a key management service has wrapped.
    ///
    /// - `key` names the service's key. Unlocking refuses a text that names another, so pass the key
    ///   that you expect and not the one that the text names.
    /// - `wrapped` is what the service returned for `kek` and the [context](crate::seal::Custody::context) of the
    ///   deployment. The text keeps it. To unlock, pass the one of [`LockedKeyring::kms`].
    /// - `kek` is the key itself, which is not kept.
    ///
    /// [`LockedKeyring::kms`]: crate::seal::LockedKeyring::kms
    #[must_use]
    pub fn kms(key: &'a KmsKey, wrapped: &'a [u8], kek: &'a [u8; 32]) -> Self {
        Self(Means::Kms { key, wrapped, kek })
    }

    pub(super) fn protection(&self) -> &'static str {
        match self.0 {
            Means::Raw(_) => PROTECTION_RAW,
            #[cfg(feature = "passphrase")]
            Means::Passphrase(..) => PROTECTION_ARGON2ID,
            Means::Kms { .. } => PROTECTION_KMS,
        }
    }
}

impl fmt::Debug for Lock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lock({})", self.protection())
    }
}
