//! Keyrings that other processes replace in the store: when a vault loads the new one, and reads again.

use std::sync::Arc;

use crate::seal::{LockError, Opened, Scope};
use crate::store::AsyncStore;
use crate::store::backend;
use crate::vault::asynchronous::AsyncVault;
use crate::vault::custody::read_keyring;
use crate::vault::error::VaultError;
use crate::vault::held::{Attempts, Held, KeyringRow};

impl<S: AsyncStore> AsyncVault<S> {
    /// Loads the keyring of the store, if it is not the current one. It needs no lock's secret.
    ///
    /// # Errors
    ///
    /// - [`VaultError::Custody`] if the host keeps the keyring.
    /// - [`VaultError::NoKeyring`] if the store has none.
    /// - [`VaultError::Locked`] if it has another set of locks.
    /// - [`VaultError::Lock`] if it is older than the current one, or does not open.
    pub(super) async fn reload(&self, held: &mut Arc<Held>) -> Result<(), VaultError> {
        loop {
            let known = self.held();
            let fence = known.fence().ok_or(VaultError::Custody)?;
            let row = read_keyring(&self.store).await?;
            if backend::commitment(&row) == Some(fence) {
                self.with_keyrings(|keyrings| keyrings.restored = false);
                *held = known;
                return Ok(());
            }
            let row = KeyringRow::parse(&row)?;
            let loaded = self.with_keyrings(|keyrings| {
                // Another thread may have loaded a later one, after this one read the row.
                if !Arc::ptr_eq(keyrings.current(), &known) {
                    return Ok(None);
                }
                let mut coming = keyrings.coming.iter();
                let next = match coming.find(|coming| coming.fence() == Some(&row.hash)) {
                    Some(coming) => coming.clone(),
                    None => Arc::new(Held::in_store(keyrings.reload(&row)?, row)),
                };
                keyrings.replace(next.clone());
                Ok(Some(next))
            });
            match loaded {
                Ok(None) => {}
                Ok(Some(loaded)) => {
                    *held = loaded;
                    return Ok(());
                }
                Err(error) => return Err(of_load(error)),
            }
        }
    }

    /// Decides about an error of a row that was read and did not open. `Ok` means that it is to be read
    /// again.
    ///
    /// If it names a key that the keyring does not open with, another process may have rotated the keys
    /// since the keyring was loaded, or since the row was read. So the keyring is loaded if the store has
    /// another one, and the row is read again. The error is returned if both are as they were.
    pub(super) async fn settle(
        &self,
        held: &mut Arc<Held>,
        attempts: &mut Attempts,
        row: Option<Vec<u8>>,
        error: VaultError,
    ) -> Result<(), VaultError> {
        let Some(fence) = held.fence().copied().filter(|_| error.is_of_a_key()) else {
            return Err(error);
        };
        if attempts.is_over(row, fence) {
            return Err(error);
        }
        self.reload(held).await
    }

    /// Reads a row and opens it, again if its keys were rotated meanwhile. Returns `None` if the store
    /// does not have it.
    pub(super) async fn open_row<T, E: Into<VaultError>>(
        &self,
        held: &mut Arc<Held>,
        key: &[u8],
        open: impl Fn(&Held, &[u8]) -> Result<T, E>,
    ) -> Result<Option<T>, VaultError> {
        let mut attempts = Attempts::default();
        loop {
            let Some(row) = self.store.get(key).await? else { return Ok(None) };
            match open(held, &row) {
                Ok(opened) => return Ok(Some(opened)),
                Err(error) => {
                    self.settle(held, &mut attempts, Some(row), error.into()).await?;
                }
            }
        }
    }

    /// Opens a record of a page, or what is there now if the keys were rotated since.
    pub(super) async fn open_present(
        &self,
        held: &mut Arc<Held>,
        scope: &Scope,
        record: &[u8],
    ) -> Result<Option<Opened>, VaultError> {
        match held.open(scope, record).map_err(VaultError::from) {
            Err(error) if error.is_of_a_key() => {
                Ok(self.look(held, scope).await?.0.map(|current| current.opened))
            }
            opened => opened.map(Some),
        }
    }
}

/// The error of a keyring that was not loaded.
fn of_load(error: LockError) -> VaultError {
    if error.is_other_set() { VaultError::Locked } else { VaultError::Lock(error) }
}
