//! Forms without values, and the markers that keep a value.

use secrets_toml::{Document, FindingKind, MAX_LEN, Severity, Template};

#[track_caller]
fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}

#[test]
fn a_form_has_the_keys_and_nothing_of_values_or_comments() {
    const KEPT: &str = "\"<unchanged>\"";
    let rows = [
        ("", ""),
        (
            "A = 'x'\nB = 1\nC = 1.5\nD = true\nE = 1979-05-27",
            "A = KEPT\nB = KEPT\nC = KEPT\nD = KEPT\nE = KEPT",
        ),
        ("# one\n  A = \"\"\"\nm\n\"\"\"  \t# two\r\n#three", "  A = KEPT\r\n"),
        ("[ s ] # h\n\"odd # key\" = '# no comment'", "[ s ]\n\"odd # key\" = KEPT"),
        ("l = [ # in\n 'a', # side\n]# behind\n", "l = KEPT\n"),
        ("t = { a = 'x', # in\n b.c = [] }", "t = { a = KEPT,\n b.c = KEPT }"),
        // A blank stays blank.
        ("A = ''\nB = ' '\nC = ''''''", "A = \"\"\nB = \"\"\nC = \"\""),
        // A marker's number is the position among all variables.
        (
            "A = ''\nB = 1\n[[u]]\nn = 'x'\nm = ''\n[[u]]\n[u.k]\nn = 1\n[s]\nx = 'x'\n[[u]]\nn = 'y'\n",
            "A = \"\"\nB = KEPT\n[[u]]\nn = \"<unchanged 3>\"\nm = \"\"\n[[u]]\n[u.k]\n\
             n = \"<unchanged 5>\"\n[s]\nx = KEPT\n[[u]]\nn = \"<unchanged 7>\"\n",
        ),
        (
            "u = [{ n = 'x' }, # first\n { n = '', l = [{ m = 2 }, { k.i = [3] }], l2 = [1, { x = 2 }] }]\n",
            "u = [{ n = \"<unchanged 1>\" },\n { n = \"\", l = [{ m = \"<unchanged 3>\" }, \
             { k.i = \"<unchanged 4>\" }], l2 = \"<unchanged 5>\" }]\n",
        ),
        ("u = []\nv = [[{ a = 1 }]]\nw = {}\n", "u = KEPT\nv = KEPT\nw = {}\n"),
        ("\u{feff}# c\r\ne = {}\n\n\t# d", "\u{feff}e = {}\n\n"),
    ];
    for (text, form) in rows {
        assert_eq!(document(text).form(), form.replace("KEPT", KEPT), "{text}");
    }
}

#[test]
fn a_marker_keeps_the_value_of_its_path_as_it_was_written() {
    let rows = [
        (
            "A = '<unchanged>'\nB = \"<unchanged>\"\nC = '''<unchanged>'''\nD = \"\"\"\n<unch\\u0061nged>\"\"\"",
            "D = 0x1_F\nC = '''\nm\n'''\nB = [1, # c\n2]\nA = '\\'",
            "A = '\\'\nB = [1, # c\n2]\nC = '''\nm\n'''\nD = 0x1_F",
        ),
        // New values replace old ones; removed ones stay removed.
        (
            "A = 'new' # c\r\nB = '<unchanged>'\r\n",
            "A = 'old'\nB = 'b'\nC = 'c'\n",
            "A = 'new' # c\r\nB = 'b'\r\n",
        ),
        // Sections and arrays of tables in every spelling.
        (
            "[s]\nx = '<unchanged>'\n[[u]]\nn = '<unchanged 2>'\n[[u]]\nn = '<unchanged 3>'\nm = 'm'",
            "s.x = 1\nu = [{ n = 'one' }, { n = 'two' }]",
            "[s]\nx = 1\n[[u]]\nn = 'one'\n[[u]]\nn = 'two'\nm = 'm'",
        ),
        // Booleans, dates and floats keep their kind.
        (
            "A = '<unchanged>'\nB = '<unchanged>'\nC = '<unchanged>'",
            "A = true\nB = 1979-05-27\nC = nan",
            "A = true\nB = 1979-05-27\nC = nan",
        ),
    ];
    for (entered, current, expected) in rows {
        let secrets = document(entered).validate_update(&document(current)).unwrap();
        assert_eq!(secrets.expose_text(), expected, "{entered}");
    }
}

