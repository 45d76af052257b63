//! Sealing and the keyring, from outside.

mod altered;
mod exhaustive;
mod generation;
mod keyring;
mod lock;
mod scope;
mod silence;

use secrets_toml::seal::{Custody, Keyring, Lock, Revision, Scope};
use secrets_toml::{Document, Secrets};

pub(crate) const TEXT: &str = "CLARIFAI_PAT = \"hunter2\"\n";

pub(crate) fn secrets() -> Secrets {
    Document::parse(TEXT).unwrap().validate().unwrap()
}

pub(crate) fn version() -> Scope {
    Scope::module("chat").and_then(|module| module.version("1.2.0")).unwrap()
}

pub(crate) fn install(name: &str) -> Scope {
    version().install(name).unwrap()
}

pub(crate) fn revision(number: u64) -> Revision {
    Revision::try_from(number).unwrap()
}

/// A keyring whose first key is always the same.
pub(crate) fn keyring() -> Keyring {
    Keyring::from_bytes([0x11; 32])
}

/// The custody of a keyring with one lock.
pub(crate) fn custody(lock: Lock<'_>) -> Custody<'_> {
    Custody::new("test").and_then(|custody| custody.lock("host", lock)).unwrap()
}
