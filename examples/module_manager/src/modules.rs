//! The list of modules: their names, the folders of their checkouts, and the template of each
//! version. All of it is public; the secrets are in the vault.

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
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Module {
    /// The folder of the checkout, if the module has one.
    pub folder: Option<PathBuf>,
    /// The templates, by version, as they were when the version was created.
    templates: BTreeMap<String, String>,
}

impl Modules {
    /// Reads the list. If the file does not exist, the list has only the sample module.
    pub fn open(path: &Path) -> io::Result<Self> {
        let list = match fs::read(path) {
            Ok(json) => serde_json::from_slice(&json)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = Some(PathBuf::from(SAMPLE));
                BTreeMap::from([("sample".to_owned(), Module { folder, ..Module::default() })])
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
        list.insert(name.to_owned(), Module { folder, ..Module::default() });
        self.save(list)?;
        Ok(true)
    }

    /// Stores the template of a version.
    pub fn set_template(
        &mut self,
        module: &str,
        version: &str,
        template: Option<&Template>,
    ) -> io::Result<()> {
        let mut list = self.list.clone();
        let Some(module) = list.get_mut(module) else { return Ok(()) };
        match template {
            Some(template) => {
                module.templates.insert(version.to_owned(), template.text().to_owned())
            }
            None => module.templates.remove(version),
        };
        self.save(list)
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
    /// Reads the template that is in the checkout now.
    pub fn template(&self) -> Result<Option<Template>, TemplateError> {
        match &self.folder {
            Some(folder) => Template::from_repository(folder),
            None => Ok(None),
        }
    }

    /// Returns the template that was in the checkout when the version was created.
    pub fn template_of(&self, version: &str) -> Option<Template> {
        let text = self.templates.get(version)?;
        Some(Template::parse(text).expect("it was parsed before it was stored"))
    }
}
