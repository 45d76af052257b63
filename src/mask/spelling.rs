//! The spellings of a value in the output of a module: what encoders and printers make of it.
//!
//! A spelling has no quotes around it, so that it is found inside a larger text, too.

use std::fmt::{self, Write};
use std::ops::Range;

use crate::text::wiped::Wiped;

/// The minimum length of a spelling, in bytes. A shorter one would be found by chance.
const MIN_SPELLED_LEN: usize = 8;

/// The maximum length of a value that is spelled, in bytes. A longer one is masked as it is, and by
/// its lines.
pub(super) const MAX_SPELLED_LEN: usize = 16 * 1024;

/// The most bytes that all spellings of a value take, for each of its bytes: 8 texts of JSON with 6
/// bytes, 8 of a URL with 3, 6 of base64 with 4 thirds, and 30 for the others.
const GROWTH: usize = 110;

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The spellings of one value at a time, in a buffer that is used again.
pub(super) struct Spellings {
    text: Wiped,
    spans: Vec<Range<usize>>,
}

impl Spellings {
    /// Makes the buffer for values of which the longest has `longest` bytes.
    pub(super) fn new(longest: usize) -> Self {
        let capacity = longest.min(MAX_SPELLED_LEN) * GROWTH;
        Self { text: Wiped::with_capacity(capacity), spans: Vec::new() }
    }

    /// Calls `each` with the value, its lines and its spellings. Nearly all of them differ from each
    /// other.
    pub(super) fn of(&mut self, value: &str, mut each: impl FnMut(&str)) {
        each(value);
        if value.contains('\n') {
            lines(value).for_each(&mut each);
        }
        if value.len() > MAX_SPELLED_LEN {
            return;
        }
        self.text.truncate(0);
        self.spans.clear();
        self.spell(value);
        self.spans.iter().for_each(|span| each(&self.text[span.clone()]));
    }

    fn spell(&mut self, value: &str) {
        self.add(value, |out| crlf(out, value));
        // `json.dumps` escapes what is not ASCII, and `JSON.stringify` does not. Some escape a slash.
        for slash in ["/", "\\/"] {
            for is_plain in [|_| true, |character| matches!(character, ' '..='~')] {
                for digits in [LOWER, UPPER] {
                    self.add(value, |out| json(out, value, slash, is_plain, digits));
                }
            }
        }
        // `quote`, the same without a safe character, `quote_plus`, and `encodeURIComponent`.
        for (safe, space) in
            [("_.-~/", "%20"), ("_.-~", "%20"), ("_.-~", "+"), ("_.-~!*'()", "%20")]
        {
            for digits in [LOWER, UPPER] {
                self.add(value, |out| percent(out, value, safe, space, digits));
            }
        }
        for before in 0..3 {
            for alphabet in [BASE64, BASE64_URL] {
                self.add(value, |out| base64(out, value.as_bytes(), before, alphabet));
            }
        }
        for digits in [LOWER, UPPER] {
            self.add(value, |out| value.bytes().for_each(|byte| hex(out, byte, digits)));
        }
        self.add(value, |out| python(out, value));
        self.add(value, |out| rust(out, value));
        for quote in ["'\\''", "'\"'\"'"] {
            self.add(value, |out| replace(out, value, '\'', quote));
        }
    }

    /// Adds what `write` appends, unless it is short, or equals the value or another spelling.
    fn add(&mut self, value: &str, write: impl FnOnce(&mut Wiped)) {
        let start = self.text.len();
        write(&mut self.text);
        let span = start..self.text.len();
        let new = &self.text[span.clone()];
        let is_known =
            new == value || self.spans.iter().any(|span| &self.text[span.clone()] == new);
        if new.len() < MIN_SPELLED_LEN || is_known {
            self.text.truncate(start);
        } else {
            self.spans.push(span);
        }
    }
}

/// The lines of a value that are long enough, except for the first and the last line of a PEM block.
fn lines(value: &str) -> impl Iterator<Item = &str> {
    value.lines().filter(|line| {
        let is_frame = line.starts_with("-----BEGIN ") || line.starts_with("-----END ");
        line.len() >= MIN_SPELLED_LEN && !is_frame
    })
}

fn add(out: &mut Wiped, text: &str) {
    out.append(text);
}

fn push(out: &mut Wiped, character: char) {
    out.append(character.encode_utf8(&mut [0; 4]));
}

