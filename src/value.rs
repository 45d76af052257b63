//! Values, tables and arrays, as views that borrow from a document.

use std::fmt;
use std::iter::FusedIterator;
use std::slice;

use toml_datetime::Datetime;

use crate::document::Document;
use crate::document::decode;
use crate::document::index::{Kind, ROOT};

impl Document {
    /// Returns the value of a key of the root table.
    ///
    /// The key is taken literally: a dot in it is part of the name. To look up a path, use
    /// [`find`](Self::find).
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let document = Document::parse("PORT = 80\n\"a.b\" = true\n[db]\nuser = \"ada\"\n")?;
    /// assert_eq!(document.get("PORT").and_then(|value| value.as_integer()), Some(80));
    /// assert_eq!(document.get("a.b").and_then(|value| value.as_bool()), Some(true));
    ///
    /// let db = document.get("db").and_then(|value| value.as_table()).expect("a section");
    /// assert_eq!(db.get("user").and_then(|value| value.as_str()), Some("ada"));
    /// # Ok::<(), secrets_toml::ParseError>(())
    /// ```
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        self.root().get(key)
    }

    /// Returns the root table, for example to iterate over its keys.
    #[must_use]
    pub fn root(&self) -> Table<'_> {
        Table::of(self, ROOT)
    }
}

/// A value of a [`Document`], borrowed from it.
///
/// `Debug` shows only the kind. Numbers and dates are parsed from the text each time a value is
/// looked up, so that only the text has to be zeroized.
///
/// # Examples
///
/// ```
/// use secrets_toml::{Document, Value};
///
/// let document = Document::parse("PAT = \"hunter2\"\nPORTS = [80, 443]\n")?;
///
/// let pat = document.get("PAT").expect("present");
/// assert_eq!(pat.as_str(), Some("hunter2"));
/// assert_eq!(pat.as_integer(), None, "nothing is converted");
/// assert_eq!(format!("{pat:?}"), "string");
///
/// let Some(Value::Array(ports)) = document.get("PORTS") else { panic!("not an array") };
/// assert_eq!(ports.get(1).and_then(|port| port.as_integer()), Some(443));
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
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
    /// An array: `[1, 2]`, or the tables of `[[header]]`.
    Array(Array<'a>),
    /// A table: a `[section]`, an inline table `{ a = 1 }`, or the `a` of a dotted key `a.b = 1`.
    Table(Table<'a>),
}

impl<'a> Value<'a> {
    pub(crate) fn of(document: &'a Document, node: u32) -> Self {
        match document.index().node(node).kind {
            Kind::String => Self::String(document.content(node)),
            // The decoder has accepted these, so parsing them again does not fail.
            Kind::Integer => Self::Integer(decode::integer(document.raw(node)).unwrap_or(0)),
            Kind::Float => Self::Float(decode::float(document.content(node))),
            Kind::Boolean => Self::Boolean(document.raw(node) == "true"),
            Kind::Datetime => Self::Datetime(decode::datetime(document.raw(node))),
            Kind::Array | Kind::ArrayOfTables => Self::Array(Array { document, node }),
            Kind::Table | Kind::InlineTable => Self::Table(Table { document, node }),
        }
    }

    /// The name of the kind, as in messages: `string`, `integer`, `float`, `boolean`, `datetime`,
    /// `array` or `table`.
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

    /// Returns the string, or `None` if the value has another kind.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        match *self {
            Self::String(string) => Some(string),
            _ => None,
        }
    }

    /// Returns the integer, or `None` if the value has another kind.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match *self {
            Self::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    /// Returns the float, or `None` if the value has another kind. An integer is not a float.
    #[must_use]
    pub fn as_float(&self) -> Option<f64> {
        match *self {
            Self::Float(float) => Some(float),
            _ => None,
        }
    }

    /// Returns the boolean, or `None` if the value has another kind.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Boolean(boolean) => Some(boolean),
            _ => None,
        }
    }

    /// Returns the date or time, or `None` if the value has another kind.
    #[must_use]
    pub fn as_datetime(&self) -> Option<Datetime> {
        match *self {
            Self::Datetime(datetime) => Some(datetime),
            _ => None,
        }
    }

    /// Returns the array, or `None` if the value has another kind.
    #[must_use]
    pub fn as_array(&self) -> Option<Array<'a>> {
        match *self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// Returns the table, or `None` if the value has another kind.
    #[must_use]
    pub fn as_table(&self) -> Option<Table<'a>> {
        match *self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Returns the value of a key of this table.
    ///
    /// Returns `None` if the table has no such key, and if this is not a table. The key is taken
    /// literally: a dot in it is part of the name.
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

/// A table of a [`Document`], borrowed from it.
///
/// `Debug` shows keys and kinds.
///
/// # Examples
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

    /// Returns the value of a key, or `None` if the table has no such key.
    ///
    /// The key is taken literally: a dot in it is part of the name.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let node = self.document.child(self.node, key)?;
        Some(Value::of(self.document, node))
    }

    /// Returns an iterator over the keys and values, in the order in which the keys first appear in
    /// the document.
    #[must_use]
    pub fn iter(&self) -> TableIter<'a> {
        let document = self.document;
        TableIter { document, nodes: document.index().children(self.node).iter() }
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.document.index().children(self.node).len()
    }

    /// Returns `true` if the table has no keys.
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

/// An array of a [`Document`], borrowed from it.
///
/// `Debug` shows the kinds of the elements.
///
/// # Examples
///
/// ```
/// let document = secrets_toml::Document::parse("[[users]]\nname = \"Ada\"\n[[users]]\n")?;
/// let users = document.get("users").and_then(|value| value.as_array()).expect("an array");
/// let names: Vec<_> = users.iter().map(|user| user.get("name")?.as_str()).collect();
/// assert_eq!(names, [Some("Ada"), None]);
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Array<'a> {
    document: &'a Document,
    node: u32,
}

impl<'a> Array<'a> {
    /// Returns the element at a position, counted from 0, or `None` if the array is shorter.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<Value<'a>> {
        let &node = self.document.index().children(self.node).get(position)?;
        Some(Value::of(self.document, node))
    }

    /// Returns an iterator over the elements, in order.
    #[must_use]
    pub fn iter(&self) -> ArrayIter<'a> {
        let document = self.document;
        ArrayIter { document, nodes: document.index().children(self.node).iter() }
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.document.index().children(self.node).len()
    }

    /// Returns `true` if the array has no elements.
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

/// An iterator over the keys and values of a [`Table`].
///
/// The order is that in which the keys first appear in the document. `Debug` shows keys and kinds.
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

/// An iterator over the elements of an [`Array`], in order.
///
/// `Debug` shows kinds.
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

/// Returns `true` if two values have the same kind and value, however they are written.
pub(crate) fn is_same(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Integer(a), Value::Integer(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.total_cmp(&b).is_eq() || a.is_nan() && b.is_nan(),
        (Value::Boolean(a), Value::Boolean(b)) => a == b,
        (Value::Datetime(a), Value::Datetime(b)) => with_seconds(a) == with_seconds(b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| is_same(a, b))
        }
        (Value::Table(a), Value::Table(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        _ => false,
    }
}

/// A time without seconds is one with the second 0.
fn with_seconds(mut datetime: Datetime) -> Datetime {
    if let Some(time) = &mut datetime.time {
        time.second.get_or_insert(0);
        time.nanosecond.get_or_insert(0);
    }
    datetime
}
