//! The comparison of a document with its template: missing, misplaced and misspelt names.

use std::collections::{HashMap, HashSet};

use crate::document::Document;
use crate::document::index::ROOT;
use crate::role::{self, Elements, Role};
use crate::template::schema::Schema;
use crate::validate::problem::{Problem, RawFinding, Severity};

/// The maximum number of missing variables that are reported. Without it, a short document of many
/// empty `[[tables]]` would lack a long template's variables in each of them.
const MAX_MISSING: usize = 1000;

/// The maximum number of unknown names for which a similar name is searched: each search compares
/// the name with all absent ones.
const MAX_COMPARED: usize = 20;

/// The maximum length of a name that is compared, in bytes: a comparison takes the product of the
/// two lengths.
const MAX_COMPARED_LEN: usize = 64;

/// A template, and the correspondence between the document's nodes and its nodes.
pub(super) struct Comparison<'a> {
    pub(super) template: &'a Schema,
    /// For each node of the document, the template's node at the same path.
    pub(super) counterparts: Vec<Option<u32>>,
    /// For each table of the document, the number of its children that its counterpart needs.
    has: Vec<u32>,
    /// Made for the first name that the template does not have. Most documents have none.
    absent: Option<Absent<'a>>,
}

/// The nodes of the template that the document does not have, and what unknown names are meant to be.
struct Absent<'a> {
    /// For each node of the template, `true` if it is the counterpart of any node.
    present: Vec<bool>,
    /// By name, the first absent variable that has it, and the number of absent variables that do.
    variables: HashMap<&'a str, (u32, usize)>,
    /// Absent variables that the document has at a wrong place.
    misplaced: HashSet<u32>,
    /// Absent sections that the document has under a misspelt name: (the document's table around
    /// the section, the template's section).
    misspelt: HashSet<(u32, u32)>,
    /// The number of searches for a similar name.
    compared: usize,
}

impl<'a> Absent<'a> {
    fn new(template: &'a Schema, counterparts: &[Option<u32>]) -> Self {
        let mut present = vec![false; template.document.index().len() as usize];
        for &counterpart in counterparts.iter().flatten() {
            present[counterpart as usize] = true;
        }
        let mut variables = HashMap::new();
        for node in template.variables().filter(|&node| !present[node as usize]) {
            let (_, count) = variables.entry(template.document.key(node)).or_insert((node, 0));
            *count += 1;
        }
        let (misplaced, misspelt) = (HashSet::new(), HashSet::new());
        Self { present, variables, misplaced, misspelt, compared: 0 }
    }
}

impl<'a> Comparison<'a> {
    pub(super) fn new(document: &'a Document, template: &'a Schema) -> Self {
        let counterparts = role::counterparts(document, &template.document, Elements::First);
        let has = vec![0; counterparts.len()];
        Self { template, counterparts, has, absent: None }
    }

