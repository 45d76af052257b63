//! The facts about a template that are computed once: roles, comments, required nodes.

use std::collections::{HashMap, HashSet};

use crate::document::Document;
use crate::document::index::{Kind, Span};
use crate::role::{self, Elements, Role, Shape};
use crate::template::annotations::Mistake;
use crate::template::comments::Comments;
use crate::template::format::Format;
use crate::template::names::{self, Around};
use crate::template::words::Comment;
use crate::text::places::{Lines, Places};

/// A parsed template with the facts that validation needs. Findings share it.
///
/// Each vector has an entry for every node of `document`, at the node's number, except for
/// `described`, `sections` and `mistakes`.
pub(crate) struct Schema {
    pub(crate) document: Document,
    pub(crate) roles: Vec<Role>,
    /// The variables that `Template::variables` lists, by ascending node number.
    pub(super) described: Vec<Described>,
    /// The sections that `Template::sections` lists, in the order of the text.
    pub(super) sections: Vec<Described>,
    /// The mistakes in the comments, with their nodes, in the order of the nodes.
    pub(crate) mistakes: Vec<(u32, Mistake, Span)>,
    /// The formats of a variable. Empty for other nodes.
    pub(crate) formats: Vec<Vec<Format>>,
    /// `true` if any variable has a format.
    pub(crate) has_formats: bool,
    /// `true` if the node's own comments say `@optional`.
    pub(crate) optional: Vec<bool>,
    /// `true` if the node is a variable and a secret, by `@secret` or `@public`, else by its name.
    pub(crate) secret: Vec<bool>,
    /// For a secret of an array of tables, its texts in the elements after the first.
    further: HashMap<u32, HashSet<Box<str>>>,
    /// `true` if `@public` holds for the node: its own comments say so, or those of the nearest
    /// section around it whose comments say `@secret` or `@public`.
    pub(crate) public: Vec<bool>,
    /// The outermost optional section that contains the node, or that is the node.
    pub(crate) optional_section: Vec<Option<u32>>,
    /// `true` if the node is required once the table around it is present: a variable that is not
    /// optional, or a table that is not optional and has a needed child.
    pub(crate) needed: Vec<bool>,
    /// The number of needed children. Validation compares it with the number in the document.
    pub(crate) needs: Vec<u32>,
}

/// A variable or section, its line and its comment.
pub(super) struct Described {
    pub(super) node: u32,
    pub(super) line: usize,
    pub(super) description: Option<Box<str>>,
    pub(super) docs: Option<Box<str>>,
}

impl Schema {
    pub(super) fn new(document: Document) -> Self {
        let roles = role::roles(&document);
        let comments = Comments::read(document.expose_text());
        let index = document.index();
        let len = index.len() as usize;
        let mut optional = vec![false; len];
        let mut optional_section = vec![None; len];
        // `Some(true)` by `@secret`, `Some(false)` by `@public`.
        let mut marked = vec![None; len];
        // The meaning of the names of the tables around a node.
        let mut around = vec![Around::Nothing; len];
        let mut secret = vec![false; len];
        let mut formats = vec![Vec::new(); len];
        let mut listed = vec![true; len];
        let mut described = Vec::new();
        let mut sections: Vec<(usize, Described)> = Vec::new();
        let mut mistakes = Vec::new();
        let mut in_words = Vec::new();
        let mut places = Places::new(document.expose_text());
        for id in 1..index.len() {
            let (i, node) = (id as usize, index.node(id));
            let parent = node.parent as usize;
            let mut comment = comments.of(&document, id);
            optional[i] = comment.optional;
            let is_section = comment.optional && roles[i] != Role::Variable;
            optional_section[i] = optional_section[parent].or(is_section.then_some(id));
            // Of both markers on one key, the safe one counts.
            let own = comment.secret.then_some(true).or(comment.public.then_some(false));
            marked[i] = own.or(marked[parent]);
            around[i] = around[parent];
            if roles[i] == Role::Variable {
                let by_name = || names::is_secret(&document, id, around[parent]);
                secret[i] = marked[i].unwrap_or_else(by_name);
            } else if roles[i] != Role::Inside && !index.is_element(id) {
                around[i] = around[i].inside(document.key(id));
            }
            // The first element of an array of tables describes all elements.
            listed[i] = listed[parent] && (!index.is_element(id) || index.position(id) == 0);
            // A comment at the first `[[header]]` is that of the first element, too.
            if node.kind != Kind::ArrayOfTables && roles[i] != Role::Inside {
                let shape = Shape::of(node.kind, roles[i]);
                formats[i] = take_formats(&mut comment, shape);
                mistakes.extend(comment.mistakes.drain(..).map(|(what, span)| (id, what, span)));
                if let Some(span) = comment.optional_in_words.filter(|_| listed[i]) {
                    in_words.push((span, id));
                }
            }
            if !listed[i] {
                continue;
            }
            let Comment { description, docs, .. } = comment;
            if roles[i] == Role::Variable {
                let line = places.line(node.span.start as usize);
                described.push(Described { node: id, line, description, docs });
            } else if let Some(section) = section_of(&document, id, roles[i]) {
                let start = node.key_span.start as usize;
                let described = Described { node: section, line: 0, description, docs };
                sections.push((start, described));
            }
        }
        // Nodes are not quite in the order of the text: a table may be opened by a header after its
        // children.
        sections.sort_unstable_by_key(|(start, _)| *start);
        let mut places = Places::new(document.expose_text());
        for (start, section) in &mut sections {
            section.line = places.line(*start);
        }
        let sections = sections.into_iter().map(|(_, section)| section).collect();

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
        let public = marked.iter().map(|&marked| marked == Some(false)).collect();
        let has_formats = formats.iter().any(|formats| !formats.is_empty());
        let mut schema = Self {
            document,
            roles,
            described,
            sections,
            mistakes,
            formats,
            has_formats,
            optional,
            secret,
            further: HashMap::new(),
            public,
            optional_section,
            needed,
            needs,
        };
        schema.further = schema.further_secrets(&listed);
        // One is enough: an author who sees it looks for others.
        let said = in_words.into_iter().filter(|&(_, node)| schema.is_required(node));
        let said = said.min_by_key(|(span, _)| span.start);
        schema.mistakes.extend(said.map(|(span, node)| (node, Mistake::InWords, span)));
        schema
    }

