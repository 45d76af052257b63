//! Forms that show no value, and what is left blank in them.

use secrets_toml::seal::{Keyring, Revision, Scope};
use secrets_toml::{Document, MAX_LEN, Template};

#[track_caller]
fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}

#[test]
fn a_form_has_the_keys_and_nothing_of_values_or_comments() {
    let rows = [
        ("", ""),
        (
            "A = 'x'\nB = 1\nC = 1.5\nD = true\nE = 1979-05-27",
            "A = \"\"\nB = \"\"\nC = \"\"\nD = \"\"\nE = \"\"",
        ),
        ("# one\n  A = \"\"\"\nm\n\"\"\"  \t# two\r\n#three", "  A = \"\"\r\n"),
        ("[ s ] # h\n\"odd # key\" = '# no comment'", "[ s ]\n\"odd # key\" = \"\""),
        ("l = [ # in\n 'a', # side\n]# behind\n", "l = \"\"\n"),
        ("t = { a = 'x', # in\n b.c = [] }", "t = { a = \"\",\n b.c = \"\" }"),
        ("u = [{ n = 'x' }, # first\n { n = '' }]\n", "u = [{ n = \"\" },\n { n = \"\" }]\n"),
        ("[[u]]\nn = 'x'\n[[u]]\n", "[[u]]\nn = \"\"\n[[u]]\n"),
        ("\u{feff}# c\r\ne = {}\n\n\t# d", "\u{feff}e = {}\n\n"),
    ];
    for (text, form) in rows {
        assert_eq!(document(text).form(), form, "{text}");
    }
}

#[test]
fn what_is_blank_stays_and_what_is_not_is_new() {
    let rows = [
        // Blank in each spelling; as it was written.
        (
            "A = ''\nB = \"\"\nC = ''''''\nD = \"\"\"\"\"\"",
            "D = 0x1_F\nC = '''\nm\n'''\nB = [1, # c\n2]\nA = '\\'",
            "A = '\\'\nB = [1, # c\n2]\nC = '''\nm\n'''\nD = 0x1_F",
        ),
        // What is new wins, what is gone stays gone.
        (
            "A = 'new' # c\r\nB = ''\r\n",
            "A = 'old'\nB = 'b'\nC = 'c'\n",
            "A = 'new' # c\r\nB = 'b'\r\n",
        ),
        // Sections, however they are written; elements by position.
        (
            "[s]\nx = ''\n[[u]]\nn = ''\n[[u]]\nn = ''\nm = 'm'",
            "s.x = 1\nu = [{ n = 'one' }, { n = 'two' }]",
            "[s]\nx = 1\n[[u]]\nn = 'one'\n[[u]]\nn = 'two'\nm = 'm'",
        ),
        // White space is no blank, an array may hold one.
        ("A = ' '\nB = ['']", "A = 'a'\nB = ['b']", "A = ' '\nB = ['']"),
    ];
    for (entered, current, expected) in rows {
        let secrets = document(entered).validate_update(&document(current)).unwrap();
        assert_eq!(secrets.expose_text(), expected, "{entered}");
    }
}

#[test]
fn what_has_no_value_to_keep_is_blank() {
    let rows = [
        ("A = ''", "", "line 1, column 5: `A` is blank"),
        ("A = ''", "A = ''", "line 1, column 5: `A` is blank"),
        ("A = ''", "[A]\nb = 1", "line 1, column 5: `A` is blank"),
        ("A = ''", "[[A]]\nb = 1", "line 1, column 5: `A` is blank"),
        ("[A]\nb = ''", "A = 1", "line 2, column 5: `A.b` is blank"),
        ("[[A]]\nb = ''", "A = []", "line 2, column 5: `A[0].b` is blank"),
    ];
    for (entered, current, expected) in rows {
        let invalid = document(entered).validate_update(&document(current)).unwrap_err();
        let findings: Vec<_> = invalid.findings().map(|finding| finding.to_string()).collect();
        assert_eq!(findings, [expected], "{entered} over {current}");
    }
}

/// The findings with their help, as an author reads them.
#[track_caller]
fn refused(template: &str, entered: &str, current: &str) -> Vec<String> {
    let template = Template::parse(template).unwrap();
    let invalid = template.validate_update(document(entered), &document(current)).unwrap_err();
    let findings = invalid.findings().map(|finding| {
        let span = finding.span().map_or("", |span| &entered[span]);
        format!("{}: {finding} [{span}]", finding.severity())
    });
    let findings = findings.collect();
    assert_eq!(invalid.into_document().expose_text(), entered);
    findings
}

