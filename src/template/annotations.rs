//! The markers in a comment, such as `@optional`, and the description that is left without them.
//!
//! A marker is a known word after an `@`, in any case, with or without brackets and punctuation
//! around it. The argument of a marker is the next word, up to white space. Form markers, such as
//! `<unchanged>`, are another thing.

use std::ops::Range;

use crate::document::index::Span;
use crate::template::format::{Format, MAX_OPTIONS};

/// The longest unknown word that is compared with the known ones, in bytes.
const MAX_COMPARED_LEN: usize = 16;

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

/// "Optional" in words, in the languages in which that is one word.
const OPTIONAL_WORDS: [&str; 12] = [
    "optional",
    "opcional",
    "optionnel",
    "optionnelle",
    "facultatif",
    "facultative",
    "opzionale",
    "facoltativo",
    "optioneel",
    "valgfri",
    "опционально",
    "необязательно",
];

/// Words before "optional" that make it required.
const NEGATIONS: [&str; 7] = ["not", "non", "no", "nicht", "pas", "niet", "não"];

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

/// The meaning of the comments of a variable or section.
#[derive(Default)]
pub(super) struct Comment {
    pub(super) description: Option<Box<str>>,
    pub(super) optional: bool,
    pub(super) secret: bool,
    pub(super) public: bool,
    /// At most one of each kind, with the place of its marker.
    pub(super) formats: Vec<(Format, Annotation, Span)>,
    pub(super) docs: Option<Box<str>>,
    /// In the order of the text.
    pub(super) mistakes: Vec<(Mistake, Span)>,
    /// The first word that says "optional" without an `@`.
    pub(super) optional_in_words: Option<Span>,
}

/// A line of a comment: its text after the `#`, and the offset of that text.
#[derive(Clone, Copy)]
pub(super) struct Line<'t> {
    pub(super) start: usize,
    pub(super) text: &'t str,
}

/// A word and its offset.
#[derive(Clone, Copy)]
struct Word<'t> {
    start: usize,
    text: &'t str,
}

/// The words of a line.
#[derive(Clone)]
struct Words<'t> {
    rest: &'t str,
    end: usize,
}

impl Annotation {
    fn named(name: &str) -> Option<Self> {
        let known = |(_, known, _): &&(Self, &str, &str)| known.eq_ignore_ascii_case(name);
        ANNOTATIONS.iter().find(known).map(|(annotation, ..)| *annotation)
    }

