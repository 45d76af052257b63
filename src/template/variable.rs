//! A variable of a template.

use std::fmt;

use crate::path::KeyPath;
use crate::template::schema::{Described, Schema};
use crate::value::Value;

/// A variable of a [`Template`](crate::Template).
#[derive(Clone, Copy)]
pub struct Variable<'a> {
    pub(super) schema: &'a Schema,
    pub(super) described: &'a Described,
}

impl<'a> Variable<'a> {
    /// The path, `db_credentials.username`.
    #[must_use]
    pub fn path(&self) -> KeyPath<'a> {
        self.schema.document.path(self.described.node)
    }

    /// The kind of the template's value, as [`Value::kind`] names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.value().kind()
    }

    /// The template's value; `None` where it is blank.
    #[must_use]
    pub fn default_value(&self) -> Option<Value<'a>> {
        Some(self.value()).filter(|value| value.as_str() != Some(""))
    }

    /// Returns `true` if a document without it is refused: neither its comments nor those of a
    /// section around it say `@optional`. In an optional section that is present, every variable is
    /// required but those that say `@optional` themselves.
    #[must_use]
    pub fn is_required(&self) -> bool {
        !self.schema.may_be_absent(self.described.node)
    }

    /// The comment directly above the key, else the one behind the value on its line.
    #[must_use]
    pub fn description(&self) -> Option<&'a str> {
        self.described.description.as_deref()
    }

    /// The line of the value in the template, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.described.line
    }

    fn value(&self) -> Value<'a> {
        Value::of(&self.schema.document, self.described.node)
    }
}

impl fmt::Debug for Variable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variable")
            .field("path", &self.path())
            .field("kind", &self.kind())
            .field("required", &self.is_required())
            .finish()
    }
}
