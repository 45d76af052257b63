//! The folder that outlives the process: the vault with its keyring, the list of modules.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrets_toml::seal::{Custody, Keyring, Lock, LockError, LockedKeyring};
use secrets_toml::store::{RedbStore, StoreError};
use secrets_toml::vault::{Vault, VaultError};
use zeroize::Zeroizing;

use crate::modules::Modules;
use crate::rotation::Status;

/// The environment variable that holds the passphrase of the keyring.
pub const PASSPHRASE: &str = "MODULE_MANAGER_PASSPHRASE";

/// The number of revisions of each version and install that are kept beside the current one.
pub const HISTORY: u64 = 20;

/// The open folder. Only one process can open it at a time, since the vault's file is locked.
pub struct Host {
    folder: PathBuf,
    passphrase: Zeroizing<String>,
    vault: Vault<RedbStore>,
    modules: Mutex<Modules>,
    pub(crate) rotation: Mutex<Status>,
}

/// An error from opening the folder or writing to it.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("{}", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("{}", .0.display())]
    Vault(PathBuf, #[source] VaultError),
    #[error("the keyring is locked with your own passphrase: set {PASSPHRASE}")]
    NoPassphrase,
}

impl Host {
    /// Opens a folder; creates and fills it on the first run. Without a passphrase, generates one
    /// and stores it beside the keyring.
    pub fn open(folder: &Path, passphrase: Option<String>) -> Result<Self, HostError> {
        let mut make = DirBuilder::new();
        make.recursive(true);
        // Only for its owner, whatever the umask is. The crate does not deliver files to a folder
        // that others can write to.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut make, 0o700);
        make.create(folder).map_err(|error| HostError::File(folder.to_owned(), error))?;
        let file = |name| folder.join(name);
        let path = file("vault.redb");
        let fail = |error| HostError::Vault(path.clone(), error);
        let store = match RedbStore::open(&path) {
            Err(StoreError::Missing) => RedbStore::create(&path),
            opened => opened,
        };
        let store = store.map_err(|error| fail(error.into()))?;
        // The store is empty on the first run, and after a first run that was cut short.
        let fresh = match LockedKeyring::load(&store) {
            Ok(_) => false,
            Err(VaultError::NoKeyring { has_records: false }) => true,
            Err(error) => return Err(fail(error)),
        };
        let passphrase = match passphrase {
            Some(passphrase) => Zeroizing::new(passphrase),
            None => passphrase_in(&file("passphrase"), fresh)?,
        };
        let custody = custody(&passphrase).map_err(|error| fail(error.into()))?;
        let vault =
            if fresh { Vault::create(store, &custody) } else { Vault::open(store, &custody) };
        let vault = vault.and_then(|vault| vault.keep_history(HISTORY)).map_err(fail)?;
        drop(custody);
        let modules = file("modules.json");
        let modules = Modules::open(&modules).map_err(|error| HostError::File(modules, error))?;
        Ok(Self {
            folder: folder.to_owned(),
            passphrase,
            vault,
            modules: Mutex::new(modules),
            rotation: Mutex::default(),
        })
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the vault, which holds the secrets.
    pub fn vault(&self) -> &Vault<RedbStore> {
        &self.vault
    }

    /// Locks the list of modules.
    pub fn modules(&self) -> MutexGuard<'_, Modules> {
        self.modules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unlocks the keyring as it is stored, to show its keys.
    pub fn keyring(&self) -> Result<Keyring, VaultError> {
        let locked = LockedKeyring::load(self.vault.store())?;
        Ok(locked.unlock(&custody(&self.passphrase)?)?)
    }
}

/// The deployment that the keyring belongs to, and the lock that opens it.
fn custody(passphrase: &str) -> Result<Custody<'_>, LockError> {
    Custody::new("module-manager")?.lock("operator", Lock::passphrase(passphrase))
}

/// Returns the generated passphrase, which the first run writes to `path`.
fn passphrase_in(path: &Path, fresh: bool) -> Result<Zeroizing<String>, HostError> {
    let fail = |error| HostError::File(path.to_owned(), error);
    match fs::read_to_string(path) {
        Ok(passphrase) => return Ok(Zeroizing::new(passphrase)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
        Err(_) if !fresh => return Err(HostError::NoPassphrase),
        Err(_) => {}
    }
    let passphrase = random_text().map_err(fail)?;
    replace(path, passphrase.as_bytes()).map_err(fail)?;
    tracing::warn!(
        "{PASSPHRASE} is not set: generated a passphrase in {}. Anybody who can read that folder can open \
         the vault",
        path.display(),
    );
    Ok(passphrase)
}

/// Generates 256 random bits, in hexadecimal.
pub(crate) fn random_text() -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())?;
    let mut text = Zeroizing::new(String::with_capacity(64));
    for byte in bytes.iter() {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(half)]));
        }
    }
    Ok(text)
}

/// Replaces a file atomically: writes a new file that only its owner can read, then renames it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
