//! Unlocking a keyring.

use std::fmt;

use crate::seal::custody::{Custody, context, context_bytes};
use crate::seal::derive::Material;
use crate::seal::error::{LockError, LockFault, OpenError};
use crate::seal::format::{PROTECTION_KMS, PROTECTION_RAW, TAG_RING_KEY};
use crate::seal::header::Kind;
use crate::seal::keyring::Keyring;
use crate::seal::kms_key::KmsKey;
use crate::seal::lock::{Lock, Means};
use crate::seal::locked_text::{LockText, LockedText, Protection};
#[cfg(feature = "passphrase")]
use crate::seal::passphrase::PassphraseCost;
use crate::seal::ring::{Ring, is_below, open_under};

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
/// use secrets_toml::seal::{Custody, KmsKey, Keyring, Lock, LockedKeyring};
///
/// # fn unwrap(_: &KmsKey, _: &[u8], _: [(&str, &str); 2]) -> [u8; 32] { [7; 32] }
/// # let (kek, wrapped) = ([7; 32], b"wrapped");
/// let pinned = KmsKey::new("aws", "alias/secrets")?;
/// # let custody = Custody::new("production")?.lock("aws", Lock::kms(&pinned, wrapped, &kek))?;
/// # let text = Keyring::generate()?.lock(&custody)?;
/// let locked = LockedKeyring::parse(&text)?;
/// let lock = locked.kms("aws", &pinned)?; // refuses another key
/// let kek = unwrap(&pinned, lock.wrapped(), lock.context()); // the call to the service
/// let lock = Lock::kms(&pinned, lock.wrapped(), &kek);
/// let keyring = locked.unlock(&Custody::new("production")?.lock("aws", lock)?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LockedKeyring(LockedText);

