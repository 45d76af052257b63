//! `Document::deserialize`: serde over the views, borrowing wherever the type borrows.

use std::fmt::{self, Display, Write};

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Expected, Unexpected, Visitor};
use toml_datetime::de::DatetimeDeserializer;

use crate::document::Document;
use crate::document::index::{Kind, Node, ROOT};
use crate::document::places::Places;
use crate::value::Value;

pub(crate) fn deserialize<'de, T: Deserialize<'de>>(
    document: &'de Document,
) -> Result<T, DeserializeError> {
    let root = ValueDeserializer { document, node: ROOT };
    T::deserialize(root).map_err(|misfit| misfit.at(ROOT).placed(document))
}

/// A document that does not fit the type it was read into.
///
/// It names the path, the place, what was expected and which kind stands there. It holds no value:
/// a message that the type itself makes is dropped, since it may quote one. What a type says that
/// it expects is shown: let it quote no value.
///
/// ```
/// let document = secrets_toml::Document::parse("[db]\nport = \"hunter2\"\n")?;
/// let error = document
///     .deserialize::<std::collections::HashMap<String, std::collections::HashMap<String, u16>>>()
///     .unwrap_err();
/// assert_eq!(error.to_string(), "line 2, column 8: `db.port`: expected u16, found string");
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
#[derive(Debug, Clone)]
pub struct DeserializeError {
    message: String,
    path: String,
    line: usize,
    column: usize,
}

impl DeserializeError {
    /// The path of the value, or `None` for the document as a whole.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        Some(self.path.as_str()).filter(|path| !path.is_empty())
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}

impl Display for DeserializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.path() {
            write!(f, "line {}, column {}: `{path}`: ", self.line, self.column)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for DeserializeError {}

/// What serde sees of an error. A type may catch one for every value it reads, so the place, which
/// takes a pass over the text, is sought only for the one that is returned.
#[derive(Debug)]
struct Misfit {
    message: String,
    /// The kind that stands there instead of what was expected.
    found: Option<&'static str>,
    /// The innermost value that was being read.
    node: Option<u32>,
}

impl Misfit {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), found: None, node: None }
    }

    fn at(self, node: u32) -> Self {
        Self { node: self.node.or(Some(node)), ..self }
    }

    fn placed(self, document: &Document) -> DeserializeError {
        let node = self.node.unwrap_or(ROOT);
        let Node { kind, span, .. } = *document.index().node(node);
        let mut message = self.message;
        if let Some(found) = self.found {
            // serde sees a date as a map.
            let found = if kind == Kind::Datetime { kind.name() } else { found };
            write!(message, ", found {found}").expect("a String takes all that is written");
        }
        let start = span.start as usize;
        let mut places = Places::new(document.expose_text());
        let (line, column) = (places.line(start), places.column(start));
        DeserializeError { message, path: document.path(node).to_string(), line, column }
    }
}

impl Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

/// Every constructor is overridden: serde's own write the value into the message.
impl de::Error for Misfit {
    fn custom<T: Display>(_: T) -> Self {
        Self::new("refused by the type")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self { found: Some(kind(found)), ..Self::new(format!("expected {expected}")) }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, found another {}", kind(found)))
    }

    fn invalid_length(len: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, found {len} elements"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected {}", one_of(expected)))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown key, expected {}", one_of(expected)))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is there twice"))
    }
}

/// The kind of what was found, in the words of `Value::kind`.
fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "integer",
        Unexpected::Float(_) => "float",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "string",
        Unexpected::Seq => "array",
        Unexpected::Map => "table",
        _ => "value",
    }
}

fn one_of(expected: &[&str]) -> String {
    let mut list = String::from(if expected.is_empty() { "none at all" } else { "one of " });
    for (i, name) in expected.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        write!(list, "{comma}`{name}`").expect("a String takes all that is written");
    }
    list
}

/// A value of the document.
#[derive(Clone, Copy)]
struct ValueDeserializer<'de> {
    document: &'de Document,
    node: u32,
}

