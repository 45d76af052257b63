//! Keys and scalars: from the bytes of the text to what they mean.
//!
//! The usual case, a bare key or a string without escapes, is a slice of the text and is only
//! checked here. Everything else goes through `toml_parser`'s decoder, which also words the
//! errors. Decoding never makes a text longer, so the second buffer is allocated once, for what is
//! left of the text; an invalid escape may decode longer, then the buffer refuses it and the text
//! is refused for the escape.

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

    /// The second buffer: every decoded text that is no slice of the document.
    pub(super) fn into_decoded(self) -> Wiped {
        self.decoded
    }

    pub(super) fn decoded(&self) -> &str {
        &self.decoded
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

    /// Decodes a value that is no array and no table.
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
            // The decoder has refused what is no string and nothing else.
            ScalarKind::String => (Kind::String, place),
        }
    }

    /// The content of a terminated string that stands in the text as it is meant, or `None`.
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

    /// Runs the parser's decoder into the second buffer.
    fn fill<T>(
        &mut self,
        span: ParserSpan,
        decode: impl FnOnce(&mut dyn StringBuilder<'t>, &mut DecodeErrors<'_, 't>) -> T,
    ) -> (Slice, T) {
        if self.decoded.capacity() == 0 {
            self.decoded = Wiped::with_capacity(self.text.len() - span.start());
        }
        let start = self.decoded.len();
        let mut output = Output { decoded: &mut self.decoded, start };
        let result = decode(&mut output, &mut DecodeErrors(self.errors));
        (Slice::decoded(start, self.decoded.len()), result)
    }
}

/// One decoded text at the end of the second buffer.
struct Output<'w> {
    decoded: &'w mut Wiped,
    start: usize,
}

impl<'t> StringBuilder<'t> for Output<'_> {
    fn clear(&mut self) {
        self.decoded.truncate(self.start);
    }

    /// Takes a run of the text as it stands, where CRLF is read as LF. An escaped `\r` comes as a
    /// character of its own.
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

/// The value of an integer that the decoder accepted: `0x1_F`, `-0`, `+1_000`. `None` where it
/// does not fit into 64 bits.
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
    // Counted downwards, since the least integer has no positive counterpart.
    let mut value = 0_i64;
    for &byte in digits.iter().filter(|&&byte| byte != b'_') {
        let digit = char::from(byte).to_digit(radix)?;
        value = value.checked_mul(i64::from(radix))?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// The value of a float that the decoder accepted, without its underscores.
pub(crate) fn float(digits: &str) -> f64 {
    digits.parse().unwrap_or(f64::NAN)
}

/// The value of a date or time that the decoder accepted.
pub(crate) fn datetime(text: &str) -> Datetime {
    text.parse().unwrap_or(Datetime { date: None, time: None, offset: None })
}

/// A limit of dates and times that Python has and TOML has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PythonLimit {
    Year,
    Second,
}

impl PythonLimit {
    /// The limit that a date or time breaks, as it is written.
    pub(crate) fn broken_by(raw: &str) -> Option<Self> {
        // A time has no hyphen before its first colon, and an offset comes behind it.
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

/// An integer in decimal digits that surely fits: no sign, no `_`, no leading zero.
fn is_plain_integer(raw: &str) -> bool {
    raw.len() <= 18
        && raw.bytes().all(|byte| byte.is_ascii_digit())
        && (raw.len() == 1 || !raw.starts_with('0'))
}

/// The quote that begins and ends a string, and how often it stands there.
fn quote(encoding: Encoding) -> (u8, usize) {
    match encoding {
        Encoding::LiteralString => (b'\'', 1),
        Encoding::BasicString => (b'"', 1),
        Encoding::MlLiteralString => (b'\'', 3),
        Encoding::MlBasicString => (b'"', 3),
    }
}

fn is_unterminated(raw: &str, encoding: Encoding) -> bool {
    let (quote, count) = quote(encoding);
    raw.len() < 2 * count || raw.bytes().rev().take(count).any(|byte| byte != quote)
}

/// What no string holds unescaped; a tab is allowed.
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
