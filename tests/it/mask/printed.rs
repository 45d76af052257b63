//! Each spelling, as Python and Rust print it. `tests/vectors/mask/printed.py` wrote the file.

use std::fmt::Write;

use super::{check, check_bytes, masker};

/// A value, the function that prints it, and what it prints: before the masked part, that part, and
/// behind it.
type Row = (String, String, String, String, String);

#[test]
fn all_that_python_prints_is_masked() {
    let file = include_str!("../../vectors/mask/printed.txt");
    let rows: Vec<Row> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.len() >= 200, "{} rows", rows.len());
    let mut wrong = String::new();
    for (value, name, before, masked, behind) in &rows {
        let masker = masker(&[value]);
        let mask = masker.replacement();
        let (text, expected) =
            (format!("[{before}{masked}{behind}]"), format!("[{before}{mask}{behind}]"));
        let found = masker.mask(&text);
        if found != expected {
            writeln!(wrong, "{value:?} by {name}: {text} gives {found}").unwrap();
        } else {
            check_bytes(&masker, text.as_bytes(), expected.as_bytes());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn all_that_rust_prints_is_masked() {
    for value in
        ["it's \"quoted\"", "tab\tand\\back", "\u{301}é\u{301}\u{85}\u{200b}\0 😀", "line\r\nline"]
    {
        let expected = format!("Some(\"{}\")", masker(&[value]).replacement());
        check(&[value], &format!("{:?}", Some(value)), &expected);
    }
}

#[test]
fn each_line_of_a_value_is_masked() {
    let pem =
        "-----BEGIN KEY-----\nMIIEvgIBADANBgkq\nhkiG9w0BAQEFAASC\n\nAbcd=\n-----END KEY-----\n";
    check(&[pem], pem, "***");
    check(&[pem], &pem.replace('\n', "\r\n"), "***");
    check(&[pem], "x MIIEvgIBADANBgkq y", "x *** y");
    check(&[pem], "hkiG9w0BAQEFAASC\nAbcd=", "***\nAbcd=");
    check(
        &[pem],
        "-----BEGIN KEY-----\n-----END KEY-----\n",
        "-----BEGIN KEY-----\n-----END KEY-----\n",
    );
    check(&["long enough\r\nand this\r\n1234567"], "> and this", "> ***");
    check(&["long enough\r\nand this\r\n1234567"], "> 1234567", "> 1234567");
    check(&["no_lines"], "lines", "lines");
}

#[test]
fn the_strings_of_a_json_document_are_masked() {
    let account = r#"{"type": "account", "private_key": "-----BEGIN KEY-----\nMIIEvg\/IBADAN\n", "n": [1, "a\u00e9b-hunter2"]}"#;
    check(&[account], "key: MIIEvg/IBADAN, a\u{e9}b-hunter2", "key: ***, ***");
    check(&[account], "aéb-hunter2 YcOpYi1odW50ZXIy a%C3%A9b-hunter2", "*** *** ***");
    check(&[account], account, "***");
    check(&[account], "private_key type", "private_key type");
    check(&["[\"hunter2-hunter3\""], "hunter2-hunter3", "hunter2-hunter3");
    check(&["\"hunter2-hunter3\""], "hunter2-hunter3", "***");
    check(&["{\"key\": \"short\", \"b\": \"longer\"}"], "short longer", "short ***");
}

#[test]
fn a_spelling_of_fewer_than_eight_bytes_does_not_count() {
    // Its base64 has 8 characters, or 7 after one or two other bytes.
    check(&["a\"b'c\\"], "YSJiJ2Nc", "***");
    check(&["a\"b'c\\"], "AGEiYidjXA", "AGEiYidjXA");
    check(&["ab/cde"], "ab\\/cde", "ab\\/cde");
    check(&["abc/def"], "abc\\/def", "***");
    check(&["ab cde"], "ab+cde ab%20cde", "ab+cde ***");
}

#[test]
fn a_long_value_is_masked_as_it_is_and_by_its_lines() {
    let long = format!("{}\n{}\n", "é".repeat(5000), "hunter2-".repeat(1000));
    let value = masker(&[&long]);
    assert_eq!(value.mask(&format!("<{long}>")), "<***>");
    assert_eq!(value.mask(&format!("<{}>", "hunter2-".repeat(1000))), "<***>");
    let spelled = long.replace('\n', "\\n");
    assert_eq!(value.mask(&spelled), "***\\n***\\n", "its lines only");
}
