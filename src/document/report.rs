//! Collects the errors of one text.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use toml_parser::ErrorSink;

use crate::document::error::{Detail, Found};
use crate::document::fault::Fault;
use crate::document::fault::parser::MISSING_INLINE_KEY;

/// Collects the errors of one text. The parser, the decoder and the builder all report to it while
/// each of them also needs it for reading, hence the cells.
pub(super) struct Errors<'t> {
    text: &'t str,
    found: RefCell<Vec<Found>>,
    /// The line of the last error that was kept: from the first known offset in it to its end.
    line: Cell<(usize, usize)>,
    /// The grammar has reported an error since [`take_grammar`](Self::take_grammar).
    grammar: Cell<bool>,
    /// The next closing bracket is the end of what the parser skips, and closes nothing that was
    /// opened: see `Builder::open`.
    skipping: Cell<bool>,
}

impl<'t> Errors<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            found: RefCell::default(),
            // The end of the text is in its last line.
            line: Cell::new((text.len(), text.len())),
            grammar: Cell::new(false),
            skipping: Cell::new(false),
        }
    }

    pub(super) fn report(&self, span: Range<usize>, fault: Fault) {
        self.push(Found { start: span.start, end: span.end, fault, detail: Detail::None });
    }

    /// Reports a key that contradicts an earlier definition, whose offset is `first`.
    pub(super) fn clash(&self, span: Range<usize>, fault: Fault, node: u32, first: usize) {
        let detail = Detail::Clash { node, first };
        self.push(Found { start: span.start, end: span.end, fault, detail });
    }

    fn push(&self, error: Found) {
        let mut found = self.found.borrow_mut();
        let clash = |error: &Found| matches!(error.detail, Detail::Clash { .. });
        let (_, line_end) = self.line.get();
        let same_line = |last: &Found| (last.start..=line_end).contains(&error.start);
        match found.last() {
            // Only the first error of a line is kept, so that a million `=` use no memory. But an
            // error of the grammar is kept after a clash, since a clash names its path only if the
            // text has no error of another kind.
            Some(last) if same_line(last) && (!clash(last) || clash(&error)) => return,
            _ => self.move_to_line(error.start),
        }
        found.push(error);
    }

    /// Finds the end of the line of `offset`.
    ///
    /// A line whose end is known is not searched again. Otherwise this would be quadratic: a line
    /// may have any number of clashes and other errors by turns, and each of them would search it.
    fn move_to_line(&self, offset: usize) {
        let (start, end) = self.line.get();
        if (start..=end).contains(&offset) {
            return;
        }
        // Before the known line, the search ends at the start of that line.
        let len = self.text.len();
        let (limit, end) = if offset < start { (start, end) } else { (len, len) };
        let newline = self.text.as_bytes()[offset..limit].iter().position(|&byte| byte == b'\n');
        self.line.set((offset, newline.map_or(end, |len| offset + len)));
    }

    /// Returns `true` if the grammar has reported an error since the last call.
    pub(super) fn take_grammar(&self) -> bool {
        self.grammar.take()
    }

    /// Returns `true` if the parser is skipping to a closing bracket, and clears the flag.
    pub(super) fn take_skipping(&self) -> bool {
        self.skipping.take()
    }

    /// Sets the flag that the parser is skipping to a closing bracket.
    pub(super) fn set_skipping(&self) {
        self.skipping.set(true);
    }

    /// The number of errors so far.
    pub(super) fn len(&self) -> usize {
        self.found.borrow().len()
    }

    /// Returns the errors.
    pub(super) fn take(&self) -> Vec<Found> {
        self.found.take()
    }

    fn report_parser(&self, error: &toml_parser::ParseError) {
        let Some(fault) = Fault::of(error) else { return };
        let place = if fault.begins_at_context() { error.context() } else { error.unexpected() };
        let span = place.or(error.unexpected()).or(error.context()).unwrap_or_default();
        let span = span.start()..span.end().max(span.start());
        let words = fault == Fault::UnquotedValue && self.text[span.clone()].contains(' ');
        self.report(span, if words { Fault::UnquotedWords } else { fault });
    }
}

/// Collects the errors of the grammar.
pub(super) struct GrammarErrors<'e, 't>(pub(super) &'e Errors<'t>);

impl ErrorSink for GrammarErrors<'_, '_> {
    fn report_error(&mut self, error: toml_parser::ParseError) {
        self.0.grammar.set(true);
        if error.description() == MISSING_INLINE_KEY {
            self.0.skipping.set(true);
        }
        self.0.report_parser(&error);
    }
}

/// Collects the errors of decoding a key, a scalar, a comment or a line ending.
pub(super) struct DecodeErrors<'e, 't>(pub(super) &'e Errors<'t>);

impl ErrorSink for DecodeErrors<'_, '_> {
    fn report_error(&mut self, error: toml_parser::ParseError) {
        self.0.report_parser(&error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If the first error of a line is a clash, the first of another kind is kept as well.
    #[test]
    fn of_a_line_the_first_error_is_kept() {
        let text = "abc\ndef\n";
        for (reported, kept) in [
            (&[(0, false), (0, false), (1, false), (3, false)][..], 1),
            (&[(0, false), (4, false), (5, false)], 2),
            (&[(0, true), (1, true), (3, true)], 1),
            (&[(0, true), (1, false), (2, false), (3, true)], 2),
            (&[(0, false), (1, true), (2, true)], 1),
            (&[(0, true), (4, true), (5, false), (6, true)], 3),
            (&[(1, false), (0, false)], 2),
        ] {
            let errors = Errors::new(text);
            for &(start, clash) in reported {
                match clash {
                    true => errors.clash(start..start, Fault::DefinedTwice, 0, 0),
                    false => errors.report(start..start, Fault::Other),
                }
            }
            assert_eq!(errors.len(), kept, "{reported:?}");
        }
    }

    /// Remembering the end of a line makes no difference, whatever the order of the errors.
    #[test]
    fn of_every_four_errors_those_are_kept_that_do_not_follow_one_on_its_line() {
        let text = "a\nbc\n";
        let line = |start: usize| text[..start].matches('\n').count();
        let reports: Vec<(usize, bool)> =
            (0..=text.len()).flat_map(|start| [(start, false), (start, true)]).collect();
        for i in 0..reports.len().pow(4) {
            let four = [0, 1, 2, 3].map(|n| reports[i / reports.len().pow(n) % reports.len()]);
            let errors = Errors::new(text);
            let mut kept: Vec<(usize, bool)> = Vec::new();
            for (start, clash) in four {
                match clash {
                    true => errors.clash(start..start, Fault::DefinedTwice, 0, 0),
                    false => errors.report(start..start, Fault::Other),
                }
                let follows = kept.last().is_some_and(|&(last, after_clash)| {
                    last <= start && line(last) == line(start) && (!after_clash || clash)
                });
                if !follows {
                    kept.push((start, clash));
                }
            }
            let found = errors.found.borrow();
            let found = found.iter().map(|one| (one.start, one.fault == Fault::DefinedTwice));
            assert!(found.eq(kept), "{four:?}");
        }
    }
}
