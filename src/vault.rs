//! Secrets kept sealed in a store: a document for every module, version or install.
//!
//! A [`Vault`] is a [`Keyring`] and a [`Store`]: what it keeps is sealed
//! before the store sees it, and authenticated before anybody else does.

mod decide;
mod error;
mod list;
mod sweep;
mod watermark;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use self::decide::{Change, Plan, Standing};
pub use self::error::VaultError;
pub use self::list::{Listed, Listing, Scopes, Usage};
pub use self::sweep::{Failure, MAX_FAILURES, Progress, Verification};
pub use self::watermark::MAX_WATERMARKS;
use self::watermark::{Seen, Watermarks};
use crate::seal::{KeyId, KeyState, Keyring, Opened, Revision, Scope};
use crate::store::{Outcome, Store, StoreError};
use crate::validate::Secrets;

/// Secrets kept sealed in a store: a document for every module, version or install.
///
/// Every operation reads, decides, and writes on the condition that what it read still stands. So
/// it may be shared by any number of threads, and by as many processes as the store allows: no
/// update is lost, and none is done twice. There is no blind overwrite: who writes says what must
/// stand, by [`Expected`].
///
/// The **revision** of a scope is 1 at first and one more with each write. It goes on counting
/// when a document is deleted, which leaves a tombstone, and made again. What is read, replaced,
/// deleted or copied is authenticated first.
///
/// ```
/// use secrets_toml::Document;
/// use secrets_toml::seal::{Keyring, Scope};
/// use secrets_toml::store::MemoryStore;
/// use secrets_toml::vault::{Expected, Vault, VaultError};
///
/// let vault = Vault::new(MemoryStore::new(), Keyring::generate()?);
/// let acme = Scope::module("chat")?.version("1.2.0")?.install("acme")?;
/// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
///
/// let first = vault.put(&acme, &secrets, Expected::Absent)?;
/// let second = vault.put(&acme, &secrets, Expected::Revision(first))?;
/// let lost = vault.put(&acme, &secrets, Expected::Revision(first)).unwrap_err();
/// assert_eq!(lost.to_string(), "revision 2 stands, and another state was expected");
///
/// let opened = vault.get(&acme)?.ok_or("nothing there")?;
/// assert_eq!(opened.revision(), second);
/// assert_eq!(opened.into_secrets()?.env()?.get("TOKEN"), Some("hunter2"));
///
/// let third = vault.delete(&acme, second)?;
/// assert!(vault.get(&acme)?.is_some_and(|opened| opened.is_tombstone()));
/// assert_eq!(vault.put(&acme, &secrets, Expected::Absent)?.get(), third.get() + 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When the store does not answer
///
/// Where a write is cut short and the store does not know what became of it
/// ([`StoreError::Unknown`]), the same bytes are sent once more under the same condition, and then
/// what stands is read:
///
/// - it was written, now or before, and stands: success;
/// - another record stands at its revision: it never was written, [`VaultError::Conflict`];
/// - anything else stands: [`VaultError::Superseded`]. It may have stood in between;
/// - there is still no answer: [`VaultError::Unknown`].
///
/// A [purge](Self::purge) in between breaks this: revisions begin anew.
///
/// # Records that are put back
///
/// A record cannot be altered or moved to another scope, but an old one can be put back whole. A
/// vault remembers the highest revision of a scope that it read or wrote, of the [`MAX_WATERMARKS`]
/// scopes used last, and refuses what is older, or gone: [`VaultError::RolledBack`]. This is in
/// memory: it begins anew with the process, and knows nothing of other processes but what it reads.
/// After a restore on purpose, or where another process has [purged](Self::purge), call
/// [`accept_restore`](Self::accept_restore).
///
/// # Changing the key
///
/// In this order no process ever meets a record that it cannot open, and no key is lost that
/// something still needs:
///
/// 1. [`Keyring::add`] a key, which only opens. [`lock`](Keyring::lock) and keep the keyring, then
///    load it in every process, by [`set_keyring`](Self::set_keyring).
/// 2. [`Keyring::promote`] that key, keep the keyring again, and load it in every process: from now
///    on all is sealed under the new key.
/// 3. [`rewrap_all`](Self::rewrap_all), in one process; again where it was stopped or reports
///    failures.
/// 4. When [`usage`](Self::usage) shows no record under the old key, [`Keyring::disable`] it, keep
///    and load as before. What still needs the key now says so, and the key can be enabled again.
/// 5. [`verify`](Self::verify) in a process that has loaded that keyring. Where every record opens,
///    [`Verification::unused`] gives the proof.
/// 6. [`Keyring::destroy`] the key with the proof, and keep and load the keyring a last time.
///    Backups and exports made before step 3 need the old key: keep a locked keyring from then for
///    as long as them, or make new ones first.
pub struct Vault<S> {
    store: S,
    keyrings: RwLock<Keyrings>,
    watermarks: Mutex<Watermarks>,
}

