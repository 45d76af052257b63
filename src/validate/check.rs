//! The checks, one document against at most one template.

use std::collections::HashMap;
use std::mem;
use std::ops::Range;

use crate::document::Document;
use crate::document::index::{Kind, ROOT};
use crate::document::places::Places;
use crate::env;
use crate::shape::{self, Elements, Role};
use crate::template::Inner as Template;
use crate::validate::finding::{Matter, Place, Record, Severity};
use crate::validate::placeholder;
use crate::value::Value;

/// How many missing variables are named. A short document of many empty `[[tables]]` would
/// otherwise lack a long template's variables in each of them.
const MAX_MISSING: usize = 1000;

/// How many unknown names are compared with the absent ones, and the longest that are: the
/// comparison takes the product of their lengths.
const MAX_COMPARED: usize = 20;
const MAX_COMPARED_LEN: usize = 64;

/// Checks one document.
pub(super) struct Validator<'a> {
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
    pub(super) fn new(document: &'a Document, template: Option<&'a Template>) -> Self {
        let against = template.map(|template| Against::new(document, template));
        Self { document, roles: shape::roles(document), against, found: Vec::new() }
    }

    pub(super) fn run(mut self) -> Vec<Record> {
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
            let known = !index.is_element(node)
                && against.twins[parent as usize]
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
            self.find(Severity::Warning, Matter::Kind { found: kind, expected }, node);
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
    /// below a section. It is not reported as missing, once.
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
        let Self { template, twins, mut elsewhere, .. } = self;
        let index = template.document.index();
        // Which of them each table of the document has.
        let has = |node: u32| {
            let twin = twins[node as usize].filter(|&twin| template.needed[twin as usize])?;
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
            let Some(first) = twins[within as usize] else { continue };
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
                    // Of many tables, one lacks what stands elsewhere once.
                    Role::Variable if mem::take(&mut elsewhere[node as usize]) => {}
                    Role::Variable => missing.push((node, within, first)),
                    // Of an array of tables, the first alone is needed.
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
