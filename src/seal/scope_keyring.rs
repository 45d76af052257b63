//! The keyring of one scope.

use std::fmt;

use crate::seal::derive::Material;
use crate::seal::entry::{Entry, KeyState, open};
use crate::seal::error::OpenError;
use crate::seal::opened::Opened;
use crate::seal::record::Place;
use crate::seal::scope::Scope;

/// The keys that open the records of one scope.
///
/// It is a snapshot of a [`Keyring`](crate::seal::Keyring), and cannot seal. Its keys are derived
/// for its scope: neither the keyring's keys nor the keys of another scope can be computed from
/// them. So it may be given to a process that runs one module.
///
/// ```
/// use secrets_toml::Document;
/// use secrets_toml::seal::{Keyring, OpenError, Revision, Scope};
///
/// let version = Scope::module("chat")?.version("1.2.0")?;
/// let (acme, other) = (version.install("acme")?, version.install("other")?);
/// let keyring = Keyring::generate()?;
/// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
///
/// let acme_only = keyring.for_scope(&acme);
/// let record = keyring.seal(&acme, Revision::FIRST, &secrets)?;
/// assert!(acme_only.open(record.as_bytes()).is_ok());
/// let record = keyring.seal(&other, Revision::FIRST, &secrets)?;
/// assert_eq!(acme_only.open(record.as_bytes()).unwrap_err(), OpenError::Mismatch);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ScopeKeyring {
    scope: Scope,
    entries: Vec<Entry>,
}

impl ScopeKeyring {
    /// Derives the keys of a scope. Keys that may not open are left out, only their IDs are kept.
    pub(super) fn of(entries: &[Entry], scope: &Scope) -> Self {
        let entries = entries.iter().map(|entry| {
            let usable = matches!(entry.state, KeyState::Primary | KeyState::Active);
            let material = entry.material.as_ref().filter(|_| usable);
            let material = material.map(|material| material.scope_material(scope.as_bytes()));
            Entry { id: entry.id, state: entry.state, material }
        });
        Self { scope: scope.clone(), entries: entries.collect() }
    }

    /// Opens a record of the scope.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Keyring::open`](crate::seal::Keyring::open).
    pub fn open(&self, record: &[u8]) -> Result<Opened, OpenError> {
        open(&self.entries, Place::present(&self.scope), record, Material::as_scope_key)
    }

    /// Returns the scope.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl fmt::Debug for ScopeKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeKeyring")
            .field("scope", &self.scope)
            .field("entries", &self.entries)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::keyring::Keyring;

    #[test]
    fn a_scope_s_keyring_holds_no_key_that_it_may_not_use() {
        let mut keyring = Keyring::from_bytes([1; 32]);
        let id = keyring.add().unwrap();
        keyring.disable(&id).unwrap();
        let of_scope = keyring.for_scope(&Scope::module("chat").unwrap());
        let held: Vec<bool> = of_scope.entries.iter().map(|e| e.material.is_some()).collect();
        assert_eq!(held, [true, false]);
    }
}
