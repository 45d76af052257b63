//! The keyring that a call works with, and the row of the store that it was read from.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use crate::seal::format::COMMITMENT;
use crate::seal::{KeyId, KeyState, Keyring, LockError, LockedKeyring, keyring_text};
use crate::vault::decide::ATTEMPTS;
use crate::vault::error::VaultError;

/// A keyring, with the fence of what is sealed under it.
pub(super) struct Held {
    keyring: Keyring,
    /// `None` if the host keeps the keyring, and not the store.
    row: Option<KeyringRow>,
}

impl Held {
    /// Holds a keyring that the host keeps.
    pub(super) fn by_host(keyring: Keyring) -> Self {
        Self { keyring, row: None }
    }

    /// Holds a keyring that was read from a row of the store, or written there.
    pub(super) fn in_store(keyring: Keyring, row: KeyringRow) -> Self {
        Self { keyring, row: Some(row) }
    }

    /// The condition on the store's keyring under which the keyring may seal.
    pub(super) fn fence(&self) -> Option<&[u8; 32]> {
        self.row.as_ref().map(|row| &row.hash)
    }

    /// The row of the keyring, if it opens all records under these keys.
    pub(super) fn row_for(&self, keys: &HashSet<KeyId>) -> Option<&[u8]> {
        let living = self.living();
        let row = self.row.as_ref().filter(|_| keys.iter().all(|key| living.contains(key)));
        row.map(|row| &row.bytes[..])
    }

    /// Returns `true` if the key was destroyed.
    pub(super) fn is_destroyed(&self, key: &KeyId) -> bool {
        self.entries().any(|(id, state)| id == *key && state == KeyState::Destroyed)
    }

    /// Copies the keyring, to change it.
    ///
    /// # Errors
    ///
    /// [`VaultError::NoCustody`] if the host keeps the keyring.
    pub(super) fn copy(&self) -> Result<Keyring, VaultError> {
        let row = self.row.as_ref().ok_or(VaultError::NoCustody)?;
        Ok(self.keyring.reload(&row.locked)?)
    }

    /// The keys that open or seal: all but the disabled and destroyed ones.
    pub(super) fn living(&self) -> Vec<KeyId> {
        let is_living = |state| matches!(state, KeyState::Primary | KeyState::Active);
        self.entries().filter(|(_, state)| is_living(*state)).map(|(id, _)| id).collect()
    }
}

impl Deref for Held {
    type Target = Keyring;

    fn deref(&self) -> &Keyring {
        &self.keyring
    }
}

/// The row of a locked keyring.
pub(super) struct KeyringRow {
    bytes: Vec<u8>,
    pub(super) locked: LockedKeyring,
    pub(super) hash: [u8; 32],
}

impl KeyringRow {
    /// Reads a row.
    pub(super) fn parse(row: &[u8]) -> Result<Self, VaultError> {
        let locked = LockedKeyring::parse(keyring_text(row).map_err(LockError::of_row)?)?;
        let hash = row[COMMITMENT].try_into().expect("the range has 32 bytes");
        Ok(Self { bytes: row.to_vec(), locked, hash })
    }
}

/// The keyrings of a vault.
pub(super) struct Keyrings {
    current: Arc<Held>,
    /// Those that calls still use.
    earlier: Vec<Weak<Held>>,
    /// The keyrings that threads are writing to the store: whoever reads one there need not unlock it.
    pub(super) coming: Vec<Arc<Held>>,
    /// A restore was accepted: the keyring of the store may be older than the current one.
    pub(super) restored: bool,
}

impl Keyrings {
    pub(super) fn new(held: Held) -> Self {
        Self { current: Arc::new(held), earlier: Vec::new(), coming: Vec::new(), restored: false }
    }

    pub(super) fn current(&self) -> &Arc<Held> {
        &self.current
    }

    /// Makes another keyring the current one.
    pub(super) fn replace(&mut self, held: Arc<Held>) {
        // The writes of the coming ones expect the row of the current one. They cannot happen any more.
        if held.fence() != self.current.fence() {
            self.coming.clear();
        }
        let earlier = std::mem::replace(&mut self.current, held);
        self.earlier.retain(|earlier| earlier.strong_count() > 0);
        self.earlier.push(Arc::downgrade(&earlier));
        self.restored = false;
    }

    /// Opens a row with the ring key of the current keyring.
    pub(super) fn reload(&self, row: &KeyringRow) -> Result<Keyring, LockError> {
        if self.restored {
            self.current.reload_restored(&row.locked)
        } else {
            self.current.reload(&row.locked)
        }
    }

    /// Refuses a keyring that is older than the current one, unless a restore was accepted.
    pub(super) fn check(&self, unlocked: &Keyring) -> Result<(), LockError> {
        if self.restored { Ok(()) } else { unlocked.check_later_than(&self.current) }
    }

    /// The disabled keys of the current keyring that no running call can still seal under.
    ///
    /// A call works with the keyring that was current when it began. A key that is disabled now may
    /// have been primary then; as long as such a call runs, the key does not count as disabled.
    pub(super) fn disabled(&self) -> Vec<KeyId> {
        let earlier: Vec<_> = self.earlier.iter().filter_map(Weak::upgrade).collect();
        let disabled = self.current.entries().filter(|(id, state)| {
            let sealing = earlier.iter().any(|keyring| keyring.primary() == *id);
            *state == KeyState::Disabled && !sealing
        });
        disabled.map(|(id, _)| id).collect()
    }
}

/// The attempts to open one row that names a key which the keyring does not open with.
#[derive(Default)]
pub(super) struct Attempts {
    /// The row, and the fence of the keyring.
    last: Option<(Option<Vec<u8>>, [u8; 32])>,
    count: usize,
}

impl Attempts {
    /// Counts an attempt. Returns `true` if row and keyring are those of the attempt before, or if there
    /// were too many.
    pub(super) fn is_over(&mut self, row: Option<Vec<u8>>, fence: [u8; 32]) -> bool {
        let now = Some((row, fence));
        let is_over = self.last == now || self.count == ATTEMPTS;
        self.last = now;
        self.count += 1;
        is_over
    }
}