impl<S: Store> Vault<S> {
    /// A vault over a store. Any number may be made over one store, with keyrings that have the
    /// same keys.
    #[must_use]
    pub fn new(store: S, keyring: Keyring) -> Self {
        let keyrings = Keyrings { current: Arc::new(keyring), earlier: Vec::new() };
        Self { store, keyrings: RwLock::new(keyrings), watermarks: Mutex::default() }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Replaces the keyring. What is under way goes on with the one that it began with, which is
    /// wiped when the last such operation ends.
    pub fn set_keyring(&self, keyring: Keyring) {
        let mut keyrings = self.keyrings.write().unwrap_or_else(PoisonError::into_inner);
        let earlier = std::mem::replace(&mut keyrings.current, Arc::new(keyring));
        keyrings.earlier.retain(|earlier| earlier.strong_count() > 0);
        keyrings.earlier.push(Arc::downgrade(&earlier));
    }

    /// What a scope holds: a document, the tombstone of one that was deleted, or nothing.
    ///
    /// # Errors
    ///
    /// [`VaultError::Open`] where the record does not open, [`VaultError::RolledBack`], and
    /// [`VaultError::Store`].
    pub fn get(&self, scope: &Scope) -> Result<Option<Opened>, VaultError> {
        let standing = self.read(&self.keyring(), scope)?.0;
        Ok(standing.map(|standing| standing.opened))
    }

    /// Keeps a document, where what stands is what is expected, and gives its revision.
    ///
    /// # Errors
    ///
    /// [`VaultError::Conflict`] with the revision that stands, where it is another; what
    /// [`get`](Self::get) gives, of the record that is to be replaced; [`VaultError::Superseded`]
    /// and [`VaultError::Unknown`] where the store does not tell whether it wrote.
    pub fn put(
        &self,
        scope: &Scope,
        secrets: &Secrets,
        expected: Expected,
    ) -> Result<Revision, VaultError> {
        self.change(&self.keyring(), scope, expected, &Change::Put(secrets))
    }

    /// Deletes the document that stands at a revision, and gives the revision of the tombstone that
    /// it leaves.
    ///
    /// # Errors
    ///
    /// [`VaultError::Absent`] where there is no document, and as [`put`](Self::put).
    pub fn delete(&self, scope: &Scope, revision: Revision) -> Result<Revision, VaultError> {
        let expected = Expected::Revision(revision);
        self.change(&self.keyring(), scope, expected, &Change::Delete)
    }

    /// Opens the document of one scope and seals it for another, and gives its revision there. With
    /// [`Template::prefill`](crate::Template::prefill) this is how secrets go along to the next
    /// version.
    ///
    /// # Errors
    ///
    /// [`VaultError::Absent`] where there is no document to copy; as [`get`](Self::get) of the one
    /// scope and as [`put`](Self::put) of the other.
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::seal::{Keyring, Scope};
    /// use secrets_toml::store::MemoryStore;
    /// use secrets_toml::vault::{Expected, Vault};
    ///
    /// let vault = Vault::new(MemoryStore::new(), Keyring::generate()?);
    /// let module = Scope::module("chat")?;
    /// let (old, new) = (module.version("1.2.0")?, module.version("1.3.0")?);
    /// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
    /// vault.put(&old, &secrets, Expected::Absent)?;
    /// vault.copy(&old, &new, Expected::Absent)?;
    /// assert_eq!(vault.get(&new)?.unwrap().expose_text(), Some("TOKEN = 'hunter2'"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn copy(
        &self,
        from: &Scope,
        to: &Scope,
        expected: Expected,
    ) -> Result<Revision, VaultError> {
        let keyring = self.keyring();
        let source = decide::source(self.read(&keyring, from)?.0)?;
        self.change(&keyring, to, expected, &Change::Copy(&source))
    }

