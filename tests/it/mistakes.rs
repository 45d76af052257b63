//! The mistakes of authors who have never seen TOML: each is one error with a hint.

use std::collections::BTreeSet;

use secrets_toml::{Document, ParseError};

use crate::vectors::{self, Mistake};

/// Well-formed lines of every kind, none of which may be reported beside a mistake.
const WELL_FORMED: &str = r#"
FIRST = "v" # it's a comment: {
"quoted key" = 'C:\dir "x" ['
LINES = """
KEY: value
[not a header
\"""" # the end
LITERAL = '''
it's """ text
'''
LIST = [
["a"],
[1], # ] """
  [true,
  false],
[[ 'x' ]]
]
TABLE = { a = 1, b = [ { c = '}' } ], "d" = """
]
""" }
WIDE = {
x = 1,
  y = 2, # }
z = [
1
]
}
dotted . "key" . c=2026-01-31
[section . 'two']
[[list]]
a = +inf
"#;

fn refused(text: &str) -> ParseError {
    Document::parse(text).unwrap_err()
}

/// Returns the line and code of each error.
fn codes(text: &str) -> Vec<(usize, &'static str)> {
    refused(text).errors().iter().map(|error| (error.line(), error.code())).collect()
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

#[test]
fn each_mistake_has_its_whole_output() {
    let vectors = vectors::all();
    let mut wrong = String::new();
    for Mistake { title, text, output } in &vectors {
        let told =
            Document::parse(text.as_str()).map_or_else(|error| error.to_string(), |_| "".into());
        if told != *output {
            wrong += &format!("%% {title}\n{text}%%\n{told}\n");
        }
    }
    assert!(wrong.is_empty(), "these texts have other outputs:\n{wrong}");
    let titles: BTreeSet<_> = vectors.iter().map(|vector| &vector.title).collect();
    assert_eq!(titles.len(), vectors.len(), "each vector has its own title");
    assert!(vectors.len() >= 240, "{} vectors", vectors.len());
}

#[test]
fn each_mistake_has_a_hint() {
    for Mistake { title, text, .. } in vectors::all() {
        for error in refused(&text).errors() {
            assert!(error.hint().is_some(), "{title}: {error}");
        }
    }
}

/// Lines after a mistake are read: none is reported if it is well-formed, and each other is.
#[test]
fn a_mistake_hides_nothing_after_the_next_header() {
    for Mistake { title, text, .. } in vectors::all() {
        let alone = codes(&text);
        let followed = format!("{text}[after]{WELL_FORMED}");
        assert_eq!(codes(&followed), alone, "{title}");
        let second = format!("{text}[after]\nLAST: 'v'\n");
        let clashes = alone.iter().all(|(_, code)| *code == "defined_twice");
        let expected = if clashes { refused(&text).errors().len() } else { alone.len() };
        let found = codes(&second);
        assert_eq!(found.len(), expected + 1, "{title}: {found:?}");
        assert_eq!(found.last(), Some(&(newlines(&text) + 2, "colon_sign")), "{title}");
    }
}

#[test]
fn well_formed_lines_before_a_mistake_are_not_reported() {
    Document::parse(WELL_FORMED).unwrap();
    let before = newlines(WELL_FORMED);
    for Mistake { title, text, .. } in vectors::all() {
        let moved =
            codes(&text).iter().map(|&(line, code)| (line + before, code)).collect::<Vec<_>>();
        assert_eq!(codes(&format!("{WELL_FORMED}{text}")), moved, "{title}");
        let crlf = format!("{WELL_FORMED}{text}").replace('\n', "\r\n");
        assert_eq!(codes(&crlf), moved, "{title}, with CRLF");
    }
}

/// No text panics, and each refused text has an error.
#[test]
fn parts_of_mistakes_are_refused_or_accepted() {
    for Mistake { text, .. } in vectors::all() {
        for (i, _) in text.char_indices() {
            for part in [&text[..i], &text[i..]] {
                if let Err(error) = Document::parse(part) {
                    assert!(!error.errors().is_empty() && error.to_string().ends_with('\n'));
                }
            }
        }
    }
}