/// Edits of the blocks of a form, and their results.
#[test]
fn a_marker_moves_with_its_block() {
    let current = document(
        "[[users]]\nname = 'alice'\npw = 'A-SECRET'\n[[users]]\nname = 'bob'\npw = 'B-SECRET'\n",
    );
    let form = current.form();
    let (alice, bob) = form.split_at(form.len() / 2);
    assert_eq!(bob, "[[users]]\nname = \"<unchanged 3>\"\npw = \"<unchanged 4>\"\n");
    let new = "[[users]]\nname = 'carol'\npw = 'C-SECRET'\n";
    let renamed = bob.replace("\"<unchanged 3>\"", "'robert'");
    let new_password = alice.replace("\"<unchanged 2>\"", "'A-NEW'");
    type Users<'a> = &'a [(&'a str, &'a str)];
    let rows: [(&[&str], Users<'_>); 8] = [
        (&[alice, bob], &[("alice", "A-SECRET"), ("bob", "B-SECRET")]),
        (&[bob], &[("bob", "B-SECRET")]),
        (&[alice, bob, new], &[("alice", "A-SECRET"), ("bob", "B-SECRET"), ("carol", "C-SECRET")]),
        (&[new, bob], &[("carol", "C-SECRET"), ("bob", "B-SECRET")]),
        (&[bob, alice], &[("bob", "B-SECRET"), ("alice", "A-SECRET")]),
        (&[alice, &renamed], &[("alice", "A-SECRET"), ("robert", "B-SECRET")]),
        (&[bob, bob], &[("bob", "B-SECRET"), ("bob", "B-SECRET")]),
        (&[&new_password, bob], &[("alice", "A-NEW"), ("bob", "B-SECRET")]),
    ];
    for (blocks, expected) in rows {
        let secrets = document(&blocks.concat()).validate_update(&current).unwrap();
        let users = secrets.get("users").and_then(|users| users.as_array()).unwrap();
        let text = |user: secrets_toml::Value<'_>, key: &str| {
            user.get(key).and_then(|value| value.as_str()).unwrap().to_owned()
        };
        let users: Vec<_> =
            users.iter().map(|user| (text(user, "name"), text(user, "pw"))).collect();
        let expected: Vec<_> =
            expected.iter().map(|&(name, pw)| (name.to_owned(), pw.to_owned())).collect();
        assert_eq!(users, expected, "{blocks:?}");
    }
}

