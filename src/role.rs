//! Roles: which values of a document are variables, and what they correspond to in another.

use crate::document::Document;
use crate::document::index::{Kind, ROOT};
use crate::path::KeyPath;
use crate::value::Value;

impl Document {
    /// Returns an iterator over the variables and their values, in the order of the text.
    ///
    /// A variable is a value that is not a table and not an array of tables. Any other array is one
    /// variable.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let document = Document::parse("PAT = ''\n[db]\nports = [1, 2]\n[[users]]\nname = ''\n")?;
    /// let variables: Vec<_> =
    ///     document.variables().map(|(path, value)| (path.to_string(), value.kind())).collect();
    /// let expected = [("PAT", "string"), ("db.ports", "array"), ("users[0].name", "string")];
    /// assert_eq!(variables, expected.map(|(path, kind)| (path.to_owned(), kind)));
    /// # Ok::<(), secrets_toml::ParseError>(())
    /// ```
    pub fn variables(&self) -> impl Iterator<Item = (KeyPath<'_>, Value<'_>)> {
        let roles = roles(self);
        let variables =
            (1..self.index().len()).filter(move |&node| roles[node as usize] == Role::Variable);
        variables.map(|node| (self.path(node), Value::of(self, node)))
    }
}

/// The role of a node in templates and in validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A table of variables.
    Table,
    /// An array of tables, written as `[[users]]` or as `users = [{…}, {…}]`.
    Tables,
    /// A variable: a scalar, or an array of anything but tables.
    Variable,
    /// Inside a variable that is an array.
    Inside,
}

/// The shape of a value, for comparing a document with its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Scalar(Kind),
    Array,
    Tables,
    Table,
}

impl Shape {
    pub(crate) fn of(kind: Kind, role: Role) -> Self {
        match kind {
            _ if role == Role::Tables => Self::Tables,
            Kind::Array | Kind::ArrayOfTables => Self::Array,
            Kind::Table | Kind::InlineTable => Self::Table,
            _ => Self::Scalar(kind),
        }
    }

    /// Returns `true` if a value of this shape may replace the template's.
    ///
    /// A number may replace a string, since an environment variable is text in any case. An array
    /// of tables may replace an array.
    pub(crate) fn fits(self, expected: Self) -> bool {
        match (self, expected) {
            (Self::Scalar(Kind::Integer | Kind::Float), Self::Scalar(Kind::String))
            | (Self::Tables, Self::Array) => true,
            _ => self == expected,
        }
    }

    /// The name in messages.
    pub(crate) fn with_article(self) -> &'static str {
        match self {
            Self::Scalar(Kind::Integer) => "an integer",
            Self::Scalar(Kind::Float) => "a float",
            Self::Scalar(Kind::Boolean) => "a boolean",
            Self::Scalar(Kind::Datetime) => "a datetime",
            Self::Scalar(_) => "a string",
            Self::Array => "an array",
            Self::Tables => "an array of tables",
            Self::Table => "a table",
        }
    }
}

/// Returns the role of every node, by its number.
pub(crate) fn roles(document: &Document) -> Vec<Role> {
    let index = document.index();
    let mut roles = Vec::with_capacity(index.len() as usize);
    // A node has a larger number than its parent, whose role is known by now.
    for id in 0..index.len() {
        let node = index.node(id);
        let inside =
            id != ROOT && matches!(roles[node.parent as usize], Role::Variable | Role::Inside);
        roles.push(match node.kind {
            _ if inside => Role::Inside,
            Kind::Table | Kind::InlineTable => Role::Table,
            Kind::ArrayOfTables => Role::Tables,
            Kind::Array => {
                let elements = index.children(id);
                let tables = elements.iter().all(|&element| index.node(element).kind.is_table());
                if tables && !elements.is_empty() { Role::Tables } else { Role::Variable }
            }
            _ => Role::Variable,
        });
    }
    roles
}

