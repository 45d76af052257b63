//! The message and the hint of each kind of syntax error.
//!
//! A message says what is wrong, a hint how to fix it. Both are fixed texts, for an author who has
//! never seen TOML.

use crate::document::fault::Fault;
use crate::document::index::{MAX_DEPTH, MAX_LEN};

impl Fault {
    /// Returns the message and the hint, which may be empty.
    pub(crate) fn describe(self) -> (&'static str, &'static str) {
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
            Self::MissingEquals => {
                ("a key without `=`", "write `KEY = \"value\"`, or begin a comment with `#`")
            }
            Self::ExtraEquals => {
                ("one `=` too many", "write one `=`; a value that begins with `=` needs quotes")
            }
            Self::MissingKey => ("the name of a key is missing", "write `KEY = \"value\"`"),
            Self::InvalidKey => (
                "a key may hold the letters A to Z, digits, `_` and `-`",
                "put a name with another character between quotes, such as \"my key\"",
            ),
            Self::MultilineKey => ("a key between triple quotes", "use one quote at each end"),
            Self::UnclosedHeader => {
                ("a section header without its end", "write `[section]` or `[[list]]`")
            }
            Self::UnopenedBracket => ("a `]` without its `[`", "write `[` before it, or delete it"),
            Self::UnopenedBrace => ("a `}` without its `{`", "write `{` before it, or delete it"),
            Self::UnclosedArray => {
                ("an array without its closing `]`", "write `]` after its last value")
            }
            Self::UnclosedInlineTable => {
                ("an inline table without its closing `}`", "write `}` after its last value")
            }
            Self::ArrayComma => (
                "a comma is missing between two elements of an array",
                "write a comma between them",
            ),
            Self::ArrayExtraComma => ("a comma too many in an array", "delete the comma"),
            Self::ArrayEquals => (
                "an `=` inside an array",
                "close the array with `]` before it; a table goes between `{` and `}`",
            ),
            Self::TableComma => (
                "a comma is missing between two keys of an inline table",
                "write a comma between them",
            ),
            Self::TableExtraComma => ("a comma too many in an inline table", "delete the comma"),
            Self::TableAssignment => {
                ("an `=` is missing or doubled in an inline table", "write { key = \"value\" }")
            }
            Self::TableElement => (
                "a value without a key in an inline table",
                "write a table as { key = \"…\" }, and a list as [\"…\", \"…\"]",
            ),
            Self::Trailing => (
                "something follows the end of the line's value",
                "begin a comment with `#`, or put quotes around the whole value",
            ),
            Self::LineStart => ("a line cannot begin with `,`, `{` or `}`", "delete it"),
            Self::UnterminatedString => (
                "a text without its closing quote",
                "write the same quote after it; text of several lines goes between \"\"\" and \"\"\"",
            ),
            Self::MissingOpeningQuote => {
                ("a text without its opening quote", "write the same quote before it")
            }
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
                "delete it, write it as `\\\\`, or put the text between single quotes",
            ),
            Self::InvalidUnicode => (
                "an escape that names no Unicode character",
                "\\x takes two digits, \\u four, \\U eight",
            ),
            Self::BareCarriageReturn => {
                ("a carriage return without a line feed", "save the file with LF or CRLF line ends")
            }
            Self::CommentCharacter => ("a control character in a comment", "delete it"),
            Self::InvalidNumber => (
                "neither a number nor a date",
                "write a number as 1000 or 0.5; if it is text, put it between quotes",
            ),
            Self::LeadingZero => ("a number with a leading zero", QUOTE_TEXT),
            Self::IntegerRange => ("an integer outside 64 bits", QUOTE_TEXT),
            Self::FloatRange => ("a float outside 64 bits", QUOTE_TEXT),
            Self::InvalidBoolean => (
                "neither `true` nor `false`",
                "write `true` or `false` in lower case; if it is text, put it between quotes",
            ),
            Self::InvalidDatetime => (
                "not a date or time",
                "write a date as 2026-01-31; if it is text, put it between quotes",
            ),
            Self::CurlyQuote => ("a curly quote", r#"type the straight quote `"` in its place"#),
            Self::AngledQuote => ("an angled quote", r#"type the straight quote `"` in its place"#),
            Self::Backtick => (
                "a backtick or an accent in the place of a quote",
                r#"type the straight quote `"` in its place"#,
            ),
            Self::FullWidthEquals => ("a full-width `＝`", "type the ordinary `=` in its place"),
            Self::FullWidth => {
                ("a full-width character", "type the ordinary character in its place")
            }
            Self::NoBreakSpace => (
                "a no-break space, U+00A0, in the place of an ordinary one",
                "delete it and press the space bar",
            ),
            Self::SpecialSpace => {
                ("a space that is not the ordinary one", "delete it and press the space bar")
            }
            Self::InvisibleCharacter => (
                "a character of no width, such as U+200B, which cannot be seen",
                "delete it, or type the line again",
            ),
            Self::ByteOrderMark => (
                "a byte order mark, U+FEFF, which cannot be seen",
                "delete it, or type the line again",
            ),
            Self::ColonSign => {
                ("a `:` between key and value", r#"write `=` in its place: `KEY = "value"`"#)
            }
            Self::ColonSection => (
                "a name with `:` and without a value",
                r#"write a section as `[name]`, and a key as `KEY = "value"`"#,
            ),
            Self::WrongSign => {
                ("the sign between key and value is not `=`", r#"write `KEY = "value"`"#)
            }
            Self::JsonLine => (
                "a line of JSON",
                r#"write `KEY = "value"`, with `=` and without a comma at the end"#,
            ),
            Self::JsonDocument => (
                "JSON in the place of TOML",
                r#"write each entry as `KEY = "value"`; to keep the JSON as one text, write `KEY = '''` before it and `'''` after it"#,
            ),
            Self::JsonValue => {
                ("JSON as a value", "write ''' before it and ''' after it, and it is one text")
            }
            Self::YamlList => (
                "a list as in YAML, with `-` before each item",
                r#"write the list after its key: `KEY = ["…", "…"]`"#,
            ),
            Self::Separator => ("a line of `-` or other signs", "delete it"),
            Self::ShellWord => {
                ("a word before the key, as in a shell", r#"delete the word: `KEY = "value"`"#)
            }
            Self::DollarKey => ("a `$` before the key", r#"delete it: `KEY = "value"`"#),
            Self::WrongComment => {
                ("a comment that does not begin with `#`", "begin each of its lines with `#`")
            }
            Self::LineEndSign => ("a `,` or `;` at the end of the line", "delete it"),
            Self::UnescapedQuote => (
                r#"a `"` inside a text between `"` and `"`"#,
                r#"write `\"` in its place, or put the text between single quotes: '…'"#,
            ),
            Self::UnescapedApostrophe => (
                "an apostrophe inside a text between single quotes",
                r#"put the text between double quotes: "…""#,
            ),
            Self::DoubledQuotes => (
                "two quotes in the place of one",
                "write one quote before the text and one after it",
            ),
            Self::MixedQuotes => (
                "a text that begins with one kind of quote and ends with the other",
                "write the same quote at both ends",
            ),
            Self::MultilineText => (
                "a text of several lines between quotes for one line",
                r#"write three quotes before it and three after it: """…""""#,
            ),
            Self::UnclosedTriple => {
                ("a text without its three closing quotes", "write the same three quotes after it")
            }
            Self::UnquotedPem => (
                "a key or certificate without quotes",
                r#"write `KEY = """` before it and `"""` after it"#,
            ),
            Self::WindowsPath => (
                "a Windows path between double quotes",
                r#"put it between single quotes, 'C:\dir', or write each `\` as `\\`"#,
            ),
            Self::Null => (
                "TOML has no `null` and no `None`",
                r#"leave it out, or write `""` for an empty text"#,
            ),
            Self::ValueBelow => {
                ("a value on the line after its key", "write it on the line of the key, after `=`")
            }
            Self::HashValue => (
                "a key without a value, since `#` begins a comment",
                r##"if it is the value, put it between quotes: "#…"; for no value, write `= ""`"##,
            ),
            Self::KeyQuotes => (
                "a quote at the wrong place of a key",
                r#"put quotes around the value only: `KEY = "value"`"#,
            ),
            Self::KeySpace => (
                "a key with a space in it",
                r#"write `my_key`, or put it between quotes: `"my key" = …`"#,
            ),
            Self::EmptyPart => (
                "a dot without a name before it or after it",
                "write one dot between two names: `section.key`",
            ),
            Self::HeaderSpace => (
                "the name of a section with a space in it",
                r#"write `[my_section]`, or put the name between quotes: `["my section"]`"#,
            ),
            Self::HeaderContent => (
                "something follows the section header on its line",
                "write a key on a line of its own, below the header; delete anything else",
            ),
            Self::EmptyHeader => ("a section header without a name", "write `[section]`"),
            Self::Reference => (
                "a reference that nothing replaces",
                r#"write the value itself, between quotes: "…""#,
            ),
            Self::ProgramCode => (
                "code of a program, which is not run",
                r#"write `KEY = "value"`, with the value itself"#,
            ),
            Self::StringPrefix => ("a letter before the opening quote", "delete it"),
            Self::Parentheses => {
                ("parentheses around a value", r#"write a text as "…" and a list as ["…", "…"]"#)
            }
            Self::ListBrackets => {
                ("several values without brackets", r#"write a list as ["…", "…"]"#)
            }
            Self::HtmlEntity => (
                "a quote that is written as `&quot;` or another HTML entity",
                r#"type the quote `"` in its place"#,
            ),
            Self::Markup => ("a line of XML or HTML", r#"write `KEY = "value"`"#),
            Self::ConflictMarker => (
                "a line that marks a merge conflict",
                "keep one of the two versions, and delete the lines with `<<<`, `===` and `>>>`",
            ),
            Self::MarkdownFence => ("a line of Markdown", "delete the lines with ```"),
            Self::TwoKeys => ("a second key on the line", "write each key on its own line"),
            Self::YamlText => (
                "a text of several lines as in YAML",
                r#"write `KEY = """` before it and `"""` after it"#,
            ),
            Self::Dash => ("a dash that is not `-`", "type the ordinary `-` in its place"),
            Self::Other => ("not TOML", ""),
        }
    }
}
