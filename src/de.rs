//! [`Document::deserialize`]: a serde deserializer over the nodes of a document.

mod error;
mod key;
mod spanned;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Expected, Visitor};
use toml_datetime::de::DatetimeDeserializer;

pub use crate::de::error::DeserializeError;
use crate::de::error::{Misfit, Part};
use crate::de::key::KeyDeserializer;
use crate::de::spanned::SpannedAccess;
use crate::document::Document;
use crate::document::index::ROOT;
use crate::value::Value;

impl Document {
    /// Deserializes the document into a type of yours.
    ///
    /// Any type that the crate `toml` can deserialize works, including its `Datetime` and
    /// `Spanned`. A `&str` field borrows from the document; a `String` is a copy, which is not
    /// zeroized.
    ///
    /// # Errors
    ///
    /// Returns an error if the document does not fit the type. See [`DeserializeError`].
    ///
    /// # Examples
    ///
    /// ```
    /// #[derive(serde::Deserialize)]
    /// # #[derive(Debug)]
    /// struct Db<'a> {
    ///     username: &'a str,
    /// }
    ///
    /// let document = secrets_toml::Document::parse("username = \"gateway\"")?;
    /// let db: Db<'_> = document.deserialize()?;
    /// assert_eq!(db.username, "gateway");
    ///
    /// let document = secrets_toml::Document::parse("username = 12345678")?;
    /// let error = document.deserialize::<Db<'_>>().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "line 1, column 12: `username`: expected a borrowed string, found integer",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deserialize<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DeserializeError> {
        let root = ValueDeserializer { document: self, node: ROOT };
        T::deserialize(root).map_err(|misfit| misfit.at(Part::Value(ROOT)).placed(self))
    }
}

/// Deserializes the value of a node.
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

    /// Deserializes this value. An error without a place gets this one.
    fn seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Misfit> {
        seed.deserialize(self).map_err(|misfit| misfit.at(Part::Value(self.node)))
    }
}

impl<'de> de::Deserializer<'de> for ValueDeserializer<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit(visitor).map_err(|misfit| misfit.at(Part::Value(self.node)))
    }

    /// TOML has no null, so a key that is present is always `Some`.
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

    /// A string is the name of a variant. A table with one key is a variant with content.
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

/// A variant with content: the key of the node is the name, its value is the content.
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

    /// Accepts `{ variant = {} }` and `{ variant = [] }`.
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

    /// Accepts an array, or a table whose keys are the positions from 0, as the crate `toml` does.
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Misfit> {
        let place = |misfit: Misfit| misfit.at(Part::Value(self.node));
        let (array, found) = match self.value() {
            Value::Array(array) => (true, array.len()),
            Value::Table(table) => (false, table.len()),
            // Not a sequence: the visitor reports what it expects.
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
        // `len` is the length of a tuple type, so this is short.
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

    /// Accepts a table without keys besides the fields, as the crate `toml` does.
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
    /// The key whose value has not been read so far. An error that occurs now is about this key.
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

/// A date or time in the form that `toml_datetime` deserializes: a map of one private key.
///
/// The value is the text in the document. The access of `toml_datetime` itself would copy it to the
/// heap, which is not zeroized.
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
