//! The errors of the parser, and the kinds that replace them.

use toml_parser::Expected;

use crate::document::fault::Fault;

/// The error after which the parser skips an array or inline table without reporting its start.
pub(crate) const MISSING_INLINE_KEY: &str = "missing key for inline table element";

impl Fault {
    /// Returns the kind of an error of the parser, or `None` if another error reports the same.
    pub(crate) fn of(error: &toml_parser::ParseError) -> Option<Self> {
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
}
