//! The error of deserializing, which never contains a value.

use std::fmt::{self, Display, Write};

use serde::de::{self, Expected, Unexpected};

use crate::document::Document;
use crate::document::index::{Kind, Node, ROOT};
use crate::text::places::Places;

/// The error of [`Document::deserialize`]: the document does not fit the type.
///
/// `Display` has the path, the place, what the type expected, and the kind that was found. The
/// place is that of the key if the error is about a key, and else that of the value.
///
/// It never contains a value. A message that the type makes with `serde::de::Error::custom` may
/// quote the value, so it is replaced by "refused by the type". But the description that a visitor
/// gives in `expecting` is shown, and must not contain a value.
///
/// # Examples
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
    /// The path of the value or key, or `None` if the error is about the whole document.
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

/// The error type that serde sees.
///
/// It has no place so far: finding one takes a pass over the text, and a type may catch and drop an
/// error for every value. Only the error that is returned to the caller gets a place.
#[derive(Debug)]
pub(super) struct Misfit {
    message: String,
    /// The kind that was found in place of what was expected.
    found: Option<&'static str>,
    /// The innermost part of the document that was being read.
    part: Option<Part>,
}

/// A node's value or its key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Value(u32),
    Key(u32),
}

impl Misfit {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), found: None, part: None }
    }

    /// Sets the part, unless the error has one, which is further inside.
    pub(super) fn at(self, part: Part) -> Self {
        Self { part: self.part.or(Some(part)), ..self }
    }

    /// Returns the error for the caller, with its path and place.
    pub(super) fn placed(self, document: &Document) -> DeserializeError {
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
                // For serde, a date is a map.
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

/// Overrides every constructor, since the default ones write the value into the message.
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
        Self::new(format!("the key `{field}` appears twice"))
    }
}

/// Returns the kind of what was found, in the words of `Value::kind`.
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
