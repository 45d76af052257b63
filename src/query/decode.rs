//! Decodes `application/x-www-form-urlencoded`, as the WHATWG's URL standard defines it, into
//! zeroized memory.
//!
//! The `percent-encoding` crate would not do, because values are secrets. It collects them in a
//! `Vec` that grows, and frees the old allocations without zeroizing them. Here, the runs between
//! escapes are slices of the query, and the character of an escape is assembled on the stack.

use std::ops::Range;

use crate::query::error::Fault;
use crate::query::limits::MAX_PARAMETER_LEN;
use crate::text::wiped::Wiped;

/// The encoded name of a field.
pub(super) struct Name<'q> {
    encoded: &'q str,
    /// It has no `+` and no `%`, like nearly every name, and so is the same when decoded.
    plain: bool,
}

impl<'q> Name<'q> {
    pub(super) fn new(encoded: &'q str) -> Self {
        Self { encoded, plain: !encoded.bytes().any(is_special) }
    }

    /// Returns `true` if the decoded name is `name`. Never true if it is not UTF-8.
    pub(super) fn is(&self, name: &str) -> bool {
        // An escape has three bytes for one. Longer names are rejected without decoding, so that a
        // long field is not read once for every allowed parameter.
        if self.plain || self.encoded.len() > 3 * name.len() {
            return self.encoded == name;
        }
        let mut rest = name.as_bytes();
        for piece in Pieces(self.encoded) {
            let after = match piece {
                Piece::Text(text) => rest.strip_prefix(text.as_bytes()),
                Piece::Byte(byte) => rest.strip_prefix(&[byte]),
            };
            let Some(after) = after else { return false };
            rest = after;
        }
        rest.is_empty()
    }
}

/// Decodes a value, appends it to `text`, and returns its range.
///
/// The buffer has room for a value of the maximum length. A value that does not fit is too long.
pub(super) fn value(encoded: &str, text: &mut Wiped) -> Result<Range<usize>, Fault> {
    let start = text.len();
    let mut character = Character::default();
    for piece in Pieces(encoded) {
        let fits = match piece {
            // An escape began a character. Only another escape can continue it, since a run of text
            // consists of whole characters.
            Piece::Text(_) if !character.is_empty() => return Err(Fault::NotUtf8),
            Piece::Text(run) => text.push_str(run),
            Piece::Byte(byte) => match character.push(byte)? {
                Some(whole) => text.push(whole),
                None => true,
            },
        };
        if !fits || text.len() - start > MAX_PARAMETER_LEN {
            return Err(Fault::TooLong);
        }
    }
    if character.is_empty() { Ok(start..text.len()) } else { Err(Fault::NotUtf8) }
}

/// A part of an encoded text.
enum Piece<'q> {
    /// A run without escapes.
    Text(&'q str),
    /// The byte of an escape, or the space of a `+`.
    Byte(u8),
}

/// An iterator over the parts of an encoded text.
struct Pieces<'q>(&'q str);

impl<'q> Iterator for Pieces<'q> {
    type Item = Piece<'q>;

    fn next(&mut self) -> Option<Piece<'q>> {
        let (len, byte) = match self.0.as_bytes() {
            [] => return None,
            [b'+', ..] => (1, Some(b' ')),
            [b'%', high, low, ..] => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (3, Some(high * 16 + low)),
                _ => (1, None),
            },
            // A `%` that does not begin an escape is taken literally, also at the end of the text.
            [_, ..] => (1, None),
        };
        let len = match byte {
            Some(_) => len,
            None => {
                let rest = &self.0.as_bytes()[len..];
                let run = rest.iter().position(|&byte| is_special(byte));
                len + run.unwrap_or(rest.len())
            }
        };
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        Some(byte.map_or(Piece::Text(taken), Piece::Byte))
    }
}

/// Returns `true` if a byte is decoded to another or begins an escape.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'%' | b'+')
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// The bytes of a character that the escapes so far have given.
#[derive(Default)]
struct Character {
    bytes: [u8; 4],
    len: usize,
}

impl Character {
    fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a byte. Returns the character if it is complete.
    fn push(&mut self, byte: u8) -> Result<Option<char>, Fault> {
        if self.is_empty() && byte.is_ascii() {
            return Ok(Some(char::from(byte)));
        }
        self.bytes[self.len] = byte;
        self.len += 1;
        match std::str::from_utf8(&self.bytes[..self.len]) {
            Ok(text) => {
                self.len = 0;
                Ok(text.chars().next())
            }
            // Not complete. There are at most three such bytes, so the next one fits.
            Err(error) if error.error_len().is_none() => Ok(None),
            Err(_) => Err(Fault::NotUtf8),
        }
    }
}
