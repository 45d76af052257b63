//! The question of a running module: is there a newer revision than mine?

use std::ops::ControlFlow;

use crate::seal::{Opened, Revision, Scope};
use crate::store::AsyncStore;
use crate::vault::asynchronous::AsyncVault;
use crate::vault::call::Call;
use crate::vault::decide::{self, Current};
use crate::vault::error::VaultError;
use crate::vault::held::Attempts;
use crate::vault::observer::Touched;
use crate::vault::operation::Operation;

/// The present state of a scope, as compared with a revision that the caller has.
#[derive(Debug)]
#[non_exhaustive]
pub enum Newer {
    /// The revision is still the present one.
    Same,
    /// The document was deleted. This is the revision of the tombstone.
    Deleted(Revision),
    /// The present record, which has a higher revision.
    Opened(Opened),
}

impl<S: AsyncStore> AsyncVault<S> {
    /// Returns the current record if it is newer. Same as
    /// [`Vault::get_newer`](crate::vault::Vault::get_newer).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::get_newer`](crate::vault::Vault::get_newer).
    pub async fn get_newer(&self, scope: &Scope, after: Revision) -> Result<Newer, VaultError> {
        let call = self.call(Operation::GetNewer, scope)?;
        let newer = call.get_newer(scope, after).await;
        call.end_with(newer, |newer| {
            Some(match newer {
                Newer::Same => Touched { revision: after, key_id: None },
                Newer::Deleted(revision) => Touched { revision: *revision, key_id: None },
                Newer::Opened(opened) => Touched::of(opened),
            })
        })
    }
}

impl<S: AsyncStore> Call<'_, AsyncVault<S>> {
    async fn get_newer(&self, scope: &Scope, after: Revision) -> Result<Newer, VaultError> {
        let (mut held, mut attempts) = (self.held(), Attempts::default());
        let (current, seen) = loop {
            // In this order, as in `look`.
            let seen = self.watermarks().seen(scope);
            let record = self.store.get(scope.as_bytes()).await?;
            if decide::is_same(record.as_deref(), after, seen.highest) {
                return Ok(Newer::Same);
            }
            let admitted = self.admit(&mut held, &mut attempts, scope, record, seen).await?;
            if let ControlFlow::Break(current) = admitted {
                break (current, seen);
            }
        };
        if let Some(current) = &current {
            self.watermarks().raise(scope, current.mark(), seen);
        }
        let found = current.as_ref().map(Current::revision);
        match current {
            Some(current) if current.revision() == after => Ok(Newer::Same),
            Some(current) if current.revision() > after => Ok(if current.opened.is_tombstone() {
                Newer::Deleted(current.revision())
            } else {
                Newer::Opened(current.opened)
            }),
            _ => Err(VaultError::RolledBack { highest: after, found }),
        }
    }
}
