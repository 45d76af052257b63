//! Forms that show no value, and the update of a document by one that was filled in.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use toml_parser::lexer::TokenKind;

use crate::document::wiped::Wiped;
use crate::document::{self, Document, MAX_LEN};
use crate::marker::{Marked, Marker};
use crate::shape;
use crate::template::Inner as Template;
use crate::validate::{self, Invalid, Secrets};

/// The text of a document without its values and comments.
pub(crate) fn form(document: &Document) -> String {
    let marked = Marked::new(document);
    hide(document, &marked, 0..document.expose_text().len())
}

/// A part of a text, from the start of a line or value to the end of one, without its values and
/// comments.
pub(crate) fn hide(document: &Document, marked: &Marked<'_>, part: Range<usize>) -> String {
    let text = &document.expose_text()[part.clone()];
    let span = |node: u32| document.index().node(node).span.range();
    let variables = &marked.variables;
    let first = variables.partition_point(|&node| span(node).start < part.start);
    let last = variables.partition_point(|&node| span(node).start < part.end);
    let values = (first..last).map(|place| {
        let Range { start, end } = span(variables[place]);
        (start - part.start..end - part.start, marked.marker(place))
    });
    let comments = document::lex(text)
        .into_iter()
        .filter(|token| token.kind() == TokenKind::Comment)
        .map(|token| (comment(text, token.span().start()..token.span().end()), Cow::default()));
    let mut hidden: Vec<_> = values.chain(comments).collect();
    hidden.sort_by_key(|(span, _)| span.start);
    let mut form = String::with_capacity(text.len());
    let mut end = 0;
    for (span, instead) in hidden {
        // An array may have comments inside.
        if span.start >= end {
            form.push_str(&text[end..span.start]);
            form.push_str(&instead);
            end = span.end;
        }
    }
    form.push_str(&text[end..]);
    form
}

/// A comment with the blanks before it, and with the line if nothing else is on it.
fn comment(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text[..span.start].trim_end_matches([' ', '\t']).len();
    let alone = matches!(text[..start].chars().next_back(), None | Some('\n' | '\u{feff}'));
    let rest = &text[span.end..];
    let newline = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n')).unwrap_or(rest);
    start..if alone { text.len() - newline.len() } else { span.end }
}

/// Checks a document whose markers stand for the values of another.
pub(crate) fn validate(
    entered: Document,
    current: &Document,
    template: Option<&Arc<Template>>,
) -> Result<Secrets, Invalid> {
    let kept = kept(&entered, current);
    if kept.is_empty() {
        return validate::validate(entered, template);
    }
    // Markers may be copied, so that much more may be kept than was entered.
    let text = entered.expose_text();
    let marker = |node| entered.raw(node).len();
    let grown = kept.iter().map(|(_, value)| value.len()).sum::<usize>();
    if text.len() - kept.iter().map(|&(node, _)| marker(node)).sum::<usize>() + grown > MAX_LEN {
        let longest = kept.iter().max_by_key(|(_, value)| value.len());
        let &(node, _) = longest.expect("something is kept");
        return Err(Invalid::too_long(entered, node));
    }
    let mut pieces = Vec::with_capacity(2 * kept.len() + 1);
    let mut end = 0;
    for &(node, value) in &kept {
        let span = entered.index().node(node).span.range();
        pieces.extend([&text[end..span.start], value]);
        end = span.end;
    }
    pieces.push(&text[end..]);
    let filled = Document::read_wiped(Wiped::concat(&pieces));
    let filled = filled.expect("a value that was read is read again as deep");
    validate::validate(filled, template)
        .map_err(|invalid| invalid.moved_to(entered, |node| is_kept(&kept, node)))
}

fn is_kept(kept: &[(u32, &str)], node: u32) -> bool {
    kept.binary_search_by_key(&node, |&(node, _)| node).is_ok()
}

/// The variables whose markers keep a value, in the order of the text, each with the value as it is
/// written.
fn kept<'a>(entered: &Document, current: &'a Document) -> Vec<(u32, &'a str)> {
    let Marked { repeated, variables, .. } = Marked::new(entered);
    let read = |&node: &u32| Some((node, Marker::read(shape::string(entered, node)?)?));
    let markers: Vec<(u32, Marker)> = variables.iter().filter_map(read).collect();
    if markers.is_empty() {
        return Vec::new();
    }
    let marked = Marked::new(current);
    let (mut known, mut places) = (HashMap::new(), Vec::new());
    let paths = paths(current, |from, step| {
        let next = known.len() as u32 + 1;
        Some(*known.entry((from, step)).or_insert(next))
    });
    let entered_paths = self::paths(entered, |from, step| known.get(&(from, step)).copied());
    // Outside arrays of tables one variable has a path.
    places.resize(known.len() + 1, None);
    for &node in marked.variables.iter().filter(|&&node| !marked.repeated[node as usize]) {
        places[paths[node as usize].unwrap_or(0) as usize] = Some(node);
    }
    let source = |node: u32, marker| {
        let path = entered_paths[node as usize]?;
        match marker {
            Marker::Plain => places[path as usize],
            Marker::Numbered(number) if repeated[node as usize] => {
                let &source = marked.variables.get(number - 1)?;
                (paths[source as usize] == Some(path)).then_some(source)
            }
            _ => None,
        }
    };
    markers
        .into_iter()
        .filter_map(|(node, marker)| Some((node, source(node, marker)?)))
        .filter(|&(_, source)| !shape::is_blank(current, source))
        .map(|(node, source)| (node, current.raw(source)))
        .collect()
}

/// A number for the path of every node, the same for paths that differ in positions alone: each key
/// is looked at once, however many paths it is part of. `None` steps over a position; the root is 0.
fn paths<'a>(
    document: &'a Document,
    mut step: impl FnMut(u32, Option<&'a str>) -> Option<u32>,
) -> Vec<Option<u32>> {
    let index = document.index();
    let mut paths = Vec::with_capacity(index.len() as usize);
    paths.push(Some(0));
    for node in 1..index.len() {
        let key = (!index.is_element(node)).then(|| document.key(node));
        let parent: Option<u32> = paths[index.node(node).parent as usize];
        paths.push(parent.and_then(|parent| step(parent, key)));
    }
    paths
}
