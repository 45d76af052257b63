//! Validation: what keeps a document from being a module's secrets, and what looks wrong in it.

mod excerpt;
mod placeholder;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::document::Document;
use crate::document::error::Places;
use crate::document::index::{Kind, ROOT};
use crate::env::{self, Unmappable};
use crate::path::KeyPath;
use crate::shape::{self, Elements, Role};
use crate::template::Inner as Template;
use crate::value::Value;

/// How many missing variables are named. A short document of many empty `[[tables]]` would
/// otherwise lack a long template's variables in each of them.
const MAX_MISSING: usize = 1000;

/// How many unknown names are compared with the absent ones, and the longest that are: the
/// comparison takes the product of their lengths.
const MAX_COMPARED: usize = 20;
const MAX_COMPARED_LEN: usize = 64;

/// A document that passed validation: nothing in it is left to fill in.
///
/// Only `Secrets` can be sealed, so that a store never holds an unfilled form. It dereferences to
/// the [`Document`].
pub struct Secrets {
    document: Document,
    findings: Findings,
}

impl Secrets {
    /// What looks wrong and is no error, in document order.
    pub fn warnings(&self) -> impl ExactSizeIterator<Item = Finding<'_>> {
        self.findings.iter(&self.document)
    }

    /// The document.
    #[must_use]
    pub fn into_document(self) -> Document {
        self.document
    }
}

impl Deref for Secrets {
    type Target = Document;

    fn deref(&self) -> &Document {
        &self.document
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("document", &self.document)
            .field("warnings", &self.findings.records.len())
            .finish()
    }
}

/// A document that did not pass validation, with every finding.
///
/// `Display` is what its author should read: a block for each finding, with the place, the
/// variable's path, what to do, and the source line with every value and comment masked.
///
/// ```
/// use secrets_toml::{Document, Template};
///
/// let template = Template::parse("CLARIFAI_PAT = \"\"\n")?;
/// let invalid = template.validate(Document::parse("CLARIFAI_PAT = \"\" # soon\n")?).unwrap_err();
/// assert_eq!(
///     invalid.to_string(),
///     "\
/// error: line 1, column 16: `CLARIFAI_PAT` is blank: the template expects a value
///   |
/// 1 | CLARIFAI_PAT = •••••••• ••••••••
///   |
///   = help: write the value between the quotes
/// ",
/// );
/// let form = invalid.into_document();
/// assert_eq!(form.expose_text(), "CLARIFAI_PAT = \"\" # soon\n");
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
pub struct Invalid(Box<Refused>);

struct Refused {
    document: Document,
    findings: Findings,
    #[cfg(feature = "miette")]
    related: std::sync::OnceLock<Vec<crate::diagnostic::Related>>,
}

impl Invalid {
    /// Every finding, errors and warnings, in document order; what is missing comes last, in the
    /// template's order.
    pub fn findings(&self) -> impl ExactSizeIterator<Item = Finding<'_>> {
        self.0.findings.iter(&self.0.document)
    }

    /// The document, to show the form again.
    #[must_use]
    pub fn into_document(self) -> Document {
        self.0.document
    }

    #[cfg(feature = "miette")]
    pub(crate) fn related(&self) -> &[crate::diagnostic::Related] {
        self.0.related.get_or_init(|| self.findings().map(|finding| (&finding).into()).collect())
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        excerpt::write(f, &self.0.document, self.findings())
    }
}

impl fmt::Debug for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invalid ")?;
        f.debug_list().entries(self.findings()).finish()
    }
}

impl std::error::Error for Invalid {}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// It travels with the [`Secrets`].
    Warning,
    /// It keeps the document from becoming [`Secrets`].
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
    /// A required variable of the template is absent: an error.
    Missing,
    /// The template has the variable at the root and the document below a `[section]`, or the
    /// reverse: an error if it is required, else a warning. It stands for `Missing` and `Unknown`.
    Misplaced,
    /// A string reads like something to be replaced: an error if it is still the template's, else
    /// a warning.
    Placeholder,
    /// The kind is not the template's; where that has a string, a number will do. A warning.
    KindMismatch,
    /// The template has no such name: a warning.
    Unknown,
    /// A root string, integer or float cannot be an environment variable: an error.
    Unmappable,
    /// It would shadow a variable that the process itself needs, such as `PATH`: a warning.
    ReservedName,
}

