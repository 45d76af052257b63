//! Masking what a module prints: no secret gets into a log.
//!
//! A module prints its token sooner or later, and the platform shows its log. A [`Masker`] has the
//! values of documents, with the spellings that encoders and printers make of them, and replaces each in
//! a text or a stream.
//!
//! # The law
//!
//! The patterns are the values and their spellings. For a text, masked are
//!
//! - all occurrences of all patterns, and
//! - the longest end of the text that is the beginning of a pattern, but not all of it, if it has at
//!   least [`MIN_MASKED_LEN`] bytes.
//!
//! Overlapping and adjacent parts are one run. The output is the text with one mask in the place of each
//! run. A mask is three times a character that is in no pattern: `***`, unless a value has a `*`. Hence
//!
//! - the output does not depend on how the text is cut into pieces,
//! - no pattern is in the output,
//! - all other bytes are unchanged, even if they are not UTF-8.
//!
//! # Spellings
//!
//! | spelling | of the value `it's "ü"` |
//! |---|---|
//! | the value, and with `\r\n` for `\n` | `it's "ü"` |
//! | each line of a value of several lines, except for PEM's first and last | |
//! | JSON by `json.dumps` and `JSON.stringify`, also with `\/`, and `\u` in both cases | `it's \"\u00fc\"`, `it's \"ü\"` |
//! | in URLs: `quote`, also without safe characters, `quote_plus`, `encodeURIComponent`, in both cases | `it%27s+%22%C3%BC%22` |
//! | base64 and base64url, wherever the value begins in what is encoded | `aXQncyAiw7wi` |
//! | hexadecimal, in both cases | `697427732022c3bc22` |
//! | Python's `repr` | `it\'s "ü"` |
//! | Rust's `{:?}` | `it's \"ü\"` |
//! | in single quotes of a shell, by `'\''` or `'"'"'` | `it'\''s "ü"` |
//!
//! A spelling or a line counts if it has at least 8 bytes. If a value is a JSON document, such as the key of
//! a service account, all of this holds for its strings, too, except for the keys of objects.
//!
//! # Not promised
//!
//! - Values of fewer than [`MIN_MASKED_LEN`] bytes, numbers, booleans and dates are not masked, since
//!   they would be found in any text. [`Masker::skipped`] names them.
//! - Spellings of spellings are not found, such as base64 of JSON, nor a value with anything in it, such
//!   as the line breaks of base64 in an e-mail.
//! - Of a value in base64, up to two bytes at each end remain: characters that also depend on the bytes
//!   beside the value.
//! - Values of more than 16 KiB are masked as they are and by their lines, not in other spellings.
//! - A module that wants to show its secrets can do so.
//!
//! # Memory
//!
//! A masker takes about 20 bytes for each byte of the patterns, and twice as many while it is made. All of it is
//! zeroized. A stream keeps no text: the bytes that wait are those of a pattern.

mod automaton;
mod error;
mod filter;
mod json;
mod limits;
mod masking;
mod pace;
mod patterns;
mod runs;
mod spelling;
mod tree;
mod values;
mod writer;

use std::borrow::Cow;
use std::fmt;
use std::io::Write;
use std::sync::Arc;

use crate::document::Document;
use crate::mask::automaton::Automaton;
pub use crate::mask::error::MaskerError;
use crate::mask::filter::Filter;
pub use crate::mask::limits::{MAX_PATTERNS_LEN, MIN_MASKED_LEN};
pub use crate::mask::masking::Masking;
use crate::mask::masking::Search;
use crate::mask::patterns::Patterns;
use crate::mask::values::Values;
pub use crate::mask::writer::MaskingWriter;
use crate::template::Template;

