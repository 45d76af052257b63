//! The words of a comment: its markers, and the description that is left without them.

use std::ops::Range;

use crate::document::index::Span;
use crate::template::annotations::{Annotation, Mistake};
use crate::template::format::Format;

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
            Annotation::Docs => match Annotation::link(argument) {
                None => {
                    self.mistakes.push((Mistake::Argument(annotation), span));
                    return false;
                }
                Some(_) if self.docs.is_some() => {
                    self.mistakes.push((Mistake::Repeated(annotation), span));
                }
                Some(link) => self.docs = Some(link.into()),
            },
            _ => {
                let Some(format) = annotation.format(argument) else {
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
