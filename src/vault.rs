//! An encrypted store of secrets.
//!
//! A [`Vault`] stores one document for each module, version or install, in a
//! [`Store`], encrypted under a [`Keyring`]. [`AsyncVault`] is the same for async
//! code.

mod asynchronous;
mod beside;
mod call;
mod custody;
mod decide;
mod error;
mod export_format;
mod held;
mod history;
mod import_past;
mod imported;
mod keys;
mod list;
mod manifest;
mod newer;
mod observer;
mod operation;
mod past;
mod place;
mod reload;
mod report;
mod rewrap;
mod rotate;
mod slices;
mod sweep;
mod transfer;
mod watermark;

use std::fmt;
use std::io::{Read, Seek, Write};
use std::ops::ControlFlow;

pub use self::asynchronous::AsyncVault;
use self::beside::Beside;
pub use self::decide::Expected;
pub use self::error::{TransferError, VaultError};
pub use self::history::{AsyncHistory, History, HistoryEntry};
pub use self::list::{AsyncListing, Listed, Listing, Scopes};
pub use self::newer::Newer;
pub use self::observer::{End, Event, Observer, Outcome};
pub use self::operation::Operation;
pub use self::report::{Failure, Report};
pub use self::rotate::RotateError;
use crate::seal::{By, Contents, Keyring, Opened, Revision, Scope};
use crate::store::{Blocking, Store, now};

