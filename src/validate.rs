//! Validation: what keeps a document from being a module's secrets, and what looks wrong in it.

mod against;
mod check;
#[cfg(feature = "miette")]
mod diagnostic;
mod excerpt;
mod finding;
mod findings;
mod problem;
mod wording;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::document::Document;
use crate::template::Template;
use crate::template::schema::Schema;
use crate::validate::check::Validator;
pub use crate::validate::finding::Finding;
use crate::validate::findings::Findings;
pub use crate::validate::problem::{FindingKind, Severity};

impl Document {
    /// Checks the document without a template: nothing may be blank.
    ///
    /// # Errors
    ///
    /// [`Invalid`] with every finding, where one of them is an error.
    pub fn validate(self) -> Result<Secrets, Invalid> {
        validate(self, None)
    }
}

impl Template {
    /// Checks a document against the template.
    ///
    /// # Errors
    ///
    /// [`Invalid`] with every finding and the document, where one finding is an error.
    pub fn validate(&self, document: Document) -> Result<Secrets, Invalid> {
        validate(document, Some(&self.0))
    }
}

/// A document that passed validation: nothing in it is left to fill in.
///
/// Only `Secrets` can be sealed, so that a store never holds an unfilled form. It dereferences to
/// the [`Document`].
pub struct Secrets {
    document: Document,
    findings: Findings,
}

impl Secrets {
    /// A document that passed when it was sealed: it is not checked again.
    #[cfg(feature = "vault")]
    pub(crate) fn accepted(document: Document) -> Self {
        Self { document, findings: Findings::default() }
    }

    /// What looks wrong and is no error, in document order.
    pub fn warnings(&self) -> impl ExactSizeIterator<Item = Finding<'_>> {
        self.findings.iter(&self.document)
    }

    /// The document.
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
/// `Display` is what its author should read: a block for each finding, with the place, the
/// variable's path, what to do, and the source line with every value and comment masked.
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
/// 1 | CLARIFAI_PAT = •••••••• ••••••••
///   |
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
    /// Every finding, errors and warnings, in document order; what is missing comes last, in the
    /// template's order.
    pub fn findings(&self) -> impl ExactSizeIterator<Item = Finding<'_>> {
        self.0.findings.iter(&self.0.document)
    }

    /// The document, to show the form again.
    #[must_use]
    pub fn into_document(self) -> Document {
        self.0.document
    }

    /// A variable of which the value that it would keep does not fit into a document any more.
    pub(crate) fn too_long(document: Document, node: u32) -> Self {
        let findings = Findings::too_long(&document, node);
        Self::new(document, findings)
    }

    fn new(document: Document, findings: Findings) -> Self {
        Self(Box::new(Refused { document, findings }))
    }

    /// The findings at their places in `entered`, of which the document that was checked is a copy
    /// with some values kept: those of the nodes that `is_kept` tells.
    pub(crate) fn moved_to(mut self, entered: Document, is_kept: impl Fn(u32) -> bool) -> Self {
        let Refused { document: filled, findings } = &mut *self.0;
        findings.move_to(filled, &entered, is_kept);
        self.0.document = entered;
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        excerpt::write(f, &self.0.document, self.findings())
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
