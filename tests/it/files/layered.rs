//! For each root key, the last layer wins whole.

use std::collections::HashMap;

use secrets_toml::files::Layered;
use secrets_toml::{Document, MAX_LEN};

use super::document;
use crate::delivered::is_same;

fn layered(texts: &[&str]) -> Layered {
    let names = ["one", "two", "three", "four"];
    Document::layered(names.into_iter().zip(texts.iter().map(|text| document(text)))).unwrap()
}

#[track_caller]
fn assert_layers(texts: &[&str], expected: &str) {
    assert_eq!(layered(texts).document().expose_text(), expected);
}

#[test]
fn the_last_layer_wins_for_each_root_key() {
    for (texts, expected) in [
        (&[][..], ""),
        (&[""], ""),
        (&["A = 1 # one\n"], "A = 1\n"),
        (&["A = 1\nB = 2\n", "B = 3\nC = 4\nA = 5\n"], "A = 5\nB = 3\nC = 4\n"),
        // A blank wins, too.
        (&["A = 'x'\n", "A = ''\n"], "A = ''\n"),
        // Tables are not merged.
        (&["[db]\nuser = 'x'\nhost = 'y'\n", "db.user = 'z'\n"], "[db]\nuser = 'z'\n"),
        (&["a.b.c = 1\n", "[a.b]\nd = 2\n"], "[a]\n[a.b]\nd = 2\n"),
        (&["[[users]]\nid = 1\n[[users]]\nid = 2\n", "[[users]]\nid = 3\n"], "[[users]]\nid = 3\n"),
        (&["[db]\nuser = 'x'\n", "db = {}\n"], "[db]\n"),
        // A scalar over a table, and back.
        (&["[db]\nuser = 'x'\n", "db = 1\n"], "db = 1\n"),
        (&["db = 1\nA = 2\n", "[db]\nuser = 'x'\n"], "A = 2\n[db]\nuser = 'x'\n"),
        (&["db = 1\n", "[db]\nx = 1\n", "db = true\n"], "db = true\n"),
        (&["a = [1]\n", "a = [{ b = 1 }]\n"], "[[a]]\nb = 1\n"),
        // Values come before tables, each in the order in which they were first named.
        (
            &["[t]\nx = 1\n[u]\n", "A = 1\nu = 2\nL = [1]\n", "B = true\nt = 3\n[A]\n"],
            "t = 3\nu = 2\nL = [1]\nB = true\n[A]\n",
        ),
        // The spelling is the writer's, but dates and times stay as written.
        (&["'A' = \"\"\"\nx\ny\"\"\"\nB = +31\nC = 1_0\n"], "A = \"x\\ny\"\nB = 31\nC = 1_0\n"),
        (
            &["A = 07:32\nB = 0000-01-01\nC = 10:20:60\nD = 10:20:30.123456789\n"],
            "A = 07:32\nB = 0000-01-01\nC = 10:20:60\nD = 10:20:30.123456789\n",
        ),
        (&["A = 1979-05-27T07:32:00.5z\n"], "A = 1979-05-27T07:32:00.5z\n"),
        (
            &["A = [07:32, { b = 07:33 }]\n[c]\nd = 07:34\n"],
            "A = [07:32, { b = 07:33 }]\n[c]\nd = 07:34\n",
        ),
    ] {
        assert_layers(texts, expected);
    }
}

/// The result is a document as any other.
#[test]
fn the_result_maps_validates_and_deserializes() {
    let layered = layered(&["PAT = ''\n[db]\nuser = ''\n", "PAT = \"hunter2\"\nPORT = 0x1F\n"]);
    let env = layered.env().unwrap();
    assert!(env.iter().eq([("PAT", "hunter2"), ("PORT", "31")]));
    let shown = format!("{layered:?}");
    assert_eq!(
        shown,
        "Layered { document: Document { \"PAT\": string, \"PORT\": integer, \"db.user\": string }, \
         layers: [\"one\", \"two\"] }",
    );
    let invalid = layered.into_document().validate().unwrap_err();
    let findings: Vec<_> = invalid.findings().map(|finding| finding.to_string()).collect();
    assert_eq!(findings, ["line 4, column 8: `db.user` is blank"]);

    let again = invalid.into_document();
    let twice = Document::layered([("again", &again), ("and again", &again)]).unwrap();
    assert_eq!(twice.document().expose_text(), again.expose_text(), "a fixed point");
    let values: HashMap<String, toml::Value> = again.deserialize().unwrap();
    assert_eq!(values.len(), 3);
}

