//! Several files and secret directories as one document, and reload.

mod changes;
#[cfg(unix)]
mod directory;
mod layered;
#[cfg(unix)]
mod model;
#[cfg(unix)]
mod mounts;
mod read;
#[cfg(unix)]
mod readers;
mod reload;

use std::fs;
use std::path::Path;

use secrets_toml::Document;
use secrets_toml::files::{FilesError, Layered};

use crate::chain;

fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}

/// Writes a file, and the folders around it.
fn write(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[track_caller]
fn assert_reads(read: Result<Layered, FilesError>, text: &str) {
    assert_eq!(read.unwrap().document().expose_text(), text);
}

/// Checks the path and the message of an error, and that it holds no text of a file.
#[track_caller]
fn assert_refused(read: Result<Layered, FilesError>, path: impl AsRef<Path>, message: &str) {
    let error = read.unwrap_err();
    assert_eq!(error.path(), Some(path.as_ref()));
    assert_eq!(error.to_string(), format!("{}: {message}", path.as_ref().display()));
    let shown = format!("{} {error:?}", chain(&error));
    assert!(!shown.contains("hunter2"), "{shown}");
}
