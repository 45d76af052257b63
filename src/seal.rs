//! Sealed records and the keyring: a document, encrypted for exactly one module, version or
//! install.
//!
//! A [`Keyring`] seals [`Secrets`](crate::Secrets) for a [`Scope`] at a [`Revision`] into a
//! [`Record`], and opens it again: under another scope, with a bit changed, or with another key it
//! stays shut. A [`ScopeKeyring`] opens the records of one scope. A keyring is kept as a text under
//! a passphrase, a key, or a key management service: [`Keyring::lock`], [`LockedKeyring`].
//!
//! Everything is a function of its arguments, but for 32 bytes from the operating system's random
//! generator for each record, for each key, and for the salt of a passphrase. Where the bytes are
//! kept is the caller's.
//!
//! Plaintext, keys and what is derived from them lie in buffers that never grow and are wiped before
//! they are freed, after a failure too. Copies that the compiler leaves on the stack or in registers
//! are wiped on best effort; memory that is swapped out or dumped is the host's to protect.
//!
#![doc = include_str!("seal/format.md")]

mod derive;
mod keyring;
mod lock;
mod manifest;
mod passphrase;
mod record;
mod scope;
#[cfg(test)]
mod tests;

use zeroize::Zeroizing;

pub use keyring::{KeyId, KeyState, Keyring, KeyringError, MAX_KEYS, ScopeKeyring, Unused};
pub use lock::{
    KmsKey, LockError, LockedKeyring, LockedKeyringError, MAX_LOCKED_LEN, Needs, Protection,
    Unlock, UnlockError,
};
pub(crate) use manifest::ManifestList;
pub use passphrase::{PassphraseCost, PassphraseCostError};
pub use record::{
    ContentError, Header, Kind, MAX_SEALED_LEN, OpenError, Opened, Record, Revision, SealError,
};
pub use scope::{MAX_COMPONENT_LEN, Scope, ScopeError};

/// Reads what a record says of itself in clear.
///
/// **Nothing of it is authenticated**: whoever can write to the store can write any of it. It is
/// good for listing and for finding what is left under an old key, not for a decision.
///
/// # Errors
///
/// [`OpenError`] where the bytes are not laid out like a record; of the steps of opening, those
/// before the key is looked for.
///
/// # Examples
///
/// ```
/// use secrets_toml::seal::{self, Keyring, Kind, Revision, Scope};
///
/// let keyring = Keyring::generate()?;
/// let record = keyring.seal_tombstone(&Scope::module("chat")?, Revision::FIRST)?;
/// let header = seal::inspect(record.as_bytes())?;
/// assert_eq!((header.kind(), header.revision()), (Kind::Tombstone, Revision::FIRST));
/// assert_eq!(header.key_id(), keyring.primary());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect(record: &[u8]) -> Result<Header, OpenError> {
    let kinds = [Kind::Document, Kind::Tombstone, Kind::Keyring, Kind::Manifest];
    Ok(record::Sealed::parse(record, &kinds)?.header)
}

/// 32 fresh bytes, wiped on drop.
type Random = Zeroizing<[u8; 32]>;

/// The one place where randomness comes from.
fn random() -> Result<Random, RandomnessError> {
    let mut random = Zeroizing::new([0; 32]);
    getrandom::fill(random.as_mut_slice()).map_err(RandomnessError)?;
    Ok(random)
}

/// The operating system gave no randomness, so nothing was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct RandomnessError(#[source] getrandom::Error);
