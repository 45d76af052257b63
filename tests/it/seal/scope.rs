//! The encoding of scopes: no two have the same, and nothing else has one.

use proptest::prelude::*;
use secrets_toml::seal::{Scope, ScopeError};

fn scope(components: &[String]) -> Result<Scope, ScopeError> {
    let mut scope = Scope::module(&components[0])?;
    if let Some(version) = components.get(1) {
        scope = scope.version(version)?;
    }
    if let Some(install) = components.get(2) {
        scope = scope.install(install)?;
    }
    Ok(scope)
}

/// Every way to split a text into one, two or three components.
fn splits(text: &str) -> Vec<Vec<String>> {
    let cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).collect();
    let mut splits = vec![vec![text.to_owned()]];
    for (i, &first) in cuts.iter().enumerate() {
        splits.push(vec![text[..first].to_owned(), text[first..].to_owned()]);
        for &second in &cuts[i + 1..] {
            let parts = [&text[..first], &text[first..second], &text[second..]];
            splits.push(parts.map(str::to_owned).to_vec());
        }
    }
    splits
}

proptest! {
    #[test]
    fn two_splits_of_one_text_are_two_scopes(text in "[a-c\u{e9}/\0-\u{2}]{1,9}") {
        let mut seen = std::collections::HashMap::new();
        for components in splits(&text) {
            let Ok(scope) = scope(&components) else { continue };
            prop_assert_eq!(scope.components().collect::<Vec<_>>(), components.clone());
            prop_assert_eq!(&Scope::from_bytes(scope.as_bytes()).unwrap(), &scope);
            prop_assert_eq!(seen.insert(scope.as_bytes().to_vec(), components), None);
        }
    }

    #[test]
    fn components_are_accepted_by_their_rule(component in "\\PC{0,3}[ \t\u{a0}\u{85}]?\\PC{0,3}") {
        let rule = !component.is_empty()
            && component.len() <= 255
            && !component.contains(char::is_control)
            && !component.starts_with(char::is_whitespace)
            && !component.ends_with(char::is_whitespace);
        prop_assert_eq!(Scope::module(&component).is_ok(), rule);
    }

    #[test]
    fn what_is_read_is_what_was_written(mut bytes in prop::collection::vec(0..6_u8, 0..16)) {
        // Letters in the places of a component.
        for byte in bytes.iter_mut().skip(3) {
            *byte = if *byte > 3 { b'a' } else { *byte };
        }
        if let Ok(scope) = Scope::from_bytes(&bytes) {
            prop_assert_eq!(scope.as_bytes(), &bytes[..]);
        }
    }
}

#[track_caller]
fn refused(result: Result<Scope, ScopeError>, message: &str) {
    assert_eq!(result.unwrap_err().to_string(), message);
}

#[test]
fn bad_components_say_why() {
    let module = Scope::module("chat").unwrap();
    let version = module.version("1").unwrap();
    let install = version.install("acme").unwrap();
    refused(Scope::module(""), "the module is empty");
    refused(module.version(&"v".repeat(256)), "the version has 256 bytes; at most 255 are allowed");
    refused(Scope::module(&"é".repeat(128)), "the module has 256 bytes; at most 255 are allowed");
    refused(version.install("a\nb"), "the install has a control character");
    refused(version.install("a\u{7f}"), "the install has a control character");
    refused(module.version(" 1"), "the version has white space at its start or end");
    refused(module.version("1\u{3000}"), "the version has white space at its start or end");
    refused(module.install("acme"), "an install belongs to a version, and this is a module");
    refused(install.install("acme"), "an install belongs to a version, and this is an install");
    refused(version.version("2"), "a version belongs to a module, and this is a version");
    assert!(Scope::module(&"m".repeat(255)).is_ok());
    assert!(Scope::module("a b").is_ok());
}

#[test]
fn bytes_that_are_no_scope_are_refused() {
    let message = "these bytes are not the encoding of a scope";
    let good = Scope::module("chat").and_then(|module| module.version("1")).unwrap();
    for kind in [0x00, 0x04, 0x7E, 0x7F, 0xFF] {
        let mut bytes = good.as_bytes().to_vec();
        bytes[0] = kind;
        refused(Scope::from_bytes(&bytes), message);
    }
    for len in 0..good.as_bytes().len() {
        assert!(Scope::from_bytes(&good.as_bytes()[..len]).is_err(), "{len} bytes");
    }
    refused(Scope::from_bytes(&[good.as_bytes(), b"\0"].concat()), message);
    refused(Scope::from_bytes(b"\x01\0\x01\xFF"), message);
    refused(Scope::from_bytes(b"\x01\0\0"), "the component is empty");
}

#[test]
fn scopes_sort_by_kind_then_length_then_bytes() {
    let module = |name| Scope::module(name).unwrap();
    let version = module("a").version("1").unwrap();
    let sorted = [module("z"), module("aa"), module("ab"), version];
    assert!(sorted.is_sorted());
}

#[test]
fn a_scope_is_shown_with_slashes() {
    let module = |name| Scope::module(name).unwrap();
    let install = module("chat").version("1.2.0").unwrap().install("acme").unwrap();
    assert_eq!(install.to_string(), "chat/1.2.0/acme");
    for (name, shown) in [
        ("a b.c-d_é", "a b.c-d_é"),
        ("a/b", r#""a/b""#),
        ("a\"b", r#""a\"b""#),
        (r"a\b", r#""a\\b""#),
        ("a\u{202e}b", r#""a\u202Eb""#),
        ("a\u{e0041}b", r#""a\U000E0041b""#),
    ] {
        assert_eq!(module(name).to_string(), shown);
        assert_eq!(module(name).version(name).unwrap().to_string(), format!("{shown}/{shown}"));
    }
}

proptest! {
    #[test]
    fn no_two_scopes_look_the_same(text in "[ab/\"\\\\\u{202e}]{1,9}") {
        let mut seen = std::collections::HashMap::new();
        for components in splits(&text) {
            let shown = scope(&components).unwrap().to_string();
            prop_assert_eq!(shown.find('\u{202e}'), None);
            prop_assert_eq!(seen.insert(shown, components), None);
        }
    }
}
