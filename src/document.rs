//! A document: one wiped buffer of text and an index of spans into it.

mod builder;
pub(crate) mod decode;
pub(crate) mod error;
pub(crate) mod fault;
pub(crate) mod index;
mod report;

use toml_parser::Source;
use toml_parser::lexer::Token;
use toml_parser::parser::parse_document;
use zeroize::Zeroizing;

use crate::document::builder::Builder;
use crate::document::error::ParseError;
use crate::document::fault::Fault;
use crate::document::index::{Index, Kind, ROOT};
pub use crate::document::index::{MAX_DEPTH, MAX_LEN};
use crate::document::report::{Errors, GrammarErrors};
use crate::text::wiped::Wiped;

/// A well-formed TOML text that has been read: a file of secrets, filled in or not.
///
/// It owns the text in one buffer that is wiped on drop, and an index of where things stand in it;
/// values are slices of that buffer. What is a string with escapes stands decoded in a second
/// buffer, wiped too.
///
/// The language is [TOML 1.1], and so TOML 1.0. Where the two leave a choice: integers outside 64
/// bits and floats that overflow are refused, line ends inside multi-line strings read as `\n`
/// whatever the file used (a browser's form posts CRLF), and a byte order mark is accepted.
///
/// `Debug` shows paths and kinds, never a value. There is no `Clone`, no `Display` and no
/// `Serialize`: [`expose_text`](Self::expose_text) is the one door.
///
/// ```
/// use secrets_toml::Document;
///
/// let document = Document::parse(r#"
/// CLARIFAI_PAT = "hunter2"
///
/// [db_credentials]
/// username = "gateway"
/// "#)?;
///
/// assert_eq!(document.get("CLARIFAI_PAT").and_then(|value| value.as_str()), Some("hunter2"));
/// let username = document.find("db_credentials.username").and_then(|value| value.as_str());
/// assert_eq!(username, Some("gateway"));
/// assert_eq!(
///     format!("{document:?}"),
///     r#"Document { "CLARIFAI_PAT": string, "db_credentials.username": string }"#,
/// );
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
///
/// [TOML 1.1]: https://toml.io/en/v1.1.0
pub struct Document {
    text: Wiped,
    decoded: Wiped,
    index: Index,
}

impl Document {
    /// Reads a text. A `String` gives up its own buffer, which is wiped whether or not it is
    /// accepted; to show a text again after it was refused, keep your own and pass `&str`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text, at most one error a line. Rules on tables (a key
    /// defined twice) are checked up to the first error that leaves the structure open, such as
    /// an array that is never closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let error = Document::parse("PAT =\n").unwrap_err();
    /// assert_eq!(error.to_string(), "line 1, column 6: a key without a value (write `= \"\"`)");
    /// ```
    pub fn parse(text: impl Into<String>) -> Result<Self, ParseError> {
        Self::read_wiped(Wiped::new(text.into()))
    }

    /// Reads a text from bytes, as a file or a request body gives them. They are wiped, whether
    /// or not they are accepted.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse); where the bytes are not UTF-8, the position of the first that
    /// is not.
    pub fn from_utf8(bytes: Vec<u8>) -> Result<Self, ParseError> {
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let bytes = Zeroizing::new(error.into_bytes());
                let text = std::str::from_utf8(&bytes[..valid]).unwrap_or_default();
                Err(ParseError::single(text, valid..valid, Fault::NotUtf8))
            }
        }
    }

    /// Reads a text that this crate put together.
    pub(crate) fn read_wiped(text: Wiped) -> Result<Self, ParseError> {
        Self::read(text, MAX_LEN, Fault::TooLong)
    }

    /// Reads a text of at most `limit` bytes.
    pub(crate) fn read(text: Wiped, limit: usize, too_long: Fault) -> Result<Self, ParseError> {
        if text.len() > limit {
            let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
            return Err(ParseError::single(&text, end..text.len(), too_long));
        }
        let tokens = lex(&text);
        let errors = Errors::new(&text);
        let mut builder = Builder::new(&text, &tokens, &errors);
        parse_document(&tokens, &mut builder, &mut GrammarErrors(&errors));
        errors.check(|node| builder.path(node))?;
        let (index, decoded) = builder.finish();
        Ok(Self { text, decoded, index })
    }

    /// The text, byte for byte as it was read. This is the one door to all of it at once: what is
    /// done with it is not wiped here.
    ///
    /// It is not what a Streamlit module is to read: Streamlit sets the variables of its file over the
    /// environment, which undoes what a query has overridden or displaced, and its reader refuses the
    /// syntax that TOML 1.1 added. [`for_streamlit`](Self::for_streamlit) makes the file's text, and
    /// [`Env`] has the source.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The key of a node that stands in a table, as it is meant.
    pub(crate) fn key(&self, node: u32) -> &str {
        self.index.key(node, &self.text, &self.decoded)
    }

    /// The content of a string, or the digits of a float without `_`.
    pub(crate) fn content(&self, node: u32) -> &str {
        self.index.node(node).value.of(&self.text, &self.decoded)
    }

    /// Whether a key is written without quotes, and so holds letters, digits, `_` and `-` only.
    pub(crate) fn is_bare(&self, node: u32) -> bool {
        let start = self.index.node(node).key_span.start as usize;
        !matches!(self.text.as_bytes().get(start), Some(b'"' | b'\''))
    }

    /// Returns `true` if a table can be named by a header: it is no inline table, no element, not made
    /// by a dotted key, and not inside of any.
    pub(crate) fn takes_header(&self, table: u32) -> bool {
        self.index.node(table).kind == Kind::Table
            && !self.index.is_dotted(table)
            && !self.index.is_element(table)
            && !self.is_inline(table)
    }

    /// Returns `true` if the node is inside an inline table or an array, where no header can be.
    pub(crate) fn is_inline(&self, mut node: u32) -> bool {
        while node != ROOT {
            node = self.index.node(node).parent;
            if matches!(self.index.node(node).kind, Kind::InlineTable | Kind::Array)
                || self.index.is_element(node)
            {
                return true;
            }
        }
        false
    }

    /// Whether a string stands in the text as it is meant, without an escape.
    pub(crate) fn is_verbatim(&self, node: u32) -> bool {
        self.index.node(node).value.is_in_text()
    }

    /// The value as it is written.
    pub(crate) fn raw(&self, node: u32) -> &str {
        &self.text[self.index.node(node).span.range()]
    }

    pub(crate) fn child(&self, table: u32, key: &str) -> Option<u32> {
        self.index.child(table, key, &self.text, &self.decoded)
    }

    /// Every value that is no table and no array, in the order of the text.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = u32> + '_ {
        (1..self.index.len()).filter(|&node| {
            let kind = self.index.node(node).kind;
            !kind.is_table() && !kind.is_array()
        })
    }
}

/// The tokens of a text, in at most two allocations: there are at most as many tokens as bytes, and
/// seldom half as many.
pub(crate) fn lex(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 2 + 2);
    tokens.extend(Source::new(text).lex());
    tokens
}
