//! Finds the mistakes of a text with syntax errors: one error for one mistake.
//!
//! After a bracket or quote that is never closed, the parser takes the rest of the text for
//! something that it is not, and reports errors there. So the text is split into
//! [statements](crate::document::statement), and read twice more:
//!
//! 1. Each statement that may have several lines is read alone. If it has an error, it is named.
//! 2. The whole text is read without these statements. Each error is one of a single line, which
//!    the parser leaves at its end.
//!
//! Every step is one pass over the text, so it takes time in proportion to its length. A text
//! without errors never comes here.

use toml_parser::Source;
use toml_parser::lexer::Token;
use toml_parser::parser::parse_document;

use crate::document::careful::Builder;
use crate::document::error::{Detail, Found};
use crate::document::fault::Fault;
use crate::document::mistake::{self, Mistake};
use crate::document::report::{Errors, GrammarErrors};
use crate::document::statement::{Shape, Statement, Statements};
use crate::text::wiped::Wiped;

/// Returns the mistakes behind the errors that the parser has found.
///
/// Returns `None` if all of them are keys that are defined twice, which the grammar allows.
#[cold]
pub(super) fn mistakes(text: &str, first: &[Found]) -> Option<Vec<Found>> {
    if first.iter().all(is_clash) {
        return None;
    }
    let (mut found, blanked) = blocks(text);
    let mut errors = match &blanked {
        Some(blanked) => errors_of(blanked),
        None => first.to_vec(),
    };
    errors.sort_by_key(|error| error.start);
    let open = found.iter().filter(|found| is_unclosed(found)).map(|found| found.start).collect();
    found.extend(lines(text, &errors, open));
    // The statements and the parser disagree.
    (!found.iter().all(is_clash)).then_some(found)
}

/// Returns the mistakes in statements that may have several lines. If there are any, also returns
/// the text with spaces in their place.
fn blocks(text: &str) -> (Vec<Found>, Option<Wiped>) {
    let mut found = Vec::new();
    let mut blanked: Option<Wiped> = None;
    let mut end = 0;
    for Statement { range, shape } in Statements::new(text) {
        let open = match shape {
            Shape::Line => continue,
            Shape::Closed => None,
            Shape::Open(open) => Some(open - range.start),
        };
        let block = &text[range.clone()];
        let mut errors = errors_of(block);
        errors.retain(|error| !is_clash(error));
        if errors.is_empty() {
            continue;
        }
        errors.sort_by_key(|error| error.start);
        let mistakes = mistake::of_block(block, open, &errors);
        found.extend(mistakes.into_iter().map(|mistake| located(mistake, range.start)));
        let blanked = blanked.get_or_insert_with(|| Wiped::with_capacity(text.len()));
        blanked.append(&text[end..range.start]);
        for byte in block.bytes() {
            blanked.append(if byte == b'\n' { "\n" } else { " " });
        }
        end = range.end;
    }
    if let Some(blanked) = &mut blanked {
        blanked.append(&text[end..]);
    }
    (found, blanked)
}

/// Returns the mistake of each line that has an error, and all keys that are defined twice. The
/// errors are in the order of their places, as are the brackets that are never closed.
fn lines(text: &str, errors: &[Found], open: Vec<usize>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut open = open.into_iter().peekable();
    let mut errors = errors.iter().peekable();
    // The last mistake, and the end of its line.
    let mut last = (Fault::Other, 0);
    let mut markers = Vec::new();
    for Statement { range, shape } in Statements::new(text) {
        let mut is_known = false;
        let is_here = |error: &&Found| error.start < range.end || range.end == text.len();
        while let Some(error) = errors.next_if(is_here) {
            if is_clash(error) {
                found.push(*error);
            } else if !std::mem::replace(&mut is_known, true) {
                let place = error.start - range.start..error.end - range.start;
                let mistake = match shape {
                    Shape::Line => mistake::of_line(&text[range.clone()], place, error.fault),
                    Shape::Closed | Shape::Open(_) => (place, error.fault),
                };
                let (_, fault) = mistake;
                let follows = last.1 == range.start;
                let is_again = match fault {
                    // The key of a list, and each item after the first.
                    Fault::YamlList if follows && last.0 == Fault::ColonSection => {
                        if let Some(key) = found.last_mut() {
                            key.fault = Fault::YamlList;
                        }
                        true
                    }
                    // The end of what seemed to have none.
                    Fault::UnopenedBracket | Fault::UnopenedBrace => {
                        open.next_if(|&open| open < range.start).is_some()
                    }
                    Fault::YamlList => follows && last.0 == Fault::YamlList,
                    // The other lines of a conflict or of a fenced block.
                    Fault::ConflictMarker | Fault::MarkdownFence => {
                        let again = markers.contains(&fault);
                        if !again {
                            markers.push(fault);
                        }
                        again
                    }
                    _ => false,
                };
                if !is_again {
                    found.push(located(mistake, range.start));
                }
                last = (fault, range.end);
            }
        }
    }
    // Both versions of a conflict define the same keys.
    if markers.contains(&Fault::ConflictMarker) {
        found.retain(|error| !is_clash(error));
    }
    found
}

fn errors_of(text: &str) -> Vec<Found> {
    let tokens: Vec<Token> = Source::new(text).lex().collect();
    let errors = Errors::new(text);
    let mut builder = Builder::new(text, &tokens, &errors);
    parse_document(&tokens, &mut builder, &mut GrammarErrors(&errors));
    errors.take()
}

fn is_unclosed(error: &Found) -> bool {
    matches!(error.fault, Fault::UnclosedArray | Fault::UnclosedInlineTable)
}

fn is_clash(error: &Found) -> bool {
    matches!(error.detail, Detail::Clash { .. })
}

fn located((place, fault): Mistake, start: usize) -> Found {
    Found { start: start + place.start, end: start + place.end, fault, detail: Detail::None }
}
