//! Forms that show no value: what has one is shown blank, and what is left blank keeps it.

use std::ops::Range;
use std::sync::Arc;

use toml_parser::lexer::TokenKind;

use crate::document::wiped::Wiped;
use crate::document::{self, Document, MAX_LEN};
use crate::shape::{self, Elements, Role};
use crate::template::Inner as Template;
use crate::validate::{self, Invalid, Secrets};

/// What a form shows where a value stands.
pub(crate) const BLANK: &str = "\"\"";

/// The text of a document without its values and comments.
pub(crate) fn form(document: &Document) -> String {
    let text = document.expose_text();
    let roles = shape::roles(document);
    let values = (1..document.index().len())
        .filter(|&node| roles[node as usize] == Role::Variable)
        .map(|node| (document.index().node(node).span.range(), BLANK));
    let comments = document::lex(text)
        .into_iter()
        .filter(|token| token.kind() == TokenKind::Comment)
        .map(|token| (comment(text, token.span().start()..token.span().end()), ""));
    let mut splices: Vec<_> = values.chain(comments).collect();
    splices.sort_by_key(|(span, _)| span.start);
    // An array may have comments inside.
    let mut end = 0;
    splices.retain(|(span, _)| {
        let outside = span.start >= end;
        end = end.max(span.end);
        outside
    });
    splice(text, splices).concat()
}

/// What goes with a comment: the blanks before it, and the line where nothing else is on it.
fn comment(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text[..span.start].trim_end_matches([' ', '\t']).len();
    let alone = matches!(text[..start].chars().next_back(), None | Some('\n' | '\u{feff}'));
    let rest = &text[span.end..];
    let newline = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n')).unwrap_or(rest);
    start..if alone { text.len() - newline.len() } else { span.end }
}

/// Checks a document whose blanks stand for the values of another.
pub(crate) fn validate(
    entered: Document,
    current: &Document,
    template: Option<&Arc<Template>>,
) -> Result<Secrets, Invalid> {
    let kept = kept(&entered, current);
    if kept.is_empty() {
        return validate::validate(entered, template);
    }
    let mut len = entered.expose_text().len();
    for &(node, value) in &kept {
        len = len - entered.raw(node).len() + value.len();
        if len > MAX_LEN {
            return Err(Invalid::too_long(entered, node));
        }
    }
    let span = |node| entered.index().node(node).span.range();
    let splices = kept.into_iter().map(|(node, value)| (span(node), value));
    let text = Wiped::concat(&splice(entered.expose_text(), splices));
    let filled = Document::read_wiped(text);
    let filled = filled.expect("a value that was read is read again at the same path");
    validate::validate(filled, template).map_err(|invalid| invalid.moved_to(entered))
}

/// The variables that are blank, each with what stands in the other document at the same path.
fn kept<'a>(entered: &Document, current: &'a Document) -> Vec<(u32, &'a str)> {
    let twins = shape::twins(entered, current, Elements::ByPosition);
    let roles = shape::roles(entered);
    let mut kept = Vec::new();
    for node in 1..entered.index().len() {
        let Some(twin) = twins[node as usize] else { continue };
        if roles[node as usize] == Role::Variable
            && shape::is_blank(entered, node)
            && shape::is_carried(current, twin)
        {
            kept.push((node, current.raw(twin)));
        }
    }
    kept
}

/// The pieces of a text with others in the place of some of its spans, which ascend.
pub(crate) fn splice<'a>(
    text: &'a str,
    splices: impl IntoIterator<Item = (Range<usize>, &'a str)>,
) -> Vec<&'a str> {
    let mut pieces = Vec::new();
    let mut end = 0;
    for (span, instead) in splices {
        pieces.extend([&text[end..span.start], instead]);
        end = span.end;
    }
    pieces.push(&text[end..]);
    pieces
}
