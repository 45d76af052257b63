//! The update of a document by a form that shows no value and was filled in.

mod form;
mod prefill;
mod sections;
mod texts;

use std::collections::HashMap;
use std::sync::Arc;

use crate::document::{Document, MAX_LEN};
use crate::marker::{Marked, Marker};
use crate::role;
use crate::template::Template;
use crate::template::schema::Schema;
use crate::text::wiped::Wiped;
pub use crate::update::prefill::Prefilled;
use crate::validate::{self, Invalid, Secrets};

impl Document {
    /// Checks a form of `current` that was filled in again, without a template: each marker stands
    /// for a value of `current`. The rules are those of
    /// [`Template::validate_update`](crate::Template::validate_update).
    ///
    /// # Errors
    ///
    /// [`Invalid`] with every finding, at its place in `self`, and with `self` as it was.
    pub fn validate_update(self, current: &Self) -> Result<Secrets, Invalid> {
        validate(self, current, None)
    }
}

impl Template {
    /// Checks a form that was made from `current` without showing its values, by
    /// [`Prefilled::form`] or [`Document::form`], and filled in again. Each marker in `entered` is
    /// replaced by the value that it stands for, as it is written in `current`; then the whole is
    /// checked.
    ///
    /// - A marker is the whole value, and keeps a value from the same path. `"<unchanged>"` stands
    ///   for it outside arrays of tables. Inside them a marker has a number, which is the value's
    ///   place among all variables of `current`, and positions make no difference: it moves with its
    ///   block, so blocks can be deleted, appended, reordered and copied.
    /// - A marker that keeps no value is [`Unkept`](crate::FindingKind::Unkept), an error.
    /// - A blank is a blank, and refused as everywhere. A variable is removed by removing its line.
    /// - The whole has at most [`MAX_LEN`](crate::MAX_LEN) bytes, too: what would make it longer is
    ///   [`TooLong`](crate::FindingKind::TooLong).
    ///
    /// `current` must be the document that the form was made from: numbers mean nothing in another.
    /// A service compares the revision that its form carries before it calls this.
    ///
    /// # Errors
    ///
    /// [`Invalid`] with every finding, at its place in `entered`, and with `entered` as it was: no
    /// value of `current` was put into it, so the form can be shown again.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::{Document, Template};
    ///
    /// let current = Document::parse("PAT = 'hunter2'\nOLD = 1\n")?;
    /// let template = Template::parse("# New in version 2.\nURL = \"\"\n\nPAT = \"\"")?;
    /// let prefilled = template.prefill(&current)?;
    /// assert_eq!(prefilled.form(), "# New in version 2.\nURL = \"\"\n\nPAT = \"<unchanged>\"");
    ///
    /// let invalid = template.validate_update(Document::parse(prefilled.form())?, &current).unwrap_err();
    /// let findings: Vec<_> = invalid.findings().map(|finding| finding.to_string()).collect();
    /// assert_eq!(findings, ["line 2, column 7: `URL` is blank: the template expects a value"]);
    ///
    /// let entered = prefilled.form().replace("URL = \"\"", "URL = \"https://example.com\"");
    /// let secrets = template.validate_update(Document::parse(entered)?, &current)?;
    /// assert_eq!(secrets.get("PAT").and_then(|value| value.as_str()), Some("hunter2"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn validate_update(
        &self,
        entered: Document,
        current: &Document,
    ) -> Result<Secrets, Invalid> {
        validate(entered, current, Some(&self.0))
    }
}

/// Checks a document whose markers stand for the values of another.
fn validate(
    entered: Document,
    current: &Document,
    template: Option<&Arc<Schema>>,
) -> Result<Secrets, Invalid> {
    let kept = kept(&entered, current);
    if kept.is_empty() {
        return validate::validate(entered, template);
    }
    // Markers may be copied, so that much more may be kept than was entered.
    let text = entered.expose_text();
    let marker = |node| entered.raw(node).len();
    let grown = kept.iter().map(|(_, value)| value.len()).sum::<usize>();
    if text.len() - kept.iter().map(|&(node, _)| marker(node)).sum::<usize>() + grown > MAX_LEN {
        let longest = kept.iter().max_by_key(|(_, value)| value.len());
        let &(node, _) = longest.expect("something is kept");
        return Err(Invalid::too_long(entered, node));
    }
    let mut pieces = Vec::with_capacity(2 * kept.len() + 1);
    let mut end = 0;
    for &(node, value) in &kept {
        let span = entered.index().node(node).span.range();
        pieces.extend([&text[end..span.start], value]);
        end = span.end;
    }
    pieces.push(&text[end..]);
    let filled = Document::read_wiped(Wiped::concat(&pieces));
    let filled = filled.expect("a value that was read is read again as deep");
    validate::validate(filled, template)
        .map_err(|invalid| invalid.moved_to(entered, |node| is_kept(&kept, node)))
}

fn is_kept(kept: &[(u32, &str)], node: u32) -> bool {
    kept.binary_search_by_key(&node, |&(node, _)| node).is_ok()
}

/// The variables whose markers keep a value, in the order of the text, each with the value as it is
/// written.
fn kept<'a>(entered: &Document, current: &'a Document) -> Vec<(u32, &'a str)> {
    let Marked { repeated, variables, .. } = Marked::new(entered);
    let read = |&node: &u32| Some((node, Marker::read(role::string(entered, node)?)?));
    let markers: Vec<(u32, Marker)> = variables.iter().filter_map(read).collect();
    if markers.is_empty() {
        return Vec::new();
    }
    let marked = Marked::new(current);
    let (mut known, mut places) = (HashMap::new(), Vec::new());
    let paths = paths(current, |from, step| {
        let next = known.len() as u32 + 1;
        Some(*known.entry((from, step)).or_insert(next))
    });
    let entered_paths = self::paths(entered, |from, step| known.get(&(from, step)).copied());
    // Outside arrays of tables one variable has a path.
    places.resize(known.len() + 1, None);
    for &node in marked.variables.iter().filter(|&&node| !marked.repeated[node as usize]) {
        places[paths[node as usize].unwrap_or(0) as usize] = Some(node);
    }
    let source = |node: u32, marker| {
        let path = entered_paths[node as usize]?;
        match marker {
            Marker::Plain => places[path as usize],
            Marker::Numbered(number) if repeated[node as usize] => {
                let &source = marked.variables.get(number - 1)?;
                (paths[source as usize] == Some(path)).then_some(source)
            }
            _ => None,
        }
    };
    markers
        .into_iter()
        .filter_map(|(node, marker)| Some((node, source(node, marker)?)))
        .filter(|&(_, source)| !role::is_blank(current, source))
        .map(|(node, source)| (node, current.raw(source)))
        .collect()
}

/// A number for the path of every node, the same for paths that differ in positions alone: each key
/// is looked at once, however many paths it is part of. `None` steps over a position; the root is 0.
fn paths<'a>(
    document: &'a Document,
    mut step: impl FnMut(u32, Option<&'a str>) -> Option<u32>,
) -> Vec<Option<u32>> {
    let index = document.index();
    let mut paths = Vec::with_capacity(index.len() as usize);
    paths.push(Some(0));
    for node in 1..index.len() {
        let key = (!index.is_element(node)).then(|| document.key(node));
        let parent: Option<u32> = paths[index.node(node).parent as usize];
        paths.push(parent.and_then(|parent| step(parent, key)));
    }
    paths
}
