//! What validation found, in words.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::document::Document;
use crate::document::decode::PythonLimit;
use crate::document::index::{Index, Kind, ROOT};
use crate::env::{MAX_VARIABLE_LEN, Unmappable};
use crate::path::{self, KeyPath};
use crate::role::Shape;
use crate::template::Inner as Template;
use crate::text::places::Places;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// It travels with the [`Secrets`](crate::Secrets).
    Warning,
    /// It keeps the document from becoming [`Secrets`](crate::Secrets).
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FindingKind {
    /// A variable is the empty string, at any depth, unless the template says `@optional`: an
    /// error. White space only: a warning.
    Blank,
    /// A required variable of the template is absent: an error. If its section is there under a
    /// misspelt name, the section is missing.
    Missing,
    /// The template has the variable at the root and the document below a `[section]`, or the
    /// reverse: an error if it is required, else a warning. It stands for `Missing` and `Unknown`.
    Misplaced,
    /// A string reads like something to be replaced: an error if it is still the template's, else
    /// a warning.
    Placeholder,
    /// The kind is not the template's; if that is a string, a number will do. A warning. Another
    /// shape (a value, an array, a table, an array of tables) is an error if anything that is
    /// required is absent because of it, and stands for `Missing`.
    KindMismatch,
    /// The template has no such name: a warning.
    Unknown,
    /// A root string, integer or float cannot be an environment variable: an error. One that is too
    /// long for a Linux process to be started with: a warning, since a file can carry it.
    Unmappable,
    /// It would shadow a variable that the process itself needs, such as `PATH`: a warning.
    ReservedName,
    /// With the value that it would keep in an [update](crate::Template::validate_update) the text
    /// would be longer than [`MAX_LEN`](crate::MAX_LEN): an error, and the only one then.
    TooLong,
    /// A marker of a [form](crate::Document::form) that keeps no value, in
    /// [an update](crate::Template::validate_update) or without one: an error.
    Unkept,
    /// The value is probably not what its author means: a warning. A date of the year 0 or a time
    /// with the second 60, which TOML allows and Python cannot read.
    Suspicious,
}

impl FindingKind {
    /// A name for programs, which stays as it is: `blank`, `kind_mismatch`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Missing => "missing",
            Self::Misplaced => "misplaced",
            Self::Placeholder => "placeholder",
            Self::KindMismatch => "kind_mismatch",
            Self::Unknown => "unknown",
            Self::Unmappable => "unmappable",
            Self::ReservedName => "reserved_name",
            Self::TooLong => "too_long",
            Self::Unkept => "unkept",
            Self::Suspicious => "suspicious",
        }
    }
}

/// One thing that validation found.
///
/// `Display` says where, what, and why, on one line, and [`help`](Self::help) what to do. It
/// serializes as `code`, `severity`, `path`, `line`, `column`, `message` and `help`, never with a value.
#[derive(Clone, Copy)]
pub struct Finding<'a> {
    document: &'a Document,
    template: Option<&'a Template>,
    record: &'a RawFinding,
}