/// An encrypted store of secrets: one document for each module, version or install.
///
/// A vault is a [`Keyring`] and a [`Store`]. It encrypts a document before the store sees it, and
/// authenticates a record before it returns anything of it. [`AsyncVault`] is the same for async
/// code.
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
/// // The first write expects no document. The next one names the revision that it replaces.
/// let first = vault.put(&acme, &secrets, Expected::Absent)?;
/// let second = vault.put(&acme, &secrets, Expected::Revision(first))?;
///
/// // Somebody who still has the first revision in a form does not overwrite the second.
/// let conflict = vault.put(&acme, &secrets, Expected::Revision(first)).unwrap_err();
/// assert_eq!(
///     conflict.to_string(),
///     "conflict: the current revision is 2, not the expected one",
/// );
///
/// let opened = vault.get(&acme)?.ok_or("no record")?;
/// assert_eq!(opened.revision(), second);
/// assert_eq!(opened.into_secrets()?.env()?.get("TOKEN"), Some("hunter2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The examples of the methods continue with a `vault`, a scope `chat`, and `secrets` like these.
///
/// # Revisions
///
/// Each record has a revision. The first write of a scope makes revision 1, and each further write
/// adds 1. [`rewrap`](Self::rewrap) keeps the revisions of the records that it encrypts again.
///
/// [`delete`](Self::delete) is a write, too. It leaves a *tombstone*, an encrypted record without a
/// document, so that the revision goes on when a document is written again. Only
/// [`purge`](Self::purge) removes a record and its revision.
///
/// With [`keep_history`](Self::keep_history), the vault keeps what its writes replace.
/// [`history`](Self::history) lists it, and [`restore`](Self::restore) brings it back.
///
/// # Concurrency
///
/// Any number of threads may share a vault, and as many processes as the store permits may use the
/// same store. No updates are lost: every write is a compare-and-swap. [`Expected`] says which
/// record the write replaces. If another record is current, nothing is written, and the call returns
/// [`VaultError::Conflict`] with the current revision. [`purge`](Self::purge) is the only exception.
/// A rewrap does not conflict with a write: if the record was only encrypted again meanwhile, the write
/// is planned anew, up to 100 times.
///
/// # If the store does not answer
///
/// A connection can break after a write was sent. The store then returns
/// [`StoreError::Unknown`](crate::store::StoreError::Unknown): the write may have happened, or may
/// still happen. The vault sends the same bytes once more, under the same condition. If the condition
/// no longer holds, the current record tells what happened:
///
/// - It is the record that was sent, or a rewrap of it: the write succeeded. It is written once more over
///   itself, since a record that is visible need not be durable yet.
/// - It is a rewrap of the record before: the write did not happen, and is planned anew.
/// - It is another record of the same revision: the write did not happen, and never will. The call
///   returns [`VaultError::Conflict`].
/// - It has another revision, or is gone: the write may have happened and have been overwritten.
///   The call returns [`VaultError::Superseded`].
/// - The store still does not answer: the call returns [`VaultError::Unknown`].
///
/// This is not reliable if another process [purges](Self::purge) the record at the same time, since
/// revisions then start at 1 again.
///
/// # Rollback detection
///
/// Nobody without the key can alter a record or move it to another scope. But whoever can write to the
/// store can replace a record with an older one, or remove it. A vault therefore remembers the
/// newest record of each scope that it has read or written: its revision, how often that was rewrapped,
/// and which write made it.
///
/// - If the current record is older, or gone, the call returns [`VaultError::RolledBack`].
/// - If it has the same revision, but another write made it, the call returns [`VaultError::Forked`]:
///   one of the two writes replaced the other unseen. A rewrap does not hide that.
///
/// - The vault remembers the 65,536 scopes that were used last, in memory. A new process remembers
///   nothing. [`manifest`](Self::manifest) and [`verify_against`](Self::verify_against) detect
///   rollbacks over longer times.
/// - Call [`accept_restore`](Self::accept_restore) after you restored a backup, and
///   [`accept_restore_of`](Self::accept_restore_of) if another process has purged a record.
///
/// # The keyring in the store
///
/// [`create`](Self::create) makes a keyring and keeps it in the store, locked; [`open`](Self::open) opens the
/// store again, by any of the locks. Then keys cannot be lost by a mistake of an operator:
///
/// - The keyring changes by a compare-and-swap, as records do.
/// - The store refuses a write under a keyring that was replaced, however long the write took. The vault
///   loads the new keyring, and plans the write anew.
/// - [`rotate`](Self::rotate) changes the keys in one call, beside readers and writers in any process.
///
/// A vault keeps the key behind the locks in memory, and wipes it on drop. So a new keyring under the same
/// locks needs no key management service and no passphrase. It is loaded when a write is refused, or when
/// a record names a key that does not open here. The record is then read again, and an error is returned
/// only if both are as they were.
///
/// [`new`](Self::new) is for a host that keeps the keyring itself.
///
/// # Rotating keys without custody
///
/// If the host keeps the keyring, it takes these steps in this order. No process meets a record that it
/// cannot open, and no key is destroyed that a record needs:
///
/// 1. [`Keyring::add`] a key. It opens records, but does not seal yet. [Lock](Keyring::lock_again) the
///    keyring and store it. Then load it in every process with [`set_keyring`](Self::set_keyring).
/// 2. [`Keyring::promote`] the key. Store the keyring and load it in every process. From now on, every
///    write uses the new key.
/// 3. Call [`rewrap`](Self::rewrap) in one process, or in several for their parts. Call it again if it was stopped or if the
///    report has failures.
/// 4. When [`usage`](Self::usage) shows no record under the old key, [`Keyring::disable`] it. Store
///    the keyring and load it in every process. If anything still needs the key, it fails with an
///    error that names the key, and you can enable the key again.
/// 5. Call [`verify`](Self::verify) with [`Scopes::All`] in a process that has loaded this keyring. If every record opens,
///    [`Report::unused`] returns a proof.
/// 6. [`Keyring::destroy`] the key with the proof. Store the keyring and load it in every process.
///
/// Backups and exports from before step 3 need the old key. Keep a locked keyring that has it for as
/// long as you keep them, or replace them with new ones first.
pub struct Vault<S>(AsyncVault<Blocking<S>>);

impl<S: Store> Vault<S> {
    /// Makes a vault over a store, with a keyring that the host keeps.
    ///
    /// Several vaults may use the same store at the same time, if their keyrings have the same keys. If the
    /// store has a keyring in it, each call that would write a record fails with [`VaultError::Custody`]:
    /// use [`open`](Self::open) then. Calls that only read do not fail for that reason, and neither does
    /// [`purge`](Self::purge).
    #[must_use]
    pub fn new(store: S, keyring: Keyring) -> Self {
        Self(AsyncVault::new(Blocking(store), keyring))
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.0.store().0
    }

