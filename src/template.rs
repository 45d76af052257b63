//! The template that a module's repository carries.

mod comments;
pub(crate) mod placeholder;
pub(crate) mod repository;

use std::sync::Arc;

use crate::document::Document;
use crate::document::error::ParseError;
use crate::document::fault::Fault;
use crate::path::KeyPath;
use crate::role::{self, Role, Shape};
use crate::template::comments::Comments;
use crate::text::places::{Lines, Places};
use crate::text::wiped::Wiped;
use crate::value::Value;

/// The longest template, in bytes: it is shown whole in a form.
pub const MAX_TEMPLATE_LEN: usize = 64 * 1024;

// `Fault::TemplateTooLong` names the limit.
const _: () = assert!(MAX_TEMPLATE_LEN == 64 * 1024);

/// A template: the `.streamlit/secrets.toml` that a module's repository carries. It shows which
/// variables the module expects, with the values left as `""` or as a placeholder.
///
/// It is a public file, so it is no secret and may be cloned and printed; what was entered into
/// it is a [`Document`].
///
/// ```
/// use secrets_toml::{Document, Template};
///
/// let template = Template::parse(
///     "# Your personal access token.\nCLARIFAI_PAT = \"\"\nMODEL = \"general\" # @optional\n",
/// )?;
/// let pat = template.variables().next().unwrap();
/// assert_eq!(pat.path().to_string(), "CLARIFAI_PAT");
/// assert_eq!(pat.description(), Some("Your personal access token."));
/// assert!(pat.is_required() && pat.default_value().is_none());
///
/// let entered = Document::parse("CLARIFAI_PAT = \"\"\n")?;
/// let invalid = template.validate(entered).unwrap_err();
/// assert_eq!(
///     invalid.findings().next().unwrap().to_string(),
///     "line 1, column 16: `CLARIFAI_PAT` is blank: the template expects a value",
/// );
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
///
/// Every variable is required, those with a default included, unless a comment above or behind it
/// says `@optional`. Above or behind a `[header]`, it lets the whole section be absent; once the
/// section is present, its variables are required.
#[derive(Clone)]
pub struct Template(pub(crate) Arc<Inner>);

/// What a template knows; findings share it.
pub(crate) struct Inner {
    pub(crate) document: Document,
    pub(crate) roles: Vec<Role>,
    variables: Vec<Described>,
    /// For every node, whether its own comments say `@optional`.
    pub(crate) optional: Vec<bool>,
    /// For every node, the outermost table from the root that is optional and holds it, or itself.
    pub(crate) optional_section: Vec<Option<u32>>,
    /// For every node, whether it is required where the table around it is present: a required
    /// variable, or a table that is not optional and leads to one.
    pub(crate) needed: Vec<bool>,
    /// For every table, how many of its children are needed.
    pub(crate) needs: Vec<u32>,
}

/// A variable with what its comments say.
struct Described {
    node: u32,
    line: usize,
    description: Option<Box<str>>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// As [`Document::parse`], with a limit of 64 KiB.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = Wiped::new(text.to_owned());
        let document = Document::read(text, MAX_TEMPLATE_LEN, Fault::TemplateTooLong)?;
        Ok(Self(Arc::new(Inner::new(document))))
    }

    /// The variables, in the order of the text. Of an array of tables, those of the first element.
    pub fn variables(&self) -> impl ExactSizeIterator<Item = Variable<'_>> {
        self.0.variables.iter().map(|described| Variable { template: &self.0, described })
    }

    /// The text, byte for byte, for the form's text area.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.document.expose_text()
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Template").field(&self.0.document).finish()
    }
}

impl Inner {
    fn new(document: Document) -> Self {
        let roles = role::roles(&document);
        let comments = Comments::read(document.expose_text());
        let index = document.index();
        let mut optional = vec![false; index.len() as usize];
        let mut optional_section = vec![None; index.len() as usize];
        let mut listed = vec![true; index.len() as usize];
        let mut variables = Vec::new();
        let mut places = Places::new(document.expose_text());
        for id in 1..index.len() {
            let node = index.node(id);
            let comment = comments.of(&document, id);
            optional[id as usize] = comment.optional;
            let is_section = comment.optional && roles[id as usize] != Role::Variable;
            optional_section[id as usize] =
                optional_section[node.parent as usize].or(is_section.then_some(id));
            // Of an array of tables, the first element stands for all.
            listed[id as usize] =
                listed[node.parent as usize] && (!index.is_element(id) || index.position(id) == 0);
            if listed[id as usize] && roles[id as usize] == Role::Variable {
                let line = places.line(node.span.start as usize);
                variables.push(Described { node: id, line, description: comment.description });
            }
        }

        let mut needed = vec![false; index.len() as usize];
        let mut needs = vec![0; index.len() as usize];
        for &Described { node, .. } in &variables {
            needed[node as usize] = !optional[node as usize];
        }
        for id in (1..index.len()).rev().filter(|&id| listed[id as usize]) {
            needed[id as usize] |= needs[id as usize] > 0 && !optional[id as usize];
            if needed[id as usize] {
                needs[index.node(id).parent as usize] += 1;
            }
        }
        Self { document, roles, variables, optional, optional_section, needed, needs }
    }

    /// The line of a variable or a section, counted from 1.
    pub(crate) fn line(&self, node: u32) -> usize {
        match self.variables.binary_search_by_key(&node, |described| described.node) {
            Ok(i) => self.variables[i].line,
            Err(_) => {
                let start = self.document.index().node(node).key_span.start as usize;
                Lines::new(self.document.expose_text()).line(start)
            }
        }
    }

    /// Returns `true` if a document without the node may be accepted.
    pub(crate) fn may_be_absent(&self, node: u32) -> bool {
        self.optional[node as usize] || self.optional_section[node as usize].is_some()
    }

    /// Returns `true` if something of another shape in its place lacks what is required: a required
    /// variable, or one of a section, which is present then, optional or not.
    pub(crate) fn requires(&self, node: u32) -> bool {
        match self.roles[node as usize] {
            Role::Table => self.needs[node as usize] > 0,
            Role::Tables => {
                let elements = self.document.index().children(node);
                elements.iter().any(|&element| self.needs[element as usize] > 0)
            }
            Role::Variable | Role::Inside => self.needed[node as usize],
        }
    }

    pub(crate) fn shape(&self, node: u32) -> Shape {
        Shape::of(self.document.index().node(node).kind, self.roles[node as usize])
    }

    pub(crate) fn is_scalar(&self, node: u32) -> bool {
        matches!(self.shape(node), Shape::Scalar(_))
    }

    /// The nodes of the variables, in the order of the text.
    pub(crate) fn variables(&self) -> impl Iterator<Item = u32> + '_ {
        self.variables.iter().map(|described| described.node)
    }
}

/// A variable of a [`Template`].
#[derive(Clone, Copy)]
pub struct Variable<'a> {
    template: &'a Inner,
    described: &'a Described,
}

impl<'a> Variable<'a> {
    /// The path, `db_credentials.username`.
    #[must_use]
    pub fn path(&self) -> KeyPath<'a> {
        self.template.document.path(self.described.node)
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
        !self.template.may_be_absent(self.described.node)
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
        Value::of(&self.template.document, self.described.node)
    }
}

impl std::fmt::Debug for Variable<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variable")
            .field("path", &self.path())
            .field("kind", &self.kind())
            .field("required", &self.is_required())
            .finish()
    }
}
