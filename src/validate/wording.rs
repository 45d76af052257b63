//! The message and the help of a finding.

use std::borrow::Cow;
use std::fmt;

use crate::document::Document;
use crate::document::index::{Index, Kind, ROOT};
use crate::env::{MAX_VARIABLE_LEN, Unmappable};
use crate::path::{self, KeyPath};
use crate::role::Shape;
use crate::template::format::Format;
use crate::validate::finding::Finding;
use crate::validate::mistakes;
use crate::validate::problem::Problem;

impl Finding<'_> {
    /// The path and the problem, without the place, for a form that shows it beside the line.
    #[must_use]
    pub fn message(&self) -> String {
        let mut message = String::new();
        self.write_message(&mut message).expect("a String takes all that is written");
        message
    }

    /// How to fix it, such as "write the value between the quotes".
    #[must_use]
    pub fn help(&self) -> Cow<'static, str> {
        match self.raw.problem {
            Problem::Blank { template } => self.help_blank(template),
            Problem::Unchanged { template } => self.help_unchanged(template),
            Problem::Missing { misspelt: Some(misspelt), .. } => format!(
                "did you mean `{}`? it is spelt `{}` here",
                self.path(),
                self.document.path(misspelt)
            )
            .into(),
            Problem::Missing { table, counterpart, misspelt: None } => {
                self.help_missing(table, counterpart)
            }
            Problem::Misplaced { template: node } => match self.template {
                Some(template) => self.help_misplaced(&template.document, node),
                None => "move the line".into(),
            },
            Problem::Placeholder { .. } => "replace it with the real value".into(),
            Problem::Kind { found, expected } => self.help_shape(found, expected).into(),
            Problem::Unkept { expected: Some(shape) } if !matches!(shape, Shape::Scalar(_)) => {
                self.help_shape(Shape::Scalar(Kind::String), shape).into()
            }
            Problem::Unkept { .. } => "write the value itself between the quotes".into(),
            Problem::Datetime(limit) => limit.help().into(),
            Problem::Format { template, format } => {
                self.format(template, format).map_or("", Format::help).into()
            }
            Problem::Marker(mistake) => mistakes::help(mistake),
            Problem::UnmappableName => {
                "rename it, move it below a `[section]`, or write `@optional` above it".into()
            }
            Problem::Committed { .. } => {
                "revoke it, and write `\"\"` for it: everyone who sees the template can use it"
                    .into()
            }
            Problem::Suspicious(suspicion) => suspicion.help().into(),
            Problem::LongVariable => "write a shorter value, or move it below a `[section]`".into(),
            Problem::Unknown { similar: Some(similar) } => match self.template {
                Some(template) => {
                    format!("did you mean `{}`?", template.document.path(similar)).into()
                }
                None => "remove it, unless the module reads it".into(),
            },
            Problem::Unknown { similar: None } => "remove it, unless the module reads it".into(),
            Problem::TooLong => "write a shorter value, here or elsewhere".into(),
            Problem::Unmappable(Unmappable::NulInValue) => "remove the NUL from the value".into(),
            Problem::Unmappable(_) | Problem::ReservedName => {
                "rename it, or move it below a `[section]`".into()
            }
        }
    }

    fn write_message(&self, f: &mut impl fmt::Write) -> fmt::Result {
        write!(f, "`{}` ", self.path())?;
        match self.raw.problem {
            Problem::Blank { template: Some(_) } => {
                f.write_str("is blank: the template expects a value")
            }
            Problem::Blank { template: None } => f.write_str("is blank"),
            Problem::Unchanged { .. } => {
                f.write_str("is unchanged: it still has the template's value")
            }
            Problem::Missing { .. } => {
                f.write_str("is missing")?;
                match self.template_line() {
                    Some(line) => write!(f, ": line {line} of the template expects it"),
                    None => Ok(()),
                }
            }
            Problem::Misplaced { template } => {
                match (self.template, self.template_parent(template)) {
                    (Some(of), Some(_)) => {
                        write!(f, "is misplaced: the template has `{}`", of.document.path(template))
                    }
                    _ => f.write_str("is misplaced: the template has it above every `[section]`"),
                }
            }
            Problem::Placeholder { unchanged: true } => {
                f.write_str("is still the placeholder of the template")
            }
            Problem::Placeholder { unchanged: false } => f.write_str("reads like a placeholder"),
            Problem::Kind { found, expected } => {
                let [found, expected] = [found, expected].map(Shape::with_article);
                write!(f, "is {found}: the template has {expected}")
            }
            Problem::Unkept { .. } => {
                f.write_str("keeps a value that does not exist: enter a value")
            }
            Problem::Datetime(limit) => write!(f, "{limit}"),
            Problem::Format { template, format } => match self.format(template, format) {
                Some(format) => write!(f, "has another format: the template {format}"),
                None => f.write_str("has another format than the template asks for"),
            },
            Problem::Marker(mistake) => {
                let span = self.span().unwrap_or_default();
                mistakes::write(
                    f,
                    mistake,
                    self.document.expose_text().get(span).unwrap_or_default(),
                )
            }
            Problem::UnmappableName => {
                f.write_str("is required, and no environment variable can have this name")
            }
            Problem::Committed { of, commented: false } => {
                write!(f, "contains a text in the format of {of}")
            }
            Problem::Committed { of, commented: true } => {
                write!(f, "has a comment with a text in the format of {of}")
            }
            Problem::Suspicious(suspicion) => write!(f, "{suspicion}"),
            Problem::LongVariable => write!(
                f,
                "is longer than {MAX_VARIABLE_LEN} bytes with its name and `=`: \
                 no Linux process can be started with it"
            ),
            Problem::Unknown { .. } => f.write_str("is not in the template"),
            Problem::TooLong => f.write_str(
                "is too long to be kept: the text would be longer than a document may be",
            ),
            Problem::Unmappable(fault) => write!(f, "{fault}"),
            Problem::ReservedName => {
                f.write_str("would replace a variable that the process itself needs")
            }
        }
    }

    /// Says how to fill in a variable, and which optional section can be removed instead.
    fn help_blank(&self, node: Option<u32>) -> Cow<'static, str> {
        const WRITE: &str = "write the value between the quotes";
        match node.and_then(|node| self.optional_section(node)) {
            Some(section) => {
                format!("{WRITE}, or remove the whole of `{section}`, which is optional").into()
            }
            None => WRITE.into(),
        }
    }

    /// Says to replace a secret, and how to do without it if it is optional.
    fn help_unchanged(&self, node: u32) -> Cow<'static, str> {
        const REPLACE: &str = "replace it with your own value";
        if self.template.is_some_and(|template| template.optional[node as usize]) {
            // Inside an inline table, the line has other variables, too.
            let what = if self.document.is_inline(self.raw.node) { "it" } else { "the line" };
            return format!("{REPLACE}, or delete {what} if you have none").into();
        }
        match self.optional_section(node) {
            Some(section) => {
                format!("{REPLACE}, or remove the whole of `{section}`, which is optional").into()
            }
            None => REPLACE.into(),
        }
    }

    /// The path of the optional section around a node of the template.
    fn optional_section(&self, node: u32) -> Option<KeyPath<'_>> {
        let template = self.template?;
        Some(template.document.path(template.optional_section[node as usize]?))
    }

    /// Says how to write a value of the template's shape.
    fn help_shape(&self, found: Shape, expected: Shape) -> String {
        let path = self.path();
        // Inside an inline table or an array, no header can be written.
        let inline = self.document.is_inline(self.raw.node);
        match expected {
            Shape::Scalar(kind) if found == Shape::Scalar(Kind::String) => {
                format!("write the {} without quotes", kind.name())
            }
            Shape::Table if inline => "write a table: `{ KEY = \"…\" }`".to_owned(),
            Shape::Tables if inline => "write an array of tables: `[{ KEY = \"…\" }]`".to_owned(),
            Shape::Table if found == Shape::Tables => {
                format!("write `[{path}]`, once and with single brackets")
            }
            Shape::Tables if found == Shape::Table => {
                format!("write `[[{path}]]`, with double brackets")
            }
            Shape::Table => format!("write `[{path}]`, and its variables below it"),
            Shape::Tables => {
                format!("write `[[{path}]]` for each of them, and its variables below it")
            }
            Shape::Array => "write an array: `[\"…\", \"…\"]`".to_owned(),
            Shape::Scalar(_) => format!("write {}", expected.with_article()),
        }
    }

    /// Says where to add a variable that `table` of the document lacks.
    fn help_missing(&self, table: u32, counterpart: u32) -> Cow<'static, str> {
        let Some(template) = self.template.map(|template| &template.document) else {
            return "add it".into();
        };
        let index = template.index();
        let parent = index.node(self.raw.node).parent;
        let path = |node| KeyPath::within(template, node, counterpart, self.document, table);
        // If the table is written without a header, a header would define it a second time. In an
        // array, a header cannot say which element it belongs to.
        let inline = !self.document.takes_header(table);
        if parent == ROOT {
            "add the line above the first `[section]`".into()
        } else if inline {
            format!("add it to `{}`", path(parent)).into()
        } else if parent == counterpart {
            format!("add the line below `[{}]`", path(parent)).into()
        } else if index.is_element(parent) && !is_in_array(index, index.node(parent).parent) {
            format!("add it below a `[[{}]]`", path(index.node(parent).parent)).into()
        } else if is_in_array(index, parent) || index.node(parent).kind == Kind::InlineTable {
            format!("add it to `{}`", path(parent)).into()
        } else {
            format!("add the line below `[{}]`", path(parent)).into()
        }
    }

    /// Says where to move a variable that the template has at `node`.
    fn help_misplaced(&self, template: &Document, node: u32) -> Cow<'static, str> {
        let index = template.index();
        let parent = index.node(node).parent;
        if parent == ROOT {
            return "move the line above the first `[section]`: \
                    only the variables there reach the environment"
                .into();
        }
        let section = template.path(parent);
        match path::at(self.document, &section) {
            Some(there) if !self.document.takes_header(there) => {
                format!("move it into `{section}`").into()
            }
            None if index.is_element(parent) && !is_in_array(index, index.node(parent).parent) => {
                let array = template.path(index.node(parent).parent);
                format!("move the line below a `[[{array}]]`").into()
            }
            None if is_in_array(index, parent) => format!("move it into `{section}`").into(),
            _ => format!("move the line below `[{section}]`").into(),
        }
    }

    /// The format that the value breaks.
    fn format(&self, template: u32, format: usize) -> Option<&Format> {
        self.template?.formats[template as usize].get(format)
    }

    /// The path of the table around a node of the template, or `None` at the root.
    fn template_parent(&self, node: u32) -> Option<String> {
        let document = &self.template?.document;
        let parent = document.index().node(node).parent;
        (parent != ROOT).then(|| document.path(parent).to_string())
    }
}

/// Returns `true` if a table is an element of an array, or inside one: no header can name it then.
fn is_in_array(index: &Index, mut table: u32) -> bool {
    while table != ROOT && !index.is_element(table) {
        table = index.node(table).parent;
    }
    table != ROOT
}
