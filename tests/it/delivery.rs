//! The document that a Streamlit module reads.

use proptest::prelude::*;
use secrets_toml::{Document, Env, MAX_DEPTH, MAX_LEN, Overrides, Parameter};

use crate::delivered::assert_delivered;

#[track_caller]
fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}

#[track_caller]
fn env(text: &str) -> Env {
    document(text).env().unwrap()
}

/// Delivers a text with its own variables.
#[track_caller]
fn deliver(text: &str) -> String {
    let document = document(text);
    let env = document.env().unwrap();
    let delivered = document.for_streamlit(&env).unwrap();
    assert_delivered(&delivered, &document, &env);
    delivered.expose_text().to_owned()
}

/// Asserts the delivered text of each text.
#[track_caller]
fn assert_each<const N: usize>(rows: [(&str, &str); N]) {
    for (text, expected) in rows {
        assert_eq!(deliver(text), expected, "{text}");
    }
}

#[test]
fn what_is_canonical_stays_as_it_is() {
    for text in [
        "",
        "A = \"x\"\n",
        "A = 'x'\nB = 0x1_F\nC = 1_000.5e-3\nD = true\nE = 1979-05-27 07:32:00Z\n",
        "a = []\nb = [1, [\"x\", {}], { c = 1, d = [{ e = 2 }] }]\n",
        "[a]\n",
        "[a]\nb = 1\n[a.c]\n[[a.d]]\n[[a.d]]\ne = 1\n[a.d.f]\n[b]\n",
        "\"\" = []\n\"a b\" = true\n\"é\" = []\n[\"a.b\"]\n[\"a.b\".'\"']\n[\"a.b\".'\"'.c]\n",
    ] {
        assert_eq!(deliver(text), text);
    }
}

#[test]
fn root_variables_come_first_then_other_values_then_tables() {
    assert_each([
        (
            "A = true\nB = 'b'\nc.d = 1\nE = []\nF = 1\n",
            "B = 'b'\nF = 1\nA = true\nE = []\n[c]\nd = 1\n",
        ),
        ("[b]\nx = 1\n[a]\nx = 1\n[b.c]\n[a.c]\n", "[b]\nx = 1\n[b.c]\n[a]\nx = 1\n[a.c]\n"),
        ("[a.b.c]\n[a.d]\nx = 1\n", "[a]\n[a.b]\n[a.b.c]\n[a.d]\nx = 1\n"),
        ("[a]\n[a.b]\n", "[a]\n[a.b]\n"),
        // The values of a table come before the tables in it, since a header ends it.
        ("[a]\nb.c = 1\nd = 2\n[a.e]\n", "[a]\nd = 2\n[a.b]\nc = 1\n[a.e]\n"),
        ("a.b.c = 1\na.b.d = 2\na.e = 3\n", "[a]\ne = 3\n[a.b]\nc = 1\nd = 2\n"),
        // A table in an array of tables belongs to the element before it.
        (
            "[[a]]\n[a.b]\nc = 1\n[x]\n[[a]]\nd.e = 1\n[[a.f]]\n[[a.f]]\n[a.f.g]\n",
            "[[a]]\n[a.b]\nc = 1\n[[a]]\n[a.d]\ne = 1\n[[a.f]]\n[[a.f]]\n[a.f.g]\n[x]\n",
        ),
        ("[[a.b]]\n[a]\nc = 1\n", "[a]\nc = 1\n[[a.b]]\n"),
        // Tables without a header in the text get one.
        ("a = { b = { c = 1 }, d = 2 }\ne = 3\n", "e = 3\n[a]\nd = 2\n[a.b]\nc = 1\n"),
        ("a = [{ b = 1 }, {}]\nc = 1\nd = [{}, 1]\n", "c = 1\nd = [{}, 1]\n[[a]]\nb = 1\n[[a]]\n"),
        (
            "[[a]]\nb = [{ c = {} }]\nd = [[{ e = 1 }]]\n",
            "[[a]]\nd = [[{ e = 1 }]]\n[[a.b]]\n[a.b.c]\n",
        ),
    ]);
}

