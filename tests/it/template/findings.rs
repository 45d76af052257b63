//! The findings of a template: what its author can correct before anybody fills it in.

use secrets_toml::{FindingKind, Severity, Template};

/// A row: a template, and each finding with its kind's code and its help.
type Row = (&'static str, &'static [[&'static str; 3]]);

#[rustfmt::skip]
const FINDINGS: &[Row] = &[
    // Words that are not markers.
    ("# @requird\nA = ''\n", &[["marker", "line 1, column 3: `A` has a comment with `@requird`, which is not a marker", "remove the `@`, or write one of the markers that the documentation lists"]]),
    ("# The key. @optinal\nA = ''\n", &[["marker", "line 1, column 12: `A` has a comment with `@optinal`, which is not a marker", "did you mean `@optional`?"]]),
    ("A = '' # (@secrt).\n", &[["marker", "line 1, column 11: `A` has a comment with `@secrt`, which is not a marker", "did you mean `@secret`?"]]),
    ("A = '' # the @uri of it\n", &[["marker", "line 1, column 14: `A` has a comment with `@uri`, which is not a marker", "did you mean `@url`?"]]),
    ("A = '' # @minlength 5\n", &[["marker", "line 1, column 10: `A` has a comment with `@minlength`, which is not a marker", "did you mean `@min-length`?"]]),
    ("A = '' # @one_of a|b\n", &[["marker", "line 1, column 10: `A` has a comment with `@one_of`, which is not a marker", "did you mean `@one-of`?"]]),
    ("A = '' # @secret @foo\n", &[["marker", "line 1, column 18: `A` has a comment with `@foo`, which is not a marker", "remove the `@`, or write one of the markers that the documentation lists"]]),
    ("# ok\n# @foobar\n[s]\nA = ''\n", &[["marker", "line 2, column 3: `s` has a comment with `@foobar`, which is not a marker", "remove the `@`, or write one of the markers that the documentation lists"]]),
    ("# @aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nA = ''\n", &[["marker", "line 1, column 3: `A` has a comment with `@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…`, which is not a marker", "remove the `@`, or write one of the markers that the documentation lists"]]),
    // Others that are fine.
    ("# Ask ada@example.com or @ada, see @scope/package.\nA = ''\n", &[]),
    ("# @scope/package\n# @ada.example\n# @123\n# @@@@\n# @\nA = ''\n", &[]),
    ("# @optional @secret @url\nA = ''\n", &[]),
    ("# @Optional (@SECRET)\nA = ''\n", &[]),
    ("# @requird\n\nA = ''\n", &[]),
    // Arguments.
    ("A = '' # @min-length ten\n", &[["marker", "line 1, column 10: `A` has a comment with `@min-length`, whose argument is missing or malformed", "write it as in `@min-length 20`"]]),
    ("A = '' # @min-length=20\n", &[["marker", "line 1, column 10: `A` has a comment with `@min-length` and no space after it", "write `@min-length 20`, with white space around it"]]),
    ("A = '' # @prefix\n", &[["marker", "line 1, column 10: `A` has a comment with `@prefix`, whose argument is missing or malformed", "write it as in `@prefix sk-`"]]),
    ("A = '' # @docs http://example.com\n", &[["marker", "line 1, column 10: `A` has a comment with `@docs`, whose argument is missing or malformed", "write an `https` link, as in `@docs https://example.com/page`"]]),
    ("A = '' # @range 1-5\n", &[["marker", "line 1, column 10: `A` has a comment with `@range`, whose argument is missing or malformed", "write it as in `@range 1..100`"]]),
    ("A = '' # @one-of a | b\n", &[["marker", "line 1, column 10: `A` has a comment with `@one-of`, whose argument is missing or malformed", "write at most 256 options, as in `@one-of a|b|c`"]]),
    ("A = '' # @prefix a @prefix b\n", &[["marker", "line 1, column 20: `A` has a comment with two `@prefix`, of which the first counts", "remove one of the two"]]),
    // At a wrong place.
    ("A = '' # @public @secret @public\n", &[["marker", "line 1, column 18: `A` has a comment with both `@secret` and `@public`, of which `@secret` counts", "remove one of the two"]]),
    ("[s] # @url\nA = ''\n", &[["marker", "line 1, column 7: `s` is a section, and `@url` in its comment is for a variable", "move it to the line above a variable"]]),
    ("[[s]] # @url\nA = ''\n", &[["marker", "line 1, column 9: `s[0]` is a section, and `@url` in its comment is for a variable", "move it to the line above a variable"]]),
    ("A = true # @port\n", &[["marker", "line 1, column 12: `A` has `@port` in its comment, which is for text and numbers", "remove it, or write the value as a string"]]),
    ("A = [] # @url\n", &[["marker", "line 1, column 10: `A` has `@url` in its comment, which is for text and numbers", "remove it, or write the value as a string"]]),
    // In words, once.
    ("A = '' # not optional\nB = '' # The port (optional).\nC = '' # optional\n", &[["marker", "line 2, column 19: `B` has \"optional\" in its comment, and is required", "did you mean `@optional`?"]]),
    ("# Opcional: la clave.\nA = ''\n", &[["marker", "line 1, column 3: `A` has \"optional\" in its comment, and is required", "did you mean `@optional`?"]]),
    ("# The database, optional.\n[s]\nA = ''\n", &[["marker", "line 1, column 17: `s` has \"optional\" in its comment, and is required", "did you mean `@optional`?"]]),
    ("A = '' # non-optional\nB = '' # optional @optional\n[s] # @optional\nC = '' # optional\n", &[]),
    ("[s] # optional\nA = 1 # @optional\n", &[]),
    // Variables that nobody can fill in.
    ("A = '' # @one-of\n", &[["unsatisfiable", "line 1, column 10: `A` has formats in its comment that no value has", "correct or remove it: nobody can enter a value"]]),
    ("A = '' # @range 5..1 @optional\n", &[["unsatisfiable", "line 1, column 10: `A` has formats in its comment that no value has", "correct or remove it: nobody can enter a value"]]),
    ("A = '' # @min-length 1000001\n", &[["unsatisfiable", "line 1, column 10: `A` has formats in its comment that no value has", "correct or remove it: nobody can enter a value"]]),
    ("A = '' # @one-of a|b @prefix sk-\n", &[["unsatisfiable", "line 1, column 22: `A` has formats in its comment that no value has", "correct or remove it: nobody can enter a value"]]),
    ("A = '' # @range 0..0.5 @port @url\n", &[["unsatisfiable", "line 1, column 24: `A` has formats in its comment that no value has", "correct or remove it: nobody can enter a value"]]),
    ("A = '' # @port @min-length 6\n", &[["unsatisfiable", "line 1, column 16: `A` has formats in its comment that no value has", "correct or remove it: nobody can enter a value"]]),
    ("A = '' # @uuid @min-length 37\n", &[["unsatisfiable", "line 1, column 16: `A` has formats in its comment that no value has", "correct or remove it: nobody can enter a value"]]),
    ("A = '' # @uuid @min-length 36\nB = '' # @port @range 65535..70000 @min-length 5\n", &[]),
    ("A = '' # @one-of sk-a|b @prefix sk-\n", &[]),
    ("'a=b' = ''\n", &[["unsatisfiable", "line 1, column 1: `\"a=b\"` is required, and no environment variable can have this name", "rename it, move it below a `[section]`, or write `@optional` above it"]]),
    ("'' = 1\n", &[["unsatisfiable", "line 1, column 1: `\"\"` is required, and no environment variable can have this name", "rename it, move it below a `[section]`, or write `@optional` above it"]]),
    ("'a=b' = '' # @optional\n'' = true\n[s]\n'' = ''\n", &[]),
    // Names.
    ("B = ''\nLD_PRELOAD = ''\n[s]\nPATH = ''\n", &[["reserved_name", "line 2, column 1: `LD_PRELOAD` would replace a variable that the process itself needs", "rename it, or move it below a `[section]`"]]),
];

#[test]
fn a_template_has_these_findings() {
    for (text, expected) in FINDINGS {
        let template = Template::parse(text).unwrap();
        let found: Vec<_> = template
            .findings()
            .map(|f| [f.kind().code().to_owned(), f.to_string(), f.help().into_owned()])
            .collect();
        assert_eq!(found, *expected, "{text}");
        assert!(template.findings().all(|finding| finding.severity() == Severity::Warning));
    }
}

/// A made-up token, joined here so that no scanner of repositories takes it for a real one.
fn made_up() -> String {
    ["ghp", "_", "aB3dE5gH7jK9", "mN1pQ2rS4tU6", "vW8xY0zA2bC4"].concat()
}

#[test]
fn a_committed_token_is_found_anywhere_and_never_shown() {
    let value = "contains a text in the format of a GitHub token";
    let comment = "has a comment with a text in the format of a GitHub token";
    for (text, place, message) in [
        ("A = '@'\n", "line 1, column 6: `A`", value),
        ("A = 'https://x:@@example.com/'\n", "line 1, column 16: `A`", value),
        ("A = ['', '@']\n", "line 1, column 11: `A[1]`", value),
        ("A = '''\nx\n@\n'''\n", "line 3, column 1: `A`", value),
        ("[s]\nA = ''\nB = \"\\n@\"\n", "line 3, column 8: `s.B`", value),
        ("# A = '@'\nA = ''\n", "line 1, column 8: `A`", comment),
        ("A = '' # not @.\nB = ''\n", "line 1, column 14: `A`", comment),
        ("A = ''\n\n# the end: @", "line 3, column 12: `A`", comment),
    ] {
        let text = text.replacen('@', &made_up(), 1);
        let template = Template::parse(&text).unwrap();
        let findings: Vec<_> = template.findings().collect();
        assert_eq!(findings.len(), 1, "{text}");
        assert_eq!(findings[0].to_string(), format!("{place} {message}"), "{text}");
        assert_eq!(findings[0].kind(), FindingKind::Committed);
        assert_eq!(text[findings[0].span().unwrap()], made_up());
        let report = template.report().to_string();
        assert!(!report.contains("ghp") && !format!("{findings:?}").contains("ghp"), "{report}");
        let json = serde_json::to_string(&findings).unwrap();
        assert!(!json.contains("ghp"), "{json}");
    }
    let template = Template::parse(&format!("# {}\n", made_up())).unwrap();
    let finding = template.findings().next().unwrap();
    assert_eq!(
        finding.to_string(),
        "line 1, column 3: `` has a comment with a text in the format of a GitHub token"
    );
}

const REPORT: &str = "\
warning: line 1, column 8: `PATH` has a comment with a text in the format of a GitHub token
  |
1 | # Old: ••••••••, @secrt
  |        ^^^^^^^^
  = help: revoke it, and write `\"\"` for it: everyone who sees the template can use it

warning: line 1, column 50: `PATH` has a comment with `@secrt`, which is not a marker
  |
1 | # Old: ••••••••, @secrt
  |                  ^^^^^^
  = help: did you mean `@secret`?

warning: line 2, column 1: `PATH` would replace a variable that the process itself needs
  |
2 | PATH = ••••••••
  | ^^^^
  = help: rename it, or move it below a `[section]`
";

#[test]
fn the_report_has_a_block_for_each_finding() {
    let text = format!("# Old: {}, @secrt\nPATH = 'a'\n", made_up());
    let template = Template::parse(&text).unwrap();
    assert_eq!(template.report().to_string(), REPORT);
    assert_eq!(template.findings().len(), 3);
    assert_eq!(Template::parse("A = ''\n").unwrap().report().to_string(), "");
}
