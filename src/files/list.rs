//! The list of files and secret directories to read.

use std::path::{Component, Path, PathBuf};

use crate::files::error::FilesError;
use crate::files::layered::Layered;
use crate::files::snapshot::Snapshot;
use crate::files::source::Source;

/// Files and secret directories, in the order in which they are layered.
///
/// Add them with [`file`](Self::file) and [`directory`](Self::directory), or take the three files
/// of Streamlit: [`streamlit`](Self::streamlit). Then [`read`](Self::read) them. Nothing is read
/// before that, and no environment variable is read at all.
///
/// # Examples
///
/// ```
/// use secrets_toml::files::Files;
///
/// # let root = std::env::temp_dir().join(format!("files-{}", std::process::id()));
/// # let [config, mounted] = [root.join("secrets.toml"), root.join("mounted")];
/// # std::fs::create_dir_all(mounted.join("db"))?;
/// # std::fs::write(&config, "MODEL = 'small'\n[db]\nuser = 'nobody'\n")?;
/// # std::fs::write(mounted.join("db/user"), "ada\n")?;
/// # std::fs::write(mounted.join("db/password"), "hunter2\n")?;
/// let layered = Files::new().file(&config).directory(&mounted).read()?;
///
/// let document = layered.document();
/// assert_eq!(document.find("db.user").and_then(|value| value.as_str()), Some("ada"));
/// assert_eq!(document.find("MODEL").and_then(|value| value.as_str()), Some("small"));
/// let origin = layered.origin("db").expect("it exists");
/// assert_eq!(origin.layer(), mounted.join("db").to_str().unwrap());
/// # std::fs::remove_dir_all(root)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(Vec<Source>);

impl Files {
    /// Makes an empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The files that `streamlit run SCRIPT` reads: the global, the project's and the script's.
    ///
    /// They are `.streamlit/secrets.toml` in `home`, in `working_directory`, and beside `script`.
    /// A relative `script` is in `working_directory`.
    ///
    /// Streamlit reads other files if `secrets.files` is set in a `config.toml`, in its arguments, or
    /// by the variable `STREAMLIT_SECRETS_FILES`.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::files::Files;
    ///
    /// let files = Files::streamlit("/home/ada", "/srv/app", "pages/start.py");
    /// let same = Files::new()
    ///     .file("/home/ada/.streamlit/secrets.toml")
    ///     .file("/srv/app/.streamlit/secrets.toml")
    ///     .file("/srv/app/pages/.streamlit/secrets.toml");
    /// assert_eq!(files, same);
    /// ```
    #[must_use]
    pub fn streamlit(
        home: impl AsRef<Path>,
        working_directory: impl AsRef<Path>,
        script: impl AsRef<Path>,
    ) -> Self {
        let secrets = |folder: &Path| folder.join(".streamlit").join("secrets.toml");
        let script = working_directory.as_ref().join(script);
        let beside = normal(script.parent().unwrap_or(&script));
        let (home, project) = (home.as_ref(), working_directory.as_ref());
        let files = Self::new().file(secrets(home)).file(secrets(project));
        // Streamlit reads it once if it is one of the others.
        if beside == home || beside == project { files } else { files.file(secrets(&beside)) }
    }

    /// Adds a file. It is skipped if it does not exist.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.push(Source::File(path.into()));
        self
    }

    /// Adds a [secret directory](crate::files#secret-directories), which must exist.
    #[must_use]
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.push(Source::Directory(path.into()));
        self
    }

    /// Reads all files, and makes one document of them. A later file or directory wins for each
    /// root key: see [`Document::layered`](crate::Document::layered).
    ///
    /// The name of a layer is the path of a file, or of a folder of a secret directory.
    ///
    /// # Errors
    ///
    /// Returns [`FilesError`] if
    ///
    /// - no file and no directory exists, or one of the directories does not exist;
    /// - a file cannot be read, is not well-formed, or is not a regular file;
    /// - an entry of a secret directory is not a folder;
    /// - the name of a secret is not UTF-8;
    /// - a limit is exceeded: [`MAX_ENTRIES`](crate::files::MAX_ENTRIES),
    ///   [`MAX_READ_LEN`](crate::files::MAX_READ_LEN), or [`MAX_LEN`](crate::MAX_LEN) for a file or the result;
    /// - a mount or a file changed during each of 10 attempts to read it.
    pub fn read(&self) -> Result<Layered, FilesError> {
        Snapshot::read(&self.0)?.layered()
    }

    pub(super) fn sources(&self) -> &[Source] {
        &self.0
    }
}

/// Removes `.` and `..` from a path without looking at the file system, as Python's
/// `os.path.normpath` does.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(normal.components().next_back(), Some(Component::Normal(_))) =>
            {
                normal.pop();
            }
            // There is nothing above the root.
            Component::ParentDir if normal.has_root() => {}
            _ => normal.push(component),
        }
    }
    normal
}
