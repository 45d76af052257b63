//! A keyring in a store, under a key of HashiCorp Vault's transit engine and under a passphrase.
//!
//! [`create`] and [`open`] are what a service calls. The service talks to Vault once, when it starts.
//! [`open_in_an_emergency`] is for the day on which Vault or its key is gone.
//!
//! The key of the transit engine must be made with `derived=true`. Vault then derives the key that wraps
//! from the context, so that what was wrapped for one deployment is not unwrapped for another.

mod transit;

use std::error::Error;

use secrets_toml::seal::{Custody, Lock, LockedKeyring};
use secrets_toml::store::Store;
use secrets_toml::vault::Vault;

pub use transit::{DataKey, Transit, TransitError};

/// The names of the locks. A lock is asked for by its name.
const VAULT: &str = "vault";
const BREAK_GLASS: &str = "break-glass";

/// Makes a keyring in an empty store, and locks it under the transit key and the passphrase.
///
/// # Errors
///
/// Returns an error if Vault refuses, if the store has records or a keyring, or if a name is not valid.
pub fn create<S: Store>(
    store: S,
    deployment: &str,
    transit: &Transit,
    passphrase: &str,
) -> Result<Vault<S>, Box<dyn Error + Send + Sync>> {
    let custody = Custody::new(deployment)?;
    let key = transit.generate(&custody.context_bytes())?;
    let custody = custody
        .lock(VAULT, Lock::kms(transit.key(), &key.wrapped, &key.kek))?
        .lock(BREAK_GLASS, Lock::passphrase(passphrase))?;
    Ok(Vault::create(store, &custody)?)
}

/// Opens a store by the transit key.
///
/// The keyring's text is not authenticated before it is unlocked. So [`LockedKeyring::kms`] refuses a
/// text that names another key than the pinned one, before any call. From then on the process keeps what
/// it needs: another generation of the keyring takes no call to Vault.
///
/// # Errors
///
/// Returns an error if the text names another key, if Vault refuses, or if the keyring does not open.
pub fn open<S: Store>(
    store: S,
    deployment: &str,
    transit: &Transit,
) -> Result<Vault<S>, Box<dyn Error + Send + Sync>> {
    let custody = Custody::new(deployment)?;
    let locked = LockedKeyring::load(&store)?;
    let lock = locked.kms(VAULT, transit.key())?;
    let kek = transit.unwrap(lock.wrapped(), &custody.context_bytes())?;
    let custody = custody.lock(VAULT, Lock::kms(transit.key(), lock.wrapped(), &kek))?;
    Ok(Vault::open(store, &custody)?)
}

/// Opens a store by the passphrase, without Vault.
///
/// Call [`Vault::relock`] with a new key of a KMS that works, and a new passphrase.
///
/// # Errors
///
/// Returns an error if the passphrase is wrong, or if the keyring does not open.
pub fn open_in_an_emergency<S: Store>(
    store: S,
    deployment: &str,
    passphrase: &str,
) -> Result<Vault<S>, Box<dyn Error + Send + Sync>> {
    let custody = Custody::new(deployment)?.lock(BREAK_GLASS, Lock::passphrase(passphrase))?;
    Ok(Vault::open(store, &custody)?)
}
