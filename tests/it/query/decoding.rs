//! Decoding gives the same as `form_urlencoded`, if the bytes are UTF-8.

use proptest::prelude::*;
use secrets_toml::{Document, OverrideError, Overrides, Parameter};

/// Names of parameters, some with characters that are encoded.
const NAMES: [&str; 5] = ["a", "b", "é", "a b", "%+"];

/// Parts of queries. None has a U+FFFD, so if `form_urlencoded` returns one, bytes were not UTF-8.
const PARTS: [&str; 48] = [
    "a=",
    "&a=",
    "&b=",
    "é=",
    "&%C3%A9=",
    "&a+b=",
    "&a%20b=",
    "&%25%2B=",
    "a",
    "b",
    "z",
    "A",
    "=",
    "==",
    "&",
    "&&",
    "+",
    "%",
    "%%",
    "%4",
    "%4g",
    "%g4",
    "%41",
    "%61",
    "%62",
    "%2",
    "%26",
    "%3D",
    "%25",
    "%2B",
    "%20",
    "%c3%a9",
    "%C3",
    "%A9",
    "%E2%82%AC",
    "%E2%82",
    "%F0%9F%98%80",
    "%F0%9F",
    "%FF",
    "%ED%A0%80",
    "%C0%80",
    "%00",
    "%0A",
    "?",
    "#",
    ";",
    "é",
    "😀",
];

/// Returns the expected value of each parameter: that of `form_urlencoded`, if the rules allow it.
fn expected(query: &str) -> Result<Vec<Option<String>>, &'static str> {
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let read = |name: &'static str| {
        let last = pairs.iter().rev().find(|(other, _)| other == name);
        let value = last.map_or("", |(_, value)| value);
        let blank = value.trim().is_empty();
        if value.contains('\u{FFFD}') || (value.contains(char::is_control) && !blank) {
            return Err(name);
        }
        Ok((!blank).then(|| value.to_owned()))
    };
    NAMES.into_iter().map(read).collect()
}

fn read(query: &str) -> Result<Vec<Option<String>>, OverrideError> {
    let allow = |overrides: Overrides, name| overrides.allow(Parameter::new(name, name));
    let overrides = NAMES.into_iter().fold(Overrides::new(), allow);
    let env = Document::parse("").unwrap().env().unwrap().override_with(&overrides, query)?;
    Ok(NAMES.iter().map(|name| env.get(name).map(str::to_owned)).collect())
}

#[track_caller]
fn assert_equal(query: &str) {
    match (read(query), expected(query.strip_prefix('?').unwrap_or(query))) {
        (Ok(read), Ok(expected)) => assert_eq!(read, expected, "{query}"),
        (Err(error), Err(name)) => assert_eq!(error.parameter(), Some(name), "{query}: {error}"),
        (read, expected) => panic!("{query}: {read:?}, not {expected:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(25_000) })]

    #[test]
    fn equals_form_urlencoded(parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 0..12)) {
        assert_equal(&parts.concat());
    }
}

#[test]
fn the_edges() {
    for query in [
        "",
        "?",
        "??a=x",
        "?a=x",
        "a",
        "a=",
        "=x",
        "a=x=y",
        "a=%",
        "a=%4",
        "a=%%41",
        "a=+",
        "a=%2B",
        "a=%C3%A9",
        "a=%c3é",
        "a=é%a9",
        "a=%C3x%A9",
        "a=%C3+%A9",
        "a=x%F0%9F%98%80y",
        "a=%F0%9F%98",
        "a=%EF%BB%BFx",
        "%61=x",
        "a&a=x",
        "a=x&a",
        "&&a=x&&",
        "a;b=x",
        "a=x;b=y",
        "a=x#b",
        "a%3Dx",
        "%C3%A9=x",
        "%C3=x&a=y",
        "a b=x",
        "a+b=x",
        "%2525=x",
        "%25%2B=x",
        "a=%F4%90%80%80",
    ] {
        assert_equal(query);
    }
}

#[test]
fn a_control_of_the_comparison() {
    // Each of the three results occurs.
    assert_eq!(expected("a=%C3%A9+%2B").unwrap()[0].as_deref(), Some("é +"));
    assert_eq!(expected("b=x&a=%FF"), Err("a"));
    assert_eq!(expected("a=x&a=+").unwrap()[0], None);
}