/// Masks the values of documents in texts and streams.
///
/// See [the module](crate::mask) for what is masked.
///
/// # Examples
///
/// ```
/// use secrets_toml::Document;
/// use secrets_toml::mask::Masker;
///
/// let document = Document::parse("PAT = 'hunter2'\nPORT = 8501\n[db]\npin = '1234'\n")?;
/// let masker = Masker::new(&[&document])?;
/// assert_eq!(masker.mask("GET /?pat=hunter2 HTTP/1.1"), "GET /?pat=*** HTTP/1.1");
/// assert_eq!(masker.mask("Basic OmNsYXJpZmFpOmh1bnRlcjI="), "Basic OmNsYXJpZmFpOm***I=");
/// assert_eq!(masker.skipped().collect::<Vec<_>>(), ["PORT", "db.pin"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Masker {
    search: Arc<Search>,
    skipped: Vec<String>,
}

impl Masker {
    /// Makes a masker of the strings of some documents, those in arrays and tables included.
    ///
    /// Give it all documents whose values the output may have: that of the owner and that of a visitor, and
    /// after a reload the old and the new one.
    ///
    /// # Errors
    ///
    /// Returns [`MaskerError`] if the values and their spellings have more than [`MAX_PATTERNS_LEN`] bytes.
    pub fn new(documents: &[&Document]) -> Result<Self, MaskerError> {
        Self::of(Values::new(documents, None))
    }

    /// Makes a masker of the values that are secret by a template.
    ///
    /// It leaves out a string that equals the template's default if the variable is not
    /// [secret](crate::Variable::is_secret), such as the name of a model. It masks a number if its
    /// variable is marked `@secret`, as it is written and as Python prints it.
    ///
    /// # Errors
    ///
    /// Same as [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::mask::Masker;
    /// use secrets_toml::{Document, Template};
    ///
    /// let template = Template::parse("PAT = ''\nMODEL = 'general'\nPIN = 0 # @secret\n")?;
    /// let document = Document::parse("PAT = 'hunter2'\nMODEL = 'general'\nPIN = 4_711_000\n")?;
    /// let masker = Masker::for_template(&[&document], &template)?;
    /// assert_eq!(masker.mask("general: hunter2, 4711000"), "general: ***, ***");
    /// assert_eq!(masker.skipped().collect::<Vec<_>>(), ["MODEL"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_template(documents: &[&Document], template: &Template) -> Result<Self, MaskerError> {
        Self::of(Values::new(documents, Some(template)))
    }

    fn of(mut values: Values<'_>) -> Result<Self, MaskerError> {
        let skipped = std::mem::take(&mut values.skipped);
        let patterns = Patterns::new(&values.texts())?;
        let (automaton, filter) = (Automaton::new(&patterns), Filter::new(&patterns));
        let mask = patterns.mask();
        Ok(Self { search: Arc::new(Search { patterns, automaton, filter, mask }), skipped })
    }

    /// Masks a text. Returns it as it is if there is nothing to mask.
    #[must_use]
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut masked = Vec::with_capacity(text.len());
        let mut masking = self.masking();
        masking.push(text.as_bytes(), &mut masked);
        masking.finish(&mut masked);
        if masked == text.as_bytes() {
            return Cow::Borrowed(text);
        }
        // Patterns are UTF-8, so what is left of a text is, too.
        let masked = String::from_utf8(masked);
        Cow::Owned(
            masked.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        )
    }

    /// Returns a writer that masks what is written to it, and writes the rest to `writer`.
    pub fn writer<W: Write>(&self, writer: W) -> MaskingWriter<W> {
        MaskingWriter::new(self.masking(), writer)
    }

    /// Returns the core of a masked stream, which does no I/O.
    #[must_use]
    pub fn masking(&self) -> Masking {
        Masking::new(Arc::clone(&self.search))
    }

    /// The text in the place of each masked run.
    ///
    /// It is three times the first character that is in no pattern, of `*`, `•`, `#`, and the characters from
    /// U+2500 on.
    #[must_use]
    pub fn replacement(&self) -> &str {
        &self.search.mask
    }

    /// The paths of the values that are not masked, each once, in the order of the documents.
    ///
    /// A path is written as a [`KeyPath`](crate::KeyPath).
    pub fn skipped(&self) -> impl ExactSizeIterator<Item = &str> {
        self.skipped.iter().map(String::as_str)
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker").field("skipped", &self.skipped).finish_non_exhaustive()
    }
}
