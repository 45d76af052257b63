//! Custody of the keyring in the store: it is made there, unlocked, and locked under other locks.

use std::sync::Arc;

use crate::seal::{Custody, KeyId, Keyring, KeyringError, LockedKeyring, OpenError};
use crate::store::backend::{self, Fetch, KEYRING_ROW, Outcome, Write};
use crate::store::{AsyncStore, Blocking, Scan, Store, StoreError, now};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::call::Call;
use crate::vault::decide::ATTEMPTS;
use crate::vault::error::VaultError;
use crate::vault::held::{Held, KeyringRow};
use crate::vault::operation::Operation;

impl LockedKeyring {
    /// Reads the keyring of a store, still locked.
    ///
    /// A host that unlocks by a key management service reads the [wrapped key](Self::kms) here, asks the
    /// service, and then calls [`Vault::open`](crate::vault::Vault::open) or
    /// [`Vault::unlock`](crate::vault::Vault::unlock).
    ///
    /// # Errors
    ///
    /// - [`VaultError::NoKeyring`] if the store has no keyring.
    /// - [`VaultError::Open`] or [`VaultError::Lock`] if it is damaged.
    /// - [`VaultError::Store`] if the store fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::seal::{Custody, KmsKey, Lock, LockedKeyring};
    /// use secrets_toml::store::MemoryStore;
    /// use secrets_toml::vault::Vault;
    ///
    /// # let (store, kek, wrapped) = (MemoryStore::new(), [7; 32], b"wrapped");
    /// # let unwrap = |_: &[u8], _| kek;
    /// let key = KmsKey::new("aws", "alias/secrets")?;
    /// # let custody = Custody::new("production")?.lock("aws", Lock::kms(&key, wrapped, &kek))?;
    /// # Vault::create(&store, &custody)?;
    /// let locked = LockedKeyring::load(&store)?;
    /// let lock = locked.kms("aws", &key)?; // refuses another key
    /// let kek = unwrap(lock.wrapped(), lock.context()); // the call to the service
    /// let lock = Lock::kms(&key, lock.wrapped(), &kek);
    /// let vault = Vault::open(&store, &Custody::new("production")?.lock("aws", lock)?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load<S: Store>(store: &S) -> Result<Self, VaultError> {
        now(Self::load_async(&Blocking(store)))
    }

    /// Reads the keyring of a store, still locked. Same as [`load`](Self::load).
    ///
    /// # Errors
    ///
    /// Same as [`load`](Self::load).
    pub async fn load_async<S: AsyncStore>(store: &S) -> Result<Self, VaultError> {
        Ok(KeyringRow::parse(&read_keyring(store).await?)?.locked)
    }
}

impl<S: AsyncStore> AsyncVault<S> {
    /// Makes a keyring in an empty store. Same as [`Vault::create`](crate::vault::Vault::create).
    ///
    /// With a passphrase this holds its thread for the better part of a second: see
    /// [long calls](Self#long-calls).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::create`](crate::vault::Vault::create).
    pub async fn create(store: S, custody: &Custody<'_>) -> Result<Self, VaultError> {
        match read_keyring(&store).await {
            Ok(_) => Err(VaultError::Custody),
            Err(VaultError::NoKeyring { has_records: false }) => {
                Self::put_first(store, Keyring::generate()?, custody).await
            }
            Err(error) => Err(error),
        }
    }

    /// Opens a store by its keyring. Same as [`Vault::open`](crate::vault::Vault::open).
    ///
    /// With a passphrase this holds its thread for the better part of a second: see
    /// [long calls](Self#long-calls).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::open`](crate::vault::Vault::open).
    pub async fn open(store: S, custody: &Custody<'_>) -> Result<Self, VaultError> {
        let row = KeyringRow::parse(&read_keyring(&store).await?)?;
        let keyring = row.locked.unlock(custody)?;
        Ok(Self::with(store, Held::in_store(keyring, row)))
    }

