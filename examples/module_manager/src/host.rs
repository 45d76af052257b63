//! The folder that outlives the process: the locked keyring, the vault, the list of modules.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrets_toml::seal::{Custody, Keyring, Lock, LockError, LockedKeyring};
use secrets_toml::store::{RedbStore, StoreError};
use secrets_toml::vault::Vault;
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
    Keyring(PathBuf, #[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{}", .0.display())]
    Vault(PathBuf, #[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(
        "{} is missing, and the vault cannot be opened without it: restore it from a backup",
        .0.display()
    )]
    KeyringLost(PathBuf),
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
        let (keyring, vault) = (file("keyring.toml"), file("vault.redb"));
        let fresh = !keyring.exists();
        if fresh && vault.exists() {
            return Err(HostError::KeyringLost(keyring));
        }
        let passphrase = match passphrase {
            Some(passphrase) => Zeroizing::new(passphrase),
            None => passphrase_in(&file("passphrase"), fresh)?,
        };
        if fresh {
            let made =
                Keyring::generate().map_err(|error| HostError::Keyring(keyring, error.into()))?;
            save(folder, &passphrase, made)?;
        }
        // Even on the first run: a keyring that does not open must fail now, not after a restart.
        let keyring = load(folder, &passphrase)?;
        let store = match RedbStore::open(&vault) {
            Err(StoreError::Missing) => RedbStore::create(&vault),
            opened => opened,
        };
        let store = store.map_err(|error| HostError::Vault(vault.clone(), error.into()))?;
        let vault = Vault::new(store, keyring)
            .keep_history(HISTORY)
            .map_err(|error| HostError::Vault(vault, error.into()))?;
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

    /// Reads the keyring that was saved last.
    pub fn keyring(&self) -> Result<Keyring, HostError> {
        load(&self.folder, &self.passphrase)
    }

    /// Saves a keyring, then hands it to the vault. In the other order, a crash could lose a key
    /// that records are sealed under.
    pub fn set_keyring(&self, keyring: Keyring) -> Result<(), HostError> {
        let keyring = save(&self.folder, &self.passphrase, keyring)?;
        let path = || self.folder.join("keyring.toml");
        self.vault.set_keyring(keyring).map_err(|error| HostError::Keyring(path(), error.into()))
    }
}

fn load(folder: &Path, passphrase: &str) -> Result<Keyring, HostError> {
    let path = folder.join("keyring.toml");
    let text = fs::read_to_string(&path).map_err(|error| HostError::File(path.clone(), error))?;
    let locked = LockedKeyring::parse(&text)
        .map_err(|error| HostError::Keyring(path.clone(), error.into()))?;
    custody(passphrase)
        .and_then(|custody| locked.unlock(&custody))
        .map_err(|error| HostError::Keyring(path, error.into()))
}

/// The deployment that the keyring belongs to, and the lock that opens it.
fn custody(passphrase: &str) -> Result<Custody<'_>, LockError> {
    Custody::new("module-manager")?.lock("operator", Lock::passphrase(passphrase))
}

/// Saves a keyring and returns it.
fn save(folder: &Path, passphrase: &str, mut keyring: Keyring) -> Result<Keyring, HostError> {
    let path = folder.join("keyring.toml");
    let text = custody(passphrase)
        .and_then(|custody| keyring.lock(&custody))
        .map_err(|error| HostError::Keyring(path.clone(), error.into()))?;
    replace(&path, text.as_bytes()).map_err(|error| HostError::File(path, error))?;
    Ok(keyring)
}

/// Returns the generated passphrase, which the first run writes to `path`.
fn passphrase_in(path: &Path, fresh: bool) -> Result<Zeroizing<String>, HostError> {
    if fresh {
        let fail = |error| HostError::File(path.to_owned(), error);
        let passphrase = random_text().map_err(fail)?;
        replace(path, passphrase.as_bytes()).map_err(fail)?;
        tracing::warn!(
            "{PASSPHRASE} is not set: generated a passphrase in {}. Anybody who can read that folder \
             can open the vault",
            path.display(),
        );
        return Ok(passphrase);
    }
    match fs::read_to_string(path) {
        Ok(passphrase) => Ok(Zeroizing::new(passphrase)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(HostError::NoPassphrase),
        Err(error) => Err(HostError::File(path.to_owned(), error)),
    }
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
