//! Sealed records and the keyring: a document, encrypted for one module, version or install.
//!
//! - A [`Keyring`] seals [`Secrets`](crate::Secrets) for a [`Scope`] at a [`Revision`] into a
//!   [`Record`], and opens the record again. A record does not open under another scope, with
//!   another key, or if a bit of it was changed.
//! - A [`ScopeKeyring`] opens the records of one scope only.
//! - [`Keyring::lock`] turns a keyring into a text, protected by a [`Lock`]: a raw key, a
//!   passphrase, or a key management service. [`LockedKeyring`] reads it.
//!
//! This module does no I/O: the caller stores records and locked keyrings, or a
//! [`Vault`](crate::vault::Vault) does. Every result is a function of the arguments, except for 32
//! bytes from the operating system's random generator for each record, each key, and each salt of a
//! passphrase.
//!
//! # Speed
//!
//! A record takes as many compressions of SHA-256 as its scope and its fields need: 9 to open one whose
//! scope has up to 33 bytes. Most of the rest is the cipher, which comes from one of two libraries.
//! Records are the same bytes either way.
//!
//! - **`chacha20poly1305`** is the default. On x86-64, `poly1305` 0.9.1 chooses its AVX2 code at run time,
//!   which costs more than 1 µs for each message, however short. If the program is built for processors
//!   that have AVX2, with `-C target-cpu=x86-64-v3` or `-C target-cpu=native`, that cost goes away:
//!   Poly1305 of 64 bytes takes 0.2 µs instead of 1.7.
//! - **`aws-lc-rs`**, with the feature of that name, chooses its code at run time without that cost, and
//!   takes half the time for each byte. It compiles C and assembly, and needs a C compiler, on Windows
//!   also NASM. Take it if a profile of your host shows the cipher.
//!
//! # Wiping
//!
//! Plaintext, keys and derived keys are kept in buffers that never grow. They are wiped before they
//! are freed, also after an error. This includes the heap of AWS-LC, which holds the key of a record.
//! Copies that the compiler leaves on the stack or in registers are wiped on a best-effort basis. Both
//! libraries leave a copy of a record's key on the stack, which the next calls overwrite. Memory that
//! is swapped out or dumped is the host's responsibility.
//!
#![doc = include_str!("seal/format.md")]

mod cipher;
mod contents;
mod custody;
mod derive;
mod entry;
mod error;
mod fields;
pub(crate) mod format;
mod header;
mod key_id;
mod keyring;
mod keyring_row;
mod kms_key;
mod lock;
mod locked;
mod locked_text;
mod locking;
mod manifest;
mod opened;
mod passphrase;
mod past;
mod random;
mod record;
mod ring;
mod scope;
mod scope_keyring;
#[cfg(test)]
mod tests;

pub use contents::{By, Contents};
pub use custody::Custody;
pub use entry::KeyState;
pub use error::{KeyringError, LockError, OpenError};
pub use format::MAX_COMPONENT_LEN;
pub use header::{Header, Kind, Revision};
pub use key_id::KeyId;
pub use keyring::{Keyring, Unused};
pub(crate) use keyring_row::{check_keyring_row, keyring_row, keyring_text};
pub use kms_key::KmsKey;
pub use lock::Lock;
pub use locked::{KmsLock, LockedKeyring};
pub(crate) use manifest::ManifestList;
pub use opened::Opened;
pub use passphrase::PassphraseCost;
pub(crate) use past::{past_key, past_prefix};
pub use record::Record;
pub use scope::{Scope, ScopeError};
pub use scope_keyring::ScopeKeyring;
