//! Kubernetes mounts: a folder whose files are read from one generation.
//!
//! Kubernetes writes each generation of a volume into a new folder, and replaces the link `..data`
//! to it. The names in the volume are links such as `user` to `..data/user`. A program that follows
//! them one by one reads `user` of one generation and `password` of the next.
//!
//! So a mount opens what `..data` leads to once, and reads every file in that. After each listing,
//! and when a file is absent, it checks that `..data` still leads there: the generation was not
//! being removed.

#[cfg(all(test, unix))]
mod tests;

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::files::error::{ATTEMPTS, FilesError, Problem};
use crate::files::folder::{Folder, Opened};

/// The link to the present generation.
const DATA: &str = "..data";

/// The reason why an attempt to read something has ended.
pub(super) enum Stop {
    /// Somebody is changing it. The error is the result if no attempt succeeds.
    Again(FilesError),
    Fail(FilesError),
}

impl From<FilesError> for Stop {
    fn from(error: FilesError) -> Self {
        Self::Fail(error)
    }
}

/// Runs attempts until one does not end with [`Stop::Again`].
pub(super) fn attempts<T>(mut run: impl FnMut() -> Result<T, Stop>) -> Result<T, FilesError> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        match run() {
            Ok(done) => return Ok(done),
            Err(Stop::Fail(error)) => return Err(error),
            Err(Stop::Again(error)) if left == 0 => return Err(error),
            Err(Stop::Again(_)) => {}
        }
    }
}

/// A folder, with its generation if it is a Kubernetes mount.
pub(super) struct Mount<'a> {
    path: PathBuf,
    folder: Folder,
    generation: Option<Folder>,
    /// The mount that this folder was entered from.
    outer: Option<&'a Self>,
}

/// The place of an entry: in the folder itself, or in the generation.
pub(super) enum At {
    Folder(PathBuf),
    Generation(PathBuf),
}

impl<'a> Mount<'a> {
    pub(super) fn open(path: &Path) -> Result<Self, Stop> {
        let folder = Folder::open(path).map_err(|error| match error.kind() {
            // A part of the path may be a link that was just replaced.
            io::ErrorKind::NotFound => Stop::Again(FilesError::new(path, Problem::Open(error))),
            io::ErrorKind::NotADirectory => Stop::Fail(FilesError::new(path, Problem::IsFile)),
            _ => Stop::Fail(FilesError::new(path, Problem::Open(error))),
        })?;
        Self::of(path, folder, None)
    }

    fn of(path: &Path, folder: Folder, outer: Option<&'a Self>) -> Result<Self, Stop> {
        let mut mount = Self { path: path.to_owned(), folder, generation: None, outer };
        let data = path.join(DATA);
        let fail = |error| FilesError::new(&data, Problem::Open(error));
        let is_mount = match mount.folder.link(OsStr::new(DATA)) {
            Ok(target) => target.is_some(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(fail(error).into()),
        };
        if is_mount {
            mount.generation = match mount.folder.enter(Path::new(DATA)) {
                Ok(generation) => Some(generation),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(Stop::Again(fail(error)));
                }
                Err(error) => return Err(fail(error).into()),
            };
        }
        Ok(mount)
    }

    /// Lists the entries by name, without those that begin with a dot.
    ///
    /// The files of the generation count even if no link leads to them: Kubernetes makes the links
    /// after it has replaced `..data`.
    pub(super) fn entries(&self, budget: &mut usize) -> Result<Vec<(OsString, At)>, Stop> {
        let listed = self.names(&self.folder, budget)?;
        self.located(listed, budget)
    }

