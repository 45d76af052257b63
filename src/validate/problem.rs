//! The kinds of findings, and raw findings, which refer to the documents by node numbers.

use std::fmt;

use crate::document::Document;
use crate::document::decode::PythonLimit;
use crate::document::index::Span;
use crate::env::Unmappable;
use crate::role::Shape;
use crate::template::annotations::Mistake;
use crate::text::places::Places;
use crate::validate::suspicious::Suspicion;

/// The severity of a finding.
///
/// `Error` is greater than `Warning`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// The document may be accepted. [`Secrets::warnings`](crate::Secrets::warnings) returns the
    /// finding.
    Warning,
    /// The document is rejected with [`Invalid`](crate::Invalid).
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

/// The kind of a finding.
///
/// The variants say which findings are errors and which are warnings. `Missing`, `Misplaced`,
/// `Unchanged`, `Format`, `KindMismatch` and `Unknown` are only found with a template. `Marker`,
/// `Unsatisfiable` and `Committed` are only found in a template, by
/// [`Template::findings`](crate::Template::findings).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FindingKind {
    /// A variable is the empty string or only white space, unless the template says `@optional`: an
    /// error.
    ///
    /// Variables at any depth are checked. Elements of an array that is a variable are not.
    Blank,
    /// A required variable of the template is absent: an error.
    ///
    /// If the document has its section under a misspelt name, one finding reports the section
    /// instead of each variable.
    Missing,
    /// The template has the variable at the root and the document has it below a `[section]`, or
    /// the reverse: an error if the variable is required, otherwise a warning.
    ///
    /// It is reported instead of `Missing` and `Unknown`.
    Misplaced,
    /// A string or an array is a secret and still has the template's value: an error.
    ///
    /// - [`Variable::is_secret`](crate::Variable::is_secret) says which variables are secrets.
    ///   Optional ones are checked, too: without a value, the author deletes the line.
    /// - Nothing is asked of the value itself, so an example in any language is found. A template's
    ///   value that is blank or an empty array says nothing, and is not compared.
    /// - Values are compared after decoding, arrays by their elements. In an array of tables, a
    ///   string is compared with those of all the template's elements, an array with the first's.
    ///
    /// A template whose value is a working default says `@public` in a comment.
    Unchanged,
    /// A string reads like a placeholder, such as `your-token`: an error if it equals the
    /// template's value, otherwise a warning.
    ///
    /// `Unchanged` is reported instead if it applies. If the template says `@public`, neither is.
    Placeholder,
    /// The value has another kind or shape than the template's value.
    ///
    /// - Another kind of scalar, such as a boolean for an integer, is a warning. A number is
    ///   accepted for a string, since environment variables are text.
    /// - Another shape (a scalar, an array, a table, an array of tables) is an error if a required
    ///   variable is absent because of it, otherwise a warning. It is reported instead of
    ///   `Missing`.
    KindMismatch,
    /// The template has no such variable or section: a warning.
    Unknown,
    /// A string, integer or float at the root cannot be an environment variable.
    ///
    /// - The name is empty or contains `=`, or the name or the value contains a NUL: an error.
    /// - The name, `=` and the value are longer than 131,071 bytes: a warning. Linux starts no
    ///   process with such a variable, but a file can deliver it.
    Unmappable,
    /// A variable at the root would replace one that the process itself needs, such as `PATH`: a
    /// warning.
    ReservedName,
    /// The values that the markers of an [update](crate::Template::validate_update) keep would make
    /// the text longer than [`MAX_LEN`](crate::MAX_LEN): an error.
    ///
    /// It is reported once, at the marker of the longest value, and nothing else is checked.
    TooLong,
    /// A marker of a [form](crate::Document::form) keeps no value: an error.
    ///
    /// In an [update](crate::Template::validate_update), the marker has an unknown number, or was
    /// moved to another path. Without an update, every marker is an error.
    Unkept,
    /// The value is probably not what the author intends: a warning.
    ///
    /// - A date in the year 0, or a time with the second 60: TOML allows them, and Python cannot
    ///   read them.
    /// - White space around a text of one line.
    /// - Quotes inside the quotes, as in `'"abc"'`.
    /// - A key in the PEM format with `\n` for its line ends, in single quotes: there, `\n` is a
    ///   backslash and a letter.
    /// - A Windows path such as `"C:\new"`, in double quotes: there, `\n` is a line break.
    ///
    /// A string is reported once at most, and not if it has the template's value.
    Suspicious,
    /// A string, integer or float breaks a [format](crate::Format) that the template asks of it: an
    /// error.
    ///
    /// A blank value has no format, and a value with another error is not checked for one.
    Format,
    /// A mistake in a comment of the template: a warning of
    /// [`Template::findings`](crate::Template::findings).
    ///
    /// It is a misspelt or unknown marker, a malformed argument, a marker at the wrong place, or
    /// "optional" without an `@`.
    Marker,
    /// No document is accepted with this variable of the template: a warning of
    /// [`Template::findings`](crate::Template::findings).
    ///
    /// No value has the formats that its comments ask for, or it is required and no environment
    /// variable can have its name.
    Unsatisfiable,
    /// The template has a text in a well-known format of tokens, such as GitHub's: a warning of
    /// [`Template::findings`](crate::Template::findings). It was probably committed by mistake.
    Committed,
}

