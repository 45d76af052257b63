//! The markers that a comment may have, such as `@optional`.
//!
//! A marker is a known word after an `@`, in any case, with or without brackets and punctuation
//! around it. The argument of a marker is the next word, up to white space. Form markers, such as
//! `<unchanged>`, are another thing.

use crate::template::format::{Format, MAX_OPTIONS};

/// The longest unknown word that is compared with the known ones, in bytes.
const MAX_COMPARED_LEN: usize = 16;

/// The punctuation of a sentence after an argument.
const PUNCTUATION: [char; 5] = ['.', ',', ';', ':', '!'];

/// A known marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Annotation {
    Optional,
    Secret,
    Public,
    Docs,
    Url,
    Email,
    Port,
    Uuid,
    Json,
    Pem,
    OneOf,
    Prefix,
    MinLength,
    Range,
}

/// Each marker, its name, and how it is written.
const ANNOTATIONS: [(Annotation, &str, &str); 14] = [
    (Annotation::Optional, "optional", "@optional"),
    (Annotation::Secret, "secret", "@secret"),
    (Annotation::Public, "public", "@public"),
    (Annotation::Docs, "docs", "@docs https://example.com/page"),
    (Annotation::Url, "url", "@url"),
    (Annotation::Email, "email", "@email"),
    (Annotation::Port, "port", "@port"),
    (Annotation::Uuid, "uuid", "@uuid"),
    (Annotation::Json, "json", "@json"),
    (Annotation::Pem, "pem", "@pem"),
    (Annotation::OneOf, "one-of", "@one-of a|b|c"),
    (Annotation::Prefix, "prefix", "@prefix sk-"),
    (Annotation::MinLength, "min-length", "@min-length 20"),
    (Annotation::Range, "range", "@range 1..100"),
];

/// A mistake in a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// An unknown word, such as `@requird`.
    Unknown { similar: Option<Annotation> },
    /// Something other than white space after a marker: `@min-length=20`.
    Joined(Annotation),
    /// An argument that is malformed or absent.
    Argument(Annotation),
    /// A marker that the comment has already.
    Repeated(Annotation),
    /// Both `@secret` and `@public`.
    SecretAndPublic,
    /// A format at a section, which only a variable has.
    OfSection(Annotation),
    /// A format at an array, a boolean or a date.
    OfKind(Annotation),
    /// "Optional" in words.
    InWords,
    /// A format that no text meets, or none that meets those before it.
    Unmet,
}

impl Annotation {
    pub(super) fn named(name: &str) -> Option<Self> {
        let known = |(_, known, _): &&(Self, &str, &str)| known.eq_ignore_ascii_case(name);
        ANNOTATIONS.iter().find(known).map(|(annotation, ..)| *annotation)
    }

    /// The marker that a misspelt one is probably meant to be: one edit away, or two if it has at
    /// least six letters.
    pub(super) fn similar(name: &str) -> Option<Self> {
        if name.len() > MAX_COMPARED_LEN {
            return None;
        }
        let name = name.to_ascii_lowercase();
        let distances = ANNOTATIONS.iter().filter_map(|(annotation, known, _)| {
            let allowed = if known.len() < 6 { 1 } else { 2 };
            if name.len().abs_diff(known.len()) > allowed {
                return None;
            }
            let distance = strsim::osa_distance(&name, known);
            (distance <= allowed).then_some((distance, *annotation))
        });
        distances.min_by_key(|(distance, _)| *distance).map(|(_, annotation)| annotation)
    }

    /// The way to write it, with an example of its argument.
    pub(crate) fn example(self) -> &'static str {
        let is_it = |(annotation, ..): &&(Self, &str, &str)| *annotation == self;
        ANNOTATIONS.iter().find(is_it).map_or("", |(.., example)| *example)
    }

    /// The word itself, such as `@min-length`.
    pub(crate) fn word(self) -> &'static str {
        self.example().split(' ').next().unwrap_or_default()
    }

    /// Returns `true` if a word follows that belongs to the marker.
    pub(super) fn has_argument(self) -> bool {
        self.example().contains(' ')
    }

    /// The `https` link that is the argument of `@docs`. Returns `None` if it is malformed.
    pub(super) fn link(argument: &str) -> Option<&str> {
        const SCHEME: &str = "https://";
        let link = trimmed(argument, &PUNCTUATION);
        let is_https = link
            .split_at_checked(SCHEME.len())
            .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME));
        (is_https && Format::Url.matches(link)).then_some(link)
    }

    /// The format with this argument. Returns `None` if the argument is malformed.
    pub(super) fn format(self, argument: &str) -> Option<Format> {
        let argument = match self {
            // A prefix may end in a full stop: `SG.`.
            Self::Prefix => trimmed(argument, &[',', ';']),
            _ => trimmed(argument, &PUNCTUATION),
        };
        Some(match self {
            Self::Optional | Self::Secret | Self::Public | Self::Docs => return None,
            Self::Url => Format::Url,
            Self::Email => Format::Email,
            Self::Port => Format::Port,
            Self::Uuid => Format::Uuid,
            Self::Json => Format::Json,
            Self::Pem => Format::Pem,
            Self::OneOf => {
                let options = argument.split('|').filter(|option| !option.is_empty());
                let options: Vec<_> = options.map(str::to_owned).collect();
                return (options.len() <= MAX_OPTIONS).then_some(Format::OneOf(options));
            }
            Self::Prefix if argument.is_empty() => return None,
            Self::Prefix => Format::Prefix(argument.to_owned()),
            Self::MinLength => Format::MinLength(parse_digits(argument)?),
            Self::Range => {
                let (min, max) = argument.split_once("..")?;
                Format::Range { min: parse_bound(min)?, max: parse_bound(max)? }
            }
        })
    }
}

/// An argument without the punctuation of a sentence, and without a bracket or quote that closes
/// one before it.
fn trimmed<'t>(argument: &'t str, punctuation: &[char]) -> &'t str {
    const PAIRS: [(char, char); 8] = [
        ('(', ')'),
        ('[', ']'),
        ('{', '}'),
        ('<', '>'),
        ('`', '`'),
        ('"', '"'),
        ('\'', '\''),
        ('*', '*'),
    ];
    let mut argument = argument.trim_end_matches(punctuation);
    for (open, close) in PAIRS {
        let Some(rest) = argument.strip_suffix(close) else { continue };
        match rest.strip_prefix(open) {
            Some(inside) => argument = inside,
            None if !rest.contains(open) => argument = rest.trim_end_matches(close),
            None => {}
        }
    }
    argument.trim_end_matches(punctuation)
}

fn parse_digits(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A bound of a range: at most 15 digits, so that a float is exact, and a point.
fn parse_bound(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && digits.len() <= 15
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_number.then(|| text.parse().ok())?
}
