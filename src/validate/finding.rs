//! What validation found, in words.

use std::fmt;
use std::ops::Range;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::document::Document;
use crate::path::KeyPath;
use crate::template::schema::Schema;
use crate::validate::problem::{FindingKind, Problem, RawFinding, Severity};

/// One thing that validation found.
///
/// `Display` says where, what, and why, on one line, and [`help`](Self::help) what to do. It
/// serializes as `code`, `severity`, `path`, `line`, `column`, `message` and `help`, never with a value.
#[derive(Clone, Copy)]
pub struct Finding<'a> {
    pub(super) document: &'a Document,
    pub(super) template: Option<&'a Schema>,
    pub(super) raw: &'a RawFinding,
}

impl<'a> Finding<'a> {
    /// How much it weighs.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.raw.severity
    }

    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> FindingKind {
        self.raw.kind()
    }

    /// The variable, where it stands or should stand.
    #[must_use]
    pub fn path(&self) -> KeyPath<'a> {
        match (self.raw.problem, self.template) {
            (Problem::Missing { within, first, .. }, Some(template)) => {
                let (of, node) = (&template.document, self.raw.node);
                KeyPath::within(of, node, first, self.document, within)
            }
            _ => self.document.path(self.raw.node),
        }
    }

    /// The line in the document, counted from 1; `None` for what is missing, unless it is there
    /// under a misspelt name.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.raw.place.as_ref().map(|place| place.line)
    }

    /// The column in characters, counted from 1; `None` if there is no line.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.raw.place.as_ref().map(|place| place.column)
    }

    /// The place in bytes of the document's text; `None` if there is no line.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        self.raw.place.as_ref().map(|place| place.span.clone())
    }

    /// The template's line, of a variable that is missing or misplaced.
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
