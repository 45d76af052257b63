//! The bytes of all files of one read, to compare with those of the next.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::str::Utf8Error;

use zeroize::Zeroizing;

use crate::document::Document;
use crate::files::contents::Budget;
use crate::files::error::{FilesError, Problem};
use crate::files::folder::{self, Opened};
use crate::files::layered::Layered;
use crate::files::mount::{At, Mount, Stop, attempts};
use crate::files::origins::LayerName;
use crate::files::source::Source;
use crate::files::text::text;
use crate::writer::TooLong;
use crate::writer::texts::{write_table, write_text};

/// The bytes of all files of one read. Two are equal if they make the same layers.
#[derive(PartialEq)]
pub(super) struct Snapshot(Vec<Part>);

/// One layer.
#[derive(PartialEq)]
enum Part {
    File {
        path: PathBuf,
        bytes: Zeroizing<Vec<u8>>,
    },
    /// A folder of a secret directory, and its files by name.
    Folder {
        path: PathBuf,
        key: String,
        files: Vec<(String, Zeroizing<Vec<u8>>)>,
    },
}

impl Snapshot {
    pub(super) fn read(sources: &[Source]) -> Result<Self, FilesError> {
        attempts(|| {
            let mut reader = Reader {
                parts: Vec::new(),
                found: false,
                budget: Budget::new(),
                mounts: HashMap::new(),
            };
            for source in sources {
                match source {
                    Source::File(path) => reader.file(path)?,
                    Source::Directory(path) => reader.directory(path)?,
                }
            }
            if reader.found {
                Ok(Self(reader.parts))
            } else {
                let path = |source: &Source| match source {
                    Source::File(path) | Source::Directory(path) => path.clone(),
                };
                Err(FilesError::nothing(sources.iter().map(path).collect()).into())
            }
        })
    }

    /// Makes a document of all files.
    pub(super) fn layered(&self) -> Result<Layered, FilesError> {
        let (mut names, mut documents) = (Vec::new(), Vec::new());
        for part in &self.0 {
            let (name, document) = part.layer()?;
            names.push(name);
            documents.push(document);
        }
        Layered::of(names, &documents.iter().collect::<Vec<_>>())
    }
}

impl Part {
    fn layer(&self) -> Result<(LayerName, Document), FilesError> {
        match self {
            Self::File { path, bytes } => {
                let document = Document::from_utf8(bytes.to_vec())
                    .map_err(|error| FilesError::new(path, Problem::Parse(error)))?;
                Ok((LayerName::text(path.to_string_lossy()), document))
            }
            Self::Folder { path, key, files } => {
                let too_long = |_: TooLong| FilesError::new(path, Problem::FileTooLong);
                let not_utf8 = |name: &str| {
                    let path = path.join(name);
                    move |_: Utf8Error| FilesError::new(path, Problem::NotUtf8)
                };
                let texts = files
                    .iter()
                    .map(|(name, bytes)| text(bytes).map_err(not_utf8(name)))
                    .collect::<Result<Vec<_>, _>>()?;
                let written = match &*texts {
                    [text] => write_text(key, text),
                    _ => {
                        let names = files.iter().map(|(name, _)| &**name);
                        let texts = texts.iter().map(|text| &**text);
                        write_table(key, &names.zip(texts).collect::<Vec<_>>())
                    }
                };
                let document = Document::read_wiped(written.map_err(too_long)?)
                    .expect("what was written is read");
                Ok((LayerName::folder(path.to_string_lossy()), document))
            }
        }
    }
}

/// One attempt to read all files.
struct Reader<'a> {
    parts: Vec<Part>,
    /// A file or a directory exists.
    found: bool,
    budget: Budget,
    /// The folders of the files so far. `None` is one without `..data`.
    mounts: HashMap<&'a Path, Option<Mount<'static>>>,
}

impl<'a> Reader<'a> {
    /// Reads a file, if it exists.
    fn file(&mut self, path: &'a Path) -> Result<(), Stop> {
        let Some(opened) = self.open(path)? else { return Ok(()) };
        self.found = true;
        match opened {
            Opened::File(file, len) => {
                let bytes = self.budget.read(path, file, len)?;
                self.parts.push(Part::File { path: path.to_owned(), bytes });
                Ok(())
            }
            Opened::Folder => Err(FilesError::new(path, Problem::IsFolder).into()),
            Opened::Other => Err(FilesError::new(path, Problem::NotFile).into()),
        }
    }

