//! The place of a row: the present of a scope, or one of its past revisions.

use std::sync::Arc;

use crate::seal::{Revision, Scope, ScopeError};
use crate::store::AsyncStore;
use crate::vault::asynchronous::AsyncVault;
use crate::vault::decide::Current;
use crate::vault::error::VaultError;
use crate::vault::held::Held;

/// The place of a row, as its key tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Present(Scope),
    Past(Scope, Revision),
}

impl Place {
    /// Reads the key of a row.
    pub(super) fn read(key: &[u8]) -> Result<Self, ScopeError> {
        match Scope::from_bytes(key) {
            Ok(scope) => Ok(Self::Present(scope)),
            Err(error) => {
                let past = Scope::of_past(key).map(|(scope, revision)| Self::Past(scope, revision));
                past.ok_or(error)
            }
        }
    }

    /// The key of the row.
    pub(super) fn key(&self) -> Vec<u8> {
        match self {
            Self::Present(scope) => scope.as_bytes().to_vec(),
            Self::Past(scope, revision) => scope.past(*revision),
        }
    }
}

/// Tells which past rows of a page belong to a history. One at or above the present does not: it was
/// put back, or is left from an earlier record of the scope.
///
/// It reads the present after the page. So a row whose revision was replaced before the page was read
/// is below the present, whatever is written meanwhile.
#[derive(Default)]
pub(super) struct Presents(Option<(Scope, Option<Revision>)>);

impl Presents {
    /// Returns `true` if a past revision is below the present one of its scope. The rows of one scope
    /// follow each other, so its present is read once.
    pub(super) async fn is_past<S: AsyncStore>(
        &mut self,
        vault: &AsyncVault<S>,
        held: &mut Arc<Held>,
        scope: &Scope,
        revision: Revision,
    ) -> Result<bool, VaultError> {
        if let Some((_, present)) = self.0.as_ref().filter(|(known, _)| known == scope) {
            return Ok(*present > Some(revision));
        }
        let current = vault.look(held, scope).await?.0;
        let present = current.as_ref().map(Current::revision);
        self.0 = Some((scope.clone(), present));
        Ok(present > Some(revision))
    }
}
