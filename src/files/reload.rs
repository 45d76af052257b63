//! Files that are read again while readers go on with the last good secrets.

use std::fmt;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock};

use crate::files::changes::Changes;
use crate::files::error::FilesError;
use crate::files::list::Files;
use crate::files::origins::Origins;
use crate::files::snapshot::Snapshot;
use crate::path;
use crate::template::Template;
use crate::validate::{Invalid, Secrets, Severity};

/// Files that are read again on request, and the last good secrets of them.
///
/// [`poll`](Self::poll) reads the files. If their content has changed, and the new secrets are
/// valid, it puts them in the place of the present ones. [`reader`](Self::reader) gives handles to
/// the present secrets.
///
/// - Content is compared, never times. So an edit within a clock tick is found, and a `touch` is
///   not a change.
/// - A read that fails or does not validate changes nothing: readers keep the last good secrets.
///   Streamlit drops all secrets then.
/// - There are no threads and no callbacks. The host calls `poll` from a timer or a signal, and
///   tells others of the changes that it returns.
/// - A reader never waits for a read or a validation. A lock is held to clone or replace an
///   [`Arc`], and for nothing else.
///
/// The present content of the files is kept for the comparison, in zeroized memory.
///
/// # Examples
///
/// ```
/// use std::fs;
///
/// use secrets_toml::files::{Files, Reload};
///
/// # let folder = std::env::temp_dir().join(format!("reload-{}", std::process::id()));
/// # fs::create_dir_all(&folder)?;
/// # let path = folder.join("secrets.toml");
/// fs::write(&path, "PAT = 'hunter2'\n")?;
/// let mut reload = Reload::new(Files::new().file(&path), None)?;
/// let current = reload.reader();
/// assert!(reload.poll()?.is_none(), "nothing has changed");
///
/// fs::write(&path, "PAT = 'hunter3\n")?;
/// assert!(reload.poll().is_err(), "a quote is missing");
/// let pat = |secrets: &secrets_toml::Document| secrets.env().unwrap().get("PAT").map(str::to_owned);
/// assert_eq!(pat(&current.get()).as_deref(), Some("hunter2"));
///
/// fs::write(&path, "PAT = 'hunter3'\n")?;
/// let changes = reload.poll()?.expect("the file has changed");
/// assert!(changes.changed().eq(["PAT"]));
/// assert_eq!(pat(&current.get()).as_deref(), Some("hunter3"));
/// # fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reload {
    files: Files,
    template: Option<Template>,
    /// The content that the present secrets were made from.
    snapshot: Snapshot,
    current: Current,
}

impl Reload {
    /// Reads the files for the first time. With a template, the secrets are validated against it.
    ///
    /// # Errors
    ///
    /// Same as [`poll`](Self::poll): the first read must succeed.
    pub fn new(files: Files, template: impl Into<Option<Template>>) -> Result<Self, ReloadError> {
        let template = template.into();
        let snapshot = read(&files)?;
        let secrets = Arc::new(validate(&snapshot, template.as_ref())?);
        let current = Current(Arc::new(RwLock::new(secrets)));
        Ok(Self { files, template, snapshot, current })
    }

    /// Reads the files. If the variables have changed, returns how, and readers get the new
    /// secrets.
    ///
    /// Returns `None` if nothing has changed but comments, order and spelling.
    ///
    /// # Errors
    ///
    /// Returns [`ReloadError`] if the files cannot be read or are not well-formed, or if the
    /// secrets are not valid. Readers keep the last good secrets. The next poll tries again.
    pub fn poll(&mut self) -> Result<Option<Changes>, ReloadError> {
        let snapshot = read(&self.files)?;
        if snapshot == self.snapshot {
            return Ok(None);
        }
        let secrets = validate(&snapshot, self.template.as_ref())?;
        let changes = Changes::between(&self.current.get(), &secrets);
        self.snapshot = snapshot;
        self.current.set(Arc::new(secrets));
        Ok(Some(changes).filter(|changes| !changes.is_empty()))
    }