    /// Finds the places of the names that the folder had, and adds those of the generation.
    fn located(
        &self,
        listed: Vec<OsString>,
        budget: &mut usize,
    ) -> Result<Vec<(OsString, At)>, Stop> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        for name in listed {
            // Kubernetes removes the links for old names one by one, after it has replaced `..data`.
            // One that has gone is not opened by its name: when it is made anew, it leads to a newer
            // generation.
            let Some(at) = self.locate(&name)? else { continue };
            if self.generation.is_some() {
                seen.insert(name.clone());
            }
            entries.push((name, at));
        }
        if let Some(generation) = &self.generation {
            for name in self.names(generation, budget)? {
                if !seen.contains(&name) {
                    let at = At::Generation(PathBuf::from(&name));
                    entries.push((name, at));
                }
            }
        }
        // A generation that is being removed is not listed whole.
        if !self.is_live()? {
            return Err(self.again(Problem::Swapped));
        }
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(entries)
    }

    fn names(&self, folder: &Folder, budget: &mut usize) -> Result<Vec<OsString>, Stop> {
        let names = folder
            .names(*budget)
            .map_err(|error| FilesError::new(&self.path, Problem::Read(error)))?
            .ok_or_else(|| FilesError::new(&self.path, Problem::TooManyEntries))?;
        *budget -= names.len();
        let is_visible = |name: &OsString| !name.as_encoded_bytes().starts_with(b".");
        Ok(names.into_iter().filter(is_visible).collect())
    }

    /// Returns the place of an entry: in the generation, if it is a link through `..data`. Returns
    /// `None` if a mount does not have the entry.
    pub(super) fn locate(&self, name: &OsStr) -> Result<Option<At>, Stop> {
        if self.generation.is_some() {
            let target = match self.folder.link(name) {
                Ok(target) => target,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => {
                    return Err(FilesError::new(self.path.join(name), Problem::Open(error)).into());
                }
            };
            if let Some(rest) = target.as_deref().and_then(through_data) {
                return Ok(Some(At::Generation(rest.to_owned())));
            }
        }
        Ok(Some(At::Folder(PathBuf::from(name))))
    }

    /// Opens a file. Returns `None` if it is a link to what the generation does not have.
    /// Kubernetes removes such a link after it has replaced `..data`.
    pub(super) fn file(&self, name: &OsStr, at: &At) -> Result<Option<Opened>, Stop> {
        let opened = match at {
            At::Folder(name) => self.folder.file(name),
            At::Generation(rest) => self.generation().file(rest),
        };
        match opened {
            Ok(opened) => Ok(Some(opened)),
            Err(error) => self.refused(name, at, error).map(|()| None),
        }
    }

    /// Opens a folder. Returns `None` as [`file`](Self::file) does.
    pub(super) fn enter(&'a self, name: &OsStr, at: &At) -> Result<Option<Self>, Stop> {
        let folder = match at {
            At::Folder(name) => self.folder.enter(name),
            At::Generation(rest) => self.generation().enter(rest),
        };
        match folder {
            Ok(folder) => Self::of(&self.path.join(name), folder, Some(self)).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                Err(FilesError::new(self.path.join(name), Problem::NotFolder).into())
            }
            Err(error) => self.refused(name, at, error).map(|()| None),
        }
    }

    /// Decides what the error of opening an entry means. `Ok` means that it is absent.
    fn refused(&self, name: &OsStr, at: &At, error: io::Error) -> Result<(), Stop> {
        let path = self.path.join(name);
        if error.kind() != io::ErrorKind::NotFound {
            return Err(FilesError::new(path, Problem::Open(error)).into());
        }
        if !self.is_live()? {
            return Err(self.again(Problem::Swapped));
        }
        match at {
            At::Generation(_) => Ok(()),
            // It was removed after it was listed, or it is a link that leads nowhere.
            At::Folder(_) => Err(Stop::Again(FilesError::new(path, Problem::Open(error)))),
        }
    }

    /// Returns the error of an attempt that has met a change.
    fn again(&self, problem: Problem) -> Stop {
        Stop::Again(FilesError::new(&self.path, problem))
    }

    /// The generation. Only a mount that has one makes an [`At::Generation`].
    fn generation(&self) -> &Folder {
        self.generation.as_ref().unwrap_or(&self.folder)
    }

    /// Returns `true` if `..data` leads to the generation that was opened, here and in all mounts
    /// around it.
    pub(super) fn is_live(&self) -> Result<bool, FilesError> {
        let mut mount = Some(self);
        while let Some(one) = mount {
            if let Some(generation) = &one.generation
                && !generation
                    .is_at(&one.folder, Path::new(DATA))
                    .map_err(|error| FilesError::new(one.path.join(DATA), Problem::Open(error)))?
            {
                return Ok(false);
            }
            mount = one.outer;
        }
        Ok(true)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns the rest of a target that begins with `..data`, if it leads nowhere else.
fn through_data(target: &Path) -> Option<&Path> {
    let rest = target.strip_prefix(DATA).ok()?;
    let is_inside = |component| matches!(component, Component::Normal(_));
    (rest.components().next().is_some() && rest.components().all(is_inside)).then_some(rest)
}
