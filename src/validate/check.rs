//! The checks of a document, with or without a template.

use crate::document::Document;
use crate::document::decode::PythonLimit;
use crate::document::index::{Kind, Node, ROOT, Span};
use crate::env;
use crate::marker::{self, Marker};
use crate::role::{self, Role, Shape};
use crate::template::placeholder;
use crate::template::schema::Schema;
use crate::validate::comparison::Comparison;
use crate::validate::problem::{Location, Problem, RawFinding, Severity};
use crate::validate::suspicious::Suspicion;
use crate::value::{self, Value};

/// The checks of one document, and the findings so far.
pub(super) struct Validator<'a> {
    document: &'a Document,
    roles: Vec<Role>,
    comparison: Option<Comparison<'a>>,
    /// `true` if the template has formats.
    has_formats: bool,
    found: Vec<RawFinding>,
}

impl<'a> Validator<'a> {
    pub(super) fn new(document: &'a Document, template: Option<&'a Schema>) -> Self {
        let comparison = template.map(|template| Comparison::new(document, template));
        let has_formats = template.is_some_and(|template| template.has_formats);
        let roles = role::roles(document);
        Self { document, roles, comparison, has_formats, found: Vec::new() }
    }

    pub(super) fn run(mut self) -> Vec<RawFinding> {
        for node in 1..self.document.index().len() {
            if self.roles[node as usize] != Role::Inside {
                self.compare(node);
            }
            let before = self.found.len();
            match self.document.index().node(node).kind {
                Kind::String => self.check_string(node),
                Kind::Array if self.roles[node as usize] == Role::Variable => {
                    self.check_array(node);
                }
                Kind::Datetime => {
                    if let Some(limit) = PythonLimit::broken_by(self.document.raw(node)) {
                        self.add(Severity::Warning, Problem::Datetime(limit), node);
                    }
                }
                _ => {}
            }
            if self.has_formats && self.roles[node as usize] == Role::Variable {
                self.check_formats(node, before);
            }
            if self.document.index().node(node).parent == ROOT {
                self.check_environment(node);
            }
        }
        // Nodes are not quite in the order of the text: a table may be opened by a header after its
        // children.
        RawFinding::place(&mut self.found, self.document);
        if let Some(comparison) = self.comparison.take() {
            comparison.find_missing(self.document, &self.roles, &mut self.found);
        }
        self.found
    }

    fn counterpart(&self, node: u32) -> Option<u32> {
        self.comparison.as_ref().and_then(|comparison| comparison.counterparts[node as usize])
    }

    /// Adds a finding at the node's value.
    fn add(&mut self, severity: Severity, problem: Problem, node: u32) {
        let span = self.document.index().node(node).span;
        self.push(severity, problem, node, span);
    }

    /// Adds a finding at the node's key.
    fn add_at_key(&mut self, severity: Severity, problem: Problem, node: u32) {
        let span = self.document.index().node(node).key_span;
        self.push(severity, problem, node, span);
    }

    fn push(&mut self, severity: Severity, problem: Problem, node: u32, span: Span) {
        let place = Some(Location { span, line: 0, column: 0 });
        self.found.push(RawFinding { severity, problem, node, place });
    }

