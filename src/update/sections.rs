//! The parts of a text that headers begin.

use std::ops::Range;

use crate::document::Document;
use crate::document::index::{Kind, ROOT};

/// The header of an array's elements, as the template writes it.
pub(super) fn header(template: &Document, array: u32) -> &str {
    let text = template.expose_text();
    let Some(&first) = template.index().children(array).first() else { return "" };
    let key = template.index().node(first).key_span.range();
    let start = line_start(text, key.start);
    let close = text[key.end..].find("]]").map_or(text.len(), |close| key.end + close + 2);
    text[start..close].trim_start()
}

/// The parts of a text that begin with a header: each to the end of the line of its last value.
pub(super) struct Sections {
    /// The table of the header, and the part.
    all: Vec<(u32, Range<usize>)>,
    /// For every node, the sections of its table and of the tables below it.
    below: Vec<Vec<usize>>,
}

impl Sections {
    pub(super) fn of(document: &Document) -> Self {
        let (text, index) = (document.expose_text(), document.index());
        let is_header = |node: &u32| {
            index.node(*node).kind == Kind::Table
                && (index.is_element(*node) || !index.is_implicit(*node))
        };
        let key = |node: u32| index.node(node).key_span.range();
        let mut all: Vec<_> = (1..index.len())
            .filter(is_header)
            .map(|node| (node, line_start(text, key(node).start)..key(node).end))
            .collect();
        all.sort_by_key(|(_, part)| part.start);
        for node in 1..index.len() {
            let Range { start, end } = match index.node(node).kind {
                Kind::Table | Kind::ArrayOfTables => continue,
                _ => index.node(node).span.range(),
            };
            let section = all.partition_point(|(_, part)| part.start <= start);
            if let Some((_, part)) = section.checked_sub(1).and_then(|i| all.get_mut(i)) {
                part.end = part.end.max(end);
            }
        }
        for (_, part) in &mut all {
            part.end = text[part.end..].find('\n').map_or(text.len(), |i| part.end + i + 1);
        }
        let mut below = vec![Vec::new(); index.len() as usize];
        for (i, &(mut node, _)) in all.iter().enumerate() {
            while node != ROOT {
                below[node as usize].push(i);
                node = index.node(node).parent;
            }
        }
        Self { all, below }
    }

    /// The parts that belong to an element; none if no header made it.
    pub(super) fn of_element(&self, element: u32) -> impl Iterator<Item = Range<usize>> + '_ {
        self.below[element as usize].iter().map(|&i| self.all[i].1.clone())
    }

    /// Where the last part of an element ends.
    pub(super) fn end(&self, document: &Document, element: u32) -> usize {
        self.of_element(element).last().map_or(document.expose_text().len(), |part| part.end)
    }
}

/// The start of the line of an offset, without what a byte order mark takes.
fn line_start(text: &str, offset: usize) -> usize {
    let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    text[..offset].rfind('\n').map_or(bom, |newline| newline + 1)
}
