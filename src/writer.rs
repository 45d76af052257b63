//! Writes canonical TOML from an index, into one zeroized buffer of exact size.
//!
//! The text is written in two passes by the same code: the first counts its bytes, the second
//! writes them into a buffer of that size. A buffer that grew would leave copies of the secrets in
//! freed memory, and a size that was computed by other code could differ from what is written.
//!
//! The text is TOML 1.0, and two parsers must read it the same. Streamlit has used Python's
//! `tomllib` since version 1.66, and [`toml` 0.10.2] from PyPI before. The latter splits lines at
//! quotes, commas and brackets, and so misreads much of TOML. The spellings that both read the same
//! are these:
//!
//! - Every table has a header, even if it was an inline table or an element of an array, since
//!   `toml` mixes up tables without one. The exceptions are tables in an array in an array, and
//!   those in an array that also has other elements.
//! - Every string is on one line. If it was written on one line and without escapes, it keeps its
//!   spelling. Otherwise it has the first of these spellings that can represent it: `"…"` without
//!   an escape, `'…'`, `"…"`, and `"""…"""` if it begins with two quotes, since `toml` reads
//!   `"\"\"…"` as an empty string.
//! - In an array, a string is `"…"`, and `'#,=[]{}` in it are escaped.
//! - A key is bare, or quoted like a string. Before a value, a key with `\` and without a dot is
//!   `"…"`, because there `toml` decodes escapes in `'…'`. In a header it does not.
//! - A number has no `+`. A time has seconds. A fraction of a second has six digits, as many as
//!   Python keeps. An offset of zero is `Z`, not `z`.
//!
//! [`toml` 0.10.2]: https://github.com/uiri/toml/blob/0.10.2/toml/decoder.py

#[cfg(feature = "files")]
pub(crate) mod texts;

use crate::document::index::{Kind, ROOT};
use crate::document::{Document, MAX_LEN};
use crate::text::bytes::is_bare;
use crate::text::wiped::Wiped;

/// An entry of the root table to be written: a child of a document's root, or a key with a text.
///
/// This is a struct without padding and not an enum on purpose. A short variant of an enum would
/// leave stale bytes of the stack in the list of entries, and these could be part of a secret.
pub(crate) struct RootEntry<'a> {
    document: &'a Document,
    /// The child of the root, or `ROOT` for a key with a text.
    node: u32,
    /// 1 if the text is written as a number, 0 if it is written as a string. (A `bool` would make
    /// padding.)
    number: u32,
    key: &'a str,
    value: &'a str,
}

impl<'a> RootEntry<'a> {
    /// A child of the document's root, with its own value.
    pub(crate) fn node(document: &'a Document, node: u32) -> Self {
        Self { document, node, number: 0, key: "", value: "" }
    }

    /// A key with a text that is written as a string.
    pub(crate) fn string(document: &'a Document, key: &'a str, value: &'a str) -> Self {
        Self { document, node: ROOT, number: 0, key, value }
    }

    /// A key with a text that is written as a number, and must be one in TOML's spelling.
    pub(crate) fn number(document: &'a Document, key: &'a str, value: &'a str) -> Self {
        Self { document, node: ROOT, number: 1, key, value }
    }

    fn is_section(&self) -> bool {
        self.node != ROOT && is_section(self.document, self.node)
    }
}

/// The text would exceed [`MAX_LEN`].
#[derive(Debug)]
pub(crate) struct TooLong;

/// The spelling of dates and times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dates {
    /// In TOML 1.0, with the six digits of a second that Python keeps.
    ForPython,
    /// As in the document, since TOML 1.0 has no spelling for some of them.
    AsWritten,
}

