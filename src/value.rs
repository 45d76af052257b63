//! Views of a document's values.

use std::fmt;
use std::iter::FusedIterator;
use std::slice;

use toml_datetime::Datetime;

use crate::document::Document;
use crate::document::decode;
use crate::document::index::{Kind, ROOT};

impl Document {
    /// The value of one key of the root table, by its literal name: no dots, no quotes.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        self.root().get(key)
    }

    /// The root table.
    #[must_use]
    pub fn root(&self) -> Table<'_> {
        Table::of(self, ROOT)
    }
}

/// A value of a document: a view that borrows from it.
///
/// `Debug` shows the kind only. Numbers and dates are read from the text each time a value is
/// looked up, since no decoded number is stored.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Value<'a> {
    /// A string, without quotes and with its escapes decoded.
    String(&'a str),
    /// An integer.
    Integer(i64),
    /// A float, which may be infinite or not a number.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date, a time, or both.
    Datetime(Datetime),
    /// An array, of tables too.
    Array(Array<'a>),
    /// A table: a section, an inline table, or what dotted keys made.
    Table(Table<'a>),
}

impl<'a> Value<'a> {
    pub(crate) fn of(document: &'a Document, node: u32) -> Self {
        match document.index().node(node).kind {
            Kind::String => Self::String(document.content(node)),
            // What the decoder accepted can be read again.
            Kind::Integer => Self::Integer(decode::integer(document.raw(node)).unwrap_or(0)),
            Kind::Float => Self::Float(decode::float(document.content(node))),
            Kind::Boolean => Self::Boolean(document.raw(node) == "true"),
            Kind::Datetime => Self::Datetime(decode::datetime(document.raw(node))),
            Kind::Array | Kind::ArrayOfTables => Self::Array(Array { document, node }),
            Kind::Table | Kind::InlineTable => Self::Table(Table { document, node }),
        }
    }

    /// The kind, as messages name it: `string`, `integer`, `float`, `boolean`, `datetime`,
    /// `array`, `table`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        let kind = match self {
            Self::String(_) => Kind::String,
            Self::Integer(_) => Kind::Integer,
            Self::Float(_) => Kind::Float,
            Self::Boolean(_) => Kind::Boolean,
            Self::Datetime(_) => Kind::Datetime,
            Self::Array(_) => Kind::Array,
            Self::Table(_) => Kind::Table,
        };
        kind.name()
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        match *self {
            Self::String(string) => Some(string),
            _ => None,
        }
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match *self {
            Self::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    /// The float, if it is one; an integer is none.
    #[must_use]
    pub fn as_float(&self) -> Option<f64> {
        match *self {
            Self::Float(float) => Some(float),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Boolean(boolean) => Some(boolean),
            _ => None,
        }
    }

    /// The date or time, if it is one.
    #[must_use]
    pub fn as_datetime(&self) -> Option<Datetime> {
        match *self {
            Self::Datetime(datetime) => Some(datetime),
            _ => None,
        }
    }

    /// The array, if it is one.
    #[must_use]
    pub fn as_array(&self) -> Option<Array<'a>> {
        match *self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The table, if it is one.
    #[must_use]
    pub fn as_table(&self) -> Option<Table<'a>> {
        match *self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The value of a key, if this is a table that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Self> {
        self.as_table()?.get(key)
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// A table of a document: a view that borrows from it.
///
/// ```
/// let document = secrets_toml::Document::parse("A = 1\nB.c = 2\n")?;
/// let kinds: Vec<_> = document.root().iter().map(|(key, value)| (key, value.kind())).collect();
/// assert_eq!(kinds, [("A", "integer"), ("B", "table")]);
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Table<'a> {
    document: &'a Document,
    node: u32,
}

impl<'a> Table<'a> {
    pub(crate) fn of(document: &'a Document, node: u32) -> Self {
        Self { document, node }
    }

    /// The value of a key, by its literal name.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let node = self.document.child(self.node, key)?;
        Some(Value::of(self.document, node))
    }

    /// The keys and values, in the order in which the document first names them.
    #[must_use]
    pub fn iter(&self) -> TableIter<'a> {
        let document = self.document;
        TableIter { document, nodes: document.index().children(self.node).iter() }
    }

    /// How many keys it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.document.index().children(self.node).len()
    }

    /// Whether it has no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> IntoIterator for Table<'a> {
    type Item = (&'a str, Value<'a>);
    type IntoIter = TableIter<'a>;

    fn into_iter(self) -> TableIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Table<'a> {
    type Item = (&'a str, Value<'a>);
    type IntoIter = TableIter<'a>;

    fn into_iter(self) -> TableIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// An array of a document: a view that borrows from it.
#[derive(Clone, Copy)]
pub struct Array<'a> {
    document: &'a Document,
    node: u32,
}

impl<'a> Array<'a> {
    /// The element at a position, counted from 0.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<Value<'a>> {
        let &node = self.document.index().children(self.node).get(position)?;
        Some(Value::of(self.document, node))
    }

    /// The elements in order.
    #[must_use]
    pub fn iter(&self) -> ArrayIter<'a> {
        let document = self.document;
        ArrayIter { document, nodes: document.index().children(self.node).iter() }
    }

    /// How many elements it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.document.index().children(self.node).len()
    }

    /// Whether it has no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> IntoIterator for Array<'a> {
    type Item = Value<'a>;
    type IntoIter = ArrayIter<'a>;

    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Array<'a> {
    type Item = Value<'a>;
    type IntoIter = ArrayIter<'a>;

    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Keys and values of a [`Table`], in the order in which the document first names them. `Debug` shows
/// keys and kinds.
#[derive(Clone)]
pub struct TableIter<'a> {
    document: &'a Document,
    nodes: slice::Iter<'a, u32>,
}

impl<'a> TableIter<'a> {
    fn item(&self, node: u32) -> (&'a str, Value<'a>) {
        (self.document.key(node), Value::of(self.document, node))
    }
}

impl<'a> Iterator for TableIter<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let &node = self.nodes.next()?;
        Some(self.item(node))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.nodes.size_hint()
    }
}

impl DoubleEndedIterator for TableIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let &node = self.nodes.next_back()?;
        Some(self.item(node))
    }
}

impl ExactSizeIterator for TableIter<'_> {}

impl FusedIterator for TableIter<'_> {}

impl fmt::Debug for TableIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

/// Elements of an [`Array`] in order. `Debug` shows kinds.
#[derive(Clone)]
pub struct ArrayIter<'a> {
    document: &'a Document,
    nodes: slice::Iter<'a, u32>,
}

impl<'a> ArrayIter<'a> {
    fn item(&self, node: u32) -> Value<'a> {
        Value::of(self.document, node)
    }
}

impl<'a> Iterator for ArrayIter<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let &node = self.nodes.next()?;
        Some(self.item(node))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.nodes.size_hint()
    }
}

impl DoubleEndedIterator for ArrayIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let &node = self.nodes.next_back()?;
        Some(self.item(node))
    }
}

impl ExactSizeIterator for ArrayIter<'_> {}

impl FusedIterator for ArrayIter<'_> {}

impl fmt::Debug for ArrayIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// Returns `true` if two values are the same, kind included, however they are written.
pub(crate) fn is_same(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Integer(a), Value::Integer(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.total_cmp(&b).is_eq() || a.is_nan() && b.is_nan(),
        (Value::Boolean(a), Value::Boolean(b)) => a == b,
        (Value::Datetime(a), Value::Datetime(b)) => a == b,
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| is_same(a, b))
        }
        (Value::Table(a), Value::Table(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        _ => false,
    }
}