impl LockedKeyring {
    /// Parses the text that [`Keyring::lock`] returned.
    ///
    /// This is cheap for any text: the cost of a passphrase is checked when it is unlocked.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if the text
    ///
    /// - is longer than 256 KiB, or is not TOML,
    /// - lacks a field, or has one that does not belong there, or
    /// - holds records that are malformed, or not of one set.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        Ok(Self(LockedText::parse(text)?))
    }

    /// Returns the deployment that the text names.
    #[must_use]
    pub fn deployment(&self) -> &str {
        &self.0.deployment
    }

    /// Returns the name and the kind of each lock: `raw`, `argon2id` or `kms`.
    ///
    /// `argon2id` is a passphrase.
    pub fn locks(&self) -> impl ExactSizeIterator<Item = (&str, &'static str)> {
        self.0.locks.iter().map(|lock| (lock.name.as_str(), lock.protection.name()))
    }

    /// Returns a lock whose key a KMS has wrapped, if the text names the expected KMS key.
    ///
    /// The text is not authenticated yet, so somebody may have put another KMS key there. Call the
    /// service with the expected key only.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if the text has no lock of this name, if the lock is of another kind, or
    /// if it names another KMS key.
    pub fn kms(&self, name: &str, expected: &KmsKey) -> Result<KmsLock<'_>, LockError> {
        let lock = self.find(name).ok_or(LockFault::NoSuchLock)?;
        let Protection::Kms { key, wrapped } = &lock.protection else {
            return Err(other_kind(lock, PROTECTION_KMS).into());
        };
        if key != expected {
            return Err(LockFault::OtherKmsKey.into());
        }
        Ok(KmsLock { deployment: &self.0.deployment, wrapped })
    }

    /// Returns how often the keyring had been locked, 1 or more, as the text says.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.place().1
    }

    /// Returns the generation in which the set of locks was written, 1 or more, as the text says.
    #[must_use]
    pub fn set(&self) -> u64 {
        self.0.place().0
    }

    /// Unlocks the keyring, by the first lock of the custody that the text has.
    ///
    /// With a passphrase this takes the time and the memory of its cost, and blocks.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if
    ///
    /// - the text is of another deployment, or has none of the locks,
    /// - the lock is of another kind than the text's of this name,
    /// - the lock names another KMS key than the text, or has another wrapped key,
    /// - the sealed keys do not open; see [`LockError::open_error`],
    /// - the keyring is below the custody's [floor](Custody::at_least),
    /// - the text asks for too much or too little work for a passphrase, or
    /// - there is not enough memory for the cost of the passphrase.
    pub fn unlock(&self, custody: &Custody<'_>) -> Result<Keyring, LockError> {
        if custody.deployment != self.0.deployment {
            return Err(LockFault::OtherDeployment.into());
        }
        let mut locks = custody.locks.iter();
        let found = locks.find_map(|(name, lock)| Some((self.find(name)?, lock)));
        let (text, lock) = found.ok_or(LockFault::NoSuchLock)?;
        let kek = kek(text, lock)?;
        let key = self.ring_key(text, &kek).map_err(|error| match error {
            OpenError::UnknownKey(_) => LockFault::WrongKey {
                kind: secret_of(text.protection.name()),
                name: text.name.clone(),
                error,
            },
            error => LockFault::Open(error),
        })?;
        let keyring = self.open(key).map_err(LockFault::Open)?;
        let (floor, found) = (custody.floor, self.0.place());
        if is_below(found, floor) {
            return Err(LockFault::BelowFloor { floor, found }.into());
        }
        Ok(keyring)
    }

    fn find(&self, name: &str) -> Option<&LockText> {
        self.0.locks.iter().find(|lock| lock.name == name)
    }

    /// Opens the ring key with the key of a lock.
    fn ring_key(&self, lock: &LockText, kek: &Material) -> Result<Material, OpenError> {
        let scope = lock.scope(&self.0.deployment);
        let (sealed, plaintext) = open_under(kek, &scope, &Kind::Lock, &lock.sealed)?;
        let key = sealed.fields(&plaintext)?.get(TAG_RING_KEY);
        let key = key.and_then(|key| key.try_into().ok()).ok_or(OpenError::BadPayload)?;
        Ok(Material::copy_of(key))
    }

    /// Opens the keys with the ring key, and keeps it.
    fn open(&self, key: Material) -> Result<Keyring, OpenError> {
        let ring = Ring { key, text: self.0.clone() };
        let mut keyring = ring.open(Keyring::decode)?;
        keyring.set_ring(ring);
        Ok(keyring)
    }
}

impl Keyring {
    /// Opens a text with the ring key that this keyring keeps, such as a later
    /// [generation](Self::lock_again) that another process wrote.
    ///
    /// This needs no key management service and no passphrase. The very same text gives a copy of the
    /// keyring as it was locked.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if
    ///
    /// - this keyring was neither locked nor unlocked,
    /// - the text has another ring key, because the locks were [written anew](Self::lock): see
    ///   [`LockError::is_other_set`],
    /// - the set or the generation is lower than this keyring's: see
    ///   [`LockError::is_rolled_back`],
    /// - both are the same, and another write made the text: see [`LockError::is_forked`], or
    /// - the sealed keys do not open: see [`LockError::open_error`].
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::seal::{Custody, Keyring, Lock, LockedKeyring};
    ///
    /// # let kek = [7; 32];
    /// let custody = Custody::new("production")?.lock("host", Lock::raw(&kek))?;
    /// let mut theirs = Keyring::generate()?;
    /// let first = theirs.lock(&custody)?;
    /// let ours = LockedKeyring::parse(&first)?.unlock(&custody)?;
    /// theirs.add()?;
    /// let second = theirs.lock_again()?;
    ///
    /// let ours = ours.reload(&LockedKeyring::parse(&second)?)?;
    /// assert_eq!(ours.entries().len(), 2);
    /// let error = ours.reload(&LockedKeyring::parse(&first)?).unwrap_err();
    /// assert!(error.is_rolled_back());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reload(&self, locked: &LockedKeyring) -> Result<Self, LockError> {
        let ring = self.ring().ok_or(LockFault::NeverLocked)?;
        if !ring.sealed(&locked.0) {
            // An old set is refused at once: it would be refused after it was unlocked, too.
            ring.check_later(&locked.0)?;
        }
        let keyring = self.reload_restored(locked)?;
        keyring.check_later_than(self)?;
        Ok(keyring)
    }

    /// Opens a text that may be older than this keyring, or a fork of it.
    ///
    /// # Errors
    ///
    /// Same as [`reload`](Self::reload), but for the order of the two.
    pub(crate) fn reload_restored(&self, locked: &LockedKeyring) -> Result<Self, LockError> {
        let ring = self.ring().ok_or(LockFault::NeverLocked)?;
        if !ring.sealed(&locked.0) {
            return Err(LockFault::OtherSet.into());
        }
        let keyring = locked.open(Material::copy_of(ring.key.expose()));
        Ok(keyring.map_err(LockFault::Open)?)
    }

    /// Refuses a keyring that is older than another, or a fork of it, whatever the locks of both.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if [`reload`](Self::reload) would, for the same reasons.
    pub(crate) fn check_later_than(&self, seen: &Self) -> Result<(), LockError> {
        let places = self.ring().zip(seen.ring());
        let (ours, seen) = places.ok_or(LockFault::NeverLocked)?;
        Ok(seen.check_later(&ours.text)?)
    }
}

