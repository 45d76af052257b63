//! The facts about a template that are computed once: roles, comments, required nodes.

use crate::document::Document;
use crate::role::{self, Role, Shape};
use crate::template::comments::Comments;
use crate::text::places::{Lines, Places};

/// A parsed template with the facts that validation needs. Findings share it.
///
/// Except for `described`, each vector has an entry for every node of `document`, at the node's
/// number.
pub(crate) struct Schema {
    pub(crate) document: Document,
    pub(crate) roles: Vec<Role>,
    /// The variables that `Template::variables` lists, by ascending node number.
    pub(super) described: Vec<Described>,
    /// `true` if the node's own comments say `@optional`.
    pub(crate) optional: Vec<bool>,
    /// The outermost optional section that contains the node, or that is the node.
    pub(crate) optional_section: Vec<Option<u32>>,
    /// `true` if the node is required once the table around it is present: a variable that is not
    /// optional, or a table that is not optional and has a needed child.
    pub(crate) needed: Vec<bool>,
    /// The number of needed children. Validation compares it with the number in the document.
    pub(crate) needs: Vec<u32>,
}

/// A variable, its line and its comment.
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
            // The first element of an array of tables describes all elements.
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
        // Backwards, so that the children of a node are counted before the node is decided.
        for id in (1..index.len()).rev().filter(|&id| listed[id as usize]) {
            needed[id as usize] |= needs[id as usize] > 0 && !optional[id as usize];
            if needed[id as usize] {
                needs[index.node(id).parent as usize] += 1;
            }
        }
        Self { document, roles, described, optional, optional_section, needed, needs }
    }

    /// The line of a variable or section, counted from 1.
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

    /// Returns `true` if a required variable is absent when the document has a value of another
    /// shape at this path. That is the variable itself, or a variable of the section: the section
    /// counts as present then, even if it is optional.
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