/// Writes a root table: first the values, then the tables, each in the order of `entries`.
///
/// In every table the values come first, too, since what follows a table's header belongs to it. No
/// two entries may have the same key.
pub(crate) fn write(entries: &[RootEntry<'_>], dates: Dates) -> Result<Wiped, TooLong> {
    let mut counter = Writer::new(Counter(0), dates);
    counter.root(entries)?;
    let mut writer = Writer::new(Wiped::with_capacity(counter.sink.0), dates);
    writer.root(entries)?;
    debug_assert!(writer.sink.len() == counter.sink.0, "both passes write the same");
    Ok(writer.sink)
}

/// The destination of the text: a counter in the first pass, a buffer in the second.
trait Sink {
    fn put(&mut self, text: &str) -> Result<(), TooLong>;
}

/// Counts bytes. It fails at the limit, so that a text that is too long takes no longer than one
/// that is not.
struct Counter(usize);

impl Sink for Counter {
    #[inline]
    fn put(&mut self, text: &str) -> Result<(), TooLong> {
        self.0 += text.len();
        if self.0 <= MAX_LEN { Ok(()) } else { Err(TooLong) }
    }
}

impl Sink for Wiped {
    #[inline]
    fn put(&mut self, text: &str) -> Result<(), TooLong> {
        if self.push_str(text) { Ok(()) } else { Err(TooLong) }
    }
}

struct Writer<S> {
    sink: S,
    /// The tables around what is being written, for its header: nodes of one document, the
    /// outermost first.
    path: Vec<u32>,
    dates: Dates,
}

impl<S: Sink> Writer<S> {
    fn new(sink: S, dates: Dates) -> Self {
        Self { sink, path: Vec::new(), dates }
    }

    fn put(&mut self, text: &str) -> Result<(), TooLong> {
        self.sink.put(text)
    }

    fn root(&mut self, entries: &[RootEntry<'_>]) -> Result<(), TooLong> {
        for entry in entries.iter().filter(|entry| !entry.is_section()) {
            if entry.node != ROOT {
                self.pair(entry.document, entry.node)?;
            } else {
                self.name(entry.key)?;
                self.put(" = ")?;
                match entry.number {
                    0 => self.string(entry.value)?,
                    _ => self.put(entry.value)?,
                }
            }
            self.put("\n")?;
        }
        for entry in entries.iter().filter(|entry| entry.is_section()) {
            self.section(entry.document, entry.node)?;
        }
        Ok(())
    }

    /// Writes a table or an array of tables, with its headers.
    fn section(&mut self, document: &Document, node: u32) -> Result<(), TooLong> {
        self.path.push(node);
        if document.index().node(node).kind.is_array() {
            for &element in document.index().children(node) {
                self.header(document, "[[", "]]\n")?;
                self.body(document, element)?;
            }
        } else {
            self.header(document, "[", "]\n")?;
            self.body(document, node)?;
        }
        self.path.pop();
        Ok(())
    }

    /// Writes the header of the table at `path`.
    fn header(&mut self, document: &Document, open: &str, close: &str) -> Result<(), TooLong> {
        self.put(open)?;
        for i in 0..self.path.len() {
            if i > 0 {
                self.put(".")?;
            }
            let key = self.path[i];
            if document.is_bare(key) {
                self.put(document.key(key))?;
            } else {
                self.name_in_header(document.key(key))?;
            }
        }
        self.put(close)
    }

    /// Writes the contents of a table: its values, then the tables in it.
    fn body(&mut self, document: &Document, table: u32) -> Result<(), TooLong> {
        let children = document.index().children(table);
        for &child in children {
            if !is_section(document, child) {
                self.pair(document, child)?;
                self.put("\n")?;
            }
        }
        for &child in children {
            if is_section(document, child) {
                self.section(document, child)?;
            }
        }
        Ok(())
    }

    /// Writes a key and its value, which is not a table with a header.
    fn pair(&mut self, document: &Document, node: u32) -> Result<(), TooLong> {
        self.key(document, node)?;
        self.put(" = ")?;
        if document.index().node(node).kind != Kind::String {
            return self.value(document, node);
        }
        match as_written(document, node) {
            Some(raw) => self.put(raw),
            None => self.string(document.content(node)),
        }
    }

    /// Writes a value that is not a string, or is in an array.
    fn value(&mut self, document: &Document, node: u32) -> Result<(), TooLong> {
        let raw = document.raw(node);
        match document.index().node(node).kind {
            Kind::String => {
                let content = document.content(node);
                let escaped = content.bytes().any(|byte| needs_escape(byte) || is_structure(byte));
                match as_written(document, node) {
                    Some(raw) if !escaped => self.put(raw),
                    _ => self.basic(content, is_structure),
                }
            }
            Kind::Integer | Kind::Float => self.put(raw.strip_prefix('+').unwrap_or(raw)),
            Kind::Boolean => self.put(raw),
            Kind::Datetime if self.dates == Dates::AsWritten => self.put(raw),
            Kind::Datetime => self.datetime(raw),
            Kind::Array | Kind::ArrayOfTables => {
                self.put("[")?;
                for (i, &element) in document.index().children(node).iter().enumerate() {
                    self.put(if i > 0 { ", " } else { "" })?;
                    self.value(document, element)?;
                }
                self.put("]")
            }
            // A `Kind::Table` here was made by a dotted key inside an inline table.
            Kind::InlineTable | Kind::Table => {
                let children = document.index().children(node);
                self.put("{")?;
                for (i, &child) in children.iter().enumerate() {
                    self.put(if i > 0 { ", " } else { " " })?;
                    self.key(document, child)?;
                    self.put(" = ")?;
                    self.value(document, child)?;
                }
                self.put(if children.is_empty() { "}" } else { " }" })
            }
        }
    }

    /// Writes the key before a value.
    fn key(&mut self, document: &Document, node: u32) -> Result<(), TooLong> {
        let key = document.key(node);
        if document.is_bare(node) { self.put(key) } else { self.name(key) }
    }

    /// Writes a key that may need quotes, before a value.
    fn name(&mut self, key: &str) -> Result<(), TooLong> {
        if key.contains('\\') && !key.contains('.') {
            self.escaped("\"", key, |_| false)
        } else {
            self.name_in_header(key)
        }
    }

    /// Writes a key that may need quotes, in a header.
    fn name_in_header(&mut self, key: &str) -> Result<(), TooLong> {
        if !key.is_empty() && key.bytes().all(is_bare) {
            self.put(key)
        } else if is_literal(key) {
            self.literal(key)
        } else {
            self.escaped("\"", key, |_| false)
        }
    }

    /// Writes a string that is not in an array.
    fn string(&mut self, text: &str) -> Result<(), TooLong> {
        if is_literal(text) { self.literal(text) } else { self.basic(text, |_| false) }
    }

    /// Writes a literal string, `'…'`.
    fn literal(&mut self, text: &str) -> Result<(), TooLong> {
        self.put("'")?;
        self.put(text)?;
        self.put("'")
    }

    /// Writes a basic string, `"…"`, on one line. Escapes the bytes for which `also` is true,
    /// besides those that need it.
    fn basic(&mut self, text: &str, also: fn(u8) -> bool) -> Result<(), TooLong> {
        let is_empty_to_toml = text == "\"" || text.starts_with("\"\"");
        self.escaped(if is_empty_to_toml { "\"\"\"" } else { "\"" }, text, also)
    }

    /// Writes a basic string with the given quotes.
    fn escaped(&mut self, quotes: &str, text: &str, also: fn(u8) -> bool) -> Result<(), TooLong> {
        self.put(quotes)?;
        let mut written = 0;
        for (at, byte) in text.bytes().enumerate() {
            if !needs_escape(byte) && !also(byte) {
                continue;
            }
            let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
            let code = [b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)];
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                _ => std::str::from_utf8(&code).unwrap_or_default(),
            };
            self.put(&text[written..at])?;
            self.put(escape)?;
            written = at + 1;
        }
        self.put(&text[written..])?;
        self.put(quotes)
    }

    /// Writes a date or time. Adds the seconds that `07:32` and `1979-05-27 07:32Z` lack.
    fn datetime(&mut self, raw: &str) -> Result<(), TooLong> {
        const ZEROS: &str = "000000";
        let Some(colon) = raw.find(':') else { return self.put(raw) };
        let (minutes, behind) = raw.split_at(colon + ":00".len());
        self.put(minutes)?;
        let seconds = if behind.starts_with(':') { ":00".len() } else { 0 };
        let (seconds, behind) = behind.split_at(seconds);
        self.put(if seconds.is_empty() { ":00" } else { seconds })?;
        let fraction = behind.strip_prefix('.').unwrap_or_default();
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let offset = if digits > 0 {
            let kept = digits.min(ZEROS.len());
            self.put(".")?;
            self.put(&fraction[..kept])?;
            self.put(&ZEROS[kept..])?;
            &fraction[digits..]
        } else {
            behind
        };
        self.put(if offset == "z" { "Z" } else { offset })
    }
}

