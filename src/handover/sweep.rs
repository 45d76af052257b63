//! Removing what killed processes have left.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::document::MAX_LEN;
use crate::handover::SecretsFile;
use crate::handover::error::{HandoverError, Step};
use crate::handover::folder::{FILE, LOCK, NEXT, Parent, hold, is_ours, open_lock};
use crate::handover::written::remove;

impl SecretsFile {
    /// Removes what killed processes have left in `folder`, and returns how many folders it cleared.
    ///
    /// Call it when a service starts. It may run at any time, beside other processes that create, replace
    /// and sweep there: it takes only folders with a name like those of [`create_in`](Self::create_in)
    /// whose lock nobody holds. It leaves alone
    ///
    /// - a folder that was [kept](Self::keep);
    /// - another user's folder, unless this process runs as root;
    /// - whatever else a module has put into its folder, and then the folder itself.
    ///
    /// What is removed is overwritten with zeros, unless the file has another name, too (a hard link),
    /// which could be that of anybody's file.
    ///
    /// # Errors
    ///
    /// Those of [`create_in`](Self::create_in) that concern `folder`. If something cannot be removed,
    /// everything else is, and the first such error is returned.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use secrets_toml::handover::SecretsFile;
    ///
    /// let swept = SecretsFile::sweep("/run/modules")?;
    /// eprintln!("removed the secrets of {swept} modules, whose launcher was killed");
    /// # Ok::<(), secrets_toml::handover::HandoverError>(())
    /// ```
    pub fn sweep(folder: impl AsRef<Path>) -> Result<usize, HandoverError> {
        let parent = Parent::open(folder.as_ref())?;
        let mut names = Vec::new();
        // Read to the end first: a folder need not list everything while entries are removed.
        for entry in
            Dir::read_from(&parent.handle).map_err(HandoverError::io(&parent.path, Step::Open))?
        {
            let entry = entry.map_err(HandoverError::io(&parent.path, Step::Open))?;
            names.extend(
                entry.file_name().to_str().ok().filter(|name| is_ours(name)).map(str::to_owned),
            );
        }
        let (mut swept, mut first) = (0, None);
        for name in names {
            match sweep_one(&parent, &name) {
                Ok(cleared) => swept += usize::from(cleared),
                Err(error) => first = first.or(Some(error)),
            }
        }
        first.map_or(Ok(swept), Err)
    }
}

/// Clears one folder if it is abandoned; returns `false` if it is not.
fn sweep_one(parent: &Parent, name: &str) -> Result<bool, HandoverError> {
    let path = parent.path.join(name);
    let folder = match parent.open_entry(name) {
        Ok(folder) => folder,
        // Another user's, another sweep's, no folder at all, or a link.
        Err(Errno::ACCESS | Errno::PERM | Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
            return Ok(false);
        }
        Err(error) => return Err(HandoverError::io(path, Step::Open)(error)),
    };
    let owner = folder.metadata().map_err(HandoverError::io(&path, Step::Open))?.uid();
    let user = geteuid();
    if owner != user.as_raw() && !user.is_root() {
        return Ok(false);
    }
    let lock = match open_lock(&folder) {
        Ok(Some(lock)) => lock,
        Ok(None) => return Ok(false),
        // Kept; or empty, since somebody was killed before it was locked, or is about to lock it and will
        // make another one.
        Err(Errno::NOENT) => {
            return match parent.remove_entry(name) {
                Ok(()) => Ok(true),
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => Ok(false),
                Err(error) => Err(HandoverError::io(path, Step::Remove)(error)),
            };
        }
        Err(error) => return Err(HandoverError::io(path.join(LOCK), Step::Open)(error)),
    };
    if !hold(&lock).map_err(HandoverError::io(path.join(LOCK), Step::Lock))? {
        return Ok(false);
    }
    for name in [NEXT, FILE] {
        let removed = remove(&folder, name, MAX_LEN as u64);
        removed.map_err(HandoverError::io(path.join(name), Step::Remove))?;
    }
    // The lock is held until the folder is gone, or has something else in it.
    let unlocked = unlinkat(&folder, LOCK, AtFlags::empty());
    unlocked.map_err(HandoverError::io(path.join(LOCK), Step::Remove))?;
    match parent.remove_entry(name) {
        Ok(()) | Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => Ok(true),
        Err(error) => Err(HandoverError::io(path, Step::Remove)(error)),
    }
}
