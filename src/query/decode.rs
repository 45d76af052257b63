//! Decoding of `application/x-www-form-urlencoded`, as the WHATWG's URL standard has it, into
//! memory that is wiped.
//!
//! Written here, and not taken from the `percent-encoding` crate, because values are secrets: what
//! that crate collects grows a `Vec`, and each block it outgrows is freed unwiped. Nothing is
//! collected here: the runs between escapes are slices of the query, and what an escape stands
//! for is put together on the stack.

use std::ops::Range;

use crate::query::error::Fault;
use crate::query::limits::MAX_PARAMETER_LEN;
use crate::text::wiped::Wiped;

/// The name of a field, still encoded.
pub(super) struct Name<'q> {
    encoded: &'q str,
    /// Whether it stands for itself, as nearly every name does.
    plain: bool,
}

impl<'q> Name<'q> {
    pub(super) fn new(encoded: &'q str) -> Self {
        Self { encoded, plain: !encoded.bytes().any(is_special) }
    }

    /// Whether it stands for `name`. A name that is not UTF-8 stands for none.
    pub(super) fn is(&self, name: &str) -> bool {
        // An escape takes three bytes for one. What is longer is not looked at, so that a long
        // field costs the same however many parameters are allowed.
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

/// Appends what an encoded value stands for, and tells where.
///
/// Where it does not fit it is too long: there is room for the longest value.
pub(super) fn value(encoded: &str, text: &mut Wiped) -> Result<Range<usize>, Fault> {
    let start = text.len();
    let mut character = Character::default();
    for piece in Pieces(encoded) {
        let fits = match piece {
            // What an escape begins, only an escape can go on: text consists of whole characters.
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
    /// A run that stands for itself.
    Text(&'q str),
    /// What `+` or an escape stands for.
    Byte(u8),
}

/// The parts of an encoded text.
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
            // A `%` that begins no escape stands for itself, here at the end.
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

/// Whether a byte may stand for another.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'%' | b'+')
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// A character of which the escapes so far gave some bytes.
#[derive(Default)]
struct Character {
    bytes: [u8; 4],
    len: usize,
}

impl Character {
    fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a byte, and gives the character once it is whole.
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
            // Bytes that may still become a character are at most three.
            Err(error) if error.error_len().is_none() => Ok(None),
            Err(_) => Err(Fault::NotUtf8),
        }
    }
}
