//! Canonical TOML: what an index holds, written anew into one wiped buffer of exact size.
//!
//! Everything is written twice, with the same code: first into a counter, then into a buffer that
//! has room for what was counted.
//!
//! The text is TOML 1.0, for two readers. Streamlit has read its secrets with Python's `tomllib` since
//! 1.66, and before with PyPI's [`toml` 0.10.2], which splits lines at quotes, commas and brackets and
//! so misreads much of TOML. Where both read one spelling the same, that one is written:
//!
//! - Every table has a header, inline tables and those in an array too, unless they are in an array
//!   in an array or beside something else. `toml` mixes up tables that no header named.
//! - Every string is on one line: as it is written if it is and has no escapes, else in the first of
//!   these that can hold it: `"…"` without an escape, `'…'`, `"…"`, and `"""…"""` if it begins with
//!   two quotes, since `toml` reads `"\"\"…"` as an empty string.
//! - In an array a string is `"…"`, and `'#,=[]{}` in it are escaped.
//! - A key is bare, or quoted like a string. `toml` decodes escapes in `'…'`, unless the key has a dot,
//!   and never in a header: a key with `\` and without a dot is `"…"` before a value.
//! - A number has no `+`. A time has seconds; their fraction has six digits, as many as Python keeps.
//!   Its offset of zero is `Z`, not `z`.
//!
//! [`toml` 0.10.2]: https://github.com/uiri/toml/blob/0.10.2/toml/decoder.py

use crate::document::index::{Kind, ROOT};
use crate::document::{Document, MAX_LEN};
use crate::text::bytes::is_bare;
use crate::text::wiped::Wiped;

/// An entry of the root table that is written: a child of a document's root, as it is there, or a key
/// with a text.
///
/// It is a struct without gaps and not an enum: a variant that is shorter than another leaves bytes of
/// the stack in the list of entries, and these could be a number.
pub(crate) struct RootEntry<'a> {
    document: &'a Document,
    /// `ROOT` for a key with a text.
    node: u32,
    /// Of a text, whether it is written as a number.
    number: u32,
    key: &'a str,
    value: &'a str,
}

impl<'a> RootEntry<'a> {
    pub(crate) fn node(document: &'a Document, node: u32) -> Self {
        Self { document, node, number: 0, key: "", value: "" }
    }

    pub(crate) fn string(document: &'a Document, key: &'a str, value: &'a str) -> Self {
        Self { document, node: ROOT, number: 0, key, value }
    }

    /// A number is spelled as TOML spells it.
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

/// Writes a root table: the values in their order, then the tables in theirs. No two entries have
/// the same key.
///
/// Each table has a header. Its values come first, then the tables in it.
pub(crate) fn write(entries: &[RootEntry<'_>]) -> Result<Wiped, TooLong> {
    let mut counter = Writer::new(Counter(0));
    counter.root(entries)?;
    let mut writer = Writer::new(Wiped::with_capacity(counter.sink.0));
    writer.root(entries)?;
    debug_assert!(writer.sink.len() == counter.sink.0, "both passes write the same");
    Ok(writer.sink)
}

/// Where text is written to.
trait Sink {
    fn put(&mut self, text: &str) -> Result<(), TooLong>;
}

/// Counts bytes, up to the limit: no text takes longer to be refused than the longest to be written.
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
    /// The keys of the header that is being written, as nodes of one document.
    path: Vec<u32>,
}

impl<S: Sink> Writer<S> {
    fn new(sink: S) -> Self {
        Self { sink, path: Vec::new() }
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

    /// A table or an array of tables, below its headers.
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

    /// What a table has: its values, then the tables in it.
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

    /// A value that is no string, or is in an array.
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
            Kind::Datetime => self.datetime(raw),
            Kind::Array | Kind::ArrayOfTables => {
                self.put("[")?;
                for (i, &element) in document.index().children(node).iter().enumerate() {
                    self.put(if i > 0 { ", " } else { "" })?;
                    self.value(document, element)?;
                }
                self.put("]")
            }
            // Inside an inline table, a dotted key makes tables, too.
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

    /// The key before a value.
    fn key(&mut self, document: &Document, node: u32) -> Result<(), TooLong> {
        let key = document.key(node);
        if document.is_bare(node) { self.put(key) } else { self.name(key) }
    }

    fn name(&mut self, key: &str) -> Result<(), TooLong> {
        if key.contains('\\') && !key.contains('.') {
            self.escaped("\"", key, |_| false)
        } else {
            self.name_in_header(key)
        }
    }

    fn name_in_header(&mut self, key: &str) -> Result<(), TooLong> {
        if !key.is_empty() && key.bytes().all(is_bare) {
            self.put(key)
        } else if is_literal(key) {
            self.literal(key)
        } else {
            self.escaped("\"", key, |_| false)
        }
    }

    /// A string outside of arrays.
    fn string(&mut self, text: &str) -> Result<(), TooLong> {
        if is_literal(text) { self.literal(text) } else { self.basic(text, |_| false) }
    }

    /// A literal string, by which an escape is avoided.
    fn literal(&mut self, text: &str) -> Result<(), TooLong> {
        self.put("'")?;
        self.put(text)?;
        self.put("'")
    }

    /// A basic string on one line, in which what is `also` to be escaped is.
    fn basic(&mut self, text: &str, also: fn(u8) -> bool) -> Result<(), TooLong> {
        let is_empty_to_toml = text == "\"" || text.starts_with("\"\"");
        self.escaped(if is_empty_to_toml { "\"\"\"" } else { "\"" }, text, also)
    }

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

    /// A date or time, with seconds: `07:32` and `1979-05-27 07:32Z` have none.
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

/// A string as it is written, if it is on one line and without escapes.
fn as_written(document: &Document, node: u32) -> Option<&str> {
    let raw = document.raw(node);
    let has_one_quote = || raw.len() == document.content(node).len() + "''".len();
    (document.is_verbatim(node) && has_one_quote()).then_some(raw)
}

/// Returns `true` for what a basic string cannot hold as it is.
fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1F | 0x7F)
}

/// Returns `true` for what `toml` takes for structure, even in a string in an array.
fn is_structure(byte: u8) -> bool {
    b"'#,=[]{}".contains(&byte)
}

/// Returns `true` if a string needs escapes, and none in a literal string.
fn is_literal(text: &str) -> bool {
    let is_control = |byte: u8| byte < 0x20 || byte == 0x7F;
    text.bytes().any(needs_escape) && !text.bytes().any(|byte| byte == b'\'' || is_control(byte))
}

/// Returns `true` if a key of a table is written below a header.
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
