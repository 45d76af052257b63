//! Forms that show no value.

use std::borrow::Cow;
use std::ops::Range;

use toml_parser::lexer::TokenKind;

use crate::document::{self, Document};
use crate::marker::Marked;

impl Document {
    /// The text for a form that must not show a value: each is hidden by a marker, and there are no
    /// comments, since one may hold what was a value; so an update drops them.
    /// [`validate_update`](Self::validate_update) puts the values back where the markers are.
    ///
    /// The marker is `"<unchanged>"`. Inside an array of tables it has a number, the value's place
    /// among all variables of the document, so that it can be moved with its block. What is blank
    /// stays `""`: it is left to be filled in.
    ///
    /// The form of a document that is nearly [`MAX_LEN`] bytes long may be longer than that.
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let current = Document::parse(
    ///     "PAT = 'hunter2' # was: hunter1\n[[users]]\npw = 'a1'\n[[users]]\npw = 'b2'\n",
    /// )?;
    /// let form = current.form();
    /// assert_eq!(
    ///     form,
    ///     "PAT = \"<unchanged>\"\n[[users]]\npw = \"<unchanged 2>\"\n\
    ///      [[users]]\npw = \"<unchanged 3>\"\n",
    /// );
    ///
    /// // The author deletes the first user's block and enters a new PAT.
    /// let entered = form
    ///     .replace("[[users]]\npw = \"<unchanged 2>\"\n", "")
    ///     .replace("PAT = \"<unchanged>\"", "PAT = 'hunter3'");
    /// let secrets = Document::parse(entered)?.validate_update(&current)?;
    /// assert_eq!(secrets.expose_text(), "PAT = 'hunter3'\n[[users]]\npw = 'b2'\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn form(&self) -> String {
        hide(self, &Marked::new(self), 0..self.expose_text().len())
    }
}

/// A part of a text, from the start of a line or value to the end of one, without its values and
/// comments.
pub(super) fn hide(document: &Document, marked: &Marked<'_>, part: Range<usize>) -> String {
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
