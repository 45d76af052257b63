//! Delivers secrets to a Streamlit process, in a file that is removed and overwritten after use.
//!
//! Environment variables do not reach a Streamlit module. Streamlit parses the
//! `.streamlit/secrets.toml` of the checkout, which is the template, and writes its blank values
//! over the environment that it was started with. So [`SecretsFile`] writes another file, and the
//! variable `STREAMLIT_SECRETS_FILES` tells Streamlit to read it instead. No secret is in the
//! environment of the process, which `/proc` shows.
//!
//! # Supported modules
//!
//! - A module that is started with `streamlit run`: that command reads the variable.
//! - Under `uvicorn`, `python app.py` and Streamlit's `AppTest`, the variable is ignored. Copy the
//!   checkout, and overwrite the template in the copy with the delivered text.
//! - A module that does not use Streamlit needs no file. Pass the [`Env`](crate::Env) to
//!   [`Command::envs`](std::process::Command::envs), after
//!   [`env_clear`](std::process::Command::env_clear).
//!
//! # The folder
//!
//! Choose a folder in memory (tmpfs) that only root or the service can write to, such as
//! `/run/modules`. Removed files are overwritten with zeros. In memory, no copy remains, unless it
//! was swapped out. On a disk, a journal, a snapshot or an SSD may keep older blocks, which no
//! program can overwrite.
//!
//! The caller must protect the parents of the folder: whoever can rename one of them can give the
//! module another file.

mod error;
mod folder;
mod sweep;
mod written;

use std::fmt;
use std::mem;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::renameat;

pub use crate::handover::error::HandoverError;

use crate::document::Document;
use crate::handover::error::{Problem, Step};
use crate::handover::folder::{FILE, Folder, LOCK, NEXT, Parent};
use crate::handover::written::Written;

/// The environment variable that lists the files that `streamlit run` reads instead of the
/// checkout's.
const VARIABLE: &str = "STREAMLIT_SECRETS_FILES";

/// A `secrets.toml` in a folder of its own, for a Streamlit process to read while it runs.
///
/// The folder has mode 0700 and the file 0600. The file contains the text of the document, byte for
/// byte. Usually that is the result of [`Document::for_streamlit`].
///
/// # Removal
///
/// On drop, also while a panic unwinds, the file is removed and overwritten with zeros, and the
/// folder is removed. A running module keeps its values, which it has in memory. It sees zeros only
/// if it is reading the file at that moment.
///
/// A process that is killed, calls [`exit`](std::process::exit), or aborts on a panic leaves the
/// file behind. [`sweep`](Self::sweep) removes it, also while the module still runs. To stop
/// modules together with the service that started them, use a supervisor such as `systemd`.
///
/// # Examples
///
/// ```no_run
/// use std::process::Command;
///
/// use secrets_toml::Document;
/// use secrets_toml::handover::SecretsFile;
///
/// let delivered = Document::parse("CLARIFAI_PAT = 'hunter2'\n")?;
/// SecretsFile::sweep("/run/modules")?; // once, when the service starts
/// let file = SecretsFile::create_in("/run/modules", &delivered)?;
/// let status = Command::new("/srv/venv/bin/streamlit")
///     .args(["run", "app.py"])
///     .env_clear() // or the launcher's own variables reach the module
///     .env("PATH", "/usr/bin:/bin")
///     .env("HOME", "/srv/module")
///     .envs(file.env())
///     .status()?;
/// drop(file);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the file is removed when this is dropped"]
pub struct SecretsFile {
    path: PathBuf,
    file: Written,
    /// Removed after the file, since fields are dropped after `SecretsFile::drop`.
    folder: Folder,
}