    /// Reports `Unkept` or `Blank`, or else `Unchanged` or `Placeholder`, and `Suspicious`.
    fn check_string(&mut self, node: u32) {
        let value = self.document.content(node);
        let expected = self.counterpart(node).zip(self.comparison.as_ref());
        let expected = expected.map(|(counterpart, comparison)| (counterpart, comparison.template));
        if Marker::read(value).is_some() {
            // An update replaces markers that keep a value before the checks.
            let expected = expected.map(|(counterpart, template)| template.shape(counterpart));
            self.add(Severity::Error, Problem::Unkept { expected }, node);
            return;
        }
        if self.roles[node as usize] != Role::Variable {
            return;
        }
        let may_be_suspicious = Suspicion::is_possible(value);
        if may_be_suspicious && value.trim().is_empty() {
            return self.check_blank(node);
        }
        let is_same = expected.is_some_and(|(counterpart, template)| {
            is_same_string(value, &template.document, counterpart)
        });
        if let Some((template, schema)) = expected
            && schema.secret[template as usize]
            && (is_same || schema.is_in_further_element(template, value))
        {
            self.add(Severity::Error, Problem::Unchanged { template }, node);
            return;
        }
        if placeholder::is_placeholder(value)
            && !expected
                .is_some_and(|(counterpart, template)| template.public[counterpart as usize])
        {
            let severity = if is_same { Severity::Error } else { Severity::Warning };
            self.add(severity, Problem::Placeholder { unchanged: is_same }, node);
        }
        if may_be_suspicious
            && !is_same
            && let Some(suspicion) = Suspicion::of(value, self.document.raw(node))
        {
            self.add(Severity::Warning, Problem::Suspicious(suspicion), node);
        }
    }

    /// Reports `Blank` for a blank string, unless the template allows it.
    fn check_blank(&mut self, node: u32) {
        let template = self.counterpart(node);
        let expected = template.zip(self.comparison.as_ref());
        let is_allowed = expected.is_some_and(|(counterpart, comparison)| {
            // If the template has a table or an array, `compare` reports that.
            comparison.template.optional[counterpart as usize]
                || !comparison.template.is_scalar(counterpart)
        });
        if !is_allowed {
            self.add(Severity::Error, Problem::Blank { template }, node);
        }
    }

    /// Reports `Unchanged` for an array that is a variable.
    fn check_array(&mut self, node: u32) {
        let Some(comparison) = &self.comparison else { return };
        let Some(counterpart) = comparison.counterparts[node as usize] else { return };
        let Schema { document: template, secret, .. } = comparison.template;
        if !secret[counterpart as usize] || template.index().children(counterpart).is_empty() {
            return;
        }
        let value = Value::of(self.document, node);
        if value::is_same(value, Value::of(template, counterpart)) {
            let template = counterpart;
            self.add(Severity::Error, Problem::Unchanged { template }, node);
        }
    }

    /// Reports `Format`, unless the value is blank or has an error among those found from `before`
    /// on: one mistake is one error.
    fn check_formats(&mut self, node: u32, before: usize) {
        let Some((counterpart, comparison)) = self.counterpart(node).zip(self.comparison.as_ref())
        else {
            return;
        };
        let formats = &comparison.template.formats[counterpart as usize];
        let is_blank =
            || role::string(self.document, node).is_some_and(|value| value.trim().is_empty());
        let is_error = |found: &RawFinding| found.severity == Severity::Error;
        if formats.is_empty() || is_blank() || self.found[before..].iter().any(is_error) {
            return;
        }
        for (format, rule) in formats.iter().enumerate() {
            if !rule.allows(self.document, node) {
                let problem = Problem::Format { template: counterpart, format };
                self.add(Severity::Error, problem, node);
            }
        }
    }

    /// Reports `Unmappable` and `ReservedName`.
    fn check_environment(&mut self, node: u32) {
        if !env::is_mapped(self.document, node) {
            return;
        }
        if let Some(fault) = env::unmappable(self.document, node) {
            self.add_at_key(Severity::Error, Problem::Unmappable(fault), node);
            return;
        }
        if is_reserved(self.document.key(node)) {
            self.add_at_key(Severity::Warning, Problem::ReservedName, node);
        }
        if env::is_too_long(self.document, node) {
            self.add_at_key(Severity::Warning, Problem::LongVariable, node);
        }
    }

