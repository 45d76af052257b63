//! The messages that an author reads after a mistake.

use secrets_toml::{Document, ParseError, Template};
use serde_json::json;

#[track_caller]
fn refused(text: &str) -> String {
    match Document::parse(text) {
        Ok(document) => panic!("accepted as {document:?}"),
        Err(error) => {
            let errors: Vec<String> = error.errors().iter().map(ToString::to_string).collect();
            errors.join("\n")
        }
    }
}

#[track_caller]
fn shape(text: &str) -> String {
    format!("{:?}", Document::parse(text).unwrap())
}

#[test]
fn texts_without_variables_are_documents() {
    for text in ["", "\n", "# nothing here\n", "\u{feff}", "\u{feff}# nothing\r\n"] {
        assert!(Document::parse(text).unwrap().root().is_empty(), "{text:?}");
    }
}

#[test]
fn a_byte_order_mark_and_crlf_are_read() {
    assert_eq!(shape("\u{feff}A = 1\r\nB = 'x'\r\n"), r#"Document { "A": integer, "B": string }"#);
    // The mark does not count as a character of the first line.
    assert_eq!(
        refused("\u{feff}A =\r\n"),
        "line 1, column 4: a key without a value (write `= \"\"`)"
    );
}

#[test]
fn each_mistake_has_its_message() {
    for (text, message) in [
        (
            "A = 1\rB = 2\n",
            "line 1, column 6: a carriage return without a line feed \
             (save the file with LF or CRLF line ends)",
        ),
        (
            "A = \"a\0b\"\n",
            "line 1, column 7: a control character in a text \
             (remove it, or write it between double quotes as an escape such as \\u0007)",
        ),
        (
            "A = \"\"\"\u{1}\"\"\"\n",
            "line 1, column 8: a control character in a text \
             (remove it, or write it between double quotes as an escape such as \\u0007)",
        ),
        (
            "A = \"\"\"a\rb\"\"\"\n",
            "line 1, column 10: a carriage return without a line feed \
             (save the file with LF or CRLF line ends)",
        ),
        ("# \u{7}\n", "line 1, column 3: a control character in a comment (delete it)"),
        ("KEY =\n", "line 1, column 6: a key without a value (write `= \"\"`)"),
        (
            "KEY\n",
            "line 1, column 4: a key without `=` \
             (write `KEY = \"value\"`, or begin a comment with `#`)",
        ),
        ("= 1\n", "line 1, column 1: the name of a key is missing (write `KEY = \"value\"`)"),
        (
            "KEY = value\n",
            "line 1, column 7: a value without quotes (put text between quotes: \"…\")",
        ),
        (
            "KEY = some value\n",
            "line 1, column 7: a value without quotes \
             (put text between quotes: \"…\")",
        ),
        (
            "KEY = \"open\nB = 1\n",
            "line 1, column 7: a text without its closing quote \
             (write the same quote after it; text of several lines goes between \"\"\" and \"\"\")",
        ),
        (
            "A = '''",
            "line 1, column 5: a text without its three closing quotes \
             (write the same three quotes after it)",
        ),
        (
            "A = open\"\n",
            "line 1, column 5: a text without its opening quote \
             (write the same quote before it)",
        ),
        (
            "A = \"C:\\dir\"\n",
            "line 1, column 9: a Windows path between double quotes \
             (put it between single quotes, 'C:\\dir', or write each `\\` as `\\\\`)",
        ),
        (
            "A = \"\"\"x \\ y\"\"\"\n",
            "line 1, column 12: a backslash that begins no escape \
             (delete it, write it as `\\\\`, or put the text between single quotes)",
        ),
        (
            "A = \"\\ud800\"\n",
            "line 1, column 8: an escape that names no Unicode character \
             (\\x takes two digits, \\u four, \\U eight)",
        ),
        // The three replacement characters are longer than the text and do not fit into the buffer.
        // The error is still that of the first backslash.
        (
            "A = \"\\u\\u\\u\"",
            "line 1, column 8: a backslash that begins no escape \
             (delete it, write it as `\\\\`, or put the text between single quotes)",
        ),
        (
            "N = 9223372036854775808\n",
            "line 1, column 5: an integer outside 64 bits (if it is text, put it between quotes)",
        ),
        (
            "F = 1e400\n",
            "line 1, column 5: a float outside 64 bits (if it is text, put it between quotes)",
        ),
        (
            "F = -1_0e4_00\n",
            "line 1, column 5: a float outside 64 bits (if it is text, put it between quotes)",
        ),
        (
            "PHONE = 0123\n",
            "line 1, column 9: a number with a leading zero (if it is text, put it between quotes)",
        ),
        (
            "N = 0x\n",
            "line 1, column 5: neither a number nor a date \
             (write a number as 1000 or 0.5; if it is text, put it between quotes)",
        ),
        (
            "N = 0b12\n",
            "line 1, column 8: neither a number nor a date \
             (write a number as 1000 or 0.5; if it is text, put it between quotes)",
        ),
        (
            "N = 1__2\n",
            "line 1, column 5: neither a number nor a date \
             (write a number as 1000 or 0.5; if it is text, put it between quotes)",
        ),
        (
            "D = 2020-13-01\n",
            "line 1, column 5: not a date or time \
             (write a date as 2026-01-31; if it is text, put it between quotes)",
        ),
        (
            "B = True\n",
            "line 1, column 5: neither `true` nor `false` \
             (write `true` or `false` in lower case; if it is text, put it between quotes)",
        ),
        (
            "ключ = 1\n",
            "line 1, column 1: a key may hold the letters A to Z, digits, `_` and `-` \
             (put a name with another character between quotes, such as \"my key\")",
        ),
        (
            "\"\"\"a\"\"\" = 1\n",
            "line 1, column 1: a key between triple quotes (use one quote at each end)",
        ),
        (
            "a = = 1\n",
            "line 1, column 5: one `=` too many \
             (write one `=`; a value that begins with `=` needs quotes)",
        ),
        (
            "A = 'x' y\n",
            "line 1, column 9: something follows the end of the line's value \
             (begin a comment with `#`, or put quotes around the whole value)",
        ),
        (
            "[a\nb = 1\n",
            "line 1, column 1: a section header without its end (write `[section]` or `[[list]]`)",
        ),
        (
            "]\n",
            "line 1, column 1: a `]` without its `[` \
             (write `[` before it, or delete it)",
        ),
        (
            "a = }\n",
            "line 1, column 5: a `}` without its `{` \
             (write `{` before it, or delete it)",
        ),
        (
            ", a\n",
            "line 1, column 1: a line cannot begin with `,`, `{` or `}` \
             (delete it)",
        ),
        (
            "a = [1, 2",
            "line 1, column 5: an array without its closing `]` \
             (write `]` after its last value)",
        ),
        (
            "a = { b = 1",
            "line 1, column 5: an inline table without its closing `}` \
             (write `}` after its last value)",
        ),
        (
            "a = [,]",
            "line 1, column 6: a comma too many in an array \
             (delete the comma)",
        ),
        (
            "a = ['x' 'y']",
            "line 1, column 10: a comma is missing between two elements of an array \
             (write a comma between them)",
        ),
        (
            "a = ['b' = 1]",
            "line 1, column 10: an `=` inside an array \
             (close the array with `]` before it; a table goes between `{` and `}`)",
        ),
        (
            "a = {,}",
            "line 1, column 6: a comma too many in an inline table \
             (delete the comma)",
        ),
        (
            "a = {b 1}",
            "line 1, column 8: an `=` is missing or doubled in an inline table \
             (write { key = \"value\" })",
        ),
        (
            "a = {{}}",
            "line 1, column 5: a reference that nothing replaces \
             (write the value itself, between quotes: \"…\")",
        ),
        (
            "a = {b = 'x' c = 1}",
            "line 1, column 14: a comma is missing between two keys of an inline table \
             (write a comma between them)",
        ),
    ] {
        assert_eq!(refused(text), message, "{text:?}");
    }
}

#[test]
fn what_is_defined_twice_is_named_where_the_rest_is_well_formed() {
    for (text, message) in [
        (
            "A = 1\nB = 2\nA = 3\n",
            "line 3, column 1: `A` is defined twice, first on line 1 (keep one of the two)",
        ),
        (
            "[a]\nx = 1\n[b]\n[a]\n",
            "line 4, column 2: `a` is defined twice, first on line 1 (keep one of the two)",
        ),
        (
            "a.b = 1\n[a]\n",
            "line 2, column 2: `a` is defined twice, first on line 1 (keep one of the two)",
        ),
        (
            "a = 1\n[a.b]\n",
            "line 2, column 2: `a` is defined as a value, and used as a table, first on line 1 \
             (rename one of the two)",
        ),
        (
            "[[u]]\nx = 1\nx = 2\n",
            "line 3, column 1: `u[0].x` is defined twice, first on line 2 (keep one of the two)",
        ),
        (
            "\"a\u{202e}b\" = 1\n\"a\u{202e}b\" = 2\n",
            "line 2, column 1: `\"a\\u202Eb\"` is defined twice, first on line 1 \
             (keep one of the two)",
        ),
        (
            "[a.b]\nx = 1\n[a]\nb.y = 2\n",
            "line 4, column 1: `a.b` is defined twice, first on line 1 (keep one of the two)",
        ),
        // After another error, a secret may have been read as a key, so names are not shown.
        (
            "A = 1\nA = 2\nB = \"open\n",
            "line 2, column 1: defined twice (keep one of the two)\n\
             line 3, column 5: a text without its closing quote \
             (write the same quote after it; text of several lines goes between \"\"\" and \"\"\")",
        ),
    ] {
        assert_eq!(refused(text), message, "{text:?}");
    }
}

/// A statement with a syntax error is not checked for repetitions. Because the text has a syntax
/// error, no name is shown.
#[test]
fn of_a_line_of_clashes_and_errors_in_turns_the_first_error_is_told() {
    let text = format!("x={{a=1,{}b=1}}", r#"a."\q"=1,"#.repeat(3));
    let fault = "column 12: a backslash that begins no escape \
                 (delete it, write it as `\\\\`, or put the text between single quotes)";
    assert_eq!(refused(&text), format!("line 1, {fault}"));
    assert_eq!(
        refused(&format!("A = 1\n{text}\nA = 2\n")),
        format!("line 2, {fault}\nline 3, column 1: defined twice (keep one of the two)"),
    );
}

#[test]
fn an_error_that_leaves_the_structure_open_ends_the_check_for_repetitions() {
    for (text, message) in [
        (
            "b = 1\na = [1, 2\nb = 1\n",
            "line 2, column 5: an array without its closing `]` \
             (write `]` after its last value)\nline 3, column 1: defined twice \
             (keep one of the two)",
        ),
        // It is unknown whether `b` belongs to the table in which a comma is missing.
        (
            "a = { b = 'x' c = 1,\n  b = 2 }\n",
            "line 1, column 15: a comma is missing between two keys of an inline table \
             (write a comma between them)",
        ),
        // The end of the table without a key is not the end of the table around it.
        (
            "a = { {x = 1}, b = 1 }\nb = 1\n",
            "line 1, column 7: a value without a key in an inline table \
             (write a table as { key = \"…\" }, and a list as [\"…\", \"…\"])",
        ),
        (
            "[a\nb = 1\n[c]\nb = 1\nb = 2\n",
            "line 1, column 1: a section header without its end \
             (write `[section]` or `[[list]]`)",
        ),
    ] {
        assert_eq!(refused(text), message, "{text:?}");
    }
}

/// A key that is too deep is reported as long as it is known which table it belongs to.
#[test]
fn an_error_between_the_values_leaves_the_structure_known() {
    let deep = format!("{}a = 1\n", "a.".repeat(80));
    for (text, known) in [
        ("= 1\n", true),
        ("a b\n", true),
        ("x = 1 2\n", true),
        ("x = ['' '']\n", true),
        ("x = ['' '']\n[h]\n", true),
        ("x = { a b }\n", true),
        ("[h\n", false),
        ("[[h\n", false),
        ("[h\n[i]\n", false),
        ("[h 1]\n", false),
    ] {
        let error = Document::parse(format!("{text}{deep}")).unwrap_err();
        let found = error.errors().last().unwrap().line() > text.lines().count();
        assert_eq!(found, known, "{text}");
    }
}

#[test]
fn no_line_of_a_pem_key_in_single_line_quotes_is_printed() {
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj";
    let text = format!(
        "KEY = '-----BEGIN PRIVATE KEY-----\n{body}\n{body}\n{body}=\n{body}+/==\n\
         -----END PRIVATE KEY-----'\nPAT = ''\n"
    );
    let error = refused(&text);
    assert_eq!(
        error,
        "line 1, column 7: a text of several lines between quotes for one line \
         (write three quotes before it and three after it: \"\"\"…\"\"\")"
    );
    // The same key in triple quotes is read, with any line endings.
    let text = format!("KEY = '''\r\n{body}\r\n{body}\r\n'''\r\n");
    let document = Document::parse(text).unwrap();
    let key = document.get("KEY").and_then(|value| value.as_str());
    assert_eq!(key, Some(format!("{body}\n{body}\n").as_str()));
}

#[test]
fn invalid_utf8_is_refused_at_its_place() {
    let error = Document::from_utf8(b"A = 1\nB = \"\xff\"\n".to_vec()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "error: line 2, column 6: the text is not UTF-8\n  = help: save the file as UTF-8\n"
    );
    assert_eq!(error.errors()[0].span(), 11..11);
}

#[test]
fn limits_say_which() {
    let long = format!("A = '{}'", "x".repeat(secrets_toml::MAX_LEN));
    assert_eq!(
        refused(&long),
        "line 1, column 1000001: the text is longer than the limit of 1,000,000 bytes"
    );
    let most = &long[..secrets_toml::MAX_LEN - 1];
    assert!(Document::parse(format!("{most}'")).is_ok());

    let template = format!("A = '{}'", "é".repeat(40_000));
    assert_eq!(
        Template::parse(&template).unwrap_err().to_string(),
        "error: line 1, column 32771: the template is longer than the limit of 64 KiB\n"
    );

    let too_deep = "nested deeper than the limit of 80 keys and array positions";
    for (text, column) in [
        (format!("a = {}", "[".repeat(200)), 85),
        (format!("a = {}{}", "[".repeat(200), "]".repeat(200)), 85),
        (format!("{}a = 1", "a.".repeat(100)), 161),
        (format!("[{}a]", "a.".repeat(100)), 162),
        (format!("a = {}", "{a = ".repeat(100)), 401),
    ] {
        assert_eq!(refused(&text), format!("line 1, column {column}: {too_deep}"), "{text}");
    }
    // The maximum depth: a key and 79 positions, or 80 keys.
    assert!(Document::parse(format!("a = {}1{}", "[".repeat(79), "]".repeat(79))).is_ok());
    assert!(Document::parse(format!("{}a = 1", "a.".repeat(79))).is_ok());
}

#[test]
fn errors_come_all_at_once_one_a_line_by_position() {
    let error = Document::parse("A = x y z\nB = \"\nok = 1\nC = 1e999 = 2\n").unwrap_err();
    let lines: Vec<_> = error.errors().iter().map(|error| error.line()).collect();
    assert_eq!(lines, [1, 2, 4]);

    let many = Document::parse("A\n".repeat(250)).unwrap_err();
    assert_eq!((many.errors().len(), many.omitted()), (100, 150));
    assert_eq!(many.errors()[99].line(), 100);
    assert!(many.to_string().ends_with("\n\n150 more lines have errors\n"));
    let one_more = Document::parse("A\n".repeat(101)).unwrap_err();
    assert!(one_more.to_string().ends_with("\n\n1 more line has an error\n"));
}

#[test]
fn an_error_tells_its_place_and_hint_apart() {
    let error = Document::parse("# é\nclé = \"\"\nKEY = oh no").unwrap_err();
    let [key, value] = error.errors() else { panic!("{error}") };
    assert_eq!((key.line(), key.column(), key.span()), (2, 3, 7..9));
    assert_eq!((value.line(), value.column(), value.span()), (3, 7, 21..26));
    assert_eq!(value.message(), "a value without quotes");
    let hint = "put text between quotes: \"…\"";
    assert_eq!((value.hint(), value.path()), (Some(hint), None));
    fn is_error<E: std::error::Error + Send + Sync + 'static>(_: &E) {}
    is_error(value);
    is_error::<ParseError>(&error);
}

#[test]
fn errors_serialize_as_a_list() {
    let list = |text: &str| {
        let error = Document::parse(text).unwrap_err();
        let list = serde_json::to_value(error.errors()).unwrap();
        for (error, listed) in error.errors().iter().zip(list.as_array().unwrap()) {
            assert_eq!(listed["code"], error.code());
        }
        list
    };
    let unquoted = json!({
        "code": "unquoted_value",
        "severity": "error",
        "path": null,
        "line": 2,
        "column": 1,
        "message": "a value without quotes",
        "help": "put text between quotes: \"…\"",
    });
    let missing = json!({
        "code": "missing_value",
        "severity": "error",
        "path": null,
        "line": 4,
        "column": 4,
        "message": "a key without a value",
        "help": "write `= \"\"`",
    });
    assert_eq!(list("hunter2 = [\nhunter2\n]\nA =\n"), json!([unquoted, missing]));
    let twice = json!({
        "code": "defined_twice",
        "severity": "error",
        "path": "A",
        "line": 3,
        "column": 1,
        "message": "`A` is defined twice, first on line 1",
        "help": "keep one of the two",
    });
    assert_eq!(list("A = 1\nB = 2\nA = 'hunter2'\n"), json!([twice]));
    let deep = list(&format!("A = {}", "[".repeat(100)));
    assert_eq!(deep[0]["help"], json!(null));
    // A long path is cut here, too.
    let path = "k".repeat(300);
    let twice = list(&format!("{path} = 1\n{path} = 2\n"));
    assert_eq!(twice[0]["path"], json!(format!("{}…", &path[..255])));
}
