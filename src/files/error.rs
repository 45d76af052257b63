//! The error of reading files.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::document::MAX_LEN;
use crate::document::error::ParseError;
use crate::text::shown::Safe;

/// The maximum number of files, folders and other entries that one read looks at.
///
/// A usual deployment has under a hundred. The limit ends the work on a folder that was given by
/// mistake, such as a cache with a million files.
pub const MAX_ENTRIES: usize = 10_000;

/// The maximum length of all files of one read together, in bytes.
///
/// Layers may repeat each other, so it is more than the [`MAX_LEN`] of the
/// document that they make.
pub const MAX_READ_LEN: usize = 4 * MAX_LEN;

/// The maximum number of attempts to read what somebody else is changing.
pub(super) const ATTEMPTS: usize = 10;

/// The error of [`Files::read`](crate::files::Files::read) and
/// [`Document::layered`](crate::Document::layered).
///
/// `Display` names the path and the problem, and says how to fix it. It never contains text of a
/// file. `source()` returns the error of the operating system or the [`ParseError`], if there is
/// one.
///
/// # Examples
///
/// ```
/// use std::path::Path;
///
/// use secrets_toml::files::Files;
///
/// let error = Files::new().directory("/absent/folder").read().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "/absent/folder: cannot be opened (it does not exist: mount it first)",
/// );
/// assert_eq!(error.path(), Some(Path::new("/absent/folder")));
/// ```
#[derive(Debug)]
pub struct FilesError {
    path: Option<PathBuf>,
    problem: Problem,
}

impl FilesError {
    pub(super) fn new(path: impl Into<PathBuf>, problem: Problem) -> Self {
        Self { path: Some(path.into()), problem }
    }

    /// The layers together are too long.
    pub(super) fn too_long() -> Self {
        Self { path: None, problem: Problem::TooLong }
    }

    /// None of the paths exists.
    pub(super) fn nothing(paths: Vec<PathBuf>) -> Self {
        Self { path: None, problem: Problem::Nothing(paths) }
    }

    /// The path of the file or folder with the problem. Returns `None` if the problem is not one of
    /// a single path.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The syntax errors of the file at [`path`](Self::path), or `None` if the problem is another
    /// one.
    #[must_use]
    pub fn parse_error(&self) -> Option<&ParseError> {
        match &self.problem {
            Problem::Parse(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", Safe(&path.to_string_lossy()))?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for FilesError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Open(error) | Problem::Read(error) => Some(error),
            Problem::Parse(error) => Some(error),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(super) enum Problem {
    TooLong,
    Nothing(Vec<PathBuf>),
    Open(io::Error),
    Read(io::Error),
    Parse(ParseError),
    IsFolder,
    IsFile,
    NotFolder,
    NotFile,
    NameNotUtf8,
    NotUtf8,
    FileTooLong,
    TooManyEntries,
    TooManyBytes,
    Swapped,
    Growing,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(
                f,
                "the layers together would be longer than {MAX_LEN} bytes (remove what is not a \
                 secret)"
            ),
            Self::Nothing(paths) if paths.is_empty() => {
                f.write_str("no file and no directory is given (add one)")
            }
            Self::Nothing(paths) => {
                f.write_str("none of these files exists (make one of them): ")?;
                for (i, path) in paths.iter().enumerate() {
                    let separator = if i == 0 { "" } else { ", " };
                    write!(f, "{separator}{}", Safe(&path.to_string_lossy()))?;
                }
                Ok(())
            }
            Self::Open(error) => {
                f.write_str("cannot be opened")?;
                hint(error).map_or(Ok(()), |hint| write!(f, " ({hint})"))
            }
            Self::Read(_) => f.write_str("cannot be read"),
            Self::Parse(_) => f.write_str("not well-formed"),
            Self::IsFolder => f.write_str("is a folder (pass it to `directory`)"),
            Self::IsFile => f.write_str("is not a folder (pass a file to `file`)"),
            Self::NotFolder => {
                f.write_str("is not a folder (put each secret into a folder of its own)")
            }
            Self::NotFile => {
                f.write_str("is not a regular file (only files and folders can be read)")
            }
            Self::NameNotUtf8 => f.write_str("the name is not UTF-8 (rename it)"),
            Self::NotUtf8 => f.write_str("the text is not UTF-8 (save it as UTF-8)"),
            Self::FileTooLong => {
                write!(f, "is longer than {MAX_LEN} bytes (is it the right file?)")
            }
            Self::TooManyEntries => {
                write!(
                    f,
                    "has too many entries: at most {MAX_ENTRIES} are read (is it the right folder?)"
                )
            }
            Self::TooManyBytes => {
                write!(f, "the files together are longer than {MAX_READ_LEN} bytes (remove some)")
            }
            Self::Swapped => {
                write!(f, "was replaced {ATTEMPTS} times while it was read (read it again later)")
            }
            Self::Growing => {
                write!(f, "was written {ATTEMPTS} times while it was read (read it again later)")
            }
        }
    }
}

fn hint(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        io::ErrorKind::NotFound => "it does not exist: mount it first",
        io::ErrorKind::PermissionDenied => "this user has no permission: give it",
        io::ErrorKind::NotADirectory => "a part of the path is not a folder",
        _ => return None,
    })
}
