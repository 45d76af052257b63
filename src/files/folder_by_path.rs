//! Folders and files by their paths, for systems without descriptors of folders.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

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
    // Looked at first, since opening a folder fails on some systems, and opening a pipe blocks.
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Ok(Opened::Folder);
    }
    if !metadata.is_file() {
        return Ok(Opened::Other);
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    Ok(if metadata.is_file() { Opened::File(file, metadata.len()) } else { Opened::Other })
}

/// Opens a file, or returns `None` if the path is a link.
pub(super) fn open_unless_link(path: &Path) -> io::Result<Option<Opened>> {
    if fs::symlink_metadata(path)?.is_symlink() { Ok(None) } else { open(path).map(Some) }
}

/// Returns the target of a link, or `None` if the path is not a link.
pub(super) fn link(path: &Path) -> io::Result<Option<PathBuf>> {
    if fs::symlink_metadata(path)?.is_symlink() { fs::read_link(path).map(Some) } else { Ok(None) }
}

/// A folder, with the links in its last name followed.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Finds a folder. Follows links.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // The path without links stays that of this folder when a link to it is replaced.
        let path = fs::canonicalize(path)?;
        if fs::metadata(&path)?.is_dir() {
            Ok(Self(path))
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    /// Finds a folder in this one. Follows links.
    pub(super) fn enter(&self, name: &Path) -> io::Result<Self> {
        Self::open(&self.0.join(name))
    }

    /// Opens a file in this folder. Follows links.
    pub(super) fn file(&self, name: &Path) -> io::Result<Opened> {
        open(&self.0.join(name))
    }

    /// Returns the target of a link in this folder, or `None` if it is not a link.
    pub(super) fn link(&self, name: &OsStr) -> io::Result<Option<PathBuf>> {
        link(&self.0.join(name))
    }

    /// Lists the names, at most `limit` of them. Returns `None` if there are more.
    pub(super) fn names(&self, limit: usize) -> io::Result<Option<Vec<OsString>>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            if names.len() == limit {
                return Ok(None);
            }
            names.push(entry?.file_name());
        }
        Ok(Some(names))
    }

    /// Returns `true` if `name` in `parent` leads to this folder.
    pub(super) fn is_at(&self, parent: &Self, name: &Path) -> io::Result<bool> {
        match fs::canonicalize(parent.0.join(name)) {
            Ok(path) => Ok(path == self.0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// The same steps as those on descriptors.
    #[test]
    fn folders_and_files_by_path() {
        let root = std::env::temp_dir().join(format!("secrets-toml-paths-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for generation in ["..1", "..2"] {
            fs::create_dir_all(root.join(generation)).unwrap();
            fs::write(root.join(generation).join("user"), generation).unwrap();
        }
        symlink("..1", root.join("..data")).unwrap();
        let folder = Folder::open(&root).unwrap();
        assert_eq!(folder.link(OsStr::new("..data")).unwrap(), Some("..1".into()));
        assert_eq!(folder.link(OsStr::new("..1")).unwrap(), None);
        let error = folder.link(OsStr::new("absent")).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(folder.names(3).unwrap().unwrap().len(), 3);
        assert!(folder.names(2).unwrap().is_none());

        let data = Path::new("..data");
        let generation = folder.enter(data).unwrap();
        assert!(generation.is_at(&folder, data).unwrap());
        fs::remove_file(root.join("..data")).unwrap();
        assert!(!generation.is_at(&folder, data).unwrap());
        symlink("..2", root.join("..data")).unwrap();
        assert!(!generation.is_at(&folder, data).unwrap());
        assert!(matches!(generation.file(Path::new("user")).unwrap(), Opened::File(_, 3)));
        assert!(matches!(folder.file(data).unwrap(), Opened::Folder));
        assert!(matches!(open(Path::new("/dev/null")).unwrap(), Opened::Other));
        let error = Folder::open(&root.join("..1/user")).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
        fs::remove_dir_all(root).unwrap();
    }
}
