//! A finding, with its document and its template.

use std::fmt;
use std::ops::Range;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::document::Document;
use crate::path::KeyPath;
use crate::template::schema::Schema;
use crate::validate::problem::{FindingKind, Problem, RawFinding, Severity};

/// One finding of validation.
///
/// `Display` writes the place, the path and the problem on one line; [`help`](Self::help) says how
/// to fix it. A finding serializes as a map of `code`, `severity`, `path`, `line`, `column`,
/// `message` and `help`. Neither contains a value of the document.
///
/// # Examples
///
/// ```
/// use secrets_toml::{Document, FindingKind, Template};
///
/// let template = Template::parse("[db]\npassword = \"\"\n")?;
/// let invalid = template.validate(Document::parse("[db]\npasword = \"hunter2\"\n")?).unwrap_err();
/// let [unknown, missing] = [0, 1].map(|i| invalid.findings().nth(i).unwrap());
///
/// assert_eq!(unknown.kind(), FindingKind::Unknown);
/// assert_eq!(unknown.to_string(), "line 2, column 1: `db.pasword` is not in the template");
/// assert_eq!(unknown.help(), "did you mean `db.password`?");
///
/// assert_eq!((missing.line(), missing.template_line()), (None, Some(2)));
/// assert_eq!(missing.message(), "`db.password` is missing: line 2 of the template expects it");
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Finding<'a> {
    pub(super) document: &'a Document,
    pub(super) template: Option<&'a Schema>,
    pub(super) raw: RawFinding,
}

impl<'a> Finding<'a> {
    /// The severity: an error or a warning.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.raw.severity
    }

    /// The kind, for programs that treat some findings differently.
    #[must_use]
    pub fn kind(&self) -> FindingKind {
        self.raw.kind()
    }

    /// The path of the variable or section. If it is missing, the path at which it is expected.
    #[must_use]
    pub fn path(&self) -> KeyPath<'a> {
        match (self.raw.problem, self.template) {
            (Problem::Missing { table, counterpart, .. }, Some(template)) => {
                let (of, node) = (&template.document, self.raw.node);
                KeyPath::within(of, node, counterpart, self.document, table)
            }
            _ => self.document.path(self.raw.node),
        }
    }

    /// The line in the document, counted from 1.
    ///
    /// Returns `None` if the variable is missing, since the document has no place for it. The
    /// finding about a misspelt section has the line of that section.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.raw.place.map(|place| place.line)
    }

    /// The column in characters, counted from 1. Returns `None` if [`line`](Self::line) does.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.raw.place.map(|place| place.column)
    }

    /// The place as a range of bytes of the document's text. Returns `None` if [`line`](Self::line)
    /// does.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        self.raw.place.map(|place| place.span.range())
    }

    /// The line of the variable in the template, counted from 1, if it is missing or misplaced.
    /// Returns `None` for other kinds.
    #[must_use]
    pub fn template_line(&self) -> Option<usize> {
        match self.raw.problem {
            Problem::Missing { .. } => Some(self.template?.line(self.raw.node)),
            Problem::Misplaced { template } => Some(self.template?.line(template)),
            _ => None,
        }
    }
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.raw.place {
            write!(f, "line {}, column {}: ", place.line, place.column)?;
        }
        f.write_str(&self.message())
    }
}

impl fmt::Debug for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finding")
            .field("severity", &self.severity())
            .field("kind", &self.kind())
            .field("path", &self.path())
            .field("line", &self.line())
            .finish()
    }
}

impl Serialize for Finding<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut finding = serializer.serialize_struct("Finding", 7)?;
        finding.serialize_field("code", self.kind().code())?;
        finding.serialize_field("severity", &self.severity().to_string())?;
        finding.serialize_field("path", &self.path().to_string())?;
        finding.serialize_field("line", &self.line())?;
        finding.serialize_field("column", &self.column())?;
        finding.serialize_field("message", &self.message())?;
        finding.serialize_field("help", &self.help())?;
        finding.end()
    }
}
