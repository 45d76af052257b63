//! No `Display`, `Debug` or chain of sources holds a value.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;

use secrets_toml::{Document, Template};
use serde::Deserialize;

use crate::vectors::{self, Mistake};

/// A part of every value in the texts below.
const CANARY: &str = "hunter2";

const TEXT: &str = r#"
# hunter2
PAT = "hunter2 <key>" # hunter2
LINES = """
hunter2
"""
ESC = "\u0068unter2"
LIST = ["hunter2", { key = "hunter2" }]
BLANK = ""
PATH = "hunter2"
'a=b' = "hunter2"
[db]
password = "hunter2"
blank = { x = '', y = 'hunter2' } # hunter2
[[users]]
token = 'hunter2'
"#;

#[track_caller]
fn assert_silent(shown: &str) {
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(!shown.contains("\\u0068unter2"), "{shown}");
}

#[track_caller]
fn assert_debug_silent(value: &impl Debug) {
    assert_silent(&format!("{value:?}"));
    assert_silent(&format!("{value:#?}"));
}

#[track_caller]
fn assert_error_silent(error: &impl Error) {
    assert_debug_silent(&error);
    assert_silent(&format!("{error} {error:#}"));
    let mut source = error.source();
    while let Some(error) = source {
        assert_debug_silent(&error);
        assert_silent(&error.to_string());
        source = error.source();
    }
}

#[test]
fn documents_and_views() {
    let document = Document::parse(TEXT).unwrap();
    assert_debug_silent(&document);
    assert_debug_silent(&document.root());
    assert_debug_silent(&document.root().iter());
    for (_, value) in document.root() {
        assert_debug_silent(&value);
        assert_debug_silent(&value.as_table());
        assert_debug_silent(&value.as_array());
        assert_debug_silent(&value.as_array().map(|array| array.iter()));
    }
    // The canary would be found if a view printed its content.
    assert!(document.expose_text().contains(CANARY));
}

#[test]
fn validation() {
    let template =
        Template::parse("PAT = '<key>'\nNEW = ''\n# @secret\nLINES = 1\n# @secret\nESK = ''\n")
            .unwrap();
    let invalid = template.validate(Document::parse(TEXT).unwrap()).unwrap_err();
    assert_error_silent(&invalid);
    assert!(invalid.findings().len() >= 8, "{invalid}");
    for finding in invalid.findings() {
        assert_debug_silent(&finding);
        assert_debug_silent(&finding.path());
        assert_silent(&format!("{finding} {} {}", finding.path(), finding.help()));
    }
    let warned = Document::parse("PAT = 'hunter2 <key>'\nPATH = 'hunter2'\n").unwrap();
    let secrets = warned.validate().unwrap();
    assert_debug_silent(&secrets);
    assert_eq!(secrets.warnings().len(), 2);
    secrets.warnings().for_each(|finding| assert_silent(&finding.to_string()));

    let earlier = Document::parse(TEXT).unwrap();
    let prefilled = template.prefill(&earlier).unwrap();
    assert_debug_silent(&prefilled);
    assert!(prefilled.dropped().len() > 3);
    prefilled.dropped().for_each(|path| assert_silent(&path.to_string()));
    assert_silent(prefilled.form());

    let current = Document::parse(TEXT).unwrap();
    assert_silent(&current.form());
    let invalid = Document::parse(current.form()).unwrap().validate_update(&current).unwrap_err();
    assert_error_silent(&invalid);
    assert_silent(invalid.into_document().expose_text());
}

/// Each value breaks each format.
#[test]
fn formats() {
    for marker in [
        "@url",
        "@email",
        "@port",
        "@uuid",
        "@json",
        "@pem",
        "@one-of a|b",
        "@prefix x",
        "@min-length 999",
        "@range 0..1",
    ] {
        let template = Template::parse(&format!("A = '' # {marker}\n")).unwrap();
        for value in ["hunter2", "[hunter2]", "-----BEGIN hunter2-----", "a://hunter2 b"] {
            let document = Document::parse(format!("A = '{value}'\n")).unwrap();
            let invalid = template.validate(document).unwrap_err();
            assert_error_silent(&invalid);
            for finding in invalid.findings() {
                assert_silent(&format!("{finding} {finding:?} {}", finding.help()));
            }
        }
    }
}

