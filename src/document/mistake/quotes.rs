//! Mistakes in texts between quotes: their ends, quotes inside them, and backslashes.

use std::ops::Range;

use crate::document::fault::Fault;
use crate::document::line::closing;
use crate::document::mistake::characters;
use crate::document::mistake::lines::after;
use crate::document::mistake::parts::{Line, Mistake};

/// Returns the mistake of a text without its closing quote on the line. `rest` is the text from its
/// opening quote to the end of the statement.
pub(super) fn of_unclosed(line: &Line<'_>, multiline: bool, rest: &str) -> Mistake {
    let place = line.value..line.text.len();
    let value = line.value();
    let quote = &value[..1];
    let other = if quote == "\"" { '\'' } else { '"' };
    if let Some(mistake) = characters::of(line) {
        return mistake;
    }
    let fault = match rest.trim_end() {
        rest if multiline && (rest.ends_with(quote) || rest.contains("-----BEGIN ")) => {
            Fault::MultilineText
        }
        _ if value.len() > 1 && value.ends_with(other) => Fault::MixedQuotes,
        _ if value.ends_with("\\\"") && is_path(&value[1..]) => Fault::WindowsPath,
        _ => Fault::UnterminatedString,
    };
    (place, fault)
}

/// A text that is closed on its line, and what follows it.
pub(super) fn quoted(line: &Line<'_>, span: &Range<usize>, fault: Fault) -> Option<Mistake> {
    let value = line.value();
    let end = closing(value, 0)?;
    let rest = value[end..].trim_start();
    let at = line.text.len() - rest.len();
    if span.start < line.value + end
        && matches!(fault, Fault::InvalidEscape | Fault::InvalidUnicode)
    {
        return of_escape(line.text, line.value, span, fault);
    }
    let quote = &value[..1];
    if end == 2 && rest.len() == value.len() - end && !rest.is_empty() {
        let doubled = value.ends_with(&quote.repeat(2)) && value.len() > 4;
        let fault = if doubled { Fault::DoubledQuotes } else { Fault::UnescapedQuote };
        return Some((line.from(line.value), fault));
    }
    if let Some(mistake) = after(line.text, rest, at) {
        return Some(mistake);
    }
    // The text would go on to the last quote of the line.
    let last = line.text.rfind(quote)?;
    if last < at {
        return None;
    }
    let fault = if quote == "'" { Fault::UnescapedApostrophe } else { Fault::UnescapedQuote };
    Some((line.value + end - 1..line.value + end, fault))
}

/// A backslash in a text between double quotes.
pub(super) fn of_escape(
    text: &str,
    open: usize,
    span: &Range<usize>,
    fault: Fault,
) -> Option<Mistake> {
    // Only what is before the error: a line may have an error in each key, and a text in each line.
    if is_path(text.get(open..span.end)?.trim_start_matches('"')) {
        return Some((span.clone(), Fault::WindowsPath));
    }
    // After `\u`, letters that are no digits: the author meant a backslash.
    let before = text.get(..span.start)?;
    let slash = before.rfind('\\')?;
    let digit = text[slash..].chars().nth(2).is_some_and(|c| c.is_ascii_hexdigit());
    if fault == Fault::InvalidUnicode && !digit && span.start <= slash + 2 {
        return Some((span.clone(), Fault::InvalidEscape));
    }
    None
}

/// Returns `true` if a text begins like a path of Windows: `C:\` or `\\`.
fn is_path(content: &str) -> bool {
    let bytes = content.as_bytes();
    let drive = bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1..3] == *b":\\";
    drive || content.starts_with("\\\\") || content.starts_with("%") && content.contains("%\\")
}

/// Returns `true` if a value begins with three quotes.
pub(super) fn is_triple(value: &str) -> bool {
    value.starts_with("\"\"\"") || value.starts_with("'''")
}
