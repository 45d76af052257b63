//! The formats that a template asks of its values: `@url`, `@port`, `@one-of a|b|c`.
//!
//! A check copies nothing of a value, since most of the values are secrets.

use std::fmt::{self, Write};

use serde::de::IgnoredAny;

use crate::document::index::Kind;
use crate::document::{Document, MAX_LEN};
use crate::env;
use crate::role;
use crate::text::bytes::any;
use crate::text::shown::{Limited, is_unsafe};
use crate::text::wiped::Wiped;
use crate::value::Value;

/// The most options of a [`Format::OneOf`]. A document may have many values with one format, and
/// each is compared with every option.
pub(crate) const MAX_OPTIONS: usize = 256;

/// The maximum length of a number or a date as text, such as
/// `1979-05-27T07:32:00.123456789+00:00`.
const MAX_LEN_OF_OTHERS: usize = 40;

/// The most characters that are shown of a prefix or of a list of options.
const MAX_SHOWN: usize = 200;

/// A format that a marker in a template asks of a variable's value.
///
/// [`Variable::formats`](crate::Variable::formats) lists them, and
/// [`Template::validate`](crate::Template::validate) checks each. `Display` writes the rule, as in
/// "expects a URL, such as `https://example.com`".
///
/// An integer or a float is checked as the text that an environment variable has for it. So
/// `PORT = 0x1F90` is a port: it is read as `8080`. A date is checked as text, too. A boolean or an
/// array in the place of a string has no format.
///
/// # Examples
///
/// ```
/// use secrets_toml::{Document, Format, FindingKind, Template};
///
/// let template = Template::parse("# The server's port. @port\nPORT = 8501\n")?;
/// assert_eq!(template.variables().next().unwrap().formats(), [Format::Port]);
///
/// let invalid = template.validate(Document::parse("PORT = 0\n")?).unwrap_err();
/// let finding = invalid.findings().next().unwrap();
/// assert_eq!(finding.kind(), FindingKind::Format);
/// assert_eq!(
///     finding.message(),
///     "`PORT` has another format: the template expects a port, from 1 to 65535",
/// );
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// `@url`: a scheme, `://`, and a host, as in `postgres://user:password@host:5432/name`. It has
    /// no white space. Only a URL of the web needs a host: `sqlite:///data.db` is accepted.
    Url,
    /// `@email`: one e-mail address, without the name of a person.
    Email,
    /// `@port`: a number from 1 to 65535.
    Port,
    /// `@uuid`: 32 hexadecimal digits in five groups, separated by hyphens.
    Uuid,
    /// `@json`: one JSON value of any kind.
    Json,
    /// `@pem`: one or more PEM blocks. The labels of `BEGIN` and `END` are the same, and the lines
    /// between them are base64. Text between two blocks is ignored.
    Pem,
    /// `@one-of a|b|c`: one of at most 256 options, case included.
    OneOf(Vec<String>),
    /// `@prefix sk-`: a text that begins with the prefix.
    Prefix(String),
    /// `@min-length 20`: at least this many characters (not bytes).
    MinLength(usize),
    /// `@range 1..65535`: a number from `min` to `max`, both included.
    Range {
        /// The least number.
        min: f64,
        /// The greatest number.
        max: f64,
    },
}

impl Format {
    /// Returns `true` if a value of the document has the format, or is a boolean or an array.
    pub(crate) fn allows(&self, document: &Document, node: u32) -> bool {
        match document.index().node(node).kind {
            Kind::String => self.matches(role::string(document, node).unwrap_or_default()),
            Kind::Integer | Kind::Float | Kind::Datetime => {
                let mut text = Wiped::with_capacity(MAX_LEN_OF_OTHERS);
                let written = match Value::of(document, node) {
                    Value::Datetime(datetime) => write!(text, "{datetime}"),
                    number => env::write_value(&mut text, number),
                };
                written.is_ok() && self.matches(&text)
            }
            _ => true,
        }
    }

