//! A file or a secret directory to read.

use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    File(PathBuf),
    Directory(PathBuf),
}
