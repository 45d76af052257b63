//! The template that a module's repository carries.

mod comments;
pub(crate) mod placeholder;
pub(crate) mod repository;
pub(crate) mod schema;
mod variable;

use std::sync::Arc;

use crate::document::Document;
use crate::document::error::ParseError;
use crate::document::fault::Fault;
use crate::template::schema::Schema;
pub use crate::template::variable::Variable;
use crate::text::wiped::Wiped;

/// The longest template, in bytes: it is shown whole in a form.
pub const MAX_TEMPLATE_LEN: usize = 64 * 1024;

// `Fault::TemplateTooLong` names the limit.
const _: () = assert!(MAX_TEMPLATE_LEN == 64 * 1024);

/// A template: the `.streamlit/secrets.toml` that a module's repository carries. It shows which
/// variables the module expects, with the values left as `""` or as a placeholder.
///
/// It is a public file, so it is no secret and may be cloned and printed; what was entered into
/// it is a [`Document`].
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
///
/// Every variable is required, those with a default included, unless a comment above or behind it
/// says `@optional`. Above or behind a `[header]`, it lets the whole section be absent; once the
/// section is present, its variables are required.
#[derive(Clone)]
pub struct Template(pub(crate) Arc<Schema>);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// As [`Document::parse`], with a limit of 64 KiB.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = Wiped::new(text.to_owned());
        let document = Document::read(text, MAX_TEMPLATE_LEN, Fault::TemplateTooLong)?;
        Ok(Self(Arc::new(Schema::new(document))))
    }

    /// The variables, in the order of the text. Of an array of tables, those of the first element.
    pub fn variables(&self) -> impl ExactSizeIterator<Item = Variable<'_>> {
        self.0.described.iter().map(|described| Variable { schema: &self.0, described })
    }

    /// The text, byte for byte, for the form's text area.
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
