//! Reads several files and secret directories as one document, and reads them again when they
//! change.
//!
//! - [`Files`] lists files and secret directories, and reads them: [`Files::read`].
//! - [`Layered`] is the result: one document, and the layer and line of each value.
//!   [`Document::layered`](crate::Document::layered) makes it from documents.
//! - [`Reload`] reads the files again, and keeps the last good secrets if an edit is broken.
//! - [`Changes`] are the paths that differ between two documents.
//!
//! # Secret directories
//!
//! A secret directory has a folder for each secret, as Kubernetes mounts them:
//!
//! ```text
//! /etc/secrets            Files::new().directory("/etc/secrets")
//! ├── db                  [db]
//! │   ├── password        password = "…"
//! │   └── user            user = "…"
//! └── openai              openai = "…"
//!     └── key
//! ```
//!
//! - The name of a folder is a root key. A folder with one file is a string; with several it is a
//!   table, with a string for each file; without files it is an empty table.
//! - A text is read with universal newlines, and white space at both ends is removed, as Python
//!   does: `open(path).read().strip()`.
//! - Folders inside a secret's folder are ignored. Names that begin with a dot are ignored
//!   everywhere.
//! - Links are followed.
//!
//! # One generation
//!
//! Kubernetes replaces all files of a volume at once: it replaces the link `..data`, through which
//! all names of the volume lead. Each folder with such a link is one mount. All files in and below
//! it are read from the folder that the link leads to, so they are of one generation. If that
//! folder is removed meanwhile, the mount is read again, at most 10 times.
//!
//! Between two mounts nothing is promised: one may be of a newer generation than the other. For a
//! file that is given to [`Files::file`], the mount is the folder that it is in.
//!
//! A file that is not in a mount should be replaced by a rename, not written in place. If it is
//! written in place, a read may find a part of it.
//!
//! # Differences from Streamlit
//!
//! [`Files::streamlit`] and [`Files::directory`] read what Streamlit 1.67 reads
//! (`streamlit/runtime/secrets.py`), with the same values and the same environment variables, in
//! the same order. The differences are:
//!
//! - Names that begin with a dot are ignored. Streamlit reads such a folder as a secret, and such a
//!   file as a part of one.
//! - Names are sorted. Streamlit takes them in the order of the file system (`os.listdir`).
//! - Values come before tables in the document, as TOML requires. The order of variables is not
//!   affected.
//! - [`Files::file`] reads a file and [`Files::directory`] a folder, whatever the name. Streamlit
//!   reads a path as a file if it ends with `.toml`, and else as a folder. A folder whose name ends
//!   with `.toml` is an error there.
//! - An empty secret directory is an empty document. Streamlit fails if no path has a file.
//! - A name that is not UTF-8 is an error. Python reads its bytes as surrogates. (A text that is
//!   not UTF-8 is an error for both.)
//! - A text of TOML is read by this crate's rules (see [`Document`](crate::Document)). Streamlit
//!   reads a single carriage return as a newline and accepts integers outside 64 bits; it rejects a
//!   byte order mark, TOML 1.1, and times that Python cannot represent.
//! - A value with NUL, and a name with `=`, are read; [`Layered::env`] returns the error. Streamlit
//!   fails, after it has set some of the variables.
//! - Pipes, devices and sockets are refused. Streamlit waits for a writer of a pipe.
//! - A link to what the present generation of a mount does not have is ignored, and a file of the
//!   generation counts before Kubernetes has made the link to it. Streamlit fails, or does not find
//!   the file.
//! - There are limits: [`MAX_ENTRIES`], [`MAX_READ_LEN`], and [`MAX_LEN`](crate::MAX_LEN) for each
//!   file and for the result.

mod changes;
mod contents;
mod error;
#[cfg(unix)]
mod folder;
#[cfg(not(unix))]
#[path = "files/folder_by_path.rs"]
mod folder;
#[cfg(all(test, unix))]
#[allow(dead_code, reason = "only its tests use it")]
mod folder_by_path;
mod layered;
mod list;
mod mount;
mod origins;
mod reload;
mod snapshot;
mod source;
mod text;

pub use crate::files::changes::Changes;
pub use crate::files::error::{FilesError, MAX_ENTRIES, MAX_READ_LEN};
pub use crate::files::layered::Layered;
pub use crate::files::list::Files;
pub use crate::files::origins::Origin;
pub use crate::files::reload::{Current, Reload, ReloadError};