    /// Reports `KindMismatch`, or how a node without a counterpart may be meant.
    fn compare(&mut self, node: u32) {
        let Some(comparison) = &mut self.comparison else { return };
        let Some(counterpart) = comparison.counterparts[node as usize] else {
            return self.report_unmatched(node);
        };
        let &Node { kind, parent, .. } = self.document.index().node(node);
        comparison.count(parent, counterpart);
        let found = Shape::of(kind, self.roles[node as usize]);
        let expected = comparison.template.shape(counterpart);
        if found.fits(expected) {
            return;
        }
        let are_scalars = matches!((found, expected), (Shape::Scalar(_), Shape::Scalar(_)));
        let is_empty = role::is_blank(self.document, node) && are_scalars;
        if is_empty || marker::is_marker(self.document, node) {
            return;
        }
        // A value of another shape takes the place of required variables.
        let is_error = !are_scalars && comparison.template.requires(counterpart);
        let severity = if is_error { Severity::Error } else { Severity::Warning };
        self.add(severity, Problem::Kind { found, expected }, node);
    }

    /// Reports a node that the template does not have as `Misplaced`, as the misspelt name of a
    /// section that is `Missing`, or as `Unknown`.
    fn report_unmatched(&mut self, node: u32) {
        let Some(comparison) = &mut self.comparison else { return };
        let index = self.document.index();
        let parent = index.node(node).parent;
        let template = &comparison.template.document;
        let is_variable = self.roles[node as usize] == Role::Variable;
        if is_variable && let Some(template) = comparison.find_misplaced(self.document, node) {
            let severity = match comparison.template.may_be_absent(template) {
                true => Severity::Warning,
                false => Severity::Error,
            };
            self.add_at_key(severity, Problem::Misplaced { template }, node);
            return;
        }
        // An unknown section is reported once, and not again for each of its keys.
        let known = comparison.counterparts[parent as usize]
            .filter(|&parent| template.index().node(parent).kind.is_table());
        let Some(counterpart) = known.filter(|_| !index.is_element(node)) else { return };
        let similar = comparison.find_similar(self.document, node, is_variable, counterpart);
        // Only one of several misspelt names can be meant.
        let section = similar.filter(|&section| {
            !is_variable
                && template.index().node(section).parent == counterpart
                && comparison.template.needed[section as usize]
                && comparison.add_misspelt(parent, section)
        });
        if let Some(section) = section {
            let misspelt = Some(node);
            let problem = Problem::Missing { table: parent, counterpart, misspelt };
            let span = index.node(node).key_span;
            self.push(Severity::Error, problem, section, span);
        } else {
            self.add_at_key(Severity::Warning, Problem::Unknown { similar }, node);
        }
    }
}

/// Returns `true` if a node of the template is this string.
fn is_same_string(value: &str, template: &Document, node: u32) -> bool {
    // Nearly all values differ in length.
    template.index().node(node).value().len() == value.len()
        && role::string(template, node) == Some(value)
}

/// Returns `true` for the names of variables that a module's process needs: those of the loader,
/// the shell, the languages, TLS, Streamlit, and the proxies, which programs read in upper and
/// lower case.
#[rustfmt::skip]
pub(super) fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "BASH_ENV" | "CLASSPATH" | "CURL_CA_BUNDLE" | "ENV" | "GEM_PATH" | "GIT_SSH"
        | "GIT_SSH_COMMAND" | "HOME" | "IFS" | "JAVA_TOOL_OPTIONS" | "LANG" | "NODE_OPTIONS"
        | "NODE_PATH" | "OPENSSL_CONF" | "PATH" | "PERL5LIB" | "PERL5OPT" | "PWD"
        | "PYTHONBREAKPOINT" | "PYTHONHOME" | "PYTHONINSPECT" | "PYTHONPATH" | "PYTHONSTARTUP"
        | "PYTHONUSERBASE" | "PYTHONWARNINGS" | "REQUESTS_CA_BUNDLE" | "RUBYLIB" | "RUBYOPT"
        | "SHELL" | "SSL_CERT_DIR" | "SSL_CERT_FILE" | "TMPDIR" | "TZ" | "USER"
    ) || ["DYLD_", "LC_", "LD_", "STREAMLIT_"].iter().any(|prefix| name.starts_with(prefix))
        || ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]
            .iter()
            .any(|proxy| name.eq_ignore_ascii_case(proxy))
}
