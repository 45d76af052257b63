//! No text overflows the stack, however deeply it is nested. Each is read, validated, deserialized
//! and dropped in a thread with a small stack.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

use std::thread;

use secrets_toml::{Document, MAX_DEPTH, Prefilled, Template};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The size of the stack, in bytes.
const STACK: usize = if cfg!(debug_assertions) { 1024 * 1024 } else { 256 * 1024 };

/// A type that deserializes a value of any depth.
#[derive(Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "only read into")]
enum Tree {
    Table(std::collections::BTreeMap<String, Self>),
    Array(Vec<Self>),
    Leaf(IgnoredAny),
}

/// Puts a text through all of it, and returns `true` if the text was accepted.
fn go_through(text: String) -> bool {
    let run = move || {
        let template = Template::parse(&text);
        if let Ok(template) = &template {
            let document = Document::parse(text.as_str()).unwrap();
            drop(template.prefill(&document).map(Prefilled::into_document));
            match template.validate(document) {
                Ok(secrets) => drop(secrets.env()),
                Err(invalid) => drop(invalid.to_string()),
            }
        }
        match Document::parse(text) {
            Ok(document) => {
                drop(format!("{document:?}"));
                document.deserialize::<IgnoredAny>().unwrap();
                document.deserialize::<Tree>().unwrap();
                drop(document.for_streamlit(&document.env().unwrap()).unwrap());
                true
            }
            Err(error) => {
                drop(error.to_string());
                false
            }
        }
    };
    thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap()
}

/// Builds a key whose value is nested `depth` levels deep.
fn nested(open: &str, inner: &str, close: &str, levels: usize) -> String {
    format!("a={}{inner}{}\n", open.repeat(levels), close.repeat(levels))
}

#[test]
fn what_is_accepted() {
    let most = MAX_DEPTH - 1;
    assert!(go_through(nested("[", "1", "]", most)));
    assert!(go_through(nested("{a=", "1", "}", most)));
    assert!(go_through(nested("[{a=", "1", "}]", most / 2)));
    assert!(go_through(format!("a{}=1\n", ".a".repeat(most))));
    assert!(go_through(format!("[a{}]\nb=1\n", ".a".repeat(most - 1))));
    assert!(go_through(format!("[[a{}]]\nb=1\n", ".a".repeat(most - 2))));
}

#[test]
fn what_is_too_deep() {
    for levels in [MAX_DEPTH, 1_000, 30_000] {
        assert!(!go_through(nested("[", "1", "]", levels)));
        assert!(!go_through(nested("{a=", "1", "}", levels)));
        assert!(!go_through(nested("[{a=", "1", "}]", levels)));
        assert!(!go_through(format!("a{}=1\n", ".a".repeat(levels))));
        assert!(!go_through(format!("[a{}]\nb=1\n", ".a".repeat(levels))));
        assert!(!go_through(format!("[[a{}]]\nb=1\n", ".a".repeat(levels))));
    }
}

#[test]
fn what_never_closes() {
    for levels in [1_000, 200_000] {
        for unit in ["[", "{a=", "{a=[", "{ {},x=", "[ {},x=[", "[]]{}}", "{a.a=", "a.", "[["] {
            assert!(!go_through(nested(unit, "", "", levels)), "{unit}");
            assert!(!go_through(unit.repeat(levels)), "{unit}");
        }
    }
    // These brackets were too deep to be opened, so closing them must not free a level.
    let most = "[".repeat(MAX_DEPTH);
    assert!(!go_through(format!("a={most}{}", "[],[".repeat(200_000))));
    assert!(!go_through(format!("a={most}{}", "{},[".repeat(200_000))));
    let table = format!("{{a{}=", ".a".repeat(MAX_DEPTH - 1));
    assert!(!go_through(nested(&table, "1", "}", MAX_DEPTH)));
}
