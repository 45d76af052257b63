//! Locking a keyring: as a new set of locks, or again under the same ones.

use crate::seal::custody::Custody;
use crate::seal::derive::Material;
use crate::seal::error::{LockError, LockFault};
use crate::seal::fields::Fields;
use crate::seal::format::{MAX_WRAPPED_LEN, TAG_KEYRING, TAG_RING_KEY};
use crate::seal::header::{Kind, Revision};
use crate::seal::keyring::Keyring;
use crate::seal::lock::{Lock, Means};
use crate::seal::locked_text::{LockText, LockedText, Protection};
use crate::seal::random::{Random, random};
use crate::seal::record::Draft;
use crate::seal::ring::Ring;

impl Keyring {
    /// Locks the keyring under the locks of a custody: seals its keys and returns them as a TOML text.
    ///
    /// [`LockedKeyring`](crate::seal::LockedKeyring) reads the text. Each call writes a new
    /// [set](Self::set) of locks: it makes a fresh ring key, seals it for each lock, and counts the
    /// [generation](Self::generation) up by one. It needs the secret of every lock. To write changed
    /// keys under the same locks, use [`lock_again`](Self::lock_again).
    ///
    /// The caller stores the text; if it is a file, its mode should be 0600.
    ///
    /// # Dropping a lock
    ///
    /// Whoever had a lock of an earlier set may still know the keys of that time, and what was
    /// sealed under them. So [add](Self::add) a key, move the records to it, and destroy the old
    /// keys. Whoever had a lock may also forge a keyring for a process that remembers nothing:
    /// see [`Custody::at_least`].
    ///
    /// # Errors
    ///
    /// Returns [`LockError`], and leaves the keyring unchanged, if
    ///
    /// - the custody has no lock,
    /// - a passphrase is empty,
    /// - a wrapped key is empty or longer than 4096 bytes,
    /// - the keyring has the last generation, 2^63 - 1, or
    /// - the operating system gives no randomness, or not enough memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::seal::{Custody, Keyring, Lock, LockedKeyring};
    ///
    /// # let kek = [7; 32];
    /// let custody = Custody::new("production")?.lock("host", Lock::raw(&kek))?;
    /// let mut keyring = Keyring::generate()?;
    /// let text = keyring.lock(&custody)?;
    ///
    /// let again = LockedKeyring::parse(&text)?.unlock(&custody)?;
    /// assert_eq!((again.primary(), again.generation()), (keyring.primary(), 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock(&mut self, custody: &Custody<'_>) -> Result<String, LockError> {
        let generation = self.next_generation()?;
        if custody.locks.is_empty() {
            return Err(LockFault::LockCount.into());
        }
        let mut locks = Vec::with_capacity(custody.locks.len());
        for (name, lock) in &custody.locks {
            let (protection, kek) = protect(lock)?;
            locks.push((LockText { name: name.clone(), protection, sealed: Vec::new() }, kek));
        }
        let (ring_key, deployment) = (Material::copy_of(&*fresh()?), custody.deployment.clone());
        self.lock_with(deployment, locks, generation, ring_key, fresh)
    }

    /// Locks the keyring again under the same locks, as the next generation, and returns the text.
    ///
    /// A keyring keeps the ring key of the locks that it was locked under, or unlocked by. So this
    /// needs no key management service and no passphrase.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`], and leaves the keyring unchanged, if
    ///
    /// - the keyring was neither locked nor unlocked before,
    /// - it has the last generation, 2^63 - 1, or
    /// - the operating system gives no randomness.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::seal::{Custody, Keyring, Lock, LockedKeyring};
    ///
    /// # let kek = [7; 32];
    /// let custody = Custody::new("production")?.lock("host", Lock::raw(&kek))?;
    /// let mut keyring = Keyring::generate()?;
    /// let first = keyring.lock(&custody)?;
    /// keyring.add()?;
    /// let second = keyring.lock_again()?;
    ///
    /// let locked = LockedKeyring::parse(&second)?;
    /// assert_eq!((locked.set(), locked.generation()), (1, 2));
    /// assert_eq!(locked.unlock(&custody)?.entries().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock_again(&mut self) -> Result<String, LockError> {
        let generation = self.next_generation()?;
        self.lock_next(generation, fresh)
    }

    /// Locks the keyring as a new set. The text is a function of the arguments.
    pub(super) fn lock_with(
        &mut self,
        deployment: String,
        locks: Vec<(LockText, Material)>,
        revision: Revision,
        ring_key: Material,
        mut fresh: impl FnMut() -> Result<Random, LockFault>,
    ) -> Result<String, LockError> {
        let mut text =
            LockedText { deployment, locks: Vec::with_capacity(locks.len()), sealed: vec![] };
        for (mut lock, kek) in locks {
            let fields = Fields::default().with(TAG_RING_KEY, ring_key.expose().as_slice());
            let scope = lock.scope(&text.deployment);
            lock.sealed = seal(Kind::Lock, &kek, &scope, revision, &fields, &fresh()?);
            text.locks.push(lock);
        }
        self.seal_keys(ring_key, text, revision, &fresh()?)
    }

    /// Locks the keyring under the same locks. The text is a function of the arguments.
    pub(super) fn lock_next(
        &mut self,
        revision: Revision,
        fresh: impl FnOnce() -> Result<Random, LockFault>,
    ) -> Result<String, LockError> {
        let ring = self.ring().ok_or(LockFault::NeverLocked)?;
        let (key, text) = (Material::copy_of(ring.key.expose()), ring.text.clone());
        self.seal_keys(key, text, revision, &fresh()?)
    }

    /// Seals the keys under the ring key, for the locks of a text, and keeps both.
    fn seal_keys(
        &mut self,
        key: Material,
        mut text: LockedText,
        revision: Revision,
        random: &Random,
    ) -> Result<String, LockError> {
        let doc = self.encode();
        let fields = Fields::default().with(TAG_KEYRING, doc.0.as_slice());
        text.sealed = seal(Kind::Keyring, &key, &text.scope(), revision, &fields, random);
        let written = text.write();
        self.set_ring(Ring { key, text });
        Ok(written)
    }

    fn next_generation(&self) -> Result<Revision, LockFault> {
        Revision::try_from(self.generation() + 1).map_err(|_| LockFault::LastGeneration)
    }
}

