//! `Document::deserialize` into usual types.

mod shapes;

use std::collections::HashMap;

use secrecy::{ExposeSecret, SecretString};
use secrets_toml::Document;
use serde::Deserialize;
use toml_datetime::Datetime;

const TEXT: &str = r#"
TOKEN = "hunter2"
RATIO = 0.5
WHEN = 1979-05-27
MODE = "fast"
NOTE = "a\tb"

[db]
port = 5432
user = "ada"
password = "s3cret"
tags = ["x", "y"]

[backend.s3]
bucket = "b"
"#;

#[derive(Debug, Deserialize)]
struct Settings<'a> {
    #[serde(rename = "TOKEN")]
    token: SecretString,
    #[serde(rename = "RATIO")]
    ratio: f64,
    #[serde(rename = "WHEN")]
    when: Datetime,
    #[serde(rename = "MODE")]
    mode: Mode,
    #[serde(rename = "NOTE", borrow)]
    note: &'a str,
    absent: Option<u8>,
    db: Db<'a>,
    backend: Backend,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Fast,
    Slow,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Backend {
    S3 { bucket: String },
    Disk(u8),
    Tuple(u8, u8),
    None,
}

#[derive(Debug, Deserialize)]
struct Db<'a> {
    port: Port,
    tags: Vec<&'a str>,
    #[serde(flatten, borrow)]
    other: HashMap<&'a str, &'a str>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Port(u16);

#[test]
fn a_whole_type_is_filled_and_borrows_where_it_can() {
    let document = Document::parse(TEXT).unwrap();
    let settings: Settings<'_> = document.deserialize().unwrap();
    assert_eq!(settings.token.expose_secret(), "hunter2");
    assert_eq!((settings.ratio, settings.note, settings.absent), (0.5, "a\tb", None));
    assert_eq!((settings.when.to_string().as_str(), settings.mode), ("1979-05-27", Mode::Fast));
    assert_eq!((settings.db.port, settings.db.tags), (Port(5432), vec!["x", "y"]));
    assert_eq!(settings.db.other["password"], "s3cret");
    assert!(matches!(settings.backend, Backend::S3 { bucket } if bucket == "b"));
    // Both borrow from the document's buffers, with and without escapes.
    let text = document.expose_text().as_bytes().as_ptr_range();
    assert!(text.contains(&settings.db.other["password"].as_ptr()));
}

