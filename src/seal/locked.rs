//! Unlocking a keyring.

use std::fmt;

use crate::seal::derive::Material;
use crate::seal::error::{LockError, LockFault, OpenError};
use crate::seal::format::{PROTECTION_KMS, PROTECTION_RAW};
use crate::seal::header::{Kind, Revision};
use crate::seal::keyring::Keyring;
use crate::seal::kms_key::KmsKey;
use crate::seal::lock::{Lock, Means};
use crate::seal::outer::{self, Outer};
use crate::seal::passphrase::PassphraseCost;
use crate::seal::record::Sealed;

/// The text of a locked keyring, parsed and still locked.
///
/// Nothing in it is authenticated before it is unlocked.
///
/// # Examples
///
/// A keyring that a KMS protects. The host pins the KMS key: it passes the key that it expects, not
/// the one that the text names.
///
/// ```
/// use secrets_toml::seal::{KmsKey, Keyring, Lock, LockedKeyring};
///
/// # fn unwrap(_: &KmsKey, _: &[u8], _: &[u8]) -> [u8; 32] { [7; 32] }
/// # let (kek, wrapped) = ([7; 32], b"wrapped");
/// let pinned = KmsKey::new("aws", "alias/secrets")?;
/// # let text = Keyring::generate()?.lock(Lock::kms(&pinned, wrapped, &kek))?;
/// let locked = LockedKeyring::parse(&text)?;
/// let (key, wrapped) = locked.kms().expect("this host uses a KMS");
/// assert_eq!(key, &pinned, "the text names another key: do not call the KMS");
/// let kek = unwrap(&pinned, wrapped, &pinned.context()); // the call to the service
/// let keyring = locked.unlock(Lock::kms(&pinned, wrapped, &kek))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LockedKeyring {
    outer: Outer,
    generation: Revision,
    record: Vec<u8>,
}

impl LockedKeyring {
    /// Parses the text that [`Keyring::lock`] returned.
    ///
    /// This is cheap for any text: the limits on the cost of a passphrase are checked here.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if the text
    ///
    /// - is longer than 64 KiB, or is not TOML,
    /// - lacks a field, or has one that does not belong there, or
    /// - asks for too much or too little work for a passphrase.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        let (outer, record) = outer::parse(text)?;
        let sealed = Sealed::parse(&record, &[Kind::Keyring]).map_err(LockFault::Record)?;
        let generation = sealed.header.revision();
        Ok(Self { outer, generation, record })
    }

    /// Returns the kind of the lock, as the text names it: `raw`, `argon2id` or `kms`.
    ///
    /// `argon2id` is a passphrase.
    #[must_use]
    pub fn protection(&self) -> &'static str {
        self.outer.protection()
    }

    /// Returns the cost of a passphrase, if the keyring is locked with one.
    #[must_use]
    pub fn passphrase_cost(&self) -> Option<PassphraseCost> {
        match &self.outer {
            Outer::Argon2id { cost, .. } => Some(*cost),
            _ => None,
        }
    }

    /// Returns the key of the KMS and the wrapped key, if the keyring is locked with them.
    ///
    /// The text is not authenticated yet, so somebody may have put another KMS key there. Compare
    /// the key with the expected one before calling the service.
    #[must_use]
    pub fn kms(&self) -> Option<(&KmsKey, &[u8])> {
        match &self.outer {
            Outer::Kms { key, wrapped } => Some((key, wrapped)),
            _ => None,
        }
    }

    /// Returns how often the keyring had been locked, 1 or more, as the text says.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// Unlocks the keyring.
    ///
    /// With a passphrase this takes the time and the memory of its cost, and blocks.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if
    ///
    /// - the lock is of another kind than the keyring's,
    /// - the lock names another KMS key than the text, or has another wrapped key,
    /// - the sealed keys do not open; see [`LockError::open_error`], or
    /// - there is not enough memory for the cost of the passphrase.
    pub fn unlock(&self, lock: Lock<'_>) -> Result<Keyring, LockError> {
        let kek = match (&self.outer, lock.0) {
            (Outer::Raw, Means::Raw(kek)) => Material::copy_of(kek),
            #[cfg(feature = "passphrase")]
            (Outer::Argon2id { cost, salt }, Means::Passphrase(passphrase, _)) => {
                Material::copy_of(&*cost.derive(passphrase, salt).ok_or(LockFault::OutOfMemory)?)
            }
            (Outer::Kms { key, wrapped }, Means::Kms { key: pinned, wrapped: unwrapped, kek }) => {
                if key != pinned {
                    return Err(LockFault::OtherKmsKey.into());
                }
                if wrapped != unwrapped {
                    return Err(LockFault::OtherWrapped.into());
                }
                Material::copy_of(kek)
            }
            (outer, means) => {
                let expected = described(outer.protection());
                let given = described(Lock(means).protection());
                return Err(LockFault::OtherKind { expected, given }.into());
            }
        };
        Ok(self.open(&kek).map_err(LockFault::Open)?)
    }

    fn open(&self, kek: &Material) -> Result<Keyring, OpenError> {
        let sealed = Sealed::parse(&self.record, &[Kind::Keyring])?;
        if kek.key_id() != sealed.header.key_id() {
            return Err(OpenError::UnknownKey(sealed.header.key_id()));
        }
        let scope = self.outer.scope();
        let content = sealed.open(&scope, &kek.scope_key(&scope))?;
        Keyring::decode(&content.doc.0, self.generation()).ok_or(OpenError::BadPayload)
    }
}

#[cfg(test)]
impl LockedKeyring {
    pub(super) fn outer(&self) -> &Outer {
        &self.outer
    }
}

impl fmt::Debug for LockedKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedKeyring")
            .field("outer", &self.outer)
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}

/// The kind of a lock, in the words of an error.
fn described(protection: &str) -> &'static str {
    match protection {
        PROTECTION_RAW => "a raw key",
        PROTECTION_KMS => "a KMS key",
        _ if cfg!(feature = "passphrase") => "a passphrase",
        _ => "a passphrase (which needs the feature `passphrase`)",
    }
}