    fn further_secrets(&self, listed: &[bool]) -> HashMap<u32, HashSet<Box<str>>> {
        let mut further: HashMap<u32, HashSet<Box<str>>> = HashMap::new();
        if listed.iter().all(|&listed| listed) {
            return further;
        }
        let firsts = role::counterparts(&self.document, &self.document, Elements::First);
        for (node, first) in (0..).zip(firsts) {
            if let Some(first) = first.filter(|&first| first != node && self.secret[first as usize])
                && let Some(text) = role::string(&self.document, node)
            {
                further.entry(first).or_default().insert(text.into());
            }
        }
        further
    }

    /// Returns `true` if a secret of an array of tables has this text in an element after the first.
    pub(crate) fn is_in_further_element(&self, secret: u32, text: &str) -> bool {
        !self.further.is_empty()
            && self.further.get(&secret).is_some_and(|texts| texts.contains(text))
    }

    /// Returns `true` if every accepted document has the variable, or something in the section.
    pub(crate) fn is_required(&self, node: u32) -> bool {
        !self.may_be_absent(node)
            && (self.roles[node as usize] == Role::Variable || self.needs[node as usize] > 0)
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

/// Takes the formats out of the comment of a value of this shape. Only a string, an integer or a
/// float has a format: the others are mistakes.
fn take_formats(comment: &mut Comment, shape: Shape) -> Vec<Format> {
    let mut formats = Vec::new();
    let mut is_unmet = false;
    for (format, annotation, span) in comment.formats.drain(..) {
        let mistake = match shape {
            Shape::Scalar(Kind::String | Kind::Integer | Kind::Float) => {
                formats.push(format);
                // Reported once, where they begin to contradict each other.
                if is_unmet || !Format::exclude_all(&formats) {
                    continue;
                }
                is_unmet = true;
                Mistake::Unmet
            }
            Shape::Table | Shape::Tables => Mistake::OfSection(annotation),
            Shape::Scalar(_) | Shape::Array => Mistake::OfKind(annotation),
        };
        comment.mistakes.push((mistake, span));
    }
    formats
}

/// Returns the section that begins at a node: a table with a line of its own, or the first element
/// of an array of tables.
fn section_of(document: &Document, id: u32, role: Role) -> Option<u32> {
    let index = document.index();
    let node = index.node(id);
    match node.kind {
        Kind::Array if role == Role::Tables => index.children(id).first().copied(),
        // An array of tables is listed by its elements.
        Kind::Table | Kind::InlineTable if !index.is_implicit(id) => {
            (index.node(node.parent).kind != Kind::Array).then_some(id)
        }
        _ => None,
    }
}
