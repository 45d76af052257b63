//! What people do with the secrets of versions and installs, in terms of the crate.

use std::io;

use secrets_toml::seal::{ContentError, Opened, Revision, Scope, ScopeError};
use secrets_toml::vault::{Expected, Scopes, VaultError};
use secrets_toml::{Document, Invalid, ParseError, Secrets, Template, TemplateError};

use crate::host::Host;

/// The longest name of a module, a version or an install.
pub const MAX_NAME: usize = 64;

/// A version of a module, or an install of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    pub module: String,
    pub version: String,
    pub install: Option<String>,
}

impl Place {
    /// A version.
    pub fn version(module: &str, version: &str) -> Self {
        Self { module: module.to_owned(), version: version.to_owned(), install: None }
    }

    /// An install of this version.
    pub fn install(&self, name: &str) -> Self {
        Self { install: Some(name.to_owned()), ..self.clone() }
    }

    /// What its secrets are sealed for.
    pub fn scope(&self) -> Result<Scope, ScopeError> {
        let version = Scope::module(&self.module)?.version(&self.version)?;
        match &self.install {
            Some(install) => version.install(install),
            None => Ok(version),
        }
    }
}

/// Whether it can be the name of a module, a version or an install here: it stands in addresses.
pub fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(inner)
}

/// The version that another is made after, and the revision that the form was made from.
#[derive(Clone, Copy)]
pub struct Earlier<'a> {
    pub version: &'a str,
    pub revision: Revision,
}

/// Why secrets were not stored. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the text is not well-formed")]
    Syntax(#[source] ParseError),
    #[error("the text is not filled in")]
    Invalid(Invalid),
    #[error("another revision stands")]
    Conflict(Option<Revision>),
    #[error("the form was made from another revision of the earlier version")]
    Outdated,
    #[error("this cannot be the name of a version")]
    Name,
    #[error("there is nothing of that name")]
    Absent,
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Vault(VaultError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error(transparent)]
    Scope(#[from] ScopeError),
    #[error("the list of modules cannot be written")]
    Modules(#[from] io::Error),
}

impl From<VaultError> for Refusal {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Conflict { current } => Self::Conflict(current),
            VaultError::Absent => Self::Absent,
            error => Self::Vault(error),
        }
    }
}

/// The secrets of a place, and where they stand.
pub struct Standing {
    pub secrets: Secrets,
    pub revision: Revision,
    /// The id of the key that they are sealed under.
    pub key: String,
}

impl Host {
    /// What stands at a place; `None` where nothing does, or what did was deleted.
    pub fn standing(&self, place: &Place) -> Result<Option<Standing>, Refusal> {
        let opened = self.vault().get(&place.scope()?)?;
        let Some(opened) = opened.filter(|opened: &Opened| !opened.is_tombstone()) else {
            return Ok(None);
        };
        let (revision, key) = (opened.revision(), opened.key_id().to_string());
        Ok(Some(Standing { secrets: opened.into_secrets()?, revision, key }))
    }

    /// The names of the versions of a module, or the installs of a version, that are not deleted.
    pub fn names(&self, scopes: Scopes<'_>) -> Result<Vec<String>, Refusal> {
        let mut names = Vec::new();
        for listed in self.vault().scopes(scopes)? {
            let listed = listed?;
            if !listed.is_tombstone() {
                names.push(listed.scope().name().to_owned());
            }
        }
        Ok(names)
    }

    /// The template of a version, as it was when the version was created.
    pub fn template_of(&self, place: &Place) -> Option<Template> {
        self.modules().get(&place.module)?.template_of(&place.version)
    }

    /// Creates a version from what was entered into the template that the checkout carries. After an
    /// earlier version a marker keeps a value of that, if it still has the revision that the form
    /// was made from.
    pub fn create(
        &self,
        place: &Place,
        text: &str,
        from: Option<Earlier<'_>>,
    ) -> Result<Revision, Refusal> {
        // Held throughout: two that create one version must not mix up their templates.
        let mut modules = self.modules();
        let module = modules.get(&place.module).ok_or(Refusal::Absent)?;
        let template = module.template()?;
        // Before anything else: the numbers of markers mean nothing in another revision.
        let earlier = match from {
            Some(Earlier { version, revision }) => {
                let standing = self.standing(&Place::version(&place.module, version))?;
                let earlier = standing.filter(|standing| standing.revision == revision);
                Some(earlier.ok_or(Refusal::Outdated)?)
            }
            None => None,
        };
        if !is_name(&place.version) {
            return Err(Refusal::Name);
        }
        let entered = Document::parse(text).map_err(Refusal::Syntax)?;
        let secrets = match &earlier {
            None => validate(template.as_ref(), entered),
            Some(earlier) => validate_update(template.as_ref(), entered, &earlier.secrets),
        }?;
        if let Some(there) = self.standing(place)? {
            return Err(Refusal::Conflict(Some(there.revision)));
        }
        modules.set_template(&place.module, &place.version, template.as_ref())?;
        Ok(self.vault().put(&place.scope()?, &secrets, Expected::Absent)?)
    }

    /// Replaces the secrets of a place, if they still have the revision that the form was made from.
    /// A marker keeps a value.
    pub fn replace(&self, place: &Place, text: &str, read: Revision) -> Result<Revision, Refusal> {
        let current = self.standing(place)?.ok_or(Refusal::Conflict(None))?;
        // Before anything else: the numbers of markers mean nothing in another revision.
        if current.revision != read {
            return Err(Refusal::Conflict(Some(current.revision)));
        }
        let entered = Document::parse(text).map_err(Refusal::Syntax)?;
        let template = self.template_of(place);
        let secrets = validate_update(template.as_ref(), entered, &current.secrets)?;
        Ok(self.vault().put(&place.scope()?, &secrets, Expected::Revision(read))?)
    }

    /// Installs a version: a copy that is independent from then on.
    pub fn install(&self, place: &Place, name: &str) -> Result<Revision, Refusal> {
        let to = place.install(name).scope()?;
        Ok(self.vault().copy(&place.scope()?, &to, Expected::Absent)?)
    }

    /// Deletes the secrets of a place, where a revision still stands.
    pub fn delete(&self, place: &Place, read: Revision) -> Result<Revision, Refusal> {
        Ok(self.vault().delete(&place.scope()?, read)?)
    }
}

fn validate(template: Option<&Template>, entered: Document) -> Result<Secrets, Refusal> {
    let validated = match template {
        Some(template) => template.validate(entered),
        None => entered.validate(),
    };
    validated.map_err(Refusal::Invalid)
}

fn validate_update(
    template: Option<&Template>,
    entered: Document,
    current: &Document,
) -> Result<Secrets, Refusal> {
    let validated = match template {
        Some(template) => template.validate_update(entered, current),
        None => entered.validate_update(current),
    };
    validated.map_err(Refusal::Invalid)
}
