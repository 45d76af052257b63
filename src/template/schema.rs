//! What a template knows.

use crate::document::Document;
use crate::role::{self, Role, Shape};
use crate::template::comments::Comments;
use crate::text::places::{Lines, Places};

/// What a template knows; findings share it.
pub(crate) struct Schema {
    pub(crate) document: Document,
    pub(crate) roles: Vec<Role>,
    pub(super) described: Vec<Described>,
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
pub(super) struct Described {
    pub(super) node: u32,
    pub(super) line: usize,
    pub(super) description: Option<Box<str>>,
}

impl Schema {
    pub(super) fn new(document: Document) -> Self {
        let roles = role::roles(&document);
        let comments = Comments::read(document.expose_text());
        let index = document.index();
        let mut optional = vec![false; index.len() as usize];
        let mut optional_section = vec![None; index.len() as usize];
        let mut listed = vec![true; index.len() as usize];
        let mut described = Vec::new();
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
                described.push(Described { node: id, line, description: comment.description });
            }
        }

        let mut needed = vec![false; index.len() as usize];
        let mut needs = vec![0; index.len() as usize];
        for &Described { node, .. } in &described {
            needed[node as usize] = !optional[node as usize];
        }
        for id in (1..index.len()).rev().filter(|&id| listed[id as usize]) {
            needed[id as usize] |= needs[id as usize] > 0 && !optional[id as usize];
            if needed[id as usize] {
                needs[index.node(id).parent as usize] += 1;
            }
        }
        Self { document, roles, described, optional, optional_section, needed, needs }
    }

    /// The line of a variable or a section, counted from 1.
    pub(crate) fn line(&self, node: u32) -> usize {
        match self.described.binary_search_by_key(&node, |described| described.node) {
            Ok(i) => self.described[i].line,
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
        self.described.iter().map(|described| described.node)
    }
}