    fn absent(&mut self) -> &mut Absent<'a> {
        self.absent.get_or_insert_with(|| Absent::new(self.template, &self.counterparts))
    }

    /// Counts a child of a table that has a counterpart. It counts in whatever shape it is: another
    /// shape than the template's is reported as `KindMismatch`.
    pub(super) fn count(&mut self, table: u32, counterpart: u32) {
        self.has[table as usize] += u32::from(self.template.needed[counterpart as usize]);
    }

    /// Adds an absent section that the document has under a misspelt name. Returns `false` if it was
    /// added before, since only one of several misspelt names can be meant.
    pub(super) fn add_misspelt(&mut self, table: u32, section: u32) -> bool {
        self.absent().misspelt.insert((table, section))
    }

    /// The absent variable that an unknown one is probably meant to be: the only one of this name,
    /// if one of the two is at the root and the other below a section. Marks it as misplaced, so
    /// that it is not reported as missing, too.
    pub(super) fn find_misplaced(&mut self, document: &Document, node: u32) -> Option<u32> {
        let &(counterpart, 1) = self.absent().variables.get(document.key(node))? else {
            return None;
        };
        if document.index().is_element(node) {
            return None;
        }
        let is_at_root = document.index().node(node).parent == ROOT;
        let is_expected_at_root = self.template.document.index().node(counterpart).parent == ROOT;
        if is_at_root == is_expected_at_root {
            return None;
        }
        self.absent().misplaced.insert(counterpart);
        Some(counterpart)
    }

    /// The absent name that is most similar to an unknown one. Of two that are equally similar, one
    /// of the same table wins, which is `counterpart` in the template. A variable is compared with
    /// variables, a section with sections.
    pub(super) fn find_similar(
        &mut self,
        document: &Document,
        node: u32,
        is_variable: bool,
        counterpart: u32,
    ) -> Option<u32> {
        let (name, table) = (document.key(node), document.index().node(node).parent);
        let (schema, absent) = (self.template, self.absent());
        if absent.compared == MAX_COMPARED || name.len() > MAX_COMPARED_LEN {
            return None;
        }
        absent.compared += 1;
        let name = name.to_lowercase();
        let template = &schema.document;
        let candidates = (1..template.index().len()).filter(|&node| {
            let is_same_role = match schema.roles[node as usize] {
                Role::Variable => is_variable,
                Role::Table | Role::Tables => !is_variable,
                Role::Inside => false,
            };
            let is_absent = match template.index().node(node).parent == counterpart {
                true => document.child(table, template.key(node)).is_none(),
                false => !absent.present[node as usize],
            };
            is_same_role && !template.index().is_element(node) && is_absent
        });
        candidates
            .filter_map(|node| {
                let other = template.key(node);
                let allowed = name.len().max(other.len()).div_ceil(4);
                if other.len() > MAX_COMPARED_LEN || name.len().abs_diff(other.len()) > allowed {
                    return None;
                }
                let distance = strsim::osa_distance(&name, &other.to_lowercase());
                let is_elsewhere = template.index().node(node).parent != counterpart;
                (distance <= allowed).then_some((distance, is_elsewhere, node))
            })
            .min()
            .map(|(.., node)| node)
    }

    /// Adds a `Missing` for each required variable that is absent, in the template's order.
    ///
    /// A table of the template may have many counterparts in the document, since each element of an
    /// array of tables corresponds to the template's first. To search the children of the
    /// template's table for each of them would take quadratic time. So [`count`](Self::count) has
    /// counted the needed children that each table has. If a table has as many as its counterpart
    /// needs, none is absent, and it is skipped. Otherwise the search finds an
    /// absent one. With few exceptions (misspelt sections, misplaced variables), that is a
    /// `Missing` to report, so `MAX_MISSING` limits the searches, too.
    pub(super) fn find_missing(
        self,
        document: &Document,
        roles: &[Role],
        found: &mut Vec<RawFinding>,
    ) {
        let Self { template, counterparts, has, absent } = self;
        let (mut misplaced, misspelt) =
            absent.map(|absent| (absent.misplaced, absent.misspelt)).unwrap_or_default();
        let index = template.document.index();
        let mut missing = Vec::new();
        let mut misplaced_and_required = HashSet::new();
        'tables: for table in 0..document.index().len() {
            let Some(counterpart) = counterparts[table as usize] else { continue };
            let are_tables = roles[table as usize] == Role::Table
                && template.roles[counterpart as usize] == Role::Table;
            if !are_tables || has[table as usize] == template.needs[counterpart as usize] {
                continue;
            }
            // A stack, hence in reverse: the first child is popped first.
            let mut absent: Vec<u32> = index.children(counterpart).iter().rev().copied().collect();
            absent.retain(|&child| {
                let key = template.document.key(child);
                template.needed[child as usize]
                    && document.child(table, key).is_none()
                    && !misspelt.contains(&(table, child))
            });
            while let Some(node) = absent.pop() {
                match template.roles[node as usize] {
                    // The misplaced variable belongs to one table. If others lack it, too, it is
                    // missing there.
                    Role::Variable if misplaced.remove(&node) => {
                        misplaced_and_required.insert(node);
                    }
                    Role::Variable => {
                        missing.push((node, table, counterpart));
                        if missing.len() == MAX_MISSING {
                            break 'tables;
                        }
                    }
                    // A section is missing by its variables. Of an array of tables, only the first
                    // element is needed.
                    _ => absent.extend(
                        index
                            .children(node)
                            .iter()
                            .rev()
                            .filter(|&&child| template.needed[child as usize]),
                    ),
                }
            }
        }
        // A variable of an optional section was added as a warning. The section is present, so the
        // variable is required after all.
        for finding in found.iter_mut() {
            if let Problem::Misplaced { template } = finding.problem
                && misplaced_and_required.contains(&template)
            {
                finding.severity = Severity::Error;
            }
        }
        missing.sort_unstable();
        found.extend(missing.into_iter().map(|(node, table, counterpart)| RawFinding {
            severity: Severity::Error,
            problem: Problem::Missing { table, counterpart, misspelt: None },
            node,
            place: None,
        }));
    }
}
