//! The vault over an async store. [`Vault`](crate::vault::Vault) wraps it for a store that blocks.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use crate::seal::{By, Contents, KeyId, KeyState, Keyring, Opened, Revision, Scope};
use crate::store::backend::{Outcome, Write};
use crate::store::{AsyncStore, StoreError};
use crate::vault::decide::{self, Change, Current, Expected, Plan};
use crate::vault::error::VaultError;
use crate::vault::list::{AsyncListing, Scopes};
use crate::vault::watermark::{Seen, Watermarks};

/// A [`Vault`](crate::vault::Vault) for async code, over an [`AsyncStore`].
///
/// It has the methods of [`Vault`](crate::vault::Vault), whose page describes revisions, conflicts
/// and failures. It depends on no runtime.
///
/// If a future is dropped before it is done, its write may happen or not, as after
/// [`VaultError::Unknown`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use secrets_toml::Document;
/// use secrets_toml::seal::{Keyring, Scope};
/// use secrets_toml::store::{Blocking, MemoryStore};
/// use secrets_toml::vault::{AsyncVault, Expected};
///
/// let vault = AsyncVault::new(Blocking(MemoryStore::new()), Keyring::generate()?);
/// let scope = Scope::module("chat")?.version("1.2.0")?;
/// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
/// vault.put(&scope, &secrets, Expected::Absent).await?;
/// let opened = vault.get(&scope).await?.ok_or("no record")?;
/// assert_eq!(opened.into_secrets()?.env()?.get("TOKEN"), Some("hunter2"));
/// # Ok(())
/// # })
/// # }
/// ```
pub struct AsyncVault<S> {
    pub(super) store: S,
    keyrings: RwLock<Keyrings>,
    watermarks: Mutex<Watermarks>,
}

impl<S: AsyncStore> AsyncVault<S> {
    /// Makes a vault over a store. Same as [`Vault::new`](crate::vault::Vault::new).
    #[must_use]
    pub fn new(store: S, keyring: Keyring) -> Self {
        let keyrings = Keyrings { current: Arc::new(keyring), earlier: Vec::new() };
        Self { store, keyrings: RwLock::new(keyrings), watermarks: Mutex::default() }
    }

    /// Returns the store. Same as [`Vault::store`](crate::vault::Vault::store).
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Replaces the keyring. Same as [`Vault::set_keyring`](crate::vault::Vault::set_keyring).
    pub fn set_keyring(&self, keyring: Keyring) {
        let mut keyrings = self.keyrings.write().unwrap_or_else(PoisonError::into_inner);
        let earlier = std::mem::replace(&mut keyrings.current, Arc::new(keyring));
        keyrings.earlier.retain(|earlier| earlier.strong_count() > 0);
        keyrings.earlier.push(Arc::downgrade(&earlier));
    }

    /// Returns the current record of a scope. Same as [`Vault::get`](crate::vault::Vault::get).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::get`](crate::vault::Vault::get).
    pub async fn get(&self, scope: &Scope) -> Result<Option<Opened>, VaultError> {
        let current = self.read(&self.keyring(), scope).await?.0;
        Ok(current.map(|current| current.opened))
    }

