//! The comments of a template, and the keys that they belong to.
//!
//! Only this file uses `toml_edit`, which copies the text. A template is public, so that is safe; a
//! document is not read with it.

use std::ops::Range;

use toml_edit::{InlineTable, Item, RawString, Table, TableLike, Value};

use crate::document::Document;
use crate::document::index::Kind;

/// The comments of a template, as `toml_edit` assigns them to keys.
pub(super) struct Comments<'t> {
    text: &'t str,
    /// The spans of each key or header and of the text between it and the previous expression, in
    /// the order of the text.
    before: Vec<(Range<usize>, Range<usize>)>,
}

/// The meaning of a key's comments.
pub(super) struct Comment {
    pub(super) description: Option<Box<str>>,
    pub(super) optional: bool,
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
            return Comment { description: None, optional: false };
        }
        let key = node.key_span.range();
        let header = node.kind == Kind::Table;
        let i = self.before.partition_point(|(expression, _)| expression.start <= key.start);
        let above = match i.checked_sub(1).map(|i| &self.before[i]) {
            Some((expression, before)) if expression.contains(&key.start) => {
                self.block_above(before.clone())
            }
            _ => Vec::new(),
        };
        let after =
            self.comment_after(if header { key.end } else { node.span.range().end }, header);

        let optional =
            above.iter().chain(&after).any(|line| words(line).any(|word| is_optional(&word)));
        let description = describe(&above).or_else(|| describe(after.as_slice()));
        Comment { description, optional }
    }

    /// The comment lines directly above an expression. `before` is the text since the previous one.
    fn block_above(&self, before: Range<usize>) -> Vec<&'t str> {
        let text = &self.text[before.clone()];
        // In an inline table, the first line is the rest of another key's line.
        let whole = before.start == 0 || self.text[..before.start].ends_with(['\n', '\u{feff}']);
        let mut lines: Vec<_> = text.split('\n').skip(usize::from(!whole)).map(str::trim).collect();
        // The last part is white space before the key on its own line.
        lines.pop();
        // Comments above a blank line do not belong to the key.
        let start = lines.iter().rposition(|line| !line.starts_with('#')).unwrap_or(0);
        lines.split_off(start)
    }

    /// The comment after a value or a header, on its line.
    fn comment_after(&self, end: usize, header: bool) -> Option<&'t str> {
        let close: &[char] = if header { &[' ', '\t', ']'] } else { &[' ', '\t', ','] };
        let rest = self.text[end..].trim_start_matches(close);
        rest.starts_with('#').then(|| rest.lines().next().unwrap_or_default().trim())
    }
}

/// The text of comment lines, without `#` and `@optional`. Returns `None` if nothing is left.
fn describe(lines: &[&str]) -> Option<Box<str>> {
    let mut description = String::new();
    for line in lines {
        let line = line.trim_start_matches('#').trim();
        if words(line).any(|word| is_optional(&word)) {
            let left: Vec<_> = words(line).filter(|word| !is_optional(word)).collect();
            if left.is_empty() {
                continue;
            }
            description.push_str(&left.join(" "));
        } else {
            description.push_str(line);
        }
        description.push('\n');
    }
    let description = description.trim();
    (!description.is_empty()).then(|| description.into())
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.trim_start_matches('#').split_whitespace()
}

/// Returns `true` for `@optional`, with or without the punctuation of a sentence after it.
fn is_optional(word: &&str) -> bool {
    word.trim_end_matches(['.', ',', ':', ';']) == "@optional"
}
