//! The vault over an async store. [`Vault`](crate::vault::Vault) wraps it for a store that blocks.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use crate::seal::{By, Contents, KeyId, KeyState, Keyring, Opened, Revision, Scope};
use crate::store::backend::{Outcome, Write};
use crate::store::{AsyncStore, StoreError};
use crate::vault::decide::{self, ATTEMPTS, Change, Current, Expected, Plan, Resolved};
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
    /// The number of past revisions that a write keeps.
    pub(super) keep: u64,
    keyrings: RwLock<Keyrings>,
    watermarks: Mutex<Watermarks>,
}

impl<S: AsyncStore> AsyncVault<S> {
    /// Makes a vault over a store. Same as [`Vault::new`](crate::vault::Vault::new).
    #[must_use]
    pub fn new(store: S, keyring: Keyring) -> Self {
        let keyrings = Keyrings { current: Arc::new(keyring), earlier: Vec::new() };
        Self { store, keep: 0, keyrings: RwLock::new(keyrings), watermarks: Mutex::default() }
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
        let (keyring, contents) = (self.keyring(), contents.into());
        let read = self.read(&keyring, scope).await?;
        self.change(&keyring, scope, read, expected, &Change::Put(&contents)).await
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
        let (keyring, expected, by) = (self.keyring(), Expected::Revision(revision), by.into());
        let read = self.read(&keyring, scope).await?;
        self.change(&keyring, scope, read, expected, &Change::Delete(by.as_ref())).await
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
        let read = self.read(&keyring, to).await?;
        let source = self.read(&keyring, from).await?.0.map(|current| current.opened);
        let source = decide::source(source)?;
        self.change(&keyring, to, read, expected, &Change::Copy(&source, by.as_ref())).await
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

    /// Plans a write over the record that was read, and carries it out. If that record was only sealed
    /// again meanwhile, the write is planned anew.
    pub(super) async fn change(
        &self,
        keyring: &Keyring,
        scope: &Scope,
        read: (Option<Current>, Seen),
        expected: Expected,
        change: &Change<'_>,
    ) -> Result<Revision, VaultError> {
        let (mut current, mut seen) = read;
        // The write that made the record. If another one has made it, a scope that was purged and made
        // again has reached the expected revision.
        let origin = |current: &Option<Current>| current.as_ref().map(|one| *one.opened.origin());
        let over = origin(&current);
        for _ in 0..ATTEMPTS {
            let current_now = current.as_ref();
            let plan = decide::plan(keyring, scope, current_now, expected, change, self.keep)?;
            if self.commit(keyring, scope, &plan, over).await? {
                self.watermarks().raise(scope, plan.mark, seen);
                return Ok(plan.mark.revision);
            }
            (current, seen) = self.read(keyring, scope).await?;
            if origin(&current) != over {
                break;
            }
        }
        Err(VaultError::Conflict { current: current.as_ref().map(Current::revision) })
    }

    /// Carries out a write over the record of the origin `over`. Returns `false` if it did not happen,
    /// because its condition did not hold. If the store does not confirm the write, it is sent once
    /// more, and the current record tells what happened.
    async fn commit(
        &self,
        keyring: &Keyring,
        scope: &Scope,
        plan: &Plan,
        over: Option<[u8; 32]>,
    ) -> Result<bool, VaultError> {
        let writes = std::slice::from_ref(&plan.write);
        match self.apply(writes).await {
            Ok(outcomes) => return Ok(outcomes[0] == Outcome::Applied),
            Err(StoreError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // The first attempt may have been carried out, or be carried out later, or never. Sending the
        // same bytes under the same condition is safe in all three cases: once one of the attempts is
        // carried out, the condition of the other one no longer holds.
        let unknown = |error: VaultError| VaultError::Unknown(error.into());
        let mut again = self.apply(writes).await.map_err(|error| unknown(error.into()))?;
        for _ in 0..ATTEMPTS {
            if again[0] == Outcome::Applied {
                return Ok(true);
            }
            // The condition no longer holds: the first attempt made it so, or another process did. An
            // error of this read leaves that open, so it is `Unknown`, too.
            let (current, _) = self.read(keyring, scope).await.map_err(unknown)?;
            match decide::resolve(scope, plan, over, current.as_ref())? {
                Resolved::NotWritten => return Ok(false),
                // A visible record need not be durable yet. This write is, once it is acknowledged.
                Resolved::Written(write) => {
                    again = self.apply(&[write]).await.map_err(|error| unknown(error.into()))?;
                }
            }
        }
        Err(unknown(VaultError::Conflict { current: Some(plan.mark.revision) }))
    }

    /// Applies writes. The outcome is unknown if the store returns another number of outcomes.
    pub(super) async fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = self.store.apply(None, writes).await?;
        if outcomes.contains(&Outcome::Fenced) {
            let reason = "the store has a keyring in it, and this vault has one of its own";
            return Err(StoreError::Unavailable(reason.into()));
        }
        if outcomes.len() != writes.len() {
            let reason = "the store returned another number of outcomes than of writes";
            return Err(StoreError::Unknown(reason.into()));
        }
        Ok(outcomes)
    }

    /// Reads and authenticates the current record, compares it with the watermark, and remembers it.
    pub(super) async fn read(
        &self,
        keyring: &Keyring,
        scope: &Scope,
    ) -> Result<(Option<Current>, Seen), VaultError> {
        let (current, seen) = self.look(keyring, scope).await?;
        if let Some(current) = &current {
            self.watermarks().raise(scope, current.mark(), seen);
        }
        Ok((current, seen))
    }

    /// Does the same, and remembers nothing.
    pub(super) async fn look(
        &self,
        keyring: &Keyring,
        scope: &Scope,
    ) -> Result<(Option<Current>, Seen), VaultError> {
        loop {
            // The order matters: the watermark first, then the store. What another thread writes in
            // between makes the record newer than the watermark, which is not a rollback.
            let seen = self.watermarks().seen(scope);
            let record = self.store.get(scope.as_bytes()).await?;
            if let ControlFlow::Break(current) = self.admit(keyring, scope, record, seen)? {
                return Ok((current, seen));
            }
        }
    }

    /// Authenticates a record, and compares it with the watermark that was taken before it was read. If
    /// the watermark no longer counts, the record is to be read again.
    pub(super) fn admit(
        &self,
        keyring: &Keyring,
        scope: &Scope,
        record: Option<Vec<u8>>,
        seen: Seen,
    ) -> Result<ControlFlow<Option<Current>>, VaultError> {
        let current = decide::open(keyring, scope, record)?;
        match decide::check(seen.highest, current.as_ref().map(Current::mark)) {
            // The record was purged, or a restore was accepted, while the store was read.
            Err(_) if self.watermarks().has_forgotten_since(scope, seen) => {
                Ok(ControlFlow::Continue(()))
            }
            checked => checked.map(|()| ControlFlow::Break(current)),
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
