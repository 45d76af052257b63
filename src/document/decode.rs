//! Decodes keys and scalars.
//!
//! In the usual case, a bare key or a string without escapes, the result is a slice of the text,
//! which only has to be checked. Everything else goes through `toml_parser`'s decoder, which also
//! reports the errors.
//!
//! Decoded texts are in a second buffer. It is allocated once, with room for the rest of the text,
//! since decoding a valid text never makes it longer. An invalid escape may become longer. Then the
//! buffer refuses it, which does no harm: the text is rejected because of the escape.

use std::fmt;

use toml_datetime::Datetime;
use toml_parser::decoder::{Encoding, IntegerRadix, ScalarKind, StringBuilder};
use toml_parser::{Raw, Span as ParserSpan};

use crate::document::fault::Fault;
use crate::document::index::{Kind, Slice};
use crate::document::report::{DecodeErrors, Errors};
use crate::text::bytes::{any, is_bare};
use crate::text::wiped::Wiped;

/// Decodes the keys and scalars of one text.
pub(super) struct Decoder<'e, 't> {
    text: &'t str,
    errors: &'e Errors<'t>,
    decoded: Wiped,
}

impl<'e, 't> Decoder<'e, 't> {
    pub(super) fn new(text: &'t str, errors: &'e Errors<'t>) -> Self {
        Self { text, errors, decoded: Wiped::default() }
    }

    /// Returns the second buffer, with every decoded text that is not a slice of the document.
    pub(super) fn into_decoded(self) -> Wiped {
        self.decoded
    }

    pub(super) fn decoded(&self) -> &str {
        &self.decoded
    }

    /// Appends a piece of a decoded text, from the fast reader. `start` is its offset in the document,
    /// and what is read from there on is not longer decoded than written.
    pub(super) fn append(&mut self, start: usize, piece: &str) -> Option<()> {
        self.reserve(start);
        self.decoded.push_str(piece).then_some(())
    }

    /// Allocates the second buffer, with room for the text from `start` on.
    fn reserve(&mut self, start: usize) {
        if self.decoded.capacity() == 0 {
            self.decoded = Wiped::with_capacity(self.text.len() - start);
        }
    }

    /// Decodes one part of a key.
    pub(super) fn key(&mut self, span: ParserSpan, encoding: Option<Encoding>) -> Slice {
        let raw = &self.text[span.start()..span.end()];
        if encoding.is_none() && !raw.is_empty() && !any(raw.as_bytes(), |b| !is_bare(b)) {
            return Slice::in_text(span.start(), span.end());
        }
        if let Some(encoding) = encoding {
            let fault = match encoding {
                Encoding::MlBasicString | Encoding::MlLiteralString => Some(Fault::MultilineKey),
                _ if is_unterminated(raw, encoding) => Some(Fault::UnterminatedString),
                _ => None,
            };
            if let Some(fault) = fault {
                self.errors.report(span.start()..span.end(), fault);
                return Slice::in_text(span.start(), span.end());
            }
            if let Some(place) = self.slice(raw, span, encoding) {
                return place;
            }
        }
        let raw = Raw::new_unchecked(raw, encoding, span);
        self.fill(span, |output, errors| raw.decode_key(output, errors)).0
    }

