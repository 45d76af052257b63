//! The content of a record that is sealed: a document, its template, and who wrote it.

use std::fmt;

use zeroize::Zeroizing;

use crate::seal::fields::Fields;
use crate::seal::format::{MAX_COMPONENT_LEN, TAG_AUTHOR, TAG_DOCUMENT, TAG_TEMPLATE, TAG_TIME};
use crate::seal::scope::{self, ScopeError};
use crate::template::Template;
use crate::validate::Secrets;

/// The content of a record: a document, the template that it was accepted under, and who wrote it.
///
/// Only the document is required, so `&Secrets` converts into this. All of it is encrypted, and
/// [`Opened`](crate::seal::Opened) gives it back.
///
/// # Examples
///
/// ```
/// use secrets_toml::{Document, Template};
/// use secrets_toml::seal::{By, Contents, Keyring, Revision, Scope};
///
/// let template = Template::parse("TOKEN = \"\" # from the provider's page")?;
/// let secrets = template.validate(Document::parse("TOKEN = 'hunter2'")?)?;
/// let (keyring, scope) = (Keyring::generate()?, Scope::module("chat")?);
///
/// let by = By::author("ada")?.time(1_700_000_000);
/// let contents = Contents::new(&secrets).template(&template).by(by);
/// let record = keyring.seal(&scope, Revision::FIRST, contents)?;
///
/// let opened = keyring.open(&scope, record.as_bytes())?;
/// assert_eq!(opened.template(), Some(template.text()));
/// assert_eq!((opened.author(), opened.time()), (Some("ada"), Some(1_700_000_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Contents<'a> {
    secrets: &'a Secrets,
    template: Option<&'a Template>,
    by: Option<By>,
}

impl<'a> Contents<'a> {
    /// Makes a content of a document alone.
    #[must_use]
    pub fn new(secrets: &'a Secrets) -> Self {
        Self { secrets, template: None, by: None }
    }

    /// Adds the template that the document was accepted under.
    ///
    /// Its text is kept with the document, so a host need not keep it.
    #[must_use]
    pub fn template(self, template: &'a Template) -> Self {
        Self { template: Some(template), ..self }
    }

    /// Adds who wrote the document, and when.
    #[must_use]
    pub fn by(self, by: impl Into<Option<By>>) -> Self {
        Self { by: by.into(), ..self }
    }

    /// Returns the fields to seal.
    pub(super) fn fields(&self) -> Fields<'_> {
        let template = self.template.map(|template| template.text().as_bytes());
        let document = self.secrets.expose_text().as_bytes();
        let fields = Fields::default().with(TAG_DOCUMENT, document).with(TAG_TEMPLATE, template);
        By::add(self.by.as_ref(), fields)
    }
}

impl<'a> From<&'a Secrets> for Contents<'a> {
    fn from(secrets: &'a Secrets) -> Self {
        Self::new(secrets)
    }
}

/// The author of a record, and the time, as the host names them.
///
/// This library reads no clock and knows no users. The author's name is wiped on drop, and `Debug`
/// does not show it.
///
/// ```
/// use secrets_toml::seal::By;
///
/// let by = By::author("ada")?.time(1_700_000_000);
/// assert!(By::author("").is_err());
/// # Ok::<(), secrets_toml::seal::ScopeError>(())
/// ```
pub struct By {
    author: Option<Zeroizing<String>>,
    time: Option<[u8; 8]>,
}

impl By {
    /// Names the author, by a name, an address or an ID of the host.
    ///
    /// # Errors
    ///
    /// Returns [`ScopeError`] if the name
    ///
    /// - is empty or longer than 255 bytes,
    /// - has a control character, or
    /// - starts or ends with white space.
    pub fn author(author: &str) -> Result<Self, ScopeError> {
        scope::check("author", author, MAX_COMPONENT_LEN)?;
        Ok(Self { author: Some(Zeroizing::new(author.to_owned())), time: None })
    }

    /// Adds the time, in seconds since 1970-01-01 00:00 UTC.
    #[must_use]
    pub fn time(self, seconds: i64) -> Self {
        Self { time: Some(seconds.to_be_bytes()), ..self }
    }

    /// Reads the fields that [`add`](Self::add) adds.
    pub(super) fn of(fields: &Fields<'_>) -> Self {
        let author = fields.get(TAG_AUTHOR).and_then(|author| str::from_utf8(author).ok());
        let author = author.map(|author| Zeroizing::new(author.to_owned()));
        let time = fields.get(TAG_TIME).and_then(|time| time.try_into().ok());
        Self { author, time }
    }

    /// Adds the author and the time to the fields of a record.
    pub(super) fn add<'a>(by: Option<&'a Self>, fields: Fields<'a>) -> Fields<'a> {
        let author = by.and_then(Self::name).map(str::as_bytes);
        let time = by.and_then(|by| by.time.as_ref()).map(<[u8; 8]>::as_slice);
        fields.with(TAG_AUTHOR, author).with(TAG_TIME, time)
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.author.as_ref().map(|author| author.as_str())
    }

    pub(crate) fn seconds(&self) -> Option<i64> {
        self.time.map(i64::from_be_bytes)
    }
}

impl fmt::Debug for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("By")
            .field("author", &self.author.is_some())
            .field("time", &self.time.is_some())
            .finish()
    }
}
