//! Reading a template from a checked-out repository.

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::document::Document;
use crate::document::error::ParseError;
use crate::template::{MAX_TEMPLATE_LEN, Template};

/// The folder and the file of the template in a repository.
const PLACE: [&str; 2] = [".streamlit", "secrets.toml"];

impl Template {
    /// Reads the template of a checked-out repository, `<root>/.streamlit/secrets.toml`.
    ///
    /// Returns `None` if the folder `.streamlit` does not exist, or has no `secrets.toml`: a module
    /// may need no secrets.
    ///
    /// The root may be a symbolic link, since the caller chooses it. An empty path is not a folder,
    /// as everywhere in [`std::fs`]. Pass `"."` for the working directory.
    ///
    /// Nobody else should change the checkout during the call. On Unix, a link that replaces the
    /// file between the check and the read is rejected. It is *not* promised that another file or
    /// folder cannot be put there in that time.
    ///
    /// # Errors
    ///
    /// Returns [`TemplateError`] if
    ///
    /// - the root does not exist or is not a folder;
    /// - `.streamlit` is not a folder, or `secrets.toml` is not a regular file. Symbolic links are
    ///   rejected, because they could show a file from outside the repository;
    /// - the file cannot be read;
    /// - the text is not UTF-8, is longer than 64 KiB, or is not valid TOML. A form can show a
    ///   malformed text anyway: see [`TemplateError::text`].
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Template;
    ///
    /// let error = Template::from_repository("/no/such/checkout").unwrap_err();
    /// assert_eq!(error.to_string(), "/no/such/checkout: no such folder");
    /// ```
    pub fn from_repository(root: impl AsRef<Path>) -> Result<Option<Self>, TemplateError> {
        let root = root.as_ref();
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(TemplateError::new(root, TemplateErrorKind::NotAFolder)),
            Err(error) if is_absent(&error) => {
                return Err(TemplateError::new(root, TemplateErrorKind::NoFolder));
            }
            Err(error) => return Err(TemplateError::new(root, TemplateErrorKind::Io(error))),
        }
        let folder = root.join(PLACE[0]);
        let Some(metadata) = metadata_of(&folder)? else { return Ok(None) };
        if !metadata.is_dir() {
            return Err(TemplateError::new(&folder, TemplateErrorKind::NotAFolder));
        }
        let path = folder.join(PLACE[1]);
        let Some(metadata) = metadata_of(&path)? else { return Ok(None) };
        if !metadata.is_file() {
            return Err(TemplateError::new(&path, TemplateErrorKind::NotAFile));
        }
        let bytes = read_limited(&path)
            .map_err(|error| TemplateError::new(&path, TemplateErrorKind::Io(error)))?;
        let (parsed, text) = match String::from_utf8(bytes) {
            Ok(text) => (Self::parse(&text), Some(text)),
            // The text was cut after the limit, inside a character. `parse` reports its length.
            Err(error)
                if error.as_bytes().len() > MAX_TEMPLATE_LEN
                    && error.utf8_error().error_len().is_none() =>
            {
                (Self::parse(&String::from_utf8_lossy(error.as_bytes())), None)
            }
            Err(error) => {
                let parsed = Document::from_utf8(error.into_bytes())
                    .and_then(|text| Self::parse(text.expose_text()));
                (parsed, None)
            }
        };
        parsed.map(Some).map_err(|error| TemplateError {
            text: text.filter(|text| text.len() <= MAX_TEMPLATE_LEN),
            ..TemplateError::new(&path, TemplateErrorKind::Parse(error))
        })
    }
}

/// An error from [`Template::from_repository`].
///
/// `Display` names the file or folder and the problem. `source()` returns the error of the
/// operating system or the [`ParseError`], if there is one.
pub struct TemplateError {
    path: PathBuf,
    kind: TemplateErrorKind,
    /// The malformed text, if a form can show it.
    text: Option<String>,
}

impl TemplateError {
    fn new(path: &Path, kind: TemplateErrorKind) -> Self {
        Self { path: path.to_owned(), kind, text: None }
    }

    /// The path with the problem: the template, the folder `.streamlit`, or the root.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The syntax errors of the text, or `None` if the problem is another one.
    #[must_use]
    pub fn parse_error(&self) -> Option<&ParseError> {
        match &self.kind {
            TemplateErrorKind::Parse(error) => Some(error),
            _ => None,
        }
    }

    /// The malformed text, byte for byte, so that a form can show it beside
    /// [`parse_error`](Self::parse_error).
    ///
    /// Returns `None` if no text was read, if it is not UTF-8, or if it is longer than
    /// [`MAX_TEMPLATE_LEN`].
    ///
    /// Neither `Display` nor `Debug` shows it.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_os_str().is_empty() {
            true => write!(f, "the empty path: {}", self.kind),
            false => write!(f, "{}: {}", self.path.display(), self.kind),
        }
    }
}

impl fmt::Debug for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateError")
            .field("path", &self.path)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Error for TemplateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

#[derive(Debug, thiserror::Error)]
enum TemplateErrorKind {
    #[error("no such folder")]
    NoFolder,
    #[error("not a folder")]
    NotAFolder,
    #[error("a symbolic link: a template is a regular file of the repository")]
    SymbolicLink,
    #[error("not a regular file")]
    NotAFile,
    #[error("cannot be read")]
    Io(#[source] io::Error),
    #[error("not well-formed")]
    Parse(#[source] ParseError),
}

/// The metadata of a path of the repository, or `None` if it does not exist.
///
/// # Errors
///
/// Returns [`TemplateError`] if the path is a symbolic link, or cannot be looked at.
fn metadata_of(path: &Path) -> Result<Option<fs::Metadata>, TemplateError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            Err(TemplateError::new(path, TemplateErrorKind::SymbolicLink))
        }
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(TemplateError::new(path, TemplateErrorKind::Io(error))),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads at most one byte more than the limit, which is enough to report that the text is too long.
fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !is_at(&file, path)? {
        return Err(io::Error::other("it was replaced while it was read"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_TEMPLATE_LEN as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns `true` if the path is the open file itself, not a link to it.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    Ok(identity(file.metadata()?) == identity(fs::symlink_metadata(path)?))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Somebody may replace the file by a link after `metadata_of` and before `File::open`.
    #[test]
    fn a_link_that_replaces_the_file_is_not_read() {
        let folder = std::env::temp_dir().join(format!("secrets-toml-race-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
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
