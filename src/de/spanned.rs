//! `Spanned` of the crates `toml` and `serde_spanned`: a value and its range of bytes in the text.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer};

use crate::de::error::Misfit;
use crate::document::index::Span;

/// The names with which `Spanned` asks for its parts.
const NAME: &str = "$__serde_spanned_private_Spanned";
const START: &str = "$__serde_spanned_private_start";
const END: &str = "$__serde_spanned_private_end";
const VALUE: &str = "$__serde_spanned_private_value";

/// Returns `true` if a struct of this name is a `Spanned`.
pub(super) fn is_spanned(name: &str) -> bool {
    name == NAME
}

/// The three parts of a `Spanned`, in order, as a map.
pub(super) struct SpannedAccess<D> {
    span: Span,
    value: D,
    /// The next part.
    part: Option<&'static str>,
}

impl<D> SpannedAccess<D> {
    pub(super) fn new(span: Span, value: D) -> Self {
        Self { span, value, part: Some(START) }
    }
}

impl<'de, D: Deserializer<'de, Error = Misfit> + Copy> de::MapAccess<'de> for SpannedAccess<D> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        let Some(part) = self.part else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::new(part)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let part = self.part;
        self.part = match part {
            Some(START) => Some(END),
            Some(END) => Some(VALUE),
            _ => None,
        };
        match part {
            Some(START) => seed.deserialize(self.span.start.into_deserializer()),
            Some(END) => seed.deserialize(self.span.end.into_deserializer()),
            _ => seed.deserialize(self.value),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(match self.part {
            Some(START) => 3,
            Some(END) => 2,
            Some(_) => 1,
            None => 0,
        })
    }
}
