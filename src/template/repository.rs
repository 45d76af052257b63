//! Reading a template from a checked-out repository.

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::document::Document;
use crate::document::error::ParseError;
use crate::template::{MAX_TEMPLATE_LEN, Template};

/// Where a repository keeps its template.
const PLACE: [&str; 2] = [".streamlit", "secrets.toml"];

impl Template {
    /// Reads the template of a checked-out repository: `<root>/.streamlit/secrets.toml`. `None`
    /// where there is none: a module may need no secrets.
    ///
    /// The file is looked at, then read, and on Unix refused where a link was put in its place in
    /// between. It is *not* promised that somebody who changes the checkout meanwhile cannot put
    /// another file or another folder there.
    ///
    /// # Errors
    ///
    /// Where the folder or the file is a symbolic link (a repository must not show what lies
    /// outside it), where it is no regular file, over 64 KiB, or not well-formed, and where it
    /// cannot be read.
    pub fn from_repository(root: impl AsRef<Path>) -> Result<Option<Self>, TemplateError> {
        let folder = root.as_ref().join(PLACE[0]);
        let path = folder.join(PLACE[1]);
        let fail = |kind| TemplateError { path: path.clone(), kind };
        for (path, folder) in [(&folder, true), (&path, false)] {
            let metadata = match fs::symlink_metadata(path) {
                Ok(metadata) => metadata,
                Err(error) if is_absent(&error) => return Ok(None),
                Err(error) => return Err(fail(TemplateErrorKind::Io(error))),
            };
            if metadata.is_symlink() {
                return Err(fail(TemplateErrorKind::SymbolicLink));
            }
            if !folder && !metadata.is_file() {
                return Err(fail(TemplateErrorKind::NotAFile));
            }
        }
        let bytes = read_limited(&path).map_err(|error| fail(TemplateErrorKind::Io(error)))?;
        let parsed = match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&text),
            // It was cut off behind the limit, within a character.
            Err(error)
                if error.as_bytes().len() > MAX_TEMPLATE_LEN
                    && error.utf8_error().error_len().is_none() =>
            {
                Self::parse(&String::from_utf8_lossy(error.as_bytes()))
            }
            Err(error) => Document::from_utf8(error.into_bytes())
                .and_then(|text| Self::parse(text.expose_text())),
        };
        parsed.map(Some).map_err(|error| fail(TemplateErrorKind::Parse(error)))
    }
}

/// A repository's template that cannot be read.
///
/// `Display` says which file and what is wrong with it; `source()` is the error of the system, or the
/// [`ParseError`].
#[derive(Debug)]
pub struct TemplateError {
    path: PathBuf,
    kind: TemplateErrorKind,
}

impl TemplateError {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with its text, if that is the reason.
    #[must_use]
    pub fn parse_error(&self) -> Option<&ParseError> {
        match &self.kind {
            TemplateErrorKind::Parse(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.kind)
    }
}

impl Error for TemplateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

#[derive(Debug, thiserror::Error)]
enum TemplateErrorKind {
    #[error("a symbolic link: a template is a regular file of the repository")]
    SymbolicLink,
    #[error("no regular file")]
    NotAFile,
    #[error("cannot be read")]
    Io(#[source] io::Error),
    #[error("not well-formed")]
    Parse(#[source] ParseError),
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads a file of any length up to one byte over the limit.
fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !stands_at(&file, path)? {
        return Err(io::Error::other("it was replaced while it was read"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_TEMPLATE_LEN as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether an open file is what stands at a path, and not what a link there leads to.
#[cfg(unix)]
fn stands_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    Ok(identity(file.metadata()?) == identity(fs::symlink_metadata(path)?))
}

#[cfg(not(unix))]
fn stands_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// As where somebody puts it there between the look and the opening.
    #[test]
    fn a_link_is_not_read_though_it_was_looked_at() {
        let folder = std::env::temp_dir().join(format!("secrets-toml-race-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (file, link) = (folder.join("file"), folder.join("link"));
        fs::write(&file, "A = ''\n").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let (read, refused) = (read_limited(&file), read_limited(&link));
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(read.unwrap(), b"A = ''\n");
        assert_eq!(refused.unwrap_err().to_string(), "it was replaced while it was read");
    }
}
