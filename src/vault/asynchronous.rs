//! The vault itself, over a store that answers in its own time. [`Vault`](crate::vault::Vault) is
//! this one over a store that answers at once.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use crate::seal::{KeyId, KeyState, Keyring, Opened, Revision, Scope};
use crate::store::backend::{Outcome, Write};
use crate::store::{AsyncStore, StoreError};
use crate::validate::Secrets;
use crate::vault::decide::{self, Change, Expected, Plan, Standing};
use crate::vault::error::VaultError;
use crate::vault::list::{AsyncListing, Scopes, Usage};
use crate::vault::watermark::{Seen, Watermarks};

/// A [`Vault`](crate::vault::Vault) over a store that answers in its own time: the same methods,
/// to be awaited, on any runtime.
///
/// Everything that is said there holds here. A future that is dropped before it is done leaves a
/// write that may happen or not, as after [`VaultError::Unknown`].
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
/// let opened = vault.get(&scope).await?.ok_or("nothing there")?;
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
    /// As [`Vault::new`](crate::vault::Vault::new).
    #[must_use]
    pub fn new(store: S, keyring: Keyring) -> Self {
        let keyrings = Keyrings { current: Arc::new(keyring), earlier: Vec::new() };
        Self { store, keyrings: RwLock::new(keyrings), watermarks: Mutex::default() }
    }

    /// As [`Vault::store`](crate::vault::Vault::store).
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// As [`Vault::set_keyring`](crate::vault::Vault::set_keyring).
    pub fn set_keyring(&self, keyring: Keyring) {
        let mut keyrings = self.keyrings.write().unwrap_or_else(PoisonError::into_inner);
        let earlier = std::mem::replace(&mut keyrings.current, Arc::new(keyring));
        keyrings.earlier.retain(|earlier| earlier.strong_count() > 0);
        keyrings.earlier.push(Arc::downgrade(&earlier));
    }

    /// As [`Vault::get`](crate::vault::Vault::get).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn get(&self, scope: &Scope) -> Result<Option<Opened>, VaultError> {
        let standing = self.read(&self.keyring(), scope).await?.0;
        Ok(standing.map(|standing| standing.opened))
    }

    /// As [`Vault::put`](crate::vault::Vault::put).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn put(
        &self,
        scope: &Scope,
        secrets: &Secrets,
        expected: Expected,
    ) -> Result<Revision, VaultError> {
        self.change(&self.keyring(), scope, expected, &Change::Put(secrets)).await
    }

    /// As [`Vault::delete`](crate::vault::Vault::delete).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn delete(&self, scope: &Scope, revision: Revision) -> Result<Revision, VaultError> {
        let expected = Expected::Revision(revision);
        self.change(&self.keyring(), scope, expected, &Change::Delete).await
    }

    /// As [`Vault::copy`](crate::vault::Vault::copy).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn copy(
        &self,
        from: &Scope,
        to: &Scope,
        expected: Expected,
    ) -> Result<Revision, VaultError> {
        let keyring = self.keyring();
        let source = decide::source(self.read(&keyring, from).await?.0)?;
        self.change(&keyring, to, expected, &Change::Copy(&source)).await
    }

    /// As [`Vault::purge`](crate::vault::Vault::purge).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn purge(&self, scope: &Scope) -> Result<bool, VaultError> {
        // Before and after, so that neither what was read before sets a mark after it, nor what is
        // read in between is held against the old one.
        self.watermarks().forget(scope);
        let purged = match self.store.purge(scope.as_bytes()).await {
            Err(StoreError::Unknown(_)) => {
                let again = self.store.purge(scope.as_bytes()).await;
                // Where the first attempt removed it, the second finds nothing.
                again.map(|_| true).map_err(|error| VaultError::Unknown(error.into()))
            }
            purged => purged.map_err(VaultError::from),
        };
        self.watermarks().forget(scope);
        purged
    }

    /// As [`Vault::scopes`](crate::vault::Vault::scopes).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn scopes(&self, scopes: Scopes<'_>) -> Result<AsyncListing<'_, S>, VaultError> {
        Ok(AsyncListing::new(&self.store, scopes.prefix()?))
    }

    /// As [`Vault::usage`](crate::vault::Vault::usage).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn usage(&self) -> Result<Usage, VaultError> {
        Ok(Usage::new(self.store.count_by_key().await?))
    }

    /// As [`Vault::accept_restore`](crate::vault::Vault::accept_restore).
    pub fn accept_restore(&self) {
        self.watermarks().forget_all();
    }

    /// Reads, plans and writes.
    async fn change(
        &self,
        keyring: &Keyring,
        scope: &Scope,
        expected: Expected,
        change: &Change<'_>,
    ) -> Result<Revision, VaultError> {
        let (standing, seen) = self.read(keyring, scope).await?;
        let plan = decide::plan(keyring, scope, standing.as_ref(), expected, change)?;
        let revision = plan.revision;
        self.commit(keyring, scope, plan).await?;
        self.watermarks().raise(scope, revision, seen);
        Ok(revision)
    }

    async fn commit(&self, keyring: &Keyring, scope: &Scope, plan: Plan) -> Result<(), VaultError> {
        let writes = [plan.write];
        match self.apply(&writes).await.map(|outcomes| outcomes[0]) {
            Ok(Outcome::Applied) => return Ok(()),
            Ok(Outcome::Conflict) => {
                let current = self.read(keyring, scope).await?.0;
                let current = current.map(|standing| standing.opened.revision());
                return Err(VaultError::Conflict { current });
            }
            Err(StoreError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // What the first attempt did, or may still do, is decided by the second.
        let unknown = |error: VaultError| VaultError::Unknown(error.into());
        let again = self.apply(&writes).await.map_err(|error| unknown(error.into()))?;
        if again[0] == Outcome::Applied {
            return Ok(());
        }
        let (standing, _) = self.read(keyring, scope).await.map_err(unknown)?;
        decide::resolve(&writes[0], plan.revision, standing.as_ref())
    }

    /// Applies writes. A store that gives another number of outcomes does not tell what it did.
    pub(super) async fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = self.store.apply(writes).await?;
        if outcomes.len() != writes.len() {
            let told = "it gave another number of outcomes than of writes";
            return Err(StoreError::Unknown(told.into()));
        }
        Ok(outcomes)
    }

    /// Reads and authenticates what stands, and holds it against what was seen before.
    pub(super) async fn read(
        &self,
        keyring: &Keyring,
        scope: &Scope,
    ) -> Result<(Option<Standing>, Seen), VaultError> {
        loop {
            let seen = self.watermarks().seen(scope);
            let record = self.store.get(scope.as_bytes()).await?;
            let standing = decide::open(keyring, scope, record.as_deref())?;
            let found = standing.as_ref().map(|standing| standing.opened.revision());
            let checked = decide::check(seen.highest, found);
            let mut watermarks = self.watermarks();
            if checked.is_err() && watermarks.has_forgotten_since(seen) {
                continue;
            }
            checked?;
            if let Some(found) = found {
                watermarks.raise(scope, found, seen);
            }
            return Ok((standing, seen));
        }
    }

    /// The keyring, and the keys that nothing in this vault can seal under from now on: they are
    /// disabled, and no operation is under way with an earlier keyring in which they were primary.
    pub(super) fn keyring_and_disabled(&self) -> (Arc<Keyring>, Vec<KeyId>) {
        let keyrings = self.keyrings.read().unwrap_or_else(PoisonError::into_inner);
        let earlier: Vec<_> = keyrings.earlier.iter().filter_map(Weak::upgrade).collect();
        let disabled = keyrings.current.entries().filter(|(id, state)| {
            let sealing = earlier.iter().any(|keyring| keyring.primary() == *id);
            *state == KeyState::Disabled && !sealing
        });
        (keyrings.current.clone(), disabled.map(|(id, _)| id).collect())
    }

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

/// The keyring, and those before it that something is still under way with.
struct Keyrings {
    current: Arc<Keyring>,
    earlier: Vec<Weak<Keyring>>,
}