/// One thing that validation found.
///
/// `Display` says where, what, and why, on one line, and [`help`](Self::help) what to do.
#[derive(Clone, Copy)]
pub struct Finding<'a> {
    document: &'a Document,
    template: Option<&'a Template>,
    record: &'a Record,
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
        match (self.record.matter, self.template) {
            (Matter::Missing { within, first }, Some(template)) => {
                let (of, node) = (&template.document, self.record.node);
                KeyPath::within(of, node, first, self.document, within)
            }
            _ => self.document.path(self.record.node),
        }
    }

    /// The line in the document, counted from 1; `None` for what is missing.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.record.place.as_ref().map(|place| place.line)
    }

    /// The column in characters, counted from 1; `None` for what is missing.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.record.place.as_ref().map(|place| place.column)
    }

    /// The place in bytes of the document's text; `None` for what is missing.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        self.record.place.as_ref().map(|place| place.span.clone())
    }

    /// The template's line, of a variable that is missing or misplaced.
    #[must_use]
    pub fn template_line(&self) -> Option<usize> {
        match self.record.matter {
            Matter::Missing { .. } => self.template?.line(self.record.node),
            Matter::Misplaced { template } => self.template?.line(template),
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Cow<'static, str> {
        match self.record.matter {
            Matter::Blank { .. } => "write the value between the quotes".into(),
            Matter::WhiteSpace => "write the value, without white space around it".into(),
            Matter::Missing { .. } => match self.parent_path() {
                None => "add the line above the first `[section]`".into(),
                Some(section) => format!("add the line below `[{section}]`").into(),
            },
            Matter::Misplaced { template } => match self.template_parent(template) {
                None => "move the line above the first `[section]`: \
                         what stands below one does not reach the environment"
                    .into(),
                Some(section) => format!("move the line below `[{section}]`").into(),
            },
            Matter::Placeholder { .. } => "replace it with the real value".into(),
            Matter::Kind { expected } => match (self.node_kind(), expected) {
                (Kind::String, Kind::Integer | Kind::Float | Kind::Boolean | Kind::Datetime) => {
                    format!("write the {} without quotes", expected.name()).into()
                }
                _ => format!("write {}", with_article(expected)).into(),
            },
            Matter::Unknown { similar: Some(similar) } => match self.template {
                Some(template) => {
                    format!("did you mean `{}`?", template.document.path(similar)).into()
                }
                None => "remove it, unless the module reads it".into(),
            },
            Matter::Unknown { similar: None } => "remove it, unless the module reads it".into(),
            Matter::Unmappable(Unmappable::NulInValue) => "remove the NUL from the value".into(),
            Matter::Unmappable(_) => "rename it, or move it below a `[section]`".into(),
            Matter::ReservedName => "rename it, or move it below a `[section]`".into(),
        }
    }

    fn node_kind(&self) -> Kind {
        self.document.index().node(self.record.node).kind
    }

    /// The path of the table that a missing variable belongs to; `None` for the root.
    fn parent_path(&self) -> Option<String> {
        let path = self.path().to_string();
        let node = self.record.node;
        let document = &self.template?.document;
        let parent = document.index().node(node).parent;
        if parent == ROOT {
            return None;
        }
        let Matter::Missing { within, first } = self.record.matter else { return Some(path) };
        let parent = KeyPath::within(document, parent, first, self.document, within);
        Some(parent.to_string())
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
        write!(f, "`{}` ", self.path())?;
        match self.record.matter {
            Matter::Blank { expected: true } => {
                f.write_str("is blank: the template expects a value")
            }
            Matter::Blank { expected: false } => f.write_str("is blank"),
            Matter::WhiteSpace => f.write_str("holds white space only"),
            Matter::Missing { .. } => {
                f.write_str("is missing")?;
                match self.template_line() {
                    Some(line) => write!(f, ": line {line} of the template expects it"),
                    None => Ok(()),
                }
            }
            Matter::Misplaced { template } => match (self.template, self.template_parent(template))
            {
                (Some(of), Some(_)) => {
                    write!(f, "is misplaced: the template has `{}`", of.document.path(template))
                }
                _ => f.write_str("is misplaced: the template has it above every `[section]`"),
            },
            Matter::Placeholder { unchanged: true } => {
                f.write_str("is still the placeholder of the template")
            }
            Matter::Placeholder { unchanged: false } => f.write_str("reads like a placeholder"),
            Matter::Kind { expected } => write!(
                f,
                "is {}: the template has {}",
                with_article(self.node_kind()),
                with_article(expected)
            ),
            Matter::Unknown { .. } => f.write_str("is not in the template"),
            Matter::Unmappable(fault) => write!(f, "{fault}"),
            Matter::ReservedName => {
                f.write_str("would replace a variable that the process itself needs")
            }
        }
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

fn with_article(kind: Kind) -> String {
    let article = if kind == Kind::Integer || kind.is_array() { "an" } else { "a" };
    format!("{article} {}", kind.name())
}

/// The findings of one document, without what they borrow from it.
struct Findings {
    records: Vec<Record>,
    template: Option<Arc<Template>>,
}

impl Findings {
    fn iter<'a>(&'a self, document: &'a Document) -> impl ExactSizeIterator<Item = Finding<'a>> {
        let template = self.template.as_deref();
        self.records.iter().map(move |record| Finding { document, template, record })
    }
}

#[derive(Debug)]
struct Record {
    severity: Severity,
    matter: Matter,
    /// A node of the document; of what is missing, a node of the template.
    node: u32,
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    span: Range<usize>,
    line: usize,
    column: usize,
}

/// What was found, with the nodes that its message names.
#[derive(Debug, Clone, Copy)]
enum Matter {
    Blank {
        expected: bool,
    },
    WhiteSpace,
    Placeholder {
        unchanged: bool,
    },
    Kind {
        expected: Kind,
    },
    Misplaced {
        template: u32,
    },
    Unknown {
        similar: Option<u32>,
    },
    Unmappable(Unmappable),
    ReservedName,
    /// `within`: the table of the document that lacks it; `first`: that table's twin.
    Missing {
        within: u32,
        first: u32,
    },
}

impl Record {
    fn kind(&self) -> FindingKind {
        match self.matter {
            Matter::Blank { .. } | Matter::WhiteSpace => FindingKind::Blank,
            Matter::Placeholder { .. } => FindingKind::Placeholder,
            Matter::Kind { .. } => FindingKind::KindMismatch,
            Matter::Misplaced { .. } => FindingKind::Misplaced,
            Matter::Unknown { .. } => FindingKind::Unknown,
            Matter::Unmappable(_) => FindingKind::Unmappable,
            Matter::ReservedName => FindingKind::ReservedName,
            Matter::Missing { .. } => FindingKind::Missing,
        }
    }
}

pub(crate) fn validate(
    document: Document,
    template: Option<&Arc<Template>>,
) -> Result<Secrets, Invalid> {
    let records = Validator::new(&document, template.map(Arc::as_ref)).run();
    let refused = records.iter().any(|record| record.severity == Severity::Error);
    let findings = Findings { records, template: template.map(Arc::clone) };
    if refused {
        Err(Invalid(Box::new(Refused {
            document,
            findings,
            #[cfg(feature = "miette")]
            related: std::sync::OnceLock::new(),
        })))
    } else {
        Ok(Secrets { document, findings })
    }
}

/// Checks one document.
struct Validator<'a> {
    document: &'a Document,
    roles: Vec<Role>,
    against: Option<Against<'a>>,
    found: Vec<Record>,
}

/// The template, and how the document's nodes correspond to its.
struct Against<'a> {
    template: &'a Template,
    twins: Vec<Option<u32>>,
    /// For each node of the template, whether the document has it.
    present: Vec<bool>,
    /// The absent variables by their last name, and how many have that name.
    absent: HashMap<&'a str, (u32, usize)>,
    /// The absent variables that the document has elsewhere.
    elsewhere: Vec<bool>,
    compared: usize,
}