    /// Opens a file, or returns `None` if it does not exist. All files in one Kubernetes mount are
    /// of one generation.
    fn open(&mut self, path: &'a Path) -> Result<Option<Opened>, Stop> {
        // Fast path: the files of a mount are links.
        match folder::open_unless_link(path) {
            Ok(Some(opened)) => return Ok(Some(opened)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(FilesError::new(path, Problem::Open(error)).into());
            }
            Ok(None) | Err(_) => {}
        }
        if let Some((mount, name)) = self.mount_of(path)? {
            match mount.locate(name)? {
                Some(at @ At::Generation(_)) => return mount.file(name, &at),
                // Kubernetes may be about to make the link. Once it is there, the path may lead to a
                // newer generation.
                None => return mount.file(name, &At::Generation(PathBuf::from(name))),
                Some(At::Folder(_)) => {}
            }
        }
        // A folder in the path may be a link that is being replaced, and its target removed. Then the
        // second attempt finds the new target.
        for _ in 0..2 {
            match folder::open(path) {
                Ok(opened) => return Ok(Some(opened)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(FilesError::new(path, Problem::Open(error)).into()),
            }
        }
        Ok(None)
    }

    /// Returns the folder of a file and the file's name, if the folder is a Kubernetes mount.
    fn mount_of(&mut self, path: &'a Path) -> Result<Option<(&Mount<'static>, &'a OsStr)>, Stop> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(None);
        };
        if !self.mounts.contains_key(parent) {
            let data = parent.join("..data");
            let mount = match folder::link(&data) {
                Ok(Some(_)) => {
                    let folder =
                        if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
                    Some(Mount::open(folder)?)
                }
                // Whatever the error is, opening the file gives it, too.
                Ok(None) | Err(_) => None,
            };
            self.mounts.insert(parent, mount);
        }
        let mount = self.mounts.get(parent).and_then(Option::as_ref);
        Ok(mount.map(|mount| (mount, name)))
    }

    /// Reads a secret directory.
    fn directory(&mut self, path: &Path) -> Result<(), Stop> {
        self.found = true;
        let (start, len) = (self.budget, self.parts.len());
        Ok(attempts(|| {
            self.budget = start;
            self.parts.truncate(len);
            let mount = Mount::open(path)?;
            for (name, at) in mount.entries(&mut self.budget.entries)? {
                let part = self.folder(&mount, &name, &at)?;
                self.parts.extend(part);
            }
            Ok(())
        })?)
    }

    /// Reads a folder of a secret directory. Returns `None` if the present generation of the
    /// directory does not have it.
    fn folder(&mut self, parent: &Mount<'_>, name: &OsStr, at: &At) -> Result<Option<Part>, Stop> {
        let start = self.budget;
        let part = attempts(|| {
            self.budget = start;
            let Some(mount) = parent.enter(name, at)? else { return Ok(None) };
            self.files(&mount, name).map(Some)
        });
        match part {
            Ok(part) => Ok(part),
            // The folder keeps changing because the directory has changed.
            Err(error) if !parent.is_live()? => Err(Stop::Again(error)),
            Err(error) => Err(error.into()),
        }
    }

    fn files(&mut self, mount: &Mount<'_>, key: &OsStr) -> Result<Part, Stop> {
        let path = mount.path();
        let mut files = Vec::new();
        for (name, at) in mount.entries(&mut self.budget.entries)? {
            match mount.file(&name, &at)? {
                Some(Opened::File(file, len)) => {
                    let path = path.join(&name);
                    let bytes = self.budget.read(&path, file, len)?;
                    files.push((utf8(&path, &name)?, bytes));
                }
                Some(Opened::Other) => {
                    return Err(FilesError::new(path.join(name), Problem::NotFile).into());
                }
                // Streamlit ignores folders here. A Kubernetes volume may have them.
                Some(Opened::Folder) | None => {}
            }
        }
        Ok(Part::Folder { path: path.to_owned(), key: utf8(path, key)?, files })
    }
}

fn utf8(path: &Path, name: &OsStr) -> Result<String, FilesError> {
    name.to_str().map(str::to_owned).ok_or_else(|| FilesError::new(path, Problem::NameNotUtf8))
}
