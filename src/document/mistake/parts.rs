//! The parts of a line, and a mistake in it.

use std::ops::Range;

use crate::document::fault::Fault;
use crate::document::line;
use crate::text::bytes::is_bare;

/// A mistake: its place in the statement, and its kind.
pub(crate) type Mistake = (Range<usize>, Fault);

/// The parts of a line: `KEY`, `=` and the value. Offsets are those of its text.
pub(super) struct Line<'s> {
    /// The line without the blanks at its end. Of a statement of several lines, all of it.
    pub(super) text: &'s str,
    /// The offset of the key, or of whatever comes first.
    pub(super) body: usize,
    /// The range of the sign. If the line has none, it is the end of the line.
    pub(super) sign: Range<usize>,
    /// The offset of the value, or of the end.
    pub(super) value: usize,
}

impl<'s> Line<'s> {
    pub(super) fn new(text: &'s str) -> Self {
        let text = text.trim_end_matches(['\n', '\r', ' ', '\t']);
        let sign = line::sign(text).unwrap_or(text.len()..text.len());
        let value = sign.end + line::body(&text[sign.end..]);
        Self { text, body: line::body(text), sign, value }
    }

    pub(super) fn body(&self) -> &'s str {
        &self.text[self.body..]
    }

    /// The key as it is written, with what comes before it.
    pub(super) fn key(&self) -> &'s str {
        self.text[self.body.min(self.sign.start)..self.sign.start].trim_end_matches(line::is_blank)
    }

    pub(super) fn sign(&self) -> &'s str {
        &self.text[self.sign.clone()]
    }

    pub(super) fn value(&self) -> &'s str {
        &self.text[self.value..]
    }

    /// Returns the place from an offset to the end.
    pub(super) fn from(&self, start: usize) -> Range<usize> {
        start..self.text.len()
    }

    /// Returns the same line with another start of the value.
    pub(super) fn at(&self, value: usize) -> Self {
        Self { text: self.text, body: self.body, sign: self.sign.clone(), value }
    }
}

/// Returns the part of a key before its first character that is not one of a dotted key. Returns
/// `None` if the key begins with a quote.
pub(super) fn unquoted(key: &str) -> Option<&str> {
    let end = key.bytes().take_while(|&byte| is_bare(byte) || byte == b'.').count();
    (!key.starts_with(['"', '\''])).then_some(&key[..end])
}
