//! A template as a JSON Schema, for editors and other tools.
//!
//! The schema is written from the nodes, without a tree of JSON in between.

use std::collections::HashMap;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::json;

use crate::document::index::ROOT;
use crate::role::{Role, Shape};
use crate::template::Template;
use crate::template::format::Format;
use crate::template::schema::{Described, Schema};
use crate::value::Value;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Blank strings, which an optional variable may have. The white space of ECMA-262 lacks U+0085.
const BLANK: &str = "^[\\s\\u0085]*$";

impl Template {
    /// Returns a JSON Schema (2020-12) of the documents that the template accepts, for editors and
    /// other tools.
    ///
    /// It has the descriptions of variables and sections, defaults, and formats. A secret is
    /// `writeOnly`, and the schema does not have the template's value of it. A `@docs` link is a
    /// `$comment`.
    ///
    /// # A document as JSON
    ///
    /// The schema is for a document that was converted like this:
    ///
    /// | TOML | JSON |
    /// |---|---|
    /// | string, boolean | the same |
    /// | integer, finite float | a number of the same value |
    /// | `inf`, `-inf`, `nan` | the strings `"inf"`, `"-inf"`, `"nan"` |
    /// | date, time | a string, as [`Datetime`](toml_datetime::Datetime) is displayed: `"1979-05-27T07:32:00Z"` |
    /// | array, array of tables | an array |
    /// | table | an object |
    ///
    /// # Compared with validation
    ///
    /// The schema accepts every document that [`validate`](Self::validate) accepts. Only `validate`
    /// refuses a document because of:
    ///
    /// - `Unchanged`, `Placeholder`, `Unkept` and `Misplaced` findings
    /// - `Unmappable` findings: names and values that no environment takes
    /// - a required string of white space only
    /// - `@json`, a number in the place of another format than `@port` and `@range`, and a text in
    ///   the place of a number for `@range`
    /// - details of `@url`, `@email`, `@pem` and `@port`: the schema looks at the scheme and a host,
    ///   at one `@`, at one `BEGIN`, and at the number of digits of a string
    ///
    /// It has no warnings: an unknown name, or a number for a boolean, is accepted by both.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Template;
    ///
    /// let template = Template::parse("# The server's port. @port @optional\nPORT = 8501\n")?;
    /// let schema: serde_json::Value = serde_json::from_str(&template.json_schema())?;
    /// let port = &schema["properties"]["PORT"];
    /// assert_eq!(port["description"], "The server's port.");
    /// assert_eq!(port["default"], 8501);
    /// assert!(schema.get("required").is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn json_schema(&self) -> String {
        let described = self.0.described.iter().chain(&self.0.sections);
        let described = described.map(|described| (described.node, described)).collect();
        let root = Part { schema: &self.0, described: &described, node: ROOT };
        // Strings and numbers are written into a string, and keys are strings, so this cannot fail.
        serde_json::to_string(&root).unwrap_or_default()
    }
}

/// The schema of a node.
#[derive(Clone, Copy)]
struct Part<'a> {
    schema: &'a Schema,
    described: &'a HashMap<u32, &'a Described>,
    node: u32,
}

impl<'a> Part<'a> {
    fn at(self, node: u32) -> Self {
        Self { node, ..self }
    }

    fn children(self) -> &'a [u32] {
        self.schema.document.index().children(self.node)
    }

    /// Describes a table. Only a table with required variables must be a table: anything else there
    /// is a warning.
    fn write_table<M: SerializeMap>(self, map: &mut M) -> Result<(), M::Error> {
        let needs = self.schema.needs[self.node as usize] > 0;
        if needs || self.node == ROOT {
            map.serialize_entry("type", "object")?;
        }
        map.serialize_entry("properties", &Properties(self))?;
        if needs {
            map.serialize_entry("required", &Required(self))?;
        }
        Ok(())
    }

    /// Describes an array of tables by its first element.
    fn write_tables<M: SerializeMap>(self, map: &mut M) -> Result<(), M::Error> {
        let Some(first) = self.children().first().map(|&first| self.at(first)) else {
            return Ok(());
        };
        if self.schema.requires(self.node) {
            map.serialize_entry("type", "array")?;
            map.serialize_entry("minItems", &1)?;
            return map.serialize_entry("items", &first);
        }
        // An array with anything but tables is another kind of value, which is a warning.
        let tables = json!({ "type": "array", "items": { "type": "object" } });
        map.serialize_entry("if", &tables)?;
        map.serialize_entry("then", &Items(first))
    }

    fn write_variable<M: SerializeMap>(self, map: &mut M) -> Result<(), M::Error> {
        let (schema, i) = (self.schema, self.node as usize);
        let value = Value::of(&schema.document, self.node);
        if schema.secret[i] {
            map.serialize_entry("writeOnly", &true)?;
        } else if value.as_str() != Some("") {
            map.serialize_entry("default", &Json(value))?;
        }
        let formats = &schema.formats[i];
        if !schema.needed[i] {
            if !formats.is_empty() {
                let blank = json!({ "type": "string", "pattern": BLANK });
                map.serialize_entry("anyOf", &(blank, AllOf(formats)))?;
            }
            return Ok(());
        }
        match schema.shape(self.node) {
            Shape::Scalar(_) => {
                map.serialize_entry("type", &["string", "number", "boolean"])?;
                map.serialize_entry("minLength", &1)?;
            }
            _ => map.serialize_entry("type", "array")?,
        }
        if !formats.is_empty() {
            map.serialize_entry("allOf", &Rules(formats))?;
        }
        Ok(())
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.node == ROOT {
            map.serialize_entry("$schema", DIALECT)?;
        }
        if let Some(described) = self.described.get(&self.node) {
            if let Some(description) = &described.description {
                map.serialize_entry("description", description)?;
            }
            if let Some(docs) = &described.docs {
                map.serialize_entry("$comment", docs)?;
            }
        }
        match self.schema.roles[self.node as usize] {
            Role::Table => self.write_table(&mut map)?,
            Role::Tables => self.write_tables(&mut map)?,
            Role::Variable | Role::Inside => self.write_variable(&mut map)?,
        }
        map.end()
    }
}

