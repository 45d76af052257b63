//! The markers in comments, and the descriptions that are left without them.

use secrets_toml::{Format, Template, Variable};

/// Parses a template of one variable, and passes it on.
#[track_caller]
fn of<T>(text: &str, f: impl FnOnce(Variable<'_>) -> T) -> T {
    let template = Template::parse(text).unwrap();
    f(template.variables().last().unwrap())
}

#[track_caller]
fn formats(comment: &str) -> Vec<Format> {
    of(&format!("# {comment}\nA = ''\n"), |variable| variable.formats().to_vec())
}

#[test]
fn a_marker_is_a_whole_word_in_any_case_with_punctuation_around_it() {
    for comment in [
        "@optional",
        "@OPTIONAL",
        "@Optional.",
        "(@optional)",
        "[@optional]",
        "**@optional**",
        "`@optional`",
        "_@optional_",
        "“@optional”",
        "（@optional）",
        "- @optional",
        "-@optional",
        "@optional:",
        "x, @optional;",
        "<@optional>",
        "@optional!",
        "@optional --",
    ] {
        let required = of(&format!("# {comment}\nA = ''\n"), |v| v.is_required());
        assert!(!required, "{comment}");
    }
    for comment in [
        "optional",
        "x@optional",
        "@optionally",
        "@optional/x",
        "@optional.example.com",
        "ada@optional",
        "@ optional",
        "@optional=yes",
        "@@optional",
        "@optional2",
    ] {
        let required = of(&format!("# {comment}\nA = ''\n"), |v| v.is_required());
        assert!(required, "{comment}");
    }
}

#[test]
fn each_format_is_read_with_its_argument() {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let abc = || Format::OneOf(texts(&["a", "b", "c"]));
    let prefix = |text: &str| Format::Prefix(text.to_owned());
    for (comment, expected) in [
        ("@url", vec![Format::Url]),
        ("@email", vec![Format::Email]),
        ("@port", vec![Format::Port]),
        ("@uuid", vec![Format::Uuid]),
        ("@json", vec![Format::Json]),
        ("@pem", vec![Format::Pem]),
        ("@one-of a|b|c", vec![abc()]),
        ("one of them: @one-of a|b|c.", vec![abc()]),
        ("(@one-of a|b|c)", vec![abc()]),
        ("@one-of `a|b|c`", vec![abc()]),
        ("@one-of |a||b|c", vec![abc()]),
        ("@one-of A|é", vec![Format::OneOf(texts(&["A", "é"]))]),
        ("@one-of", vec![Format::OneOf(vec![])]),
        ("@prefix sk-", vec![prefix("sk-")]),
        ("@PREFIX SG., a key", vec![prefix("SG.")]),
        ("(@prefix sk-)", vec![prefix("sk-")]),
        ("@prefix @x", vec![prefix("@x")]),
        ("@min-length 20", vec![Format::MinLength(20)]),
        ("@min-length 20, not more", vec![Format::MinLength(20)]),
        ("@range 1..65535", vec![Format::Range { min: 1.0, max: 65535.0 }]),
        ("@range -1.5..0.5.", vec![Format::Range { min: -1.5, max: 0.5 }]),
        ("@url @min-length 9", vec![Format::Url, Format::MinLength(9)]),
        // Malformed, and without effect.
        ("@min-length ten", vec![]),
        ("@min-length -1", vec![]),
        ("@min-length", vec![]),
        ("@min-length=20", vec![]),
        ("@min-length 99999999999999999999", vec![]),
        ("@prefix", vec![]),
        ("@prefix @url", vec![Format::Url]),
        ("@range 1-5", vec![]),
        ("@range 1..", vec![]),
        ("@range inf..nan", vec![]),
        ("@range 1..1234567890123456", vec![]),
        // The first of each kind counts.
        ("@prefix a @prefix b", vec![prefix("a")]),
    ] {
        assert_eq!(formats(comment), expected, "{comment}");
    }
}

#[test]
fn a_list_of_options_is_limited() {
    let list = |count: usize| {
        let options: Vec<_> = (0..count).map(|i| i.to_string()).collect();
        formats(&format!("@one-of {}", options.join("|"))).len()
    };
    assert_eq!((list(256), list(257)), (1, 0));
}

#[test]
fn docs_are_an_https_link() {
    for (comment, expected) in [
        ("@docs https://example.com/a", Some("https://example.com/a")),
        ("See @docs HTTPS://example.com/a?b=c#d.", Some("HTTPS://example.com/a?b=c#d")),
        ("(@docs https://example.com/a)", Some("https://example.com/a")),
        ("@docs <https://example.com>", Some("https://example.com")),
        ("@docs http://example.com", None),
        ("@docs javascript:alert(1)", None),
        ("@docs https://", None),
        ("@docs https:///x", None),
        ("@docs example.com", None),
        ("@docs", None),
        ("https://example.com", None),
    ] {
        let docs = of(&format!("# {comment}\nA = ''\n"), |v| v.docs().map(str::to_owned));
        assert_eq!(docs.as_deref(), expected, "{comment}");
    }
}

/// Each row: what is above or around the last key, and its description.
#[test]
fn a_description_has_no_markers_no_decoration_and_no_commented_out_keys() {
    for (text, expected) in [
        ("# Your key. @secret\nA = ''\n", Some("Your key.")),
        ("# The port (@port, @range 1..9) of it.\nA = 1\n", Some("The port of it.")),
        ("# @prefix sk- The  key.\n# More   text.\nA = ''\n", Some("The key.\nMore   text.")),
        ("# @optional\nA = '' # behind\n", Some("behind")),
        (
            "# Write to ada@example.com or @ada.\nA = ''\n",
            Some("Write to ada@example.com or @ada."),
        ),
        ("# @min-length ten\nA = ''\n", Some("@min-length ten")),
        // A file's head.
        ("# .streamlit/secrets.toml\nA = ''\n", None),
        ("# .streamlit/secrets.toml\n# The key.\nA = ''\n", Some("The key.")),
        ("\u{feff}# secrets.toml for X\n# The key.\nA = ''\n", Some("The key.")),
        ("\n# ======\n# `secrets.toml` of X\n# ======\n# The key.\nA = ''\n", Some("The key.")),
        ("#!/usr/bin/env x\n# -*- coding: utf-8 -*-\n# Copyright Ada\nA = ''\n", None),
        (
            "#:schema ./schema.json\n# SPDX-License-Identifier: MIT\n# The key.\nA = ''\n",
            Some("The key."),
        ),
        ("# .streamlit/secrets.toml\n[db]\nB = ''\nA = ''\n", None),
        ("B = ''\n# Not in secrets.toml of X.\nA = ''\n", Some("Not in secrets.toml of X.")),
        // Decoration.
        ("B = ''\n# ------\n# The key.\n# ------\nA = ''\n", Some("The key.")),
        // Commented-out keys.
        ("# OLD = \"v\"\nA = ''\n", None),
        ("# For the old one.\n# OLD = \"v\"\n# OLDER = 'v'\nA = ''\n", None),
        ("# OLD = \"v\" # @optional\n# The key.\nA = ''\n", Some("The key.")),
        ("#OLD=1\n#b.\"c\" = true # x\n# The key.\nA = ''\n", Some("The key.")),
        ("# [old]\n# [[older]]\nA = ''\n", None),
        // An example of the variable itself.
        ("# The key, as in\n# A = \"sk-1\"\nA = ''\n", Some("The key, as in")),
        ("# The key.\n# db.A = \"sk-1\"\ndb.A = ''\n", Some("The key.")),
        // A sentence.
        ("# a = b, as a rule\nA = ''\n", Some("a = b, as a rule")),
        ("# Write key = \"value\".\nA = ''\n", Some("Write key = \"value\".")),
        ("# [x] done\nA = ''\n", Some("[x] done")),
    ] {
        let description = of(text, |v| v.description().map(str::to_owned));
        assert_eq!(description.as_deref(), expected, "{text}");
    }
}

#[test]
fn the_marker_of_a_commented_out_key_is_not_the_next_ones() {
    for (text, required) in [
        ("# OLD = \"v\" # @optional\nA = ''\n", true),
        ("# @optional\n# OLD = \"v\"\nA = ''\n", true),
        ("# @optional\n# A = \"v\"\nA = ''\n", false),
    ] {
        assert_eq!(of(text, |v| v.is_required()), required, "{text}");
    }
}

const SECTIONS: &str = "\
# secrets.toml
[a.b] # @optional
# Old.
# x = 1
y = ''

# The first.
# @docs https://example.com/a
[a]
z = ''
# All are optional.
[c]
z = 1 # @optional
# Users.
[[users]]
name = ''
# Points.
points = [{ x = 1 }]
# One.
one = { two = { three = 1 } }
dotted.key = 1
# Another.
[[users]]
name = ''
[x.y.z]
";

#[test]
fn sections_come_in_the_order_of_the_text() {
    let template = Template::parse(SECTIONS).unwrap();
    let sections: Vec<_> = template
        .sections()
        .map(|s| (s.path().to_string(), s.line(), s.is_required(), s.description(), s.docs()))
        .collect();
    let expected = [
        ("a.b", 2, false, None, None),
        ("a", 9, true, Some("The first."), Some("https://example.com/a")),
        ("c", 12, false, Some("All are optional."), None),
        ("users[0]", 15, true, Some("Users."), None),
        ("users[0].points[0]", 18, true, Some("Points."), None),
        ("users[0].one", 20, true, Some("One."), None),
        ("users[0].one.two", 20, true, None, None),
        ("x.y.z", 25, false, None, None),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(path, l, r, d, u)| (path.to_owned(), l, r, d, u)).collect();
    assert_eq!(sections, expected);
    assert_eq!(template.sections().len(), expected.len());
    let debug = format!("{:?}", template.sections().next().unwrap());
    assert_eq!(debug, "Section { path: KeyPath(a.b), required: false }");
}
