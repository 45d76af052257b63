//! What is wrong with a text: where, in words of ours, and what to do.
//!
//! No message quotes the document. A PEM key pasted into single-line quotes turns its lines into
//! "keys", so even a key's name is shown only where the whole text is well-formed.

use std::fmt;
use std::ops::Range;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::document::fault::Fault;
use crate::text::places::Places;

/// How many errors of one text are kept; the others are counted.
const MAX_ERRORS: usize = 100;

/// A text that is not a well-formed document, with everything that is wrong with it.
///
/// `Display` gives one line an error. It holds no text of the document but the path of a key that
/// is defined twice, and that only where the text has no other kind of error.
///
/// ```
/// let error = secrets_toml::Document::parse("PAT = hunter2\nPORT =\n").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "line 1, column 7: a value without quotes (put text between quotes: \"…\")\n\
///      line 2, column 7: a key without a value (write `= \"\"`)"
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

    /// Sorts what was found, keeps the first of each line, and works out lines and columns in one
    /// pass over the text.
    pub(super) fn new(text: &str, mut found: Vec<Found>, path: impl Fn(u32) -> String) -> Self {
        // What is skipped for being too deep holds the ends that seem to be missing.
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
        // A first definition may stand anywhere before its repetition: a second pass, in order.
        firsts.sort_unstable();
        let mut places = Places::new(text);
        for (first, error) in firsts {
            errors[error].first_line = Some(places.line(first));
        }
        Self { errors, omitted }
    }

    /// The errors by position, at most one a line, at most the first 100.
    #[must_use]
    pub fn errors(&self) -> &[SyntaxError] {
        &self.errors
    }

    /// How many further lines have an error.
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{error}")?;
        }
        match self.omitted {
            0 => Ok(()),
            1 => write!(f, "\n1 more line has an error"),
            more => write!(f, "\n{more} more lines have errors"),
        }
    }
}

impl std::error::Error for ParseError {}

/// One error of a text: its place, a fixed message, and where one is known what to do.
///
/// It serializes as a map of `code`, `severity` (always `"error"`), `path`, `line`, `column`,
/// `message` and `help`. `path` and `help` are null if there is none. `message` is what `Display`
/// says between the place and the hint, and like that holds no text of the document but the path.
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

    /// The column in characters, counted from 1; a byte order mark does not count.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// The place in bytes of the text; it may be empty, where something is absent.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// A code for programs, such as `unquoted_value`. It stays the same from release to release, while
    /// messages may be reworded. New releases may have new codes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.fault.code()
    }

    /// What is wrong, in fixed words.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.fault.describe().0
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(self.fault.describe().1).filter(|hint| !hint.is_empty())
    }

    /// The path of a key or table that is defined twice.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Writes the message with what belongs to it, without the place and the hint.
    fn write_sentence(&self, f: &mut impl fmt::Write) -> fmt::Result {
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
    /// The node that is defined twice, and the offset of its first definition.
    Clash {
        node: u32,
        first: usize,
    },
}
