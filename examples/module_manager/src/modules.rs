//! The list of modules: their names, and the folders of their checkouts. All of it is public. The
//! vault has the secrets, and with them the template that they were accepted under.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secrets_toml::{Template, TemplateError};
use serde::{Deserialize, Serialize};

use crate::host;

/// The checkout of the sample module.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sample");

/// The modules, and the file that stores them.
pub struct Modules {
    path: PathBuf,
    list: BTreeMap<String, Module>,
}

/// A module.
#[derive(Clone, Serialize, Deserialize)]
pub struct Module {
    /// The folder of the checkout, if the module has one.
    pub folder: Option<PathBuf>,
}

impl Modules {
    /// Reads the list. If the file does not exist, the list has only the sample module.
    pub fn open(path: &Path) -> io::Result<Self> {
        let list = match fs::read(path) {
            Ok(json) => serde_json::from_slice(&json)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = Some(PathBuf::from(SAMPLE));
                BTreeMap::from([("sample".to_owned(), Module { folder })])
            }
            Err(error) => return Err(error),
        };
        Ok(Self { path: path.to_owned(), list })
    }

    /// Iterates over the modules by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Module)> {
        self.list.iter().map(|(name, module)| (name.as_str(), module))
    }

    /// Returns a module.
    pub fn get(&self, name: &str) -> Option<&Module> {
        self.list.get(name)
    }

    /// Adds a module. Returns `false` if the name is taken.
    pub fn add(&mut self, name: &str, folder: Option<PathBuf>) -> io::Result<bool> {
        if self.list.contains_key(name) {
            return Ok(false);
        }
        let mut list = self.list.clone();
        list.insert(name.to_owned(), Module { folder });
        self.save(list)?;
        Ok(true)
    }

    /// Writes a list, then takes it over. If the disk fails, the list in memory is still the one on
    /// the disk.
    fn save(&mut self, list: BTreeMap<String, Module>) -> io::Result<()> {
        host::replace(&self.path, &serde_json::to_vec_pretty(&list)?)?;
        self.list = list;
        Ok(())
    }
}

impl Module {
    /// Reads the template that is in the checkout now. The form of a new version shows it.
    pub fn template(&self) -> Result<Option<Template>, TemplateError> {
        match &self.folder {
            Some(folder) => Template::from_repository(folder),
            None => Ok(None),
        }
    }
}