/// The values of a template are not printed either.
#[test]
fn templates() {
    let text = format!("# @secrt\n{}", TEXT.replace("# hunter2", "# optional"));
    let template = Template::parse(&text).unwrap();
    assert!(template.findings().len() >= 3);
    assert_silent(&template.report().to_string());
    template.findings().for_each(|finding| {
        assert_debug_silent(&finding);
        assert_silent(&format!("{finding} {}", finding.help()));
    });
    assert_debug_silent(&template.sections().collect::<Vec<_>>());
}

#[test]
fn values_that_are_unchanged_or_suspicious() {
    let text = r#"
KEY = "hunter2"
KEYS.api_keys = ["hunter2"]
SPACE = " hunter2 "
QUOTES = '"hunter2"'
PEM = '-----BEGIN hunter2-----\nhunter2'
DRIVE = "C:\new\thunter2"
"#;
    let template = "KEY = 'hunter2'\nKEYS.api_keys = ['hunter2']\n";
    let template = Template::parse(template).unwrap();
    let invalid = template.validate(Document::parse(text).unwrap()).unwrap_err();
    assert_error_silent(&invalid);
    let codes: Vec<_> = invalid.findings().map(|finding| finding.kind().code()).collect();
    assert_eq!(codes.iter().filter(|&&code| code == "unchanged").count(), 2, "{codes:?}");
    assert_eq!(codes.iter().filter(|&&code| code == "suspicious").count(), 4, "{codes:?}");
    for finding in invalid.findings() {
        assert_debug_silent(&finding);
        assert_silent(&format!("{finding} {}", finding.help()));
    }
}

#[cfg(feature = "miette")]
#[test]
fn diagnostics() {
    let invalid = Document::parse(TEXT).unwrap().validate().unwrap_err();
    assert_silent(&format!("{:?}", miette::Report::new(invalid)));
    let error = Document::parse(format!("{TEXT}hunter2 = hunter2\n")).unwrap_err();
    assert_silent(&format!("{:?}", miette::Report::new(error)));
}

#[test]
fn syntax_errors() {
    let mistakes = [
        "hunter2",
        "hunter2 = ",
        "x = hunter2",
        "x = \"hunter2",
        "x = 'hunter2",
        "hunter2 hunter2",
        "\"hunter2",
        "'hunter2\n'",
        "[hunter2",
        "[[hunter2]",
        "x = [hunter2",
        "x = {hunter2",
        "x = {hunter2 = hunter2}",
        "x = \"hunter2\\q\"",
        "x = \"hunter2\u{1}\"",
        "x = '''hunter2",
        "\"\"\"hunter2\"\"\" = 1",
        "x = 1 hunter2",
        "x = [1] hunter2",
        "= hunter2",
        ". hunter2",
        "x = hunter2.hunter2",
        "x = \"hunter2\\u12\"",
        "#hunter2\u{7}",
        "x = 'hunter2' 'hunter2'",
        "x = 1hunter2",
        "x = 1979-hunter2",
        "x = +hunter2",
        "x = 0xhunter2",
        "x = {a=1,hunter2}",
        "hunter2.hunter2",
        "x = = hunter2",
        "x = thunter2",
        "x = ]hunter2",
        "x = }hunter2",
        "]hunter2",
        "{hunter2",
        ",hunter2",
    ];
    for mistake in mistakes {
        for text in [mistake.to_owned(), format!("{TEXT}{mistake}\n"), format!("{mistake}\n{TEXT}")]
        {
            let error = Document::parse(text.as_str()).unwrap_err();
            assert_error_silent(&error);
            error.errors().iter().for_each(|error| assert_error_silent(error));
            assert_silent(&serde_json::to_string(error.errors()).unwrap());
            if let Err(error) = Template::parse(&text) {
                assert_error_silent(&error);
            }
        }
    }
    let invalid = [TEXT.as_bytes(), b"\xff"].concat();
    assert_error_silent(&Document::from_utf8(invalid).unwrap_err());
    let long = TEXT.repeat(secrets_toml::MAX_LEN / TEXT.len() + 1);
    assert_error_silent(&Document::parse(long).unwrap_err());
    // Without another error, a repeated key is named. Its values are not shown.
    let error = Document::parse("k = 'hunter2'\nk = 'hunter2'\n").unwrap_err();
    assert_error_silent(&error);
    assert_eq!(error.errors()[0].path(), Some("k"));
    assert_silent(&serde_json::to_string(error.errors()).unwrap());
}