impl<'a> Validator<'a> {
    fn new(document: &'a Document, template: Option<&'a Template>) -> Self {
        let against = template.map(|template| Against::new(document, template));
        Self { document, roles: shape::roles(document), against, found: Vec::new() }
    }

    fn run(mut self) -> Vec<Record> {
        for node in 1..self.document.index().len() {
            if self.roles[node as usize] != Role::Inside {
                self.check_against(node);
            }
            if self.roles[node as usize] == Role::Variable {
                self.check_value(node);
            }
            if self.document.index().node(node).parent == ROOT {
                self.check_environment(node);
            }
        }
        // A table that a later header opened stands behind its children. Stable, so that the
        // findings on one variable keep their order.
        let start = |record: &Record| record.place.as_ref().map(|place| place.span.start);
        self.found.sort_by_key(start);
        let mut places = Places::new(self.document.expose_text());
        for place in self.found.iter_mut().filter_map(|record| record.place.as_mut()) {
            place.line = places.line(place.span.start);
            place.column = places.column(place.span.start);
        }
        if let Some(against) = self.against.take() {
            against.find_missing(self.document, &self.roles, &mut self.found);
        }
        self.found
    }

    fn twin(&self, node: u32) -> Option<u32> {
        self.against.as_ref().and_then(|against| against.twins[node as usize])
    }