    /// Keeps past revisions: what a write of this vault replaces is kept, the newest `revisions` of each
    /// scope. By default a vault keeps none.
    ///
    /// The number belongs to this vault, not to the store. A vault that keeps none leaves the past
    /// revisions of the others as they are. So if vaults with different numbers write to a store, a
    /// history has gaps.
    ///
    /// With a history, [`delete`](Self::delete) removes nothing: [`restore`](Self::restore) brings the
    /// document back. [`purge`](Self::purge) removes the record and all of its past.
    ///
    /// # Errors
    ///
    /// [`VaultError::TooLongHistory`] if `revisions` is more than 1,000.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// let vault = vault.keep_history(20)?;
    /// for number in 1..=30 {
    ///     let expected = Revision::try_from(number - 1).map_or(Expected::Absent, Expected::Revision);
    ///     vault.put(&chat, &secrets, expected)?;
    /// }
    /// assert_eq!(vault.history(&chat)?.count(), 21); // the present, and 20 before it
    /// assert!(vault.keep_history(1001).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keep_history(self, revisions: u64) -> Result<Self, VaultError> {
        Ok(Self(self.0.keep_history(revisions)?))
    }

    /// Tells an observer of each call, before the store is asked and at the end.
    ///
    /// If the observer refuses a call, the call returns [`VaultError::Refused`], and nothing is done. A vault
    /// has one observer: this replaces the one that it had.
    ///
    /// # Examples
    ///
    /// Each call has to be in an audit log before anything is done:
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// use std::sync::{Arc, Mutex};
    ///
    /// use secrets_toml::store::Cause;
    /// use secrets_toml::vault::{Event, Observer, Outcome};
    ///
    /// /// A log that has room for a number of lines.
    /// struct Audit(Mutex<Vec<String>>, usize);
    ///
    /// impl Observer for Audit {
    ///     fn before(&self, event: &Event<'_>) -> Result<(), Cause> {
    ///         let mut lines = self.0.lock().map_err(|_| "the audit log is broken")?;
    ///         if lines.len() == self.1 {
    ///             return Err("the audit log is full".into());
    ///         }
    ///         let scope = event.scope().map(ToString::to_string).unwrap_or_default();
    ///         lines.push(format!("{} {} {scope}", event.number(), event.operation()));
    ///         Ok(())
    ///     }
    ///
    ///     fn after(&self, event: &Event<'_>, outcome: &Outcome<'_>) {
    ///         if let Ok(mut lines) = self.0.lock() {
    ///             lines.push(format!("{} {}", event.number(), outcome.end().name()));
    ///         }
    ///     }
    /// }
    ///
    /// let audit = Arc::new(Audit(Mutex::default(), 4));
    /// let vault = vault.observed_by(audit.clone());
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    /// vault.get(&chat)?;
    /// assert_eq!(*audit.0.lock().unwrap(), ["0 put chat", "0 done", "1 get chat", "1 done"]);
    ///
    /// assert!(matches!(vault.get(&chat), Err(VaultError::Refused(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn observed_by(self, observer: impl Observer + 'static) -> Self {
        Self(self.0.observed_by(observer))
    }

    /// Returns the current record of a scope: a document or a tombstone, or `None` if the scope has
    /// neither.
    ///
    /// # Errors
    ///
    /// - [`VaultError::Open`] if the record does not open.
    /// - [`VaultError::RolledBack`] if the store has an older record than before, or none.
    /// - [`VaultError::Forked`] if another write made the revision that was seen before.
    /// - [`VaultError::Store`] if the store fails.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// assert!(vault.get(&chat)?.is_none());
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    /// let secrets = vault.get(&chat)?.ok_or("no record")?.into_secrets()?;
    /// assert_eq!(secrets.env()?.get("TOKEN"), Some("hunter2"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get(&self, scope: &Scope) -> Result<Option<Opened>, VaultError> {
        now(self.0.get(scope))
    }

    /// Returns the current record if its revision is higher than `after`, which the caller has.
    ///
    /// Use this to notice a change. It reads one record, and decrypts it only if it is newer. That it is
    /// the [`Same`](Newer::Same) is not authenticated: whoever can write to the store can hide a newer
    /// record from a process that has not seen it.
    ///
    /// # Errors
    ///
    /// - [`VaultError::RolledBack`] if the current revision is lower than `after`, or if the scope has
    ///   no record.
    /// - The errors of [`get`](Self::get).
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// use secrets_toml::vault::Newer;
    ///
    /// let first = vault.put(&chat, &secrets, Expected::Absent)?;
    /// assert!(matches!(vault.get_newer(&chat, first)?, Newer::Same));
    ///
    /// let second = vault.put(&chat, &secrets, Expected::Revision(first))?;
    /// let Newer::Opened(opened) = vault.get_newer(&chat, first)? else { return Err("".into()) };
    /// assert_eq!(opened.revision(), second);
    ///
    /// vault.delete(&chat, second, None)?;
    /// assert!(matches!(vault.get_newer(&chat, second)?, Newer::Deleted(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get_newer(&self, scope: &Scope, after: Revision) -> Result<Newer, VaultError> {
        now(self.0.get_newer(scope, after))
    }

    /// Writes a document, if the current record is the expected one. Returns the new revision.
    ///
    /// The contents are `&secrets`, or [`Contents`] with the template and the author beside it.
    /// The record that is replaced is authenticated first.
    ///
    /// # Errors
    ///
    /// - [`VaultError::Conflict`] if the current record is not the expected one.
    /// - The errors of [`get`](Self::get), about the record that is replaced.
    /// - [`VaultError::Superseded`] or [`VaultError::Unknown`] if the store does not confirm the write.
    /// - [`VaultError::Keyring`] if the record has the last possible revision, or if the operating system
    ///   has no randomness.
    ///
    /// # Examples
    ///
    /// An update that tries again if another process writes first:
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// # vault.put(&chat, &secrets, Expected::Absent)?;
    /// let revision = loop {
    ///     let opened = vault.get(&chat)?.ok_or("no record")?;
    ///     let expected = Expected::Revision(opened.revision());
    ///     match vault.put(&chat, &secrets, expected) {
    ///         Err(VaultError::Conflict { .. }) => continue,
    ///         result => break result?,
    ///     }
    /// };
    /// assert_eq!(revision.get(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn put<'a>(
        &self,
        scope: &Scope,
        contents: impl Into<Contents<'a>>,
        expected: Expected,
    ) -> Result<Revision, VaultError> {
        now(self.0.put(scope, contents, expected))
    }

    /// Deletes the document of a revision. Returns the revision of the tombstone that replaces it.
    /// The tombstone keeps `by`: who deleted the document, and when.
    ///
    /// # Errors
    ///
    /// - [`VaultError::Absent`] if the scope has no document.
    /// - The errors of [`put`](Self::put).
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// let first = vault.put(&chat, &secrets, Expected::Absent)?;
    /// let second = vault.delete(&chat, first, None)?;
    /// assert!(vault.get(&chat)?.is_some_and(|opened| opened.is_tombstone()));
    ///
    /// // The revision goes on.
    /// let third = vault.put(&chat, &secrets, Expected::Absent)?;
    /// assert_eq!(third.get(), second.get() + 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delete(
        &self,
        scope: &Scope,
        revision: Revision,
        by: impl Into<Option<By>>,
    ) -> Result<Revision, VaultError> {
        now(self.0.delete(scope, revision, by))
    }

    /// Lists the revisions of a scope: the present one, then what it replaced, from the newest to the
    /// oldest. It is empty if the scope has no record.
    ///
    /// Each entry is opened when the iterator comes to it, so one record is in memory at a time. A
    /// revision that does not open is an error, and the listing goes on. It ends with the first
    /// [`VaultError::Store`].
    ///
    /// It lists what was kept, and shows no gaps: nothing tells if somebody removed a past revision from
    /// the store. It is not a snapshot: a revision that a write removes meanwhile is left out. A
    /// [`ScopeKeyring`](crate::seal::ScopeKeyring) opens no past revision.
    ///
    /// # Errors
    ///
    /// The errors of [`get`](Self::get).
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// use secrets_toml::seal::{By, Contents};
    ///
    /// let vault = vault.keep_history(20)?;
    /// let contents = Contents::new(&secrets).by(By::author("ada")?);
    /// let first = vault.put(&chat, contents, Expected::Absent)?;
    /// vault.delete(&chat, first, By::author("grace")?)?;
    ///
    /// let mut told = Vec::new();
    /// for entry in vault.history(&chat)? {
    ///     let entry = entry?;
    ///     let what = if entry.is_tombstone() { "deleted" } else { "written" };
    ///     told.push(format!("{} {what} by {}", entry.revision(), entry.author().unwrap_or("?")));
    /// }
    /// assert_eq!(told, ["2 deleted by grace", "1 written by ada"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn history(&self, scope: &Scope) -> Result<History<'_, S>, VaultError> {
        now(self.0.history(scope)).map(History)
    }

    /// Returns a revision of a scope, present or past. Returns `None` if the revision was not kept, or
    /// does not exist.
    ///
    /// # Errors
    ///
    /// The errors of [`get`](Self::get), about the current record and about the past one.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// let vault = vault.keep_history(20)?;
    /// let first = vault.put(&chat, &secrets, Expected::Absent)?;
    /// vault.delete(&chat, first, None)?;
    /// let opened = vault.get_at(&chat, first)?.ok_or("not kept")?;
    /// assert_eq!(opened.expose_text(), Some("TOKEN = 'hunter2'"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get_at(&self, scope: &Scope, revision: Revision) -> Result<Option<Opened>, VaultError> {
        now(self.0.get_at(scope, revision))
    }

    /// Writes the document of an earlier revision once more, as the next revision. Returns that one.
    ///
    /// The caller sees nothing of the document. The template goes along with it; `by` is who restores.
    /// If the document was deleted, this brings it back.
    ///
    /// # Errors
    ///
    /// - [`VaultError::Absent`] if the revision was not kept, does not exist, or is a tombstone.
    /// - The errors of [`put`](Self::put), and [`VaultError::Open`] if the revision does not open.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// let vault = vault.keep_history(20)?;
    /// let first = vault.put(&chat, &secrets, Expected::Absent)?;
    /// let second = vault.delete(&chat, first, None)?;
    /// let third = vault.restore(&chat, first, Expected::Revision(second), None)?;
    /// assert_eq!(third.get(), 3);
    /// assert_eq!(vault.get(&chat)?.unwrap().expose_text(), Some("TOKEN = 'hunter2'"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn restore(
        &self,
        scope: &Scope,
        revision: Revision,
        expected: Expected,
        by: impl Into<Option<By>>,
    ) -> Result<Revision, VaultError> {
        now(self.0.restore(scope, revision, expected, by))
    }

    /// Copies the document of one scope to another scope. Returns the revision there.
    ///
    /// The copy is encrypted anew, for its own scope. The template that the document was written with
    /// is copied, too; `by` is who copies. Use this to carry secrets over to the next
    /// version of a module, if the template is the same. If it is not, use
    /// [`Template::prefill`](crate::Template::prefill).
    ///
    /// # Errors
    ///
    /// - [`VaultError::Absent`] if `from` has no document.
    /// - The errors of [`get`](Self::get) about `from`, and those of [`put`](Self::put) about `to`.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// let (old, new) = (chat.version("1.2.0")?, chat.version("1.3.0")?);
    /// vault.put(&old, &secrets, Expected::Absent)?;
    /// vault.copy(&old, &new, Expected::Absent, None)?;
    /// assert_eq!(vault.get(&new)?.unwrap().expose_text(), Some("TOKEN = 'hunter2'"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn copy(
        &self,
        from: &Scope,
        to: &Scope,
        expected: Expected,
        by: impl Into<Option<By>>,
    ) -> Result<Revision, VaultError> {
        now(self.0.copy(from, to, expected, by))
    }

    /// Removes a record, and its past with it, without any condition. Returns `true` if there was one.
    ///
    /// Use this for a record that no longer opens. To remove a document, use
    /// [`delete`](Self::delete), which detects conflicts.
    ///
    /// Revisions start at 1 again afterwards. So rollback detection does not notice an older record
    /// of this scope that is put back later. Other processes that have seen the record return
    /// [`VaultError::RolledBack`] until they call [`accept_restore_of`](Self::accept_restore_of).
    ///
    /// # Errors
    ///
    /// - [`VaultError::Store`] if the store fails.
    /// - [`VaultError::Unknown`] if the store does not confirm that it removed the record.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    /// # let lost = Keyring::from_bytes([7; 32]).primary();
    /// vault.set_keyring_without(Keyring::generate()?, &[lost])?; // the key is lost
    /// assert!(vault.get(&chat).is_err());
    /// assert!(vault.put(&chat, &secrets, Expected::Absent).is_err());
    ///
    /// assert!(vault.purge(&chat)?);
    /// assert_eq!(vault.put(&chat, &secrets, Expected::Absent)?.get(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn purge(&self, scope: &Scope) -> Result<bool, VaultError> {
        now(self.0.purge(scope))
    }

    /// Lists scopes, tombstones included.
    ///
    /// The order is that of the encodings: modules, then versions, then installs. Within each of them,
    /// shorter names come first, and names of the same length are in the order of their bytes.
    ///
    /// The listing fetches the headers of the records, page by page, so its memory does not grow with
    /// the number of scopes. It authenticates nothing. A scope that is written or purged meanwhile may
    /// be listed or not.
    ///
    /// The listing ends with the first [`VaultError::Store`], for example if the store's rows are out of
    /// order. If a row has a malformed scope, its item
    /// is [`VaultError::Scope`], and the listing goes on.
    ///
    /// # Errors
    ///
    /// [`VaultError::Scope`] if a name in `scopes` cannot be part of a scope.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// let version = chat.version("1.2.0")?;
    /// for install in ["initech", "acme"] {
    ///     vault.put(&version.install(install)?, &secrets, Expected::Absent)?;
    /// }
    /// let mut names = Vec::new();
    /// for listed in vault.scopes(Scopes::Installs("chat", "1.2.0"))? {
    ///     names.extend(listed?.scope().components().last().map(str::to_owned));
    /// }
    /// assert_eq!(names, ["acme", "initech"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scopes(&self, scopes: Scopes<'_>) -> Result<Listing<'_, S>, VaultError> {
        Ok(Listing(self.0.scopes(scopes)?))
    }

    /// Counts the records under each key, present and past.
    ///
    /// The report shows how much [`rewrap`](Self::rewrap) has left to do. It reads headers,
    /// which are not authenticated; [`verify`](Self::verify) proves that a key is unused.
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`] if the store fails.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// # let key = Keyring::from_bytes([7; 32]).primary();
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    /// assert_eq!(vault.usage()?.records(&key), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn usage(&self) -> Result<Report, VaultError> {
        now(self.0.usage())
    }

    /// Encrypts every record again that is not under the primary key: documents, tombstones and past
    /// revisions. Revisions stay.
    ///
    /// Several processes may divide the work: each takes a part of the [`Scopes`].
    ///
    /// Records under the primary key are skipped without decrypting them. Other threads and processes
    /// may read and write at the same time: up to 4,096 records are written in one commit, and a record
    /// that another process writes meanwhile is read again.
    ///
    /// While a batch is committed, on a thread of its own, the next one is read and encrypted.
    ///
    /// `progress` is called after each batch. It stops the work with [`ControlFlow::Break`]; call this
    /// again to continue. A record that does not open is [reported](Report::failures), and the work
    /// goes on.
    ///
    /// # Errors
    ///
    /// - [`VaultError::Store`] or [`VaultError::Unknown`] if the store fails. The records that were
    ///   written before stay so.
    /// - [`VaultError::Scope`] if a name in `scopes` cannot be part of a scope.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    /// # let mut keyring = Keyring::from_bytes([7; 32]);
    /// let new = keyring.add()?;
    /// keyring.promote(&new)?;
    /// vault.set_keyring(keyring)?;
    ///
    /// let report = vault.rewrap(Scopes::All, |_| ControlFlow::Continue(()))?;
    /// assert_eq!((report.written(), report.kept(), report.failed()), (1, 0, 0));
    /// assert!(report.is_complete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rewrap(
        &self,
        scopes: Scopes<'_>,
        progress: impl FnMut(&Report) -> ControlFlow<()>,
    ) -> Result<Report, VaultError> {
        let call = self.0.call_owning(Operation::Rewrap, || scopes.parent())?;
        let report = Beside::threads(|beside| now(call.rewrap(beside, scopes, progress)));
        call.end(report)
    }

    /// Opens every record, present and past, and counts those that open and those that do not.
    ///
    /// A past revision that is not below the present one belongs to no history. It is neither opened
    /// nor counted.
    ///
    /// If a key is disabled and every record opens without it, the report has the
    /// [proof](Report::unused) that [`Keyring::destroy`] asks for. It has none if `scopes` are a part, since
    /// other records may need the key.
    ///
    /// # Errors
    ///
    /// - [`VaultError::Store`] if the store fails.
    /// - [`VaultError::Scope`] if a name in `scopes` cannot be part of a scope.
    ///
    /// A record that does not open is not an error: it is in [`Report::failures`].
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// # let mut keyring = Keyring::from_bytes([7; 32]);
    /// let unused = keyring.add()?;
    /// keyring.disable(&unused)?;
    /// vault.set_keyring(keyring)?;
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    ///
    /// let report = vault.verify(Scopes::All)?;
    /// assert_eq!((report.documents(), report.failed()), (1, 0));
    /// assert!(report.unused(&unused).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(&self, scopes: Scopes<'_>) -> Result<Report, VaultError> {
        now(self.0.verify(scopes))
    }

    /// Writes a manifest: a list of all present records and their revisions, sealed under the primary key.
    /// Returns the number of records.
    ///
    /// Keep the manifest apart from the store. [`verify_against`](Self::verify_against) compares the
    /// store with it later, and detects what was removed or put back in between. `revision` is a
    /// number of your choice that tells one manifest from another.
    ///
    /// Every record is opened first. The manifest has the names of the scopes in clear, and takes
    /// about 60 bytes for each record. It is not a snapshot: records that are written meanwhile may be
    /// listed with their old or their new revision.
    ///
    /// # Errors
    ///
    /// - [`TransferError::Vault`] if a record does not open, if the store fails, or if another process has
    ///   [relocked](Self::relock) the keyring.
    /// - [`TransferError::Io`] if the manifest cannot be written.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    /// let mut manifest = Vec::new();
    /// assert_eq!(vault.manifest(Revision::FIRST, &mut manifest)?, 1);
    /// assert_eq!(vault.verify_against(&manifest[..])?.unchanged(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn manifest(&self, revision: Revision, out: impl Write) -> Result<u64, TransferError> {
        now(self.0.manifest_blocking(revision, out))
    }

    /// Compares the store with a manifest, and reports each record that was lost, rolled back or
    /// overwritten unseen after the manifest was made. Past revisions are not compared.
    ///
    /// These are [failures](Report::failures) of the report:
    ///
    /// - [`VaultError::RolledBack`] if the record is older than the manifest lists, or is gone.
    /// - [`VaultError::Forked`] if it has the listed revision, but another write made it.
    /// - [`VaultError::Open`] if it does not open.
    ///
    /// A record that was written after the manifest is [newer](Report::newer), which is not a failure.
    ///
    /// # Errors
    ///
    /// - [`TransferError::NotARecord`] if the file is not a manifest, and
    ///   [`TransferError::UnsupportedVersion`] if it is one of a later version.
    /// - [`TransferError::Open`], [`TransferError::Malformed`], [`TransferError::Truncated`] or
    ///   [`TransferError::TrailingBytes`] if the manifest was altered, is incomplete, or is under a
    ///   key that is not in the keyring. Nothing is reported then.
    /// - [`TransferError::Io`] if the manifest cannot be read.
    /// - [`TransferError::Vault`] if the store fails.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    /// let mut manifest = Vec::new();
    /// vault.manifest(Revision::FIRST, &mut manifest)?;
    ///
    /// vault.store().purge(chat.as_bytes())?; // somebody removes the record
    /// let report = vault.verify_against(&manifest[..])?;
    /// assert!(matches!(report.failures()[0].error(), VaultError::RolledBack { found: None, .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify_against(&self, manifest: impl Read) -> Result<Report, TransferError> {
        now(self.0.verify_against_blocking(manifest))
    }

    /// Writes all records, present and past, to a file, encrypted as they are. Returns the number of rows.
    ///
    /// If the [keyring is in the store](Self::create), its row is the last one, locked as it is. So a later
    /// rotation does not make the export unreadable, and whoever has one of the locks can read it.
    ///
    /// No record is opened. One that does not open is exported, too; [`import`](Self::import) reports it.
    ///
    /// The export is not a snapshot: if other processes write meanwhile, each record is one that was current at
    /// some time during the export.
    ///
    /// A row that is not a record under a scope ends the export, because [`import`](Self::import) would
    /// refuse the whole file. [`verify`](Self::verify) reports such rows; [`purge`](Self::purge) them.
    ///
    /// # Errors
    ///
    /// - [`TransferError::Vault`] if the store fails, or if a row is not a record under a scope.
    /// - [`TransferError::Rotated`] if the keys were rotated so often meanwhile that no keyring opens all
    ///   of the export.
    /// - [`TransferError::Io`] if the export cannot be written.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    /// let mut export = Vec::new();
    /// assert_eq!(vault.export(&mut export)?, 1);
    ///
    /// // Another vault, whose keyring has the same keys.
    /// let restored = Vault::new(MemoryStore::new(), Keyring::from_bytes([7; 32]));
    /// let report = restored.import(std::io::Cursor::new(&export))?;
    /// assert_eq!((report.written(), report.kept(), report.failed()), (1, 0, 0));
    /// assert!(restored.get(&chat)?.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn export(&self, out: impl Write) -> Result<u64, TransferError> {
        now(self.0.export_blocking(out))
    }

    /// Writes the records of an [export](Self::export) to this vault's store.
    ///
    /// The file is read twice. The first time, its layout is checked to the end, without a key: the
    /// order of the scopes, each scope, and each record up to its exact length. If anything is wrong,
    /// nothing is written.
    ///
    /// Then each record is opened: by the keyring in the export if the vault's locks are those of the
    /// export, or else by the vault's keys. For another set of locks, use
    /// [`import_with`](Self::import_with). No key of the export enters the vault's keyring, and the export's
    /// keyring is not written.
    ///
    /// A record is written if the vault has no record of its scope, or one of a lower revision. If it is not
    /// under the vault's primary key, it is encrypted again. Else the vault's own record is kept. If it has the same revision, but
    /// another write made it, the imported one is a failure, [`VaultError::Forked`]. The records are
    /// written in batches of at most 1,000 and 4 MiB. If the import ends with an error, import again to
    /// continue.
    ///
    /// Past revisions are imported, too, whether or not this vault [keeps a history](Self::keep_history).
    /// A record that an import replaces does not become past, and its own past is removed: the export has
    /// the past of the new one. If the vault's record is kept, past revisions of the export are added to
    /// its history only if that shows the export's record, as the present or a past one. Otherwise they
    /// may be of a scope that was purged since, and are left out.
    ///
    /// # Errors
    ///
    /// - [`TransferError::NotARecord`] if the file is not an export, and
    ///   [`TransferError::UnsupportedVersion`] if it is one of a later version.
    /// - [`TransferError::Malformed`], [`TransferError::Record`], [`TransferError::Truncated`] or
    ///   [`TransferError::TrailingBytes`] if the file is not a complete export.
    /// - [`TransferError::Io`] if the export cannot be read.
    /// - [`TransferError::Vault`] if the store fails. What was written before stays so.
    ///
    /// A record that does not open is not an error: it is in [`Report::failures`].
    pub fn import(&self, from: impl Read + Seek) -> Result<Report, TransferError> {
        now(self.0.import_blocking(from))
    }

    /// Forgets the highest revisions that this vault has seen, so that older records are accepted. An older
    /// keyring in the store is accepted, too, until the vault next writes a record or reads the keyring.
    ///
    /// Call this after you restored a backup. If the keyring was restored, too, and has other locks than
    /// before, call [`unlock`](Self::unlock) afterwards. Records under keys that the restored keyring does not
    /// have do not open: restore records and keyring from one backup.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    /// vault.store().purge(chat.as_bytes())?; // an empty backup is restored
    /// assert!(matches!(vault.get(&chat), Err(VaultError::RolledBack { .. })));
    ///
    /// vault.accept_restore();
    /// assert!(vault.get(&chat)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn accept_restore(&self) {
        self.0.accept_restore();
    }

    /// Forgets the highest revision that this vault has seen of one scope. It remembers those of the
    /// others.
    ///
    /// Call this if another process has [purged](Self::purge) the record, or if you put an older one
    /// back.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("vault/example.txt")]
    /// let other = Scope::module("other")?;
    /// for scope in [&chat, &other] {
    ///     vault.put(scope, &secrets, Expected::Absent)?;
    ///     vault.store().purge(scope.as_bytes())?;
    /// }
    /// vault.accept_restore_of(&chat);
    /// assert!(vault.get(&chat)?.is_none());
    /// assert!(matches!(vault.get(&other), Err(VaultError::RolledBack { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn accept_restore_of(&self, scope: &Scope) {
        self.0.accept_restore_of(scope);
    }
}

impl<S> fmt::Debug for Vault<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyring: &Keyring = &self.0.held();
        f.debug_struct("Vault").field("keyring", keyring).finish_non_exhaustive()
    }
}
