//! The error of a delivery.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// An error from a [`SecretsFile`](crate::handover::SecretsFile).
///
/// `Display` names the path and the problem, and says how to fix it. It never contains text of a
/// document. `source()` returns the error of the operating system, if there is one.
///
/// # Examples
///
/// ```
/// use std::error::Error;
/// use std::path::Path;
///
/// use secrets_toml::handover::SecretsFile;
///
/// let error = SecretsFile::sweep("/absent/folder").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "/absent/folder: cannot be opened (it does not exist: make it first)",
/// );
/// assert_eq!(error.path(), Path::new("/absent/folder"));
/// assert!(error.source().is_some(), "what the operating system said");
/// ```
#[derive(Debug)]
pub struct HandoverError {
    path: PathBuf,
    problem: Problem,
}

impl HandoverError {
    pub(super) fn new(path: impl Into<PathBuf>, problem: Problem) -> Self {
        Self { path: path.into(), problem }
    }

    /// Returns a function for `map_err`, for a step that the operating system has refused.
    pub(super) fn io<E: Into<io::Error>>(
        path: impl Into<PathBuf>,
        step: Step,
    ) -> impl FnOnce(E) -> Self {
        move |error| Self::new(path, Problem::Io(step, error.into()))
    }

    /// The path of the folder or file with the problem.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for HandoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for HandoverError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Io(_, error) => Some(error),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(super) enum Problem {
    NotUtf8,
    WhiteSpace,
    Writable,
    Foreign,
    Taken,
    NoUser,
    Io(Step, io::Error),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "the path is not UTF-8 (use another folder)",
            Self::WhiteSpace => {
                "the path has white space, at which Streamlit would split it (use another folder)"
            }
            Self::Writable => {
                "others can write to this folder (run `chmod go-w` on it, or set its sticky bit)"
            }
            Self::Foreign => "another user owns this folder (use one that is yours or root's)",
            Self::Taken => {
                "each new folder in it was taken away at once (use a folder that is yours alone)"
            }
            Self::NoUser => "4294967295 is not the ID of a user or group (use a real one)",
            Self::Io(step, error) => {
                f.write_str(step.refused())?;
                return match hint(*step, error) {
                    Some(hint) => write!(f, " ({hint})"),
                    None => Ok(()),
                };
            }
        })
    }
}

/// A request to the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Open,
    Make,
    Lock,
    Write,
    Rename,
    Give,
    Remove,
}

impl Step {
    fn refused(self) -> &'static str {
        match self {
            Self::Open => "cannot be opened",
            Self::Make => "cannot be made",
            Self::Lock => "cannot be locked",
            Self::Write => "cannot be written",
            Self::Rename => "cannot be replaced",
            Self::Give => "cannot be given to another user",
            Self::Remove => "cannot be removed",
        }
    }
}

fn hint(step: Step, error: &io::Error) -> Option<&'static str> {
    Some(match Errno::from_io_error(error)? {
        Errno::PERM if step == Step::Give => "only root may do this: run as root",
        Errno::ACCESS | Errno::PERM => {
            "this user has no permission: give it, or use another folder"
        }
        Errno::NOENT if step == Step::Open => "it does not exist: make it first",
        Errno::NOENT => "somebody has removed it, or its folder: call `create_in` again",
        Errno::NOTDIR => "this is not a folder: use another one",
        Errno::EXIST => "something else has this name: remove it",
        Errno::ISDIR => "a folder has this name: remove it",
        Errno::ROFS => "the file system is read-only: use another folder",
        Errno::NOSPC | Errno::DQUOT => "the disk is full: free some space, or use another folder",
        Errno::FBIG => "files of this process are limited: raise `ulimit -f`",
        Errno::MFILE | Errno::NFILE => "too many files are open: raise `ulimit -n`",
        Errno::NAMETOOLONG => "the path is too long: use another folder",
        _ => return None,
    })
}
