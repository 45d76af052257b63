//! The keys of an export, which open its records and nothing else.

use std::sync::Arc;

use crate::seal::{Custody, Keyring, OpenError, Opened};
use crate::store::AsyncStore;
use crate::vault::asynchronous::AsyncVault;
use crate::vault::error::VaultError;
use crate::vault::held::{Held, KeyringRow};

/// The keyring of an export, if it has one that opens.
pub(super) struct ExportKeys(Option<Keyring>);

impl ExportKeys {
    /// Unlocks the keyring's row of an export: by a custody, or else by the ring key of the vault.
    pub(super) fn unlock(
        row: Option<Vec<u8>>,
        custody: Option<&Custody<'_>>,
        held: &Held,
    ) -> Result<Self, VaultError> {
        let Some(row) = row else { return Ok(Self(None)) };
        let row = KeyringRow::parse(&row);
        Ok(Self(match custody {
            Some(custody) => Some(row?.locked.unlock(custody)?),
            // Without it, the vault's own keys may open the records all the same.
            None => row.ok().and_then(|row| held.reload_restored(&row.locked).ok()),
        }))
    }
}

impl<S: AsyncStore> AsyncVault<S> {
    /// Opens a record of an export, by the export's keys or by the vault's.
    pub(super) async fn open_imported(
        &self,
        held: &mut Arc<Held>,
        keys: &ExportKeys,
        open: impl Fn(&Keyring) -> Result<Opened, OpenError>,
    ) -> Result<Opened, VaultError> {
        if let Some(opened) = keys.0.as_ref().map(&open) {
            match opened {
                Err(error) if error.is_of_a_key() => {}
                opened => return Ok(opened?),
            }
        }
        match open(held) {
            // The export may be newer than the keyring that the vault has loaded.
            Err(error) if error.is_of_a_key() && held.fence().is_some() => {
                self.reload(held).await?;
                Ok(open(held)?)
            }
            opened => Ok(opened?),
        }
    }
}