/// Returns a string with its quotes as it is written, if it is on one line and has no escapes.
fn as_written(document: &Document, node: u32) -> Option<&str> {
    let raw = document.raw(node);
    // Not with three quotes at each end: such a string may have several lines.
    let has_one_quote = || raw.len() == document.content(node).len() + "''".len();
    (document.is_verbatim(node) && has_one_quote()).then_some(raw)
}

/// Returns `true` for a byte that a basic string cannot contain unescaped.
fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1F | 0x7F)
}

/// Returns `true` for a byte that `toml` takes for structure even in a string, if it is in an
/// array.
fn is_structure(byte: u8) -> bool {
    b"'#,=[]{}".contains(&byte)
}

/// Returns `true` if a basic string would need escapes and a literal string can represent the text.
fn is_literal(text: &str) -> bool {
    let is_control = |byte: u8| byte < 0x20 || byte == 0x7F;
    text.bytes().any(needs_escape) && !text.bytes().any(|byte| byte == b'\'' || is_control(byte))
}

/// Returns `true` if a node is written as a table with a header.
fn is_section(document: &Document, node: u32) -> bool {
    let index = document.index();
    match index.node(node).kind {
        Kind::Table | Kind::InlineTable | Kind::ArrayOfTables => true,
        Kind::Array => {
            let elements = index.children(node);
            let is_table = |&element: &u32| index.node(element).kind.is_table();
            !elements.is_empty() && elements.iter().all(is_table)
        }
        _ => false,
    }
}