    /// Removes a record, whatever it is, and tells whether there was one: the one unconditional act,
    /// for what cannot be opened any more. The revision begins at 1 again, so that an old record
    /// which is put back later is not noticed. To remove a document, [`delete`](Self::delete) it.
    ///
    /// Other processes that have seen the record report [`VaultError::RolledBack`] until they
    /// [accept](Self::accept_restore) it.
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`]; [`VaultError::Unknown`] where the store does not tell whether it
    /// removed the record.
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::seal::{Keyring, Scope};
    /// use secrets_toml::store::MemoryStore;
    /// use secrets_toml::vault::{Expected, Vault};
    ///
    /// let vault = Vault::new(MemoryStore::new(), Keyring::generate()?);
    /// let chat = Scope::module("chat")?;
    /// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    ///
    /// vault.set_keyring(Keyring::generate()?); // the key is lost
    /// assert!(vault.get(&chat).is_err() && vault.put(&chat, &secrets, Expected::Absent).is_err());
    /// assert!(vault.purge(&chat)?);
    /// assert_eq!(vault.put(&chat, &secrets, Expected::Absent)?.get(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn purge(&self, scope: &Scope) -> Result<bool, VaultError> {
        // Before and after, so that neither what was read before sets a mark after it, nor what is
        // read in between is held against the old one.
        self.watermarks().forget(scope);
        let purged = match self.store.purge(scope.as_bytes()) {
            Err(StoreError::Unknown(_)) => {
                let again = self.store.purge(scope.as_bytes());
                // Where the first attempt removed it, the second finds nothing.
                again.map(|_| true).map_err(|error| VaultError::Unknown(error.into()))
            }
            purged => purged.map_err(VaultError::from),
        };
        self.watermarks().forget(scope);
        purged
    }

    /// Lists scopes, in the order of their encoding: modules, then versions, then installs; of each
    /// the shorter names first, then by bytes. That is not the order of the alphabet.
    ///
    /// They are fetched page by page, and only the heads of the records are: a million scopes take
    /// no more memory than a thousand. Tombstones are listed, and flagged. Nothing is authenticated.
    /// A scope that is written or purged meanwhile may be listed or not.
    ///
    /// An error of the store ends the list; a row that is filed under no scope is an error, and the
    /// list goes on.
    ///
    /// # Errors
    ///
    /// [`VaultError::Scope`] where a name cannot be part of a scope.
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::seal::{Keyring, Scope};
    /// use secrets_toml::store::MemoryStore;
    /// use secrets_toml::vault::{Expected, Scopes, Vault};
    ///
    /// let vault = Vault::new(MemoryStore::new(), Keyring::generate()?);
    /// let version = Scope::module("chat")?.version("1.2.0")?;
    /// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
    /// for install in ["initech", "acme"] {
    ///     vault.put(&version.install(install)?, &secrets, Expected::Absent)?;
    /// }
    /// let mut names = Vec::new();
    /// for listed in vault.scopes(Scopes::Installs("chat", "1.2.0"))? {
    ///     names.extend(listed?.scope().components().last().map(str::to_owned));
    /// }
    /// assert_eq!(names, ["acme", "initech"], "the shorter one first");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scopes(&self, scopes: Scopes<'_>) -> Result<Listing<'_>, VaultError> {
        Ok(Listing::new(&self.store, scopes.prefix()?))
    }

    /// Counts the records under each key, by what they say in clear. It shows how far
    /// [`rewrap_all`](Self::rewrap_all) is; the proof that a key is unused comes from
    /// [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`].
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::seal::{Keyring, Scope};
    /// use secrets_toml::store::MemoryStore;
    /// use secrets_toml::vault::{Expected, Vault};
    ///
    /// let keyring = Keyring::generate()?;
    /// let id = keyring.primary();
    /// let vault = Vault::new(MemoryStore::new(), keyring);
    /// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
    /// vault.put(&Scope::module("chat")?, &secrets, Expected::Absent)?;
    /// assert_eq!(vault.usage()?.records(&id), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn usage(&self) -> Result<Usage, VaultError> {
        Usage::of(Listing::new(&self.store, Vec::new()))
    }

    /// Accepts that the store holds older records than this process has seen, or fewer: forgets all
    /// watermarks. For after a restore on purpose.
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::seal::{Keyring, Scope};
    /// use secrets_toml::store::{MemoryStore, Store};
    /// use secrets_toml::vault::{Expected, Vault, VaultError};
    ///
    /// let vault = Vault::new(MemoryStore::new(), Keyring::generate()?);
    /// let chat = Scope::module("chat")?;
    /// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    ///
    /// vault.store().purge(chat.as_bytes())?; // an empty backup is restored
    /// assert!(matches!(vault.get(&chat), Err(VaultError::RolledBack { .. })));
    /// vault.accept_restore();
    /// assert!(vault.get(&chat)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn accept_restore(&self) {
        self.watermarks().forget_all();
    }

    /// Reads, plans and writes.
    fn change(
        &self,
        keyring: &Keyring,
        scope: &Scope,
        expected: Expected,
        change: &Change<'_>,
    ) -> Result<Revision, VaultError> {
        let (standing, seen) = self.read(keyring, scope)?;
        let plan = decide::plan(keyring, scope, standing.as_ref(), expected, change)?;
        let revision = plan.revision;
        self.commit(keyring, scope, plan)?;
        self.watermarks().raise(scope, revision, seen);
        Ok(revision)
    }

    fn commit(&self, keyring: &Keyring, scope: &Scope, plan: Plan) -> Result<(), VaultError> {
        let writes = [plan.write];
        match self.store.apply(&writes).and_then(|outcomes| decide::only(&outcomes)) {
            Ok(Outcome::Applied) => return Ok(()),
            Ok(Outcome::Conflict) => {
                let current = self.read(keyring, scope)?.0;
                let current = current.map(|standing| standing.opened.revision());
                return Err(VaultError::Conflict { current });
            }
            Err(StoreError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // What the first attempt did, or may still do, is decided by the second.
        let unknown = |error: VaultError| VaultError::Unknown(error.into());
        let again = self.store.apply(&writes).and_then(|outcomes| decide::only(&outcomes));
        if again.map_err(|error| unknown(error.into()))? == Outcome::Applied {
            return Ok(());
        }
        let (standing, _) = self.read(keyring, scope).map_err(unknown)?;
        decide::resolve(&writes[0], plan.revision, standing.as_ref())
    }

    /// Reads and authenticates what stands, and holds it against what was seen before.
    fn read(
        &self,
        keyring: &Keyring,
        scope: &Scope,
    ) -> Result<(Option<Standing>, Seen), VaultError> {
        loop {
            let seen = self.watermarks().seen(scope);
            let record = self.store.get(scope.as_bytes())?;
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

    fn keyring(&self) -> Arc<Keyring> {
        self.keyrings.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    /// The keyring, and the keys that nothing in this vault can seal under from now on: they are
    /// disabled, and no operation is under way with an earlier keyring in which they were primary.
    fn keyring_and_disabled(&self) -> (Arc<Keyring>, Vec<KeyId>) {
        let keyrings = self.keyrings.read().unwrap_or_else(PoisonError::into_inner);
        let earlier: Vec<_> = keyrings.earlier.iter().filter_map(Weak::upgrade).collect();
        let disabled = keyrings.current.entries().filter(|(id, state)| {
            let sealing = earlier.iter().any(|keyring| keyring.primary() == *id);
            *state == KeyState::Disabled && !sealing
        });
        (keyrings.current.clone(), disabled.map(|(id, _)| id).collect())
    }

    fn is_current(&self, keyring: &Arc<Keyring>) -> bool {
        let keyrings = self.keyrings.read().unwrap_or_else(PoisonError::into_inner);
        Arc::ptr_eq(&keyrings.current, keyring)
    }

    fn watermarks(&self) -> MutexGuard<'_, Watermarks> {
        self.watermarks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> fmt::Debug for Vault<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyrings = self.keyrings.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Vault").field("keyring", &keyrings.current).finish_non_exhaustive()
    }
}

/// What must stand for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// No document: there never was one, or it was deleted.
    Absent,
    /// The record of this revision, be it a document or a tombstone.
    Revision(Revision),
}

/// The keyring, and those before it that something is still under way with.
struct Keyrings {
    current: Arc<Keyring>,
    earlier: Vec<Weak<Keyring>>,
}
