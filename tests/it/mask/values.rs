//! The values that are masked, by documents and by templates.

use secrets_toml::mask::Masker;
use secrets_toml::{Document, Template};

#[track_caller]
fn check(template: Option<&str>, document: &str, skipped: &[&str], text: &str, expected: &str) {
    let document = Document::parse(document).unwrap();
    let template = template.map(|template| Template::parse(template).unwrap());
    let masker = match &template {
        Some(template) => Masker::for_template(&[&document], template).unwrap(),
        None => Masker::new(&[&document]).unwrap(),
    };
    assert_eq!(masker.skipped().collect::<Vec<_>>(), skipped);
    assert_eq!(masker.mask(text), expected);
}

#[test]
fn strings_at_any_depth_are_masked_and_others_are_named() {
    let document = "\
short = '12345'
empty = ''
port = 12345678
ratio = 1234.5678
debug = true
day = 2026-11-27
list = ['first-of-list', 'x', ['deep-in-list', 1]]
inline = { user = 'inline-user', on = false }
[db]
\"pass word\" = 'hunter2'
[[users]]
name = 'first-user'
[[users]]
name = 'second-user'
pin = 1
";
    let skipped = [
        "short",
        "empty",
        "port",
        "ratio",
        "debug",
        "day",
        "list[1]",
        "list[2][1]",
        "inline.on",
        "users[1].pin",
    ];
    check(
        None,
        document,
        &skipped,
        "12345 12345678 1234.5678 true 2026-11-27 first-of-list deep-in-list inline-user hunter2 first-user second-user",
        "12345 12345678 1234.5678 true 2026-11-27 *** *** *** *** *** ***",
    );
}

#[test]
fn escapes_are_decoded() {
    check(None, "a = \"hunter\\u0032\\n\\tx\"", &[], "hunter2\n\tx", "***");
}

#[test]
fn the_shortest_value_has_six_bytes() {
    check(
        None,
        "a = '123456'\nb = 'ééé'\nc = 'éé'",
        &["c"],
        "123456 ééé éé 12345",
        "*** *** éé 12345",
    );
}

#[test]
fn a_path_of_several_documents_is_named_once() {
    let documents =
        ["a = 1\nb = 'x'\n", "b = 'y'\nc = 2\n"].map(|text| Document::parse(text).unwrap());
    let masker = Masker::new(&documents.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(masker.skipped().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(Masker::new(&[]).unwrap().skipped().count(), 0);
}

#[test]
fn a_default_that_is_not_secret_is_left_out() {
    let template =
        "MODEL = 'general'\nAPI_KEY = 'general'\n[web]\nhost = 'localhost'\nurl = '' # @public\n";
    check(Some(template), "MODEL = 'general'", &["MODEL"], "general", "general");
    check(Some(template), "MODEL = 'special'", &[], "special general", "*** general");
    check(Some(template), "API_KEY = 'general'", &[], "general", "***");
    check(Some(template), "OTHER = 'general'\n", &[], "general", "***");
    check(Some(template), "MODEL = 'general'\nOTHER = 'general'\n", &["MODEL"], "general", "***");
    check(
        Some(template),
        "[web]\nhost = 'localhost'\nurl = 'public-url'",
        &["web.host"],
        "localhost public-url",
        "localhost ***",
    );
    check(None, "MODEL = 'general'", &[], "general", "***");
}

#[test]
fn elements_are_compared_with_the_template_s() {
    let template =
        "hosts = ['first-host', 'second-host']\n[[users]]\nrole = 'reader'\npassword = 'reader'\n";
    check(
        Some(template),
        "hosts = ['first-host', 'second-host', 'third-host']\n[[users]]\nrole = 'reader'\n[[users]]\nrole = 'reader'\npassword = 'hunter2'\n[[users]]\nrole = 'writer'\n",
        &["hosts[0]", "hosts[1]", "users[0].role", "users[1].role"],
        "first-host second-host third-host reader writer hunter2",
        "first-host second-host *** reader *** ***",
    );
}

#[test]
fn a_number_is_masked_if_it_is_marked_as_a_secret() {
    let template =
        "PIN = 0 # @secret\nRATE = 0.0 # @secret\nPORT = 8501\nTOKEN = 0\n[t] # @secret\nn = 1\n";
    let document =
        "PIN = 0x0047_1100\nRATE = 1.5e300\nPORT = 12345678\nTOKEN = 12345678\n[t]\nn = 987654\n";
    check(
        Some(template),
        document,
        &["PORT", "TOKEN"],
        "4657408 0x0047_1100 1.5e+300 1.5e300 12345678 987654",
        "*** *** *** *** 12345678 ***",
    );
    check(Some(template), "PIN = 12345", &["PIN"], "12345", "12345");
    check(Some(template), "PIN = true", &["PIN"], "true", "true");
    check(None, document, &["PIN", "RATE", "PORT", "TOKEN", "t.n"], "4657408", "4657408");
}