#[test]
fn findings_are_at_their_places_in_what_was_entered() {
    let template = "KEY = ''\nURL = ''\nPORT = 1\nMODEL = 'changeme'\nLAST = ''\n";
    let entered = "KEY = ''\nURL = ''\nPORT = ''\nMODEL = ''\nOTHER = ''\n";
    let current = "KEY = '''\n1\n2\n3\n'''\nPORT = true\nMODEL = 'changeme'\nOTHER = 1\n";
    assert_eq!(
        refused(template, entered, current),
        [
            "error: line 2, column 7: `URL` is blank: the template expects a value ['']",
            "warning: line 3, column 8: `PORT` is a boolean: the template has an integer ['']",
            "error: line 4, column 9: `MODEL` is still the placeholder of the template ['']",
            "warning: line 5, column 1: `OTHER` is not in the template [OTHER]",
            "error: `LAST` is missing: line 5 of the template expects it []",
        ],
    );
}

#[test]
fn an_array_of_tables_that_is_kept_is_checked_as_a_whole() {
    let template = "A = ''\n[[users]]\nname = ''\nrole = ''\n";
    let current = "users = [{ name = 'ada', roll = 'x', role = 'r' }, { name = 'bob' }]\n";
    assert_eq!(
        refused(template, "A = ''\nusers = ''\n", current),
        [
            "error: line 1, column 5: `A` is blank: the template expects a value ['']",
            "error: `users.role` is missing: line 4 of the template expects it []",
        ],
    );
}

#[test]
fn the_form_of_what_was_accepted_changes_nothing() {
    let current =
        "# c\nA = 'a'\n[s]\n\"x y\" = [1]\nz = { k = '''m\n''', l = 1 }\n[[u]]\nn = 1\n[[u]]\n";
    let secrets = document(&document(current).form()).validate_update(&document(current)).unwrap();
    assert_eq!(secrets.expose_text(), current.replace("# c\n", ""));
}

#[test]
fn a_template_s_form_is_blank_where_a_value_is_carried() {
    let template = Template::parse("# t\nA = 'a' # x\nB = 'b'\nC = ''\n[s]\nd = 1\n").unwrap();
    let current = document("A = 'old'\nC = ''\nE = 'e'\ns.d = [2]\n");
    let prefilled = template.prefill(&current).unwrap();
    assert_eq!(prefilled.form(), "# t\nA = \"\" # x\nB = 'b'\nC = ''\n[s]\nd = \"\"\n");
    assert_eq!(prefilled.carried().collect::<Vec<_>>(), ["A", "s.d"]);
    let entered = prefilled.form().replace("C = ''", "C = 'c'");
    let secrets = template.validate_update(document(&entered), &current).unwrap();
    assert_eq!(secrets.expose_text(), "# t\nA = 'old' # x\nB = 'b'\nC = 'c'\n[s]\nd = [2]\n");
}

#[test]
fn what_is_kept_makes_no_text_over_the_limit() {
    let entered = format!("B = '{}'\nA = ''\nC = ''\n", "b".repeat(MAX_LEN / 2));
    let room = MAX_LEN - entered.len();
    for (len, fits) in [(room, true), (room + 1, false)] {
        // With its quotes, in the place of two.
        let current = document(&format!("A = '{}'\n", "a".repeat(len)));
        match document(&entered.replace("C = ''\n", "C = 'c'")).validate_update(&current) {
            Ok(secrets) => {
                assert!(fits && secrets.expose_text().len() == MAX_LEN, "{len}");
                let (keyring, scope) = (Keyring::from_bytes([1; 32]), Scope::module("m").unwrap());
                let sealed = keyring.seal(&scope, Revision::FIRST, &secrets).unwrap();
                let opened = keyring.open(&scope, sealed.as_bytes()).unwrap();
                assert!(opened.into_secrets().is_ok(), "what is sealed is opened");
            }
            Err(invalid) => {
                let findings: Vec<_> = invalid.findings().map(|found| found.to_string()).collect();
                let expected = "line 2, column 5: `A` is too long to be kept: the text would be \
 longer than a document may be";
                assert_eq!((fits, findings), (false, vec![expected.to_owned()]));
            }
        }
    }
}

#[test]
fn the_path_around_a_path() {
    let text = "A = 1\n[s]\nx.y = ['']\n[[u]]\nn = ''\n";
    let document = document(text);
    let parents: Vec<_> = document
        .variables()
        .map(|(path, _)| path.parent().map(|parent| parent.to_string()))
        .collect();
    assert_eq!(parents, [None, Some("s.x".to_owned()), Some("u[0]".to_owned())]);
}

#[test]
fn the_path_around_what_is_missing_is_the_document_s() {
    let template = Template::parse("[[u]]\n[[u.k]]\nn = ''\nt.id = ''\n").unwrap();
    let entered = "[[u]]\nk = [{ n = 'a', t.id = 'b' }]\n[[u]]\n[[u.k]]\nn = 'c'\nt.id = 'd'\n\
                   [[u.k]]\nn = 'e'\n";
    let invalid = template.validate(document(entered)).unwrap_err();
    let mut path = Some(invalid.findings().next().unwrap().path());
    let mut paths = Vec::new();
    while let Some(now) = path {
        paths.push(now.to_string());
        path = now.parent();
    }
    assert_eq!(paths, ["u[1].k[1].t.id", "u[1].k[1].t", "u[1].k[1]", "u[1].k", "u[1]", "u"]);
}