#[test]
fn comments_marks_and_line_ends_are_left_out() {
    assert_each([
        ("\u{feff}# one\r\nA = 'x' # two\r\n\r\n[ s ] # three\r\n\tB=1", "A = 'x'\n[s]\nB = 1\n"),
        ("A = [ # one\n 1, # two\n\r\n2,\n]\n", "A = [1, 2]\n"),
        (
            "A = '''\r\na\r\nb'''\nB = \"\"\"\r\nc\\\r\n d\r\n\"\"\"\n",
            "A = \"a\\nb\"\nB = \"cd\\n\"\n",
        ),
    ]);
}

#[test]
fn keys_are_bare_if_they_can_be() {
    assert_each([
        ("'a-B_1' = true\n\"\\u0061\" = true\n1.2 = 3\n", "a-B_1 = true\na = true\n[1]\n2 = 3\n"),
        (
            "'' = []\n\"'\\\"\\\\\" = []\n\"\\t\\n\\r\\b\\u0000\\u007F\\xe9 é\" = []\n",
            "\"\" = []\n\"'\\\"\\\\\" = []\n\"\\t\\n\\r\\u0008\\u0000\\u007Fé é\" = []\n",
        ),
        ("['a'.\"b c\"]\n[['#'.d]]\n", "[a]\n[a.\"b c\"]\n[\"#\"]\n[[\"#\".d]]\n"),
        ("t = { 'a' = 1, 'b c'.d = 2 }\n", "[t]\na = 1\n[t.\"b c\"]\nd = 2\n"),
        // `toml` decodes escapes in a key before a value, unless it has a dot, and not in a header.
        (
            "'\\b' = []\n'.\\b' = []\n\"\\\"\" = []\n['\\d']\nx = 1\n",
            "\"\\\\b\" = []\n'.\\b' = []\n'\"' = []\n['\\d']\nx = 1\n",
        ),
    ]);
}

#[test]
fn what_toml_1_0_lacks_is_spelled_anew() {
    assert_each([
        ("A = 07:32\nB = 1979-05-27T07:32\n", "A = 07:32:00\nB = 1979-05-27T07:32:00\n"),
        (
            "A = 1979-05-27 07:32Z\nB = 1979-05-27t07:32-07:00\n",
            "A = 1979-05-27 07:32:00Z\nB = 1979-05-27t07:32:00-07:00\n",
        ),
        ("A = \"\\e[0m\\\\e\\x41\\\\x41\\xe9\"\n", "A = \"\\u001B[0m\\\\eA\\\\x41é\"\n"),
        ("B = '\\e\\x41'\n", "B = '\\e\\x41'\n"),
        ("A = \"\"\"\\e\n\\x20\"\"\"\n", "A = \"\\u001B\\n \"\n"),
        ("a = {\n b = 1, # one\n c = {\n },\n}\n", "[a]\nb = 1\n[a.c]\n"),
        ("[s]\nt = [{ a = '\\e', },\n]\n", "[s]\n[[s.t]]\na = '\\e'\n"),
        ("a = { b.c = 1, b.d = { e.f = 2 } }\n", "[a]\n[a.b]\nc = 1\n[a.b.d]\n[a.b.d.e]\nf = 2\n"),
        (
            "a = [[{ b.c = 1, b.d = { e.f = 2 } }]]\n",
            "a = [[{ b = { c = 1, d = { e = { f = 2 } } } }]]\n",
        ),
    ]);
}