/// The children of a table, by name.
struct Properties<'a>(Part<'a>);

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let part = self.0;
        let children = part.children().iter();
        let key = |&child: &u32| part.schema.document.key(child);
        serializer.collect_map(children.map(|child| (key(child), part.at(*child))))
    }
}

/// The names of the children without which a table is refused.
struct Required<'a>(Part<'a>);

impl Serialize for Required<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let schema = self.0.schema;
        let needed = self.0.children().iter().filter(|&&child| schema.needed[child as usize]);
        serializer.collect_seq(needed.map(|&child| schema.document.key(child)))
    }
}

/// The elements of an array.
struct Items<'a>(Part<'a>);

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("items", self.0)])
    }
}

/// Formats, all of which hold.
struct AllOf<'a>(&'a [Format]);

impl Serialize for AllOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("allOf", Rules(self.0))])
    }
}

struct Rules<'a>(&'a [Format]);

impl Serialize for Rules<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(rule))
    }
}

/// Returns a schema that accepts what the format allows. A boolean has no format, and most formats
/// cannot be said of a number.
fn rule(format: &Format) -> serde_json::Value {
    match format {
        Format::Url => json!({ "pattern": "^[A-Za-z][A-Za-z0-9+.:-]*://." }),
        Format::Email => json!({ "pattern": "^[^@]+@[^@]+$" }),
        Format::Port => {
            json!({ "minimum": 1, "maximum": 65535, "pattern": "^[1-9][0-9]{0,4}$" })
        }
        Format::Uuid => {
            json!({ "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$" })
        }
        Format::Json => json!({ "contentMediaType": "application/json" }),
        Format::Pem => json!({ "pattern": "-----BEGIN " }),
        Format::OneOf(options) => {
            json!({ "anyOf": [{ "enum": options }, { "not": { "type": "string" } }] })
        }
        Format::Prefix(prefix) => {
            let mut pattern = "^".to_owned();
            for character in prefix.chars() {
                if "\\^$.|?*+()[]{}".contains(character) {
                    pattern.push('\\');
                }
                pattern.push(character);
            }
            json!({ "pattern": pattern })
        }
        Format::MinLength(least) => json!({ "minLength": least }),
        Format::Range { min, max } => json!({ "minimum": min, "maximum": max }),
    }
}

/// A value of the template as JSON.
struct Json<'a>(Value<'a>);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(string) => serializer.serialize_str(string),
            Value::Integer(integer) => serializer.serialize_i64(integer),
            Value::Float(float) if float.is_finite() => serializer.serialize_f64(float),
            Value::Float(float) if float.is_nan() => serializer.serialize_str("nan"),
            Value::Float(float) => serializer.collect_str(&float),
            Value::Boolean(boolean) => serializer.serialize_bool(boolean),
            Value::Datetime(datetime) => serializer.collect_str(&datetime),
            Value::Array(array) => {
                let mut elements = serializer.serialize_seq(Some(array.len()))?;
                for element in array {
                    elements.serialize_element(&Json(element))?;
                }
                elements.end()
            }
            Value::Table(table) => {
                let mut entries = serializer.serialize_map(Some(table.len()))?;
                for (key, value) in table {
                    entries.serialize_entry(key, &Json(value))?;
                }
                entries.end()
            }
        }
    }
}
