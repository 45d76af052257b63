//! Deserializes keys of maps and names of variants. A key is text, but may be read as another type.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Error, Unexpected, Visitor};

use crate::de::error::Misfit;
use crate::de::spanned::{self, SpannedAccess};
use crate::document::Document;

/// Deserializes the key of a node. Strings borrow from the document; nothing is copied to the heap.
#[derive(Clone, Copy)]
pub(super) struct KeyDeserializer<'de> {
    pub(super) document: &'de Document,
    pub(super) node: u32,
}

impl<'de> KeyDeserializer<'de> {
    fn text(self) -> &'de str {
        self.document.key(self.node)
    }
}

/// Methods for types that are parsed from the text of the key: `01`, `+1` and `"1"` are the integer
/// 1.
macro_rules! parsed {
    ($($method:ident => $visit:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.text().parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(Misfit::invalid_type(Unexpected::Str(self.text()), &visitor)),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for KeyDeserializer<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_borrowed_str(self.text())
    }

    parsed! {
        deserialize_bool => visit_bool,
        deserialize_i8 => visit_i8,
        deserialize_i16 => visit_i16,
        deserialize_i32 => visit_i32,
        deserialize_i64 => visit_i64,
        deserialize_i128 => visit_i128,
        deserialize_u8 => visit_u8,
        deserialize_u16 => visit_u16,
        deserialize_u32 => visit_u32,
        deserialize_u64 => visit_u64,
        deserialize_u128 => visit_u128,
        deserialize_char => visit_char,
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    /// A key is the name of a variant without content.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.text()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if spanned::is_spanned(name) {
            let span = self.document.index().node(self.node).key_span;
            return visitor.visit_map(SpannedAccess::new(span, self));
        }
        self.deserialize_any(visitor)
    }

    // Floats and options are not supported as keys; neither are they in the crate `toml`.
    serde::forward_to_deserialize_any! {
        f32 f64 str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map
        identifier ignored_any
    }
}