/// The spellings that Python's `tomllib` and the package `toml` 0.10.2 read alike.
#[test]
fn what_another_reader_misreads_is_spelled_anew() {
    assert_each([
        // A string keeps its spelling, or has one without escapes if possible.
        ("A = 'x'\nB = \"it's\"\nC = '\"'\n", "A = 'x'\nB = \"it's\"\nC = '\"'\n"),
        ("A = \"\\\"\"\nB = \"\\\\d\"\n", "A = '\"'\nB = '\\d'\n"),
        ("A = \"\\u0041\\u00e9\"\nB = \"\\u005C\"\n", "A = \"Aé\"\nB = '\\'\n"),
        ("A = \"\\\"'\\\\\"\n", "A = \"\\\"'\\\\\"\n"),
        ("A = '\t'\nB = \"\\t\\\"\"\n", "A = '\t'\nB = \"\\t\\\"\"\n"),
        // A string is written on one line.
        ("A = '''x'''\nB = \"\"\"y\"\"\"\n", "A = \"x\"\nB = \"y\"\n"),
        ("A = '''\n\nit's # x\n'''\n", "A = \"\\nit's # x\\n\"\n"),
        ("A = \"\"\"x\\\n  y\"\"\"\"\"\n", "A = 'xy\"\"'\n"),
        // `toml` would read a string that begins with two quotes as empty.
        ("A = \"\\\"\\\"\"\nB = \"\\\"\\\"'\"\n", "A = '\"\"'\nB = \"\"\"\\\"\\\"'\"\"\"\n"),
        // In an array, characters that `toml` takes for structure are escaped.
        ("A = ['x', \"y\", '', '\\d']\n", "A = ['x', \"y\", '', \"\\\\d\"]\n"),
        (
            "A = [',', '=#[]', \"{}'\"]\n",
            "A = [\"\\u002C\", \"\\u003D\\u0023\\u005B\\u005D\", \"\\u007B\\u007D\\u0027\"]\n",
        ),
        ("A = ['\"', '\"\"x']\n", "A = [\"\"\"\\\"\"\"\", \"\"\"\\\"\\\"x\"\"\"]\n"),
        ("A = [[{ b = 'x,y' }]]\n", "A = [[{ b = \"x\\u002Cy\" }]]\n"),
        ("A = [{ b = 'x,y' }]\n", "[[A]]\nb = 'x,y'\n"),
        // Numbers and fractions of a second.
        ("A = +1\nB = -0.0\nC = [+0.5, +inf]\n", "A = 1\nB = -0.0\nC = [0.5, inf]\n"),
        ("A = 07:32:00.5\n", "A = 07:32:00.500000\n"),
        ("A = 07:32:00.1234567\n", "A = 07:32:00.123456\n"),
        ("A = [1979-05-27T07:32:00.25z]\n", "A = [1979-05-27T07:32:00.250000Z]\n"),
        ("A = 1979-05-27 07:32:00.999999999-07:00\n", "A = 1979-05-27 07:32:00.999999-07:00\n"),
        ("A = 1979-05-27 07:32z\n", "A = 1979-05-27 07:32:00Z\n"),
    ]);
}

fn overrides() -> Overrides {
    Overrides::new()
        .allow(Parameter::new("a", "A").displaces(["D"]))
        .allow(Parameter::new("b", "B"))
        .allow(Parameter::new("n", "N \"\\"))
}

/// Delivers a text with the overrides of a query.
#[track_caller]
fn deliver_with(text: &str, query: &str) -> String {
    let document = document(text);
    let env = document.env().unwrap().override_with(&overrides(), query).unwrap();
    let delivered = document.for_streamlit(&env).unwrap();
    assert_delivered(&delivered, &document, &env);
    delivered.expose_text().to_owned()
}

