//! The difference between two documents: paths, never a value.

use crate::document::Document;
use crate::document::index::ROOT;
use crate::role::{Elements, Role, Shape, counterparts, roles};
use crate::value::{Value, is_same};

/// The variables that differ between two documents, by their paths.
///
/// A variable is what [`Document::variables`] returns. An empty table counts as one, too.
///
/// - A variable is *added* or *removed* if only one document has its path.
/// - Its *kind has changed* if the kinds of the values differ, such as an integer and a string, or a
///   string and a table. What is in such a table is not listed.
/// - Else it is *changed* if the values differ, however they are written: `31` is `0x1F`.
///
/// Elements of an array of tables are compared by their positions.
///
/// Paths are those of [`KeyPath`](crate::KeyPath), in the order of the documents. A value, or the
/// length of one, is never among them.
///
/// # Examples
///
/// ```
/// use secrets_toml::Document;
/// use secrets_toml::files::Changes;
///
/// let old = Document::parse("PAT = 'hunter2'\nPORT = 80\nMODEL = 'small'\n[db]\nuser = 'ada'\n")?;
/// let new = Document::parse("PAT = 'hunter3'\nPORT = '80'\n[db]\nuser = 'ada'\nhost = ''\n")?;
///
/// let changes = Changes::between(&old, &new);
/// assert!(changes.changed().eq(["PAT"]));
/// assert!(changes.kind_changed().eq(["PORT"]));
/// assert!(changes.removed().eq(["MODEL"]));
/// assert!(changes.added().eq(["db.host"]));
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
    kind_changed: Vec<String>,
}

impl Changes {
    /// Compares two documents.
    #[must_use]
    pub fn between(old: &Document, new: &Document) -> Self {
        let [old_side, new_side] = [Side::of(old, new), Side::of(new, old)];
        let mut changes = Self::default();
        for node in 1..new.index().len() {
            let path = || new.path(node).to_string();
            match (new_side.state(node), new_side.counterparts[node as usize]) {
                (State::Whole, Some(other)) => {
                    let [before, after] = [Value::of(old, other), Value::of(new, node)];
                    if before.kind() != after.kind() {
                        changes.kind_changed.push(path());
                    } else if !is_same(before, after) {
                        changes.changed.push(path());
                    }
                }
                (State::Whole, None) => changes.added.push(path()),
                (State::Inside | State::Parts, _) => {}
            }
        }
        for node in 1..old.index().len() {
            if old_side.state(node) == State::Whole
                && old_side.counterparts[node as usize].is_none()
            {
                changes.removed.push(old.path(node).to_string());
            }
        }
        changes
    }

    /// The paths that only the new document has.
    pub fn added(&self) -> impl ExactSizeIterator<Item = &str> {
        self.added.iter().map(String::as_str)
    }

    /// The paths that only the old document has.
    pub fn removed(&self) -> impl ExactSizeIterator<Item = &str> {
        self.removed.iter().map(String::as_str)
    }

    /// The paths whose values differ and have the same kind.
    pub fn changed(&self) -> impl ExactSizeIterator<Item = &str> {
        self.changed.iter().map(String::as_str)
    }

    /// The paths whose values have another kind.
    pub fn kind_changed(&self) -> impl ExactSizeIterator<Item = &str> {
        self.kind_changed.iter().map(String::as_str)
    }

    /// Returns `true` if both documents have the same variables with the same values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The part that a node has in a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is compared as a whole.
    Whole,
    /// Its children are compared.
    Parts,
    /// It is inside a value that is compared as a whole.
    Inside,
}

/// One of two documents that are compared.
struct Side {
    states: Vec<State>,
    counterparts: Vec<Option<u32>>,
}

impl Side {
    fn of(document: &Document, other: &Document) -> Self {
        let (own_roles, other_roles) = (roles(document), roles(other));
        let counterparts = counterparts(document, other, Elements::ByPosition);
        let index = document.index();
        let mut states = Vec::with_capacity(index.len() as usize);
        states.push(State::Parts);
        for node in 1..index.len() {
            let counterpart = counterparts[node as usize];
            let shape = |of: &Document, node: u32, roles: &[Role]| {
                Shape::of(of.index().node(node).kind, roles[node as usize])
            };
            let own = shape(document, node, &own_roles);
            let differs =
                counterpart.is_some_and(|other_node| own != shape(other, other_node, &other_roles));
            // An empty table is not compared as a whole with one that is not empty.
            let is_empty = index.children(node).is_empty()
                && counterpart.is_none_or(|node| other.index().children(node).is_empty());
            let is_container = matches!(own, Shape::Table | Shape::Tables);
            states.push(match states[index.node(node).parent as usize] {
                State::Whole | State::Inside => State::Inside,
                State::Parts if differs || !is_container || is_empty => State::Whole,
                State::Parts => State::Parts,
            });
        }
        debug_assert!(states[ROOT as usize] == State::Parts, "the root is always a table");
        Self { states, counterparts }
    }

    fn state(&self, node: u32) -> State {
        self.states[node as usize]
    }
}
