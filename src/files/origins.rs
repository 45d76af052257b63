//! The origins of the values of a layered document: layers and lines, never a value.

use std::fmt;
use std::sync::Arc;

use crate::document::Document;
use crate::document::index::ROOT;
use crate::env::Source;
use crate::text::places::Lines;
use crate::text::shown::Safe;

/// The place that a value is from: a layer, and a line in it.
///
/// `Display` writes `NAME line 3`, or `NAME` for a folder of a secret directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    layer: &'a str,
    line: Option<usize>,
}

impl<'a> Origin<'a> {
    /// The name of the layer: the name that was given to [`Document::layered`], or the path of a
    /// file or of a folder.
    #[must_use]
    pub fn layer(&self) -> &'a str {
        self.layer
    }

    /// The line of the value's key in the layer, counted from 1. Returns `None` if the layer is a
    /// folder of a secret directory.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Safe(self.layer))?;
        self.line.map_or(Ok(()), |line| write!(f, " line {line}"))
    }
}

/// The name of a layer, and the kind of its places.
#[derive(Debug, Clone)]
pub(super) struct LayerName {
    pub(super) name: Arc<str>,
    /// `false` for a folder, whose text nobody has written.
    has_lines: bool,
}

impl LayerName {
    /// A layer that is a text, with lines.
    pub(super) fn text(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), has_lines: true }
    }

    /// A layer that is a folder of a secret directory.
    pub(super) fn folder(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), has_lines: false }
    }
}

/// A root key of a layer: the numbers of the layer and of the node in it.
///
/// It has no padding: see [`RootEntry`](crate::writer::RootEntry).
#[derive(Clone, Copy)]
pub(super) struct RootKey {
    pub(super) layer: u32,
    pub(super) node: u32,
}

/// A root key that was replaced, and the number of the winner.
#[derive(Clone, Copy)]
pub(super) struct Loser {
    pub(super) winner: u32,
    pub(super) replaced: RootKey,
}

/// A line in a layer, both by number.
#[derive(Clone, Copy, Default)]
struct Place {
    layer: u32,
    line: u32,
}

/// The origins of all values of a document that was made from layers.
pub(super) struct Origins {
    layers: Vec<LayerName>,
    /// By the number of the node.
    places: Vec<Place>,
    /// The places that a root node has replaced, in the order of the root nodes and of the layers.
    replaced: Vec<(u32, Place)>,
}

impl Origins {
    /// Finds the origins. `from` gives the number of the winner that a root node is from.
    pub(super) fn find(
        document: &Document,
        layers: Vec<LayerName>,
        documents: &[&Document],
        (winners, losers): (&[RootKey], &[Loser]),
        from: impl Fn(u32) -> u32,
    ) -> Self {
        let index = document.index();
        let mut roots = vec![ROOT; winners.len()];
        // A node has a larger number than its parent, whose origin is known by now.
        let mut origins = vec![RootKey { layer: 0, node: ROOT }; index.len() as usize];
        for id in 1..index.len() {
            let parent = index.node(id).parent;
            origins[id as usize] = if parent == ROOT {
                let winner = from(id) as usize;
                roots[winner] = id;
                winners[winner]
            } else {
                let RootKey { layer, node } = origins[parent as usize];
                let other = documents[layer as usize];
                let node = if index.is_element(id) {
                    other.index().children(node).get(index.position(id)).copied()
                } else {
                    other.child(node, document.key(id))
                };
                RootKey { layer, node: node.unwrap_or(ROOT) }
            };
        }
        let count = origins.len();
        origins.extend(losers.iter().map(|loser| loser.replaced));
        let mut places = places(&origins, documents);
        let lost = places.split_off(count);
        let mut replaced: Vec<_> =
            losers.iter().map(|loser| roots[loser.winner as usize]).zip(lost).collect();
        replaced.sort_by_key(|&(root, _)| root); // stable: the layers keep their order
        Self { layers, places, replaced }
    }

    pub(super) fn origin(&self, node: u32) -> Origin<'_> {
        self.show(self.places[node as usize])
    }

    /// The origin as the source of a variable.
    pub(super) fn source(&self, node: u32) -> Source {
        let Place { layer, .. } = self.places[node as usize];
        let layer = Arc::clone(&self.layers[layer as usize].name);
        Source::Layer { layer, line: self.origin(node).line }
    }

    /// The places that a root node has replaced.
    pub(super) fn replaced(&self, root: u32) -> impl ExactSizeIterator<Item = Origin<'_>> {
        let start = self.replaced.partition_point(|&(other, _)| other < root);
        let len = self.replaced[start..].partition_point(|&(other, _)| other == root);
        self.replaced[start..start + len].iter().map(|&(_, place)| self.show(place))
    }

    /// The names of the layers.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().map(|layer| &*layer.name)
    }

    fn show(&self, place: Place) -> Origin<'_> {
        let layer = &self.layers[place.layer as usize];
        let line = layer.has_lines.then_some(place.line as usize);
        Origin { layer: &layer.name, line }
    }
}

/// Returns the place of each node, in one pass over each text.
fn places(nodes: &[RootKey], documents: &[&Document]) -> Vec<Place> {
    let mut starts: Vec<_> = (0u32..)
        .zip(nodes)
        .map(|(i, &RootKey { layer, node })| (layer, start(documents, layer, node), i))
        .collect();
    starts.sort_unstable();
    let mut places = vec![Place::default(); nodes.len()];
    let mut lines = Lines::new("");
    let mut last = None;
    for (layer, start, i) in starts {
        if last != Some(layer) {
            lines = Lines::new(documents.get(layer as usize).map_or("", |one| one.expose_text()));
            last = Some(layer);
        }
        places[i as usize] = Place { layer, line: lines.line(start as usize) as u32 };
    }
    places
}

/// Returns the offset of a node's key, or of an element of an array.
fn start(documents: &[&Document], layer: u32, node: u32) -> u32 {
    let Some(document) = documents.get(layer as usize) else { return 0 };
    let index = document.index();
    if node == ROOT || index.is_element(node) {
        index.node(node).span.start
    } else {
        index.node(node).key_span.start
    }
}
