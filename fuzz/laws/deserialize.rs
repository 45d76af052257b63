//! Deserializing a document succeeds or fails, and no error holds a value.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use secrets_toml::Document;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::texts::{CANARY, Text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    a: Option<u8>,
    #[serde(rename = "B_b")]
    b: Option<Choice>,
    c: Option<Vec<(bool, f32)>>,
    k0: Option<char>,
}

#[derive(Deserialize)]
enum Choice {
    Unit,
    New(i8),
    Struct { a: String },
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    #[serde(rename = "a")]
    Unit,
    #[serde(rename = "B_b")]
    New(u8),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Any {
    Number(u8),
    Table(BTreeMap<String, Self>),
    List(Vec<Self>),
}

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = Text::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let Ok(document) = Document::parse(text.render()) else { return };
    document.deserialize::<IgnoredAny>().expect("any document");
    is_silent::<Strict>(&document);
    is_silent::<BTreeMap<String, String>>(&document);
    is_silent::<BTreeMap<String, Choice>>(&document);
    is_silent::<BTreeMap<String, Any>>(&document);
    is_silent::<Vec<u8>>(&document);
    is_silent::<BTreeMap<u8, std::net::IpAddr>>(&document);
    is_silent::<BTreeMap<Key, IgnoredAny>>(&document);
    let count = document.deserialize::<BTreeMap<Name, IgnoredAny>>().expect("keys are text").len();
    assert_eq!(count, document.root().len());
}

fn is_silent<T: DeserializeOwned>(document: &Document) {
    if let Err(error) = document.deserialize::<T>() {
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
        assert!(error.line() >= 1 && error.column() >= 1);
    }
}
