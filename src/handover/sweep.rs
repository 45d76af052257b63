//! The sweep: removes the folders of killed processes.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::document::MAX_LEN;
use crate::handover::error::{HandoverError, Step};
use crate::handover::folder::{FILE, LOCK, NEXT, Parent, hold, is_ours, open_lock};
use crate::handover::written::remove;

/// Clears the abandoned folders in `folder`, and returns their number.
pub(super) fn sweep(folder: &Path) -> Result<usize, HandoverError> {
    let parent = Parent::open(folder)?;
    let mut names = Vec::new();
    // Read to the end first: a folder may skip entries while others are removed.
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

/// Clears a folder if nobody holds its lock. Returns `false` if it is in use or kept, or cannot be
/// entered.
///
/// The lock file is removed last, and its lock is held until then. If this process is killed in
/// between, the folder still has a lock file that nobody holds, and the next sweep clears it.
fn sweep_one(parent: &Parent, name: &str) -> Result<bool, HandoverError> {
    let path = parent.path.join(name);
    let folder = match parent.open_entry(name) {
        Ok(folder) => folder,
        // It belongs to another user, another sweep has removed it, or it is a file or a link.
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
        // Either it was kept, and is not empty; or its process was killed before it made the lock
        // file; or its process is about to make it, and will make another folder instead.
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
    // `lock` is held to the end of this function, so that no other sweep comes between.
    let unlocked = unlinkat(&folder, LOCK, AtFlags::empty());
    unlocked.map_err(HandoverError::io(path.join(LOCK), Step::Remove))?;
    match parent.remove_entry(name) {
        Ok(()) | Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => Ok(true),
        Err(error) => Err(HandoverError::io(path, Step::Remove)(error)),
    }
}
