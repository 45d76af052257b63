//! The fast reader: one pass over the bytes of a plain text, straight to the index.
//!
//! There are two readers, because explaining an error and being fast need different code. The careful
//! reader splits the text into tokens, recovers from every error, and words it. This one gives up at
//! the first thing that is not plain, and never says why: an error of any kind, a byte order mark, many
//! dots in a key, deep nesting. Then the careful reader starts from the beginning.
//!
//! The two are held together by this:
//!
//! - Both add keys and headers to the same [`Tree`], which has the rules on tables.
//! - Numbers and dates that are not plain go through the same [`Decoder`].
//! - The law in `fuzz/laws/readers.rs`: for every text, this reader gives nothing or exactly the index of
//!   the careful reader, which then reports no error.
//!
//! Each production of TOML's grammar is a function, with its line of the ABNF. The grammar is in
//! <https://toml.io/en/v1.1.0#collected-abnf-grammar>.

mod strings;
mod values;
mod words;

use crate::document::decode::Decoder;
use crate::document::fast::words::{count_lines, find_end, find_not_bare};
use crate::document::index::{Index, ROOT, Slice, Span};
use crate::document::report::Errors;
use crate::document::tree::{Part, Tree};
use crate::text::wiped::Wiped;

/// The most parts of a key. The parts are on the stack.
const MOST_PARTS: usize = 8;

/// Reads a text, or gives up.
pub(super) fn read(text: &str) -> Option<(Index, Wiped)> {
    let errors = Errors::new(text);
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
        nested: 0,
        parts: [Part::default(); MOST_PARTS],
        // Most lines have one key. The tree grows if this is too low, and shrinks at the end.
        tree: Tree::with_capacity(text, count_lines(text.as_bytes()) + 2),
        errors: &errors,
        decoder: Decoder::new(text, &errors),
    };
    reader.toml()?;
    let index = reader.tree.finish(reader.decoder.decoded());
    Some((index, reader.decoder.into_decoded()))
}

/// A text, and how far it has been read. Each function reads on from there, and returns `None` to give
/// up.
struct Reader<'e, 't> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    /// The number of open arrays and inline tables.
    nested: usize,
    /// The parts of the key that was read last.
    parts: [Part; MOST_PARTS],
    tree: Tree<'t>,
    errors: &'e Errors<'t>,
    decoder: Decoder<'e, 't>,
}

impl Reader<'_, '_> {
    /// The next byte. At the end of the text it is NUL, which no production begins with.
    #[inline]
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// Reads one byte, if it is the next.
    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        if self.peek() != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    /// `toml = expression *( newline expression )`
    ///
    /// `expression = ws [ comment ] / ws keyval ws [ comment ] / ws table ws [ comment ]`
    fn toml(&mut self) -> Option<()> {
        let mut section = ROOT;
        while self.at < self.bytes.len() {
            self.ws();
            match self.peek() {
                b'\n' | b'\r' | b'#' | 0 => {}
                b'[' => section = self.table()?,
                _ => self.keyval(section)?,
            }
            self.end_of_line()?;
        }
        Some(())
    }

    /// `ws [ comment ]`, and then a newline or the end of the text.
    #[inline(always)]
    fn end_of_line(&mut self) -> Option<()> {
        self.ws();
        if self.peek() == b'#' {
            self.comment();
        }
        if self.at == self.bytes.len() { Some(()) } else { self.newline() }
    }

    /// `ws = *wschar`
    #[inline]
    fn ws(&mut self) {
        while matches!(self.peek(), b' ' | b'\t') {
            self.at += 1;
        }
    }

    /// `newline = %x0A / %x0D.0A`
    #[inline]
    fn newline(&mut self) -> Option<()> {
        if self.peek() == b'\r' {
            self.at += 1;
        }
        self.take(b'\n')
    }

    /// `comment = comment-start-symbol *non-eol`
    #[inline]
    fn comment(&mut self) {
        loop {
            self.at = find_end(self.bytes, self.at, b'\n', b'\n');
            if self.take(b'\t').is_none() {
                return;
            }
        }
    }

    /// `keyval = key keyval-sep val`
    #[inline(always)]
    fn keyval(&mut self, table: u32) -> Option<()> {
        let parts = self.key()?;
        self.take(b'=')?;
        let parts = self.parts.get(..parts)?;
        let node = self.tree.define_key(table, parts, self.decoder.decoded()).ok()?;
        self.ws();
        self.val(node)
    }

    /// `table = std-table / array-table`
    ///
    /// `std-table = %x5B ws key ws %x5D`, `array-table = %x5B.5B ws key ws %x5D.5D`
    fn table(&mut self) -> Option<u32> {
        self.take(b'[')?;
        let is_array = self.take(b'[').is_some();
        let parts = self.key()?;
        self.take(b']')?;
        if is_array {
            self.take(b']')?;
        }
        let parts = self.parts.get(..parts)?;
        self.tree.define_header(is_array, parts, self.decoder.decoded()).ok()
    }

    /// `key = simple-key *( ws %x2E ws simple-key )`, with `ws` around it.
    ///
    /// Returns the number of parts.
    #[inline(always)]
    fn key(&mut self) -> Option<usize> {
        let mut parts = 0;
        loop {
            self.ws();
            let part = self.simple_key()?;
            *self.parts.get_mut(parts)? = part;
            parts += 1;
            self.ws();
            if self.take(b'.').is_none() {
                return Some(parts);
            }
        }
    }

    /// `simple-key = quoted-key / unquoted-key`, `quoted-key = basic-string / literal-string`
    #[inline(always)]
    fn simple_key(&mut self) -> Option<Part> {
        let start = self.at;
        let place = match self.peek() {
            b'"' => self.basic_string()?,
            b'\'' => self.literal_string()?,
            _ => self.unquoted_key()?,
        };
        Some(Part { place, span: self.span_from(start) })
    }

    /// `unquoted-key = 1*( ALPHA / DIGIT / %x2D / %x5F )`
    #[inline(always)]
    fn unquoted_key(&mut self) -> Option<Slice> {
        let start = self.at;
        self.at = find_not_bare(self.bytes, start);
        (self.at > start).then(|| Slice::in_text(start, self.at))
    }

    #[inline]
    fn span_from(&self, start: usize) -> Span {
        Span { start: start as u32, end: self.at as u32 }
    }
}
