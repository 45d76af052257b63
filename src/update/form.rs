//! Forms of a document, with markers in the place of values.

use std::borrow::Cow;
use std::ops::Range;

use toml_parser::lexer::TokenKind;

use crate::document::{self, Document};
use crate::marker::Marked;

impl Document {
    /// Returns the text for a form that shows no value: a marker replaces each one.
    ///
    /// The author edits the form, and [`validate_update`](Self::validate_update) puts the values
    /// back in the place of the markers.
    ///
    /// - The marker is `"<unchanged>"`. Inside an array of tables it has a number, the position of
    ///   the value among all variables of the document. It keeps its value if its block is moved.
    /// - A string that is empty or white space becomes `""`, so that the author sees what to fill in.
    /// - Comments are removed, since a comment may contain an old value. An update therefore loses
    ///   them.
    ///
    /// Markers may be longer than values, so the form of a document of nearly
    /// [`MAX_LEN`](crate::MAX_LEN) bytes may be longer than that.
    ///
    /// # Examples
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
        let mut form = Vec::new();
        hide(self, &Marked::new(self), 0..self.expose_text().len(), &mut form);
        form.concat()
    }
}

/// Writes a part of a document's text with markers for the values that `marked` does not show, and
/// without comments. The part begins at the start of a line or value, and ends at the end of one.
pub(super) fn hide<'a>(
    document: &'a Document,
    marked: &Marked<'_>,
    part: Range<usize>,
    form: &mut Vec<Cow<'a, str>>,
) {
    let text = &document.expose_text()[part.clone()];
    let span = |node: u32| document.index().node(node).span.range();
    let variables = &marked.variables;
    let first = variables.partition_point(|&node| span(node).start < part.start);
    let last = variables.partition_point(|&node| span(node).start < part.end);
    let values = (first..last).filter(|&place| !marked.shown[place]).map(|place| {
        let Range { start, end } = span(variables[place]);
        (start - part.start..end - part.start, marked.marker(place))
    });
    let comments = document::lex(text)
        .into_iter()
        .filter(|token| token.kind() == TokenKind::Comment)
        .map(|token| (comment(text, token.span().start()..token.span().end()), Cow::default()));
    let mut hidden: Vec<_> = values.chain(comments).collect();
    hidden.sort_by_key(|(span, _)| span.start);
    let mut end = 0;
    for (span, instead) in hidden {
        // Comments inside an array are hidden with it.
        if span.start >= end {
            form.extend([text[end..span.start].into(), instead]);
            end = span.end;
        }
    }
    form.push(text[end..].into());
}

/// The span to remove for a comment: with the blanks before it, and with the whole line if nothing
/// else is on it.
fn comment(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text[..span.start].trim_end_matches([' ', '\t']).len();
    let alone = matches!(text[..start].chars().next_back(), None | Some('\n' | '\u{feff}'));
    let rest = &text[span.end..];
    let newline = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n')).unwrap_or(rest);
    start..if alone { text.len() - newline.len() } else { span.end }
}
