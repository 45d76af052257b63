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
mod key_id;
mod keyring;
mod lock;
mod manifest;
mod passphrase;
mod random;
mod record;
mod scope;
#[cfg(test)]
mod tests;

pub use key_id::KeyId;
pub use keyring::{KeyState, Keyring, KeyringError, MAX_KEYS, ScopeKeyring, Unused};
pub use lock::{
    KmsKey, LockError, LockedKeyring, LockedKeyringError, MAX_LOCKED_LEN, Needs, Protection,
    Unlock, UnlockError,
};
pub(crate) use manifest::ManifestList;
pub use passphrase::{PassphraseCost, PassphraseCostError};
pub use random::RandomnessError;
pub use record::{
    ContentError, Header, Kind, MAX_SEALED_LEN, OpenError, Opened, Record, Revision, SealError,
    inspect,
};
pub use scope::{MAX_COMPONENT_LEN, Scope, ScopeError};