impl FindingKind {
    /// A name for programs, such as `blank` or `kind_mismatch`. Names do not change between
    /// versions.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Missing => "missing",
            Self::Misplaced => "misplaced",
            Self::Unchanged => "unchanged",
            Self::Placeholder => "placeholder",
            Self::KindMismatch => "kind_mismatch",
            Self::Unknown => "unknown",
            Self::Unmappable => "unmappable",
            Self::ReservedName => "reserved_name",
            Self::TooLong => "too_long",
            Self::Unkept => "unkept",
            Self::Suspicious => "suspicious",
            Self::Format => "format",
            Self::Marker => "marker",
            Self::Unsatisfiable => "unsatisfiable",
            Self::Committed => "committed",
        }
    }
}

/// A finding without the documents that its node numbers refer to. [`Finding`](crate::Finding)
/// adds them.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawFinding {
    pub(super) severity: Severity,
    pub(super) problem: Problem,
    /// A node of the template for [`Problem::Missing`], otherwise a node of the document.
    pub(super) node: u32,
    pub(super) place: Option<Location>,
}

/// A place in the document. Line and column are 0 until [`RawFinding::place`] counts them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Location {
    pub(super) span: Span,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A kind of finding, with the nodes and details that its message and help mention.
#[derive(Debug, Clone, Copy)]
pub(super) enum Problem {
    /// `template`: the template's variable, if there is a template and it has the variable.
    Blank {
        template: Option<u32>,
    },
    /// `template`: the template's variable.
    Unchanged {
        template: u32,
    },
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
    /// `expected`: the shape of the template's value, if it has one.
    Unkept {
        expected: Option<Shape>,
    },
    Datetime(PythonLimit),
    /// `template`: the template's variable. `format`: the position in its formats.
    Format {
        template: u32,
        format: usize,
    },
    Marker(Mistake),
    /// A required variable of a template that no environment takes.
    UnmappableName,
    /// `of`: the kind of token, such as "a GitHub token". `commented`: it is outside of a value.
    Committed {
        of: &'static str,
        commented: bool,
    },
    Suspicious(Suspicion),
    /// `table`: the table of the document that lacks the variable. `counterpart`: that table in the
    /// template. `misspelt`: the node of the document that is probably meant to be it.
    Missing {
        table: u32,
        counterpart: u32,
        misspelt: Option<u32>,
    },
}

impl RawFinding {
    /// Sorts findings by place, those without one last, and counts lines and columns.
    ///
    /// The sort is stable, so findings on one variable keep their order.
    pub(super) fn place(findings: &mut [Self], document: &Document) {
        let start = |finding: &Self| finding.place.as_ref().map(|place| place.span.start);
        findings.sort_by_key(|finding| (start(finding).is_none(), start(finding)));
        let mut places = Places::new(document.expose_text());
        for place in findings.iter_mut().filter_map(|finding| finding.place.as_mut()) {
            let start = place.span.start as usize;
            place.line = places.line(start);
            place.column = places.column(start);
        }
    }

    pub(super) fn kind(&self) -> FindingKind {
        match self.problem {
            Problem::Blank { .. } => FindingKind::Blank,
            Problem::Unchanged { .. } => FindingKind::Unchanged,
            Problem::Placeholder { .. } => FindingKind::Placeholder,
            Problem::Kind { .. } => FindingKind::KindMismatch,
            Problem::Misplaced { .. } => FindingKind::Misplaced,
            Problem::Unknown { .. } => FindingKind::Unknown,
            Problem::Unmappable(_) | Problem::LongVariable => FindingKind::Unmappable,
            Problem::Unkept { .. } => FindingKind::Unkept,
            Problem::Datetime(_) | Problem::Suspicious(_) => FindingKind::Suspicious,
            Problem::Format { .. } => FindingKind::Format,
            Problem::Marker(Mistake::Unmet) | Problem::UnmappableName => FindingKind::Unsatisfiable,
            Problem::Marker(_) => FindingKind::Marker,
            Problem::Committed { .. } => FindingKind::Committed,
            Problem::ReservedName => FindingKind::ReservedName,
            Problem::TooLong => FindingKind::TooLong,
            Problem::Missing { .. } => FindingKind::Missing,
        }
    }
}
