//! Recognizes the mistake of an author behind an error of the parser.
//!
//! The parser says what it did not expect. The author has typed a curly quote, pasted JSON or
//! copied a line of a shell script. These functions look at the statement with the error, and name
//! the mistake and its place. They run after an error only, once for each statement, and take time
//! in proportion to its length.

mod characters;
mod keys;
mod lines;
mod parts;
mod quotes;
mod values;

use std::ops::Range;

use crate::document::error::Found;
use crate::document::fault::Fault;
use crate::document::line::closing;
use crate::document::mistake::parts::Line;
pub(super) use crate::document::mistake::parts::Mistake;

/// Returns the mistake on a line with an error of the parser.
pub(super) fn of_line(text: &str, span: Range<usize>, fault: Fault) -> Mistake {
    let is_plain = matches!(
        fault,
        Fault::TooDeep
            | Fault::InvalidCharacter
            | Fault::CommentCharacter
            | Fault::IntegerRange
            | Fault::FloatRange
            | Fault::MultilineKey
    );
    if is_plain || fault == Fault::BareCarriageReturn && !text.trim_start().starts_with('{') {
        return (span, fault);
    }
    let line = Line::new(text);
    lines::of(&line)
        .or_else(|| characters::of(&line))
        .or_else(|| keys::of(&line, fault))
        .or_else(|| values::of(&line, &span, fault))
        .unwrap_or((span, fault))
}

/// Returns the mistakes in a statement that may have several lines. `open` is the offset of a quote
/// or bracket without its end. `errors` are those of the parser, in the order of their places.
pub(super) fn of_block(text: &str, open: Option<usize>, errors: &[Found]) -> Vec<Mistake> {
    let Some(first) = errors.first() else { return Vec::new() };
    if errors.iter().any(|error| error.fault == Fault::TooDeep) {
        let deep = errors.iter().filter(|error| error.fault == Fault::TooDeep);
        return deep.map(|error| (error.start..error.end, error.fault)).collect();
    }
    if first.fault == Fault::MultilineKey {
        return vec![(first.start..first.end, first.fault)];
    }
    let line = Line::new(text);
    let yaml = open.filter(|&open| text[open..].starts_with(['|', '>']));
    let whole = yaml
        .and_then(|open| of_open(&line, open))
        .or_else(|| lines::of(&line))
        .or_else(|| keys::of(&line, first.fault))
        .or_else(|| open.and_then(|open| of_open(&line, open)));
    if let Some(mistake) = whole {
        return vec![mistake];
    }
    if let Some(mistake) = values::of_brackets(&line, first) {
        return vec![mistake];
    }
    // After an error in the structure, further ones may follow from it.
    let known = errors.iter().take_while(|error| is_scalar(error.fault)).count().max(1);
    let refine = |error: &Found| {
        let place = error.start..error.end;
        characters::at(text, &place)
            .or_else(|| values::of_element(text, &place, error.fault))
            .unwrap_or((place, error.fault))
    };
    let single = !text.trim_end().contains('\n');
    if single && !line.value().starts_with(['[', '{']) {
        return vec![of_line(text, first.start..first.end, first.fault)];
    }
    let mut mistakes: Vec<Mistake> = errors[..known].iter().map(refine).collect();
    if let Some(structure) = mistakes.iter().position(|(_, fault)| !is_scalar(*fault)) {
        mistakes.truncate(structure + 1);
    }
    mistakes
}

/// Returns the mistake of a quote or bracket that is never closed.
fn of_open(line: &Line<'_>, open: usize) -> Option<Mistake> {
    let rest = &line.text[open.min(line.text.len())..];
    let first_line = rest.split('\n').next().unwrap_or(rest).trim_end();
    let place = open..open + first_line.len();
    let fault = match rest.chars().next()? {
        _ if line.text.get(line.sign.end..open).is_some_and(is_below) => {
            let listed = first_line.ends_with(',');
            let fault = if listed { Fault::ListBrackets } else { Fault::ValueBelow };
            return Some((place, fault));
        }
        '/' => Fault::WrongComment,
        '|' | '>' => return Some((line.sign.clone(), Fault::YamlText)),
        '"' | '\'' if rest.starts_with("\"\"\"") || rest.starts_with("'''") => {
            Fault::UnclosedTriple
        }
        '"' | '\'' if closing(rest, 0).is_none() => {
            let value = Line { text: &line.text[..open + first_line.len()], ..line.at(open) };
            return Some(quotes::of_unclosed(&value, rest.len() > first_line.len(), rest));
        }
        '-' => Fault::UnquotedPem,
        '[' => Fault::UnclosedArray,
        '{' => Fault::UnclosedInlineTable,
        other => {
            let fault = characters::look(other)?;
            return Some((open..open + other.len_utf8(), fault));
        }
    };
    if matches!(fault, Fault::UnclosedArray | Fault::UnclosedInlineTable) {
        if values::is_json(rest) {
            return Some((open..open + 1, Fault::JsonValue));
        }
        return Some((open..open + 1, fault));
    }
    Some((place, fault))
}

/// Returns `true` for the blanks between a sign and a value on the next line.
fn is_below(blanks: &str) -> bool {
    blanks.contains('\n') && blanks.trim().is_empty()
}

/// Returns `true` for an error in a single value, after which the structure is known.
fn is_scalar(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::UnquotedValue
            | Fault::UnquotedWords
            | Fault::InvalidCharacter
            | Fault::InvalidEscape
            | Fault::InvalidUnicode
            | Fault::InvalidNumber
            | Fault::LeadingZero
            | Fault::IntegerRange
            | Fault::FloatRange
            | Fault::InvalidBoolean
            | Fault::InvalidDatetime
            | Fault::CommentCharacter
    )
}