#[cfg(test)]
impl LockedKeyring {
    pub(super) fn lock(&self, name: &str) -> Option<&LockText> {
        self.find(name)
    }
}

impl fmt::Debug for LockedKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedKeyring")
            .field("deployment", &self.0.deployment)
            .field("locks", &self.0.locks)
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}

/// A lock of a [`LockedKeyring`] whose key a key management service has wrapped.
#[derive(Debug)]
pub struct KmsLock<'a> {
    deployment: &'a str,
    wrapped: &'a [u8],
}

impl<'a> KmsLock<'a> {
    /// Returns the wrapped key, for the service to unwrap.
    #[must_use]
    pub fn wrapped(&self) -> &'a [u8] {
        self.wrapped
    }

    /// Returns the context for the service. Same as [`Custody::context`].
    #[must_use]
    pub fn context(&self) -> [(&'a str, &'a str); 2] {
        context(self.deployment)
    }

    /// Returns the context for a service that takes bytes. Same as [`Custody::context_bytes`].
    #[must_use]
    pub fn context_bytes(&self) -> Vec<u8> {
        context_bytes(self.deployment)
    }
}

/// Makes the key of a lock from the caller's means.
fn kek(text: &LockText, lock: &Lock<'_>) -> Result<Material, LockFault> {
    match (&text.protection, lock.0) {
        (Protection::Raw, Means::Raw(kek)) => Ok(Material::copy_of(kek)),
        #[cfg(feature = "passphrase")]
        (Protection::Argon2id { m_kib, t, p, salt }, Means::Passphrase(passphrase, _)) => {
            let cost = PassphraseCost::checked(*m_kib, *t, *p).map_err(LockFault::CostInText)?;
            let kek = cost.derive(passphrase, salt).ok_or(LockFault::OutOfMemory)?;
            Ok(Material::copy_of(&kek))
        }
        (Protection::Kms { key, wrapped }, Means::Kms { key: pinned, wrapped: unwrapped, kek }) => {
            if key != pinned {
                return Err(LockFault::OtherKmsKey);
            }
            if wrapped != unwrapped {
                return Err(LockFault::OtherWrapped);
            }
            Ok(Material::copy_of(kek))
        }
        _ => Err(other_kind(text, lock.protection())),
    }
}

fn other_kind(text: &LockText, given: &str) -> LockFault {
    let (expected, given) = (described(text.protection.name()), described(given));
    LockFault::OtherKind { expected, given }
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

/// The secret of a lock, in the words of an error.
fn secret_of(protection: &str) -> &'static str {
    match protection {
        PROTECTION_RAW => "key",
        PROTECTION_KMS => "key that the KMS gave",
        _ => "passphrase",
    }
}
