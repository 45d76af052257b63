//! The values of documents that are masked, and the paths of those that are not.

use std::collections::HashSet;
use std::ops::Range;

use crate::document::Document;
use crate::document::index::{Kind, ROOT};
use crate::env;
use crate::mask::json;
use crate::mask::limits::MIN_MASKED_LEN;
use crate::role::{self, Elements, Role};
use crate::template::Template;
use crate::template::schema::Schema;
use crate::text::wiped::Wiped;
use crate::value::Value;

/// The most bytes that a number takes in Python's spelling.
const MAX_NUMBER: usize = 24;

/// The texts to mask: slices of documents, and of texts that are decoded from them.
pub(super) struct Values<'d> {
    verbatim: Vec<&'d str>,
    decoded: Wiped,
    ranges: Vec<Range<usize>>,
    /// The paths of the other values, in the order of the documents.
    pub(super) skipped: Vec<String>,
}

impl<'d> Values<'d> {
    pub(super) fn new(documents: &[&'d Document], template: Option<&Template>) -> Self {
        let mut numbers: Vec<(&Document, u32)> = Vec::new();
        let mut verbatim = Vec::new();
        let mut skipped = Vec::new();
        let mut known = HashSet::new();
        for &document in documents {
            let rules = template.map(|template| Rules::new(document, &template.0));
            for node in document.leaves() {
                let rule = rules.as_ref().map_or(Rule::Strings, |rules| rules.of(node));
                let text = match document.index().node(node).kind {
                    Kind::String if rule != Rule::Public => document.content(node),
                    Kind::Integer | Kind::Float if rule == Rule::Secret => {
                        numbers.push((document, node));
                        document.raw(node)
                    }
                    _ => "",
                };
                if text.len() >= MIN_MASKED_LEN {
                    verbatim.push(text);
                } else {
                    let path = document.path(node).to_string();
                    if !known.contains(&path) {
                        known.insert(path.clone());
                        skipped.push(path);
                    }
                }
            }
        }
        // The old document of a reload has nearly the same values as the new one.
        verbatim.sort_unstable();
        verbatim.dedup();
        let documents = verbatim.iter().filter(|text| json::is_candidate(text));
        let capacity = documents.map(|text| text.len()).sum::<usize>() + numbers.len() * MAX_NUMBER;
        let (mut decoded, mut ranges) = (Wiped::with_capacity(capacity), Vec::new());
        for (document, node) in numbers {
            let start = decoded.len();
            // The capacity is the most that numbers take, so writing does not fail.
            let _ = env::write_value(&mut decoded, Value::of(document, node));
            ranges.push(start..decoded.len());
        }
        for text in &verbatim {
            json::strings(text, &mut decoded, |range| ranges.push(range));
        }
        ranges.retain(|range| range.len() >= MIN_MASKED_LEN);
        Self { verbatim, decoded, ranges, skipped }
    }

    /// Returns the texts, each once.
    pub(super) fn texts(&self) -> Vec<&str> {
        let decoded = self.ranges.iter().map(|range| &self.decoded[range.clone()]);
        let mut texts: Vec<&str> = self.verbatim.iter().copied().chain(decoded).collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    }
}

/// The kinds of values that are masked at a place of a document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// No value.
    Public,
    /// Strings.
    Strings,
    /// Strings and numbers.
    Secret,
}

/// The rules of a template for one document.
struct Rules<'a> {
    document: &'a Document,
    schema: &'a Schema,
    /// For each node, that of the template which describes it. They differ in arrays: the first
    /// element of an array of tables describes all, and another array is compared by position.
    first: Vec<Option<u32>>,
    same: Vec<Option<u32>>,
}

impl<'a> Rules<'a> {
    fn new(document: &'a Document, schema: &'a Schema) -> Self {
        let first = role::counterparts(document, &schema.document, Elements::First);
        let same = role::counterparts(document, &schema.document, Elements::ByPosition);
        Self { document, schema, first, same }
    }

    fn of(&self, node: u32) -> Rule {
        let Some(described) = self.first[node as usize] else { return Rule::Strings };
        let mut variable = described;
        while self.schema.roles[variable as usize] == Role::Inside {
            variable = self.schema.document.index().node(variable).parent;
        }
        if variable == ROOT || self.schema.roles[variable as usize] != Role::Variable {
            return Rule::Strings;
        }
        if self.schema.secret[variable as usize] {
            return Rule::Secret;
        }
        let text = role::string(self.document, node);
        let is_default = |node: Option<u32>| {
            node.is_some_and(|node| role::string(&self.schema.document, node) == text)
        };
        if is_default(Some(described)) || is_default(self.same[node as usize]) {
            Rule::Public
        } else {
            Rule::Strings
        }
    }
}
