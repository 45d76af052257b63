//! Folders and files by open descriptors. What an open folder holds stays readable when a link to
//! the folder is replaced.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Does not block if it is a pipe, and does not make a terminal the one of this process.
const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// An entry that was opened, or was found and not opened.
pub(super) enum Opened {
    /// A regular file and its length.
    File(File, u64),
    Folder,
    /// A pipe, a device or a socket.
    Other,
}

/// Opens a file. Follows links.
pub(super) fn open(path: &Path) -> io::Result<Opened> {
    open_at(CWD, path, FILE)
}

/// Opens a file, or returns `None` if the path is a link.
pub(super) fn open_unless_link(path: &Path) -> io::Result<Option<Opened>> {
    match open_at(CWD, path, FILE.union(OFlags::NOFOLLOW)) {
        Ok(opened) => Ok(Some(opened)),
        // `LOOP` on Linux and macOS, `MLINK` on FreeBSD.
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::LOOP | Errno::MLINK) => Ok(None),
            _ => Err(error),
        },
    }
}

/// Returns the target of a link, or `None` if the path is not a link.
pub(super) fn link(path: &Path) -> io::Result<Option<PathBuf>> {
    link_at(CWD, path)
}

/// An open folder.
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// Opens a folder. Follows links.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(openat(CWD, path, FOLDER, Mode::empty())?))
    }

    /// Opens a folder in this one. Follows links.
    pub(super) fn enter(&self, name: &Path) -> io::Result<Self> {
        Ok(Self(openat(&self.0, name, FOLDER, Mode::empty())?))
    }

    /// Opens a file in this folder. Follows links.
    pub(super) fn file(&self, name: &Path) -> io::Result<Opened> {
        open_at(&self.0, name, FILE)
    }

    /// Returns the target of a link in this folder, or `None` if it is not a link.
    pub(super) fn link(&self, name: &OsStr) -> io::Result<Option<PathBuf>> {
        link_at(&self.0, Path::new(name))
    }

    /// Lists the names, at most `limit` of them. Returns `None` if there are more.
    pub(super) fn names(&self, limit: usize) -> io::Result<Option<Vec<OsString>>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names.len() == limit {
                return Ok(None);
            }
            names.push(OsStr::from_bytes(name).to_owned());
        }
        Ok(Some(names))
    }

    /// Returns `true` if `name` in `parent` leads to this folder. It was opened by that name, and
    /// no other folder can have its number as long as it is open.
    pub(super) fn is_at(&self, parent: &Self, name: &Path) -> io::Result<bool> {
        let (own, other) = (fstat(&self.0)?, statat(&parent.0, name, AtFlags::empty()));
        match other {
            Ok(other) => Ok((own.st_dev, own.st_ino) == (other.st_dev, other.st_ino)),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn open_at(folder: impl AsFd, path: &Path, flags: OFlags) -> io::Result<Opened> {
    let file = match openat(&folder, path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        // A socket, or a device without a driver.
        Err(Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP) => return Ok(Opened::Other),
        // A folder that may be seen, but not listed.
        Err(Errno::ACCESS) if is_folder(&folder, path) => return Ok(Opened::Folder),
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    Ok(if metadata.is_file() {
        Opened::File(file, metadata.len())
    } else if metadata.is_dir() {
        Opened::Folder
    } else {
        Opened::Other
    })
}

fn is_folder(folder: impl AsFd, path: &Path) -> bool {
    statat(folder, path, AtFlags::empty())
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

fn link_at(folder: impl AsFd, path: &Path) -> io::Result<Option<PathBuf>> {
    match readlinkat(folder, path, Vec::new()) {
        Ok(target) => Ok(Some(OsString::from_vec(target.into_bytes()).into())),
        Err(Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
