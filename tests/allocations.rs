//! The number of allocations has a small limit that does not depend on the number of keys.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/probe.rs"]
mod probe;

use std::fmt::Write;

use secrets_toml::Document;

#[global_allocator]
static PROBE: probe::Probe = probe::Probe::new();

/// Makes a document of short keys, at the root.
fn flat(keys: usize) -> String {
    (0..keys).fold(String::new(), |mut text, i| {
        writeln!(text, "K{i}=\"{i}\"").unwrap();
        text
    })
}

/// Makes a document of keys of every kind, in sections and arrays.
fn mixed(keys: usize) -> String {
    (0..keys.div_ceil(5)).fold(String::new(), |mut text, i| {
        writeln!(text, "[[s.t{}]]\na = \"\\t{i}\"\nb.c = {i}\nl = [1.5, {{ k = ''}}]", i % 7)
            .unwrap();
        text
    })
}

/// Makes a document of one array.
fn elements(count: usize) -> String {
    format!("l = [{}]", "1, ".repeat(count))
}

#[test]
fn parse_allocates_at_most_eight_times_and_resizes_once() {
    for shape in [flat, mixed, elements] {
        for keys in [5, 48, 1_500, 60_000] {
            let text = shape(keys);
            let (document, report) = probe::during(|| Document::parse(text.as_str()).unwrap());
            assert!(report.allocations <= 8, "{keys} keys: {report:?}");
            assert!(report.reallocations <= 1, "{keys} keys: {report:?}");
            drop(document);
        }
    }
}

/// A document has a second buffer only if the text of a key or a value differs from its content.
#[test]
fn verbatim_text_needs_no_second_buffer() {
    let allocations = |text: &str| probe::during(|| Document::parse(text).unwrap()).1.allocations;
    let content = "some words, for each block of sixteen bytes: \t~";
    let least = allocations("k = 1");
    for verbatim in [
        format!("k = \"{content}\"\n'{content}' = 1"),
        format!("k = '{content}\\n'\n\"{content}\" = 1"),
        format!("k = \"\"\"\n{content}\n{content}\"\"\""),
        format!("k = '''\n{content}\\n\n{content}'''"),
        "k = 1_000".to_owned(),
        "k = 1.5".to_owned(),
    ] {
        assert_eq!(allocations(&verbatim), least, "{verbatim}");
    }
    for decoded in ["k = \"\\n\"", "k = \"\"\"\r\n\"\"\"", "k = '''a\r\n'''", "k = 1_0.5"] {
        assert_eq!(allocations(decoded), least + 1, "{decoded:?}");
    }
}

#[test]
fn env_allocates_at_most_four_times() {
    for keys in [5, 48, 1_500, 60_000] {
        let document = Document::parse(flat(keys)).unwrap();
        let (env, report) = probe::during(|| document.env().unwrap());
        assert_eq!(env.len(), keys);
        assert!(report.allocations + report.reallocations <= 4, "{keys} keys: {report:?}");
    }
}
