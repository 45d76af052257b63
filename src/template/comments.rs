//! The comments of a template, and the keys that they belong to.
//!
//! Only this file uses `toml_edit`, which copies the text. A template is public, so that is safe; a
//! document is not read with it.

use std::ops::Range;

use toml_edit::{InlineTable, Item, RawString, Table, TableLike, Value};

use crate::document::Document;
use crate::document::index::Kind;
use crate::template::words::{Comment, Line};
use crate::text::bytes::is_bare;

/// The comments of a template, as `toml_edit` assigns them to keys.
pub(super) struct Comments<'t> {
    text: &'t str,
    /// The spans of each key or header and of the text between it and the previous expression, in
    /// the order of the text.
    before: Vec<(Range<usize>, Range<usize>)>,
}

impl<'t> Comments<'t> {
    pub(super) fn read(text: &'t str) -> Self {
        let mut comments = Self { text, before: Vec::new() };
        // The text was parsed before, and below our limits `toml_edit` accepts the same texts.
        if let Ok(document) = toml_edit::Document::parse(text) {
            comments.collect_table(document.as_table());
        }
        comments.before.sort_unstable_by_key(|(expression, _)| expression.start);
        comments
    }

    fn collect_table(&mut self, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let Some((key, _)) = table.get_key_value(name) else { continue };
            match item {
                Item::Table(table) => self.collect_header(table),
                Item::ArrayOfTables(array) => {
                    for table in array {
                        self.collect_header(table);
                    }
                }
                Item::Value(value) => {
                    // A table that a dotted key creates has no line of its own.
                    if !value.as_inline_table().is_some_and(InlineTable::is_dotted) {
                        self.push(key.span(), key.leaf_decor().prefix());
                    }
                    self.collect_value(value);
                }
                Item::None => {}
            }
        }
    }

    fn collect_header(&mut self, table: &Table) {
        if !table.is_implicit() {
            self.push(table.span(), table.decor().prefix());
        }
        self.collect_table(table);
    }

    fn collect_value(&mut self, value: &Value) {
        match value {
            Value::InlineTable(table) => self.collect_table(table),
            Value::Array(array) => array.iter().for_each(|value| self.collect_value(value)),
            _ => {}
        }
    }

    fn push(&mut self, expression: Option<Range<usize>>, before: Option<&RawString>) {
        if let (Some(expression), Some(before)) = (expression, before.and_then(RawString::span)) {
            self.before.push((expression, before));
        }
    }

    /// The comment of a key, or of a table that a header opens. Other nodes have none.
    pub(super) fn of(&self, document: &Document, id: u32) -> Comment {
        let index = document.index();
        let node = index.node(id);
        let in_array = index.node(node.parent).kind == Kind::Array;
        if index.is_implicit(id) || in_array {
            return Comment::default();
        }
        let key = node.key_span.range();
        let header = node.kind == Kind::Table;
        let i = self.before.partition_point(|(expression, _)| expression.start <= key.start);
        let above = match i.checked_sub(1).map(|i| &self.before[i]) {
            Some((expression, before)) if expression.contains(&key.start) => {
                self.block_above(before.clone(), document.key(id))
            }
            _ => Vec::new(),
        };
        let after =
            self.comment_after(if header { key.end } else { node.span.range().end }, header);
        Comment::read(&above, after)
    }

    /// The comment lines directly above an expression. `before` is the text since the previous one,
    /// `key` is the expression's key.
    fn block_above(&self, before: Range<usize>, key: &str) -> Vec<Line<'t>> {
        let text = &self.text[before.clone()];
        // In an inline table, the first line is the rest of another key's line.
        let whole = before.start == 0 || self.text[..before.start].ends_with(['\n', '\u{feff}']);
        let mut lines = Vec::new();
        let mut start = before.start;
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            lines.push(Line { start, text: line });
            start += line.len();
        }
        let first = usize::from(!whole).min(lines.len());
        // Comments above a blank line do not belong to the key.
        let is_comment = |line: &Line<'_>| line.text.trim_start().starts_with('#');
        let blank = lines.iter().rposition(|line| !is_comment(line)).map_or(0, |i| i + 1);
        let mut lines = lines.split_off(blank.max(first));
        for line in &mut lines {
            *line = content(*line);
        }
        // Comments above a commented-out key belong to that one.
        let is_other = |line: &Line<'_>| commented_out(line.text).is_some_and(|other| other != key);
        let other = lines.iter().rposition(is_other).map_or(0, |i| i + 1);
        let mut lines = lines.split_off(other);
        if matches!(&self.text[..before.start], "" | "\u{feff}") {
            let head = lines.iter().take_while(|line| is_head(line.text)).count();
            lines.drain(..head);
        }
        lines.retain(|line| !is_decoration(line.text) && commented_out(line.text).is_none());
        lines
    }

    /// The comment after a value or a header, on its line.
    fn comment_after(&self, end: usize, header: bool) -> Option<Line<'t>> {
        let close: &[char] = if header { &[' ', '\t', ']'] } else { &[' ', '\t', ','] };
        let rest = self.text[end..].trim_start_matches(close);
        // The end of the line is not searched for each of the values on it.
        if !rest.starts_with('#') {
            return None;
        }
        let start = self.text.len() - rest.len();
        Some(content(Line { start, text: rest.lines().next()? }))
    }
}

/// A line without `#`, and without white space at its end.
fn content(line: Line<'_>) -> Line<'_> {
    let text = line.text.trim_start().trim_start_matches('#');
    Line { start: line.start + line.text.len() - text.len(), text: text.trim_end() }
}

/// Returns `true` for a line at the start of a file that is about the file: it names a TOML file, is
/// for an editor or the system, has a license, or has no letters.
fn is_head(line: &str) -> bool {
    let lower = line.to_lowercase();
    let is_name = |word: &str| {
        word.trim_matches(|c: char| !c.is_alphanumeric() && c != '.').contains(".toml")
    };
    let first = lower.trim_start();
    lower.split_whitespace().any(is_name)
        || first.starts_with(['!', ':'])
        || ["-*-", "vim:", "coding:", "copyright", "spdx-", "licensed under", "license:", "©"]
            .iter()
            .any(|start| first.starts_with(start))
        || is_decoration(line)
}

/// Returns `true` for a line of punctuation: `======`.
fn is_decoration(line: &str) -> bool {
    let line = line.trim();
    line.chars().nth(2).is_some() && !line.contains(char::is_alphanumeric)
}

/// Returns the last part of the key of a line such as `KEY = "v"`, or a whole `[header]`.
///
/// The text after the `=` must begin like a value, since a sentence may hold a `=`, too.
fn commented_out(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.starts_with('[') && line.ends_with(']') {
        let name = line.trim_start_matches('[').trim_end_matches(']').trim();
        return (!name.is_empty() && name.bytes().all(|byte| is_bare(byte) || byte == b'.'))
            .then_some(line);
    }
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim(), value.trim_start());
    let is_key = !key.is_empty()
        && key.bytes().all(|byte| is_bare(byte) || matches!(byte, b'.' | b'"' | b'\''));
    let is_value = value.starts_with(['"', '\'', '[', '{', '+', '-'])
        || value.starts_with(|c: char| c.is_ascii_digit())
        || ["true", "false", "inf", "nan"].contains(&value.split([' ', '#']).next()?);
    let name = key.rsplit('.').next().unwrap_or(key).trim_matches(['"', '\'']);
    (is_key && is_value).then_some(name)
}
