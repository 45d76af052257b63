//! The sections of a text: a header and the lines below it.

use std::ops::Range;

use crate::document::Document;
use crate::document::index::{Kind, ROOT};

/// The header of an array's elements, such as `[[users]]`, as the template writes it.
pub(super) fn header(template: &Document, array: u32) -> &str {
    let text = template.expose_text();
    let Some(&first) = template.index().children(array).first() else { return "" };
    let key = template.index().node(first).key_span.range();
    let start = line_start(text, key.start);
    let close = text[key.end..].find("]]").map_or(text.len(), |close| key.end + close + 2);
    text[start..close].trim_start()
}

/// The sections of a document's text. Each begins with the line of a `[header]` or `[[header]]`,
/// and ends with the line of the last value below it. Comments after that belong to no section.
///
/// An element of an array of tables may have several: its own `[[users]]`, and a `[users.address]`
/// for a table inside it. TOML allows other sections between them, so an element is a list of
/// sections, not one span.
pub(super) struct Sections {
    /// The table that the header opens, and the span, in the order of the text.
    all: Vec<(u32, Range<usize>)>,
    /// For every node, its own section and those of the tables inside it, as indices of `all`.
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
        // Each value extends the last section that begins before it.
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

    /// The sections of an element, in the order of the text. There are none if the array is inline.
    pub(super) fn of_element(&self, element: u32) -> impl Iterator<Item = Range<usize>> + '_ {
        self.below[element as usize].iter().map(|&i| self.all[i].1.clone())
    }

    /// The end of an element's last section.
    pub(super) fn end(&self, document: &Document, element: u32) -> usize {
        self.of_element(element).last().map_or(document.expose_text().len(), |part| part.end)
    }
}

/// The start of the line around an offset, after a byte order mark.
fn line_start(text: &str, offset: usize) -> usize {
    let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    text[..offset].rfind('\n').map_or(bom, |newline| newline + 1)
}