/// Seals fields for a scope under a ring key or the key of a lock.
fn seal(
    kind: Kind,
    key: &Material,
    scope: &[u8],
    revision: Revision,
    fields: &Fields<'_>,
    random: &Random,
) -> Vec<u8> {
    let (key_id, scope_key) = (key.key_id(), &key.scope_key(scope));
    let draft = Draft { kind, revision, rewraps: 0, key_id, scope, scope_key };
    draft.seal(fields, random).into_bytes()
}

/// Makes the key of a lock, and what its text holds beside it.
fn protect(lock: &Lock<'_>) -> Result<(Protection, Material), LockFault> {
    Ok(match lock.0 {
        Means::Raw(kek) => (Protection::Raw, Material::copy_of(kek)),
        #[cfg(feature = "passphrase")]
        Means::Passphrase(passphrase, cost) => {
            if passphrase.is_empty() {
                return Err(LockFault::EmptyPassphrase);
            }
            let salt = *fresh()?.first_chunk().expect("16 of 32 bytes");
            let kek = cost.derive(passphrase, &salt).ok_or(LockFault::OutOfMemory)?;
            let (m_kib, t, p) = (cost.m_kib(), cost.t(), cost.p());
            (Protection::Argon2id { m_kib, t, p, salt }, Material::copy_of(&kek))
        }
        Means::Kms { key, wrapped, kek } => {
            if !(1..=MAX_WRAPPED_LEN).contains(&wrapped.len()) {
                return Err(LockFault::Field { field: "wrapped", max: MAX_WRAPPED_LEN });
            }
            let (key, wrapped) = (key.clone(), wrapped.to_vec());
            (Protection::Kms { key, wrapped }, Material::copy_of(kek))
        }
    })
}

fn fresh() -> Result<Random, LockFault> {
    random().map_err(LockFault::Randomness)
}