#[test]
fn a_query_is_in_what_is_delivered() {
    for (text, query, expected) in [
        // A string stays a string, even if it looks like a number.
        ("B = 'x'\n", "b=5", "B = \"5\"\n"),
        ("B = 'x'\n", "b=%22%5C", "B = '\"\\'\n"),
        ("B = 'x'\n", "b=%C3%A9", "B = \"é\"\n"),
        // If the text is the same, the document's value keeps its spelling.
        ("B = '5' # c\n", "b=5", "B = '5'\n"),
        ("B = 0x1F\n", "b=31", "B = 0x1F\n"),
        ("B = 1e1\n", "b=10.0", "B = 1e1\n"),
        // The document has a number, and the text is Python's `str()` of a number.
        ("B = 1\n", "b=5", "B = 5\n"),
        ("B = 1\n", "b=-9223372036854775808", "B = -9223372036854775808\n"),
        ("B = 1\n", "b=1.5", "B = 1.5\n"),
        ("B = 1.5\n", "b=1e%2B16", "B = 1e+16\n"),
        ("B = 1.5\n", "b=nan", "B = nan\n"),
        ("B = 1.5\n", "b=-inf", "B = -inf\n"),
        // The text is not Python's `str()` of a number.
        ("B = 1\n", "b=05", "B = \"05\"\n"),
        ("B = 1\n", "b=%2B5", "B = \"+5\"\n"),
        ("B = 1\n", "b=-0", "B = \"-0\"\n"),
        ("B = 1\n", "b=5%20", "B = \"5 \"\n"),
        ("B = 1\n", "b=9223372036854775808", "B = \"9223372036854775808\"\n"),
        ("B = 1.5\n", "b=1e16", "B = \"1e16\"\n"),
        ("B = 1.5\n", "b=1.50", "B = \"1.50\"\n"),
        ("B = 1.5\n", "b=1e400", "B = \"1e400\"\n"),
        ("B = 1.5\n", "b=NaN", "B = \"NaN\"\n"),
        ("B = 1.5\n", "b=infinity", "B = \"infinity\"\n"),
        ("B = 1\n", "b=true", "B = \"true\"\n"),
        // The document does not have the name, or not as a variable.
        ("D = 'x'\n[t]\nB = 1\n", "b=5", "D = 'x'\nB = \"5\"\n[t]\nB = 1\n"),
        ("B = true\nC = []\n", "b=5", "B = \"5\"\nC = []\n"),
        ("B = 0000-01-01\n", "b=5", "B = \"5\"\n"),
        ("", "n=x", "\"N \\\"\\\\\" = \"x\"\n"),
        // A displaced name is absent.
        ("A = 'a'\nD = 'd'\n[t]\nD = 'd'\n", "a=x", "A = \"x\"\n[t]\nD = 'd'\n"),
        ("C = 'c'\nD = 'd'\n", "a=x&b=y", "C = 'c'\nA = \"x\"\nB = \"y\"\n"),
    ] {
        assert_eq!(deliver_with(text, query), expected, "{text} with {query}");
    }
}

#[test]
fn a_variable_that_the_environment_lacks_is_absent() {
    let secrets = document("A = 'a'\nB = 1\nC = true\n'' = 'no name'\n[t]\nA = 'a'\n");
    let delivered = secrets.for_streamlit(&env("B = 2\nX = 'x'\nA = 'a'\n")).unwrap();
    assert_eq!(delivered.expose_text(), "B = 2\nX = \"x\"\nA = 'a'\nC = true\n[t]\nA = 'a'\n");
    let delivered = secrets.for_streamlit(&env("")).unwrap();
    assert_eq!(delivered.expose_text(), "C = true\n[t]\nA = 'a'\n");
}

#[test]
fn a_displaced_name_is_absent_whatever_it_is() {
    let env = || env("A = 'a'\nD = 'd'\n").override_with(&overrides(), "a=x").unwrap();
    for text in [
        "[D]\nx = 1\n[D.y]\n",
        "D.x.y = 1\n",
        "[[D]]\n[[D]]\n",
        "D = [{ x = 1 }]\n",
        "D = {}\n",
        "D = true\n",
        "D = 0000-01-01\n",
        "'D' = { x = 23:59:60 }\n",
    ] {
        let document = document(&format!("{text}[t]\nD = 1\n"));
        let delivered = document.for_streamlit(&env()).unwrap();
        assert_delivered(&delivered, &document, &env());
        assert_eq!(delivered.expose_text(), "A = \"x\"\n[t]\nD = 1\n", "{text}");
    }
}

