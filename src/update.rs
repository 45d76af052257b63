//! Updates: a form with markers in the place of values is filled in and checked.

mod form;
mod prefill;
mod sections;
mod shown;
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
    /// Checks a filled-in form of `current`, without a template.
    ///
    /// Each marker in `self` is replaced by the value of `current` that it keeps. The rules are
    /// those of [`Template::validate_update`]. [`Document::form`] makes the form, and its example
    /// shows an update.
    ///
    /// # Errors
    ///
    /// Returns [`Invalid`] if any finding is an error. It holds every finding, at its place in
    /// `self`, and `self` with its markers.
    pub fn validate_update(self, current: &Self) -> Result<Secrets, Invalid> {
        validate(self, current, None)
    }
}

impl Template {
    /// Checks a filled-in form that was made from `current` by [`Prefilled::form`] or
    /// [`Document::form`].
    ///
    /// Each marker in `entered` is replaced by the value of `current` that it keeps, as `current`
    /// writes it. The result is then checked like any other document.
    ///
    /// - A marker must be the whole value.
    /// - Outside arrays of tables, the marker is `"<unchanged>"`. It keeps the value at the same
    ///   path.
    /// - Inside an array of tables, a marker has a number, as in `"<unchanged 3>"`: the position of
    ///   the kept value among all variables of `current`, counted from 1. The two paths must be the
    ///   same, but may differ in positions: `users[0].pw` may keep the value of `users[2].pw`. So
    ///   an author may delete, append, reorder and copy the blocks of the array.
    /// - Any other marker is an error of the kind [`Unkept`](crate::FindingKind::Unkept).
    /// - A blank string does not keep a value, and is rejected as in any document. To remove a
    ///   variable, the author removes its line.
    /// - If the kept values make the text longer than [`MAX_LEN`](crate::MAX_LEN), that is an error
    ///   of the kind [`TooLong`](crate::FindingKind::TooLong).
    ///
    /// `current` must be the document that the form was made from, because numbers refer to its
    /// variables. This is not checked. A service stores the document's revision in the form and
    /// compares it first.
    ///
    /// # Errors
    ///
    /// Returns [`Invalid`] if any finding is an error. It holds every finding, at its place in
    /// `entered`, and `entered` with its markers. It holds no value of `current`, so the form can
    /// be shown again.
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

/// Replaces the markers of `entered` by the values of `current`, and checks the result.
fn validate(
    entered: Document,
    current: &Document,
    template: Option<&Arc<Schema>>,
) -> Result<Secrets, Invalid> {
    let kept = kept_values(&entered, current);
    if kept.is_empty() {
        return validate::validate(entered, template);
    }
    // An author may copy a marker, so the kept values may be much longer than the entered text.
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

/// The markers that keep a value, in the order of the text: the node of `entered`, and the value as
/// `current` writes it.
fn kept_values<'a>(entered: &Document, current: &'a Document) -> Vec<(u32, &'a str)> {
    let Marked { repeated, variables, .. } = Marked::new(entered);
    let read = |&node: &u32| Some((node, Marker::read(role::string(entered, node)?)?));
    let markers: Vec<(u32, Marker)> = variables.iter().filter_map(read).collect();
    if markers.is_empty() {
        return Vec::new();
    }
    let marked = Marked::new(current);
    // Every path of `current` gets a number. A path that only `entered` has gets none.
    let mut numbers = HashMap::new();
    let current_paths = path_numbers(current, |parent, key| {
        let next = numbers.len() as u32 + 1;
        Some(*numbers.entry((parent, key)).or_insert(next))
    });
    let entered_paths = path_numbers(entered, |parent, key| numbers.get(&(parent, key)).copied());
    // For the number of each path outside arrays of tables, the one variable at that path.
    let mut variable_at = vec![None; numbers.len() + 1];
    for &node in marked.variables.iter().filter(|&&node| !marked.repeated[node as usize]) {
        variable_at[current_paths[node as usize].unwrap_or(0) as usize] = Some(node);
    }
    let source = |node: u32, marker| {
        let path = entered_paths[node as usize]?;
        match marker {
            Marker::Plain => variable_at[path as usize],
            // The same path is required, so that nobody can move a secret to a variable whose value
            // a form shows.
            Marker::Numbered(number) if repeated[node as usize] => {
                let &source = marked.variables.get(number - 1)?;
                (current_paths[source as usize] == Some(path)).then_some(source)
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

/// The path of every node as a number. Paths that differ only in positions, such as `users[0].name`
/// and `users[1].name`, have the same number. The root has 0.
///
/// `number` gives the number of the path that is one step longer than a parent's: a key, or `None`
/// for any position. Numbers keep this linear, since each key is hashed once. Whole paths would
/// repeat a long key in the path of everything below it.
fn path_numbers<'a>(
    document: &'a Document,
    mut number: impl FnMut(u32, Option<&'a str>) -> Option<u32>,
) -> Vec<Option<u32>> {
    let index = document.index();
    let mut paths = Vec::with_capacity(index.len() as usize);
    paths.push(Some(0));
    for node in 1..index.len() {
        let key = (!index.is_element(node)).then(|| document.key(node));
        let parent: Option<u32> = paths[index.node(node).parent as usize];
        paths.push(parent.and_then(|parent| number(parent, key)));
    }
    paths
}