#[test]
fn a_marker_without_a_value_is_an_error_and_so_is_a_blank() {
    let users = "A = 'a'\n[[u]]\npw = 'x'\nname = 'n'\n[[u]]\npw = ''\nl = [1]\n[v]\npw = 'v'\n";
    let unkept = |line, column, path| {
        format!(
            "line {line}, column {column}: `{path}` keeps a value that does not exist: enter a value"
        )
    };
    let blank = |line, column, path| format!("line {line}, column {column}: `{path}` is blank");
    let rows = [
        // No value, or a value that no marker hides.
        ("A = '<unchanged>'", "", unkept(1, 5, "A")),
        ("A = '<unchanged>'", "A = ''", unkept(1, 5, "A")),
        ("A = '<unchanged>'", "[A]\nb = 1", unkept(1, 5, "A")),
        ("A = '<unchanged>'", "[[A]]\nb = 1", unkept(1, 5, "A")),
        ("A = '<unchanged>'", "A = [{ b = 1 }]", unkept(1, 5, "A")),
        ("[A]\nb = '<unchanged>'", "A = 1", unkept(2, 5, "A.b")),
        // A marker that was moved elsewhere.
        ("B = '<unchanged>'", "A = 'a'", unkept(1, 5, "B")),
        ("[[u]]\nname = '<unchanged 2>'", users, unkept(2, 8, "u[0].name")),
        ("[[w]]\npw = '<unchanged 2>'", users, unkept(2, 6, "w[0].pw")),
        ("[u]\npw = '<unchanged 2>'", users, unkept(2, 6, "u.pw")),
        ("[v]\npw = '<unchanged 2>'", users, unkept(2, 6, "v.pw")),
        ("u = [[{ pw = '<unchanged 2>' }]]", users, unkept(1, 14, "u[0][0].pw")),
        // Invalid numbers.
        ("[[u]]\npw = '<unchanged 0>'", users, unkept(2, 6, "u[0].pw")),
        ("[[u]]\npw = '<unchanged 99>'", users, unkept(2, 6, "u[0].pw")),
        ("[[u]]\npw = '<unchanged 4>'", users, unkept(2, 6, "u[0].pw")),
        ("[[u]]\npw = '<unchanged 02>'", users, unkept(2, 6, "u[0].pw")),
        ("[[u]]\npw = '<unchanged two>'", users, unkept(2, 6, "u[0].pw")),
        // A number outside arrays, no number inside one, and one instead of an element.
        ("A = '<unchanged 1>'", users, unkept(1, 5, "A")),
        ("[v]\npw = '<unchanged 6>'", users, unkept(2, 6, "v.pw")),
        ("[[u]]\npw = '<unchanged>'", users, unkept(2, 6, "u[0].pw")),
        ("u = '<unchanged>'", users, unkept(1, 5, "u")),
        ("u = ['<unchanged 2>']", users, unkept(1, 6, "u[0]")),
        ("[[u]]\nl = ['<unchanged 5>']", users, unkept(2, 6, "u[0].l[0]")),
        (
            "[[u]]\nl = [1, { b = '<unchanged 1>' }]",
            "[[u]]\nl = [{ b = 'x' }]",
            unkept(2, 15, "u[0].l[1].b"),
        ),
        // A marker is the whole value, exactly.
        ("A = ' <unchanged>'", users, unkept(1, 5, "A")),
        ("A = '<UNCHANGED>'", users, unkept(1, 5, "A")),
        // A blank is not kept.
        ("A = ''", users, blank(1, 5, "A")),
        ("[[u]]\npw = ''", users, blank(2, 6, "u[0].pw")),
    ];
    for (entered, current, expected) in rows {
        let invalid = document(entered).validate_update(&document(current)).unwrap_err();
        let findings: Vec<_> = invalid.findings().map(|finding| finding.to_string()).collect();
        assert_eq!(findings, [expected], "{entered} over {current}");
        assert!(invalid.findings().all(|finding| finding.severity() == Severity::Error));
    }
    // Also for optional variables, without a template, and without an update.
    let template = Template::parse("# @optional\nA = 1\n").unwrap();
    for text in ["A = '<unchanged>'", "A = '<unchanged 1>'"] {
        let with = template.validate(document(text)).unwrap_err();
        let without = document(text).validate().unwrap_err();
        for invalid in [with, without] {
            let found: Vec<_> = invalid.findings().map(|found| found.kind()).collect();
            assert_eq!(found, [FindingKind::Unkept], "{text}");
            assert_eq!(
                invalid.findings().next().unwrap().help(),
                "write the value itself between the quotes"
            );
        }
    }
    // A value that only starts like a marker is not one.
    let secrets = document("A = '<unchanged-token>'").validate().unwrap();
    assert!(secrets.warnings().all(|found| found.kind() == FindingKind::Placeholder));
}

/// Returns the findings with their help, as an author reads them.
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
    let entered = "KEY = '<unchanged>'\nURL = ''\nPORT = '<unchanged>'\nMODEL = '<unchanged>'\nOTHER = '<unchanged>'\n";
    let current = "KEY = '''\n1\n2\n3\n'''\nPORT = true\nMODEL = 'changeme'\nOTHER = 1\n";
    assert_eq!(
        refused(template, entered, current),
        [
            "error: line 2, column 7: `URL` is blank: the template expects a value ['']",
            "warning: line 3, column 8: `PORT` is a boolean: the template has an integer ['<unchanged>']",
            "error: line 4, column 9: `MODEL` is still the placeholder of the template ['<unchanged>']",
            "warning: line 5, column 1: `OTHER` is not in the template [OTHER]",
            "error: `LAST` is missing: line 5 of the template expects it []",
        ],
    );
}