#[test]
fn what_cannot_be_delivered() {
    let rows = [
        (
            "[A]\n",
            "line 1: `A` is a table, and an environment variable has the same name",
            Some(("A", 1)),
        ),
        (
            "x = 1\nA.b = 1\n",
            "line 2: `A` is a table, and an environment variable has the same name",
            Some(("A", 2)),
        ),
        (
            "A = {}\n",
            "line 1: `A` is a table, and an environment variable has the same name",
            Some(("A", 1)),
        ),
        (
            "\n[[A]]\n",
            "line 2: `A` is an array, and an environment variable has the same name",
            Some(("A", 2)),
        ),
        (
            "A = []\n",
            "line 1: `A` is an array, and an environment variable has the same name",
            Some(("A", 1)),
        ),
        (
            "[t]\n\"u v\" = [\n1,\n{ x = 0000-12-31T23:59:60Z }]\n",
            "line 4: `t.\"u v\"[1].x` has the year 0000, which Python cannot read: \
             write a year from 0001 to 9999",
            Some(("t.\"u v\"[1].x", 4)),
        ),
        (
            "t = 23:59:60.5\n",
            "line 1: `t` has the second 60, which Python cannot read: write a second up to 59",
            Some(("t", 1)),
        ),
        (
            "t = 1990-12-31 15:59:60-08:00\n",
            "line 1: `t` has the second 60, which Python cannot read: write a second up to 59",
            Some(("t", 1)),
        ),
    ];
    for (text, message, place) in rows {
        let error = document(text).for_streamlit(&env("A = 'a'\n")).unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
        assert_eq!(error.path().zip(error.line()), place, "{text}");
        assert!(std::error::Error::source(&error).is_none());
    }
}

#[test]
fn what_python_can_read_is_no_error() {
    let text = "a = [0001-01-01, 9999-12-31T23:59:59.9Z, 00:00:00, 1979-05-27T07:32:59+00:60]\n";
    // An offset cannot have the minute 60, neither here nor in Python.
    assert!(Document::parse(text).is_err());
    let text = "a = [0001-01-01, 9999-12-31T23:59:59.600000Z, 00:00:00, 1979-05-27T00:00:00]\n";
    assert_eq!(deliver(text), text);
}

#[test]
fn what_would_be_too_long_is_refused() {
    // The written text has two more spaces than this one.
    let most = |more: usize| format!("a=['{}']\n", "x".repeat(MAX_LEN - "a = ['']\n".len() + more));
    assert_eq!(deliver(&most(0)).len(), MAX_LEN);
    let document = document(&most(1));
    let error = document.for_streamlit(&env("")).unwrap_err();
    assert_eq!(error.to_string(), "the text to be delivered would be longer than 1000000 bytes");
    assert_eq!((error.path(), error.line()), (None, None));
}

/// Each header repeats the keys of the tables around it. A text that would be of quadratic length
/// is refused early.
#[test]
fn many_tables_below_a_long_header_are_refused_soon() {
    let lines: String = (0..50_000).map(|i| format!("{i}.a=1\n")).collect();
    for key in ["h".repeat(MAX_LEN / 3), format!("\"{}\"", "é".repeat(MAX_LEN / 6))] {
        let document = document(&format!("[{key}]\n{lines}"));
        let error = document.for_streamlit(&env("")).unwrap_err();
        assert_eq!(error.path(), None, "{error}");
    }
}

