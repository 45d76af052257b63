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
    /// Reads the template of a checked-out repository: `<root>/.streamlit/secrets.toml`. Returns
    /// `None` if the repository has none, since a module may need no secrets: the folder
    /// `.streamlit` is absent, or it has no `secrets.toml`.
    ///
    /// The root may be a symbolic link to a folder, since it is the caller's own path. An empty
    /// path is no folder, as everywhere in [`std::fs`]; the working directory is `"."`.
    ///
    /// The file is looked at, then read, and on Unix refused if a link was put in its place in
    /// between. It is *not* promised that somebody who changes the checkout meanwhile cannot put
    /// another file or another folder there.
    ///
    /// # Errors
    ///
    /// - The root does not exist, or is not a folder.
    /// - `.streamlit` is not a folder, or `secrets.toml` is not a regular file. That either is a
    ///   symbolic link is refused, too: a repository must not show what is outside it.
    /// - The file cannot be read.
    /// - The text is not UTF-8, over 64 KiB, or malformed. [`TemplateError::text`] gives it, so
    ///   that a form can show it anyway.
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
        let Some(metadata) = look_at(&folder)? else { return Ok(None) };
        if !metadata.is_dir() {
            return Err(TemplateError::new(&folder, TemplateErrorKind::NotAFolder));
        }
        let path = folder.join(PLACE[1]);
        let Some(metadata) = look_at(&path)? else { return Ok(None) };
        if !metadata.is_file() {
            return Err(TemplateError::new(&path, TemplateErrorKind::NotAFile));
        }
        let bytes = read_limited(&path)
            .map_err(|error| TemplateError::new(&path, TemplateErrorKind::Io(error)))?;
        let (parsed, text) = match String::from_utf8(bytes) {
            Ok(text) => (Self::parse(&text), Some(text)),
            // It was cut off behind the limit, within a character.
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

/// A repository's template that cannot be read.
///
/// `Display` says which file or folder and what is wrong with it; `source()` is the error of the
/// system, or the [`ParseError`].
pub struct TemplateError {
    path: PathBuf,
    kind: TemplateErrorKind,
    /// The malformed text.
    text: Option<String>,
}

impl TemplateError {
    fn new(path: &Path, kind: TemplateErrorKind) -> Self {
        Self { path: path.to_owned(), kind, text: None }
    }

    /// The file or folder that is wrong: the template, the `.streamlit` around it, or the root.
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

    /// The malformed text, byte for byte, so that a form can show it beside
    /// [`parse_error`](Self::parse_error). Returns `None` if there was nothing to read, or if the
    /// file is not UTF-8 or is longer than [`MAX_TEMPLATE_LEN`].
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
    #[error("no regular file")]
    NotAFile,
    #[error("cannot be read")]
    Io(#[source] io::Error),
    #[error("not well-formed")]
    Parse(#[source] ParseError),
}

/// What is at a path of the repository, if anything is. A symbolic link is an error.
fn look_at(path: &Path) -> Result<Option<fs::Metadata>, TemplateError> {
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
