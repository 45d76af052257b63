//! What is wrong with a text: where, in words of ours, and what to do.
//!
//! No message quotes the document. A PEM key pasted into single-line quotes turns its lines into
//! "keys", so even a key's name is shown only where the whole text is well-formed.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Range;

use toml_parser::ErrorSink;

use crate::document::{MAX_DEPTH, MAX_LEN};
use crate::template::MAX_TEMPLATE_LEN;

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
    fn new(text: &str, mut found: Vec<Found>, path: impl Fn(u32) -> String) -> Self {
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
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if let Some(path) = &self.path {
            write!(f, "`{path}` is ")?;
        }
        f.write_str(self.message())?;
        if let Some(line) = self.first_line {
            write!(f, ", first on line {line}")?;
        }
        match self.hint() {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SyntaxError {}

/// What can be wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    TooLong,
    TemplateTooLong,
    TooDeep,
    NotUtf8,
    DefinedTwice,
    NotATable,
    MissingValue,
    MissingEquals,
    ExtraEquals,
    MissingKey,
    InvalidKey,
    MultilineKey,
    UnclosedHeader,
    UnopenedBracket,
    UnopenedBrace,
    UnclosedArray,
    UnclosedInlineTable,
    ArrayComma,
    ArrayExtraComma,
    ArrayEquals,
    TableComma,
    TableExtraComma,
    TableAssignment,
    TableElement,
    Trailing,
    LineStart,
    UnterminatedString,
    MissingOpeningQuote,
    UnquotedValue,
    InvalidCharacter,
    InvalidEscape,
    InvalidUnicode,
    BareCarriageReturn,
    CommentCharacter,
    InvalidNumber,
    LeadingZero,
    IntegerRange,
    FloatRange,
    InvalidBoolean,
    InvalidDatetime,
    Other,
}

impl Fault {
    /// The message, and the hint or nothing.
    fn describe(self) -> (&'static str, &'static str) {
        const QUOTE_TEXT: &str = "if it is text, put it between quotes";
        match self {
            Self::TooLong => {
                const { assert!(MAX_LEN == 1_000_000, "the message names the limit") };
                ("the text is longer than the limit of 1,000,000 bytes", "")
            }
            Self::TemplateTooLong => {
                const { assert!(MAX_TEMPLATE_LEN == 64 * 1024, "the message names the limit") };
                ("the template is longer than the limit of 64 KiB", "")
            }
            Self::TooDeep => {
                const { assert!(MAX_DEPTH == 80, "the message names the limit") };
                ("nested deeper than the limit of 80 keys and array positions", "")
            }
            Self::NotUtf8 => ("the text is not UTF-8", "save the file as UTF-8"),
            Self::DefinedTwice => ("defined twice", "keep one of the two"),
            Self::NotATable => ("defined as a value, and used as a table", "rename one of the two"),
            Self::MissingValue => ("a key without a value", "write `= \"\"`"),
            Self::MissingEquals => (
                "a key without `=`",
                "write `KEY = \"value\"`; text of several lines goes between \"\"\" and \"\"\"",
            ),
            Self::ExtraEquals => ("one `=` too many", "a value that begins with `=` needs quotes"),
            Self::MissingKey => ("the name of a key is missing", "write `KEY = \"value\"`"),
            Self::InvalidKey => (
                "a key may hold the letters A to Z, digits, `_` and `-`",
                "put any other name between quotes: \"my key\" = …",
            ),
            Self::MultilineKey => ("a key between triple quotes", "use one quote at each end"),
            Self::UnclosedHeader => {
                ("a section header without its end", "write `[section]` or `[[list]]`")
            }
            Self::UnopenedBracket => ("a `]` without its `[`", ""),
            Self::UnopenedBrace => ("a `}` without its `{`", ""),
            Self::UnclosedArray => ("an array without its closing `]`", ""),
            Self::UnclosedInlineTable => ("an inline table without its closing `}`", ""),
            Self::ArrayComma => ("a comma is missing between two elements of an array", ""),
            Self::ArrayExtraComma => ("a comma too many in an array", ""),
            Self::ArrayEquals => ("an `=` inside an array", "close the array with `]` first"),
            Self::TableComma => ("a comma is missing between two keys of an inline table", ""),
            Self::TableExtraComma => ("a comma too many in an inline table", ""),
            Self::TableAssignment => ("an `=` is missing or doubled in an inline table", ""),
            Self::TableElement => ("a value without a key in an inline table", ""),
            Self::Trailing => (
                "something follows the end of the line's value",
                "one key a line; a value with spaces or quotes in it needs quotes around it",
            ),
            Self::LineStart => ("a line cannot begin with `,`, `{` or `}`", ""),
            Self::UnterminatedString => (
                "a text without its closing quote",
                "text of several lines goes between \"\"\" and \"\"\"",
            ),
            Self::MissingOpeningQuote => ("a text without its opening quote", ""),
            Self::UnquotedValue => ("a value without quotes", "put text between quotes: \"…\""),
            Self::InvalidCharacter => (
                "a control character or a lone backslash in a text",
                "write a backslash as `\\\\`, or put the text between single quotes",
            ),
            Self::InvalidEscape => (
                "a backslash that begins no escape",
                "write it as `\\\\`, or put the text between single quotes",
            ),
            Self::InvalidUnicode => (
                "an escape that names no Unicode character",
                "\\x takes two digits, \\u four, \\U eight",
            ),
            Self::BareCarriageReturn => {
                ("a carriage return without a line feed", "save the file with LF or CRLF line ends")
            }
            Self::CommentCharacter => ("a control character in a comment", ""),
            Self::InvalidNumber => ("neither a number nor a date", QUOTE_TEXT),
            Self::LeadingZero => ("a number with a leading zero", QUOTE_TEXT),
            Self::IntegerRange => ("an integer outside 64 bits", QUOTE_TEXT),
            Self::FloatRange => ("a float outside 64 bits", QUOTE_TEXT),
            Self::InvalidBoolean => ("neither `true` nor `false`", QUOTE_TEXT),
            Self::InvalidDatetime => ("not a date or time", QUOTE_TEXT),
            Self::Other => ("not TOML", ""),
        }
    }

    /// The parser's description of a fault, in our terms. `None`: another error says it already.
    fn of(description: &str) -> Option<Self> {
        Some(match description {
            "could not allocate for string" => return None,
            "unclosed table" | "unclosed array table" => Self::UnclosedHeader,
            "key with no value" | "missing value for key" => Self::MissingEquals,
            "extra `=`" => Self::ExtraEquals,
            "missing inline table opening" => Self::UnopenedBrace,
            "missing array opening" | "missing table open" => Self::UnopenedBracket,
            "extra comma in array" => Self::ArrayExtraComma,
            "unexpected `=` in array" => Self::ArrayEquals,
            "missing comma between array elements" => Self::ArrayComma,
            "unclosed array" => Self::UnclosedArray,
            "extra comma in inline table" => Self::TableExtraComma,
            MISSING_INLINE_KEY | "invalid inline table element" => Self::TableElement,
            "missing assignment between key-value pairs"
            | "extra assignment between key-value pairs" => Self::TableAssignment,
            "missing comma between key-value pairs" => Self::TableComma,
            "unclosed inline table" => Self::UnclosedInlineTable,
            "unexpected key or value" | "unexpected content between comment and newline" => {
                Self::Trailing
            }
            "invalid key-value pair" => Self::LineStart,
            "invalid literal string"
            | "invalid basic string"
            | "invalid multi-line literal string"
            | "invalid multi-line basic string" => Self::InvalidCharacter,
            "missing escaped value" => Self::InvalidEscape,
            "too few unicode value digits" | "invalid value" => Self::InvalidUnicode,
            "carriage return must be followed by newline" => Self::BareCarriageReturn,
            "unquoted keys cannot be empty" => Self::MissingKey,
            "invalid unquoted key" => Self::InvalidKey,
            "missing opening quote" => Self::MissingOpeningQuote,
            "string values must be quoted" => Self::UnquotedValue,
            "unexpected leading zero" => Self::LeadingZero,
            "redundant numeric sign"
            | "integers with a radix cannot be signed"
            | "radix must be lowercase"
            | "redundant integer number prefix"
            | "unexpected sign"
            | "invalid float"
            | "invalid mantissa"
            | "invalid fraction"
            | "invalid exponent"
            | "invalid integer number"
            | "invalid hexadecimal number"
            | "invalid octal number"
            | "invalid binary number"
            | "`_` may only go between digits" => Self::InvalidNumber,
            "invalid boolean" => Self::InvalidBoolean,
            "invalid comment character" => Self::CommentCharacter,
            _ => Self::Other,
        })
    }

    /// Whether the place to show is where the construct began, not where its end was missed.
    fn begins_at_context(self) -> bool {
        matches!(self, Self::UnclosedHeader | Self::UnclosedArray | Self::UnclosedInlineTable)
    }
}

const MISSING_INLINE_KEY: &str = "missing key for inline table element";

/// An error before its line is known.
#[derive(Clone, Copy)]
struct Found {
    start: usize,
    end: usize,
    fault: Fault,
    detail: Detail,
}

#[derive(Clone, Copy)]
enum Detail {
    None,
    /// The node that is defined twice, and the offset of its first definition.
    Clash {
        node: u32,
        first: usize,
    },
}

/// Collects the errors of one text; shared by the parser, the decoder and the index.
pub(super) struct Errors<'t> {
    text: &'t str,
    found: RefCell<Vec<Found>>,
    /// The end of the line of the last error that was kept.
    line_end: Cell<usize>,
    grammar: Cell<bool>,
    skipping: Cell<bool>,
}