#[test]
fn the_deepest_values_are_delivered() {
    let most = MAX_DEPTH - 1;
    for text in [
        format!("a={}1{}", "[".repeat(most), "]".repeat(most)),
        format!("a={}1{}", "{a=".repeat(most), "}".repeat(most)),
        format!("a={{a{}=1}}", ".a".repeat(most - 1)),
        format!("a{}=1", ".a".repeat(most)),
        format!("[[a{}]]\nb=1", ".a".repeat(most - 2)),
    ] {
        deliver(&text);
    }
}

/// A value, including the syntax that is new in TOML 1.1.
fn value() -> impl Strategy<Value = String> {
    let scalar = prop::sample::select(vec![
        "'x'",
        "\"x\"",
        "\"\"",
        "\"\\e\\x41\\\\x\\u00e9\"",
        "\"\"\"\r\na\\\r\n b\\\"\"\"\"",
        "''''q'\n'''",
        "'\\e'",
        "\"\\\\\"",
        "0x1_F",
        "-0",
        "+1_0",
        "1e16",
        "1_0.5",
        "-inf",
        "nan",
        "true",
        "1979-05-27",
        "07:32",
        "1979-05-27 07:32z",
        "1979-05-27T07:32:59.123456789+01:00",
    ]);
    scalar.prop_map(str::to_owned).prop_recursive(4, 24, 4, |inner| {
        let space = || prop::sample::select(vec!["", " ", "\n", " # c\r\n"]);
        let array = (prop::collection::vec(inner.clone(), 0..4), space(), any::<bool>());
        let array = array.prop_map(|(values, space, comma)| {
            let comma = if comma && !values.is_empty() { "," } else { "" };
            format!("[{space}{}{comma}{space}]", values.join(&format!("{space},{space}")))
        });
        let pair = (key(), any::<bool>(), inner);
        let pair = pair.prop_map(|(key, dotted, value)| {
            format!("{key}{} = {value}", if dotted { ".x" } else { "" })
        });
        let table = (prop::collection::vec(pair, 0..4), space(), any::<bool>());
        let table = table.prop_map(|(pairs, space, comma)| {
            let comma = if comma && !pairs.is_empty() { "," } else { "" };
            format!("{{{space}{}{comma}{space}}}", pairs.join(&format!("{space},{space}")))
        });
        prop_oneof![array, table]
    })
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "A",
        "B",
        "C",
        "D",
        "'E'",
        "\"\\x41\\e\"",
        "'a b'",
        "\"é\"",
        "F",
        "G",
        "'a.b'",
        "1",
        "\"\\\"\"",
    ])
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => (key(), value()).prop_map(|(key, value)| format!("{key} = {value} # c")),
        1 => (key(), key(), value()).prop_map(|(table, key, value)| format!("{table}.{key} = {value}")),
        1 => key().prop_map(|key| format!("[{key}]")),
        1 => (key(), key()).prop_map(|(table, key)| format!("[{table}.{key}]")),
        1 => key().prop_map(|key| format!("[[{key}]]")),
        1 => (key(), key()).prop_map(|(table, key)| format!("[[{table}.{key}]]")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4_000) })]

    #[test]
    fn variables_and_values_are_those_of_the_module(
        lines in prop::collection::vec(line(), 0..8),
        query in prop::sample::select(vec!["", "a=x", "b=5", "b=1.5&n=%22", "a=&b=true", "a=1&b=31&n=x"]),
        newline in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        // Leaves out lines that contradict an earlier one.
        let text = lines.iter().fold(String::new(), |text, line| {
            let longer = format!("{text}{line}{newline}");
            if Document::parse(longer.as_str()).is_ok() { longer } else { text }
        });
        let document = document(&text);
        let Ok(env) = document.env() else { return Ok(()) };
        let env = env.override_with(&overrides(), query).unwrap();
        match document.for_streamlit(&env) {
            Ok(delivered) => assert_delivered(&delivered, &document, &env),
            Err(error) => {
                let value = document.find(error.path().unwrap()).unwrap();
                prop_assert!(value.as_table().is_some() || value.as_array().is_some());
            }
        }
    }
}
