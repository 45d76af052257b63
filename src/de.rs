//! `Document::deserialize`: serde over the views, borrowing wherever the type borrows.

mod key;
mod spanned;

use std::fmt::{self, Display, Write};

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Expected, Unexpected, Visitor};
use toml_datetime::de::DatetimeDeserializer;

use crate::de::key::KeyDeserializer;
use crate::de::spanned::SpannedAccess;
use crate::document::Document;
use crate::document::index::{Kind, Node, ROOT};
use crate::document::places::Places;
use crate::value::Value;

pub(crate) fn deserialize<'de, T: Deserialize<'de>>(
    document: &'de Document,
) -> Result<T, DeserializeError> {
    let root = ValueDeserializer { document, node: ROOT };
    T::deserialize(root).map_err(|misfit| misfit.at(Part::Value(ROOT)).placed(document))
}

/// A document that does not fit the type it was read into.
///
/// It names the path, the place, what was expected and which kind stands there. The place of an
/// error about a key is the key, of any other the value. It holds no value:
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
    /// The innermost part that was being read.
    part: Option<Part>,
}

/// A node's value or its key.
#[derive(Debug, Clone, Copy)]
enum Part {
    Value(u32),
    Key(u32),
}

impl Misfit {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), found: None, part: None }
    }

    fn at(self, part: Part) -> Self {
        Self { part: self.part.or(Some(part)), ..self }
    }

    fn placed(self, document: &Document) -> DeserializeError {
        let part = self.part.unwrap_or(Part::Value(ROOT));
        let (Part::Value(node) | Part::Key(node)) = part;
        let Node { kind, span, key_span, .. } = *document.index().node(node);
        let mut message = self.message;
        let span = match (part, self.found) {
            (Part::Key(_), Some(_)) => {
                message.push_str(" as the key");
                key_span
            }
            (Part::Key(_), None) => key_span,
            (Part::Value(_), Some(found)) => {
                // serde sees a date as a map.
                let found = if kind == Kind::Datetime { kind.name() } else { found };
                write!(message, ", found {found}").expect("a String takes all that is written");
                span
            }
            (Part::Value(_), None) => span,
        };
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
        Unexpected::UnitVariant => "variant without content",
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
            Value::Array(_) => visitor.visit_seq(Elements::of(self)),
            Value::Table(_) => {
                let mut entries = Entries::of(self);
                let read = visitor.visit_map(&mut entries);
                read.map_err(|misfit| match entries.key {
                    Some(node) => misfit.at(Part::Key(node)),
                    None => misfit,
                })
            }
        }
    }

    /// Reads this value; what is wrong without a place of its own is wrong here.
    fn seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Misfit> {
        seed.deserialize(self).map_err(|misfit| misfit.at(Part::Value(self.node)))
    }
}

impl<'de> de::Deserializer<'de> for ValueDeserializer<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit(visitor).map_err(|misfit| misfit.at(Part::Value(self.node)))
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

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if spanned::is_spanned(name) {
            let span = self.document.index().node(self.node).span;
            return visitor.visit_map(SpannedAccess::new(span, self));
        }
        self.deserialize_any(visitor)
    }

    /// A string names a variant; a table with one key names it and holds its content.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let read = match (self.value(), self.children().as_slice()) {
            (Value::String(string), _) => visitor.visit_enum(BorrowedStrDeserializer::new(string)),
            (Value::Table(_), &[node]) => visitor.visit_enum(Self { node, ..self }),
            (other, _) => Err(Misfit::new(format!(
                "expected the name of a variant or a table with one key, found {}",
                other.kind()
            ))),
        };
        read.map_err(|misfit| misfit.at(Part::Value(self.node)))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// A variant: its key names it, its value is its content.
impl<'de> de::EnumAccess<'de> for ValueDeserializer<'de> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Misfit> {
        let key = KeyDeserializer { document: self.document, node: self.node };
        let variant = seed.deserialize(key).map_err(|misfit| misfit.at(Part::Key(self.node)))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for ValueDeserializer<'de> {
    type Error = Misfit;

    /// `{ variant = {} }` or `{ variant = [] }`.
    fn unit_variant(self) -> Result<(), Misfit> {
        match self.value() {
            Value::Table(table) if table.is_empty() => Ok(()),
            Value::Array(array) if array.is_empty() => Ok(()),
            other => Err(Misfit::new(format!(
                "expected a variant without content, found {}",
                other.kind()
            ))
            .at(Part::Value(self.node))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        self.seed(seed)
    }

    /// An array, or a table whose keys are the positions from 0.
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Misfit> {
        let place = |misfit: Misfit| misfit.at(Part::Value(self.node));
        let (array, found) = match self.value() {
            Value::Array(array) => (true, array.len()),
            Value::Table(table) => (false, table.len()),
            // No sequence: the type says what it expects.
            _ => return de::Deserializer::deserialize_any(self, visitor),
        };
        if found != len {
            let expected: &dyn Expected = &visitor;
            let message =
                format!("expected {expected} with {len} elements, found {found} elements");
            return Err(place(Misfit::new(message)));
        }
        if array {
            return visitor.visit_seq(Elements::of(self)).map_err(place);
        }
        // The length is the type's, so that this is short.
        let mut nodes = vec![None; len];
        for &node in self.children() {
            let position: Option<usize> = self.document.key(node).parse().ok();
            let free = position.and_then(|position| nodes.get_mut(position));
            match free.filter(|free| free.is_none()) {
                Some(free) => *free = Some(node),
                None => {
                    let message = format!("expected the positions 0 to {} as keys", len - 1);
                    return Err(Misfit::new(message).at(Part::Key(node)));
                }
            }
        }
        let nodes: Vec<u32> = nodes.into_iter().flatten().collect();
        visitor.visit_seq(Elements { document: self.document, nodes: nodes.iter() }).map_err(place)
    }

    /// A table that has no key but the fields, as the crate `toml` reads it.
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if matches!(self.value(), Value::Table(_)) {
            let mut keys = self.children();
            if let Some(&node) = keys.find(|&&node| !fields.contains(&self.document.key(node))) {
                return Err(<Misfit as de::Error>::unknown_field("", fields).at(Part::Key(node)));
            }
        }
        de::Deserializer::deserialize_any(self, visitor)
    }
}

/// The elements of an array.
struct Elements<'de, 'n> {
    document: &'de Document,
    nodes: std::slice::Iter<'n, u32>,
}

impl<'de> Elements<'de, 'de> {
    fn of(array: ValueDeserializer<'de>) -> Self {
        Self { document: array.document, nodes: array.children() }
    }
}

impl<'de> de::SeqAccess<'de> for Elements<'de, '_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        let Some(&node) = self.nodes.next() else { return Ok(None) };
        ValueDeserializer { document: self.document, node }.seed(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.nodes.len())
    }
}

/// The keys and values of a table.
struct Entries<'de> {
    document: &'de Document,
    nodes: std::slice::Iter<'de, u32>,
    /// The key whose value is not read yet: what is wrong now is wrong with the key.
    key: Option<u32>,
}

impl<'de> Entries<'de> {
    fn of(table: ValueDeserializer<'de>) -> Self {
        Self { document: table.document, nodes: table.children(), key: None }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        self.key = self.nodes.next().copied();
        let Some(node) = self.key else { return Ok(None) };
        let key = KeyDeserializer { document: self.document, node };
        seed.deserialize(key).map_err(|misfit| misfit.at(Part::Key(node))).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let Some(node) = self.key.take() else {
            return Err(Misfit::new("a value was asked for before its key"));
        };
        ValueDeserializer { document: self.document, node }.seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.nodes.len())
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