impl<'t> Errors<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            found: RefCell::default(),
            line_end: Cell::new(0),
            grammar: Cell::new(false),
            skipping: Cell::new(false),
        }
    }

    pub(super) fn report(&self, span: Range<usize>, fault: Fault) {
        self.push(Found { start: span.start, end: span.end, fault, detail: Detail::None });
    }

    /// Reports a key that contradicts what stands at `first`.
    pub(super) fn clash(&self, span: Range<usize>, fault: Fault, node: u32, first: usize) {
        let detail = Detail::Clash { node, first };
        self.push(Found { start: span.start, end: span.end, fault, detail });
    }

    fn push(&self, error: Found) {
        let mut found = self.found.borrow_mut();
        // What follows an error on its line is not kept, so that a million `=` cost nothing.
        if let Some(last) = found.last() {
            if (last.start..=self.line_end.get()).contains(&error.start)
                && matches!(last.detail, Detail::None)
            {
                return;
            }
        }
        let rest = &self.text.as_bytes()[error.start..];
        let len = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        self.line_end.set(error.start + len);
        found.push(error);
    }

    /// Whether the grammar has reported anything since this was last asked.
    pub(super) fn take_grammar(&self) -> bool {
        self.grammar.take()
    }

    /// Whether the parser skips to a bracket whose opening it did not announce.
    pub(super) fn take_skipping(&self) -> bool {
        self.skipping.take()
    }

    /// Says that the parser was told to skip to the closing bracket.
    pub(super) fn set_skipping(&self) {
        self.skipping.set(true);
    }

    /// What was found, or nothing. `path` names a node.
    pub(super) fn check(&self, path: impl Fn(u32) -> String) -> Result<(), ParseError> {
        match self.found.take() {
            found if found.is_empty() => Ok(()),
            found => Err(ParseError::new(self.text, found, path)),
        }
    }

    fn report_parser(&self, error: &toml_parser::ParseError) {
        let Some(fault) = Fault::of(error.description()) else {
            return;
        };
        let place = if fault.begins_at_context() { error.context() } else { error.unexpected() };
        let span = place.or(error.unexpected()).or(error.context()).unwrap_or_default();
        // The decoder points behind a missing digit with the digits' span, start after end.
        self.report(span.start()..span.end().max(span.start()), fault);
    }
}

