//! The vault over an async store. [`Vault`](crate::vault::Vault) wraps it for a store that blocks.

use std::borrow::Cow;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::seal::{By, Contents, KeyId, Keyring, Opened, Revision, Scope};
use crate::store::backend::{Outcome, Write};
use crate::store::{AsyncStore, StoreError};
use crate::vault::call::{Call, Observed};
use crate::vault::decide::{self, ATTEMPTS, Change, Current, Expected, Plan, Resolved};
use crate::vault::error::VaultError;
use crate::vault::held::{Attempts, Held, Keyrings};
use crate::vault::observer::{Event, Observer, Touched};
use crate::vault::operation::Operation;
use crate::vault::watermark::{Seen, Watermarks};

/// A [`Vault`](crate::vault::Vault) for async code, over an [`AsyncStore`].
///
/// It has the methods of [`Vault`](crate::vault::Vault), whose page describes revisions, conflicts
/// and failures. It depends on no runtime.
///
/// The methods that end in `_blocking` read or write a file, and block for as long as that takes. Give
/// them a buffer, or call them on a thread that may block.
///
/// If a future is dropped before it is done, its write may happen or not, as after
/// [`VaultError::Unknown`].
///
/// # Long calls
///
/// A call that opens or encrypts many records returns to the runtime after each 64 records or 256 KiB, so
/// that other tasks run. While [`rewrap`](Self::rewrap) and [`rotate`](Self::rotate) wait for a commit, they
/// read and encrypt the next records.
///
/// To derive a key from a passphrase takes the better part of a second, in one piece. If a
/// [`Custody`](crate::seal::Custody) has a passphrase, run the call on a thread that may block. With tokio:
/// `spawn_blocking(move || Handle::current().block_on(AsyncVault::open(store, &custody)))`. Raw keys and keys of a key
/// management service take no time.
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
    observed: Option<Observed>,
}

impl<S: AsyncStore> AsyncVault<S> {
    /// Makes a vault over a store. Same as [`Vault::new`](crate::vault::Vault::new).
    #[must_use]
    pub fn new(store: S, keyring: Keyring) -> Self {
        Self::with(store, Held::by_host(keyring))
    }

    pub(super) fn with(store: S, held: Held) -> Self {
        let keyrings = RwLock::new(Keyrings::new(held));
        Self { store, keep: 0, keyrings, watermarks: Mutex::default(), observed: None }
    }

    /// Tells an observer of each call. Same as [`Vault::observed_by`](crate::vault::Vault::observed_by).
    #[must_use]
    pub fn observed_by(mut self, observer: impl Observer + 'static) -> Self {
        self.observed = Some(Observed::by(observer));
        self
    }

