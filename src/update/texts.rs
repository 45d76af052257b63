//! The texts of a filled-in template: with the values, and with markers.

use std::borrow::Cow;
use std::ops::Range;

use crate::document::Document;
use crate::document::index::Kind;
use crate::marker::Marked;
use crate::update::form::hide;
use crate::update::sections::Sections;

/// The filled-in template and its form, while they are written. They differ only in the values.
///
/// Both hold pieces, not a text: the pieces are put together once, in a buffer that is wiped and
/// does not grow.
pub(super) struct Texts<'a> {
    earlier: &'a Document,
    marked: &'a Marked<'a>,
    pub(super) filled: Vec<&'a str>,
    pub(super) form: Vec<Cow<'a, str>>,
}

impl<'a> Texts<'a> {
    pub(super) fn new(earlier: &'a Document, marked: &'a Marked<'a>) -> Self {
        Self { earlier, marked, filled: Vec::new(), form: Vec::new() }
    }

    pub(super) fn push(&mut self, text: &'a str) {
        self.filled.push(text);
        self.form.push(text.into());
    }

    /// Writes a part of the earlier document's text.
    fn part(&mut self, part: Range<usize>) {
        hide(self.earlier, self.marked, part.clone(), &mut self.form);
        self.filled.push(&self.earlier.expose_text()[part]);
    }

    /// Writes a value. A table or array that headers define is written on one line.
    pub(super) fn value(&mut self, node: u32) {
        let earlier = self.earlier;
        let index = earlier.index();
        let (open, close) = match index.node(node).kind {
            Kind::Table => ("{", "}"),
            Kind::ArrayOfTables => ("[", "]"),
            _ => return self.part(index.node(node).span.range()),
        };
        self.push(open);
        for (i, &child) in index.children(node).iter().enumerate() {
            self.push(match (i, open) {
                (0, "{") => " ",
                (0, _) => "",
                _ => ", ",
            });
            if !index.is_element(child) {
                self.key(child);
            }
            self.value(child);
        }
        if open == "{" && !index.children(node).is_empty() {
            self.push(" ");
        }
        self.push(close);
    }

    fn key(&mut self, node: u32) {
        let span = self.earlier.index().node(node).key_span.range();
        self.push(&self.earlier.expose_text()[span]);
        self.push(" = ");
    }

    /// Writes elements of an array of tables, each below a header. `open_end` is `true` if the text
    /// before them does not end with a newline. The result does not, either.
    pub(super) fn blocks(
        &mut self,
        elements: &[u32],
        header: &'a str,
        sections: &Sections,
        newline: &'a str,
        open_end: bool,
    ) {
        let earlier = self.earlier;
        let index = earlier.index();
        let mut parts =
            elements.iter().flat_map(|&element| sections.of_element(element)).peekable();
        if parts.peek().is_some() {
            // As the earlier document writes them: each with its header and the headers below it.
            for part in parts {
                let text = &earlier.expose_text()[part.clone()];
                let content = text.strip_suffix('\n').unwrap_or(text);
                let content = content.strip_suffix('\r').unwrap_or(content);
                if open_end {
                    self.push(newline);
                }
                self.part(part.start..part.start + content.len());
                if !open_end {
                    self.push(if text[content.len()..].starts_with('\r') { "\r\n" } else { "\n" });
                }
            }
            return;
        }
        for &element in elements {
            if open_end {
                self.push(newline);
            }
            self.push(header);
            for &child in index.children(element) {
                self.push(newline);
                self.key(child);
                self.value(child);
            }
            if !open_end {
                self.push(newline);
            }
        }
    }
}