/// Takes what the grammar reports.
pub(super) struct GrammarErrors<'e, 't>(pub(super) &'e Errors<'t>);

impl ErrorSink for GrammarErrors<'_, '_> {
    fn report_error(&mut self, error: toml_parser::ParseError) {
        self.0.grammar.set(true);
        if error.description() == MISSING_INLINE_KEY {
            self.0.skipping.set(true);
        }
        self.0.report_parser(&error);
    }
}

/// Takes what decoding a key, a scalar, a comment or a line end reports.
pub(super) struct DecodeErrors<'e, 't>(pub(super) &'e Errors<'t>);

impl ErrorSink for DecodeErrors<'_, '_> {
    fn report_error(&mut self, error: toml_parser::ParseError) {
        self.0.report_parser(&error);
    }
}

/// Lines and columns of ascending offsets, in one pass over the text.
pub(crate) struct Places<'t> {
    text: &'t str,
    line: usize,
    /// The column of the offset that was asked for last.
    column: usize,
    offset: usize,
}

impl<'t> Places<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, line: 1, column: 1, offset: start }
    }

    /// The line of `offset`, which is not before any that was asked for.
    pub(crate) fn line(&mut self, offset: usize) -> usize {
        self.advance(offset);
        self.line
    }

    /// The column of `offset`, which is not before any that was asked for.
    pub(crate) fn column(&mut self, offset: usize) -> usize {
        self.advance(offset);
        self.column
    }

    fn advance(&mut self, offset: usize) {
        if offset <= self.offset {
            return;
        }
        let passed = &self.text.as_bytes()[self.offset..offset];
        let newlines = passed.iter().filter(|&&byte| byte == b'\n').count();
        if newlines > 0 {
            self.line += newlines;
            self.column = 1;
            self.offset += passed.iter().rposition(|&byte| byte == b'\n').map_or(0, |i| i + 1);
        }
        let passed = &self.text.as_bytes()[self.offset..offset];
        self.column += passed.iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
        self.offset = offset;
    }
}
