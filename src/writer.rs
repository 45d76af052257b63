//! Canonical TOML: what an index holds, written anew into one wiped buffer of exact size.
//!
//! Everything is written twice, with the same code: first into a counter, then into a buffer that
//! has room for what was counted. The text is TOML 1.0. Values keep their spelling, but for what
//! TOML 1.1 added: `\e`, `\xHH`, times without seconds, and inline tables over several lines.

use crate::document::decode::is_bare;
use crate::document::index::Kind;
use crate::document::wiped::Wiped;
use crate::document::{Document, MAX_LEN};

/// An entry of the root table that is written.
pub(crate) enum Entry<'a> {
    /// A child of a document's root, as it is there.
    Node(&'a Document, u32),
    /// A key and a string.
    String { key: &'a str, value: &'a str },
    /// A key and a number, spelled as TOML spells it.
    Number { key: &'a str, value: &'a str },
}

/// The text would exceed [`MAX_LEN`].
#[derive(Debug)]
pub(crate) struct TooLong;

/// Writes a root table: the values in their order, then the tables in theirs. No two entries have
/// the same key.
///
/// A table has a header if it has values or is empty. Its values come first, then the tables in it.
pub(crate) fn write(entries: &[Entry<'_>]) -> Result<Wiped, TooLong> {
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

    fn root(&mut self, entries: &[Entry<'_>]) -> Result<(), TooLong> {
        for entry in entries {
            match *entry {
                Entry::Node(document, node) if is_section(document, node) => continue,
                Entry::Node(document, node) => self.pair(document, node)?,
                Entry::String { key, value } => {
                    self.name(key)?;
                    self.put(" = ")?;
                    self.quoted(value)?;
                }
                Entry::Number { key, value } => {
                    self.name(key)?;
                    self.put(" = ")?;
                    self.put(value)?;
                }
            }
            self.put("\n")?;
        }
        for entry in entries {
            if let Entry::Node(document, node) = *entry
                && is_section(document, node)
            {
                self.section(document, node)?;
            }
        }
        Ok(())
    }

    /// A table or an array of tables, below its headers.
    fn section(&mut self, document: &Document, node: u32) -> Result<(), TooLong> {
        self.path.push(node);
        let children = document.index().children(node);
        if document.index().node(node).kind == Kind::ArrayOfTables {
            for &element in children {
                self.header(document, "[[", "]]\n")?;
                self.body(document, element)?;
            }
        } else {
            if children.is_empty() || children.iter().any(|&child| !is_section(document, child)) {
                self.header(document, "[", "]\n")?;
            }
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
            self.key(document, self.path[i])?;
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
        self.value(document, node)
    }

    /// A value on one line, but for the lines of a string.
    fn value(&mut self, document: &Document, node: u32) -> Result<(), TooLong> {
        let raw = document.raw(node);
        match document.index().node(node).kind {
            Kind::String if document.is_verbatim(node) => self.put(raw),
            Kind::String => self.spelled(raw),
            Kind::Integer | Kind::Float | Kind::Boolean => self.put(raw),
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
                    self.pair(document, child)?;
                }
                self.put(if children.is_empty() { "}" } else { " }" })
            }
        }
    }

    fn key(&mut self, document: &Document, node: u32) -> Result<(), TooLong> {
        let key = document.key(node);
        if document.is_bare(node) { self.put(key) } else { self.name(key) }
    }

    fn name(&mut self, key: &str) -> Result<(), TooLong> {
        let bare = !key.is_empty() && key.bytes().all(is_bare);
        if bare { self.put(key) } else { self.quoted(key) }
    }

    /// A basic string on one line.
    fn quoted(&mut self, text: &str) -> Result<(), TooLong> {
        self.put("\"")?;
        let mut written = 0;
        for (at, byte) in text.bytes().enumerate() {
            let mut code = *b"\\u00..";
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                0..=0x1F | 0x7F => {
                    let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
                    (code[4], code[5]) = (digit(byte >> 4), digit(byte & 15));
                    std::str::from_utf8(&code[..6]).unwrap_or_default()
                }
                _ => continue,
            };
            self.put(&text[written..at])?;
            self.put(escape)?;
            written = at + 1;
        }
        self.put(&text[written..])?;
        self.put("\"")
    }

    /// A string as it is written, but for the escapes that TOML 1.1 added and for CRLF.
    fn spelled(&mut self, raw: &str) -> Result<(), TooLong> {
        let basic = raw.starts_with('"');
        let bytes = raw.as_bytes();
        let (mut written, mut at) = (0, 0);
        while at < bytes.len() {
            let (instead, len) = match bytes[at] {
                b'\r' => ("", 1),
                b'\\' if basic => match bytes.get(at + 1) {
                    Some(b'e') => ("\\u001B", 2),
                    Some(b'x') => ("\\u00", 2),
                    // The line that it continues may end with CRLF.
                    Some(b'\r') | None => {
                        at += 1;
                        continue;
                    }
                    Some(_) => {
                        at += 2;
                        continue;
                    }
                },
                _ => {
                    at += 1;
                    continue;
                }
            };
            self.put(&raw[written..at])?;
            self.put(instead)?;
            at += len;
            written = at;
        }
        self.put(&raw[written..])
    }

    /// A date or time as it is written, with seconds: `07:32` and `1979-05-27 07:32Z` have none.
    fn datetime(&mut self, raw: &str) -> Result<(), TooLong> {
        let minutes_end = match raw.find(':') {
            Some(colon) => colon + ":00".len(),
            None => return self.put(raw),
        };
        let (before, behind) = raw.split_at(minutes_end);
        self.put(before)?;
        self.put(if behind.starts_with(':') { "" } else { ":00" })?;
        self.put(behind)
    }
}

/// Whether a key of a table is written below a header.
fn is_section(document: &Document, node: u32) -> bool {
    matches!(document.index().node(node).kind, Kind::Table | Kind::ArrayOfTables)
}
