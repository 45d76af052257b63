//! The findings of one document.

use std::sync::Arc;

use crate::document::Document;
use crate::document::index::ROOT;
use crate::template::schema::Schema;
use crate::text::places::Places;
use crate::validate::finding::Finding;
use crate::validate::problem::{Location, Problem, RawFinding, Severity};

/// The findings of one document. The document is passed to [`iter`](Self::iter), since `Secrets`
/// and `Invalid` own it beside the findings.
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
        self.raw.iter().map(move |&raw| Finding { document, template, raw })
    }

    /// A single [`Problem::TooLong`] at a node.
    pub(super) fn too_long(document: &Document, node: u32) -> Self {
        let span = document.index().node(node).span;
        let mut places = Places::new(document.expose_text());
        let start = span.start as usize;
        let (line, column) = (places.line(start), places.column(start));
        let place = Some(Location { span, line, column });
        let raw = RawFinding { severity: Severity::Error, problem: Problem::TooLong, node, place };
        Self { raw: vec![raw], template: None }
    }

    /// Moves the findings on `filled` to `entered`, which has markers in the place of some values.
    /// `is_kept` returns `true` for the nodes of those markers in `entered`. Findings inside a kept
    /// value move to its marker.
    pub(super) fn move_to(
        &mut self,
        filled: &Document,
        entered: &Document,
        is_kept: impl Fn(u32) -> bool,
    ) {
        // `moved[node of filled]` is the corresponding node of `entered`. The two texts differ only
        // in the kept values. A marker is one node. The value in its place may be an array, whose
        // elements are more nodes, numbered directly after it: they correspond to the marker. All
        // other nodes have the same order in both documents. `kept` is the kept value that was
        // reached last, and a node is inside it if its parent is `kept` or a later node.
        let mut moved: Vec<u32> = vec![ROOT];
        let mut kept = None;
        let mut next = ROOT + 1;
        for node in 1..filled.index().len() {
            let parent = filled.index().node(node).parent;
            if kept.is_some_and(|kept| parent >= kept) {
                moved.push(moved[parent as usize]);
            } else {
                kept = is_kept(next).then_some(node);
                moved.push(next);
                next += 1;
            }
        }
        for raw in &mut self.raw {
            let mut found_at = raw.node;
            if let Problem::Missing { table, misspelt, .. } = &mut raw.problem {
                *table = moved[*table as usize];
                // `raw.node` is a node of the template. Only a misspelt section has a place.
                let Some(misspelt) = misspelt else { continue };
                found_at = *misspelt;
                *misspelt = moved[*misspelt as usize];
            } else {
                raw.node = moved[raw.node as usize];
            }
            let from = filled.index().node(found_at);
            let to = entered.index().node(moved[found_at as usize]);
            if let Some(place) = &mut raw.place {
                let at_key = place.span == from.key_span && !filled.index().is_element(found_at);
                place.span = if at_key { to.key_span } else { to.span };
            }
        }
        RawFinding::place(&mut self.raw, entered);
    }
}
