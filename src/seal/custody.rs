//! Custody of a keyring: the deployment that it belongs to, and the locks that open it.

use std::fmt;

use crate::seal::error::{LockError, LockFault};
use crate::seal::format::{MAX_COMPONENT_LEN, MAX_LOCK_NAME_LEN, MAX_LOCKS};
use crate::seal::lock::Lock;
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
    /// The lowest set and the lowest generation that are unlocked.
    pub(super) floor: (u64, u64),
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
        Ok(Self { deployment: deployment.to_owned(), locks: Vec::new(), floor: (0, 0) })
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

    /// Sets a floor: what is below this [set](crate::seal::Keyring::set), or below this
    /// [generation](crate::seal::Keyring::generation), is not unlocked.
    ///
    /// A process remembers what it has seen, but a new process remembers nothing. Somebody who can
    /// write to the store may put an old keyring back. Somebody who once had a lock may put a forged
    /// one there. So keep both numbers outside the store, and raise the floor at least whenever
    /// the locks change because somebody may no longer have one.
    ///
    /// The floor matters for unlocking only.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::seal::{Custody, Keyring, Lock, LockedKeyring};
    ///
    /// # let kek = [7; 32];
    /// let custody = Custody::new("production")?.lock("host", Lock::raw(&kek))?;
    /// let mut keyring = Keyring::generate()?;
    /// let old = keyring.lock(&custody)?;
    /// let new = keyring.lock_again()?;
    ///
    /// let custody = custody.at_least(keyring.set(), keyring.generation());
    /// assert!(LockedKeyring::parse(&new)?.unlock(&custody).is_ok());
    /// let error = LockedKeyring::parse(&old)?.unlock(&custody).unwrap_err();
    /// assert!(error.is_rolled_back());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn at_least(self, set: u64, generation: u64) -> Self {
        Self { floor: (set, generation), ..self }
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
