//! The keyring of a [`Vault`]: custody in the store, rotation, and the keyrings of a host.

use std::io::{Read, Seek};
use std::ops::ControlFlow;

use crate::seal::{Custody, KeyId, Keyring, KeyringError};
use crate::store::{Blocking, Store, now};
use crate::vault::Vault;
use crate::vault::asynchronous::AsyncVault;
use crate::vault::beside::Beside;
use crate::vault::error::{TransferError, VaultError};
use crate::vault::operation::Operation;
use crate::vault::report::Report;
use crate::vault::rotate::RotateError;

impl<S: Store> Vault<S> {
    /// Generates a keyring, locks it under all locks of a custody, and puts it into an empty store.
    ///
    /// With a passphrase this takes the time and the memory of its cost, and blocks.
    ///
    /// # Errors
    ///
    /// - [`VaultError::Custody`] if the store has a keyring: [`open`](Self::open) it.
    /// - [`VaultError::NoKeyring`] if the store has records and no keyring. If they were written under a
    ///   keyring of the host, call [`adopt`](Self::adopt). Else restore the keyring from a backup.
    /// - [`VaultError::Lock`] if the keyring cannot be locked.
    /// - [`VaultError::Keyring`] if the operating system has no randomness.
    /// - [`VaultError::Store`] or [`VaultError::Unknown`] if the store fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::seal::{Custody, Lock};
    /// use secrets_toml::store::MemoryStore;
    /// use secrets_toml::vault::Vault;
    ///
    /// # let (ours, kek) = ([7; 32], [8; 32]);
    /// let custody = Custody::new("production")?
    ///     .lock("host", Lock::raw(&ours))?
    ///     .lock("break-glass", Lock::raw(&kek))?;
    /// let store = MemoryStore::new();
    /// Vault::create(&store, &custody)?;
    ///
    /// // Any of the locks opens it.
    /// let custody = Custody::new("production")?.lock("host", Lock::raw(&ours))?;
    /// let vault = Vault::open(&store, &custody)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(store: S, custody: &Custody<'_>) -> Result<Self, VaultError> {
        now(AsyncVault::create(Blocking(store), custody)).map(Self)
    }

    /// Opens a store that has a keyring in it, by the first lock of a custody that the keyring has.
    ///
    /// For a lock of a key management service, read the wrapped key first, with
    /// [`LockedKeyring::load`](crate::seal::LockedKeyring::load). With a passphrase this takes the time and
    /// the memory of its cost, and blocks.
    ///
    /// # Errors
    ///
    /// - [`VaultError::NoKeyring`] if the store has no keyring. It tells if the store has records.
    /// - [`VaultError::Lock`] if the keyring does not unlock, or is below the
    ///   [floor](Custody::at_least).
    /// - [`VaultError::Store`] if the store fails.
    pub fn open(store: S, custody: &Custody<'_>) -> Result<Self, VaultError> {
        now(AsyncVault::open(Blocking(store), custody)).map(Self)
    }

    /// Puts a keyring into a store that has records under it, and locks it under all locks of a custody.
    ///
    /// From then on, no process can write a record with a vault that was made with [`new`](Self::new): the
    /// call fails with [`VaultError::Custody`].
    ///
    /// Before you call this, [enable](Keyring::enable) each disabled key that records are under, or
    /// [destroy](Keyring::destroy) those that are unused. A vault cannot enable a key of a keyring in its
    /// store. So [`rotate`](Self::rotate) is [unfinished](RotateError::Unfinished) until you have
    /// [purged](Self::purge) the records under it.
    ///
    /// # Errors
    ///
    /// - [`VaultError::Open`] with [`OpenError::UnknownKey`](crate::seal::OpenError::UnknownKey) if a
    ///   record is under a key that the keyring does not have. It may be the wrong keyring, or an old one.
    ///   If the key is lost, so is the record: [`purge`](Self::purge) it.
    /// - The other errors of [`create`](Self::create), but for [`VaultError::NoKeyring`].
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// use secrets_toml::seal::{Custody, Lock};
    ///
    /// # let kek = [7; 32];
    /// let store = MemoryStore::new();
    /// let vault = Vault::new(&store, Keyring::from_bytes([7; 32]));
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    ///
    /// let custody = Custody::new("production")?.lock("host", Lock::raw(&kek))?;
    /// let adopted = Vault::adopt(&store, Keyring::from_bytes([7; 32]), &custody)?;
    /// assert!(adopted.get(&chat)?.is_some());
    /// let refused = vault.put(&chat, &secrets, Expected::Revision(Revision::FIRST));
    /// assert!(matches!(refused, Err(VaultError::Custody)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adopt(store: S, keyring: Keyring, custody: &Custody<'_>) -> Result<Self, VaultError> {
        now(AsyncVault::adopt(Blocking(store), keyring, custody)).map(Self)
    }

    /// Locks the keyring under all locks of a custody, and no others. The keys stay.
    ///
    /// Every other process has to [`unlock`](Self::unlock) the keyring before it can load a later one. Until
    /// then its writes fail with [`VaultError::Locked`].
    ///
    /// # If you drop a lock
    ///
    /// Whoever had it may still know the keys. So:
    ///
    /// 1. Call [`rotate`](Self::rotate) afterwards. What is written from then on is out of his reach, and
    ///    what he could read before was his to copy.
    /// 2. Keep the new set and generation in a place that he cannot write to, and give them to
    ///    [`Custody::at_least`]. Without this floor, he can forge a keyring for a process that has just
    ///    started, if he can write to the store.
    /// 3. Remove the dropped lock's key at its key management service.
    ///
    /// # Errors
    ///
    /// - [`VaultError::NoCustody`] if the host keeps the keyring.
    /// - [`VaultError::Locked`] if another process has relocked it.
    /// - [`VaultError::Lock`] if it cannot be locked.
    /// - [`VaultError::Store`] or [`VaultError::Unknown`] if the store fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::seal::{Custody, Lock};
    /// use secrets_toml::store::MemoryStore;
    /// use secrets_toml::vault::{Vault, VaultError};
    ///
    /// # let (ours, theirs) = ([7; 32], [8; 32]);
    /// let [first, second] = [&ours, &theirs].map(|kek| {
    ///     Custody::new("production").and_then(|custody| custody.lock("host", Lock::raw(kek)))
    /// });
    /// let store = MemoryStore::new();
    /// let vault = Vault::create(&store, &first?)?;
    /// let second = second?;
    /// Vault::open(&store, &Custody::new("production")?.lock("host", Lock::raw(&ours))?)?
    ///     .relock(&second)?;
    ///
    /// assert!(matches!(vault.relock(&second), Err(VaultError::Locked)));
    /// vault.unlock(&second)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn relock(&self, custody: &Custody<'_>) -> Result<(), VaultError> {
        now(self.0.relock(custody))
    }

    /// Unlocks the store's keyring, after another process has [relocked](Self::relock) it.
    ///
    /// # Errors
    ///
    /// - [`VaultError::NoCustody`] if the host keeps the keyring.
    /// - [`VaultError::Lock`] if the keyring does not unlock, or is older than this vault's.
    /// - The errors of [`open`](Self::open).
    pub fn unlock(&self, custody: &Custody<'_>) -> Result<(), VaultError> {
        now(self.0.unlock(custody))
    }

    /// Rotates the keys: adds one, encrypts all records under it, and destroys the old ones.
    ///
    /// Other threads and processes may read, write and rotate at the same time. It needs no key management
    /// service and no passphrase. It passes over the records twice: it encrypts them again, and it opens
    /// what it skipped. `progress` is called after each batch, with a report of all of the rotation, and
    /// stops it with [`ControlFlow::Break`].
    ///
    /// If the rotation ends early, even because the process is killed, call it again in any process: it
    /// goes on. If it finds the rotation of another process, it finishes that one. Then it makes one of
    /// its own, unless the key that was primary at its start is destroyed by now.
    ///
    /// Disabled keys stay disabled, and records under them count as failures.
    ///
    /// # On success
    ///
    /// Every key that was primary or active at the call is destroyed, and every record opens. The report
    /// has the numbers of [written](Report::written) and [kept](Report::kept) records, and those of
    /// [`documents`](Report::documents), [`tombstones`](Report::tombstones) and [`past`](Report::past).
    /// They are zero if another process finished the rotation.
    ///
    /// Backups of the store that have the old records need the old keyring, which is in the same store.
    /// [Exports](Self::export) have their own. A [manifest](Self::manifest) from before the rotation does
    /// not open any more, and neither does what is sealed under a live
    /// [`ScopeKeyring`](crate::seal::ScopeKeyring): make new ones.
    ///
    /// # Errors
    ///
    /// - [`RotateError::Unfinished`] if `progress` stopped it or if records failed. It has the report. The
    ///   keys are kept.
    /// - [`RotateError::Vault`] with
    ///   - [`VaultError::NoCustody`] if the host keeps the keyring;
    ///   - [`VaultError::Locked`] if another process has relocked it;
    ///   - [`VaultError::Keyring`] if there are 256 keys that are not destroyed;
    ///   - [`VaultError::Store`] or [`VaultError::Unknown`] if the store fails.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// use secrets_toml::seal::{Custody, Lock};
    ///
    /// # let kek = [7; 32];
    /// # let custody = Custody::new("production")?.lock("host", Lock::raw(&kek))?;
    /// # let vault = Vault::create(MemoryStore::new(), &custody)?;
    /// vault.put(&chat, &secrets, Expected::Absent)?;
    /// let report = vault.rotate(|report| {
    ///     println!("{} of {}", report.written() + report.kept(), 1);
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!((report.written(), report.documents()), (1, 1));
    /// assert!(vault.get(&chat)?.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rotate(
        &self,
        progress: impl FnMut(&Report) -> ControlFlow<()>,
    ) -> Result<Report, RotateError> {
        let call = self.0.call(Operation::Rotate, None)?;
        let rotated = Beside::threads(|beside| now(call.rotate(beside, progress)));
        call.end(rotated)
    }

    /// Same as [`import`](Self::import), for an export whose keyring has other locks than the vault's.
    ///
    /// The export's keyring is unlocked by the first lock of `custody` that it has.
    ///
    /// # Errors
    ///
    /// - [`TransferError::Vault`] with [`VaultError::Lock`] if the export's keyring does not unlock.
    /// - The errors of [`import`](Self::import).
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// use secrets_toml::seal::{Custody, Lock};
    ///
    /// # let (ours, theirs) = ([7; 32], [8; 32]);
    /// let ours = Custody::new("production")?.lock("host", Lock::raw(&ours))?;
    /// let theirs = Custody::new("staging")?.lock("host", Lock::raw(&theirs))?;
    /// let staging = Vault::create(MemoryStore::new(), &theirs)?;
    /// staging.put(&chat, &secrets, Expected::Absent)?;
    /// let mut export = Vec::new();
    /// staging.export(&mut export)?;
    ///
    /// let production = Vault::create(MemoryStore::new(), &ours)?;
    /// let report = production.import_with(std::io::Cursor::new(export), &theirs)?;
    /// assert_eq!((report.written(), report.failed()), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn import_with(
        &self,
        from: impl Read + Seek,
        custody: &Custody<'_>,
    ) -> Result<Report, TransferError> {
        now(self.0.import_with_blocking(from, custody))
    }

    /// Replaces the keyring, if the host keeps it.
    ///
    /// A call that is running goes on with the keyring that it began with. That keyring is wiped when
    /// the last such call returns.
    ///
    /// # Errors
    ///
    /// - [`KeyringError::InStore`] if the keyring is in the store.
    /// - [`KeyringError::Older`] if it has a lower [generation](Keyring::generation) than the current one.
    /// - [`KeyringError::Lacks`] if the current one has a key that is not destroyed there, and that
    ///   `keyring` does not have. Records may be under it.
    pub fn set_keyring(&self, keyring: Keyring) -> Result<(), KeyringError> {
        self.0.set_keyring(keyring)
    }

    /// Same as [`set_keyring`](Self::set_keyring), and the keyring may lack these keys.
    ///
    /// Records under them do not open any more.
    ///
    /// # Errors
    ///
    /// Same as [`set_keyring`](Self::set_keyring), about the other keys.
    pub fn set_keyring_without(
        &self,
        keyring: Keyring,
        lacking: &[KeyId],
    ) -> Result<(), KeyringError> {
        self.0.set_keyring_without(keyring, lacking)
    }
}