impl<'a> Finding<'a> {
    /// How much it weighs.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.record.severity
    }

    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> FindingKind {
        self.record.kind()
    }

    /// The variable, where it stands or should stand.
    #[must_use]
    pub fn path(&self) -> KeyPath<'a> {
        match (self.record.problem, self.template) {
            (Problem::Missing { within, first, .. }, Some(template)) => {
                let (of, node) = (&template.document, self.record.node);
                KeyPath::within(of, node, first, self.document, within)
            }
            _ => self.document.path(self.record.node),
        }
    }

    /// The line in the document, counted from 1; `None` for what is missing, unless it is there
    /// under a misspelt name.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.record.place.as_ref().map(|place| place.line)
    }

    /// The column in characters, counted from 1; `None` if there is no line.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.record.place.as_ref().map(|place| place.column)
    }

    /// The place in bytes of the document's text; `None` if there is no line.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        self.record.place.as_ref().map(|place| place.span.clone())
    }

    /// The template's line, of a variable that is missing or misplaced.
    #[must_use]
    pub fn template_line(&self) -> Option<usize> {
        match self.record.problem {
            Problem::Missing { .. } => Some(self.template?.line(self.record.node)),
            Problem::Misplaced { template } => Some(self.template?.line(template)),
            _ => None,
        }
    }

    /// What and why, without the place: for a form that shows it beside the line.
    #[must_use]
    pub fn message(&self) -> String {
        let mut message = String::new();
        self.write_message(&mut message).expect("a String takes all that is written");
        message
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Cow<'static, str> {
        match self.record.problem {
            Problem::Blank { template } => self.help_blank(template),
            Problem::WhiteSpace => "write the value, without white space around it".into(),
            Problem::Missing { misspelt: Some(misspelt), .. } => format!(
                "did you mean `{}`? it is spelt `{}` here",
                self.path(),
                self.document.path(misspelt)
            )
            .into(),
            Problem::Missing { within, first, misspelt: None } => self.help_missing(within, first),
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
        match self.record.problem {
            Problem::Blank { template: Some(_) } => {
                f.write_str("is blank: the template expects a value")
            }
            Problem::Blank { template: None } => f.write_str("is blank"),
            Problem::WhiteSpace => f.write_str("holds white space only"),
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

    fn help_blank(&self, template: Option<u32>) -> Cow<'static, str> {
        const WRITE: &str = "write the value between the quotes";
        let section = self.template.zip(template).and_then(|(template, node)| {
            Some(template.document.path(template.optional_section[node as usize]?))
        });
        match section {
            Some(section) => {
                format!("{WRITE}, or remove the whole of `{section}`, which is optional").into()
            }
            None => WRITE.into(),
        }
    }

    /// How to write what the template has.
    fn help_shape(&self, found: Shape, expected: Shape) -> String {
        let path = self.path();
        // Below an inline table or an array no header can be written.
        let inline = self.document.is_inline(self.record.node);
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

    fn help_missing(&self, within: u32, first: u32) -> Cow<'static, str> {
        let Some(template) = self.template.map(|template| &template.document) else {
            return "add it".into();
        };
        let index = template.index();
        let parent = index.node(self.record.node).parent;
        let path = |node| KeyPath::within(template, node, first, self.document, within);
        // A header would define a second time what is written without one, and cannot say which
        // element of an array it is in.
        let inline = !self.document.takes_header(within);
        if parent == ROOT {
            "add the line above the first `[section]`".into()
        } else if inline {
            format!("add it to `{}`", path(parent)).into()
        } else if parent == first {
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
                    what stands below one does not reach the environment"
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

    fn template_parent(&self, node: u32) -> Option<String> {
        let document = &self.template?.document;
        let parent = document.index().node(node).parent;
        (parent != ROOT).then(|| document.path(parent).to_string())
    }
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.record.place {
            write!(f, "line {}, column {}: ", place.line, place.column)?;
        }
        f.write_str(&self.message())
    }
}

impl fmt::Debug for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finding")
            .field("severity", &self.severity())
            .field("kind", &self.kind())
            .field("path", &self.path())
            .field("line", &self.line())
            .finish()
    }
}

/// Whether a table stands in an element of an array: no header names it then.
fn is_in_array(index: &Index, mut table: u32) -> bool {
    while table != ROOT && !index.is_element(table) {
        table = index.node(table).parent;
    }
    table != ROOT
}

impl Serialize for Finding<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut finding = serializer.serialize_struct("Finding", 7)?;
        finding.serialize_field("code", self.kind().code())?;
        finding.serialize_field("severity", &self.severity().to_string())?;
        finding.serialize_field("path", &self.path().to_string())?;
        finding.serialize_field("line", &self.line())?;
        finding.serialize_field("column", &self.column())?;
        finding.serialize_field("message", &self.message())?;
        finding.serialize_field("help", &self.help())?;
        finding.end()
    }
}

/// The findings of one document, without what they borrow from it.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) records: Vec<RawFinding>,
    pub(super) template: Option<Arc<Template>>,
}