fn hex(out: &mut Wiped, byte: u8, digits: &[u8; 16]) {
    push(out, char::from(digits[usize::from(byte >> 4)]));
    push(out, char::from(digits[usize::from(byte & 15)]));
}

fn replace(out: &mut Wiped, value: &str, from: char, to: &str) {
    for character in value.chars() {
        if character == from { add(out, to) } else { push(out, character) }
    }
}

/// A terminal writes `\r\n` for `\n`.
fn crlf(out: &mut Wiped, value: &str) {
    let mut last = '\0';
    for character in value.chars() {
        if character == '\n' && last != '\r' {
            push(out, '\r');
        }
        push(out, character);
        last = character;
    }
}

fn json(out: &mut Wiped, value: &str, slash: &str, is_plain: fn(char) -> bool, digits: &[u8; 16]) {
    for character in value.chars() {
        match character {
            '"' => add(out, "\\\""),
            '\\' => add(out, "\\\\"),
            '\n' => add(out, "\\n"),
            '\r' => add(out, "\\r"),
            '\t' => add(out, "\\t"),
            '\u{8}' => add(out, "\\b"),
            '\u{c}' => add(out, "\\f"),
            '/' => add(out, slash),
            _ if character >= ' ' && is_plain(character) => push(out, character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.append("\\u");
                    unit.to_be_bytes().into_iter().for_each(|byte| hex(out, byte, digits));
                }
            }
        }
    }
}

fn percent(out: &mut Wiped, value: &str, safe: &str, space: &str, digits: &[u8; 16]) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || safe.as_bytes().contains(&byte) {
            push(out, char::from(byte));
        } else if byte == b' ' {
            out.append(space);
        } else {
            push(out, '%');
            hex(out, byte, digits);
        }
    }
}

/// Writes the characters of base64 that depend on the value alone, if `before` bytes modulo 3 are
/// before it.
fn base64(out: &mut Wiped, value: &[u8], before: usize, alphabet: &[u8; 64]) {
    let characters = (before * 8).div_ceil(6)..(before + value.len()) * 8 / 6;
    for bit in characters.map(|character| character * 6 - before * 8) {
        let (first, second) = (value[bit / 8], value.get(bit / 8 + 1).copied().unwrap_or(0));
        let pair = u16::from_be_bytes([first, second]);
        let six = (pair << (bit % 8)) >> 10;
        push(out, char::from(alphabet[usize::from(six)]));
    }
}

/// Writes what is between the quotes of Python's `repr`.
fn python(out: &mut Wiped, value: &str) {
    let escapes_quote = value.contains('"');
    for character in value.chars() {
        match character {
            '\'' if escapes_quote => add(out, "\\'"),
            '\\' => add(out, "\\\\"),
            '\n' => add(out, "\\n"),
            '\r' => add(out, "\\r"),
            '\t' => add(out, "\\t"),
            _ if is_printable(character) => push(out, character),
            _ => {
                let code = u32::from(character).to_be_bytes();
                let (escape, len) = match character {
                    ..='\u{ff}' => ("\\x", 1),
                    ..='\u{ffff}' => ("\\u", 2),
                    _ => ("\\U", 4),
                };
                out.append(escape);
                code[4 - len..].iter().for_each(|&byte| hex(out, byte, LOWER));
            }
        }
    }
}

/// Returns `true` if Python and Rust print a character as it is. Both ask its Unicode category.
fn is_printable(character: char) -> bool {
    // Rust escapes a combining character only at the start of a string, and Python nowhere.
    let mut bytes = [b'x'; 5];
    let len = 1 + character.encode_utf8(&mut bytes[1..]).len();
    let text = std::str::from_utf8(&bytes[..len]).unwrap_or_default();
    matches!(character, '\'' | '"') || text.escape_debug().count() == 2
}

/// Writes what is between the quotes of Rust's `{:?}`.
fn rust(out: &mut Wiped, value: &str) {
    // The capacity was computed for all spellings, so writing does not fail.
    let _ = write!(Inside { out, is_open: false }, "{value:?}");
    out.truncate(out.len() - 1);
}

/// Leaves out the first character, which is a quote.
struct Inside<'w> {
    out: &'w mut Wiped,
    is_open: bool,
}

impl Write for Inside<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let text = if self.is_open { text } else { text.get(1..).unwrap_or_default() };
        self.is_open = true;
        self.out.write_str(text)
    }
}
