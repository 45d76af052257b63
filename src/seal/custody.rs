//! Custody of a keyring: the deployment that it belongs to, and the locks that open it.

use std::fmt;

use crate::seal::derive::Material;
use crate::seal::error::{LockError, LockFault};
use crate::seal::fields::Fields;
use crate::seal::format::{
    MAX_COMPONENT_LEN, MAX_LOCK_NAME_LEN, MAX_LOCKS, MAX_WRAPPED_LEN, TAG_KEYRING, TAG_RING_KEY,
};
use crate::seal::header::{Kind, Revision};
use crate::seal::keyring::Keyring;
use crate::seal::lock::{Lock, Means};
use crate::seal::locked_text::{LockText, LockedText, Protection};
use crate::seal::random::{Random, random};
use crate::seal::record::Draft;
use crate::seal::scope::check;

/// The deployment that a keyring belongs to, and the named locks that open it.
///
/// The deployment's name keeps two deployments apart that use the same key of a key management
/// service: the text of one does not unlock for the other.
///
/// # Examples
///
/// ```
/// use secrets_toml::seal::{Custody, Keyring, Lock, LockedKeyring};
///
/// # let kek = [7; 32];
/// let custody = Custody::new("production")?.lock("host", Lock::raw(&kek))?;
/// let text = Keyring::generate()?.lock(&custody)?;
/// let keyring = LockedKeyring::parse(&text)?.unlock(&custody)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Custody<'a> {
    pub(super) deployment: String,
    pub(super) locks: Vec<(String, Lock<'a>)>,
}

impl<'a> Custody<'a> {
    /// Names a deployment. It has no lock yet.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if the name
    ///
    /// - is empty or longer than 255 bytes,
    /// - has a control character, or
    /// - starts or ends with white space.
    pub fn new(deployment: &str) -> Result<Self, LockError> {
        check("deployment", deployment, MAX_COMPONENT_LEN)?;
        Ok(Self { deployment: deployment.to_owned(), locks: Vec::new() })
    }

    /// Adds a lock under a name.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if the name
    ///
    /// - is empty or longer than 64 bytes,
    /// - has a control character, starts or ends with white space, or
    /// - is the name of an earlier lock,
    ///
    /// or if there are 16 locks already.
    pub fn lock(mut self, name: &str, lock: Lock<'a>) -> Result<Self, LockError> {
        check("name of the lock", name, MAX_LOCK_NAME_LEN)?;
        if self.locks.iter().any(|(earlier, _)| earlier == name) {
            return Err(LockFault::RepeatedName.into());
        }
        if self.locks.len() == MAX_LOCKS {
            return Err(LockFault::LockCount.into());
        }
        self.locks.push((name.to_owned(), lock));
        Ok(self)
    }

    /// Returns the context ("encryption context") for a key management service, as a map of texts.
    ///
    /// Pass it when wrapping and when unwrapping, so that what was wrapped for a keyring cannot be
    /// unwrapped for anything else.
    #[must_use]
    pub fn context(&self) -> [(&str, &str); 2] {
        context(&self.deployment)
    }

    /// Returns the context for a service that takes bytes ("additional authenticated data").
    #[must_use]
    pub fn context_bytes(&self) -> Vec<u8> {
        context_bytes(&self.deployment)
    }
}

impl fmt::Debug for Custody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custody")
            .field("deployment", &self.deployment)
            .field("locks", &self.locks)
            .finish()
    }
}

pub(super) fn context(deployment: &str) -> [(&str, &str); 2] {
    [("deployment", deployment), ("secrets-toml", "v1")]
}

pub(super) fn context_bytes(deployment: &str) -> Vec<u8> {
    let pairs = context(deployment).map(|(name, value)| format!("{name}={value}\n"));
    pairs.concat().into_bytes()
}

impl Keyring {
    /// Locks the keyring: seals its keys and returns them as a TOML text.
    ///
    /// [`LockedKeyring`](crate::seal::LockedKeyring) reads the text. Each call makes a fresh ring key,
    /// seals it for each lock, and counts the [generation](Self::generation) up by one. The caller
    /// stores the text; if it is a file, its mode should be 0600.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`], and leaves the keyring unchanged, if
    ///
    /// - the custody has no lock,
    /// - a passphrase is empty,
    /// - a wrapped key is empty or longer than 4096 bytes, or
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
        let generation = Revision::try_from(self.generation() + 1);
        let generation = generation.map_err(|_| LockFault::LastGeneration)?;
        if custody.locks.is_empty() {
            return Err(LockFault::LockCount.into());
        }
        let mut keys = Vec::with_capacity(custody.locks.len());
        for (name, lock) in &custody.locks {
            let (protection, kek) = protect(lock)?;
            keys.push((LockText { name: name.clone(), protection, sealed: Vec::new() }, kek));
        }
        let (ring_key, deployment) = (fresh()?, custody.deployment.clone());
        let text = self.lock_with(deployment, keys, generation, &ring_key, fresh)?;
        self.set_generation(generation);
        Ok(text)
    }

    /// Locks the keyring. The text is a function of the arguments.
    pub(super) fn lock_with(
        &self,
        deployment: String,
        keys: Vec<(LockText, Material)>,
        revision: Revision,
        ring_key: &[u8; 32],
        mut fresh: impl FnMut() -> Result<Random, LockFault>,
    ) -> Result<String, LockFault> {
        let mut locks = Vec::with_capacity(keys.len());
        let seal = |kind, key: &Material, scope: &[u8], fields, random: &_| {
            let (key_id, scope_key) = (key.key_id(), &key.scope_key(scope));
            let draft = Draft { kind, revision, rewraps: 0, key_id, scope, scope_key };
            draft.seal(&fields, random).into_bytes()
        };
        for (mut lock, kek) in keys {
            let fields = Fields::default().with(TAG_RING_KEY, ring_key.as_slice());
            lock.sealed = seal(Kind::Lock, &kek, &lock.scope(&deployment), fields, &fresh()?);
            locks.push(lock);
        }
        let mut text = LockedText { deployment, locks, sealed: Vec::new() };
        let (ring_key, doc) = (Material::copy_of(ring_key), self.encode());
        let fields = Fields::default().with(TAG_KEYRING, doc.0.as_slice());
        text.sealed = seal(Kind::Keyring, &ring_key, &text.scope(), fields, &fresh()?);
        Ok(text.write())
    }
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