    /// Decodes a value that is not an array and not a table.
    pub(super) fn scalar(&mut self, span: ParserSpan, encoding: Option<Encoding>) -> (Kind, Slice) {
        let raw = &self.text[span.start()..span.end()];
        let place = Slice::in_text(span.start(), span.end());
        if raw.is_empty() {
            self.errors.report(span.start()..span.end(), Fault::MissingValue);
            return (Kind::String, place);
        }
        if let Some(encoding) = encoding {
            if is_unterminated(raw, encoding) {
                self.errors.report(span.start()..span.end(), Fault::UnterminatedString);
                return (Kind::String, place);
            }
            if let Some(place) = self.slice(raw, span, encoding) {
                return (Kind::String, place);
            }
        } else if is_plain_integer(raw) {
            return (Kind::Integer, place);
        }
        let raw = Raw::new_unchecked(raw, encoding, span);
        let errors = self.errors;
        if encoding.is_some() {
            let (place, _) = self.fill(span, |output, errors| raw.decode_scalar(output, errors));
            return (Kind::String, place);
        }
        let before = errors.len();
        let kind = raw.decode_scalar(&mut (), &mut DecodeErrors(errors));
        if errors.len() > before {
            return (Kind::String, place);
        }
        let refuse = |fault| errors.report(span.start()..span.end(), fault);
        match kind {
            ScalarKind::Boolean(_) => (Kind::Boolean, place),
            ScalarKind::DateTime => {
                if raw.as_str().parse::<Datetime>().is_err() {
                    refuse(Fault::InvalidDatetime);
                }
                (Kind::Datetime, place)
            }
            ScalarKind::Integer(_) => {
                if integer(raw.as_str()).is_none() {
                    let prefix_only = raw.len() == "0x".len();
                    refuse(if prefix_only { Fault::InvalidNumber } else { Fault::IntegerRange });
                }
                (Kind::Integer, place)
            }
            ScalarKind::Float => {
                let place = if raw.as_str().contains('_') {
                    self.fill(span, |output, _| raw.decode_scalar(output, &mut ())).0
                } else {
                    place
                };
                let digits = place.of(self.text, &self.decoded);
                if float(digits).is_infinite() && !digits.ends_with("inf") {
                    refuse(Fault::FloatRange);
                }
                (Kind::Float, place)
            }
            // Without quotes, this is what the decoder has reported an error for.
            ScalarKind::String => (Kind::String, place),
        }
    }

    /// Returns the content of a terminated string if it is a slice of the text, because it has no
    /// escapes and no line endings to convert.
    fn slice(&self, raw: &str, span: ParserSpan, encoding: Encoding) -> Option<Slice> {
        let (_, quotes) = quote(encoding);
        let mut start = span.start() + quotes;
        let end = span.end() - quotes;
        let mut content = &raw.as_bytes()[quotes..raw.len() - quotes];
        if quotes == 3 && content.first() == Some(&b'\n') {
            content = &content[1..];
            start += 1;
        }
        let verbatim = match encoding {
            Encoding::BasicString => !any(content, |b| is_control(b) | (b == b'\\')),
            Encoding::LiteralString => !any(content, is_control),
            Encoding::MlBasicString => {
                !any(content, |b| (is_control(b) & (b != b'\n')) | (b == b'\\'))
            }
            Encoding::MlLiteralString => !any(content, |b| is_control(b) & (b != b'\n')),
        };
        verbatim.then(|| Slice::in_text(start, end))
    }

    /// Runs the parser's decoder with the second buffer as its output.
    fn fill<T>(
        &mut self,
        span: ParserSpan,
        decode: impl FnOnce(&mut dyn StringBuilder<'t>, &mut DecodeErrors<'_, 't>) -> T,
    ) -> (Slice, T) {
        self.reserve(span.start());
        let start = self.decoded.len();
        let mut output = Output { decoded: &mut self.decoded, start };
        let result = decode(&mut output, &mut DecodeErrors(self.errors));
        (Slice::decoded(start, self.decoded.len()), result)
    }
}

/// The text that is being decoded, at the end of the second buffer.
struct Output<'w> {
    decoded: &'w mut Wiped,
    start: usize,
}

impl<'t> StringBuilder<'t> for Output<'_> {
    fn clear(&mut self) {
        self.decoded.truncate(self.start);
    }

    /// Appends a run of the text without escapes, and replaces CRLF by LF. An escaped `\r` is
    /// not affected: it arrives through `push_char`.
    fn push_str(&mut self, append: &'t str) -> bool {
        let mut rest = append;
        while let Some(i) = rest.find("\r\n") {
            if !self.decoded.push_str(&rest[..i]) {
                return false;
            }
            rest = &rest[i + 1..];
        }
        self.decoded.push_str(rest)
    }

    fn push_char(&mut self, append: char) -> bool {
        self.decoded.push(append)
    }
}

