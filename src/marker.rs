//! Markers: a form shows one in place of each value that it hides.
//!
//! `"<unchanged>"` keeps the value of the same path. Inside an array of tables, a path no longer
//! identifies a value after a block was deleted or moved. There, a marker has a number, as in
//! `"<unchanged 3>"`: the value is the third variable of the document, in the order of its text.

use std::borrow::Cow;

use crate::document::Document;
use crate::role::{self, Role};

const START: &str = "<unchanged";
const END: &str = ">";

/// A string that is a marker, or nearly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Plain,
    Numbered(usize),
    /// Nearly a marker. It keeps no value, and validation reports it.
    Malformed,
}

impl Marker {
    /// Parses the whole content of a string. Returns `None` if it does not look like a marker.
    pub(crate) fn read(content: &str) -> Option<Self> {
        // The first byte rules out nearly all other values.
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

/// Returns `true` if a node is a string that is a marker, or nearly one.
pub(crate) fn is_marker(document: &Document, node: u32) -> bool {
    role::string(document, node).is_some_and(|content| Marker::read(content).is_some())
}

/// The variables of a document with the markers that its forms have for them.
pub(crate) struct Marked<'a> {
    document: &'a Document,
    /// The role of every node.
    pub(crate) roles: Vec<Role>,
    /// For every node, `true` if it is inside an array of tables.
    pub(crate) repeated: Vec<bool>,
    /// The nodes of the variables, in the order of the text.
    pub(crate) variables: Vec<u32>,
    /// For every one of `variables`, `true` if a form shows its value and has no marker for it.
    pub(crate) shown: Vec<bool>,
}

impl<'a> Marked<'a> {
    pub(crate) fn new(document: &'a Document) -> Self {
        let roles = role::roles(document);
        let repeated = role::repeated(document, &roles);
        let variables: Vec<u32> = (1..document.index().len())
            .filter(|&node| roles[node as usize] == Role::Variable)
            .collect();
        let shown = vec![false; variables.len()];
        Self { document, roles, repeated, variables, shown }
    }

    /// Returns the TOML string that a form has for the variable at `place` in `variables`: its
    /// marker, or `""` if the value is blank, so that the author sees what is left to fill in.
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
