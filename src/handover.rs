//! Delivery to a Streamlit process: a file of secrets that it is told of, and that is removed after it.
//!
//! [`Command::envs`](std::process::Command::envs) with a document's [`Env`](crate::Env) does not reach a
//! Streamlit module. Streamlit parses the `.streamlit/secrets.toml` of the checkout, which is the
//! template, and writes its blank values over the environment. So the module is told to read another
//! file instead, by `STREAMLIT_SECRETS_FILES`; and nothing secret is in its environment, which `/proc`
//! shows.
//!
//! # Which modules this serves
//!
//! Those that are started with `streamlit run`, whose command line reads the variable. Under `uvicorn`,
//! under `python app.py` and under Streamlit's `AppTest` the variable is ignored. There, copy the
//! checkout, and put the delivered text in the place of the template in the copy. A module that is not
//! Streamlit's gets its variables by `Command::env_clear().envs(&env)`.
//!
//! # Where to put the file
//!
//! Make a folder in memory that only root or the service can write to, such as `/run/modules`. There the
//! overwritten pages are the only ones. On a disk, a journal, a snapshot or an SSD may keep older
//! blocks, which no program can overwrite. The folder's own parents are the caller's to protect: whoever
//! can rename one of them can give the module another file.

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

/// The environment variable that gives `streamlit run` the files to read instead of the checkout's.
const VARIABLE: &str = "STREAMLIT_SECRETS_FILES";

/// A `secrets.toml` in a folder of its own, which a Streamlit process reads while it runs.
///
/// The folder has mode 0700 and the file 0600. The file holds the text of the document, byte for byte.
///
/// On drop, also while a panic unwinds, the file is removed, then overwritten with zeros, and the folder
/// is removed. A running module keeps its values, which it has in memory; it sees no zeros unless it is
/// reading the file at that moment. A process that is killed, that calls
/// [`exit`](std::process::exit), or that aborts on a panic leaves the file behind:
/// [`sweep`](Self::sweep) removes it. Its modules go on without it: whoever stops a launcher stops them,
/// too, as `systemd` does with all processes of a service.
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
    /// Removed after the file.
    folder: Folder,
}

impl SecretsFile {
    /// Writes the document to `secrets.toml` in a new folder with a random name in `folder`, which must
    /// exist. A relative path is made absolute.
    ///
    /// No link is followed below `folder`, but it may be reached by links itself.
    ///
    /// # Errors
    ///
    /// The folder is refused if
    ///
    /// - others can write to it, and it does not have the sticky bit, as `/tmp` has;
    /// - it is owned by another user than root and the user of this process;
    /// - its path is not UTF-8, or has white space: Streamlit splits the variable there, and knows no
    ///   escape.
    ///
    /// Otherwise, the operating system may refuse a step, such as when the disk is full. Nothing is left
    /// behind then.
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

    /// Writes the document to a new file, and renames it over the old one, which is overwritten with
    /// zeros. Owner and mode are as before, and there is a file at every moment: Streamlit stops looking at
    /// one that is ever absent. It looks at the file every few seconds, and takes over what is new.
    ///
    /// # Errors
    ///
    /// The operating system refuses a step. The old file is as it was then, and nothing else is left.
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
        mem::replace(&mut self.file, next).overwrite();
        Ok(())
    }

    /// Puts a file in the place of the present one.
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

    /// Hands the folder and the file to the user that the module runs as, who alone can read them then.
    /// This takes root, and so does whatever is done with the file later, drop included. The caller's
    /// folder must let that user pass: mode 0711 or 0755.
    ///
    /// The user can do in the folder what they like. This process follows no link there, and overwrites
    /// no file of theirs but the one that it has written.
    ///
    /// # Errors
    ///
    /// The operating system refuses it; or an ID is 4294967295, which stands for no user. The owner is
    /// as before then.
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
        // The system call would take it for "as it is".
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

    /// Leaves the folder and the file where they are, and returns the path of the file. No
    /// [`sweep`](Self::sweep) takes them for abandoned: the lock file is removed.
    ///
    /// This is for modules that outlive this process. Whoever ends the module removes the folder.
    ///
    /// If the process has given up the right to change the folder since it made it, the lock file stays,
    /// and a sweep removes the file after this process has ended.
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

    /// The one environment variable that a Streamlit process needs, `STREAMLIT_SECRETS_FILES`, with the
    /// path, for [`Command::envs`](std::process::Command::envs).
    ///
    /// It replaces the list of files that Streamlit reads; a `secrets.files` in the checkout's
    /// `config.toml` does not count then. It serves `streamlit run` only: see [the module](self).
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