    /// Returns a handle to the present secrets.
    #[must_use]
    pub fn reader(&self) -> Current {
        self.current.clone()
    }
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reload")
            .field("files", &self.files)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

/// A handle to the present secrets of a [`Reload`].
///
/// Clone it for each task or thread. It stays valid when the `Reload` is dropped.
///
/// # Examples
///
/// ```
/// fn is_shared<T: Clone + Send + Sync>() {}
/// is_shared::<secrets_toml::files::Current>();
/// ```
#[derive(Clone)]
pub struct Current(Arc<RwLock<Arc<Secrets>>>);

impl Current {
    /// Returns the present secrets.
    ///
    /// They do not change while they are held. Call it for each request, so that a request has
    /// secrets of one read. The memory of replaced secrets is zeroized when nobody holds them.
    #[must_use]
    pub fn get(&self) -> Arc<Secrets> {
        // The lock only guards the pointer, which is whole even if a thread has panicked.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, secrets: Arc<Secrets>) {
        let mut present = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let old = mem::replace(&mut *present, secrets);
        // Zeroizing takes longer than the lock may be held.
        drop(present);
        drop(old);
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Current").field(&self.get()).finish()
    }
}

/// The error of [`Reload::poll`]: the files cannot be read, or do not validate.
///
/// `Display` has a path and a problem, and never a value. `source()` returns the [`Invalid`], or the
/// source of the [`FilesError`].
#[derive(Debug)]
pub struct ReloadError(Box<Fault>);

#[derive(Debug)]
enum Fault {
    Files(FilesError),
    /// The findings, and the message with the place of the first error.
    Invalid(Invalid, String),
}

impl ReloadError {
    fn invalid(invalid: Invalid, origins: &Origins) -> Self {
        let mut errors = invalid.findings().filter(|finding| finding.severity() == Severity::Error);
        let mut message = String::new();
        if let Some(first) = errors.next() {
            message = first.message();
            // A missing variable has no place.
            if let Some(node) = path::at(invalid.document(), &first.path()) {
                message += &format!(" ({})", origins.origin(node));
            }
        }
        match errors.count() {
            0 => {}
            1 => message += ", and 1 more error",
            more => message += &format!(", and {more} more errors"),
        }
        Self(Box::new(Fault::Invalid(invalid, message)))
    }

    /// The error of reading, or `None` if the secrets do not validate.
    #[must_use]
    pub fn files(&self) -> Option<&FilesError> {
        match &*self.0 {
            Fault::Files(error) => Some(error),
            Fault::Invalid(..) => None,
        }
    }

    /// The findings, or `None` if the files cannot be read.
    ///
    /// Their lines are those of the document of all layers, which has the text of
    /// [`Layered::document`](crate::files::Layered::document).
    #[must_use]
    pub fn findings(&self) -> Option<&Invalid> {
        match &*self.0 {
            Fault::Files(_) => None,
            Fault::Invalid(invalid, _) => Some(invalid),
        }
    }
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Fault::Files(error) => error.fmt(f),
            Fault::Invalid(_, message) => f.write_str(message),
        }
    }
}

impl std::error::Error for ReloadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0 {
            Fault::Files(error) => error.source(),
            Fault::Invalid(invalid, _) => Some(invalid),
        }
    }
}

impl From<FilesError> for ReloadError {
    fn from(error: FilesError) -> Self {
        Self(Box::new(Fault::Files(error)))
    }
}

fn read(files: &Files) -> Result<Snapshot, FilesError> {
    Snapshot::read(files.sources())
}

fn validate(snapshot: &Snapshot, template: Option<&Template>) -> Result<Secrets, ReloadError> {
    let (document, origins) = snapshot.layered()?.into_parts();
    let secrets = match template {
        Some(template) => template.validate(document),
        None => document.validate(),
    };
    secrets.map_err(|invalid| ReloadError::invalid(invalid, &origins))
}
