//! Parsing, validating and delivering a document.

use std::collections::{BTreeMap, HashMap};
use std::sync::Once;

use secrecy::SecretString;
use secrets_toml::{Document, Overrides, Parameter, Template};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess};

use crate::probe;

const INTEGER: i64 = 8_675_309_867_530_948;
const FLOAT: f64 = 31_415.926_535_897_93;

/// A document with a secret in every kind of value that can hold one.
const TEXT: &str = r#"
# CANARYcomment
PLAIN = "CANARYplainvalue"
LITERAL = 'CANARYliteralvalue'
ESCAPED = "CANARY\u0065scaped\tvalue"
LINES = """
CANARYfirstline
CANARY\u0073econdline"""
RAW = '''
CANARYrawline
'''
INTEGER = 8675309867530948
SPLIT = 8_675_309_867_530_948
FLOAT = 31415.92653589793
SPLITFLOAT = 31_415.926_535_897_93
WHEN = 1979-05-27T07:32:00.123456Z

[db]
password = "CANARYsectionvalue"
list = ["CANARYelement"]
inline = { key = "CANARYinlinevalue" }

[[users]]
token = "CANARYtablevalue"
"#;

const TEMPLATE: &str = r#"
PLAIN = ""
LITERAL = "your-token"
ESCAPED = ""
LINES = ""
RAW = ""
INTEGER = 0
SPLIT = 0
FLOAT = 0.0
SPLITFLOAT = 0.0
WHEN = 2000-01-01
[db]
password = ""
list = []
inline = { key = "" }
[[users]]
token = ""
"#;

/// Watches all secrets of the document: strings in their escaped and decoded form, and numbers as
/// digits and as bytes.
fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let texts = [
            "plainvalue",
            "literalvalue",
            "escaped\tvalue",
            "\\u0065scaped",
            "firstline",
            "secondline",
            "\\u0073econd",
            "CANARYrawline",
            "sectionvalue",
            "CANARYelement",
            "inlinevalue",
            "tablevalue",
            "CANARYcomment",
            "8675309867530948",
            "8_675_309_867_530_948",
            "31415.92653589793",
            "31_415.926_535_897_93",
            "07:32:00.123456",
        ];
        probe::watch(texts.map(|text| text.as_bytes().to_vec()));
        probe::watch([INTEGER.to_le_bytes().to_vec(), FLOAT.to_le_bytes().to_vec()]);
    });
}

/// Runs a step, drops its result, and returns the number of freed blocks that held a secret.
fn hits<T>(run: impl FnOnce() -> T) -> usize {
    watch();
    probe::during(|| drop(run())).1.hits
}

#[track_caller]
fn assert_wiped<T>(run: impl FnOnce() -> T) {
    assert_eq!(hits(run), 0, "freed blocks hold a secret");
}

#[test]
fn the_probe_is_alive() {
    assert!(hits(|| TEXT.to_owned()) > 0, "a String that is dropped");
    assert!(hits(|| vec![INTEGER]) > 0 && hits(|| Box::new(FLOAT)) > 0, "numbers");
    let grown = hits(|| {
        let mut text = zeroize::Zeroizing::new(TEXT.to_owned());
        text.reserve_exact(100_000);
        text
    });
    assert!(grown > 0, "a String that grows, even if its last block is wiped");
    assert!(hits(|| toml_edit::Document::parse(TEXT).unwrap()) > 0, "a tree of TOML");
    assert!(hits(|| TEXT.parse::<toml_edit::DocumentMut>().unwrap()) > 0, "an editable document");
}

