//! The checks, one document against at most one template.

use std::ops::Range;

use crate::document::Document;
use crate::document::decode::PythonLimit;
use crate::document::index::{Kind, ROOT};
use crate::env;
use crate::marker::{self, Marker};
use crate::role::{self, Role, Shape};
use crate::template::placeholder;
use crate::template::schema::Schema;
use crate::validate::against::Against;
use crate::validate::problem::{Location, Problem, RawFinding, Severity};

/// Checks one document.
pub(super) struct Validator<'a> {
    document: &'a Document,
    roles: Vec<Role>,
    against: Option<Against<'a>>,
    found: Vec<RawFinding>,
}

impl<'a> Validator<'a> {
    pub(super) fn new(document: &'a Document, template: Option<&'a Schema>) -> Self {
        let against = template.map(|template| Against::new(document, template));
        Self { document, roles: role::roles(document), against, found: Vec::new() }
    }

    pub(super) fn run(mut self) -> Vec<RawFinding> {
        for node in 1..self.document.index().len() {
            if self.roles[node as usize] != Role::Inside {
                self.check_against(node);
            }
            match self.document.index().node(node).kind {
                Kind::String => self.check_string(node),
                Kind::Datetime => {
                    if let Some(limit) = PythonLimit::broken_by(self.document.raw(node)) {
                        self.add(Severity::Warning, Problem::Datetime(limit), node);
                    }
                }
                _ => {}
            }
            if self.document.index().node(node).parent == ROOT {
                self.check_environment(node);
            }
        }
        // A table that a later header opened is behind its children.
        RawFinding::place(&mut self.found, self.document);
        if let Some(against) = self.against.take() {
            against.find_missing(self.document, &self.roles, &mut self.found);
        }
        self.found
    }

    fn counterpart(&self, node: u32) -> Option<u32> {
        self.against.as_ref().and_then(|against| against.counterparts[node as usize])
    }

    /// Adds a finding at the node's value.
    fn add(&mut self, severity: Severity, problem: Problem, node: u32) {
        let span = self.document.index().node(node).span.range();
        self.push(severity, problem, node, span);
    }

    /// Adds a finding at the node's key.
    fn add_at_key(&mut self, severity: Severity, problem: Problem, node: u32) {
        let span = self.document.index().node(node).key_span.range();
        self.push(severity, problem, node, span);
    }

    fn push(&mut self, severity: Severity, problem: Problem, node: u32, span: Range<usize>) {
        let place = Some(Location { span, line: 0, column: 0 });
        self.found.push(RawFinding { severity, problem, node, place });
    }

    /// `Unkept`, `Blank` and `Placeholder`.
    fn check_string(&mut self, node: u32) {
        let value = self.document.content(node);
        if Marker::read(value).is_some() {
            // What keeps a value was replaced by it before.
            let expected = self.counterpart(node).zip(self.against.as_ref());
            let expected =
                expected.map(|(counterpart, against)| against.template.shape(counterpart));
            self.add(Severity::Error, Problem::Unkept { expected }, node);
            return;
        }
        if self.roles[node as usize] != Role::Variable {
            return;
        }
        let counterpart = self.counterpart(node);
        let template = self.against.as_ref().map(|against| against.template);
        let same = counterpart.zip(template);
        if value.trim().is_empty() {
            if same.is_some_and(|(counterpart, template)| template.optional[counterpart as usize]) {
                return;
            }
            // In the place of a table or an array, it is a finding of its own.
            if same.is_some_and(|(counterpart, template)| !template.is_scalar(counterpart)) {
                return;
            }
            if value.is_empty() {
                self.add(Severity::Error, Problem::Blank { template: counterpart }, node);
            } else {
                self.add(Severity::Warning, Problem::WhiteSpace, node);
            }
        } else if placeholder::is_placeholder(value) {
            let unchanged = same.is_some_and(|(counterpart, template)| {
                role::string(&template.document, counterpart) == Some(value)
            });
            let severity = if unchanged { Severity::Error } else { Severity::Warning };
            self.add(severity, Problem::Placeholder { unchanged }, node);
        }
    }

    /// `Unmappable` and `ReservedName`.
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

    /// `Misplaced`, `Unknown`, `KindMismatch`, and what is `Missing` for being misspelt.
    fn check_against(&mut self, node: u32) {
        let Some(against) = &mut self.against else { return };
        let index = self.document.index();
        let parent = index.node(node).parent;
        let template = &against.template.document;
        let Some(counterpart) = against.counterparts[node as usize] else {
            let variable = self.roles[node as usize] == Role::Variable;
            if let Some(counterpart) =
                variable.then(|| against.misplaced(self.document, node)).flatten()
            {
                let severity = match against.template.may_be_absent(counterpart) {
                    true => Severity::Warning,
                    false => Severity::Error,
                };
                self.add_at_key(severity, Problem::Misplaced { template: counterpart }, node);
                return;
            }
            // Of an unknown section, the section is named and not each of its keys.
            let known = against.counterparts[parent as usize]
                .filter(|&parent| template.index().node(parent).kind.is_table());
            let Some(first) = known.filter(|_| !index.is_element(node)) else { return };
            let similar = against.similar(self.document, node, variable, first);
            let section = similar.filter(|&section| {
                !variable
                    && template.index().node(section).parent == first
                    && against.template.needed[section as usize]
                    && against.misspelt.insert((parent, section))
            });
            if let Some(section) = section {
                let problem = Problem::Missing { within: parent, first, misspelt: Some(node) };
                let span = index.node(node).key_span.range();
                self.push(Severity::Error, problem, section, span);
            } else {
                self.add_at_key(Severity::Warning, Problem::Unknown { similar }, node);
            }
            return;
        };
        let found = Shape::of(index.node(node).kind, self.roles[node as usize]);
        let expected = against.template.shape(counterpart);
        if found.fits(expected) {
            return;
        }
        let scalars = matches!((found, expected), (Shape::Scalar(_), Shape::Scalar(_)));
        let is_empty = role::is_blank(self.document, node) && scalars;
        if is_empty || marker::is_marker(self.document, node) {
            return;
        }
        // What is required is absent if something of another shape is in its place.
        let absent = !scalars && against.template.requires(counterpart);
        let severity = if absent { Severity::Error } else { Severity::Warning };
        self.add(severity, Problem::Kind { found, expected }, node);
    }
}

/// Names that the process which runs a module needs for itself: of the loader, the shell, the
/// languages, what speaks TLS, Streamlit, and proxies, which are read in any case.
#[rustfmt::skip]
fn is_reserved(name: &str) -> bool {
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