#[test]
fn origins_have_layers_and_lines() {
    let layered = layered(&[
        "# one\nA = 1\n[db]\nuser = 'x'\n",
        "B.c = [1,\n 2]\n\nA = 2\n\n[[u]]\nx = 1\n[[u]]\n  [u.y]\n  z = { q = 1,\n r = 2 }\n",
        "\u{FEFF}\r\n\r\nA = 3 # three\r\ndb = 4\r\n",
    ]);
    for (path, expected) in [
        ("A", "three line 3"),
        ("db", "three line 4"),
        ("B", "two line 1"),
        ("B.c", "two line 1"),
        ("B.c[0]", "two line 1"),
        ("B.c[1]", "two line 2"),
        ("u", "two line 6"),
        ("u[0]", "two line 6"),
        ("u[0].x", "two line 7"),
        ("u[1]", "two line 8"),
        ("u[1].y.z", "two line 10"),
        ("u[1].y.z.r", "two line 11"),
    ] {
        let origin = layered.origin(path).unwrap();
        assert_eq!(origin.to_string(), expected, "{path}");
        assert_eq!(format!("{} line {}", origin.layer(), origin.line().unwrap()), expected);
    }
    for absent in ["C", "db.user", "A.x", "u[2]", "", "A ="] {
        assert!(layered.origin(absent).is_none(), "{absent}");
        assert_eq!(layered.replaced(absent).len(), 0, "{absent}");
    }
    let replaced =
        |path| layered.replaced(path).map(|origin| origin.to_string()).collect::<Vec<_>>();
    assert_eq!(replaced("A"), ["one line 2", "two line 4"]);
    assert_eq!(replaced("db"), ["one line 3"]);
    assert_eq!(replaced("B.c"), [""; 0]);
    let again = Document::layered(
        [("x", "[t]\na = 1\n"), ("y", "[t]\nb = 1\n")].map(|(name, text)| (name, document(text))),
    );
    let again = again.unwrap();
    assert_eq!(
        again.replaced("t.b").map(|origin| origin.to_string()).collect::<Vec<_>>(),
        ["x line 1"]
    );
}

#[test]
fn explain_names_the_layer() {
    let layered = layered(&["A = 1\nPAT = 'hunter2'\n", "\nA = 2\nCLARIFAI_PAT = 'hunter2'\n"]);
    let env = layered.env().unwrap();
    let overrides = secrets_toml::Overrides::clarifai();
    let env = env.override_with(&overrides, "user_id=x&pat=y").unwrap();
    let log: Vec<_> = env.explain().map(|explanation| explanation.to_string()).collect();
    assert_eq!(
        log,
        [
            "A: two line 2",
            "PAT: one line 2",
            "CLARIFAI_PAT: query parameter `pat`, over two line 3",
            "CLARIFAI_USER_ID: query parameter `user_id`",
            "CLARIFAI_SESSION_TOKEN: displaced by query parameter `pat`",
        ],
    );
    let odd = Document::layered([("a\n\u{202E}b", document("'A=B' = 'hunter2'\n"))]).unwrap();
    let error = odd.env().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a\\u000A\\u202Eb line 1: `\"A=B\"` cannot be an environment variable: its name holds `=`",
    );
    assert_eq!((error.path(), error.line()), ("\"A=B\"", 1));
    assert_eq!(odd.origin("'A=B'").unwrap().to_string(), "a\\u000A\\u202Eb line 1");
}

#[test]
fn too_long_is_the_only_error() {
    let half = |key| format!("{key} = '{}'\n", "x".repeat(MAX_LEN / 2 - 7));
    let [one, two] = ["A", "B"].map(|key| document(&half(key)));
    assert_eq!(one.expose_text().len(), MAX_LEN / 2);
    Document::layered([("one", &one), ("two", &two)]).unwrap();
    let more = document("C = 1\n");
    let error = Document::layered([("one", &one), ("two", &two), ("three", &more)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the layers together would be longer than 1000000 bytes (remove what is not a secret)",
    );
    assert!(error.path().is_none() && error.parse_error().is_none());
    // Not if the same keys are replaced.
    Document::layered([("one", &one), ("two", &two), ("three", &one)]).unwrap();
}

/// Every value is the last layer's, whatever the documents are.
#[test]
fn values_are_those_of_the_layers() {
    let [one, two] = [
        "a = 07:32\nb = [1.0, 'x', { c = -0.0 }]\n\"\\u0000\" = nan\n[t.u]\nv = 'w'\n[[s]]\n",
        "b = \"\"\"\\\n  x\"\"\"\n[t]\n\"q=\" = { r = { s = [[], {}] } }\n[new]\n",
    ]
    .map(document);
    let layered = Document::layered([("one", &one), ("two", &two)]).unwrap();
    for (key, value) in layered.document().root() {
        let winner = two.get(key).or_else(|| one.get(key)).unwrap();
        assert!(is_same(winner, value), "{key}");
    }
    assert_eq!(layered.document().root().len(), 6);
}