    /// The marker that a misspelt one is probably meant to be: one edit away, or two if it has at
    /// least six letters.
    fn similar(name: &str) -> Option<Self> {
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
    fn has_argument(self) -> bool {
        self.example().contains(' ')
    }

    /// The format with this argument. Returns `None` if the argument is malformed.
    fn format(self, argument: &str) -> Option<Format> {
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

impl Comment {
    /// Reads the lines above an expression and the one after it. The lines above describe it if
    /// they have any text but markers.
    pub(super) fn read(above: &[Line<'_>], after: Option<Line<'_>>) -> Self {
        let mut comment = Self::default();
        let above = comment.read_lines(above);
        let after = comment.read_lines(after.as_slice());
        comment.description = above.or(after);
        comment
    }

    /// Reads the markers of lines, and returns the text that is left.
    fn read_lines(&mut self, lines: &[Line<'_>]) -> Option<Box<str>> {
        let mut description = String::new();
        for line in lines {
            let mut left = Vec::new();
            let is_plain = self.read_line(*line, &mut left);
            if is_plain {
                description.push_str(line.text.trim());
            } else if left.is_empty() {
                continue;
            } else {
                description.push_str(&left.join(" "));
            }
            description.push('\n');
        }
        let description = description.trim();
        (!description.is_empty()).then(|| description.into())
    }

    /// Reads the markers of a line, and puts its other words into `left`. Returns `true` if it has
    /// no marker.
    fn read_line<'t>(&mut self, line: Line<'t>, left: &mut Vec<&'t str>) -> bool {
        let mut words = Words { rest: line.text, end: line.start + line.text.len() };
        let mut is_plain = true;
        // `true` as long as there are only markers before the word.
        let mut is_first = true;
        let mut before = "";
        while let Some(word) = words.next() {
            if let Some((annotation, span)) = self.read_word(word, is_first) {
                let argument = words.clone().next().filter(|next| !next.is_annotation());
                let argument = argument.filter(|_| annotation.has_argument());
                // `@one-of a | b` would allow `a` alone.
                let mut ahead = words.clone().skip(1);
                let is_torn = annotation == Annotation::OneOf
                    && (argument.is_some_and(|word| word.text.ends_with('|'))
                        || ahead.next().is_some_and(|word| word.text.starts_with('|')));
                if is_torn {
                    self.mistakes.push((Mistake::Argument(annotation), span));
                } else if self.apply(annotation, span, argument.map(|word| word.text)) {
                    if argument.is_some() {
                        words.next();
                    }
                    is_plain = false;
                    continue;
                }
            } else if self.optional_in_words.is_none() {
                let bare = word.text.trim_matches(|c: char| !c.is_alphanumeric());
                let is = |list: &[&str], word: &str| {
                    word.len() <= 32 && list.contains(&&*word.to_lowercase())
                };
                if is(&OPTIONAL_WORDS, bare) && !is(&NEGATIONS, before) {
                    self.optional_in_words = Some(word.span(0..word.text.len()));
                }
                before = bare;
            }
            is_first = false;
            left.push(word.text);
        }
        is_plain
    }

    /// Returns the marker that a word is, and its place. Notes a mistake if the word is nearly one.
    fn read_word(&mut self, word: Word<'_>, is_first: bool) -> Option<(Annotation, Span)> {
        let (at, rest) = word.split()?;
        let len = rest.bytes().take_while(|byte| is_name(*byte)).count();
        let name = rest[..len].trim_end_matches(['-', '_']);
        let behind = &rest[name.len()..];
        let span = word.span(at..at + 1 + name.len());
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let known = Annotation::named(name);
        if !behind.contains(|c: char| c.is_alphanumeric() || c == '@') {
            if known.is_none() {
                let similar = Annotation::similar(name);
                if is_first || similar.is_some() {
                    self.mistakes.push((Mistake::Unknown { similar }, span));
                }
            }
            return known.map(|known| (known, span));
        }
        // `@scope/package` and `@name.example.com` are something else.
        if let Some(known) = known
            && behind.starts_with(['=', ':', '(', '[', '{', ',', ';', '|', '"', '\''])
        {
            self.mistakes.push((Mistake::Joined(known), span));
        }
        None
    }

    /// Applies a marker with its argument. Returns `false` if it is malformed and has no effect.
    fn apply(&mut self, annotation: Annotation, span: Span, argument: Option<&str>) -> bool {
        let argument = argument.unwrap_or_default();
        match annotation {
            Annotation::Optional => self.optional = true,
            Annotation::Secret | Annotation::Public => {
                let was_both = self.secret && self.public;
                self.secret |= annotation == Annotation::Secret;
                self.public |= annotation == Annotation::Public;
                if self.secret && self.public && !was_both {
                    self.mistakes.push((Mistake::SecretAndPublic, span));
                }
            }
            Annotation::Docs => {
                let link = trimmed(argument, &['.', ',', ';', ':', '!']);
                let is_https = link
                    .split_at_checked("https://".len())
                    .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https://"));
                if !is_https || !Format::Url.matches(link) {
                    self.mistakes.push((Mistake::Argument(annotation), span));
                    return false;
                }
                if self.docs.is_some() {
                    self.mistakes.push((Mistake::Repeated(annotation), span));
                } else {
                    self.docs = Some(link.into());
                }
            }
            _ => {
                let end: &[char] = match annotation {
                    Annotation::Prefix => &[',', ';'],
                    _ => &['.', ',', ';', ':', '!'],
                };
                let Some(format) = annotation.format(trimmed(argument, end)) else {
                    self.mistakes.push((Mistake::Argument(annotation), span));
                    return false;
                };
                // One of each kind, so that the number of checks is limited.
                if self.formats.iter().any(|(_, known, _)| *known == annotation) {
                    self.mistakes.push((Mistake::Repeated(annotation), span));
                } else {
                    self.formats.push((format, annotation, span));
                }
            }
        }
        true
    }
}

impl<'t> Word<'t> {
    /// Splits a word at an `@` that only brackets and punctuation precede: the offset of the `@` in
    /// the word, and what follows it.
    fn split(self) -> Option<(usize, &'t str)> {
        let at = self.text.find(|c: char| c.is_alphanumeric() || c == '@')?;
        Some((at, self.text[at..].strip_prefix('@')?))
    }

    /// Returns `true` if the word is a known marker.
    fn is_annotation(self) -> bool {
        self.split().is_some_and(|(_, rest)| {
            Annotation::named(rest.trim_end_matches(|c: char| !c.is_alphanumeric())).is_some()
        })
    }

    /// The place of a part of the word.
    fn span(self, part: Range<usize>) -> Span {
        Span { start: (self.start + part.start) as u32, end: (self.start + part.end) as u32 }
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = Word<'t>;

    fn next(&mut self) -> Option<Word<'t>> {
        let rest = self.rest.trim_start();
        let start = self.end - rest.len();
        let (text, behind) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
        self.rest = behind;
        (!text.is_empty()).then_some(Word { start, text })
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
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
