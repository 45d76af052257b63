//! Secrets kept sealed in a store: a document for every module, version or install.
//!
//! A [`Vault`] is a [`Keyring`] and a [`Store`]: what it keeps is sealed
//! before the store sees it, and authenticated before anybody else does.

mod asynchronous;
mod decide;
mod error;
mod list;
mod manifest;
mod sweep;
mod transfer;
mod watermark;

use std::fmt;
use std::io::{Read, Seek, Write};
use std::ops::ControlFlow;

pub use self::asynchronous::AsyncVault;
pub use self::decide::Expected;
pub use self::error::VaultError;
pub use self::list::{AsyncListing, Listed, Listing, Scopes, Usage};
pub use self::manifest::{Comparison, Deviation, DeviationKind, ManifestError};
pub use self::sweep::{Failure, MAX_FAILURES, Progress, Verification};
pub use self::transfer::{ImportError, Imported};
pub use self::watermark::MAX_WATERMARKS;
use crate::seal::{Keyring, Opened, Revision, Scope};
use crate::store::{Blocking, Store, now};
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
/// ([`StoreError::Unknown`](crate::store::StoreError::Unknown)), the same bytes are sent once more under the same condition, and then
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
pub struct Vault<S>(AsyncVault<Blocking<S>>);

impl<S: Store> Vault<S> {
    /// A vault over a store. Any number may be made over one store, with keyrings that have the
    /// same keys.
    #[must_use]
    pub fn new(store: S, keyring: Keyring) -> Self {
        Self(AsyncVault::new(Blocking(store), keyring))
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.0.store().0
    }

    /// Replaces the keyring. What is under way goes on with the one that it began with, which is
    /// wiped when the last such operation ends.
    pub fn set_keyring(&self, keyring: Keyring) {
        self.0.set_keyring(keyring);
    }

    /// What a scope holds: a document, the tombstone of one that was deleted, or nothing.
    ///
    /// # Errors
    ///
    /// [`VaultError::Open`] where the record does not open, [`VaultError::RolledBack`], and
    /// [`VaultError::Store`].
    pub fn get(&self, scope: &Scope) -> Result<Option<Opened>, VaultError> {
        now(self.0.get(scope))
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
        now(self.0.put(scope, secrets, expected))
    }

    /// Deletes the document that stands at a revision, and gives the revision of the tombstone that
    /// it leaves.
    ///
    /// # Errors
    ///
    /// [`VaultError::Absent`] where there is no document, and as [`put`](Self::put).
    pub fn delete(&self, scope: &Scope, revision: Revision) -> Result<Revision, VaultError> {
        now(self.0.delete(scope, revision))
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
        now(self.0.copy(from, to, expected))
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
        now(self.0.purge(scope))
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
    pub fn scopes(&self, scopes: Scopes<'_>) -> Result<Listing<'_, S>, VaultError> {
        Ok(Listing(self.0.scopes(scopes)?))
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
        now(self.0.usage())
    }

    /// Seals every record that is not under the primary key again, under that key and at the next
    /// revision: documents and tombstones alike. What is under it already is skipped, and not
    /// decrypted. Records are moved some thousands at a time, beside other writers.
    ///
    /// `progress` is called after each batch, and may stop the work by [`ControlFlow::Break`]. To go
    /// on is to call this again: what was moved is skipped then. A record that does not open is
    /// reported, and the others are moved.
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`] and [`VaultError::Unknown`] where the store fails. What was moved
    /// until then stays so.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use secrets_toml::Document;
    /// use secrets_toml::seal::{Keyring, Scope};
    /// use secrets_toml::store::MemoryStore;
    /// use secrets_toml::vault::{Expected, Vault};
    ///
    /// let vault = Vault::new(MemoryStore::new(), Keyring::from_bytes([7; 32]));
    /// let scope = Scope::module("chat")?;
    /// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
    /// vault.put(&scope, &secrets, Expected::Absent)?;
    ///
    /// let mut keyring = Keyring::from_bytes([7; 32]);
    /// let new = keyring.add()?;
    /// keyring.promote(&new)?;
    /// vault.set_keyring(keyring);
    ///
    /// let moved = vault.rewrap_all(|_| ControlFlow::Continue(()))?;
    /// assert_eq!((moved.done(), moved.skipped(), moved.failed()), (1, 0, 0));
    /// assert!(moved.is_complete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rewrap_all(
        &self,
        progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Progress, VaultError> {
        now(self.0.rewrap_all(progress))
    }

    /// Opens every record, keeping none, and tells how many did and which did not.
    ///
    /// With this a key that is disabled is shown to be [unused](Verification::unused).
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`] where the store fails. A record that does not open is no error: see
    /// [`Verification::failures`].
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::seal::{Keyring, Scope};
    /// use secrets_toml::store::MemoryStore;
    /// use secrets_toml::vault::{Expected, Vault};
    ///
    /// let mut keyring = Keyring::generate()?;
    /// let other = keyring.add()?;
    /// keyring.disable(&other)?;
    /// let vault = Vault::new(MemoryStore::new(), keyring);
    /// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
    /// vault.put(&Scope::module("chat")?, &secrets, Expected::Absent)?;
    ///
    /// let verified = vault.verify()?;
    /// assert_eq!((verified.documents(), verified.failed()), (1, 0));
    /// assert!(verified.unused(&other).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(&self) -> Result<Verification, VaultError> {
        now(self.0.verify())
    }

