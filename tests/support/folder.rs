//! A temporary folder for one test, which is removed on drop.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        Self::below(&std::env::temp_dir()).unwrap()
    }

    /// A folder in memory where Linux has one. What is written there is there sooner.
    pub(crate) fn in_memory() -> Self {
        Self::below(Path::new("/dev/shm")).unwrap_or_else(|_| Self::new())
    }

    /// Makes a folder of a random name. Containers that share the parent may have equal process IDs.
    fn below(parent: &Path) -> io::Result<Self> {
        loop {
            let name = format!("secrets-toml-test-{:016x}", RandomState::new().hash_one(()));
            let path = parent.join(name);
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Self(path)),
            }
        }
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