    /// Adds a finding at the node's value.
    fn find(&mut self, severity: Severity, matter: Matter, node: u32) {
        let span = self.document.index().node(node).span.range();
        self.push(severity, matter, node, span);
    }

    /// Adds a finding at the node's key.
    fn find_key(&mut self, severity: Severity, matter: Matter, node: u32) {
        let span = self.document.index().node(node).key_span.range();
        self.push(severity, matter, node, span);
    }

    fn push(&mut self, severity: Severity, matter: Matter, node: u32, span: Range<usize>) {
        let place = Some(Place { span, line: 0, column: 0 });
        self.found.push(Record { severity, matter, node, place });
    }

    /// `Blank` and `Placeholder`.
    fn check_value(&mut self, node: u32) {
        if self.document.index().node(node).kind != Kind::String {
            return;
        }
        let value = self.document.content(node);
        let twin = self.twin(node);
        let template = self.against.as_ref().map(|against| against.template);
        let same = twin.zip(template);
        if value.trim().is_empty() {
            if same.is_some_and(|(twin, template)| template.optional[twin as usize]) {
                return;
            }
            if value.is_empty() {
                let matter = Matter::Blank { expected: twin.is_some() };
                self.find(Severity::Error, matter, node);
            } else {
                self.find(Severity::Warning, Matter::WhiteSpace, node);
            }
        } else if placeholder::is_placeholder(value) {
            let unchanged = same.is_some_and(|(twin, template)| {
                Value::of(&template.document, twin).as_str() == Some(value)
            });
            let severity = if unchanged { Severity::Error } else { Severity::Warning };
            self.find(severity, Matter::Placeholder { unchanged }, node);
        }
    }

    /// `Unmappable` and `ReservedName`.
    fn check_environment(&mut self, node: u32) {
        if let Some(fault) = env::unmappable(self.document, node) {
            self.find_key(Severity::Error, Matter::Unmappable(fault), node);
        } else if env::is_mapped(self.document, node) && is_reserved(self.document.key(node)) {
            self.find_key(Severity::Warning, Matter::ReservedName, node);
        }
    }

    /// `Misplaced`, `Unknown` and `KindMismatch`.
    fn check_against(&mut self, node: u32) {
        let Some(against) = &mut self.against else { return };
        let index = self.document.index();
        let parent = index.node(node).parent;
        let template = &against.template.document;
        let Some(twin) = against.twins[node as usize] else {
            let variable = self.roles[node as usize] == Role::Variable;
            if let Some(twin) = variable.then(|| against.misplaced(self.document, node)).flatten() {
                let optional = against.template.optional[twin as usize];
                let severity = if optional { Severity::Warning } else { Severity::Error };
                self.find_key(severity, Matter::Misplaced { template: twin }, node);
                return;
            }
            // Of an unknown section, the section is named and not each of its keys.
            let known = against.twins[parent as usize]
                .is_some_and(|parent| template.index().node(parent).kind.is_table());
            if known {
                let similar = against.similar(self.document.key(node), variable);
                self.find_key(Severity::Warning, Matter::Unknown { similar }, node);
            }
            return;
        };
        let (kind, expected) = (index.node(node).kind, template.index().node(twin).kind);
        let number = matches!(kind, Kind::Integer | Kind::Float);
        let fits = kind.name() == expected.name() || (expected == Kind::String && number);
        let blank = kind == Kind::String && self.document.content(node).is_empty();
        if !fits && !blank {
            self.find(Severity::Warning, Matter::Kind { expected }, node);
        }
    }
}

impl<'a> Against<'a> {
    fn new(document: &'a Document, template: &'a Template) -> Self {
        let twins = shape::twins(document, &template.document, Elements::First);
        let mut present = vec![false; template.document.index().len() as usize];
        for &twin in twins.iter().flatten() {
            present[twin as usize] = true;
        }
        let mut absent = HashMap::new();
        for node in template.variables().filter(|&node| !present[node as usize]) {
            let entry = absent.entry(template.document.key(node)).or_insert((node, 0));
            entry.1 += 1;
        }
        let elsewhere = vec![false; present.len()];
        Self { template, twins, present, absent, elsewhere, compared: 0 }
    }

