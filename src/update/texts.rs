//! The text of a filled template, and of its form.

use std::ops::Range;

use crate::document::Document;
use crate::document::index::Kind;
use crate::marker::Marked;
use crate::update::form::hide;
use crate::update::sections::Sections;

/// The filled template in pieces, and its form: the two differ in the values alone.
pub(super) struct Texts<'a> {
    earlier: &'a Document,
    marked: &'a Marked<'a>,
    pub(super) filled: Vec<&'a str>,
    pub(super) form: String,
}

impl<'a> Texts<'a> {
    pub(super) fn new(earlier: &'a Document, marked: &'a Marked<'a>) -> Self {
        Self { earlier, marked, filled: Vec::new(), form: String::new() }
    }

    pub(super) fn push(&mut self, text: &'a str) {
        self.filled.push(text);
        self.form.push_str(text);
    }

    /// A part of the earlier text.
    fn part(&mut self, part: Range<usize>) {
        self.form.push_str(&hide(self.earlier, self.marked, part.clone()));
        self.filled.push(&self.earlier.expose_text()[part]);
    }

    /// A value, written on one line if headers made it.
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

    /// Elements, each below a header. `open_end`: the text before them ends without a newline, and
    /// so does the whole.
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
            // As they were written: each with the headers below it.
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
