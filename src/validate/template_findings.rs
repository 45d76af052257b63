//! The findings of a template: mistakes that its author can correct before anybody fills it in.

use std::fmt;

use crate::document::Document;
use crate::document::index::{ROOT, Span};
use crate::env;
use crate::role::Role;
use crate::template::Template;
use crate::template::schema::Schema;
use crate::template::tokens::{self, Committed};
use crate::validate::check::is_reserved;
use crate::validate::excerpt::{self, Masked};
use crate::validate::finding::Finding;
use crate::validate::problem::{FindingKind, Location, Problem, RawFinding, Severity};

impl Template {
    /// The findings of the template itself, all of them warnings, in the order of its text.
    ///
    /// They are of the kinds [`Marker`](crate::FindingKind::Marker),
    /// [`Unsatisfiable`](crate::FindingKind::Unsatisfiable),
    /// [`ReservedName`](crate::FindingKind::ReservedName) and
    /// [`Committed`](crate::FindingKind::Committed). Their places are in the template's text. A
    /// comment has no path of its own: its finding has that of the variable or section beside it.
    ///
    /// Each call reads the whole template.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::{FindingKind, Template};
    ///
    /// let template = Template::parse("# Your token. @optionel\nTOKEN = ''\n")?;
    /// let finding = template.findings().next().unwrap();
    /// assert_eq!(finding.kind(), FindingKind::Marker);
    /// assert_eq!(
    ///     finding.to_string(),
    ///     "line 1, column 15: `TOKEN` has a comment with `@optionel`, which is not a marker",
    /// );
    /// assert_eq!(finding.help(), "did you mean `@optional`?");
    /// # Ok::<(), secrets_toml::ParseError>(())
    /// ```
    pub fn findings(&self) -> impl ExactSizeIterator<Item = Finding<'_>> {
        let document = &self.0.document;
        find(&self.0).into_iter().map(move |raw| Finding { document, template: None, raw })
    }

    /// The report of the [findings](Self::findings), as [`Invalid`](crate::Invalid) writes it. It
    /// is empty if there are none.
    ///
    /// It shows comments, since findings are about them. Values and
    /// [committed](FindingKind::Committed) tokens are masked.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Template;
    ///
    /// let template = Template::parse("PATH = ''\n")?;
    /// assert!(template.report().to_string().starts_with("warning: line 1, column 1: `PATH` "));
    /// assert_eq!(Template::parse("TOKEN = ''\n")?.report().to_string(), "");
    /// # Ok::<(), secrets_toml::ParseError>(())
    /// ```
    pub fn report(&self) -> impl fmt::Display {
        Report(self)
    }
}

struct Report<'a>(&'a Template);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A token may be in a comment, and comments are shown.
        let is_token = |finding: &Finding<'_>| finding.kind() == FindingKind::Committed;
        let findings: Vec<_> = self.0.findings().collect();
        let tokens = findings.iter().filter(|finding| is_token(finding));
        let tokens: Vec<_> = tokens.filter_map(Finding::span).collect();
        let masked = Masked::ValuesAnd(&tokens);
        excerpt::write(f, &self.0.0.document, masked, findings.into_iter())
    }
}

fn find(schema: &Schema) -> Vec<RawFinding> {
    let document = &schema.document;
    let finding = |problem, node, span| RawFinding {
        severity: Severity::Warning,
        problem,
        node,
        place: Some(Location { span, line: 0, column: 0 }),
    };
    let mut found = Vec::new();
    for &(node, mistake, span) in &schema.mistakes {
        found.push(finding(Problem::Marker(mistake), node, span));
    }
    for &node in document.index().children(ROOT) {
        if schema.roles[node as usize] != Role::Variable || !env::is_mapped(document, node) {
            continue;
        }
        let (name, span) = (document.key(node), document.index().node(node).key_span);
        if env::unmappable_name(name).is_some() {
            if schema.is_required(node) {
                found.push(finding(Problem::UnmappableName, node, span));
            }
        } else if is_reserved(name) {
            found.push(finding(Problem::ReservedName, node, span));
        }
    }
    let owners = Owners::new(document);
    for Committed { of, span } in tokens::find(document.expose_text()) {
        let (node, commented) = owners.of(span.start);
        let span = Span { start: span.start as u32, end: span.end as u32 };
        found.push(finding(Problem::Committed { of, commented }, node, span));
    }
    RawFinding::place(&mut found, document);
    found
}

/// The variables that places in the text belong to.
struct Owners<'a> {
    document: &'a Document,
    /// In the order of the text.
    leaves: Vec<u32>,
    /// The offsets of the line ends.
    newlines: Vec<usize>,
}

impl<'a> Owners<'a> {
    fn new(document: &'a Document) -> Self {
        let newlines = document.expose_text().match_indices('\n').map(|(i, _)| i).collect();
        Self { document, leaves: document.leaves().collect(), newlines }
    }

    /// Returns the value that an offset is inside of, or the one whose comment it is in. That is a
    /// value before it on its line, else the next one, else the last. Returns `true`, too, if the
    /// offset is outside of a value. The root is returned if there are no values.
    fn of(&self, offset: usize) -> (u32, bool) {
        let span = |leaf: u32| self.document.index().node(leaf).span.range();
        let line = |offset| self.newlines.partition_point(|newline| *newline < offset);
        let i = self.leaves.partition_point(|&leaf| span(leaf).start <= offset);
        let before = i.checked_sub(1).map(|i| self.leaves[i]);
        let next = self.leaves.get(i).copied();
        match before {
            Some(leaf) if span(leaf).contains(&offset) => (leaf, false),
            Some(leaf) if line(span(leaf).end) == line(offset) || next.is_none() => (leaf, true),
            _ => (next.unwrap_or(ROOT), true),
        }
    }
}