    /// The one absent variable of this name, where one of the two stands at the root and the other
    /// below a section. It is not reported as missing.
    fn misplaced(&mut self, document: &Document, node: u32) -> Option<u32> {
        let &(twin, 1) = self.absent.get(document.key(node))? else { return None };
        if document.index().is_element(node) {
            return None;
        }
        let root = document.index().node(node).parent == ROOT;
        let twin_root = self.template.document.index().node(twin).parent == ROOT;
        if root == twin_root {
            return None;
        }
        self.elsewhere[twin as usize] = true;
        Some(twin)
    }

    /// The absent name that is most like an unknown one.
    fn similar(&mut self, name: &str, variable: bool) -> Option<u32> {
        if self.compared == MAX_COMPARED || name.len() > MAX_COMPARED_LEN {
            return None;
        }
        self.compared += 1;
        let name = name.to_lowercase();
        let document = &self.template.document;
        let absent = (1..document.index().len()).filter(|&node| {
            let role = self.template.roles[node as usize];
            let same = if variable { role == Role::Variable } else { role == Role::Table };
            same && !self.present[node as usize] && !document.index().is_element(node)
        });
        absent
            .filter_map(|node| {
                let other = document.key(node);
                let allowed = name.len().max(other.len()).div_ceil(4);
                if other.len() > MAX_COMPARED_LEN || name.len().abs_diff(other.len()) > allowed {
                    return None;
                }
                let distance = strsim::osa_distance(&name, &other.to_lowercase());
                (distance <= allowed).then_some((distance, node))
            })
            .min()
            .map(|(_, node)| node)
    }

    /// Adds what is required and absent, in the template's order.
    fn find_missing(self, document: &Document, roles: &[Role], found: &mut Vec<Record>) {
        let template = self.template;
        let index = template.document.index();
        // Which of them each table of the document has.
        let has = |node: u32| {
            let twin = self.twins[node as usize].filter(|&twin| template.needed[twin as usize])?;
            let array = document.index().node(node).kind.is_array();
            let fits = match template.roles[twin as usize] {
                Role::Variable if index.node(twin).kind == Kind::Array => array,
                role => roles[node as usize] == role,
            };
            fits.then_some(twin)
        };
        let mut have = vec![0_u32; document.index().len() as usize];
        for node in 1..document.index().len() {
            if has(node).is_some() {
                have[document.index().node(node).parent as usize] += 1;
            }
        }
        // Only a table that lacks something is looked at more closely, so each look finds one.
        let mut missing = Vec::new();
        for within in 0..document.index().len() {
            let Some(first) = self.twins[within as usize] else { continue };
            let table = roles[within as usize] == Role::Table
                && template.roles[first as usize] == Role::Table;
            if !table || have[within as usize] == template.needs[first as usize] {
                continue;
            }
            let mut absent: Vec<u32> = index.children(first).iter().rev().copied().collect();
            absent.retain(|&twin| {
                let key = template.document.key(twin);
                template.needed[twin as usize]
                    && document.child(within, key).and_then(has).is_none()
            });
            while let Some(node) = absent.pop() {
                match template.roles[node as usize] {
                    Role::Variable if self.elsewhere[node as usize] => {}
                    Role::Variable => missing.push((node, within, first)),
                    Role::Tables => absent.extend(index.children(node).first()),
                    _ => absent.extend(
                        index
                            .children(node)
                            .iter()
                            .rev()
                            .filter(|&&node| template.needed[node as usize]),
                    ),
                }
                if missing.len() == MAX_MISSING {
                    break;
                }
            }
            if missing.len() == MAX_MISSING {
                break;
            }
        }
        missing.sort_unstable();
        found.extend(missing.into_iter().map(|(node, within, first)| Record {
            severity: Severity::Error,
            matter: Matter::Missing { within, first },
            node,
            place: None,
        }));
    }
}

/// Names that the process which runs a module needs for itself.
#[rustfmt::skip]
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "BASH_ENV" | "CLASSPATH" | "ENV" | "GEM_PATH" | "HOME" | "IFS" | "JAVA_TOOL_OPTIONS"
        | "LANG" | "NODE_OPTIONS" | "NODE_PATH" | "PATH" | "PERL5LIB" | "PERL5OPT" | "PWD"
        | "PYTHONHOME" | "PYTHONPATH" | "PYTHONSTARTUP" | "RUBYLIB" | "RUBYOPT" | "SHELL"
        | "TMPDIR" | "TZ" | "USER"
    ) || ["LD_", "DYLD_", "LC_"].iter().any(|prefix| name.starts_with(prefix))
}