/// Returns for every node, by its number, whether it is inside an array of tables.
pub(crate) fn repeated(document: &Document, roles: &[Role]) -> Vec<bool> {
    let index = document.index();
    let mut repeated = vec![false; index.len() as usize];
    for id in 1..index.len() {
        let parent = index.node(id).parent as usize;
        repeated[id as usize] = repeated[parent] || roles[parent] == Role::Tables;
    }
    repeated
}

/// The rule by which an element of an array corresponds to one of the other document.
#[derive(Clone, Copy)]
pub(crate) enum Elements {
    /// To the element at the same position.
    ByPosition,
    /// To the first element.
    First,
}

/// Returns for every node of `document`, by its number, the node of `other` at the same path.
///
/// Nearly all of two documents is in the same order. So the node after the counterpart before is
/// compared first, and a key is looked up only if it is another.
pub(crate) fn counterparts(
    document: &Document,
    other: &Document,
    elements: Elements,
) -> Vec<Option<u32>> {
    let index = document.index();
    let mut counterparts: Vec<Option<u32>> = Vec::with_capacity(index.len() as usize);
    counterparts.push(Some(ROOT));
    let mut next = 1;
    for id in 1..index.len() {
        let parent = index.node(id).parent;
        let counterpart = counterparts[parent as usize].and_then(|counterpart| {
            let kind = other.index().node(counterpart).kind;
            if !index.node(parent).kind.is_array() {
                let key = document.key(id);
                let is_next = next < other.index().len()
                    && other.index().node(next).parent == counterpart
                    && kind.is_table()
                    && other.key(next) == key;
                return if is_next { Some(next) } else { other.child(counterpart, key) };
            }
            let position = match elements {
                Elements::ByPosition => index.position(id),
                Elements::First => 0,
            };
            let elements = if kind.is_array() { other.index().children(counterpart) } else { &[] };
            elements.get(position).copied()
        });
        next = counterpart.map_or(next, |counterpart| counterpart + 1);
        counterparts.push(counterpart);
    }
    counterparts
}

/// Returns `true` if the node is a string that is empty or only white space.
pub(crate) fn is_blank(document: &Document, node: u32) -> bool {
    string(document, node).is_some_and(|content| content.trim().is_empty())
}

/// Returns the content of a string, or `None` if the node has another kind.
pub(crate) fn string(document: &Document, node: u32) -> Option<&str> {
    (document.index().node(node).kind == Kind::String).then(|| document.content(node))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of a document's nodes, with those of their counterparts.
    #[track_caller]
    fn check(document: &str, other: &str, expected: &[(&str, Option<&str>)]) {
        let [document, other] =
            [document, other].map(|text| Document::parse(text).expect("well-formed"));
        let found = counterparts(&document, &other, Elements::First);
        let path = |of: &Document, node| of.path(node).to_string();
        let found: Vec<_> = (1..document.index().len())
            .map(|node| (path(&document, node), found[node as usize].map(|id| path(&other, id))))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|&(path, other)| (path.to_owned(), other.map(str::to_owned)))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn counterparts_have_the_same_path_in_any_order() {
        check(
            "b = 1\na = 1\nc = 1\n[t]\na = 1\nd = 1\n",
            "a = 1\nd = 1\nb = 1\n[t]\nc = 1\na = 1\n",
            &[
                ("b", Some("b")),
                ("a", Some("a")),
                ("c", None),
                ("t", Some("t")),
                ("t.a", Some("t.a")),
                ("t.d", None),
            ],
        );
    }

    #[test]
    fn the_next_node_is_no_counterpart_in_another_table() {
        check("[u]\na = 1\n", "[u]\n[a]\n", &[("u", Some("u")), ("u.a", None)]);
    }

    #[test]
    fn an_element_is_no_counterpart_of_an_empty_key() {
        check("[a]\n\"\" = 1\n", "a = ['x']\n", &[("a", Some("a")), ("a.\"\"", None)]);
    }
}
