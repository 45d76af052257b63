//! The document against the template: what is absent, misplaced or misspelt.

use std::collections::{HashMap, HashSet};
use std::mem;

use crate::document::Document;
use crate::document::index::ROOT;
use crate::role::{self, Elements, Role};
use crate::template::schema::Schema;
use crate::validate::problem::{Problem, RawFinding, Severity};

/// How many missing variables are named. A short document of many empty `[[tables]]` would
/// otherwise lack a long template's variables in each of them.
const MAX_MISSING: usize = 1000;

/// How many unknown names are compared with the absent ones, and the longest that are: the
/// comparison takes the product of their lengths.
const MAX_COMPARED: usize = 20;
const MAX_COMPARED_LEN: usize = 64;

/// The template, and how the document's nodes correspond to its.
pub(super) struct Against<'a> {
    pub(super) template: &'a Schema,
    pub(super) counterparts: Vec<Option<u32>>,
    /// For each node of the template, whether the document has it.
    present: Vec<bool>,
    /// The absent variables by their last name, and how many have that name.
    absent: HashMap<&'a str, (u32, usize)>,
    /// The absent variables that the document has elsewhere.
    elsewhere: Vec<bool>,
    /// The absent sections that a table of the document has under a misspelt name.
    pub(super) misspelt: HashSet<(u32, u32)>,
    compared: usize,
}

impl<'a> Against<'a> {
    pub(super) fn new(document: &'a Document, template: &'a Schema) -> Self {
        let counterparts = role::counterparts(document, &template.document, Elements::First);
        let mut present = vec![false; template.document.index().len() as usize];
        for &counterpart in counterparts.iter().flatten() {
            present[counterpart as usize] = true;
        }
        let mut absent = HashMap::new();
        for node in template.variables().filter(|&node| !present[node as usize]) {
            let entry = absent.entry(template.document.key(node)).or_insert((node, 0));
            entry.1 += 1;
        }
        let elsewhere = vec![false; present.len()];
        let misspelt = HashSet::new();
        Self { template, counterparts, present, absent, elsewhere, misspelt, compared: 0 }
    }

    /// The one absent variable of this name, where one of the two stands at the root and the other
    /// below a section. It is not reported as missing, once.
    pub(super) fn misplaced(&mut self, document: &Document, node: u32) -> Option<u32> {
        let &(counterpart, 1) = self.absent.get(document.key(node))? else { return None };
        if document.index().is_element(node) {
            return None;
        }
        let root = document.index().node(node).parent == ROOT;
        let counterpart_root = self.template.document.index().node(counterpart).parent == ROOT;
        if root == counterpart_root {
            return None;
        }
        self.elsewhere[counterpart as usize] = true;
        Some(counterpart)
    }

    /// The absent name that is most like an unknown one, of the same table if possible, which is
    /// `first` in the template.
    pub(super) fn similar(
        &mut self,
        entered: &Document,
        node: u32,
        variable: bool,
        first: u32,
    ) -> Option<u32> {
        let (name, within) = (entered.key(node), entered.index().node(node).parent);
        if self.compared == MAX_COMPARED || name.len() > MAX_COMPARED_LEN {
            return None;
        }
        self.compared += 1;
        let name = name.to_lowercase();
        let document = &self.template.document;
        let absent = (1..document.index().len()).filter(|&node| {
            let same = match self.template.roles[node as usize] {
                Role::Variable => variable,
                Role::Table | Role::Tables => !variable,
                Role::Inside => false,
            };
            let is_absent = match document.index().node(node).parent == first {
                true => entered.child(within, document.key(node)).is_none(),
                false => !self.present[node as usize],
            };
            same && !document.index().is_element(node) && is_absent
        });
        absent
            .filter_map(|node| {
                let other = document.key(node);
                let allowed = name.len().max(other.len()).div_ceil(4);
                if other.len() > MAX_COMPARED_LEN || name.len().abs_diff(other.len()) > allowed {
                    return None;
                }
                let distance = strsim::osa_distance(&name, &other.to_lowercase());
                let elsewhere = document.index().node(node).parent != first;
                (distance <= allowed).then_some((distance, elsewhere, node))
            })
            .min()
            .map(|(.., node)| node)
    }

    /// Adds what is required and absent, in the template's order.
    pub(super) fn find_missing(
        self,
        document: &Document,
        roles: &[Role],
        found: &mut Vec<RawFinding>,
    ) {
        let Self { template, counterparts, mut elsewhere, misspelt, .. } = self;
        let index = template.document.index();
        // How many of them each table of the document has, in whatever shape: another shape is a
        // finding of its own.
        let mut have = vec![0_u32; document.index().len() as usize];
        for node in 1..document.index().len() {
            if counterparts[node as usize]
                .is_some_and(|counterpart| template.needed[counterpart as usize])
            {
                have[document.index().node(node).parent as usize] += 1;
            }
        }
        // Only a table that lacks something is looked at more closely, so each look finds one.
        let mut missing = Vec::new();
        let mut required = HashSet::new();
        for within in 0..document.index().len() {
            let Some(first) = counterparts[within as usize] else { continue };
            let table = roles[within as usize] == Role::Table
                && template.roles[first as usize] == Role::Table;
            if !table || have[within as usize] == template.needs[first as usize] {
                continue;
            }
            let mut absent: Vec<u32> = index.children(first).iter().rev().copied().collect();
            absent.retain(|&counterpart| {
                let key = template.document.key(counterpart);
                template.needed[counterpart as usize]
                    && document.child(within, key).is_none()
                    && !misspelt.contains(&(within, counterpart))
            });
            while let Some(node) = absent.pop() {
                match template.roles[node as usize] {
                    // Of many tables, one lacks what is elsewhere once.
                    Role::Variable if mem::take(&mut elsewhere[node as usize]) => {
                        required.insert(node);
                    }
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
        // Also in an optional section that is present.
        for record in found.iter_mut() {
            if matches!(record.problem, Problem::Misplaced { template } if required.contains(&template))
            {
                record.severity = Severity::Error;
            }
        }
        missing.sort_unstable();
        found.extend(missing.into_iter().map(|(node, within, first)| RawFinding {
            severity: Severity::Error,
            problem: Problem::Missing { within, first, misspelt: None },
            node,
            place: None,
        }));
    }
}