    /// Writes a document. Same as [`Vault::put`](crate::vault::Vault::put).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::put`](crate::vault::Vault::put).
    pub async fn put<'a>(
        &self,
        scope: &Scope,
        contents: impl Into<Contents<'a>>,
        expected: Expected,
    ) -> Result<Revision, VaultError> {
        self.change(&self.keyring(), scope, expected, &Change::Put(&contents.into())).await
    }

    /// Deletes a document. Same as [`Vault::delete`](crate::vault::Vault::delete).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::delete`](crate::vault::Vault::delete).
    pub async fn delete(
        &self,
        scope: &Scope,
        revision: Revision,
        by: impl Into<Option<By>>,
    ) -> Result<Revision, VaultError> {
        let (expected, by) = (Expected::Revision(revision), by.into());
        self.change(&self.keyring(), scope, expected, &Change::Delete(by.as_ref())).await
    }

    /// Copies a document to another scope. Same as [`Vault::copy`](crate::vault::Vault::copy).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::copy`](crate::vault::Vault::copy).
    pub async fn copy(
        &self,
        from: &Scope,
        to: &Scope,
        expected: Expected,
        by: impl Into<Option<By>>,
    ) -> Result<Revision, VaultError> {
        let (keyring, by) = (self.keyring(), by.into());
        let source = decide::source(self.read(&keyring, from).await?.0)?;
        self.change(&keyring, to, expected, &Change::Copy(&source, by.as_ref())).await
    }

    /// Removes a record, whatever it is. Same as [`Vault::purge`](crate::vault::Vault::purge).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::purge`](crate::vault::Vault::purge).
    pub async fn purge(&self, scope: &Scope) -> Result<bool, VaultError> {
        // The watermark is forgotten twice. Before the purge: a record that another thread reads
        // while the purge runs is not compared with it. After the purge: a record that another
        // thread has read before sets no new one.
        self.watermarks().forget(scope);
        let purged = match self.store.purge(scope.as_bytes()).await {
            Err(StoreError::Unknown(_)) => {
                let again = self.store.purge(scope.as_bytes()).await;
                // `true` whatever the second attempt says: it finds nothing if the first one removed
                // the record.
                again.map(|_| true).map_err(|error| VaultError::Unknown(error.into()))
            }
            purged => purged.map_err(VaultError::from),
        };
        self.watermarks().forget(scope);
        purged
    }

    /// Lists scopes. Same as [`Vault::scopes`](crate::vault::Vault::scopes).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::scopes`](crate::vault::Vault::scopes).
    pub fn scopes(&self, scopes: Scopes<'_>) -> Result<AsyncListing<'_, S>, VaultError> {
        Ok(AsyncListing::new(&self.store, scopes.prefix()?))
    }

    /// Forgets all watermarks. Same as [`Vault::accept_restore`](crate::vault::Vault::accept_restore).
    pub fn accept_restore(&self) {
        self.watermarks().forget_all();
    }

    /// Forgets the watermark of one scope. Same as
    /// [`Vault::accept_restore_of`](crate::vault::Vault::accept_restore_of).
    pub fn accept_restore_of(&self, scope: &Scope) {
        self.watermarks().forget(scope);
    }

    /// Reads the current record, plans a write that replaces it, and carries it out.
    async fn change(
        &self,
        keyring: &Keyring,
        scope: &Scope,
        expected: Expected,
        change: &Change<'_>,
    ) -> Result<Revision, VaultError> {
        let (current, seen) = self.read(keyring, scope).await?;
        let plan = decide::plan(keyring, scope, current.as_ref(), expected, change)?;
        let revision = plan.revision;
        self.commit(keyring, scope, plan).await?;
        self.watermarks().raise(scope, revision, seen);
        Ok(revision)
    }

    /// Carries out a write. If the store does not confirm it, the write is sent once more, and the
    /// current record tells what happened.
    async fn commit(&self, keyring: &Keyring, scope: &Scope, plan: Plan) -> Result<(), VaultError> {
        let writes = [plan.write];
        match self.apply(&writes).await.map(|outcomes| outcomes[0]) {
            Ok(Outcome::Applied) => return Ok(()),
            Ok(Outcome::Conflict) => {
                let current = self.read(keyring, scope).await?.0;
                let current = current.map(|current| current.opened.revision());
                return Err(VaultError::Conflict { current });
            }
            Err(StoreError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // The first attempt may have been carried out, or be carried out later, or never. Sending the
        // same bytes under the same condition is safe in all three cases: once one of the attempts is
        // carried out, the condition of the other one no longer holds.
        let unknown = |error: VaultError| VaultError::Unknown(error.into());
        let again = self.apply(&writes).await.map_err(|error| unknown(error.into()))?;
        if again[0] == Outcome::Applied {
            return Ok(());
        }
        // The condition no longer holds: the first attempt made it so, or another process did. An
        // error of this read leaves that open, so it is `Unknown`, too.
        let (current, _) = self.read(keyring, scope).await.map_err(unknown)?;
        decide::resolve(&writes[0], plan.revision, current.as_ref())
    }

    /// Applies writes. The outcome is unknown if the store returns another number of outcomes.
    pub(super) async fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = self.store.apply(writes).await?;
        if outcomes.len() != writes.len() {
            let reason = "the store returned another number of outcomes than of writes";
            return Err(StoreError::Unknown(reason.into()));
        }
        Ok(outcomes)
    }

    /// Reads and authenticates the current record, and compares it with the watermark.
    pub(super) async fn read(
        &self,
        keyring: &Keyring,
        scope: &Scope,
    ) -> Result<(Option<Current>, Seen), VaultError> {
        loop {
            // The order matters: the watermark first, then the store. What another thread writes in
            // between makes the record newer than the watermark, which is not a rollback.
            let seen = self.watermarks().seen(scope);
            let record = self.store.get(scope.as_bytes()).await?;
            let current = decide::open(keyring, scope, record.as_deref())?;
            let found = current.as_ref().map(|current| current.opened.revision());
            let checked = decide::check(seen.highest, found);
            let mut watermarks = self.watermarks();
            if checked.is_err() && watermarks.has_forgotten_since(scope, seen) {
                // The record was purged, or a restore was accepted, while the store was read: the
                // watermark no longer counts.
                continue;
            }
            checked?;
            if let Some(found) = found {
                watermarks.raise(scope, found, seen);
            }
            return Ok((current, seen));
        }
    }

    /// Returns the keyring, and its disabled keys that no call of this vault can still seal under.
    ///
    /// A call works with the keyring that was current when it began. A key that is disabled now may
    /// have been primary then; as long as such a call runs, the key does not count as disabled.
    pub(super) fn keyring_and_disabled(&self) -> (Arc<Keyring>, Vec<KeyId>) {
        let keyrings = self.keyrings.read().unwrap_or_else(PoisonError::into_inner);
        let earlier: Vec<_> = keyrings.earlier.iter().filter_map(Weak::upgrade).collect();
        let disabled = keyrings.current.entries().filter(|(id, state)| {
            let sealing = earlier.iter().any(|keyring| keyring.primary() == *id);
            *state == KeyState::Disabled && !sealing
        });
        (keyrings.current.clone(), disabled.map(|(id, _)| id).collect())
    }

    /// Returns `true` if this is still the keyring of the vault.
    pub(super) fn is_current(&self, keyring: &Arc<Keyring>) -> bool {
        let keyrings = self.keyrings.read().unwrap_or_else(PoisonError::into_inner);
        Arc::ptr_eq(&keyrings.current, keyring)
    }

    pub(super) fn watermarks(&self) -> MutexGuard<'_, Watermarks> {
        self.watermarks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> AsyncVault<S> {
    pub(super) fn keyring(&self) -> Arc<Keyring> {
        self.keyrings.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }
}

impl<S> fmt::Debug for AsyncVault<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncVault").field("keyring", &self.keyring()).finish_non_exhaustive()
    }
}

/// The current keyring, and the earlier ones that calls still use.
struct Keyrings {
    current: Arc<Keyring>,
    earlier: Vec<Weak<Keyring>>,
}
