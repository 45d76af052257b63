//! Values that are probably not what the author intends.

use secrets_toml::{Document, FindingKind};

use super::{assert_findings, check};

const PEM: &str = "has the two characters `\\n` where a line should end";
const PATH: &str = "looks like a Windows path that is not read as written: \
                    between double quotes, `\\n` is a line break and `\\t` a tab";
const QUOTES: &str = "has quotes inside its quotes: they are a part of the value";
const SPACE: &str = "has white space around it: that is a part of the value";

/// Returns the message and the help of the warning on a value, if it has one.
#[track_caller]
fn warning(value: &str) -> Option<(String, String)> {
    let secrets = Document::parse(format!("A = {value}\n")).unwrap().validate().unwrap();
    let found: Vec<_> = secrets
        .warnings()
        .map(|finding| {
            assert_eq!(finding.kind(), FindingKind::Suspicious, "{value}");
            assert_eq!(finding.span(), Some(4..4 + value.len()), "{value}");
            (finding.message().strip_prefix("`A` ").unwrap().to_owned(), finding.help().into())
        })
        .collect();
    assert!(found.len() <= 1, "{value}: {found:?}");
    found.into_iter().next()
}

#[test]
fn values_that_are_probably_not_meant() {
    let space_help = "remove the white space at both ends, inside the quotes";
    let pem_help = "write the value between double quotes, with one `\\` before each `n`";
    let path_help = "write the path between single quotes, as in `'C:\\folder'`";
    let quotes_help = "write one pair of quotes only";
    for (value, message, help) in [
        ("' a'", SPACE, space_help),
        ("'a '", SPACE, space_help),
        ("\"a\\n\"", SPACE, space_help),
        ("\"\"\"\n  a\"\"\"", SPACE, space_help),
        ("'\u{a0}a'", SPACE, space_help),
        ("'a\u{3000}'", SPACE, space_help),
        (r#"'-----BEGIN KEY-----\nabc\n-----END KEY-----\n'"#, PEM, pem_help),
        (r#""-----BEGIN KEY-----\\nabc""#, PEM, pem_help),
        (r#"' -----BEGIN KEY-----\nabc'"#, PEM, pem_help),
        ("'''\n-----BEGIN KEY-----\\nabc\n'''", PEM, pem_help),
        (r#"'"abc"'"#, QUOTES, quotes_help),
        (r#""'abc'""#, QUOTES, quotes_help),
        (r#""\"abc\"""#, QUOTES, quotes_help),
        (r#"' "abc" '"#, QUOTES, quotes_help),
        (r#"'""'"#, QUOTES, quotes_help),
        ("'“abc”'", QUOTES, quotes_help),
        ("'„abc“'", QUOTES, quotes_help),
        (r#""C:\new\temp""#, PATH, path_help),
        (r#""c:\temp""#, PATH, path_help),
        (r#""C:\\data\new""#, PATH, path_help),
        (r#""D:\bin\\app.exe""#, PATH, path_help),
        (r#"" C:\new""#, PATH, path_help),
    ] {
        assert_eq!(warning(value), Some((message.to_owned(), help.to_owned())), "{value}");
    }
}

#[test]
fn values_that_are_meant() {
    for value in [
        "'a'",
        "'é'",
        "'日本'",
        "'a b'",
        "'\"'",
        "\"'\"",
        "'a\"'",
        "'\"a\" or \"b\"'",
        "\"'a', 'b'\"",
        "'[\"a\"]'",
        "'{\"a\": \"b\"}'",
        "\"it's\"",
        "'-----BEGIN KEY-----'",
        "'-----BEGIN KEY-----\u{2028}abc'",
        "\"-----BEGIN KEY-----\\nabc\\n-----END KEY-----\\n\"",
        "'''\n-----BEGIN KEY-----\nabc\n-----END KEY-----\n'''",
        r"'\n'",
        r"'a\nb'",
        r"'C:\new\temp'",
        "'C:/new'",
        r#""C:\\new""#,
        "\"a:\"",
        "\"Q: a\\nA: b\"",
        "'''\nQ:\na'''",
        "\"1:\\n2\"",
        "\"\"\"\n  a\n  b\n\"\"\"",
        "1",
        "[' a']",
    ] {
        assert_eq!(warning(value), None, "{value}");
    }
}

#[test]
fn a_value_has_one_warning_and_no_more_than_one_other_finding() {
    // A value of the template was not written by the author.
    assert_findings("A = ' - '\n", "A = ' - '\n", &[]);
    assert_findings(
        "A = ' - '\n",
        "A = ' + '\n",
        &["warning Suspicious: line 1, column 5: `A` has white space around it: \
           that is a part of the value"],
    );
    let kinds = |template, document| match check(template, document) {
        Ok(secrets) => secrets.warnings().map(|found| found.kind()).collect::<Vec<_>>(),
        Err(invalid) => invalid.findings().map(|found| found.kind()).collect(),
    };
    use FindingKind::{Blank, Placeholder, Suspicious, Unchanged};
    assert_eq!(kinds("KEY = ' a'", "KEY = ' a'"), [Unchanged]);
    assert_eq!(kinds("KEY = ' your-key'", "KEY = ' your-key'"), [Unchanged]);
    assert_eq!(kinds("URL = ' <url>'", "URL = ' <url>'"), [Placeholder]);
    assert_eq!(kinds("URL = ''", "URL = '\"<url>\"'"), [Placeholder, Suspicious]);
    assert_eq!(kinds("URL = '' # @public", "URL = '\"<url>\"'"), [Suspicious]);
    assert_eq!(kinds("URL = ''", "URL = \"\\n \""), [Blank]);
}