impl SecretsFile {
    /// Writes the document to `secrets.toml` in a new folder with a random name inside `folder`.
    ///
    /// `folder` must exist. A relative path is made absolute. The path may contain symbolic links,
    /// but none is followed inside `folder`.
    ///
    /// # Errors
    ///
    /// Returns [`HandoverError`] if
    ///
    /// - other users can write to `folder`, and it does not have the sticky bit (as `/tmp` has);
    /// - `folder` belongs to a user other than root and the user of this process;
    /// - the path is not UTF-8 or contains white space: Streamlit splits the variable at white
    ///   space, and has no escape for it;
    /// - the operating system refuses a step, for example because the disk is full.
    ///
    /// Nothing is left behind on an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::handover::SecretsFile;
    ///
    /// let document = Document::parse("CLARIFAI_PAT = 'hunter2'\n")?;
    /// let file = SecretsFile::create_in(std::env::temp_dir(), &document)?;
    /// assert_eq!(std::fs::read_to_string(file.path())?, "CLARIFAI_PAT = 'hunter2'\n");
    ///
    /// let path = file.path().to_owned();
    /// drop(file);
    /// assert!(!path.exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_in(folder: impl AsRef<Path>, document: &Document) -> Result<Self, HandoverError> {
        let parent = Parent::open(folder.as_ref())?;
        parent.check_path()?;
        let folder = Folder::make(parent)?;
        let file = Written::new(&folder, FILE, document.expose_text())?;
        Ok(Self { path: folder.path.join(FILE), file, folder })
    }

    /// Removes the files that killed processes have left in `folder`, and returns the number of
    /// folders that were cleared.
    ///
    /// Call it when a service starts. It is safe at any time, while other processes create, replace
    /// and sweep in the same folder. It only touches folders that are named like those of
    /// [`create_in`](Self::create_in) and whose lock nobody holds. It does not remove
    ///
    /// - a folder that was [kept](Self::keep);
    /// - another user's folder, unless this process runs as root;
    /// - other files that a module has put into its folder, and then the folder itself.
    ///
    /// Removed files are overwritten with zeros. A file with a second hard link is removed, but not
    /// overwritten, because it may be somebody else's.
    ///
    /// # Errors
    ///
    /// Returns [`HandoverError`] if `folder` does not exist, if others can write to it, or if it
    /// belongs to another user: see [`create_in`](Self::create_in). If something cannot be removed,
    /// the sweep goes on, and the first such error is returned.
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
        sweep::sweep(folder.as_ref())
    }

    /// Replaces the content of the file by another document.
    ///
    /// The document is written to a new file with the owner and mode of the old one, and renamed
    /// over it. Then the old file is overwritten with zeros. The rename is atomic, because
    /// Streamlit stops watching a file that is ever absent. Streamlit checks the file every few
    /// seconds, and reloads it if it has changed.
    ///
    /// # Errors
    ///
    /// Returns [`HandoverError`] if the operating system refuses a step. The old file is unchanged
    /// then, and the new one is removed.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::handover::SecretsFile;
    ///
    /// let old = Document::parse("CLARIFAI_PAT = 'hunter2'\n")?;
    /// let mut file = SecretsFile::create_in(std::env::temp_dir(), &old)?;
    ///
    /// let new = Document::parse("CLARIFAI_PAT = 'hunter3'\n")?;
    /// file.replace(&new)?;
    /// assert_eq!(std::fs::read_to_string(file.path())?, "CLARIFAI_PAT = 'hunter3'\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn replace(&mut self, document: &Document) -> Result<(), HandoverError> {
        let mut next = Written::new(&self.folder, NEXT, document.expose_text())?;
        if let Err(error) = self.put(&mut next) {
            next.discard(&self.folder, NEXT);
            return Err(error);
        }
        // The rename has removed the old file, so it can be overwritten: no path leads to it.
        mem::replace(&mut self.file, next).overwrite();
        Ok(())
    }

    /// Renames a file over the present one, with its owner and a later time.
    fn put(&self, next: &mut Written) -> Result<(), HandoverError> {
        let path = self.folder.path.join(NEXT);
        next.date_after(&self.file).map_err(HandoverError::io(&path, Step::Write))?;
        let now = self.file.file.metadata().map_err(HandoverError::io(&self.path, Step::Open))?;
        let new = next.file.metadata().map_err(HandoverError::io(&path, Step::Open))?;
        if (new.uid(), new.gid()) != (now.uid(), now.gid()) {
            let given = fchown(&next.file, Some(now.uid()), Some(now.gid()));
            given.map_err(HandoverError::io(path, Step::Give))?;
        }
        let folder = &self.folder.handle;
        renameat(folder, NEXT, folder, FILE).map_err(HandoverError::io(&self.path, Step::Rename))
    }

    /// Makes the user that the module runs as the owner of the folder and the file.
    ///
    /// Only that user and root can read the file then. The process must run as root, also when it
    /// replaces or drops the file later. The folder given to [`create_in`](Self::create_in) must
    /// let the user pass: mode 0711 or 0755.
    ///
    /// The user can change anything in the new folder. This process follows no link there, and
    /// overwrites only the file that it has written.
    ///
    /// # Errors
    ///
    /// Returns [`HandoverError`] if the operating system refuses it, or if an ID is 4294967295,
    /// which is not the ID of a user or group. The owner is unchanged then.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::os::unix::process::CommandExt;
    /// use std::process::Command;
    ///
    /// use secrets_toml::Document;
    /// use secrets_toml::handover::SecretsFile;
    ///
    /// let delivered = Document::parse("CLARIFAI_PAT = 'hunter2'\n")?;
    /// let (uid, gid) = (2001, 2001);
    /// let mut file = SecretsFile::create_in("/run/modules", &delivered)?;
    /// file.for_user(uid, gid)?;
    /// let mut module = Command::new("/srv/venv/bin/streamlit");
    /// module.args(["run", "app.py"]).uid(uid).gid(gid).env_clear().envs(file.env());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_user(&mut self, uid: u32, gid: u32) -> Result<(), HandoverError> {
        // `fchown` leaves the owner as it is for this ID.
        if uid == u32::MAX || gid == u32::MAX {
            return Err(HandoverError::new(&self.path, Problem::NoUser));
        }
        let file = &self.file.file;
        let before = file.metadata().map_err(HandoverError::io(&self.path, Step::Open))?;
        let given = fchown(file, Some(uid), Some(gid));
        given.map_err(HandoverError::io(&self.path, Step::Give))?;
        fchown(&self.folder.handle, Some(uid), Some(gid)).map_err(|error| {
            let _ = fchown(file, Some(before.uid()), Some(before.gid()));
            HandoverError::io(&self.folder.path, Step::Give)(error)
        })
    }

    /// Keeps the folder and the file, and returns the path of the file.
    ///
    /// This is for modules that outlive this process. A [`sweep`](Self::sweep) does not remove the
    /// folder, because its lock file is removed. Whoever ends the module must remove the folder.
    ///
    /// If this process no longer has permission to change the folder, the lock file remains. A
    /// sweep then removes the file after this process has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::handover::SecretsFile;
    ///
    /// let document = Document::parse("CLARIFAI_PAT = 'hunter2'\n")?;
    /// let path = SecretsFile::create_in(std::env::temp_dir(), &document)?.keep();
    /// assert!(path.is_file());
    /// # std::fs::remove_dir_all(path.parent().unwrap())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "nobody else knows the path"]
    pub fn keep(mut self) -> PathBuf {
        self.folder.kept = true;
        let _ = self.folder.unlink(LOCK);
        mem::take(&mut self.path)
    }

    /// The absolute path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The environment variable that a Streamlit process needs, for
    /// [`Command::envs`](std::process::Command::envs): `STREAMLIT_SECRETS_FILES` with the path.
    ///
    /// The variable replaces the list of files that Streamlit reads. It overrides `secrets.files`
    /// in the checkout's `config.toml`. Only `streamlit run` reads it: see [the module](self).
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::handover::SecretsFile;
    ///
    /// let document = Document::parse("CLARIFAI_PAT = 'hunter2'\n")?;
    /// let file = SecretsFile::create_in(std::env::temp_dir(), &document)?;
    /// let [(name, path)] = file.env();
    /// assert_eq!((name, path), ("STREAMLIT_SECRETS_FILES", file.path()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn env(&self) -> [(&'static str, &Path); 1] {
        [(VARIABLE, &self.path)]
    }
}

impl Drop for SecretsFile {
    fn drop(&mut self) {
        if !self.folder.kept {
            self.file.discard(&self.folder, FILE);
        }
    }
}

impl fmt::Debug for SecretsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsFile").field("path", &self.path).finish_non_exhaustive()
    }
}
