//! Characters that look like those of TOML, or like nothing.

use std::ops::Range;

use crate::document::fault::Fault;
use crate::document::line::{body, closing, is_blank};
use crate::document::mistake::parts::{Line, Mistake};

/// Returns the kind of a character that only looks like one of TOML's, or cannot be seen.
pub(super) fn look(character: char) -> Option<Fault> {
    Some(match character {
        '\u{201c}'..='\u{201f}' | '\u{2018}'..='\u{201b}' => Fault::CurlyQuote,
        '\u{ab}' | '\u{bb}' | '\u{2039}' | '\u{203a}' => Fault::AngledQuote,
        '`' | '\u{b4}' => Fault::Backtick,
        '\u{ff1d}' => Fault::FullWidthEquals,
        '\u{ff01}'..='\u{ff5e}' => Fault::FullWidth,
        '\u{a0}' | '\u{202f}' => Fault::NoBreakSpace,
        '\u{2000}'..='\u{200a}' | '\u{205f}' | '\u{3000}' => Fault::SpecialSpace,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{ad}' => {
            Fault::InvisibleCharacter
        }
        '\u{feff}' => Fault::ByteOrderMark,
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Fault::Dash,
        _ => return None,
    })
}

/// Returns such a character in a place where the author meant one of TOML's: before the value, at
/// its first and last character, and after it.
pub(super) fn of(line: &Line<'_>) -> Option<Mistake> {
    let text = line.text;
    if line.body().starts_with('#') {
        return first(text, 0..line.body);
    }
    let head = match text.find(']') {
        Some(end) if line.body().starts_with('[') => end,
        _ if line.sign.is_empty() => line.body + 1,
        _ => line.value,
    };
    if let Some(mistake) = outside_quotes(text, head.min(text.len())) {
        return Some(mistake);
    }
    let value = line.value();
    let start = value.chars().next()?;
    if matches!(start, '"' | '\'') {
        return match closing(value, 0) {
            // A character of no width after the text, or a second text in curly quotes.
            Some(end) => {
                let rest = body(&value[end..]);
                first(text, line.value + end..line.value + end + rest)
            }
            // A straight double quote at the end would not be the quote at the start.
            None if start == '\'' => last(text)
                .filter(|(_, fault)| is_quote(*fault))
                .map(|_| (line.value..text.len(), Fault::MixedQuotes)),
            None => last(text).filter(|(_, fault)| is_quote(*fault)),
        };
    }
    let number = value[start.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
    if let Some(fault) = look(start).filter(|&fault| fault != Fault::Dash || number) {
        return Some((line.value..line.value + start.len_utf8(), fault));
    }
    // A number or a name with a space after it that cannot be seen.
    let end = value.find(is_blank)?;
    let after = end + body(&value[end..]);
    let ends = after == value.len() || value[after..].starts_with('#');
    if ends { first(text, line.value + end..line.value + after) } else { None }
}

/// Returns such a character at the place of an error of the parser.
pub(super) fn at(text: &str, place: &Range<usize>) -> Option<Mistake> {
    let rest = text.get(place.start..)?;
    let character = rest.chars().next()?;
    if let Some(fault) = look(character) {
        return Some((place.start..place.start + character.len_utf8(), fault));
    }
    // The element ends with a curly quote: "value”.
    let span = text.get(place.clone())?.trim_end_matches([',', ']', '}', ' ', '\t', '\r']);
    let (start, character) = span.char_indices().next_back()?;
    let fault = look(character).filter(|&fault| is_quote(fault) && rest.starts_with('"'))?;
    Some((place.start + start..place.start + span.len(), fault))
}

fn is_quote(fault: Fault) -> bool {
    matches!(fault, Fault::CurlyQuote | Fault::AngledQuote | Fault::Backtick | Fault::FullWidth)
}

/// Returns the first such character in a range.
fn first(text: &str, range: Range<usize>) -> Option<Mistake> {
    let found = |(i, character): (usize, char)| {
        let start = range.start + i;
        look(character).map(|fault| (start..start + character.len_utf8(), fault))
    };
    text[range.clone()].char_indices().find_map(found)
}

fn last(text: &str) -> Option<Mistake> {
    let (start, character) = text.char_indices().next_back()?;
    look(character).map(|fault| (start..text.len(), fault))
}

/// Returns the first such character before `end` that is not in a quoted key.
fn outside_quotes(text: &str, end: usize) -> Option<Mistake> {
    let mut at = 0;
    // Quotes that are not closed before `end`. A search from each further one would take too long.
    let mut open = [false; 2];
    while at < end {
        let character = text[at..].chars().next()?;
        if matches!(character, '"' | '\'') && !open[usize::from(character == '"')] {
            if let Some(closed) = closing(text, at).filter(|&closed| closed <= end) {
                at = closed;
                continue;
            }
            open[usize::from(character == '"')] = true;
        }
        if let Some(fault) = look(character) {
            return Some((at..at + character.len_utf8(), fault));
        }
        at += character.len_utf8();
    }
    None
}
