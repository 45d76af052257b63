//! Markers: what a form shows in the place of a value that it hides.
//!
//! `"<unchanged>"` keeps the value of the same path. Inside arrays of tables a position says little
//! once a block was deleted or moved, so there a marker has a number, `"<unchanged 3>"`: the place of
//! the value among all variables of the document, from 1, in the order of its text.

use std::borrow::Cow;

use crate::document::Document;
use crate::role::{self, Role};

const START: &str = "<unchanged";
const END: &str = ">";

/// A string that reads like a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Plain,
    Numbered(usize),
    /// Nearly one: it keeps nothing.
    Malformed,
}

impl Marker {
    /// Reads a string's whole content; `None` if it is no marker.
    pub(crate) fn read(content: &str) -> Option<Self> {
        // The first byte tells nearly all other values.
        if !matches!(content.as_bytes().first()?, b'<' | ..=b' ' | 0x80..) {
            return None;
        }
        let trimmed = content.trim();
        let (start, rest) = trimmed.split_at_checked(START.len())?;
        let inside = rest.strip_suffix(END).filter(|_| start.eq_ignore_ascii_case(START))?;
        if !inside.is_empty() && !inside.starts_with(char::is_whitespace) {
            return None;
        }
        let is_exact = start == START && trimmed == content;
        Some(match inside.strip_prefix(' ') {
            None if is_exact && inside.is_empty() => Self::Plain,
            Some(number) if is_exact => number
                .parse()
                .ok()
                .filter(|&parsed: &usize| parsed > 0 && parsed.to_string() == number)
                .map_or(Self::Malformed, Self::Numbered),
            _ => Self::Malformed,
        })
    }
}

/// Returns `true` if a node is a string that reads like a marker.
pub(crate) fn is_marker(document: &Document, node: u32) -> bool {
    role::string(document, node).is_some_and(|content| Marker::read(content).is_some())
}

/// The variables of a document, as its forms mark them.
pub(crate) struct Marked<'a> {
    document: &'a Document,
    pub(crate) roles: Vec<Role>,
    /// For every node, whether it is inside an array of tables.
    pub(crate) repeated: Vec<bool>,
    /// The nodes of the variables, in the order of the text.
    pub(crate) variables: Vec<u32>,
}

impl<'a> Marked<'a> {
    pub(crate) fn new(document: &'a Document) -> Self {
        let roles = role::roles(document);
        let repeated = role::repeated(document, &roles);
        let variables = (1..document.index().len())
            .filter(|&node| roles[node as usize] == Role::Variable)
            .collect();
        Self { document, roles, repeated, variables }
    }

    /// The text that a form shows for the variable at a place among all, from 0: its marker, or `""` if it is
    /// blank, so that the author sees what is left to fill in.
    pub(crate) fn marker(&self, place: usize) -> Cow<'static, str> {
        let node = self.variables[place];
        if role::is_blank(self.document, node) {
            "\"\"".into()
        } else if self.repeated[node as usize] {
            format!("\"{START} {}{END}\"", place + 1).into()
        } else {
            "\"<unchanged>\"".into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_the_whole_value_and_exact() {
        use Marker::{Malformed, Numbered, Plain};
        for (content, marker) in [
            ("<unchanged>", Some(Plain)),
            ("<unchanged 1>", Some(Numbered(1))),
            ("<unchanged 1024>", Some(Numbered(1024))),
            ("<unchanged 0>", Some(Malformed)),
            ("<unchanged 01>", Some(Malformed)),
            ("<unchanged +1>", Some(Malformed)),
            ("<unchanged 1 >", Some(Malformed)),
            ("<unchanged  1>", Some(Malformed)),
            ("<unchanged >", Some(Malformed)),
            ("<unchanged x>", Some(Malformed)),
            ("<unchanged\u{a0}1>", Some(Malformed)),
            ("<unchanged 99999999999999999999>", Some(Malformed)),
            ("<Unchanged 1>", Some(Malformed)),
            (" <unchanged>", Some(Malformed)),
            ("<unchanged>\n", Some(Malformed)),
            ("<unchanged-password>", None),
            ("<unchanged1>", None),
            ("<unchanged", None),
            ("<unchangé>", None),
            ("unchanged", None),
            ("x <unchanged>", None),
            ("", None),
        ] {
            assert_eq!(Marker::read(content), marker, "{content:?}");
        }
    }
}
