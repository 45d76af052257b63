//! The list of modules: names, where their checkouts are, and the template of each version. All of
//! it is public; the secrets are in the vault.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secrets_toml::{Template, TemplateError};
use serde::{Deserialize, Serialize};

use crate::host;

/// The checkout that comes with the example.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sample");

/// The modules, and the file that they are in.
pub struct Modules {
    path: PathBuf,
    list: BTreeMap<String, Module>,
}

/// A module.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Module {
    /// The checkout; `None` for a module without one.
    pub folder: Option<PathBuf>,
    /// The template of each version that had one, as it was when the version was created.
    templates: BTreeMap<String, String>,
}

impl Modules {
    /// Reads the list; where there is none it has the sample.
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

    /// The modules, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Module)> {
        self.list.iter().map(|(name, module)| (name.as_str(), module))
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<&Module> {
        self.list.get(name)
    }

    /// Adds a module; `false` where there is one of that name.
    pub fn add(&mut self, name: &str, folder: Option<PathBuf>) -> io::Result<bool> {
        if self.list.contains_key(name) {
            return Ok(false);
        }
        self.list.insert(name.to_owned(), Module { folder, ..Module::default() });
        self.keep()?;
        Ok(true)
    }

    /// Keeps the template that a version is made from.
    pub fn set_template(
        &mut self,
        module: &str,
        version: &str,
        template: Option<&Template>,
    ) -> io::Result<()> {
        let Some(module) = self.list.get_mut(module) else { return Ok(()) };
        match template {
            Some(template) => {
                module.templates.insert(version.to_owned(), template.text().to_owned())
            }
            None => module.templates.remove(version),
        };
        self.keep()
    }

    fn keep(&self) -> io::Result<()> {
        host::replace(&self.path, &serde_json::to_vec_pretty(&self.list)?)
    }
}

impl Module {
    /// What the checkout carries now.
    pub fn template(&self) -> Result<Option<Template>, TemplateError> {
        match &self.folder {
            Some(folder) => Template::from_repository(folder),
            None => Ok(None),
        }
    }

    /// What it carried when a version was created.
    pub fn template_of(&self, version: &str) -> Option<Template> {
        let text = self.templates.get(version)?;
        Some(Template::parse(text).expect("it was kept after it was read"))
    }
}
