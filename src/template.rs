//! Templates: the `secrets.toml` files of modules' repositories.

pub(crate) mod annotations;
mod comments;
pub(crate) mod format;
mod json_schema;
mod names;
pub(crate) mod placeholder;
pub(crate) mod repository;
pub(crate) mod schema;
mod section;
pub(crate) mod tokens;
mod variable;
mod words;

use std::sync::Arc;

use crate::document::Document;
use crate::document::error::ParseError;
use crate::document::fault::Fault;
use crate::template::schema::Schema;
pub use crate::template::section::Section;
pub use crate::template::variable::Variable;
use crate::text::wiped::Wiped;

/// The maximum length of a template, in bytes: 64 KiB.
///
/// A form shows the whole text of a template.
pub const MAX_TEMPLATE_LEN: usize = 64 * 1024;

// `Fault::TemplateTooLong` names the limit.
const _: () = assert!(MAX_TEMPLATE_LEN == 64 * 1024);

/// A template: the `.streamlit/secrets.toml` in a module's repository.
///
/// A template lists the variables that the module expects. Their values are blank (`""`),
/// placeholders such as `"your-token"`, or defaults. An author fills in the text, and
/// [`validate`](Self::validate) checks the resulting [`Document`].
///
/// A template is a public file. Unlike a document, it may be cloned, and its memory is not treated
/// as secret.
///
/// # Required variables
///
/// Every variable is required, even one with a default, unless its comment has the marker
/// `@optional`. At a `[header]`, `@optional` lets a document omit the whole section. If the section
/// is present, its variables are required.
///
/// # Comments and markers
///
/// The comment lines directly above a key or a `[header]` belong to it, and so does the comment after
/// it on its line. They describe it, and may have markers:
///
/// | marker | meaning |
/// |---|---|
/// | `@optional` | The variable or section may be absent. |
/// | `@secret` | The value is a secret, whatever its name. |
/// | `@public` | The value is not a secret, and the template's value is a real one. |
/// | `@docs https://…` | A link for the author. It must be `https`. |
/// | `@url` | A URL: scheme, `://` and host. |
/// | `@email` | An e-mail address. |
/// | `@port` | A number from 1 to 65535. |
/// | `@uuid` | A UUID with its hyphens. |
/// | `@json` | JSON. |
/// | `@pem` | PEM blocks. |
/// | `@one-of a\|b\|c` | One of these texts. |
/// | `@prefix sk-` | A text that begins with this one. |
/// | `@min-length 20` | At least this many characters. |
/// | `@range 0..1.5` | A number in this range, with both ends. |
///
/// A marker is a whole word in any case. Brackets and punctuation around it are ignored. Its argument
/// is the next word of the line: it ends at white space. A [`Format`](crate::Format) belongs to a
/// string or a number. `@secret` and `@public` at a `[header]` hold for all variables below it that
/// have neither. [`findings`](Self::findings) tells what is wrong with the markers of a template;
/// a malformed one has no effect.
///
/// The description is the comment without its markers. These lines do not describe what is below
/// them:
///
/// - lines above a blank line, or above a commented-out key or header (`# KEY = "v"`), unless that is
///   an example of the same key
/// - lines of punctuation only, such as `# ======`
/// - at the start of the file, lines that name a `.toml` file, lines for an editor or the system
///   (`#!`, `#:schema`, `-*-`, `vim:`, `coding:`), and lines of a license (`Copyright`, `SPDX-`,
///   `License:`)
///
/// # Secrets
///
/// A [secret](Variable::is_secret) must not keep the value that the template has, unless that is
/// blank: the value is an example, in whatever language. Names tell which variables are secrets. If
/// a name misleads, write `@secret` or `@public` where `@optional` may be. At a `[header]`, both
/// hold for the variables of the section, except those with a marker of their own.
///
/// A default that is public may also read like a placeholder, such as `"Hello ${name}"`, if it is
/// marked `@public`.
///
/// # Examples
///
/// ```
/// use secrets_toml::{Document, Template};
///
/// let template = Template::parse(
///     "# Your personal access token.\nCLARIFAI_PAT = \"\"\nMODEL = \"general\" # @optional\n",
/// )?;
/// let pat = template.variables().next().unwrap();
/// assert_eq!(pat.path().to_string(), "CLARIFAI_PAT");
/// assert_eq!(pat.description(), Some("Your personal access token."));
/// assert!(pat.is_required() && pat.default_value().is_none());
///
/// let entered = Document::parse("CLARIFAI_PAT = \"\"\n")?;
/// let invalid = template.validate(entered).unwrap_err();
/// assert_eq!(
///     invalid.findings().next().unwrap().to_string(),
///     "line 1, column 16: `CLARIFAI_PAT` is blank: the template expects a value",
/// );
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Template(pub(crate) Arc<Schema>);

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// Returns [`ParseError`] if the text is not valid TOML or is longer than
    /// [`MAX_TEMPLATE_LEN`]. The other limits are those of [`Document::parse`].
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = Wiped::new(text.to_owned());
        let document = Document::read(text, MAX_TEMPLATE_LEN, Fault::TemplateTooLong)?;
        Ok(Self(Arc::new(Schema::new(document))))
    }

    /// The variables, in the order of the text.
    ///
    /// The first element of an array of tables describes all elements, so only its variables are
    /// listed.
    pub fn variables(&self) -> impl ExactSizeIterator<Item = Variable<'_>> {
        self.0.described.iter().map(|described| Variable { schema: &self.0, described })
    }

    /// The sections that have a line of their own, in the order of the text: tables with a
    /// `[header]`, inline tables, and arrays of tables.
    pub fn sections(&self) -> impl ExactSizeIterator<Item = Section<'_>> {
        self.0.sections.iter().map(|described| Section { schema: &self.0, described })
    }

    /// The text, byte for byte. A form shows it in its text area.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.document.expose_text()
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Template").field(&self.0.document).finish()
    }
}