#[test]
fn findings_inside_arrays_are_at_their_places_and_in_their_order() {
    assert_eq!(
        refused(
            "TOKEN = ''\n[[users]]\nname = ''\n",
            "users = [{ name = \"\", TOKEN = \"<unchanged 2>\" }]\n",
            "users = [{ name = \"\", TOKEN = 'xxxxxxxxxxxx' }]\n",
        ),
        [
            "error: line 1, column 19: `users[0].name` is blank: the template expects a value [\"\"]",
            "error: line 1, column 23: `users[0].TOKEN` is misplaced: the template has it above every \
             `[section]` [TOKEN]",
            "warning: line 1, column 31: `users[0].TOKEN` reads like a placeholder [\"<unchanged 2>\"]",
        ],
    );
    // A finding inside a kept value is reported at its marker, in order with the others.
    assert_eq!(
        refused(
            "A = ''\nL = []\nZ = ''\n",
            "A = ''\nL = '<unchanged>'\nZ = { x = '' }\n[Y]\ny = ''\n",
            "L = [1, '<unchanged>', [0000-01-01,\n'<unchanged 1>']]\n",
        ),
        [
            "error: line 1, column 5: `A` is blank: the template expects a value ['']",
            "error: line 2, column 5: `L` keeps a value that does not exist: enter a value ['<unchanged>']",
            "warning: line 2, column 5: `L` has the year 0000, which Python cannot read ['<unchanged>']",
            "error: line 2, column 5: `L` keeps a value that does not exist: enter a value ['<unchanged>']",
            "error: line 3, column 5: `Z` is a table: the template has a string [{ x = '' }]",
            "error: line 3, column 11: `Z.x` is blank ['']",
            "warning: line 4, column 2: `Y` is not in the template [Y]",
            "error: line 5, column 5: `Y.y` is blank ['']",
        ],
    );
    // A misspelt section, and a missing variable after a kept array of many nodes.
    assert_eq!(
        refused(
            "L = []\n[database]\nuser = ''\n[[t]]\na = ''\nb = ''\n",
            "L = '<unchanged>'\n[databse]\nuser = 'u'\n[[t]]\na = '<unchanged 2>'\n",
            "L = [1, 2, [3, 4], { x = 5 }]\n[[t]]\na = 'a'\n",
        ),
        [
            "error: line 2, column 2: `database` is missing: line 2 of the template expects it [databse]",
            "error: `t[0].b` is missing: line 6 of the template expects it []",
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
fn a_template_s_form_has_a_marker_where_a_secret_is_carried() {
    let template = Template::parse("# t\nPAT = 'a' # x\nB = 'b'\nC = ''\n[s]\nd = [1]\n").unwrap();
    let current = document("PAT = 'old'\nC = ''\nE = 'e'\ns.d = [2]\n");
    let prefilled = template.prefill(&current).unwrap();
    assert_eq!(prefilled.form(), "# t\nPAT = \"<unchanged>\" # x\nB = 'b'\nC = ''\n[s]\nd = [2]\n");
    let carried: Vec<_> = prefilled.carried().map(|path| path.to_string()).collect();
    assert_eq!(carried, ["PAT", "s.d"]);
    let entered = prefilled.form().replace("C = ''", "C = 'c'");
    let secrets = template.validate_update(document(&entered), &current).unwrap();
    assert_eq!(secrets.expose_text(), "# t\nPAT = 'old' # x\nB = 'b'\nC = 'c'\n[s]\nd = [2]\n");
}

/// Each row: the template's line, the earlier one, and the line of the form.
#[test]
fn a_template_s_form_shows_what_is_no_secret() {
    let rows = [
        // As it was written, and without the earlier text's comments.
        ("PORT = 80 # c", "PORT = 0x1F", "PORT = 0x1F # c"),
        ("ON = true", "ON = false # c", "ON = false"),
        ("HOSTS = []", "HOSTS = [ # hunter2\n 'a', 'b' ]", "HOSTS = [\n 'a', 'b' ]"),
        ("TEXT = ''", "TEXT = '''\n# a\n'''", "TEXT = '''\n# a\n'''"),
        // The template says what a secret is.
        ("NAME = '' # @secret", "NAME = 'hunter2'", "NAME = \"<unchanged>\" # @secret"),
        ("TOKEN = ''", "TOKEN = 'hunter2'", "TOKEN = \"<unchanged>\""),
        ("TOKEN = '' # @public", "TOKEN = 'shown'", "TOKEN = 'shown' # @public"),
        ("api_keys = []", "api_keys = ['hunter2']", "api_keys = \"<unchanged>\""),
        // A value that reads like a credential is hidden, whatever its name.
        ("DB_URL = ''", "DB_URL = 'db://ada:hunter2@db'", "DB_URL = \"<unchanged>\""),
        ("URLS = []", "URLS = ['a', 'https://hunter2@b']", "URLS = \"<unchanged>\""),
        ("ID = ''", "ID = 'ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'", "ID = \"<unchanged>\""),
        ("FILE = ''", "FILE = '''\n-----BEGIN KEY-----\nhunter2'''", "FILE = \"<unchanged>\""),
        // A variable that the template does not have is not shown, nor is another shape.
        ("u = []", "u = [{ name = 'hunter2' }]", "u = [{ name = \"<unchanged 1>\" }]"),
        ("u = ''", "u = [{ name = 'hunter2' }]", "u = [{ name = \"<unchanged 1>\" }]"),
        (
            "u = [{ name = '', pat = '' }]",
            "u = [{ name = 'a', pat = 'hunter2' }, { name = 'b', pat = 'hunter2' }]",
            "u = [{ name = 'a', pat = \"<unchanged 2>\" }, \
             { name = 'b', pat = \"<unchanged 4>\" }]",
        ),
        // A value that reads like a marker.
        ("NAME = ''", "NAME = '<unchanged 1>'", "NAME = \"<unchanged>\""),
    ];
    for (line, earlier, form) in rows {
        let template = Template::parse(line).unwrap();
        let earlier = document(earlier);
        let prefilled = template.prefill(&earlier).unwrap();
        assert_eq!(prefilled.form(), form);
        assert!(!prefilled.form().contains("hunter2"));
        if !["NAME = ''", "u = ''"].contains(&line) {
            let secrets = template.validate_update(document(form), &earlier).unwrap();
            assert_eq!(
                format!(
                    "{:?}",
                    secrets.variables().map(|(_, value)| value.as_str()).collect::<Vec<_>>()
                ),
                format!(
                    "{:?}",
                    earlier.variables().map(|(_, value)| value.as_str()).collect::<Vec<_>>()
                ),
            );
        }
    }
}

#[test]
fn what_is_kept_makes_no_text_over_the_limit() {
    let marker = "'<unchanged>'";
    let entered = format!("B = '{}'\nA = {marker}\nC = ''\n", "b".repeat(MAX_LEN / 2));
    let room = MAX_LEN + marker.len() - "''".len() - "C".len() - entered.len();
    for (len, fits) in [(room + 1, true), (room + 2, false)] {
        let current = document(&format!("A = '{}'\n", "a".repeat(len - 1)));
        match document(&entered.replace("C = ''", "C = 'c'")).validate_update(&current) {
            Ok(secrets) => {
                assert!(fits && secrets.expose_text().len() == MAX_LEN, "{len}");
                #[cfg(feature = "vault")]
                assert_opens_again(&secrets);
            }
            Err(invalid) => {
                let findings: Vec<_> = invalid.findings().map(|found| found.to_string()).collect();
                let expected = "line 2, column 5: `A` is too long to be kept: the text would be \
 longer than a document may be";
                assert_eq!((fits, findings), (false, vec![expected.to_owned()]));
            }
        }
    }
    // A form that is too long only because of its markers gets shorter.
    let values: String = (0..70_000).map(|i| format!("k{i:05} = 1\n")).collect();
    let current = document(&values);
    let form = current.form();
    assert!(current.expose_text().len() < MAX_LEN && form.len() > MAX_LEN);
    let (kept, _) = form.split_at(form[..MAX_LEN].rfind('\n').unwrap() + 1);
    assert!(document(kept).validate_update(&current).is_ok());
    // A marker that is copied makes the text longer.
    let current = document(&format!("[[u]]\nx = '{}'\n", "x".repeat(MAX_LEN / 2)));
    let invalid = document(&current.form().repeat(2)).validate_update(&current).unwrap_err();
    let found: Vec<_> = invalid.findings().map(|found| found.kind()).collect();
    assert_eq!(found, [FindingKind::TooLong]);
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

#[cfg(feature = "vault")]
fn assert_opens_again(secrets: &secrets_toml::Secrets) {
    use secrets_toml::seal::{Keyring, Revision, Scope};

    let (keyring, scope) = (Keyring::from_bytes([1; 32]), Scope::module("m").unwrap());
    let sealed = keyring.seal(&scope, Revision::FIRST, secrets).unwrap();
    let opened = keyring.open(&scope, sealed.as_bytes()).unwrap();
    assert!(opened.into_secrets().is_ok(), "what is sealed is opened");
}