/// Returns the value of an integer that the decoder accepted, such as `0x1_F`, `-0` or `+1_000`.
/// Returns `None` if it does not fit into 64 bits.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let (radix, digits) = match digits {
        [b'0', b'x', digits @ ..] => (IntegerRadix::Hex, digits),
        [b'0', b'o', digits @ ..] => (IntegerRadix::Oct, digits),
        [b'0', b'b', digits @ ..] => (IntegerRadix::Bin, digits),
        digits => (IntegerRadix::Dec, digits),
    };
    let radix = radix.value();
    if digits.is_empty() {
        return None;
    }
    // Computes the negative value, since `i64::MIN` has no positive counterpart.
    let mut value = 0_i64;
    for &byte in digits.iter().filter(|&&byte| byte != b'_') {
        let digit = char::from(byte).to_digit(radix)?;
        value = value.checked_mul(i64::from(radix))?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// Returns the value of a float that the decoder accepted and from which `_` was removed.
pub(crate) fn float(digits: &str) -> f64 {
    digits.parse().unwrap_or(f64::NAN)
}

/// Returns the value of a date or time that the decoder accepted.
pub(crate) fn datetime(text: &str) -> Datetime {
    text.parse().unwrap_or(Datetime { date: None, time: None, offset: None })
}

/// A limit on dates and times that Python has and TOML does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PythonLimit {
    Year,
    Second,
}

impl PythonLimit {
    /// Returns the limit that a date or time exceeds. `raw` is the value as it is written.
    pub(crate) fn broken_by(raw: &str) -> Option<Self> {
        // The first colon is between hours and minutes: an offset comes later.
        let second = raw.find(':').and_then(|colon| raw.get(colon + ":00".len()..));
        if raw.starts_with("0000-") {
            Some(Self::Year)
        } else if second.is_some_and(|second| second.starts_with(":60")) {
            Some(Self::Second)
        } else {
            None
        }
    }

    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Year => "write a year from 0001 to 9999",
            Self::Second => "write a second up to 59",
        }
    }
}

impl fmt::Display for PythonLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Year => "has the year 0000, which Python cannot read",
            Self::Second => "has the second 60, which Python cannot read",
        })
    }
}

/// Returns `true` for an integer of decimal digits that always fits into 64 bits: at most 18 digits
/// without a sign, `_` or leading zero.
fn is_plain_integer(raw: &str) -> bool {
    raw.len() <= 18
        && raw.bytes().all(|byte| byte.is_ascii_digit())
        && (raw.len() == 1 || !raw.starts_with('0'))
}

/// Returns the quote character of a string, and how many of them are at each end.
fn quote(encoding: Encoding) -> (u8, usize) {
    match encoding {
        Encoding::LiteralString => (b'\'', 1),
        Encoding::BasicString => (b'"', 1),
        Encoding::MlLiteralString => (b'\'', 3),
        Encoding::MlBasicString => (b'"', 3),
    }
}

/// Returns `true` if a string does not end with its quotes.
fn is_unterminated(raw: &str, encoding: Encoding) -> bool {
    let (quote, count) = quote(encoding);
    raw.len() < 2 * count || raw.bytes().rev().take(count).any(|byte| byte != quote)
}

/// Returns `true` for a control character that a string may not contain unescaped. A tab may be.
fn is_control(byte: u8) -> bool {
    ((byte < 0x20) & (byte != b'\t')) | (byte == 0x7F)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_decoded_text_is_cleared_and_what_does_not_fit_is_refused() {
        let mut decoded = Wiped::with_capacity(8);
        assert!(decoded.push_str("ab"));
        let mut output = Output { decoded: &mut decoded, start: 2 };
        assert!(output.push_str("c\r\nd") && output.push_char('e'));
        assert!(!output.push_str("fgh\r\n") && !output.push_str("\r\nfg"));
        assert_eq!(&**output.decoded, "abc\nde");
        output.clear();
        assert_eq!(&*decoded, "ab");
    }

    #[test]
    fn integers_have_the_range_of_64_bits() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("+1_000", Some(1000)),
            ("0x1_F", Some(31)),
            ("0o17", Some(15)),
            ("0b101", Some(5)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("0x7fffffffffffffff", Some(i64::MAX)),
            ("0x8000000000000000", None),
            ("0x", None),
        ] {
            assert_eq!(integer(text), value, "{text}");
        }
    }
}