    /// Puts a keyring into a store. Same as [`Vault::adopt`](crate::vault::Vault::adopt).
    ///
    /// With a passphrase this holds its thread for the better part of a second: see
    /// [long calls](Self#long-calls).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::adopt`](crate::vault::Vault::adopt).
    pub async fn adopt(
        store: S,
        keyring: Keyring,
        custody: &Custody<'_>,
    ) -> Result<Self, VaultError> {
        let mut keys = store.count_by_key().await?.into_keys().flatten();
        let missing = keys.find(|key| keyring.entries().all(|(id, _)| id != *key));
        // Another process may have made a keyring, and then records under it. So the keyring is read
        // after the records.
        if store.get(KEYRING_ROW).await?.is_some() {
            return Err(VaultError::Custody);
        }
        match missing {
            Some(key) => Err(OpenError::UnknownKey(key).into()),
            None => Self::put_first(store, keyring, custody).await,
        }
    }

    /// Puts a keyring into a store that has none.
    async fn put_first(
        store: S,
        mut keyring: Keyring,
        custody: &Custody<'_>,
    ) -> Result<Self, VaultError> {
        let write = Write::keyring(None, &keyring.lock(custody)?);
        if !put_keyring(&store, &write, || {}).await? {
            return Err(VaultError::Custody);
        }
        let row = KeyringRow::parse(write.record())?;
        Ok(Self::with(store, Held::in_store(keyring, row)))
    }

    /// Locks the keyring under other locks. Same as [`Vault::relock`](crate::vault::Vault::relock).
    ///
    /// With a passphrase this holds its thread for the better part of a second: see
    /// [long calls](Self#long-calls).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::relock`](crate::vault::Vault::relock).
    pub async fn relock(&self, custody: &Custody<'_>) -> Result<(), VaultError> {
        let call = self.call(Operation::Relock, None)?;
        let relocked = call.relock(custody).await;
        call.end(relocked)
    }

    /// Unlocks the keyring after another process has relocked it. Same as
    /// [`Vault::unlock`](crate::vault::Vault::unlock).
    ///
    /// With a passphrase this holds its thread for the better part of a second: see
    /// [long calls](Self#long-calls).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::unlock`](crate::vault::Vault::unlock).
    pub async fn unlock(&self, custody: &Custody<'_>) -> Result<(), VaultError> {
        let call = self.call(Operation::Unlock, None)?;
        let unlocked = call.unlock(custody).await;
        call.end(unlocked)
    }

    /// Returns the keyring, if the store has it.
    pub(super) fn held_in_store(&self) -> Result<Arc<Held>, VaultError> {
        let held = self.held();
        if held.fence().is_some() { Ok(held) } else { Err(VaultError::NoCustody) }
    }
}

impl<S: AsyncStore> Call<'_, AsyncVault<S>> {
    async fn relock(&self, custody: &Custody<'_>) -> Result<(), VaultError> {
        let mut held = self.held_in_store()?;
        for _ in 0..ATTEMPTS {
            self.reload(&mut held).await?;
            let mut keyring = held.copy()?;
            let text = keyring.lock(custody)?;
            if self.write_keyring(&mut held, keyring, &text).await? {
                return Ok(());
            }
        }
        Err(kept_changing())
    }

    async fn unlock(&self, custody: &Custody<'_>) -> Result<(), VaultError> {
        loop {
            let known = self.held_in_store()?;
            let row = KeyringRow::parse(&read_keyring(&self.store).await?)?;
            let keyring = row.locked.unlock(custody)?;
            let unlocked = self.with_keyrings(|keyrings| {
                // Another thread may have loaded a later one meanwhile.
                if !Arc::ptr_eq(keyrings.current(), &known) {
                    return Ok(false);
                }
                keyrings.check(&keyring)?;
                keyrings.replace(Arc::new(Held::in_store(keyring, row)));
                Ok(true)
            });
            if unlocked.map_err(VaultError::Lock)? {
                return Ok(());
            }
        }
    }

    /// Writes a keyring over the one that is held, and holds it. Returns `false` if the store has another
    /// one by now.
    pub(super) async fn write_keyring(
        &self,
        held: &mut Arc<Held>,
        keyring: Keyring,
        text: &str,
    ) -> Result<bool, VaultError> {
        let write = Write::keyring(held.fence().copied(), text);
        let next = Arc::new(Held::in_store(keyring, KeyringRow::parse(write.record())?));
        // A thread that finds it in the store before this one knows about it need not unlock it. If the
        // write fails, it may still happen.
        self.with_keyrings(|keyrings| keyrings.coming.push(next.clone()));
        let written = put_keyring(&self.store, &write, || self.count_attempt()).await?;
        self.with_keyrings(|keyrings| {
            if written && Arc::ptr_eq(keyrings.current(), held) {
                keyrings.replace(next.clone());
            }
            keyrings.coming.retain(|coming| !Arc::ptr_eq(coming, &next));
        });
        if written {
            *held = next;
        }
        Ok(written)
    }
}