#[test]
fn reading() {
    assert_wiped(|| Document::parse(TEXT).unwrap());
    assert_wiped(|| Document::from_utf8(TEXT.as_bytes().to_vec()).unwrap());
    assert_wiped(|| {
        // The spare capacity of a String is part of its block.
        let mut text = String::with_capacity(3 * TEXT.len());
        text.push_str(TEXT);
        text.push_str("# CANARYcomment");
        text.truncate(TEXT.len());
        Document::parse(text).unwrap()
    });
    assert_wiped(|| {
        let document = Document::parse(TEXT).unwrap();
        assert!(document.find("users[0].token").is_some());
        assert_eq!(document.get("SPLIT").and_then(|value| value.as_integer()), Some(INTEGER));
        assert_eq!(document.get("SPLITFLOAT").and_then(|value| value.as_float()), Some(FLOAT));
        assert!(document.get("WHEN").and_then(|value| value.as_datetime()).is_some());
        for (_, value) in document.root().iter() {
            assert!(value.kind() != "none");
        }
    });
}

#[test]
fn refused_texts() {
    let mistakes = [
        "KEY =",
        "KEY",
        "KEY = open value",
        "KEY = \"open",
        "KEY = \"\"\"open",
        "KEY = '\u{1}'",
        "KEY = \"CANARY\\xplainvalue\"",
        "KEY = \"CANARYplainvalue\\q\"",
        "KEY = \"\\ud800plainvalue\"",
        "KEY = 8_675_309_867_530_948_8_675_309_867_530_948",
        "KEY = 31415.92653589793e400",
        "KEY = 31_415.926_535_897_93e400",
        "KEY = 0x",
        "KEY = 1979-05-32",
        "PLAIN = 1\nPLAIN = 2",
        "[a]\n[a]",
        "a = 1\na.b = 2",
        "a = [1",
        "a = {b",
        "\"CANARYplainvalue = 1",
        "\"CANARY\\qplainvalue\" = 1",
        "-----BEGIN CANARYplainvalue",
        "x = 1\ry",
        "# \u{7}",
        "]",
        "x = }",
    ];
    for wrong in mistakes {
        for text in
            [format!("{wrong}\n{TEXT}"), format!("{TEXT}\n{wrong}\n"), format!("{TEXT}{wrong}")]
        {
            let text = zeroize::Zeroizing::new(text);
            assert_wiped(|| {
                let error = Document::parse(text.as_str()).unwrap_err();
                (error.to_string(), format!("{error:?}"), error)
            });
        }
    }
    let invalid = [TEXT.as_bytes(), b"\xff", TEXT.as_bytes()].concat();
    let invalid = zeroize::Zeroizing::new(invalid);
    assert_wiped(|| Document::from_utf8(invalid.to_vec()).unwrap_err());
    let long = zeroize::Zeroizing::new(TEXT.repeat(secrets_toml::MAX_LEN / TEXT.len() + 1));
    assert_wiped(|| Document::parse(long.as_str()).unwrap_err());
    let deep = zeroize::Zeroizing::new(format!("{TEXT}\nx = {}", "['CANARYelement', ".repeat(200)));
    assert_wiped(|| Document::parse(deep.as_str()).unwrap_err());
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(dead_code, reason = "only read into")]
struct Typed<'a> {
    plain: SecretString,
    #[serde(borrow)]
    literal: &'a str,
    escaped: SecretString,
    lines: &'a str,
    integer: i64,
    splitfloat: f64,
    when: toml_datetime::Datetime,
    #[serde(rename = "db")]
    db: Db<'a>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only read into")]
struct Db<'a> {
    password: SecretString,
    #[serde(borrow, flatten)]
    other: HashMap<&'a str, Other<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "only read into")]
