//! The delivered file, which is overwritten with zeros once it is removed.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Mode, openat, unlinkat};
use rustix::io::Errno;

use crate::handover::error::{HandoverError, Step};
use crate::handover::folder::{EXISTING, Folder, NEW};

/// A file that this process wrote, open to be overwritten.
pub(super) struct Written {
    pub(super) file: File,
    len: u64,
    modified: SystemTime,
}

impl Written {
    /// Writes a new file with mode 0600. On an error it is removed.
    pub(super) fn new(folder: &Folder, name: &str, text: &str) -> Result<Self, HandoverError> {
        let path = folder.path.join(name);
        let file = openat(&folder.handle, name, NEW, Mode::RUSR | Mode::WUSR);
        let file = File::from(file.map_err(HandoverError::io(&path, Step::Make))?);
        let modified = SystemTime::UNIX_EPOCH;
        let mut written = Self { file, len: text.len() as u64, modified };
        written.fill(text).map_err(|error| {
            written.discard(folder, name);
            HandoverError::io(path, Step::Write)(error)
        })?;
        Ok(written)
    }

    /// The file is not synced: if it is removed soon, it may never reach the disk.
    fn fill(&mut self, text: &str) -> io::Result<()> {
        self.file.set_permissions(Permissions::from_mode(0o600))?;
        self.file.write_all(text.as_bytes())?;
        self.modified = self.file.metadata()?.modified()?;
        Ok(())
    }

    /// Makes the file newer than another one, even if the clock was set back in between. Streamlit
    /// reloads a file only if its modification time is later than before.
    pub(super) fn date_after(&mut self, earlier: &Self) -> io::Result<()> {
        let earliest = earlier.modified.checked_add(Duration::from_millis(1));
        if let Some(earliest) = earliest.filter(|earliest| self.modified < *earliest) {
            self.file.set_modified(earliest)?;
            self.modified = earliest;
        }
        Ok(())
    }

    /// Removes the file, then overwrites it. In this order, whoever opens the path finds the
    /// content or no file, and never zeros.
    pub(super) fn discard(&self, folder: &Folder, name: &str) {
        let _ = folder.unlink(name);
        self.overwrite();
    }

    /// Overwrites the content with zeros.
    pub(super) fn overwrite(&self) {
        overwrite(&self.file, self.len);
    }
}

/// Overwrites at most `limit` bytes of a file with zeros. Errors are ignored: nothing better can be
/// done.
///
/// The user that the file was handed to may have changed its length. The limit keeps a long or
/// sparse file from filling the disk.
fn overwrite(file: &File, limit: u64) {
    const ZEROS: [u8; 4096] = [0; 4096];

    let len = file.metadata().map_or(limit, |metadata| metadata.len().min(limit));
    let mut at = 0;
    while at < len {
        let some = (len - at).min(ZEROS.len() as u64);
        if file.write_all_at(&ZEROS[..some as usize], at).is_err() {
            break;
        }
        at += some;
    }
    // The content may be on the disk by now, so write the zeros there, too, before the blocks are
    // freed.
    let _ = file.sync_data();
}

/// Removes a file that a killed process has left, and overwrites at most `limit` bytes of it.
///
/// It is opened before it is removed, since it cannot be opened after that; and overwritten after
/// it is removed, for the reason given at [`Written::discard`].
pub(super) fn remove(folder: &File, name: &str, limit: u64) -> Result<(), Errno> {
    let file = openat(folder, name, EXISTING, Mode::empty());
    match unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    }
    let Ok(file) = file.map(File::from) else { return Ok(()) };
    // The user that the folder was handed to may have linked another file under this name. Such a
    // file still has a link, and must not be overwritten.
    if file.metadata().is_ok_and(|metadata| metadata.nlink() == 0) {
        overwrite(&file, limit);
    }
    Ok(())
}
