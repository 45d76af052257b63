//! Validation: a document becomes a module's secrets, or is returned with every finding.

mod check;
mod comparison;
#[cfg(feature = "miette")]
mod diagnostic;
mod excerpt;
mod finding;
mod findings;
mod mistakes;
mod problem;
mod suspicious;
mod template_findings;
mod wording;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::document::Document;
use crate::template::Template;
use crate::template::schema::Schema;
use crate::validate::check::Validator;
use crate::validate::excerpt::Masked;
pub use crate::validate::finding::Finding;
use crate::validate::findings::Findings;
pub use crate::validate::problem::{FindingKind, Severity};

impl Document {
    /// Checks that no string of the document is blank.
    ///
    /// If you have a template, call [`Template::validate`] instead.
    ///
    /// # Errors
    ///
    /// Returns [`Invalid`] if any finding is an error. It holds every finding, and the document.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let invalid = Document::parse("PAT = \"\"\n")?.validate().unwrap_err();
    /// assert_eq!(
    ///     invalid.findings().next().unwrap().to_string(),
    ///     "line 1, column 7: `PAT` is blank",
    /// );
    /// # Ok::<(), secrets_toml::ParseError>(())
    /// ```
    pub fn validate(self) -> Result<Secrets, Invalid> {
        validate(self, None)
    }
}

impl Template {
    /// Checks a document against the template.
    ///
    /// [`FindingKind`] lists the checks.
    ///
    /// # Errors
    ///
    /// Returns [`Invalid`] if any finding is an error. It holds every finding, and the document.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::{Document, FindingKind, Template};
    ///
    /// let template = Template::parse("PAT = \"\"\nPORT = 8080 # @optional\n")?;
    /// let secrets = template.validate(Document::parse("PAT = \"hunter2\"\nMODEL = 1\n")?)?;
    /// let kinds: Vec<_> = secrets.warnings().map(|finding| finding.kind()).collect();
    /// assert_eq!(kinds, [FindingKind::Unknown]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn validate(&self, document: Document) -> Result<Secrets, Invalid> {
        validate(document, Some(&self.0))
    }
}

/// A document that passed validation, with its warnings.
///
/// Validation is the way to get one: [`Template::validate`], [`Template::validate_update`], or the
/// methods of the same names of [`Document`]. A vault and a keyring accept only `Secrets`, so a
/// store never holds a form that is not filled in. They return `Secrets`, too.
///
/// `Secrets` dereferences to the [`Document`], so that all its methods for reading can be called.
///
/// # Examples
///
/// ```
/// use secrets_toml::Document;
///
/// let secrets = Document::parse("PAT = \"hunter2\"\n")?.validate()?;
/// assert_eq!(secrets.get("PAT").and_then(|value| value.as_str()), Some("hunter2"));
/// assert_eq!(secrets.warnings().len(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Secrets {
    document: Document,
    findings: Findings,
}

impl Secrets {
    /// Wraps a document that passed validation before it was sealed. It is not checked again.
    #[cfg(feature = "vault")]
    pub(crate) fn accepted(document: Document) -> Self {
        Self { document, findings: Findings::default() }
    }

    /// The warnings, in the order of [`Invalid::findings`].
    ///
    /// `Secrets` that were opened from a record have no warnings.
    pub fn warnings(&self) -> impl ExactSizeIterator<Item = Finding<'_>> {
        self.findings.iter(&self.document)
    }

    /// Returns the document, and drops the warnings.
    #[must_use]
    pub fn into_document(self) -> Document {
        self.document
    }
}

impl Deref for Secrets {
    type Target = Document;

    fn deref(&self) -> &Document {
        &self.document
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("document", &self.document)
            .field("warnings", &self.findings.raw.len())
            .finish()
    }
}

/// A document that did not pass validation, with every finding.
///
/// `Display` writes a report for the author. It has a block for each finding: the place, the path
/// and the problem, the source line with carets under the place, and how to fix it. Values and
/// comments are masked, except empty strings. It never shows a value.
///
/// [`findings`](Self::findings) returns the findings one by one, for a page or for JSON.
///
/// # Examples
///
/// ```
/// use secrets_toml::{Document, Template};
///
/// let template = Template::parse("CLARIFAI_PAT = \"\"\n")?;
/// let invalid = template.validate(Document::parse("CLARIFAI_PAT = \"\" # soon\n")?).unwrap_err();
/// assert_eq!(
///     invalid.to_string(),
///     "\
/// error: line 1, column 16: `CLARIFAI_PAT` is blank: the template expects a value
///   |
/// 1 | CLARIFAI_PAT = \"\" ••••••••
///   |                ^^
///   = help: write the value between the quotes
/// ",
/// );
/// let form = invalid.into_document();
/// assert_eq!(form.expose_text(), "CLARIFAI_PAT = \"\" # soon\n");
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
pub struct Invalid(Box<Refused>);

struct Refused {
    document: Document,
    findings: Findings,
}

impl Invalid {
    /// Every finding, errors and warnings, in the order of the document's text.
    ///
    /// Missing variables come last, in the order of the template. At most 1,000 of them are
    /// reported.
    pub fn findings(&self) -> impl ExactSizeIterator<Item = Finding<'_>> {
        self.0.findings.iter(&self.0.document)
    }

    #[cfg(feature = "files")]
    pub(crate) fn document(&self) -> &Document {
        &self.0.document
    }

    /// Returns the document, so that the form can be shown again.
    #[must_use]
    pub fn into_document(self) -> Document {
        self.0.document
    }

    /// Rejects an update because the kept values make the text too long. `node` is the marker to
    /// report.
    pub(crate) fn too_long(document: Document, node: u32) -> Self {
        let findings = Findings::too_long(&document, node);
        Self::new(document, findings)
    }

    fn new(document: Document, findings: Findings) -> Self {
        Self(Box::new(Refused { document, findings }))
    }

    /// Moves the findings to `entered`, which has markers in the place of some values of the
    /// checked document. `is_kept` returns `true` for the nodes of those markers.
    pub(crate) fn moved_to(mut self, entered: Document, is_kept: impl Fn(u32) -> bool) -> Self {
        let Refused { document: filled, findings } = &mut *self.0;
        findings.move_to(filled, &entered, is_kept);
        self.0.document = entered;
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        excerpt::write(f, &self.0.document, Masked::ValuesAndComments, self.findings())
    }
}

impl fmt::Debug for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invalid ")?;
        f.debug_list().entries(self.findings()).finish()
    }
}

impl std::error::Error for Invalid {}

pub(crate) fn validate(
    document: Document,
    template: Option<&Arc<Schema>>,
) -> Result<Secrets, Invalid> {
    let raw = Validator::new(&document, template.map(Arc::as_ref)).run();
    let refused = raw.iter().any(|finding| finding.severity == Severity::Error);
    let findings = Findings { raw, template: template.map(Arc::clone) };
    if refused { Err(Invalid::new(document, findings)) } else { Ok(Secrets { document, findings }) }
}
