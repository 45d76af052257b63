//! Syntax errors: what is wrong with a text, the place, and how to fix it.
//!
//! No message quotes the document. Even the name of a key is shown only if the text has no other
//! kind of error: a PEM key that was pasted into single-line quotes turns its lines into "keys".

use std::fmt::{self, Write};
use std::ops::Range;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::document::fault::Fault;
use crate::text::places::Places;

/// The most errors of one text that are kept. Further ones are counted.
const MAX_ERRORS: usize = 100;

/// The error of [`Document::parse`](crate::Document::parse): all syntax errors of a text.
///
/// One mistake of the author is one error. A quote or bracket that is never closed is an error at
/// its place, and hides errors up to the next section header or `KEY =` at the start of a line.
///
/// `Display` writes a block for each error, with a hint on how to fix it. It contains no text of the document, with one exception:
/// the path of a key that is defined twice, if the text has no other kind of error.
///
/// # Examples
///
/// ```
/// let error = secrets_toml::Document::parse("PAT = hunter2\nPORT =\n").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"error: line 1, column 7: a value without quotes
///   = help: put text between quotes: "…"
///
/// error: line 2, column 7: a key without a value
///   = help: write `= ""`
/// "#,
/// );
/// ```
#[derive(Debug, Clone)]
pub struct ParseError {
    errors: Vec<SyntaxError>,
    omitted: usize,
}

impl ParseError {
    pub(crate) fn single(text: &str, span: Range<usize>, fault: Fault) -> Self {
        let found = Found { start: span.start, end: span.end, fault, detail: Detail::None };
        Self::new(text, vec![found], |_| String::new())
    }

    /// Sorts the errors, keeps the first of each line, and finds lines and columns in one pass over
    /// the text.
    pub(super) fn new(text: &str, mut found: Vec<Found>, path: impl Fn(u32) -> String) -> Self {
        // The parser skips what is too deep, and in it the brackets that seem to be missing.
        if found.iter().any(|found| found.fault == Fault::TooDeep) {
            let follows = [Fault::UnclosedArray, Fault::UnclosedInlineTable];
            found.retain(|found| !follows.contains(&found.fault));
        }
        found.sort_by_key(|found| found.start);
        let syntax = found.iter().any(|found| matches!(found.detail, Detail::None));
        let mut places = Places::new(text);
        let mut errors: Vec<SyntaxError> = Vec::new();
        let mut omitted = 0;
        let mut last_line = 0;
        let mut firsts = Vec::new();
        for found in &found {
            let line = places.line(found.start);
            if line == last_line {
                continue;
            }
            last_line = line;
            if errors.len() == MAX_ERRORS {
                omitted += 1;
                continue;
            }
            let mut named = None;
            if let (Detail::Clash { node, first }, false) = (found.detail, syntax) {
                named = Some(path(node));
                firsts.push((first, errors.len()));
            }
            errors.push(SyntaxError {
                line,
                column: places.column(found.start),
                span: found.start..found.end,
                fault: found.fault,
                path: named,
                first_line: None,
            });
        }
        // The first definitions are in another order than the errors: one more pass, in theirs.
        firsts.sort_unstable();
        let mut places = Places::new(text);
        for (first, error) in firsts {
            errors[error].first_line = Some(places.line(first));
        }
        Self { errors, omitted }
    }

    /// The errors in the order of their positions: at most one per line, and at most the first 100.
    #[must_use]
    pub fn errors(&self) -> &[SyntaxError] {
        &self.errors
    }

    /// The number of further lines that have an error.
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}error: line {}, column {}: ", error.line, error.column)?;
            error.write_sentence(f)?;
            f.write_char('\n')?;
            if let Some(hint) = error.hint() {
                writeln!(f, "  = help: {hint}")?;
            }
        }
        match self.omitted {
            0 => Ok(()),
            1 => writeln!(f, "\n1 more line has an error"),
            more => writeln!(f, "\n{more} more lines have errors"),
        }
    }
}

impl std::error::Error for ParseError {}

/// One syntax error: its place, a fixed message, and often a hint.
///
/// It serializes as a map of `code`, `severity` (always `"error"`), `path`, `line`, `column`,
/// `message` and `help`. `path` and `help` are null if there is none. `message` is the part of
/// `Display` between the place and the hint. As in [`ParseError`], the path is the only text of the
/// document in it.
///
/// # Examples
///
/// ```
/// let error = secrets_toml::Document::parse("PAT = hunter2\n").unwrap_err();
/// assert_eq!(
///     serde_json::to_value(error.errors())?,
///     serde_json::json!([{
///         "code": "unquoted_value",
///         "severity": "error",
///         "path": null,
///         "line": 1,
///         "column": 7,
///         "message": "a value without quotes",
///         "help": "put text between quotes: \"…\"",
///     }]),
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SyntaxError {
    line: usize,
    column: usize,
    span: Range<usize>,
    fault: Fault,
    path: Option<String>,
    first_line: Option<usize>,
}

impl SyntaxError {
    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, counted from 1. A byte order mark is not counted.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// The range of bytes that the error is about.
    ///
    /// The range is empty if something is missing at this place.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// A code for programs, such as `unquoted_value`.
    ///
    /// A code never changes, while messages may be reworded. New releases may add codes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.fault.code()
    }

    /// The message, which is a fixed text.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.fault.describe().0
    }

    /// A hint on how to fix the error, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(self.fault.describe().1).filter(|hint| !hint.is_empty())
    }

    /// The path of a key or table that is defined twice.
    ///
    /// Returns `None` for any other error, and if the text has errors of another kind.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Writes the message with its path and first line, without the place and the hint.
    fn write_sentence(&self, f: &mut impl Write) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "`{path}` is ")?;
        }
        f.write_str(self.message())?;
        match self.first_line {
            Some(line) => write!(f, ", first on line {line}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        self.write_sentence(f)?;
        match self.hint() {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SyntaxError {}

impl Serialize for SyntaxError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut message = String::new();
        self.write_sentence(&mut message).expect("a String takes all that is written");
        let mut map = serializer.serialize_struct("SyntaxError", 7)?;
        map.serialize_field("code", self.code())?;
        map.serialize_field("severity", "error")?;
        map.serialize_field("path", &self.path)?;
        map.serialize_field("line", &self.line)?;
        map.serialize_field("column", &self.column)?;
        map.serialize_field("message", &message)?;
        map.serialize_field("help", &self.hint())?;
        map.end()
    }
}

/// An error before its line is known.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) fault: Fault,
    pub(super) detail: Detail,
}

#[derive(Clone, Copy)]
pub(super) enum Detail {
    None,
    /// A key is defined twice: its node, and the offset of the first definition.
    Clash {
        node: u32,
        first: usize,
    },
}