    /// Returns `true` if a text has the format.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Url => is_url(text),
            Self::Email => is_email(text),
            Self::Port => {
                text.starts_with(|c: char| matches!(c, '1'..='9')) && text.parse::<u16>().is_ok()
            }
            Self::Uuid => is_uuid(text),
            Self::Json => serde_json::from_str::<IgnoredAny>(text).is_ok(),
            Self::Pem => is_pem(text),
            Self::OneOf(options) => options.iter().any(|option| option == text),
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::MinLength(least) => {
                least.checked_sub(1).is_none_or(|last| text.chars().nth(last).is_some())
            }
            Self::Range { min, max } => {
                text.parse::<f64>().is_ok_and(|number| (*min..=*max).contains(&number))
            }
        }
    }

    /// Returns `true` if it is clear that no text has all of the formats.
    ///
    /// Formats of different kinds may contradict each other in other ways, such as `@url` and
    /// `@prefix @`: only the likely ones are known here.
    pub(super) fn exclude_all(formats: &[Self]) -> bool {
        let has = |format: &Self| formats.contains(format);
        // The most characters that a text can have.
        let most = match () {
            () if has(&Self::Port) => 5,
            () if has(&Self::Uuid) => 36,
            () => MAX_LEN,
        };
        let bounds = if has(&Self::Port) { (1.0, 65535.0) } else { (f64::MIN, f64::MAX) };
        formats.iter().any(|format| match format {
            Self::OneOf(options) => {
                let fits = |option: &String| formats.iter().all(|format| format.matches(option));
                !options.iter().any(fits)
            }
            Self::MinLength(least) => *least > most,
            Self::Range { min, max } => {
                let (least, greatest) = bounds;
                min > max || *max < least || *min > greatest
            }
            _ => false,
        })
    }

    /// How to write a value of the format.
    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::Url => "write the whole address, with `https://` or the like at its start",
            Self::Email => "write one address, with an `@` in it and without a name",
            Self::Port => "write only the number",
            Self::Uuid => "write all 36 characters, the hyphens included",
            Self::Json => "write the whole text, from the first bracket to the last",
            Self::Pem => {
                "write the whole file between triple quotes, \
                 with the `BEGIN` and `END` lines on lines of their own"
            }
            Self::OneOf(_) => {
                "write one of them as it is written here, upper and lower case included"
            }
            Self::Prefix(_) => "write the whole value; another kind of value may be meant",
            Self::MinLength(_) => "write the whole value, which is longer",
            Self::Range { .. } => "write only the number, with a point for a fraction",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => f.write_str("expects a URL, such as `https://example.com`"),
            Self::Email => f.write_str("expects an e-mail address, such as `ada@example.com`"),
            Self::Port => f.write_str("expects a port, from 1 to 65535"),
            Self::Uuid => {
                f.write_str("expects a UUID, such as `123e4567-e89b-12d3-a456-426614174000`")
            }
            Self::Json => f.write_str("expects JSON, such as `{\"key\": \"value\"}`"),
            Self::Pem => f.write_str(
                "expects PEM, from a line `-----BEGIN …-----` to a line `-----END …-----`",
            ),
            Self::OneOf(options) => {
                f.write_str("expects one of ")?;
                let mut shown = Limited::new(f, MAX_SHOWN);
                for (i, option) in options.iter().enumerate() {
                    if shown.is_full() {
                        break;
                    }
                    shown.write_str(if i > 0 { ", `" } else { "`" })?;
                    write_visible(&mut shown, option)?;
                    shown.write_char('`')?;
                }
                Ok(())
            }
            Self::Prefix(prefix) => {
                f.write_str("expects a text that begins with `")?;
                write_visible(&mut Limited::new(f, MAX_SHOWN), prefix)?;
                f.write_char('`')
            }
            Self::MinLength(1) => f.write_str("expects at least 1 character"),
            Self::MinLength(least) => write!(f, "expects at least {least} characters"),
            Self::Range { min, max } => write!(f, "expects a number from {min} to {max}"),
        }
    }
}

/// Writes text of a template. Replaces a character that a terminal would act on.
fn write_visible(f: &mut impl Write, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| f.write_char(if is_unsafe(c) { '\u{FFFD}' } else { c }))
}

/// Returns `true` for a scheme, `://`, and a host or a path, without white space and control
/// characters.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    // `jdbc:postgresql` has two schemes.
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b':'));
    // A password may hold an `@`, so the last one ends it.
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // `sqlite:///data.db` is a file of this machine. A page of the web always has a host.
    let is_web = ["http", "https", "ws", "wss"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
    let is_file = rest.len() > 1 && rest.starts_with('/') && !is_web;
    is_scheme
        && (is_file || !host.is_empty() && !host.starts_with(':'))
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Returns `true` for one address: a local part, an `@`, and a host.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let is_outside = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '@' | '<' | '>' | '(' | ')' | ',' | ';')
    };
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    !local.is_empty() && !local.contains(is_outside) && host.split('.').all(is_label)
}

/// Returns `true` for hexadecimal digits in groups of 8, 4, 4, 4 and 12, separated by hyphens.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Returns `true` if a text has a PEM block, and every block in it is whole.
fn is_pem(text: &str) -> bool {
    let label = |line: &str, start: &str| -> Option<(usize, usize)> {
        let label = line.strip_prefix(start)?.strip_suffix("-----")?;
        Some((start.len(), start.len() + label.len()))
    };
    let mut lines = text.lines().map(str::trim);
    let mut blocks = 0;
    while let Some(begin) = lines.next() {
        if !begin.starts_with("-----") {
            continue;
        }
        let Some((start, end)) = label(begin, "-----BEGIN ") else { return false };
        let name = &begin[start..end];
        let mut content = 0;
        loop {
            let Some(line) = lines.next() else { return false };
            if let Some((start, end)) = label(line, "-----END ") {
                if line[start..end] != *name || content == 0 {
                    return false;
                }
                break;
            }
            // An encrypted key has headers: `Proc-Type: 4,ENCRYPTED`, and an empty line after them.
            if line.is_empty() || (content == 0 && line.contains(": ")) {
                continue;
            }
            if any(line.trim_end_matches('=').as_bytes(), |byte| {
                !(byte.is_ascii_alphanumeric() | (byte == b'+') | (byte == b'/'))
            }) {
                return false;
            }
            content += 1;
        }
        blocks += 1;
    }
    blocks > 0
}
