//! The kinds of syntax errors: their messages, hints and codes, and the errors of the parser that
//! they replace.

use toml_parser::Expected;

use crate::document::index::{MAX_DEPTH, MAX_LEN};

/// A kind of syntax error.
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
    UnquotedWords,
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
    /// Returns the message and the hint, which may be empty.
    pub(super) fn describe(self) -> (&'static str, &'static str) {
        const QUOTE_TEXT: &str = "if it is text, put it between quotes";
        match self {
            Self::TooLong => {
                const { assert!(MAX_LEN == 1_000_000, "the message names the limit") };
                ("the text is longer than the limit of 1,000,000 bytes", "")
            }
            // The limit is asserted beside it, in `template`.
            Self::TemplateTooLong => ("the template is longer than the limit of 64 KiB", ""),
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
            Self::UnquotedWords => (
                "a value without quotes",
                "put text between quotes: \"…\"; between two values goes a comma",
            ),
            Self::UnquotedValue => ("a value without quotes", "put text between quotes: \"…\""),
            Self::InvalidCharacter => (
                "a control character in a text",
                "remove it, or write it between double quotes as an escape such as \\u0007",
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

    /// Returns the code. A code never changes, since programs compare it.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::TooLong => "text_too_long",
            Self::TemplateTooLong => "template_too_long",
            Self::TooDeep => "too_deep",
            Self::NotUtf8 => "not_utf_8",
            Self::DefinedTwice => "defined_twice",
            Self::NotATable => "not_a_table",
            Self::MissingValue => "missing_value",
            Self::MissingEquals => "missing_equals",
            Self::ExtraEquals => "extra_equals",
            Self::MissingKey => "missing_key",
            Self::InvalidKey => "invalid_key",
            Self::MultilineKey => "multiline_key",
            Self::UnclosedHeader => "unclosed_header",
            Self::UnopenedBracket => "unopened_bracket",
            Self::UnopenedBrace => "unopened_brace",
            Self::UnclosedArray => "unclosed_array",
            Self::UnclosedInlineTable => "unclosed_inline_table",
            Self::ArrayComma => "missing_array_comma",
            Self::ArrayExtraComma => "extra_array_comma",
            Self::ArrayEquals => "equals_in_array",
            Self::TableComma => "missing_table_comma",
            Self::TableExtraComma => "extra_table_comma",
            Self::TableAssignment => "table_equals",
            Self::TableElement => "missing_table_key",
            Self::Trailing => "trailing_content",
            Self::LineStart => "invalid_line_start",
            Self::UnterminatedString => "unterminated_string",
            Self::MissingOpeningQuote => "missing_opening_quote",
            Self::UnquotedValue => "unquoted_value",
            Self::UnquotedWords => "unquoted_words",
            Self::InvalidCharacter => "invalid_character",
            Self::InvalidEscape => "invalid_escape",
            Self::InvalidUnicode => "invalid_unicode",
            Self::BareCarriageReturn => "bare_carriage_return",
            Self::CommentCharacter => "invalid_comment_character",
            Self::InvalidNumber => "invalid_number",
            Self::LeadingZero => "leading_zero",
            Self::IntegerRange => "integer_out_of_range",
            Self::FloatRange => "float_out_of_range",
            Self::InvalidBoolean => "invalid_boolean",
            Self::InvalidDatetime => "invalid_datetime",
            Self::Other => "not_toml",
        }
    }

    /// Returns the kind of an error of the parser, or `None` if another error reports the same.
    pub(super) fn of(error: &toml_parser::ParseError) -> Option<Self> {
        Some(match error.description() {
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
            "invalid multi-line basic string"
                if error.expected() == Some(&[Expected::Literal("\n")]) =>
            {
                Self::InvalidEscape
            }
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

    /// Returns `true` if the error is shown at the start of the unclosed construct, not at the
    /// place where its end is missing.
    pub(super) fn begins_at_context(self) -> bool {
        matches!(self, Self::UnclosedHeader | Self::UnclosedArray | Self::UnclosedInlineTable)
    }
}

/// The error after which the parser skips an array or inline table without reporting its start.
pub(super) const MISSING_INLINE_KEY: &str = "missing key for inline table element";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Lists every kind in its order. A published code is never changed and never reused.
    #[test]
    fn codes_are_stable_and_unique() {
        let codes = [
            (Fault::TooLong, "text_too_long"),
            (Fault::TemplateTooLong, "template_too_long"),
            (Fault::TooDeep, "too_deep"),
            (Fault::NotUtf8, "not_utf_8"),
            (Fault::DefinedTwice, "defined_twice"),
            (Fault::NotATable, "not_a_table"),
            (Fault::MissingValue, "missing_value"),
            (Fault::MissingEquals, "missing_equals"),
            (Fault::ExtraEquals, "extra_equals"),
            (Fault::MissingKey, "missing_key"),
            (Fault::InvalidKey, "invalid_key"),
            (Fault::MultilineKey, "multiline_key"),
            (Fault::UnclosedHeader, "unclosed_header"),
            (Fault::UnopenedBracket, "unopened_bracket"),
            (Fault::UnopenedBrace, "unopened_brace"),
            (Fault::UnclosedArray, "unclosed_array"),
            (Fault::UnclosedInlineTable, "unclosed_inline_table"),
            (Fault::ArrayComma, "missing_array_comma"),
            (Fault::ArrayExtraComma, "extra_array_comma"),
            (Fault::ArrayEquals, "equals_in_array"),
            (Fault::TableComma, "missing_table_comma"),
            (Fault::TableExtraComma, "extra_table_comma"),
            (Fault::TableAssignment, "table_equals"),
            (Fault::TableElement, "missing_table_key"),
            (Fault::Trailing, "trailing_content"),
            (Fault::LineStart, "invalid_line_start"),
            (Fault::UnterminatedString, "unterminated_string"),
            (Fault::MissingOpeningQuote, "missing_opening_quote"),
            (Fault::UnquotedValue, "unquoted_value"),
            (Fault::UnquotedWords, "unquoted_words"),
            (Fault::InvalidCharacter, "invalid_character"),
            (Fault::InvalidEscape, "invalid_escape"),
            (Fault::InvalidUnicode, "invalid_unicode"),
            (Fault::BareCarriageReturn, "bare_carriage_return"),
            (Fault::CommentCharacter, "invalid_comment_character"),
            (Fault::InvalidNumber, "invalid_number"),
            (Fault::LeadingZero, "leading_zero"),
            (Fault::IntegerRange, "integer_out_of_range"),
            (Fault::FloatRange, "float_out_of_range"),
            (Fault::InvalidBoolean, "invalid_boolean"),
            (Fault::InvalidDatetime, "invalid_datetime"),
            (Fault::Other, "not_toml"),
        ];
        for (i, (fault, code)) in codes.into_iter().enumerate() {
            assert_eq!((fault as usize, fault.code()), (i, code));
        }
        assert_eq!(codes.len(), Fault::Other as usize + 1, "Other is the last one");
        let unique: BTreeSet<_> = codes.iter().map(|(_, code)| code).collect();
        assert_eq!(unique.len(), codes.len());
    }
}