enum Other<'a> {
    Text(&'a str),
    List(Vec<SecretString>),
    Table(#[serde(borrow)] HashMap<&'a str, &'a str>),
}

#[test]
fn deserializing() {
    assert_wiped(|| {
        let document = Document::parse(TEXT).unwrap();
        drop(document.deserialize::<Typed<'_>>().unwrap());
        document
    });
    assert_wiped(|| {
        let document = Document::parse(TEXT).unwrap();
        let errors = [
            document.deserialize::<HashMap<&str, u8>>().err(),
            document.deserialize::<HashMap<&str, SecretString>>().err(),
            document.deserialize::<HashMap<&str, bool>>().err(),
            document.deserialize::<HashMap<&str, Option<Vec<char>>>>().err(),
        ];
        let messages: Vec<_> = errors.into_iter().map(|e| e.unwrap().to_string()).collect();
        (document, messages)
    });
}

/// The message of an error that a key causes, because it is not a number.
struct Caught(String);

impl<'de> Deserialize<'de> for Caught {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Number(#[allow(dead_code, reason = "only read into")] u8);
        match Number::deserialize(deserializer) {
            Ok(_) => Err(serde::de::Error::custom("it fits")),
            Err(error) => Ok(Self(error.to_string())),
        }
    }
}

/// The watched strings are keys here, and no value is read.
#[test]
fn keys() {
    #[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    struct Name<'a>(&'a str);
    #[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    enum Any {
        #[serde(other)]
        Other,
    }
    struct Keys(Vec<Caught>);
    impl<'de> Deserialize<'de> for Keys {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Keys;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a table")
                }
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                    let mut keys = Vec::new();
                    while let Some((key, IgnoredAny)) = map.next_entry()? {
                        keys.push(key);
                    }
                    Ok(Keys(keys))
                }
            }
            deserializer.deserialize_map(Visitor)
        }
    }
    let text = "CANARYplainvalue = 1\n\"CANARY\\u0065scaped\\tvalue\" = 2\n8675309867530948 = 3\n";
    assert_wiped(|| {
        let document = Document::parse(text).unwrap();
        let keys = document.deserialize::<Keys>().unwrap();
        assert!(keys.0.iter().all(|caught| caught.0 == "expected u8"));
        assert_eq!(document.deserialize::<BTreeMap<Name<'_>, IgnoredAny>>().unwrap().len(), 3);
        assert_eq!(document.deserialize::<BTreeMap<Any, IgnoredAny>>().unwrap().len(), 1);
        document
    });
}

#[test]
fn templates_and_validation() {
    let template = Template::parse(TEMPLATE).unwrap();
    assert_wiped(|| template.validate(Document::parse(TEXT).unwrap()).unwrap());
    assert_wiped(|| Document::parse(TEXT).unwrap().validate().unwrap().into_document());
    let wrong = TEXT.replace("PLAIN = ", "BLANK = ''\nPLAIM = ").replace("[db]", "[bd]");
    let wrong = zeroize::Zeroizing::new(wrong);
    assert_wiped(|| {
        let invalid = template.validate(Document::parse(wrong.as_str()).unwrap()).unwrap_err();
        let shown = (invalid.to_string(), format!("{invalid:?}"));
        (shown, invalid.into_document())
    });
    // Two values are the template's, and three are suspicious.
    let unchanged = TEMPLATE
        .replace("PLAIN = \"\"", "PLAIN = 'CANARYplainvalue' # @secret")
        .replace("list = []", "list = ['CANARYelement'] # @secret");
    let unchanged = Template::parse(&unchanged).unwrap();
    let text = TEXT.replace("'CANARYliteralvalue'", "'\"CANARYliteralvalue\"'");
    let text = text.replace("\"CANARYsectionvalue", "\" CANARYsectionvalue");
    assert_wiped(|| {
        let invalid = unchanged.validate(Document::parse(text.as_str()).unwrap()).unwrap_err();
        assert_eq!(invalid.findings().len(), 5, "{invalid}");
        (invalid.to_string(), format!("{invalid:?}"))
    });
    #[cfg(feature = "miette")]
    assert_wiped(|| {
        let invalid = template.validate(Document::parse(wrong.as_str()).unwrap()).unwrap_err();
        format!("{:?}", miette::Report::new(invalid))
    });
    assert_wiped(|| {
        let earlier = Document::parse(TEXT).unwrap();
        let prefilled = template.prefill(&earlier).unwrap();
        assert_eq!(prefilled.dropped().len(), 0);
        prefilled.into_document()
    });
    assert_wiped(|| {
        let current = Document::parse(TEXT).unwrap();
        let form = template.prefill(&current).unwrap().form().to_owned();
        let accepted = Document::parse(form).unwrap().validate_update(&current).unwrap();
        let form = format!("{}ADDED = ''\n", current.form());
        let refused = Document::parse(form).unwrap().validate_update(&current).unwrap_err();
        let shown = (refused.to_string(), format!("{refused:?}"));
        (accepted, shown, refused.into_document())
    });
}