impl<'de> ValueDeserializer<'de> {
    fn value(self) -> Value<'de> {
        Value::of(self.document, self.node)
    }

    fn children(self) -> std::slice::Iter<'de, u32> {
        self.document.index().children(self.node).iter()
    }

    fn visit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.value() {
            Value::String(string) => visitor.visit_borrowed_str(string),
            Value::Integer(integer) => visitor.visit_i64(integer),
            Value::Float(float) => visitor.visit_f64(float),
            Value::Boolean(boolean) => visitor.visit_bool(boolean),
            Value::Datetime(datetime) => visitor.visit_map(DatetimeAccess {
                key: Some(DatetimeDeserializer::new(datetime)),
                text: self.document.raw(self.node),
            }),
            Value::Array(_) => {
                visitor.visit_seq(Elements { document: self.document, nodes: self.children() })
            }
            Value::Table(_) => visitor.visit_map(Entries::of(self)),
        }
    }
}

impl<'de> de::Deserializer<'de> for ValueDeserializer<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit(visitor).map_err(|misfit| misfit.at(self.node))
    }

    /// A key that is there has a value.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    /// A string names a variant; a table with one key names it and holds its content.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let place = |misfit: Misfit| misfit.at(self.node);
        match self.value() {
            Value::String(string) => {
                visitor.visit_enum(BorrowedStrDeserializer::new(string)).map_err(place)
            }
            Value::Table(table) if table.len() == 1 => {
                visitor.visit_enum(Entries::of(self)).map_err(place)
            }
            other => Err(place(Misfit::new(format!(
                "expected the name of a variant or a table with one key, found {}",
                other.kind()
            )))),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The elements of an array.
struct Elements<'de> {
    document: &'de Document,
    nodes: std::slice::Iter<'de, u32>,
}

impl<'de> de::SeqAccess<'de> for Elements<'de> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        let Some(&node) = self.nodes.next() else { return Ok(None) };
        let value = ValueDeserializer { document: self.document, node };
        seed.deserialize(value).map_err(|misfit| misfit.at(node)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.nodes.len())
    }
}

/// The keys and values of a table; of one with a single key, also a variant and its content.
struct Entries<'de> {
    document: &'de Document,
    nodes: std::slice::Iter<'de, u32>,
    node: u32,
}

impl<'de> Entries<'de> {
    fn of(table: ValueDeserializer<'de>) -> Self {
        Self { document: table.document, nodes: table.children(), node: table.node }
    }

    fn value(&self) -> ValueDeserializer<'de> {
        ValueDeserializer { document: self.document, node: self.node }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        let Some(&node) = self.nodes.next() else { return Ok(None) };
        self.node = node;
        seed.deserialize(BorrowedStrDeserializer::new(self.document.key(node)))
            .map_err(|misfit: Misfit| misfit.at(node))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        seed.deserialize(self.value()).map_err(|misfit| misfit.at(self.node))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.nodes.len())
    }
}

impl<'de> de::EnumAccess<'de> for Entries<'de> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        mut self,
        seed: V,
    ) -> Result<(V::Value, Self), Misfit> {
        let variant = de::MapAccess::next_key_seed(&mut self, seed)?;
        let variant = variant.ok_or_else(|| Misfit::new("a variant is missing"))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Entries<'de> {
    type Error = Misfit;

    /// `{ variant = {} }`, as `toml` reads a variant without content.
    fn unit_variant(self) -> Result<(), Misfit> {
        match self.value().value() {
            Value::Table(table) if table.is_empty() => Ok(()),
            other => Err(Misfit::new(format!(
                "expected a variant without content, found {}",
                other.kind()
            ))
            .at(self.node)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        seed.deserialize(self.value())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_seq(self.value(), visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_map(self.value(), visitor)
    }
}

/// A date or time as `toml_datetime` reads it: a map of one private key, with the text as it
/// stands in the document (its own access would copy the value to the heap).
struct DatetimeAccess<'de> {
    key: Option<DatetimeDeserializer<Misfit>>,
    text: &'de str,
}

impl<'de> de::MapAccess<'de> for DatetimeAccess<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        self.key.take().map_or(Ok(None), |mut key| key.next_key_seed(seed))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        seed.deserialize(BorrowedStrDeserializer::new(self.text))
    }
}
