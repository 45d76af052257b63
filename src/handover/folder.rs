//! The folder of one delivered file, and its lock.
//!
//! Everything inside the caller's folder is opened relative to an open descriptor, by a single
//! name, and without following links. So the owner of a folder there, who can rename and link files
//! in it, cannot lead this process out of it.

use std::fs::{File, Permissions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{self, Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, open, openat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::handover::error::{HandoverError, Problem, Step};
use crate::text::python::is_python_space;

/// The name of the delivered file. Streamlit treats a path as a file if it ends with `.toml`.
pub(super) const FILE: &str = "secrets.toml";
/// The name of the file that is about to replace it.
pub(super) const NEXT: &str = "secrets.toml.next";
/// The name of the lock file. The process that has made the folder holds its lock. It is absent if
/// the folder was kept.
pub(super) const LOCK: &str = "lock";

/// The start of the names of our folders. 16 hexadecimal digits follow.
const PREFIX: &str = "secrets-toml-";

/// The maximum number of attempts to make a folder, if others remove each one.
const ATTEMPTS: usize = 64;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
pub(super) const NEW: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// For a file that somebody else may have put there: follows no link, and does not block if it is a
/// pipe.
pub(super) const EXISTING: OFlags = OFlags::WRONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// The caller's folder.
pub(super) struct Parent {
    pub(super) path: PathBuf,
    pub(super) handle: File,
}

impl Parent {
    /// Opens the folder, and rejects it if another user can rename or remove its entries.
    pub(super) fn open(path: &Path) -> Result<Self, HandoverError> {
        let path = path::absolute(path).map_err(HandoverError::io(path, Step::Open))?;
        let handle = open(&path, FOLDER, Mode::empty());
        let handle = File::from(handle.map_err(HandoverError::io(&path, Step::Open))?);
        let metadata = handle.metadata().map_err(HandoverError::io(&path, Step::Open))?;
        // With the sticky bit, only the owner of an entry or of the folder can rename or remove it.
        let (others_write, sticky) = (metadata.mode() & 0o022 != 0, metadata.mode() & 0o1000 != 0);
        if others_write && !sticky {
            return Err(HandoverError::new(path, Problem::Writable));
        }
        if ![0, geteuid().as_raw()].contains(&metadata.uid()) {
            return Err(HandoverError::new(path, Problem::Foreign));
        }
        Ok(Self { path, handle })
    }

    /// Rejects a path that Streamlit would not read back from its environment variable unchanged.
    pub(super) fn check_path(&self) -> Result<(), HandoverError> {
        let problem = match self.path.to_str() {
            None => Problem::NotUtf8,
            // Click, Streamlit's command line, splits the variable as `str.split()` does.
            Some(path) if path.contains(is_python_space) => Problem::WhiteSpace,
            Some(_) => return Ok(()),
        };
        Err(HandoverError::new(&self.path, problem))
    }

    /// Opens one of our folders by its name.
    pub(super) fn open_entry(&self, name: &str) -> Result<File, Errno> {
        Ok(openat(&self.handle, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?.into())
    }

    /// Removes one of our folders if it is empty.
    pub(super) fn remove_entry(&self, name: &str) -> Result<(), Errno> {
        unlinkat(&self.handle, name, AtFlags::REMOVEDIR)
    }
}

/// Returns `true` if an entry of the caller's folder is named like ours.
pub(super) fn is_ours(name: &str) -> bool {
    let digits = name.strip_prefix(PREFIX).unwrap_or_default().as_bytes();
    digits.len() == 16 && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// A new folder with a lock file that this process has locked. On drop both are removed.
pub(super) struct Folder {
    parent: Parent,
    name: String,
    pub(super) path: PathBuf,
    pub(super) handle: File,
    /// The lock that is held. The operating system releases it if this process is killed.
    _lock: File,
    pub(super) kept: bool,
}

impl Folder {
    /// Makes a folder and locks it. Until it is locked, a sweep may mistake it for one that a
    /// killed process has left, and remove it. Then another one is made.
    pub(super) fn make(parent: Parent) -> Result<Self, HandoverError> {
        for _ in 0..ATTEMPTS {
            // The name only has to be hard to guess, so that nobody can occupy it in advance: an
            // existing folder is never used. The random keys of std's hash maps are enough for
            // that.
            let name = format!("{PREFIX}{:016x}", RandomState::new().hash_one(()));
            match mkdirat(&parent.handle, &name, Mode::RWXU) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(error) => {
                    return Err(HandoverError::io(parent.path.join(name), Step::Make)(error));
                }
            }
            let path = parent.path.join(&name);
            match lock_new(&parent, &name, &path) {
                Ok(Some((handle, lock))) => {
                    return Ok(Self { parent, name, path, handle, _lock: lock, kept: false });
                }
                other => {
                    // If it is not empty, a sweep holds the lock and will remove it.
                    let _ = parent.remove_entry(&name);
                    other?;
                }
            }
        }
        Err(HandoverError::new(parent.path, Problem::Taken))
    }

    pub(super) fn unlink(&self, name: &str) -> Result<(), Errno> {
        unlinkat(&self.handle, name, AtFlags::empty())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            // The lock file is removed before the folder, and `_lock` is held until both are gone.
            // So a sweep finds a locked folder or an empty one. Other files in the folder remain.
            let _ = self.unlink(LOCK);
            let _ = self.parent.remove_entry(&self.name);
        }
    }
}

/// Opens and locks a new folder. Returns `None` if a sweep was faster.
fn lock_new(
    parent: &Parent,
    name: &str,
    path: &Path,
) -> Result<Option<(File, File)>, HandoverError> {
    let folder = match parent.open_entry(name) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(HandoverError::io(path, Step::Open)(error)),
    };
    let metadata = folder.metadata().map_err(HandoverError::io(path, Step::Open))?;
    if metadata.uid() != geteuid().as_raw() {
        // A sweep has removed the folder, and another user has made one of the same name.
        return Ok(None);
    }
    // Sets the mode whatever the umask is, and clears a set-group-ID bit that the parent passes on.
    let mode = folder.set_permissions(Permissions::from_mode(0o700));
    mode.map_err(HandoverError::io(path, Step::Make))?;
    Ok(make_lock(&folder, path)?.map(|lock| (folder, lock)))
}

/// Makes the lock file and locks it. Returns `None` if a sweep was faster.
fn make_lock(folder: &File, path: &Path) -> Result<Option<File>, HandoverError> {
    let path = path.join(LOCK);
    let lock = match openat(folder, LOCK, NEW, Mode::RUSR | Mode::WUSR) {
        Ok(lock) => File::from(lock),
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(HandoverError::io(path, Step::Make)(error)),
    };
    // Sets the mode whatever the umask is: a sweep must be able to open the file for writing.
    let ready = lock.set_permissions(Permissions::from_mode(0o600)).and_then(|()| hold(&lock));
    match ready {
        Ok(held) => Ok(held.then_some(lock)),
        Err(error) => {
            let _ = unlinkat(folder, LOCK, AtFlags::empty());
            Err(HandoverError::io(path, Step::Lock)(error))
        }
    }
}

/// Locks an open lock file until it is closed.
///
/// Returns `false` if somebody else has locked it, or if it does not have exactly one link. With
/// none, its holder has removed it since it was opened. With two, the module's user has linked
/// another file under its name.
pub(super) fn hold(lock: &File) -> io::Result<bool> {
    match lock.try_lock() {
        Ok(()) => Ok(lock.metadata()?.nlink() == 1),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Opens the lock file of a folder that may be abandoned. Returns `None` if it is not a file that
/// this process may open.
pub(super) fn open_lock(folder: &File) -> Result<Option<File>, Errno> {
    match openat(folder, LOCK, EXISTING, Mode::empty()) {
        Ok(lock) => Ok(Some(lock.into())),
        Err(Errno::ACCESS | Errno::PERM | Errno::LOOP | Errno::NXIO | Errno::ISDIR) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;
    use std::{env, fs, process};

    use super::*;

    /// A sweep may run between any two steps of making a folder. Each time another one is made.
    #[test]
    fn a_sweep_may_be_faster() {
        let path = env::temp_dir().join(format!("secrets-toml-locks-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        let parent = Parent { handle: File::open(&path).unwrap(), path: path.clone() };
        let name = "secrets-toml-0123456789abcdef";
        let made = path.join(name);
        assert!(lock_new(&parent, name, &made).unwrap().is_none(), "gone before it was opened");

        fs::create_dir(&made).unwrap();
        let folder = parent.open_entry(name).unwrap();
        fs::remove_dir(&made).unwrap();
        assert!(make_lock(&folder, &made).unwrap().is_none(), "gone before the lock was made");

        fs::create_dir(&made).unwrap();
        let (folder, lock) = lock_new(&parent, name, &made).unwrap().unwrap();
        let other = open_lock(&folder).unwrap().unwrap();
        assert!(!hold(&other).unwrap(), "locked by another");
        // A process that another test has just forked has the file open, too, until it runs its own
        // program.
        lock.unlock().unwrap();
        drop(lock);
        assert!(hold(&other).unwrap(), "released by now");
        other.unlock().unwrap();
        fs::hard_link(made.join(LOCK), made.join("second")).unwrap();
        assert!(!hold(&other).unwrap(), "of another name, too");
        fs::remove_file(made.join("second")).unwrap();
        fs::remove_file(made.join(LOCK)).unwrap();
        assert!(!hold(&other).unwrap(), "removed before it was locked");
        fs::remove_dir_all(&made).unwrap();

        fs::create_dir(&made).unwrap();
        if chown(&made, Some(12345), None).is_ok() {
            assert!(lock_new(&parent, name, &made).unwrap().is_none(), "another user's by now");
            assert_eq!(fs::read_dir(&made).unwrap().count(), 0);
        } else {
            println!("only root can give a folder to another user");
        }
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn our_folders_are_recognized_by_their_names() {
        assert!(is_ours("secrets-toml-0123456789abcdef"));
        for other in [
            "",
            "secrets-toml-",
            "secrets-toml-0123456789abcde",
            "secrets-toml-0123456789abcdef0",
            "secrets-toml-0123456789ABCDEF",
            "secrets-toml-test-12345678901",
            "secret-toml-0123456789abcdef",
            "0123456789abcdef",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
