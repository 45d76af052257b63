//! What validation found, by the nodes of the documents.

use std::fmt;
use std::ops::Range;

use crate::document::Document;
use crate::document::decode::PythonLimit;
use crate::env::Unmappable;
use crate::role::Shape;
use crate::text::places::Places;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// It travels with the [`Secrets`](crate::Secrets).
    Warning,
    /// It keeps the document from becoming [`Secrets`](crate::Secrets).
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FindingKind {
    /// A variable is the empty string, at any depth, unless the template says `@optional`: an
    /// error. White space only: a warning.
    Blank,
    /// A required variable of the template is absent: an error. If its section is there under a
    /// misspelt name, the section is missing.
    Missing,
    /// The template has the variable at the root and the document below a `[section]`, or the
    /// reverse: an error if it is required, else a warning. It stands for `Missing` and `Unknown`.
    Misplaced,
    /// A string reads like something to be replaced: an error if it is still the template's, else
    /// a warning.
    Placeholder,
    /// The kind is not the template's; if that is a string, a number will do. A warning. Another
    /// shape (a value, an array, a table, an array of tables) is an error if anything that is
    /// required is absent because of it, and stands for `Missing`.
    KindMismatch,
    /// The template has no such name: a warning.
    Unknown,
    /// A root string, integer or float cannot be an environment variable: an error. One that is too
    /// long for a Linux process to be started with: a warning, since a file can carry it.
    Unmappable,
    /// It would shadow a variable that the process itself needs, such as `PATH`: a warning.
    ReservedName,
    /// With the value that it would keep in an [update](crate::Template::validate_update) the text
    /// would be longer than [`MAX_LEN`](crate::MAX_LEN): an error, and the only one then.
    TooLong,
    /// A marker of a [form](crate::Document::form) that keeps no value, in
    /// [an update](crate::Template::validate_update) or without one: an error.
    Unkept,
    /// The value is probably not what its author means: a warning. A date of the year 0 or a time
    /// with the second 60, which TOML allows and Python cannot read.
    Suspicious,
}

impl FindingKind {
    /// A name for programs, which stays as it is: `blank`, `kind_mismatch`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Missing => "missing",
            Self::Misplaced => "misplaced",
            Self::Placeholder => "placeholder",
            Self::KindMismatch => "kind_mismatch",
            Self::Unknown => "unknown",
            Self::Unmappable => "unmappable",
            Self::ReservedName => "reserved_name",
            Self::TooLong => "too_long",
            Self::Unkept => "unkept",
            Self::Suspicious => "suspicious",
        }
    }
}

#[derive(Debug)]
pub(super) struct RawFinding {
    pub(super) severity: Severity,
    pub(super) problem: Problem,
    /// A node of the document; of what is missing, a node of the template.
    pub(super) node: u32,
    pub(super) place: Option<Location>,
}

#[derive(Debug)]
pub(super) struct Location {
    pub(super) span: Range<usize>,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// What was found, with the nodes that its message names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Problem {
    /// `template`: the variable of the template.
    Blank {
        template: Option<u32>,
    },
    WhiteSpace,
    Placeholder {
        unchanged: bool,
    },
    Kind {
        found: Shape,
        expected: Shape,
    },
    Misplaced {
        template: u32,
    },
    Unknown {
        similar: Option<u32>,
    },
    Unmappable(Unmappable),
    LongVariable,
    ReservedName,
    TooLong,
    /// `expected`: what the template has.
    Unkept {
        expected: Option<Shape>,
    },
    Datetime(PythonLimit),
    /// `within`: the table of the document that lacks it; `first`: that table's counterpart; `misspelt`:
    /// the document's node that probably means it.
    Missing {
        within: u32,
        first: u32,
        misspelt: Option<u32>,
    },
}

impl RawFinding {
    /// Orders records by their places, what has none last, and counts lines and columns. Stable, so
    /// that the findings on one variable keep their order.
    pub(super) fn place(findings: &mut [Self], document: &Document) {
        let start = |finding: &Self| finding.place.as_ref().map(|place| place.span.start);
        findings.sort_by_key(|finding| (start(finding).is_none(), start(finding)));
        let mut places = Places::new(document.expose_text());
        for place in findings.iter_mut().filter_map(|finding| finding.place.as_mut()) {
            place.line = places.line(place.span.start);
            place.column = places.column(place.span.start);
        }
    }

    pub(super) fn kind(&self) -> FindingKind {
        match self.problem {
            Problem::Blank { .. } | Problem::WhiteSpace => FindingKind::Blank,
            Problem::Placeholder { .. } => FindingKind::Placeholder,
            Problem::Kind { .. } => FindingKind::KindMismatch,
            Problem::Misplaced { .. } => FindingKind::Misplaced,
            Problem::Unknown { .. } => FindingKind::Unknown,
            Problem::Unmappable(_) | Problem::LongVariable => FindingKind::Unmappable,
            Problem::Unkept { .. } => FindingKind::Unkept,
            Problem::Datetime(_) => FindingKind::Suspicious,
            Problem::ReservedName => FindingKind::ReservedName,
            Problem::TooLong => FindingKind::TooLong,
            Problem::Missing { .. } => FindingKind::Missing,
        }
    }
}
