//! Collects what the grammar, the decoder and the index report of one text.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use toml_parser::ErrorSink;

use crate::document::error::{Detail, Found, ParseError};
use crate::document::fault::{Fault, MISSING_INLINE_KEY};

/// Collects the errors of one text; shared by the parser, the decoder and the index.
pub(super) struct Errors<'t> {
    text: &'t str,
    found: RefCell<Vec<Found>>,
    /// The line of the last error that was kept: from the first known place in it to its end.
    line: Cell<(usize, usize)>,
    grammar: Cell<bool>,
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

    /// Reports a key that contradicts what stands at `first`.
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
            // What follows an error on its line is not kept, so that a million `=` cost nothing.
            // An error of syntax is kept beside a clash: it decides whether that names its path.
            Some(last) if same_line(last) && (!clash(last) || clash(&error)) => return,
            _ => self.move_to_line(error.start),
        }
        found.push(error);
    }

    /// Finds the end of the line of `offset`. A line whose end is known is not searched again:
    /// a clash is reported after an error in its key, so one line may have any number of both.
    fn move_to_line(&self, offset: usize) {
        let (start, end) = self.line.get();
        if (start..=end).contains(&offset) {
            return;
        }
        // Before the known line, the search ends where that begins.
        let len = self.text.len();
        let (limit, end) = if offset < start { (start, end) } else { (len, len) };
        let newline = self.text.as_bytes()[offset..limit].iter().position(|&byte| byte == b'\n');
        self.line.set((offset, newline.map_or(end, |len| offset + len)));
    }

    /// Whether the grammar has reported anything since this was last asked.
    pub(super) fn take_grammar(&self) -> bool {
        self.grammar.take()
    }

    /// Whether the parser skips to a bracket whose opening it did not announce.
    pub(super) fn take_skipping(&self) -> bool {
        self.skipping.take()
    }

    /// Says that the parser was told to skip to the closing bracket.
    pub(super) fn set_skipping(&self) {
        self.skipping.set(true);
    }

    /// How many errors there are so far.
    pub(super) fn len(&self) -> usize {
        self.found.borrow().len()
    }

    /// What was found, or nothing. `path` names a node.
    pub(super) fn check(&self, path: impl Fn(u32) -> String) -> Result<(), ParseError> {
        match self.found.take() {
            found if found.is_empty() => Ok(()),
            found => Err(ParseError::new(self.text, found, path)),
        }
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

/// Takes what the grammar reports.
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

/// Takes what decoding a key, a scalar, a comment or a line end reports.
pub(super) struct DecodeErrors<'e, 't>(pub(super) &'e Errors<'t>);

impl ErrorSink for DecodeErrors<'_, '_> {
    fn report_error(&mut self, error: toml_parser::ParseError) {
        self.0.report_parser(&error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a line are kept: the first clash up to the first error of another kind.
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

    /// Whatever the order: the end of a line is remembered, and that changes nothing.
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
