//! A keyring in a store, under a key of AWS KMS and under a passphrase.
//!
//! [`create`] and [`open`] are what a service calls. The service talks to KMS once, when it starts.
//! [`open_in_an_emergency`] is for the day on which the KMS key is gone.

mod kms;
mod signature;

use std::error::Error;

use secrets_toml::seal::{Custody, Lock, LockedKeyring};
use secrets_toml::store::Store;
use secrets_toml::vault::Vault;

pub use kms::{DataKey, Kms, KmsError};
pub use signature::{Credentials, Request, Timestamp};

/// The names of the locks. A lock is asked for by its name.
const AWS: &str = "aws";
const BREAK_GLASS: &str = "break-glass";

/// Makes a keyring in an empty store, and locks it under the KMS key and the passphrase.
///
/// # Errors
///
/// Returns an error if KMS refuses, if the store has records or a keyring, or if a name is not valid.
pub fn create<S: Store>(
    store: S,
    deployment: &str,
    kms: &Kms,
    passphrase: &str,
) -> Result<Vault<S>, Box<dyn Error + Send + Sync>> {
    let custody = Custody::new(deployment)?;
    let key = kms.generate(custody.context())?;
    let custody = custody
        .lock(AWS, Lock::kms(kms.key(), &key.wrapped, &key.kek))?
        .lock(BREAK_GLASS, Lock::passphrase(passphrase))?;
    Ok(Vault::create(store, &custody)?)
}

/// Opens a store by the KMS key.
///
/// The keyring's text is not authenticated before it is unlocked. So [`LockedKeyring::kms`] refuses a
/// text that names another key than the pinned one, before any call. From then on the process keeps what
/// it needs: another generation of the keyring takes no call to KMS.
///
/// # Errors
///
/// Returns an error if the text names another key, if KMS refuses, or if the keyring does not open.
pub fn open<S: Store>(
    store: S,
    deployment: &str,
    kms: &Kms,
) -> Result<Vault<S>, Box<dyn Error + Send + Sync>> {
    let custody = Custody::new(deployment)?;
    let locked = LockedKeyring::load(&store)?;
    let lock = locked.kms(AWS, kms.key())?;
    let kek = kms.unwrap(lock.wrapped(), custody.context())?;
    let custody =
        Custody::new(deployment)?.lock(AWS, Lock::kms(kms.key(), lock.wrapped(), &kek))?;
    Ok(Vault::open(store, &custody)?)
}

/// Opens a store by the passphrase, without KMS.
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