    /// Lists every record with its revision, seals the list under a revision of the caller's, and
    /// tells how many there are. Kept elsewhere than the store, it shows later what was deleted or
    /// put back behind the vault's back: [`verify_against`](Self::verify_against).
    ///
    /// Every record is opened first. The list has names of scopes in clear, some 60 bytes for each
    /// record. A store that is written to meanwhile is listed as it was from row to row.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Vault`] where a record does not open, so that it can be vouched for, and
    /// where the store fails; [`ManifestError::Io`].
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::seal::{Keyring, Revision, Scope};
    /// use secrets_toml::store::{MemoryStore, Store};
    /// use secrets_toml::vault::{DeviationKind, Expected, Vault};
    ///
    /// let vault = Vault::new(MemoryStore::new(), Keyring::generate()?);
    /// let scope = Scope::module("chat")?;
    /// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
    /// vault.put(&scope, &secrets, Expected::Absent)?;
    /// let mut manifest = Vec::new();
    /// vault.manifest(Revision::FIRST, &mut manifest)?;
    /// assert_eq!(vault.verify_against(&manifest[..])?.unchanged(), 1);
    ///
    /// vault.store().purge(scope.as_bytes())?;
    /// let found = vault.verify_against(&manifest[..])?;
    /// assert_eq!(found.deviations()[0].kind(), DeviationKind::Deleted);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn manifest(&self, revision: Revision, out: impl Write) -> Result<u64, ManifestError> {
        now(self.0.manifest(revision, out))
    }

    /// Holds the store against a manifest, and names each record that was deleted, rolled back or
    /// altered since it was made. What was written since is fine. Tells nothing before the manifest
    /// has been authenticated to its end.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] where the manifest does not open or was altered, and where the store fails.
    pub fn verify_against(&self, manifest: impl Read) -> Result<Comparison, ManifestError> {
        now(self.0.verify_against(manifest))
    }

    /// Takes over the records of an [export](crate::store::export) that this keyring opens.
    ///
    /// The export is read to its end first, and nothing of it is written where it is damaged. Each
    /// record is opened, and written as it is, where none stands or one of a lower revision; where
    /// another stands, that one is kept. To go on after an error is to import again.
    ///
    /// # Errors
    ///
    /// [`ImportError::Export`] where the export cannot be read; [`ImportError::Vault`] where the
    /// store fails. A record that does not open is no error: see [`Imported::failures`].
    pub fn import(&self, from: impl Read + Seek) -> Result<Imported, ImportError> {
        now(self.0.import(from))
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
        self.0.accept_restore();
    }
}

impl<S> fmt::Debug for Vault<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keyring", &self.0.keyring()).finish_non_exhaustive()
    }
}
