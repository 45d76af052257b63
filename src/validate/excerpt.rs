//! The report of findings for an author: each finding with its source line and carets under the
//! place. Values are masked.

use std::fmt::{self, Write};
use std::ops::Range;

use toml_parser::Source;
use toml_parser::lexer::TokenKind;
use unicode_width::UnicodeWidthChar;

use crate::document::Document;
use crate::document::index::Kind;
use crate::text::shown::is_unsafe;
use crate::validate::finding::Finding;

/// The mask of a value or a comment. Its width is fixed, so that it does not show a length.
const MASK: &str = "••••••••";

/// The columns of the mask.
const MASK_WIDTH: usize = 8;

/// The maximum width of a shown line, in columns. A line may be a megabyte long.
const MAX_SHOWN: usize = 100;

/// The maximum width of what is shown before the place. The rest is for the place.
const MAX_BEFORE: usize = 60;

/// The parts of a text that a report masks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Masked<'a> {
    /// Those of a document. An author may write a secret into a comment.
    ValuesAndComments,
    /// Those of a template. Its comments are public, and findings may be in them. But tokens at
    /// these places, in the order of the text, are masked there, too.
    ValuesAnd(&'a [Range<usize>]),
}

/// Writes a block for each finding.
pub(super) fn write<'a>(
    f: &mut fmt::Formatter<'_>,
    document: &Document,
    masked: Masked<'_>,
    findings: impl Iterator<Item = Finding<'a>>,
) -> fmt::Result {
    let excerpts = Excerpts::new(document, masked);
    for (i, finding) in findings.enumerate() {
        if i > 0 {
            f.write_char('\n')?;
        }
        writeln!(f, "{}: {finding}", finding.severity())?;
        let mut indent = 1;
        if let (Some(number), Some(place)) = (finding.line(), finding.span()) {
            let number = number.to_string();
            indent = number.len();
            let line = excerpts.line(place);
            let carets = line.carets();
            writeln!(f, "{:indent$} |", "")?;
            writeln!(f, "{number} | {}", line.shown)?;
            let (before, under) = (carets.start, carets.len());
            writeln!(f, "{:indent$} | {:before$}{:^<under$}", "", "", "")?;
        }
        writeln!(f, "{:indent$} = help: {}", "", finding.help())?;
    }
    Ok(())
}

/// Shows lines of a document.
struct Excerpts<'d> {
    document: &'d Document,
    masked: Masked<'d>,
    /// The strings, numbers and so on, in the order of the text.
    leaves: Vec<u32>,
}

impl<'d> Excerpts<'d> {
    fn new(document: &'d Document, masked: Masked<'d>) -> Self {
        Self { document, masked, leaves: document.leaves().collect() }
    }

    /// The span of a leaf, by its position in `leaves`.
    fn span(&self, i: usize) -> Option<Range<usize>> {
        self.leaves.get(i).map(|&leaf| self.document.index().node(leaf).span.range())
    }

    /// Shows the line of a place, as much of it as fits.
    fn line(&self, place: Range<usize>) -> Line {
        let text = self.document.expose_text();
        let (mut at, is_cut) = self.start(place.start);
        let mut next = self.ended_before(at);
        let mut line = Line::new(place);
        if is_cut {
            line.push_all("… ", &(at..at));
        }
        loop {
            let value = self.span(next).unwrap_or(text.len()..text.len());
            // The line may begin inside a multi-line value.
            if at < value.start && !self.push_gap(&mut line, at..value.start) {
                break;
            }
            let Some(&leaf) = self.leaves.get(next) else { break };
            let raw = &text[value.clone()];
            let is_empty = self.document.index().node(leaf).kind == Kind::String
                && self.document.content(leaf).is_empty();
            // An empty string has nothing to hide.
            let shown = if is_empty { raw.lines().next().unwrap_or_default() } else { MASK };
            line.push_all(shown, &value);
            if line.is_full() || has_newline(&raw[at.saturating_sub(value.start)..]) {
                break;
            }
            at = value.end;
            next += 1;
        }
        line
    }

    /// The number of leaves that end at an offset or before it.
    fn ended_before(&self, offset: usize) -> usize {
        let index = self.document.index();
        self.leaves.partition_point(|&leaf| index.node(leaf).span.range().end <= offset)
    }

    /// Returns the offset at which the shown line begins, and `true` if it is not the line's start.
    ///
    /// Goes back from the place until [`MAX_BEFORE`] columns are filled. A byte is counted as a
    /// column: no character is wider than its bytes are many.
    fn start(&self, place: usize) -> (usize, bool) {
        let text = self.document.expose_text();
        let (mut end, mut left) = (place, MAX_BEFORE);
        let mut ended = self.ended_before(place);
        loop {
            let value = ended.checked_sub(1).and_then(|i| self.span(i)).unwrap_or(0..0);
            let near = end.saturating_sub(left).max(value.end);
            let near = (near..end).find(|&near| text.is_char_boundary(near)).unwrap_or(end);
            let newline = text.as_bytes()[near..end].iter().rposition(|&byte| byte == b'\n');
            if let Some(newline) = newline {
                return (near + newline + 1, false);
            }
            left -= end - near;
            if near > value.end || ended > 0 && left < MASK_WIDTH {
                return (near, true);
            }
            if ended == 0 {
                return (near, false);
            }
            if has_newline(&text[value.clone()]) {
                let raw = &text.as_bytes()[value.clone()];
                let newline = raw.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
                return (value.start + newline + 1, false);
            }
            left -= MASK_WIDTH;
            end = value.start;
            ended -= 1;
        }
    }

