//! One key of a keyring, with its state.

use std::fmt;

use crate::seal::derive::{Material, ScopeKey};
use crate::seal::error::OpenError;
use crate::seal::format::{STATE_ACTIVE, STATE_DESTROYED, STATE_DISABLED, STATE_PRIMARY};
use crate::seal::key_id::KeyId;
use crate::seal::opened::Opened;
use crate::seal::record::{Place, Sealed, WipedBytes};

/// The state of a key, which decides what the key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// Seals and opens. Exactly one key of a keyring is primary.
    Primary,
    /// Opens.
    Active,
    /// Does not open, until it is [enabled](crate::seal::Keyring::enable) again.
    Disabled,
    /// The key is gone for good. Its ID stays, so that errors can name it.
    Destroyed,
}

/// One key, of a keyring or derived for a scope.
pub(super) struct Entry {
    pub(super) id: KeyId,
    pub(super) state: KeyState,
    /// `None` if the key is destroyed and, in a [`ScopeKeyring`](crate::seal::ScopeKeyring), if it
    /// is disabled.
    pub(super) material: Option<Material>,
}

impl Entry {
    pub(super) fn new(material: Material, state: KeyState) -> Self {
        Self { id: material.key_id(), state, material: Some(material) }
    }

    /// Appends the entry as a sealed keyring holds it. The buffer has room for it.
    pub(super) fn encode(&self, doc: &mut WipedBytes) {
        doc.0.push(match self.state {
            KeyState::Primary => STATE_PRIMARY,
            KeyState::Active => STATE_ACTIVE,
            KeyState::Disabled => STATE_DISABLED,
            KeyState::Destroyed => STATE_DESTROYED,
        });
        doc.0.extend_from_slice(self.id.as_bytes());
        match &self.material {
            Some(material) => doc.0.extend_from_slice(material.expose()),
            None => doc.0.extend_from_slice(&[0; 32]),
        }
    }

    /// Reads what [`encode`](Self::encode) wrote, or returns `None` if it breaks the format.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[state], rest) = bytes.split_first_chunk::<1>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let material = rest.first_chunk::<32>()?;
        let id = KeyId::from_bytes(*id);
        let state = match state {
            STATE_PRIMARY => KeyState::Primary,
            STATE_ACTIVE => KeyState::Active,
            STATE_DISABLED => KeyState::Disabled,
            STATE_DESTROYED if *material == [0; 32] => {
                return Some(Self { id, state: KeyState::Destroyed, material: None });
            }
            _ => return None,
        };
        let entry = Self::new(Material::copy_of(material), state);
        (entry.id == id).then_some(entry)
    }

    pub(super) fn usable(&self) -> Result<&Material, OpenError> {
        match (self.state, &self.material) {
            (KeyState::Primary | KeyState::Active, Some(material)) => Ok(material),
            (KeyState::Disabled, _) => Err(OpenError::KeyDisabled(self.id)),
            _ => Err(OpenError::KeyDestroyed(self.id)),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.id, self.state)
    }
}

/// Opens a document or a tombstone with the one entry that its header names.
pub(super) fn open(
    entries: &[Entry],
    place: Place<'_>,
    record: &[u8],
    scope_key: impl FnOnce(&Material) -> ScopeKey,
) -> Result<Opened, OpenError> {
    let sealed = Sealed::parse(record, place)?;
    let entry = find(entries, sealed.header.key_id())?;
    let plaintext = sealed.open(&scope_key(entry.usable()?))?;
    Opened::new(&sealed, plaintext, entry.state != KeyState::Primary)
}

/// Returns the entry of the key that a record names.
pub(super) fn find(entries: &[Entry], id: KeyId) -> Result<&Entry, OpenError> {
    entries.iter().find(|entry| entry.id == id).ok_or(OpenError::UnknownKey(id))
}
