//! Locking a keyring: its keys sealed under one key, as a text.

use std::fmt;

use crate::seal::derive::Material;
use crate::seal::error::{LockError, LockFault};
#[cfg(feature = "passphrase")]
use crate::seal::format::PROTECTION_ARGON2ID;
use crate::seal::format::{MAX_WRAPPED_LEN, PROTECTION_KMS, PROTECTION_RAW};
use crate::seal::header::{Kind, Revision};
use crate::seal::keyring::Keyring;
use crate::seal::kms_key::KmsKey;
use crate::seal::outer::Outer;
#[cfg(feature = "passphrase")]
use crate::seal::passphrase::PassphraseCost;
use crate::seal::random::{Random, random};
use crate::seal::record::Draft;

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
    /// - `wrapped` is what the service returned for `kek` and the [context](KmsKey::context) of
    ///   `key`. The text keeps it. To unlock, pass the one of [`LockedKeyring::kms`].
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

impl Keyring {
    /// Locks the keyring: seals its keys and returns them as a TOML text.
    ///
    /// [`LockedKeyring`](crate::seal::LockedKeyring) reads the text. Each call counts the
    /// [generation](Self::generation) up by one. The caller stores the text; if it is a file, its
    /// mode should be 0600.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`], and leaves the keyring unchanged, if
    ///
    /// - the passphrase is empty,
    /// - the wrapped key is empty or longer than 4096 bytes, or
    /// - the operating system gives no randomness, or not enough memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::seal::{Keyring, Lock, LockedKeyring};
    ///
    /// # let kek = [7; 32];
    /// let mut keyring = Keyring::generate()?;
    /// let text = keyring.lock(Lock::raw(&kek))?;
    ///
    /// let again = LockedKeyring::parse(&text)?.unlock(Lock::raw(&kek))?;
    /// assert_eq!((again.primary(), again.generation()), (keyring.primary(), 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock(&mut self, lock: Lock<'_>) -> Result<String, LockError> {
        let generation = Revision::try_from(self.generation() + 1);
        let generation = generation.map_err(|_| LockFault::LastGeneration)?;
        let fresh = || random().map_err(LockFault::Randomness);
        let outer;
        let kek = match lock.0 {
            Means::Raw(kek) => {
                outer = Outer::Raw;
                Material::copy_of(kek)
            }
            #[cfg(feature = "passphrase")]
            Means::Passphrase(passphrase, cost) => {
                if passphrase.is_empty() {
                    return Err(LockFault::EmptyPassphrase.into());
                }
                let salt = *fresh()?.first_chunk().expect("16 of 32 bytes");
                outer = Outer::Argon2id { cost, salt };
                Material::copy_of(&*cost.derive(passphrase, &salt).ok_or(LockFault::OutOfMemory)?)
            }
            Means::Kms { key, wrapped, kek } => {
                if !(1..=MAX_WRAPPED_LEN).contains(&wrapped.len()) {
                    let (field, max) = ("wrapped", MAX_WRAPPED_LEN);
                    return Err(LockFault::Field { field, max }.into());
                }
                outer = Outer::Kms { key: key.clone(), wrapped: wrapped.to_vec() };
                Material::copy_of(kek)
            }
        };
        let text = self.lock_with(&outer, &kek, generation, &fresh()?);
        self.set_generation(generation);
        Ok(text)
    }

    /// Locks the keyring. The text is a function of the arguments.
    pub(super) fn lock_with(
        &self,
        outer: &Outer,
        kek: &Material,
        generation: Revision,
        random: &Random,
    ) -> String {
        let scope = &outer.scope();
        let scope_key = &kek.scope_key(scope);
        let key_id = kek.key_id();
        let draft = Draft { kind: Kind::Keyring, revision: generation, key_id, scope, scope_key };
        outer.text(&draft.seal(&self.encode().0, random))
    }
}