    /// Pushes what is between two values: keys, punctuation, and a comment. Returns `false` if the
    /// line ends in it.
    fn push_gap(&self, line: &mut Line, gap: Range<usize>) -> bool {
        // A key may be half a megabyte long: cut it before it is searched.
        let text = &self.document.expose_text()[gap.clone()];
        let cut = text.char_indices().nth(MAX_SHOWN).map_or(text, |(end, _)| &text[..end]);
        let shown = cut.find('\n').map_or(cut, |end| cut[..end].trim_end_matches('\r'));
        match self.masked {
            Masked::ValuesAnd(tokens) => push_comments(line, shown, gap.start, tokens),
            Masked::ValuesAndComments => push_lexed(line, shown, gap.start),
        }
        if shown.len() == cut.len() && cut.len() < text.len() {
            line.cut();
        }
        shown.len() == text.len() && !line.is_full()
    }
}

/// Pushes a part of a document's text between two values. Its comments are masked.
fn push_lexed(line: &mut Line, shown: &str, start: usize) {
    // No comment comes before the place. But the shown part may begin inside a quoted key, where a
    // lexer would go wrong. The place is where a token begins.
    let lexed = line.place.start.saturating_sub(start).min(shown.len());
    line.push_source(&shown[..lexed], start);
    for token in Source::new(&shown[lexed..]).lex() {
        let span = lexed + token.span().start()..lexed + token.span().end();
        if token.kind() == TokenKind::Comment {
            line.push_all(MASK, &(start + span.start..start + span.end));
        } else {
            line.push_source(&shown[span.clone()], start + span.start);
        }
    }
}

/// Pushes a part of a template's text between two values. The tokens in its comments are masked.
fn push_comments(line: &mut Line, shown: &str, start: usize, tokens: &[Range<usize>]) {
    let mut at = 0;
    let first = tokens.partition_point(|token| token.end <= start);
    for token in tokens[first..].iter().take_while(|token| token.start < start + shown.len()) {
        let from = token.start.saturating_sub(start).max(at);
        line.push_source(&shown[at..from], start + at);
        line.push_all(MASK, token);
        at = (token.end - start).min(shown.len());
    }
    line.push_source(&shown[at..], start + at);
}

/// Returns `true` if a value is written on several lines. Searches multi-line strings only.
fn has_newline(raw: &str) -> bool {
    // `raw` may be the rest of such a string. It ends in the quotes.
    (raw.ends_with("\"\"\"") || raw.ends_with("'''")) && raw.contains('\n')
}

/// A line as it is shown, and its carets.
///
/// Columns are counted as terminals show them: two for most characters of East Asia, none for a
/// combining mark. A tab is shown as a space, since its width depends on the terminal. What a
/// terminal would act on is replaced. Letters that are written from right to left are counted in the
/// order of the text.
struct Line {
    shown: String,
    columns: usize,
    /// The place in the text.
    place: Range<usize>,
    /// The columns that show the place.
    under: Option<Range<usize>>,
}

impl Line {
    fn new(place: Range<usize>) -> Self {
        Self { shown: String::with_capacity(2 * MAX_SHOWN), columns: 0, place, under: None }
    }

    fn is_full(&self) -> bool {
        self.columns == MAX_SHOWN
    }

    /// The columns of the carets, of which there is at least one.
    fn carets(&self) -> Range<usize> {
        let Range { start, end } = self.under.clone().unwrap_or(self.columns..self.columns);
        start..end.max(start + 1)
    }

    /// Pushes a text as it is.
    fn push_source(&mut self, text: &str, start: usize) {
        for (i, character) in text.char_indices() {
            self.push(character, &(start + i..start + i + character.len_utf8()));
        }
    }

    /// Pushes a text in the place of a span of the source. The carets cover all of it or nothing.
    fn push_all(&mut self, text: &str, span: &Range<usize>) {
        text.chars().for_each(|character| self.push(character, span));
    }

    fn push(&mut self, character: char, span: &Range<usize>) {
        let visible = match character {
            '\t' => ' ',
            _ if is_unsafe(character) => char::REPLACEMENT_CHARACTER,
            _ => character,
        };
        if self.is_full() {
            return;
        }
        let start = self.columns;
        let width = visible.width().unwrap_or(0);
        let end = if start + width < MAX_SHOWN {
            self.shown.push(visible);
            self.columns += width;
            self.columns
        } else {
            self.cut();
            start + 1
        };
        let is_under =
            span.start < self.place.end.max(self.place.start + 1) && self.place.start < span.end;
        if is_under {
            self.under = Some(self.under.take().map_or(start, |under| under.start)..end);
        }
    }

    /// Ends the line with an ellipsis.
    fn cut(&mut self) {
        if !self.is_full() {
            self.shown.push('…');
            self.columns = MAX_SHOWN;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A template's comments are shown, and a finding may be in one. Its values are masked.
    #[test]
    fn a_template_shows_its_comments() {
        let text = "# 鍵 @optinal\nA = 'hunter2' # it's @wrong\r\nB = '''\n''' # \"don't\n";
        let document = Document::parse(text).expect("TOML");
        let excerpts = Excerpts::new(&document, Masked::ValuesAnd(&[]));
        for (word, shown, carets) in [
            ("@optinal", "# 鍵 @optinal", 5..13),
            ("@wrong", "A = •••••••• # it's @wrong", 20..26),
            ("\"don't", "''' # \"don't", 6..12),
        ] {
            let start = text.find(word).expect("it is in the text");
            let line = excerpts.line(start..start + word.len());
            assert_eq!((line.carets(), line.shown), (carets, shown.to_owned()));
        }
    }
}