/// A check of a format copies nothing of the value, be it allowed or refused.
#[test]
fn formats() {
    let markers = [
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
    ];
    let values = [
        "'CANARYplainvalue'",
        "'a://CANARYplainvalue:CANARYfirstline@CANARYsecondline/'",
        "'CANARYplainvalue@CANARYfirstline'",
        r#"'["CANARYplainvalue", {"CANARYfirstline": "CANARY\u0065scaped\tvalue"}]'"#,
        r#"'{"CANARYplainvalue": "CANARY\u0065scaped\tvalue"'"#,
        "'''-----BEGIN CANARYplainvalue-----\nCANARYfirstline\n-----END CANARYplainvalue-----\n'''",
        "'''-----BEGIN A-----\nCANARYfirstline\nCANARYsecondline'''",
        "8675309867530948",
        "31415.92653589793",
        "'31415.92653589793'",
        "1979-05-27T07:32:00.123456Z",
    ];
    for marker in markers {
        let template = Template::parse(&format!("A = '' # {marker}\n")).unwrap();
        for value in values {
            let text = zeroize::Zeroizing::new(format!("A = {value}\n"));
            assert_wiped(|| template.validate(Document::parse(text.as_str()).unwrap()));
        }
    }
}

#[test]
fn the_environment() {
    assert_wiped(|| {
        let document = Document::parse(TEXT).unwrap();
        let env = document.env().unwrap();
        assert_eq!((env.get("SPLIT"), env.len()), (Some("8675309867530948"), 9));
        (format!("{env:?}"), env)
    });
    let nul = zeroize::Zeroizing::new(format!("X = \"CANARYplainvalue\\u0000\"\n{TEXT}"));
    assert_wiped(|| Document::parse(nul.as_str()).unwrap().env().unwrap_err());
}

#[test]
fn delivering() {
    // The query supplies a number and a string with an escape, and displaces a variable.
    let text = zeroize::Zeroizing::new(format!("A = '\"x'\nB = 1\n{TEXT}"));
    let overrides = Overrides::new()
        .allow(Parameter::new("a", "A"))
        .allow(Parameter::new("b", "B").displaces(["PLAIN"]))
        .allow(Parameter::new("c", "INTEGER"));
    let query = "a=%22CANARYplainvalue%C3%A9&b=31415.92653589793&c=8675309867530948";
    assert_wiped(|| {
        let document = Document::parse(text.as_str()).unwrap();
        let env = document.env().unwrap().override_with(&overrides, query).unwrap();
        let delivered = document.for_streamlit(&env).unwrap();
        assert_eq!(delivered.get("B").and_then(|value| value.as_float()), Some(FLOAT));
        assert_eq!(delivered.get("INTEGER").and_then(|value| value.as_integer()), Some(INTEGER));
        assert!(delivered.get("PLAIN").is_none());
        (document, env, delivered)
    });
    let refused = ["[A]", "[x]\nwhen = 0000-01-01", "[x]\nwhen = 23:59:60"];
    for wrong in refused {
        let text = zeroize::Zeroizing::new(format!("{TEXT}\n{wrong}\n"));
        assert_wiped(|| {
            let document = Document::parse(text.as_str()).unwrap();
            let env = Document::parse("A = 'CANARYplainvalue'").unwrap().env().unwrap();
            (document.for_streamlit(&env).unwrap_err(), env, document)
        });
    }
    let long = format!("{TEXT}x = [{}]\n", "'',".repeat(300_000));
    let long = zeroize::Zeroizing::new(long);
    assert_wiped(|| {
        let document = Document::parse(long.as_str()).unwrap();
        document.for_streamlit(&document.env().unwrap()).unwrap_err()
    });
}