#[test]
fn enums_are_strings_or_tables_with_one_key() {
    #[derive(Debug, Deserialize)]
    struct Of {
        b: Backend,
    }
    let read = |text: &str| Document::parse(text).unwrap().deserialize::<Of>().map(|of| of.b);
    assert!(matches!(read("b = 'none'"), Ok(Backend::None)));
    assert!(matches!(read("b.none = {}"), Ok(Backend::None)));
    assert!(matches!(read("b = { disk = 3 }"), Ok(Backend::Disk(3))));
    assert!(matches!(read("b.tuple = [1, 2]"), Ok(Backend::Tuple(1, 2))));
    for (text, message) in [
        ("b = 'zip'", "line 1, column 5: `b`: expected one of `s3`, `disk`, `tuple`, `none`"),
        (
            "b = 7",
            "line 1, column 5: `b`: expected the name of a variant or a table with one key, \
             found integer",
        ),
        (
            "b = {}",
            "line 1, column 5: `b`: expected the name of a variant or a table with one key, \
             found table",
        ),
        (
            "b = { disk = 1, none = {} }",
            "line 1, column 5: `b`: expected the name of a variant or a table with one key, \
             found table",
        ),
        (
            "b.none = { x = 1 }",
            "line 1, column 10: `b.none`: expected a variant without content, found table",
        ),
        (
            "b.none = 1",
            "line 1, column 10: `b.none`: expected a variant without content, found integer",
        ),
        ("b.disk = 'x'", "line 1, column 10: `b.disk`: expected u8, found string"),
        (
            "b.tuple = [1]",
            "line 1, column 11: `b.tuple`: expected tuple variant Backend::Tuple with 2 elements, \
             found 1 elements",
        ),
    ] {
        assert_eq!(read(text).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn untagged_and_internally_tagged_types_work() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(untagged)]
    enum Any<'a> {
        Number(i64),
        Text(&'a str),
        When(Datetime),
        List(Vec<i64>),
    }
    let document = Document::parse("a = 1\nb = 'x'\nc = 07:32\nd = [1]\n").unwrap();
    let all: HashMap<&str, Any<'_>> = document.deserialize().unwrap();
    assert_eq!((&all["a"], &all["b"]), (&Any::Number(1), &Any::Text("x")));
    assert_eq!((&all["c"], &all["d"]), (&Any::When("07:32".parse().unwrap()), &Any::List(vec![1])));

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Tagged {
        Port { number: u16 },
    }
    let document = Document::parse("kind = 'port'\nnumber = 1\n").unwrap();
    assert_eq!(document.deserialize::<Tagged>().unwrap(), Tagged::Port { number: 1 });
}

#[test]
fn errors_say_where_and_which_kind() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read into")]
    struct Strict {
        list: Vec<u8>,
        small: u8,
        flag: bool,
        letter: Option<char>,
    }
    let base = "list = [1]\nsmall = 1\nflag = true\n";
    let cases = [
        (
            base.replace("[1]", "[1, 'two']"),
            "line 1, column 12: `list[1]`: expected u8, found string",
        ),
        (
            base.replace("small = 1", "small = 300"),
            "line 2, column 9: `small`: expected u8, found another integer",
        ),
        (
            base.replace("small = 1", "small = true"),
            "line 2, column 9: `small`: expected u8, found boolean",
        ),
        (
            base.replace("small = 1", "small = [1]"),
            "line 2, column 9: `small`: expected u8, found array",
        ),
        (
            base.replace("small = 1", "small = {}"),
            "line 2, column 9: `small`: expected u8, found table",
        ),
        (base.replace("true", "1.5"), "line 3, column 8: `flag`: expected a boolean, found float"),
        (
            base.replace("true", "1979-05-27"),
            "line 3, column 8: `flag`: expected a boolean, found datetime",
        ),
        (
            format!("{base}letter = 'ab'\n"),
            "line 4, column 10: `letter`: expected a character, found another string",
        ),
        (
            format!("{base}more = 1\n"),
            "line 4, column 1: `more`: unknown key, expected one of `list`, `small`, `flag`, `letter`",
        ),
        (base.replace("small = 1\n", ""), "the key `small` is missing"),
    ];
    for (text, message) in cases {
        let document = Document::parse(text.as_str()).unwrap();
        let error = document.deserialize::<Strict>().unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only read into")]
    struct Aliased {
        #[serde(alias = "token")]
        pat: String,
    }
    let document = Document::parse("pat = 'x'\ntoken = 'y'\n").unwrap();
    let error = document.deserialize::<Aliased>().unwrap_err();
    let message = "line 2, column 1: `token`: the key `pat` appears twice";
    assert_eq!(error.to_string(), message);

    let document = Document::parse("\n[a]\nb = { c = 1 }\n").unwrap();
    type Nested = HashMap<String, HashMap<String, HashMap<String, String>>>;
    let error = document.deserialize::<Nested>().unwrap_err();
    assert_eq!((error.path(), error.line(), error.column()), (Some("a.b.c"), 3, 11));
}

#[test]
fn a_message_of_the_type_itself_is_dropped() {
    #[derive(Debug)]
    struct Url;
    impl<'de> Deserialize<'de> for Url {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("{text} is not a URL")))
        }
    }
    let document = Document::parse("url = 'hunter2'").unwrap();
    let error = document.deserialize::<HashMap<String, Url>>().unwrap_err();
    assert_eq!(error.to_string(), "line 1, column 7: `url`: refused by the type");
}

/// A type may catch an error and keep its text, which must not contain a value.
#[test]
fn an_error_that_a_type_catches_holds_no_value() {
    struct Caught(String);
    impl<'de> Deserialize<'de> for Caught {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(Self(u8::deserialize(deserializer).unwrap_err().to_string()))
        }
    }
    let document = Document::parse("port = 'hunter2'").unwrap();
    let read: HashMap<&str, Caught> = document.deserialize().unwrap();
    assert_eq!(read["port"].0, "expected u8");
}

#[test]
fn arrays_and_tables_tell_how_much_is_left() {
    use serde::de::{MapAccess, SeqAccess, Visitor};

    struct Hints(Vec<Option<usize>>);
    impl<'de> Visitor<'de> for Hints {
        type Value = Self;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array or a table")
        }
        fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Self, A::Error> {
            self.0.push(seq.size_hint());
            while seq.next_element::<i64>()?.is_some() {
                self.0.push(seq.size_hint());
            }
            Ok(self)
        }
        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
            self.0.push(map.size_hint());
            while map.next_entry::<&str, i64>()?.is_some() {
                self.0.push(map.size_hint());
            }
            Ok(self)
        }
    }
    impl<'de> Deserialize<'de> for Hints {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Self(Vec::new()))
        }
    }
    let document = Document::parse("list = [1, 2]\ntable = { a = 1, b = 2 }\n").unwrap();
    let read: HashMap<&str, Hints> = document.deserialize().unwrap();
    for name in ["list", "table"] {
        assert_eq!(read[name].0, [Some(2), Some(1), Some(0)], "{name}");
    }
}
