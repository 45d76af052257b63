//! Secrets of versions and installs: creating, replacing, copying, deleting and restoring them.

use std::io;

use secrets_toml::seal::{By, Contents, OpenError, Opened, Revision, Scope, ScopeError};
use secrets_toml::vault::{Expected, HistoryEntry, Scopes, VaultError};
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
    /// Names a version.
    pub fn version(module: &str, version: &str) -> Self {
        Self { module: module.to_owned(), version: version.to_owned(), install: None }
    }

    /// Names an install of this version.
    pub fn install(&self, name: &str) -> Self {
        Self { install: Some(name.to_owned()), ..self.clone() }
    }

    /// Returns the scope that the secrets are sealed for.
    pub fn scope(&self) -> Result<Scope, ScopeError> {
        let version = Scope::module(&self.module)?.version(&self.version)?;
        match &self.install {
            Some(install) => version.install(install),
            None => Ok(version),
        }
    }
}

/// Returns `true` if the text can name a module, a version or an install. Names are part of URLs.
pub fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(inner)
}

/// The version that a new one starts from, and the revision that its form was made from.
#[derive(Clone, Copy)]
pub struct Earlier<'a> {
    pub version: &'a str,
    pub revision: Revision,
}

/// The reason why nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the text is not well-formed")]
    Syntax(#[source] ParseError),
    #[error("the secrets are not valid")]
    Invalid(Invalid),
    #[error("the stored revision is another one")]
    Conflict(Option<Revision>),
    #[error("the form was made from another revision of the earlier version")]
    Outdated,
    #[error("this cannot be the name of a version")]
    Name,
    #[error("nothing has that name")]
    Absent,
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("the template that is stored with the secrets is not well-formed")]
    StoredTemplate(#[source] ParseError),
    #[error(transparent)]
    Vault(VaultError),
    #[error(transparent)]
    Content(#[from] OpenError),
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

/// The secrets of a place, current or of an earlier revision.
pub struct Current {
    pub secrets: Secrets,
    /// The template that they were accepted under, if the module had one.
    pub template: Option<Template>,
    pub revision: Revision,
    /// Who stored them, and when in seconds since 1970-01-01 00:00 UTC.
    pub author: Option<String>,
    pub time: Option<i64>,
    /// The ID of the key that they are sealed under.
    pub key: String,
}

impl Current {
    /// Reads a record that has a document.
    fn of(opened: Opened) -> Result<Self, Refusal> {
        let (revision, key) = (opened.revision(), opened.key_id().to_string());
        let template = opened.template().map(Template::parse).transpose();
        let template = template.map_err(Refusal::StoredTemplate)?;
        let (author, time) = (opened.author().map(str::to_owned), opened.time());
        Ok(Self { secrets: opened.into_secrets()?, template, revision, author, time, key })
    }
}

impl Host {
    /// Returns the secrets of a place, or `None` if it has none or they were deleted.
    pub fn current(&self, place: &Place) -> Result<Option<Current>, Refusal> {
        self.newest(place)?.filter(|newest| !newest.is_tombstone()).map(Current::of).transpose()
    }

    /// Returns the newest record of a place, which may say that the secrets were deleted.
    pub fn newest(&self, place: &Place) -> Result<Option<Opened>, Refusal> {
        Ok(self.vault().get(&place.scope()?)?)
    }

    /// Returns the secrets of a place at a revision, or `None` if they are not kept or were deleted
    /// at that revision.
    pub fn at(&self, place: &Place, revision: Revision) -> Result<Option<Current>, Refusal> {
        let opened = self.vault().get_at(&place.scope()?, revision)?;
        opened.filter(|opened| !opened.is_tombstone()).map(Current::of).transpose()
    }

    /// Lists the revisions of a place, the current one first. A revision that does not open is an
    /// error in its place.
    pub fn history(&self, place: &Place) -> Result<Vec<Result<HistoryEntry, VaultError>>, Refusal> {
        Ok(self.vault().history(&place.scope()?)?.collect())
    }

    /// Lists the versions of a module, or the installs of a version, without the deleted ones.
    pub fn names(&self, scopes: Scopes<'_>) -> Result<Vec<String>, Refusal> {
        self.listed(scopes, false)
    }

    /// Lists the deleted versions of a module, or the deleted installs of a version.
    pub fn deleted(&self, scopes: Scopes<'_>) -> Result<Vec<String>, Refusal> {
        self.listed(scopes, true)
    }

    fn listed(&self, scopes: Scopes<'_>, deleted: bool) -> Result<Vec<String>, Refusal> {
        let mut names = Vec::new();
        for listed in self.vault().scopes(scopes)? {
            let listed = listed?;
            if listed.is_tombstone() == deleted {
                names.push(listed.scope().name().to_owned());
            }
        }
        Ok(names)
    }

    /// Creates a version from the text of a form, under the template that is in the checkout now.
    ///
    /// If the form was made from an earlier version, a marker in the text keeps a value of that
    /// version. Fails with [`Refusal::Outdated`] if its revision has changed since.
    pub fn create(
        &self,
        place: &Place,
        text: &str,
        from: Option<Earlier<'_>>,
        by: By,
    ) -> Result<Revision, Refusal> {
        let module = self.modules().get(&place.module).cloned().ok_or(Refusal::Absent)?;
        let template = module.template()?;
        // First of all: the numbers of markers are valid only for that revision.
        let earlier = match from {
            Some(Earlier { version, revision }) => {
                let current = self.current(&Place::version(&place.module, version))?;
                let earlier = current.filter(|current| current.revision == revision);
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
        let contents = contents(&secrets, template.as_ref()).by(by);
        Ok(self.vault().put(&place.scope()?, contents, Expected::Absent)?)
    }

    /// Replaces the secrets of a place with the text of a form, under the same template. A marker in
    /// the text keeps a value.
    ///
    /// Fails with [`Refusal::Conflict`] if their revision is not `read`, which the form was made
    /// from.
    pub fn replace(
        &self,
        place: &Place,
        text: &str,
        read: Revision,
        by: By,
    ) -> Result<Revision, Refusal> {
        let current = self.current(place)?.ok_or(Refusal::Conflict(None))?;
        // First of all: the numbers of markers are valid only for that revision.
        if current.revision != read {
            return Err(Refusal::Conflict(Some(current.revision)));
        }
        let entered = Document::parse(text).map_err(Refusal::Syntax)?;
        let template = current.template.as_ref();
        let secrets = validate_update(template, entered, &current.secrets)?;
        let contents = contents(&secrets, template).by(by);
        Ok(self.vault().put(&place.scope()?, contents, Expected::Revision(read))?)
    }

    /// Copies the secrets of a version and their template to an install. Later changes of one do not
    /// affect the other.
    pub fn install(&self, place: &Place, name: &str, by: By) -> Result<Revision, Refusal> {
        let to = place.install(name).scope()?;
        Ok(self.vault().copy(&place.scope()?, &to, Expected::Absent, by)?)
    }

    /// Stores an earlier revision of a place as the next one, if the current revision is still
    /// `read`. It may be of deleted secrets.
    pub fn restore(
        &self,
        place: &Place,
        earlier: Revision,
        read: Revision,
        by: By,
    ) -> Result<Revision, Refusal> {
        Ok(self.vault().restore(&place.scope()?, earlier, Expected::Revision(read), by)?)
    }

    /// Deletes the secrets of a place if their revision is still `read`. The history keeps them.
    pub fn delete(&self, place: &Place, read: Revision, by: By) -> Result<Revision, Refusal> {
        Ok(self.vault().delete(&place.scope()?, read, by)?)
    }
}

/// The content of a record: secrets, and the template that they were accepted under.
fn contents<'a>(secrets: &'a Secrets, template: Option<&'a Template>) -> Contents<'a> {
    let contents = Contents::new(secrets);
    match template {
        Some(template) => contents.template(template),
        None => contents,
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
