//! The author's report: the source line of each finding, and the carets under its place.

use secrets_toml::{Document, Template};

/// Returns the source line and the carets of the findings that have a line.
#[track_caller]
fn excerpts(template: &str, text: &str) -> String {
    let template = Template::parse(template).unwrap();
    let invalid = template.validate(Document::parse(text).unwrap()).unwrap_err();
    let shown = invalid.to_string();
    let lines = shown.lines().filter(|line| line.contains(" | ")).collect::<Vec<_>>();
    lines.join("\n")
}

#[track_caller]
fn assert_excerpts(template: &str, text: &str, expected: &str) {
    assert_eq!(excerpts(template, text), expected.trim_matches('\n'), "{text}");
}

#[test]
fn an_empty_string_is_shown_as_it_is_written() {
    for (written, carets) in
        [("\"\"", "^^"), ("''", "^^"), ("\"\"\"\"\"\"", "^^^^^^"), ("''''''", "^^^^^^")]
    {
        let expected = format!("1 | A = {written} ••••••••\n  |     {carets}");
        assert_excerpts("A = ''\n", &format!("A = {written} # hunter2\n"), &expected);
    }
    for written in ["\"\"\"\n\"\"\"", "\"\"\"\\\n   \"\"\"", "'''\n'''", "'''\r\n'''"] {
        let first = written.lines().next().unwrap();
        let expected = format!("1 | A = {first}\n  |     {}", "^".repeat(first.len()));
        assert_excerpts("A = ''\n", &format!("A = {written} # hunter2\n"), &expected);
    }
}

#[test]
fn every_other_value_is_a_mask_with_carets_under_all_of_it() {
    let template = "A = 'your-key'\nB = 1\nC = ['x']\n[t]\nx = ''\n";
    assert_excerpts(
        template,
        "A = 'your-key'\nB = '''\nhunter2\nhunter2'''\nC = 1979-05-27\nt = [\n  'hunter2',\n]\n",
        "
1 | A = ••••••••
  |     ^^^^^^^^
2 | B = ••••••••
  |     ^^^^^^^^
5 | C = ••••••••
  |     ^^^^^^^^
6 | t = [
  |     ^",
    );
    assert_excerpts(
        template,
        "A = ['hunter2', 1, ''] # hunter2\nB = 2\nC = { c = 'hunter2' }\nt.x = ''\n",
        "
1 | A = [••••••••, ••••••••, ''] ••••••••
  |     ^^^^^^^^^^^^^^^^^^^^^^^^
3 | C = { c = •••••••• }
  |     ^^^^^^^^^^^^^^^^
4 | t.x = ''
  |       ^^",
    );
}

#[test]
fn a_finding_at_a_key_has_carets_under_the_key() {
    assert_excerpts(
        "A = ''\n[db]\npassword = ''\n",
        "A = ''\nPATH = 'hunter2'\n[db]\n  pasword = 'hunter2' # hunter2\n\"a b\" = 1\n[[more]]\n",
        "
1 | A = ''
  |     ^^
2 | PATH = ••••••••
  | ^^^^
2 | PATH = ••••••••
  | ^^^^
4 |   pasword = •••••••• ••••••••
  |   ^^^^^^^
5 | \"a b\" = ••••••••
  | ^^^^^
6 | [[more]]
  |   ^^^^",
    );
}

/// Each row: the key before the empty string, as it is shown, and its columns in a terminal.
#[test]
fn carets_are_counted_in_the_columns_of_a_terminal() {
    for (key, shown, columns) in [
        ("'é'", "'é'", 3),
        ("'e\u{301}'", "'e\u{301}'", 3),
        ("'鍵'", "'鍵'", 4),
        ("'키'", "'키'", 4),
        ("'ｋ'", "'ｋ'", 4),
        ("'ключ'", "'ключ'", 6),
        ("'🔑'", "'🔑'", 4),
        ("'מפתח'", "'מפתח'", 6),
        ("'a\tb'", "'a b'", 5),
        ("'a\u{202e}b'", "'a\u{fffd}b'", 5),
        ("'a\u{200b}b'", "'a\u{fffd}b'", 5),
        ("'a\u{a0}b'", "'a\u{a0}b'", 5),
    ] {
        let text = format!("\t{key}\t= \"\"\n");
        let expected =
            format!("1 |  {shown} = \"\"\n  | {}^^", " ".repeat(1 + columns + " = ".len()));
        assert_excerpts(&text, &text, &expected);
        let expected = format!("2 | {shown} = ••••••••\n  | {}", "^".repeat(columns));
        let unknown = format!("A = ''\n{key} = 'hunter2'\n");
        assert!(excerpts("A = ''\n", &unknown).contains(&expected), "{unknown}");
    }
}

#[test]
fn a_line_that_is_cut_still_shows_the_place() {
    for character in ["k", "é", "鍵", "🔑", "e\u{301}", "\u{301}", "\t"] {
        for len in (0..120).chain([1000, 30_000]) {
            // Before the place, in the place, and behind it.
            let key = character.repeat(len);
            for text in [
                format!("'k{key}' = ''\n"),
                format!("a = {{ 'k{key}'.b = '', c = 'k{key}k', 'z{key}' = 1 }} # {key}\n"),
                format!("a = {{ c = 'k{key}k', b = '', d = '''k{key}\nk''', e = 'x' }}\n"),
                format!("a = [{{ 'k{key}' = 1 }}, {{ b = '' }}, {{ 'k{key}' = 1 }}]\n"),
            ] {
                let shown = Document::parse(&*text).unwrap().validate().unwrap_err().to_string();
                let [source, carets] = [2, 3].map(|line| shown.lines().nth(line).unwrap());
                assert!(source.contains("''") && carets.ends_with(" ^^"), "{shown}");
                assert!(carets.chars().count() <= "1 | ".len() + 100, "{shown}");
                assert!(source.chars().count() <= 300, "{shown}");
            }
            let shown = excerpts("A = ''\n", &format!("'k{key}' = 1\n"));
            let [source, carets] = [0, 1].map(|line| shown.lines().nth(line).unwrap());
            assert!(source.starts_with("1 | 'k") && carets.starts_with("  | ^^"), "{shown}");
            assert!(carets.chars().count() <= "1 | ".len() + 100, "{shown}");
        }
    }
}

/// The shown part may begin inside a quoted key. A comment is masked even so.
#[test]
fn a_line_that_is_cut_in_a_key_shows_no_comment() {
    for len in 0..150 {
        let key = format!("\"{}'''####\"", "k".repeat(len));
        let text = format!("x = {{ {key}.b = [ # hunter2\n 1 ] }}\n");
        let shown = excerpts(&format!("[x.{key}]\nb = ''\n"), &text);
        assert!(shown.contains(".b = [ ••••••••\n"), "{shown}");
    }
}