impl Findings {
    pub(super) fn iter<'a>(
        &'a self,
        document: &'a Document,
    ) -> impl ExactSizeIterator<Item = Finding<'a>> {
        let template = self.template.as_deref();
        self.records.iter().map(move |record| Finding { document, template, record })
    }

    /// One variable whose value would make the text too long.
    pub(super) fn too_long(document: &Document, node: u32) -> Self {
        let span = document.index().node(node).span.range();
        let mut places = Places::new(document.expose_text());
        let (line, column) = (places.line(span.start), places.column(span.start));
        let place = Some(Location { span, line, column });
        let record =
            RawFinding { severity: Severity::Error, problem: Problem::TooLong, node, place };
        Self { records: vec![record], template: None }
    }

    /// Moves what was found in `filled` to the same places of `entered`, which differs from it in
    /// the values that `is_kept` tells, by their nodes in `entered`. What was found inside of one is
    /// found at its marker.
    pub(super) fn move_to(
        &mut self,
        filled: &Document,
        entered: &Document,
        is_kept: impl Fn(u32) -> bool,
    ) {
        // Both have the same nodes in the same order, but for those inside of what was kept.
        let mut moved: Vec<u32> = vec![ROOT];
        let mut kept = None;
        let mut next = ROOT + 1;
        for node in 1..filled.index().len() {
            let parent = filled.index().node(node).parent;
            let inside = kept.filter(|&kept| parent >= kept);
            moved.push(match inside {
                Some(_) => moved[parent as usize],
                None => {
                    kept = is_kept(next).then_some(node);
                    next += 1;
                    next - 1
                }
            });
        }
        for record in &mut self.records {
            let mut of_document = record.node;
            if let Problem::Missing { within, misspelt, .. } = &mut record.problem {
                *within = moved[*within as usize];
                let Some(misspelt) = misspelt else { continue };
                of_document = *misspelt;
                *misspelt = moved[*misspelt as usize];
            } else {
                record.node = moved[record.node as usize];
            }
            let from = filled.index().node(of_document);
            let to = entered.index().node(moved[of_document as usize]);
            if let Some(place) = &mut record.place {
                let at_key =
                    place.span == from.key_span.range() && !filled.index().is_element(of_document);
                place.span = if at_key { to.key_span.range() } else { to.span.range() };
            }
        }
        RawFinding::place(&mut self.records, entered);
    }
}

#[derive(Debug)]
pub(super) struct RawFinding {
    pub(super) severity: Severity,
    pub(super) problem: Problem,
    /// A node of the document; of what is missing, a node of the template.
    pub(super) node: u32,
    pub(super) place: Option<Location>,
}

#[derive(Debug)]
pub(super) struct Location {
    pub(super) span: Range<usize>,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// What was found, with the nodes that its message names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Problem {
    /// `template`: the variable of the template.
    Blank {
        template: Option<u32>,
    },
    WhiteSpace,
    Placeholder {
        unchanged: bool,
    },
    Kind {
        found: Shape,
        expected: Shape,
    },
    Misplaced {
        template: u32,
    },
    Unknown {
        similar: Option<u32>,
    },
    Unmappable(Unmappable),
    LongVariable,
    ReservedName,
    TooLong,
    /// `expected`: what the template has.
    Unkept {
        expected: Option<Shape>,
    },
    Datetime(PythonLimit),
    /// `within`: the table of the document that lacks it; `first`: that table's counterpart; `misspelt`:
    /// the document's node that probably means it.
    Missing {
        within: u32,
        first: u32,
        misspelt: Option<u32>,
    },
}

impl RawFinding {
    /// Orders records by their places, what has none last, and counts lines and columns. Stable, so
    /// that the findings on one variable keep their order.
    pub(super) fn place(records: &mut [Self], document: &Document) {
        let start = |record: &Self| record.place.as_ref().map(|place| place.span.start);
        records.sort_by_key(|record| (start(record).is_none(), start(record)));
        let mut places = Places::new(document.expose_text());
        for place in records.iter_mut().filter_map(|record| record.place.as_mut()) {
            place.line = places.line(place.span.start);
            place.column = places.column(place.span.start);
        }
    }

    fn kind(&self) -> FindingKind {
        match self.problem {
            Problem::Blank { .. } | Problem::WhiteSpace => FindingKind::Blank,
            Problem::Placeholder { .. } => FindingKind::Placeholder,
            Problem::Kind { .. } => FindingKind::KindMismatch,
            Problem::Misplaced { .. } => FindingKind::Misplaced,
            Problem::Unknown { .. } => FindingKind::Unknown,
            Problem::Unmappable(_) | Problem::LongVariable => FindingKind::Unmappable,
            Problem::Unkept { .. } => FindingKind::Unkept,
            Problem::Datetime(_) => FindingKind::Suspicious,
            Problem::ReservedName => FindingKind::ReservedName,
            Problem::TooLong => FindingKind::TooLong,
            Problem::Missing { .. } => FindingKind::Missing,
        }
    }
}
