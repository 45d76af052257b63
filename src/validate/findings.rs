//! The findings of one document.

use std::sync::Arc;

use crate::document::Document;
use crate::document::index::ROOT;
use crate::template::schema::Schema;
use crate::text::places::Places;
use crate::validate::finding::Finding;
use crate::validate::problem::{Location, Problem, RawFinding, Severity};

/// The findings of one document, without what they borrow from it.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) raw: Vec<RawFinding>,
    pub(super) template: Option<Arc<Schema>>,
}

impl Findings {
    pub(super) fn iter<'a>(
        &'a self,
        document: &'a Document,
    ) -> impl ExactSizeIterator<Item = Finding<'a>> {
        let template = self.template.as_deref();
        self.raw.iter().map(move |raw| Finding { document, template, raw })
    }

    /// One variable whose value would make the text too long.
    pub(super) fn too_long(document: &Document, node: u32) -> Self {
        let span = document.index().node(node).span.range();
        let mut places = Places::new(document.expose_text());
        let (line, column) = (places.line(span.start), places.column(span.start));
        let place = Some(Location { span, line, column });
        let raw = RawFinding { severity: Severity::Error, problem: Problem::TooLong, node, place };
        Self { raw: vec![raw], template: None }
    }

    /// Moves what was found in `filled` to the same places of `entered`, which differs from it in
    /// the values that `is_kept` tells, by their nodes in `entered`. What was found inside of one is
    /// found at its marker.
    pub(super) fn move_to(
        &mut self,
        filled: &Document,
        entered: &Document,
        is_kept: impl Fn(u32) -> bool,
    ) {
        // Both have the same nodes in the same order, but for those inside of what was kept.
        let mut moved: Vec<u32> = vec![ROOT];
        let mut kept = None;
        let mut next = ROOT + 1;
        for node in 1..filled.index().len() {
            let parent = filled.index().node(node).parent;
            let inside = kept.filter(|&kept| parent >= kept);
            moved.push(match inside {
                Some(_) => moved[parent as usize],
                None => {
                    kept = is_kept(next).then_some(node);
                    next += 1;
                    next - 1
                }
            });
        }
        for raw in &mut self.raw {
            let mut of_document = raw.node;
            if let Problem::Missing { within, misspelt, .. } = &mut raw.problem {
                *within = moved[*within as usize];
                let Some(misspelt) = misspelt else { continue };
                of_document = *misspelt;
                *misspelt = moved[*misspelt as usize];
            } else {
                raw.node = moved[raw.node as usize];
            }
            let from = filled.index().node(of_document);
            let to = entered.index().node(moved[of_document as usize]);
            if let Some(place) = &mut raw.place {
                let at_key =
                    place.span == from.key_span.range() && !filled.index().is_element(of_document);
                place.span = if at_key { to.key_span.range() } else { to.span.range() };
            }
        }
        RawFinding::place(&mut self.raw, entered);
    }
}