    /// Returns the store. Same as [`Vault::store`](crate::vault::Vault::store).
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Returns the current record of a scope. Same as [`Vault::get`](crate::vault::Vault::get).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::get`](crate::vault::Vault::get).
    pub async fn get(&self, scope: &Scope) -> Result<Option<Opened>, VaultError> {
        let call = self.call(Operation::Get, scope)?;
        let read = call.read(&mut call.held(), scope).await;
        let opened = read.map(|(current, _)| current.map(|current| current.opened));
        call.end_with(opened, |opened| opened.as_ref().map(Touched::of))
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
        let call = self.call(Operation::Put, scope)?;
        let contents = contents.into();
        let written = call.write(scope, expected, &Change::Put(&contents)).await;
        call.end_written(written)
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
        let call = self.call(Operation::Delete, scope)?;
        let (expected, by) = (Expected::Revision(revision), by.into());
        let written = call.write(scope, expected, &Change::Delete(by.as_ref())).await;
        call.end_written(written)
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
        let call = self.call_from(Operation::Copy, to, from)?;
        let by = by.into();
        let written = call.copy(from, to, expected, by.as_ref()).await;
        call.end_written(written)
    }

    /// Removes a record, whatever it is. Same as [`Vault::purge`](crate::vault::Vault::purge).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::purge`](crate::vault::Vault::purge).
    pub async fn purge(&self, scope: &Scope) -> Result<bool, VaultError> {
        let call = self.call(Operation::Purge, scope)?;
        let purged = call.purge(scope).await;
        call.end(purged)
    }

    /// Forgets all watermarks. Same as [`Vault::accept_restore`](crate::vault::Vault::accept_restore).
    pub fn accept_restore(&self) {
        self.watermarks().forget_all();
        self.with_keyrings(|keyrings| keyrings.restored = true);
    }

    /// Forgets the watermark of one scope. Same as
    /// [`Vault::accept_restore_of`](crate::vault::Vault::accept_restore_of).
    pub fn accept_restore_of(&self, scope: &Scope) {
        self.watermarks().forget(scope);
    }

    /// Reads and authenticates the current record, compares it with the watermark, and remembers it.
    pub(super) async fn read(
        &self,
        held: &mut Arc<Held>,
        scope: &Scope,
    ) -> Result<(Option<Current>, Seen), VaultError> {
        let (current, seen) = self.look(held, scope).await?;
        if let Some(current) = &current {
            self.watermarks().raise(scope, current.mark(), seen);
        }
        Ok((current, seen))
    }

    /// Does the same, and remembers nothing.
    pub(super) async fn look(
        &self,
        held: &mut Arc<Held>,
        scope: &Scope,
    ) -> Result<(Option<Current>, Seen), VaultError> {
        let mut attempts = Attempts::default();
        loop {
            // The order matters: the watermark first, then the store. What another thread writes in
            // between makes the record newer than the watermark, which is not a rollback.
            let seen = self.watermarks().seen(scope);
            let record = self.store.get(scope.as_bytes()).await?;
            let admitted = self.admit(held, &mut attempts, scope, record, seen).await?;
            if let ControlFlow::Break(current) = admitted {
                return Ok((current, seen));
            }
        }
    }

    /// Authenticates a record, and compares it with the watermark that was taken before it was read. If
    /// the watermark no longer counts, or if the keys were rotated, the record is to be read again.
    pub(super) async fn admit(
        &self,
        held: &mut Arc<Held>,
        attempts: &mut Attempts,
        scope: &Scope,
        record: Option<Vec<u8>>,
        seen: Seen,
    ) -> Result<ControlFlow<Option<Current>>, VaultError> {
        let current = match decide::open(held, scope, record) {
            Ok(current) => current,
            Err((error, record)) => {
                self.settle(held, attempts, Some(record), error.into()).await?;
                return Ok(ControlFlow::Continue(()));
            }
        };
        match decide::check(seen.highest, current.as_ref().map(Current::mark)) {
            // The record was purged, or a restore was accepted, while the store was read.
            Err(_) if self.watermarks().has_forgotten_since(scope, seen) => {
                Ok(ControlFlow::Continue(()))
            }
            checked => checked.map(|()| ControlFlow::Break(current)),
        }
    }

    /// Returns the keyring, and its disabled keys that no call of this vault can still seal under.
    pub(super) fn held_and_disabled(&self) -> (Arc<Held>, Vec<KeyId>) {
        let keyrings = self.keyrings.read().unwrap_or_else(PoisonError::into_inner);
        (keyrings.current().clone(), keyrings.disabled())
    }

    /// Returns `true` if this is still the keyring of the vault.
    pub(super) fn is_current(&self, held: &Arc<Held>) -> bool {
        Arc::ptr_eq(&self.held(), held)
    }

    pub(super) fn watermarks(&self) -> MutexGuard<'_, Watermarks> {
        self.watermarks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncStore> Call<'_, AsyncVault<S>> {
    /// Reads the current record and writes over it.
    async fn write(
        &self,
        scope: &Scope,
        expected: Expected,
        change: &Change<'_>,
    ) -> Result<Touched, VaultError> {
        let mut held = self.held();
        let read = self.read(&mut held, scope).await?;
        self.change(&mut held, scope, read, expected, change).await
    }

    async fn copy(
        &self,
        from: &Scope,
        to: &Scope,
        expected: Expected,
        by: Option<&By>,
    ) -> Result<Touched, VaultError> {
        let mut held = self.held();
        let read = self.read(&mut held, to).await?;
        let source = self.read(&mut held, from).await?.0.map(|current| current.opened);
        let source = decide::source(source)?;
        self.change(&mut held, to, read, expected, &Change::Copy(&source, by)).await
    }

    async fn purge(&self, scope: &Scope) -> Result<bool, VaultError> {
        // The watermark is forgotten twice. Before the purge: a record that another thread reads
        // while the purge runs is not compared with it. After the purge: a record that another
        // thread has read before sets no new one.
        self.watermarks().forget(scope);
        self.count_attempt();
        let purged = match self.store.purge(scope.as_bytes()).await {
            Err(StoreError::Unknown(_)) => {
                self.count_attempt();
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

    /// Plans a write over the record that was read, and carries it out. If that record was only sealed
    /// again meanwhile, or if the keys were rotated, the write is planned anew.
    pub(super) async fn change(
        &self,
        held: &mut Arc<Held>,
        scope: &Scope,
        read: (Option<Current>, Seen),
        expected: Expected,
        change: &Change<'_>,
    ) -> Result<Touched, VaultError> {
        let (mut current, mut seen) = read;
        // The write that made the record. If another one has made it, a scope that was purged and made
        // again has reached the expected revision.
        let origin = |current: &Option<Current>| current.as_ref().map(|one| *one.opened.origin());
        let over = origin(&current);
        for _ in 0..ATTEMPTS {
            let current_now = current.as_ref();
            let plan = decide::plan(held, scope, current_now, expected, change, self.keep)?;
            let key_id = held.primary();
            if self.commit(held, scope, &plan, over).await? {
                self.watermarks().raise(scope, plan.mark, seen);
                return Ok(Touched { revision: plan.mark.revision, key_id: Some(key_id) });
            }
            (current, seen) = self.read(held, scope).await?;
            if origin(&current) != over {
                break;
            }
        }
        Err(VaultError::Conflict { current: current.as_ref().map(Current::revision) })
    }

    /// Carries out a write over the record of the origin `over`. Returns `false` if it did not happen,
    /// because its condition or its fence did not hold. If the store does not confirm the write, it is
    /// sent once more, and the current record tells what happened.
    async fn commit(
        &self,
        held: &mut Arc<Held>,
        scope: &Scope,
        plan: &Plan,
        over: Option<[u8; 32]>,
    ) -> Result<bool, VaultError> {
        let writes = std::slice::from_ref(&plan.write);
        match self.apply(held, writes).await {
            Ok(Some(outcomes)) => return Ok(outcomes[0] == Outcome::Applied),
            Ok(None) => {
                self.reload(held).await?;
                return Ok(false);
            }
            Err(StoreError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // The first attempt may have been carried out, or be carried out later, or never. Sending the
        // same bytes under the same condition is safe in all three cases: once one of the attempts is
        // carried out, the condition of the other one no longer holds.
        let unknown = |error: VaultError| VaultError::Unknown(error.into());
        let mut again = self.apply(held, writes).await.map_err(|error| unknown(error.into()))?;
        for _ in 0..ATTEMPTS {
            let fenced = again.is_none();
            match again {
                Some(outcomes) if outcomes[0] == Outcome::Applied => return Ok(true),
                Some(_) => {}
                // No fence holds again once it did not hold. So what was not carried out never will be.
                None => self.reload(held).await.map_err(unknown)?,
            }
            // The condition no longer holds: the first attempt made it so, or another process did. An
            // error of this read leaves that open, so it is `Unknown`, too.
            let (current, _) = self.read(held, scope).await.map_err(unknown)?;
            if fenced && current.is_none() && over.is_none() {
                return Ok(false);
            }
            match decide::resolve(scope, plan, over, current.as_ref())? {
                Resolved::NotWritten => return Ok(false),
                // A visible record need not be durable yet. This write is, once it is acknowledged.
                Resolved::Written(write) => {
                    let written = self.apply(held, &[write]).await;
                    again = written.map_err(|error| unknown(error.into()))?;
                }
            }
        }
        Err(unknown(VaultError::Conflict { current: Some(plan.mark.revision) }))
    }

    /// Applies writes that were sealed under a keyring. Returns `None` if the store has another keyring:
    /// then nothing was written. The outcome is unknown if the store returns another number of outcomes.
    pub(super) async fn apply(
        &self,
        held: &Held,
        writes: &[Write],
    ) -> Result<Option<Vec<Outcome>>, StoreError> {
        self.count_attempt();
        let outcomes = self.store.apply(held.fence(), writes).await?;
        if outcomes.len() != writes.len() {
            let reason = "the store returned another number of outcomes than of writes";
            return Err(StoreError::Unknown(reason.into()));
        }
        let fenced = outcomes.iter().filter(|outcome| **outcome == Outcome::Fenced).count();
        if fenced > 0 && fenced < outcomes.len() {
            let reason = "the store fenced a part of a batch";
            return Err(StoreError::Unknown(reason.into()));
        }
        if fenced > 0 {
            return Ok(None);
        }
        if held.fence().is_some() {
            // The store has the keyring that is known, so no older one is expected any more.
            self.with_keyrings(|keyrings| keyrings.restored = false);
        }
        Ok(Some(outcomes))
    }
}

impl<S> AsyncVault<S> {
    /// Begins a call about a scope, or about none, if the observer permits it.
    pub(super) fn call<'a>(
        &'a self,
        operation: Operation,
        scope: impl Into<Option<&'a Scope>>,
    ) -> Result<Call<'a, Self>, VaultError> {
        self.begin(operation, || scope.into().map(Cow::Borrowed), None)
    }

    /// Begins a call that reads one scope and writes another.
    fn call_from<'a>(
        &'a self,
        operation: Operation,
        scope: &'a Scope,
        source: &'a Scope,
    ) -> Result<Call<'a, Self>, VaultError> {
        self.begin(operation, || Some(Cow::Borrowed(scope)), Some(source))
    }

    /// Begins a call that owns its scope, which is made only if there is an observer.
    pub(super) fn call_owning(
        &self,
        operation: Operation,
        scope: impl FnOnce() -> Option<Scope>,
    ) -> Result<Call<'_, Self>, VaultError> {
        self.begin(operation, || scope().map(Cow::Owned), None)
    }

    fn begin<'a>(
        &'a self,
        operation: Operation,
        scope: impl FnOnce() -> Option<Cow<'a, Scope>>,
        source: Option<&'a Scope>,
    ) -> Result<Call<'a, Self>, VaultError> {
        let event = self.observed.as_ref().map(|observed| {
            let (number, key_id) = (observed.next_number(), self.held().primary());
            (observed, Event { number, operation, scope: scope(), source, key_id })
        });
        Call::begin(self, event)
    }

    /// Returns the current keyring. A call works with it to its end, or until the store has another one.
    pub(super) fn held(&self) -> Arc<Held> {
        self.keyrings.read().unwrap_or_else(PoisonError::into_inner).current().clone()
    }

    pub(super) fn with_keyrings<T>(&self, run: impl FnOnce(&mut Keyrings) -> T) -> T {
        run(&mut self.keyrings.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S> fmt::Debug for AsyncVault<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyring: &Keyring = &self.held();
        f.debug_struct("AsyncVault").field("keyring", keyring).finish_non_exhaustive()
    }
}