/// Puts the canary at every place of every mistake.
#[test]
fn syntax_errors_of_mistakes() {
    for Mistake { title, text, .. } in vectors::all() {
        let ends = text.char_indices().map(|(i, _)| i).chain([text.len()]);
        for i in ends {
            let text = format!("{}{CANARY}{}", &text[..i], &text[i..]);
            let Err(error) = Document::parse(text) else { continue };
            if error.errors().iter().any(|error| error.path().is_some()) {
                // Without another error, a repeated key is named.
                continue;
            }
            let list = serde_json::to_string(error.errors()).unwrap();
            let lines = error.errors().iter().map(ToString::to_string).collect::<String>();
            let shown = format!("{error}{error:?}{lines}{list}");
            assert!(!shown.contains(CANARY), "{title}: {shown}");
        }
    }
}

#[test]
fn the_environment() {
    let env = Document::parse("PAT = 'hunter2'\n").unwrap().env().unwrap();
    assert_debug_silent(&env);
    assert_debug_silent(&env.iter());
    let error = Document::parse(TEXT).unwrap().env().unwrap_err();
    assert_error_silent(&error);
    let error = Document::parse("PAT = \"hunter2\\u0000\"\n").unwrap().env().unwrap_err();
    assert_error_silent(&error);
}

#[test]
fn delivery() {
    let env = |text: &str| Document::parse(text).unwrap().env().unwrap();
    let refused = [
        ("[hunter]\nx = 'hunter2'\n", "hunter = 'hunter2'\n"),
        ("hunter = ['hunter2']\n", "hunter = 'hunter2'\n"),
        ("x = 'hunter2'\n[hunter]\nwhen = 0000-01-01\n", "x = 'hunter2'\n"),
        ("[hunter]\nwhen = 23:59:60\n", "x = 'hunter2'\n"),
    ];
    for (document, variables) in refused {
        let document = Document::parse(document).unwrap();
        assert_error_silent(&document.for_streamlit(&env(variables)).unwrap_err());
    }
    let long = format!("x = ['hunter2'{}]\n", ",''".repeat(300_000));
    let error = Document::parse(long).unwrap().for_streamlit(&env("")).unwrap_err();
    assert_error_silent(&error);
    assert_debug_silent(
        &Document::parse("x = 'hunter2'").unwrap().for_streamlit(&env("x = 'hunter2'")).unwrap(),
    );
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only read into")]
struct Strict {
    x: u8,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only read into")]
enum Unit {
    One,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "only read into")]
enum Untagged {
    Number(u8),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
#[allow(dead_code, reason = "only read into")]
enum Tagged {
    One { x: u8 },
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Custom;

impl<'de> Deserialize<'de> for Custom {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        let error = format!("refused: {text}").parse::<u8>().unwrap_err();
        Err(serde::de::Error::custom(format!("{error}: {text}")))
    }
}

#[track_caller]
fn assert_refused<'de, T: Deserialize<'de> + Debug>(document: &'de Document) {
    assert_error_silent(&document.deserialize::<T>().unwrap_err());
}

#[test]
fn serde_errors() {
    let document = Document::parse("x = 'hunter2'\n").unwrap();
    assert_refused::<Strict>(&document);
    assert_refused::<HashMap<&str, u64>>(&document);
    assert_refused::<HashMap<&str, bool>>(&document);
    assert_refused::<HashMap<&str, char>>(&document);
    assert_refused::<HashMap<&str, Vec<&str>>>(&document);
    assert_refused::<HashMap<&str, HashMap<&str, &str>>>(&document);
    assert_refused::<HashMap<&str, ()>>(&document);
    assert_refused::<HashMap<&str, (u8, u8)>>(&document);
    assert_refused::<HashMap<&str, Unit>>(&document);
    assert_refused::<HashMap<&str, Untagged>>(&document);
    assert_refused::<HashMap<&str, Tagged>>(&document);
    assert_refused::<HashMap<&str, Custom>>(&document);
    assert_refused::<HashMap<&str, std::net::IpAddr>>(&document);
    assert_refused::<HashMap<&str, std::num::NonZeroU8>>(&document);
    assert_refused::<HashMap<&str, toml_datetime::Datetime>>(&document);
    assert_refused::<HashMap<u8, &str>>(&document);
    assert_refused::<HashMap<bool, &str>>(&document);
    assert_refused::<HashMap<char, u8>>(&document);
    assert_refused::<HashMap<Custom, &str>>(&document);
    assert_refused::<HashMap<&str, toml::Spanned<u8>>>(&document);
    assert_refused::<Vec<u8>>(&document);
    let tagged = Document::parse("type = 'hunter2'\nx = 1\n").unwrap();
    assert_refused::<Tagged>(&tagged);
    let unknown = Document::parse("hunter = 'hunter2'\nx = 1\n").unwrap();
    assert_refused::<Strict>(&unknown);
}
