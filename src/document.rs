//! Documents: one zeroized buffer of text, and an index of spans into it.

mod careful;
pub(crate) mod decode;
pub(crate) mod error;
mod fast;
pub(crate) mod fault;
pub(crate) mod index;
mod line;
mod mistake;
mod names;
mod node;
#[cfg(secrets_toml_readers)]
#[doc(hidden)]
pub mod readers;
mod recover;
mod report;
mod statement;
mod tree;

use toml_parser::Source;
use toml_parser::lexer::Token;
use toml_parser::parser::parse_document;
use zeroize::Zeroizing;

use crate::document::careful::Builder;
use crate::document::error::ParseError;
use crate::document::fault::Fault;
use crate::document::index::{Index, Kind, ROOT};
pub use crate::document::index::{MAX_DEPTH, MAX_LEN};
use crate::document::report::{Errors, GrammarErrors};
use crate::text::wiped::Wiped;

/// A parsed `secrets.toml`, with its values filled in or still blank.
///
/// A document holds its text and an index of the keys and values in it. Values are slices of the
/// text. A string with escapes is decoded once, into a second buffer. Both buffers are zeroized on
/// drop.
///
/// - Read values with [`get`](Self::get), [`find`](Self::find) and [`root`](Self::root), or into
///   your own types with [`deserialize`](Self::deserialize).
/// - Get environment variables with [`env`](Self::env), or the file that a Streamlit module reads
///   with [`for_streamlit`](Self::for_streamlit).
/// - Check that every value is filled in with [`validate`](Self::validate), or with
///   [`Template::validate`](crate::Template::validate) if you have a template.
///
/// # Syntax
///
/// The text is [TOML 1.1], which includes TOML 1.0. TOML leaves some choices to the parser. This
/// crate makes these:
///
/// - An integer outside 64 bits or a float that overflows is an error.
/// - A line ending inside a multi-line string reads as `\n`, even if the file has CRLF, which is
///   what a browser's form posts.
/// - A byte order mark at the start is skipped.
/// - A text has at most [`MAX_LEN`] bytes, and a value is at most [`MAX_DEPTH`] levels deep.
///
/// # Secrecy
///
/// `Debug` shows paths and kinds, never a value. It does not implement `Clone`, `Display` or
/// `Serialize`. The whole text is available from [`expose_text`](Self::expose_text) only.
///
/// # Examples
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
    /// Parses a text.
    ///
    /// A `String` is not copied. Its buffer is zeroized when the document is dropped, or at once if
    /// the text is not valid. To show an invalid text again, keep a copy and pass a `&str`.
    ///
    /// # Errors
    ///
    /// Returns all syntax errors of the text, at most one per line. One mistake is one error: if a
    /// quote or bracket is never closed, the error is at its place, and what follows it is read
    /// again from the next section header or `KEY =` at the start of a line.
    ///
    /// The rules on tables, such as "a key is defined once", are checked up to the first section
    /// header that has an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let error = Document::parse("PAT =\n").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "error: line 1, column 6: a key without a value\n  = help: write `= \"\"`\n",
    /// );
    /// ```
    pub fn parse(text: impl Into<String>) -> Result<Self, ParseError> {
        Self::read_wiped(Wiped::new(text.into()))
    }

    /// Parses a text from bytes, for example the contents of a file or the body of a request.
    ///
    /// The bytes are not copied. They are zeroized when the document is dropped, or at once if the
    /// text is not valid.
    ///
    /// # Errors
    ///
    /// Same as [`parse`](Self::parse). If the bytes are not UTF-8, the error has the position of
    /// the first invalid byte.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let document = Document::from_utf8(b"PORT = 80\n".to_vec())?;
    /// assert_eq!(document.get("PORT").and_then(|value| value.as_integer()), Some(80));
    ///
    /// let error = Document::from_utf8(b"PAT = \"\xFF\"\n".to_vec()).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "error: line 1, column 8: the text is not UTF-8\n  = help: save the file as UTF-8\n",
    /// );
    /// # Ok::<(), secrets_toml::ParseError>(())
    /// ```
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

    /// Parses a text that this crate has written.
    pub(crate) fn read_wiped(text: Wiped) -> Result<Self, ParseError> {
        Self::read(text, MAX_LEN, Fault::TooLong)
    }

    /// Parses a text of at most `limit` bytes. A longer text is the error `too_long`.
    pub(crate) fn read(text: Wiped, limit: usize, too_long: Fault) -> Result<Self, ParseError> {
        if text.len() > limit {
            let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
            return Err(ParseError::single(&text, end..text.len(), too_long));
        }
        if let Some((index, decoded)) = fast::read(&text) {
            return Ok(Self { text, decoded, index });
        }
        Self::read_carefully(text)
    }

    /// Reads any text, and reports its errors.
    fn read_carefully(text: Wiped) -> Result<Self, ParseError> {
        let tokens = lex(&text);
        let errors = Errors::new(&text);
        let mut builder = Builder::new(&text, &tokens, &errors);
        parse_document(&tokens, &mut builder, &mut GrammarErrors(&errors));
        let found = errors.take();
        if !found.is_empty() {
            return Err(match recover::mistakes(&text, &found) {
                Some(mistakes) => ParseError::new(&text, mistakes, |_| String::new()),
                None => ParseError::new(&text, found, |node| builder.path(node)),
            });
        }
        let (index, decoded) = builder.finish();
        Ok(Self { text, decoded, index })
    }

    /// Returns the whole text, byte for byte as it was parsed.
    ///
    /// It contains every secret. Copies that you make of it are not zeroized.
    ///
    /// Do not give this text to a Streamlit module; use [`for_streamlit`](Self::for_streamlit), for
    /// two reasons:
    ///
    /// - Streamlit sets the variables of its file and overwrites the environment. This undoes what
    ///   a query has overridden or removed (see [`Env`](crate::Env)).
    /// - Streamlit's parser rejects the syntax that is new in TOML 1.1.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The decoded key of a node in a table.
    pub(crate) fn key(&self, node: u32) -> &str {
        self.index.key(node, &self.text, &self.decoded)
    }

    /// The decoded content of a string, or the digits of a float without `_`.
    pub(crate) fn content(&self, node: u32) -> &str {
        self.index.node(node).value().of(&self.text, &self.decoded)
    }

    /// Returns `true` if a key is written without quotes, and so has only letters, digits, `_` and
    /// `-`.
    pub(crate) fn is_bare(&self, node: u32) -> bool {
        let start = self.index.node(node).key_span.start as usize;
        !matches!(self.text.as_bytes().get(start), Some(b'"' | b'\''))
    }

    /// Returns `true` if a header can name this table: neither it nor a table around it is an
    /// inline table or an element of an array, and no dotted key made it.
    pub(crate) fn takes_header(&self, table: u32) -> bool {
        self.index.node(table).kind == Kind::Table
            && !self.index.is_dotted(table)
            && !self.index.is_element(table)
            && !self.is_inline(table)
    }

    /// Returns `true` if the node is inside an inline table or an array, where headers cannot be.
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

    /// Returns the child of the root that contains a node, or is that node. Returns the root for
    /// itself.
    pub(crate) fn root_of(&self, mut node: u32) -> u32 {
        while self.index.node(node).parent != ROOT {
            node = self.index.node(node).parent;
        }
        node
    }

    /// Returns `true` if a string is a slice of the text, because it has no escapes.
    pub(crate) fn is_verbatim(&self, node: u32) -> bool {
        self.index.node(node).value().is_in_text()
    }

    /// The value as it is written, including quotes.
    pub(crate) fn raw(&self, node: u32) -> &str {
        &self.text[self.index.node(node).span.range()]
    }

    pub(crate) fn child(&self, table: u32, key: &str) -> Option<u32> {
        self.index.child(table, key, &self.text, &self.decoded)
    }

    /// The values that are not tables and not arrays, in the order of the text.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = u32> + '_ {
        (1..self.index.len()).filter(|&node| {
            let kind = self.index.node(node).kind;
            !kind.is_table() && !kind.is_array()
        })
    }
}

/// Returns the tokens of a text.
///
/// A text has at most one token per byte, and seldom half as many. So there are at most two
/// allocations.
pub(crate) fn lex(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 2 + 2);
    tokens.extend(Source::new(text).lex());
    tokens
}