impl<S> AsyncVault<S> {
    /// Replaces the keyring that the host keeps. Same as
    /// [`Vault::set_keyring`](crate::vault::Vault::set_keyring).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::set_keyring`](crate::vault::Vault::set_keyring).
    pub fn set_keyring(&self, keyring: Keyring) -> Result<(), KeyringError> {
        self.set_keyring_without(keyring, &[])
    }

    /// Replaces the keyring by one that lacks keys. Same as
    /// [`Vault::set_keyring_without`](crate::vault::Vault::set_keyring_without).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::set_keyring_without`](crate::vault::Vault::set_keyring_without).
    pub fn set_keyring_without(
        &self,
        keyring: Keyring,
        lacking: &[KeyId],
    ) -> Result<(), KeyringError> {
        self.with_keyrings(|keyrings| {
            let current = keyrings.current();
            if current.fence().is_some() {
                return Err(KeyringError::InStore);
            }
            if keyring.generation() < current.generation() {
                return Err(KeyringError::Older);
            }
            if let Some(id) = keyring.lacks(current, lacking) {
                return Err(KeyringError::Lacks(id));
            }
            keyrings.replace(Arc::new(Held::by_host(keyring)));
            Ok(())
        })
    }
}

/// The error of a call that met another keyring at each attempt.
pub(super) fn kept_changing() -> VaultError {
    StoreError::Unavailable("other processes kept changing the keyring".into()).into()
}

/// Reads the row of the keyring.
pub(super) async fn read_keyring<S: AsyncStore>(store: &S) -> Result<Vec<u8>, VaultError> {
    if let Some(row) = store.get(KEYRING_ROW).await? {
        return Ok(row);
    }
    let has_records = !Scan::new(store, Vec::new(), 1, Fetch::Heads).next_page().await?.is_empty();
    // Another process may have made the keyring meanwhile, and then records.
    store.get(KEYRING_ROW).await?.ok_or(VaultError::NoKeyring { has_records })
}

/// Writes the row of the keyring, once more if the store does not confirm it. Returns `false` if another
/// one is there. `count_attempt` is called before each attempt.
async fn put_keyring<S: AsyncStore>(
    store: &S,
    write: &Write,
    count_attempt: impl Fn(),
) -> Result<bool, VaultError> {
    let unknown = |error: VaultError| VaultError::Unknown(error.into());
    let put = async |write: &Write| -> Result<bool, StoreError> {
        count_attempt();
        let outcomes = store.apply(write.expected(), std::slice::from_ref(write)).await?;
        Ok(outcomes == [Outcome::Applied])
    };
    match put(write).await {
        Ok(written) => return Ok(written),
        Err(StoreError::Unknown(_)) => {}
        Err(error) => return Err(error.into()),
    }
    if put(write).await.map_err(|error| unknown(error.into()))? {
        return Ok(true);
    }
    // The first attempt may have made the condition of the second one false. A visible row need not be
    // durable yet; once it is written over itself, it is.
    let row = read_keyring(store).await.map_err(unknown)?;
    let (ours, found) = (backend::commitment(write.record()), backend::commitment(&row));
    if ours != found {
        return Ok(false);
    }
    let text = crate::seal::keyring_text(&row).map_err(|error| unknown(error.into()))?;
    put(&Write::keyring(ours.copied(), text)).await.map_err(|error| unknown(error.into()))?;
    Ok(true)
}
