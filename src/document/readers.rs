//! Each reader alone, for the law and the benches that compare them. This module exists only under `--cfg
//! secrets_toml_readers`. It is not part of the public interface.

use std::fmt::Debug;

use crate::document::error::ParseError;
use crate::document::{Document, fast};
use crate::text::wiped::Wiped;

/// Reads a text with the fast reader, which gives up at what is not plain.
#[must_use]
pub fn fast(text: &str) -> Option<Document> {
    let text = Wiped::new(text.to_owned());
    let (index, decoded) = fast::read(&text)?;
    Some(Document { text, decoded, index })
}

/// Reads a text with the careful reader.
///
/// # Errors
///
/// Same as [`Document::parse`].
pub fn careful(text: &str) -> Result<Document, ParseError> {
    Document::read_carefully(Wiped::new(text.to_owned()))
}

/// Returns the nodes of a document, each with its children.
#[must_use]
pub fn nodes(document: &Document) -> Vec<impl PartialEq + Debug> {
    let index = document.index();
    (0..index.len()).map(|node| (*index.node(node), index.children(node).to_vec())).collect()
}

/// Returns the second buffer.
#[must_use]
pub fn decoded(document: &Document) -> &str {
    &document.decoded
}

/// Looks up each key in the table that has it, and in the one of the node before, which seldom has it.
#[must_use]
pub fn look_ups(document: &Document) -> Vec<[Option<u32>; 2]> {
    let index = document.index();
    let parent = |node: u32| index.node(node).parent;
    let keys = (1..index.len()).filter(|&node| !index.is_element(node));
    let look_up = |node| {
        [parent(node), parent(node - 1)].map(|table| document.child(table, document.key(node)))
    };
    keys.map(look_up).collect()
}
