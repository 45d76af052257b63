//! Validation: the kind, place, severity and text of every finding.

mod suspicious;
mod unchanged;

use secrets_toml::{Document, Finding, FindingKind, Invalid, Secrets, Severity, Template};

fn check(template: &str, document: &str) -> Result<Secrets, Invalid> {
    Template::parse(template).unwrap().validate(Document::parse(document).unwrap())
}

fn line(finding: Finding<'_>) -> String {
    format!("{} {:?}: {finding}", finding.severity(), finding.kind())
}

/// Returns all findings of accepted and of rejected documents.
#[track_caller]
fn findings(template: &str, document: &str) -> Vec<String> {
    match check(template, document) {
        Ok(secrets) => secrets.warnings().map(line).collect(),
        Err(invalid) => invalid.findings().map(line).collect(),
    }
}

#[track_caller]
fn assert_findings(template: &str, document: &str, expected: &[&str]) {
    assert_eq!(findings(template, document), expected, "{document}");
}

#[test]
fn blank_in_any_spelling_and_at_any_depth() {
    let text = "A = \"\"\nB = ''\nC = \"\"\"\"\"\"\nD = ''''''\nE = \"\"\"\n\"\"\"\n[s]\nx = ''\ny = { z = '' }\n\
                [[t]]\nx = ''\n[u]\nlist = ['']\nmixed = [1, { x = '' }]\ntables = [{ x = '' }]\n";
    let invalid = Document::parse(text).unwrap().validate().unwrap_err();
    let found: Vec<_> = invalid.findings().map(|f| f.path().to_string()).collect();
    assert_eq!(found, ["A", "B", "C", "D", "E", "s.x", "s.y.z", "t[0].x", "u.tables[0].x"]);
    assert!(invalid.findings().all(|f| f.kind() == FindingKind::Blank));
    assert!(invalid.findings().all(|f| f.severity() == Severity::Error));
    assert_eq!(invalid.findings().next().unwrap().to_string(), "line 1, column 5: `A` is blank");
}

#[test]
fn blank_and_missing_heed_optional_and_nothing_else_does() {
    let template = "# @optional\nA = ''\n# @optional\nB = 'your-key'\n# @optional\nC = 1\n";
    assert_findings(template, "A = ''\nC = 2\n", &[]);
    assert_findings(
        template,
        "A = ' '\nB = 'your-key'\nC = 'x'\n",
        &[
            "error Placeholder: line 2, column 5: `B` is still the placeholder of the template",
            "warning KindMismatch: line 3, column 5: `C` is a string: the template has an integer",
        ],
    );
}

#[test]
fn an_optional_section_that_is_present_is_required_whole() {
    let section = "# @optional\n[s]\nx = ''\n# @optional\nz = ''\n[s.t]\ny = ''\n\
                   [o] # @optional\n[o.p] # @optional\nq = ''\n";
    assert_findings(section, "", &[]);
    assert_findings(section, "[s]\nx = 'a'\nt.y = 'b'\n[o]\n", &[]);
    let present = [
        ("[s]\nx = ''\n", &["s.x", "s.t.y"][..]),
        ("[s]\nx = 'a'\n", &["s.t.y"]),
        ("[s]\n", &["s.x", "s.t.y"]),
        ("[s.t]\ny = 'b'\n", &["s.x"]),
        ("s = { t.y = '' }\n", &["s.t.y", "s.x"]),
        ("[s]\nx = 'a'\nz = ''\n[s.t]\ny = 'b'\n[o.p]\n", &["o.p.q"]),
    ];
    for (text, expected) in present {
        let invalid = check(section, text).unwrap_err();
        let paths: Vec<_> = invalid.findings().map(|f| f.path().to_string()).collect();
        assert_eq!(paths, expected, "{text}");
        assert!(invalid.findings().all(|f| f.severity() == Severity::Error), "{text}");
    }
    let invalid = check(section, "[s]\nx = ''\n[s.t]\ny = 'b'\n").unwrap_err();
    assert_eq!(
        invalid.findings().next().unwrap().help(),
        "write the value between the quotes, or remove the whole of `s`, which is optional"
    );
    // The same in each element of an array of tables.
    let tables = "# @optional\n[[u]]\nn = ''\nm = ''\n";
    assert_findings(tables, "", &[]);
    assert_findings(
        tables,
        "[[u]]\nn = 'a'\nm = 'b'\n[[u]]\nn = 'c'\n",
        &["error Missing: `u[1].m` is missing: line 4 of the template expects it"],
    );
}

#[test]
fn two_findings_on_a_line_have_columns_of_their_own() {
    let text = "a = { 'é' = '', y = '' }\n";
    let invalid = Document::parse(text).unwrap().validate().unwrap_err();
    let columns: Vec<_> = invalid.findings().map(|f| (f.line(), f.column())).collect();
    assert_eq!(columns, [(Some(1), Some(13)), (Some(1), Some(21))]);
}

#[test]
fn a_message_is_what_is_displayed_without_the_place() {
    let invalid = check("A = ''\nB = ''\n", "B = ''\nC = 1\n").unwrap_err();
    for finding in invalid.findings() {
        let place = finding.line().zip(finding.column());
        let place = place.map_or(String::new(), |(l, c)| format!("line {l}, column {c}: "));
        assert_eq!(format!("{place}{}", finding.message()), finding.to_string());
        assert!(finding.message().starts_with('`'), "{finding}");
    }
}

#[test]
fn missing_comes_last_in_the_templates_order() {
    let template = "A = ''\nB = ''\n[s]\nx = ''\n[t]\ny = ''\nz = { w = '' }\n";
    assert_findings(
        template,
        "B = ''\n[t]\ny = 'v'\n",
        &[
            "error Blank: line 1, column 5: `B` is blank: the template expects a value",
            "error Missing: `A` is missing: line 1 of the template expects it",
            "error Missing: `s.x` is missing: line 4 of the template expects it",
            "error Missing: `t.z.w` is missing: line 7 of the template expects it",
        ],
    );
    let invalid = check(template, "").unwrap_err();
    let help: Vec<_> = invalid.findings().map(|f| f.help().into_owned()).collect();
    assert_eq!(
        help,
        [
            "add the line above the first `[section]`",
            "add the line above the first `[section]`",
            "add the line below `[s]`",
            "add the line below `[t]`",
            "add it to `t.z`",
        ]
    );
    let first = invalid.findings().next().unwrap();
    assert_eq!((first.line(), first.column(), first.span()), (None, None, None));
    assert_eq!(first.template_line(), Some(1));
    let invalid = check(template, "B = ''\n[[t]]\n").unwrap_err();
    let found: Vec<_> = invalid.findings().map(|f| (f.path().name(), f.template_line())).collect();
    assert_eq!(found[0], (Some("B"), None));
    let blank = invalid.findings().next().unwrap();
    assert_eq!((blank.line(), blank.column(), blank.span()), (Some(1), Some(5), Some(4..6)));
    assert_eq!(found[1], (Some("t"), None), "another kind");
}

#[test]
fn an_element_has_a_path_without_a_name() {
    let invalid = check("t = ['']\n", "t = [{ x = '' }]\n").unwrap_err();
    let found: Vec<_> =
        invalid.findings().map(|f| (f.path().to_string(), f.path().name())).collect();
    assert_eq!(found, [("t[0]".to_owned(), None), ("t[0].x".to_owned(), Some("x"))]);
}

#[test]
fn elements_are_held_against_the_templates_first() {
    let template = "[[u]]\nname = ''\nmail = ''\n[[u.keys]]\nid = 1\n[[u]]\nother = ''\n";
    assert_findings(
        template,
        "[[u]]\nname = 'a'\nmail = ''\n[[u.keys]]\n[[u]]\nmail = 'm'\n[[u.keys]]\nid = 'x'\n",
        &[
            "error Blank: line 3, column 8: `u[0].mail` is blank: the template expects a value",
            "warning KindMismatch: line 8, column 6: `u[1].keys[0].id` is a string: \
             the template has an integer",
            "error Missing: `u[1].name` is missing: line 2 of the template expects it",
            "error Missing: `u[0].keys[0].id` is missing: line 5 of the template expects it",
        ],
    );
    // However the array is written; and if it is absent or empty.
    assert_findings(template, "u = [{ name = 'a', mail = 'b', keys = [{ id = 1 }] }]\n", &[]);
    let invalid = check(template, "").unwrap_err();
    let paths: Vec<_> = invalid.findings().map(|f| f.path().to_string()).collect();
    assert_eq!(paths, ["u[0].name", "u[0].mail", "u[0].keys[0].id"]);
    assert_eq!(invalid.findings().next().unwrap().help(), "add it below a `[[u]]`");
}

#[test]
fn misplaced_replaces_missing_and_unknown() {
    let template = "PAT = ''\n# @optional\nURL = ''\n[db]\npassword = ''\n";
    assert_findings(
        template,
        "password = 'x'\n[db]\nPAT = 'x'\nURL = 'y'\n",
        &[
            "error Misplaced: line 1, column 1: `password` is misplaced: \
             the template has `db.password`",
            "error Misplaced: line 3, column 1: `db.PAT` is misplaced: \
             the template has it above every `[section]`",
            "warning Misplaced: line 4, column 1: `db.URL` is misplaced: \
             the template has it above every `[section]`",
        ],
    );
    let invalid = check(template, "password = 'x'\n[db]\nPAT = 'x'\n").unwrap_err();
    let help: Vec<_> = invalid.findings().map(|f| f.help().into_owned()).collect();
    assert_eq!(help[0], "move the line below `[db]`");
    assert_eq!(
        help[1],
        "move the line above the first `[section]`: only the variables there reach the environment"
    );
    let lines: Vec<_> = invalid.findings().map(|f| f.template_line()).collect();
    assert_eq!(lines, [Some(5), Some(1)]);
}

#[test]
fn only_one_absent_variable_of_that_name_makes_it_misplaced() {
    // Two absent variables have the name, and a section does not belong to the root.
    let template = "[a]\nkey = ''\n[b]\nkey = ''\n[c]\nother = ''\n";
    let found = findings(template, "key = 'x'\n[a]\nother = 'y'\n");
    assert_eq!(
        found,
        [
            "warning Unknown: line 1, column 1: `key` is not in the template",
            "warning Unknown: line 3, column 1: `a.other` is not in the template",
            "error Missing: `a.key` is missing: line 2 of the template expects it",
            "error Missing: `b.key` is missing: line 4 of the template expects it",
            "error Missing: `c.other` is missing: line 6 of the template expects it",
        ]
    );
}

#[test]
fn a_placeholder_is_an_error_while_it_is_the_templates() {
    let template = "A = 'your-token'\nB = 'https://api.example.com'\nC = ''\n";
    assert_findings(
        template,
        "A = \"your\\u002dtoken\"\nB = 'https://api.example.com'\nC = 'changeme'\n",
        &[
            "error Placeholder: line 1, column 5: `A` is still the placeholder of the template",
            "warning Placeholder: line 3, column 5: `C` reads like a placeholder",
        ],
    );
    let secrets = Document::parse("A = '<token>'\n").unwrap().validate().unwrap();
    let warnings: Vec<_> = secrets.warnings().map(line).collect();
    assert_eq!(warnings, ["warning Placeholder: line 1, column 5: `A` reads like a placeholder"]);
}

#[test]
fn kinds_are_compared_with_the_templates() {
    let template = "S = ''\nI = 1\nF = 1.0\nB = true\nA = []\nT = { x = '' }\n";
    let good = "S = 1\nI = 2\nF = 2.0\nB = false\nA = [1]\nT = { x = 'v' }\n";
    assert_findings(template, good, &[]);
    assert_findings(template, &good.replace("S = 1", "S = 1.5"), &[]);
    assert_findings(
        template,
        "S = true\nI = '1'\nF = 1\nB = 'true'\nA = {}\nT = 1979-05-27\n",
        &[
            "warning KindMismatch: line 1, column 5: `S` is a boolean: the template has a string",
            "warning KindMismatch: line 2, column 5: `I` is a string: the template has an integer",
            "warning KindMismatch: line 3, column 5: `F` is an integer: the template has a float",
            "warning KindMismatch: line 4, column 5: `B` is a string: the template has a boolean",
            "error KindMismatch: line 5, column 5: `A` is a table: the template has an array",
            "error KindMismatch: line 6, column 5: `T` is a datetime: the template has a table",
        ],
    );
    let invalid = check(template, "I = '1'\nT = 1\n").unwrap_err();
    let help: Vec<_> = invalid.findings().take(2).map(|f| f.help().into_owned()).collect();
    let table = "write `[T]`, and its variables below it";
    assert_eq!(help, ["write the integer without quotes", table]);
}

/// Each row: a template, a document with another shape of the name, and its only finding with the
/// help.
#[rustfmt::skip]
const SHAPES: [[&str; 4]; 17] = [
    ["H = []", "H = 'a'", "1:5 `H` is a string: the template has an array", "write an array: `[\"…\", \"…\"]`"],
    ["H = []", "H = ''", "1:5 `H` is a string: the template has an array", "write an array: `[\"…\", \"…\"]`"],
    ["H = []", "[H]\na = 1", "1:2 `H` is a table: the template has an array", "write an array: `[\"…\", \"…\"]`"],
    ["H = ''", "H = ['a']", "1:5 `H` is an array: the template has a string", "write a string"],
    ["H = 1", "[[H]]", "1:3 `H` is an array of tables: the template has an integer", "write an integer"],
    ["[db]\nu = ''\np = ''", "[[db]]\nu = 'a'\np = 'b'", "1:3 `db` is an array of tables: the template has a table", "write `[db]`, once and with single brackets"],
    ["[db]\nu = ''\np = ''", "db = [{ u = 'a' }]", "1:6 `db` is an array of tables: the template has a table", "write `[db]`, once and with single brackets"],
    ["[db]\nu = ''\np = ''", "db = 'postgres://x'", "1:6 `db` is a string: the template has a table", "write `[db]`, and its variables below it"],
    ["[db]\nu = ''\np = ''", "db = ''", "1:6 `db` is a string: the template has a table", "write `[db]`, and its variables below it"],
    ["[db]\nu = ''\np = ''", "db = []", "1:6 `db` is an array: the template has a table", "write `[db]`, and its variables below it"],
    ["[[users]]\nn = ''\np = ''", "[users]\nn = 'a'", "1:2 `users` is a table: the template has an array of tables", "write `[[users]]`, with double brackets"],
    ["[[users]]\nn = ''\np = ''", "users.n = 'a'", "1:1 `users` is a table: the template has an array of tables", "write `[[users]]`, with double brackets"],
    ["[[users]]\nn = ''\np = ''", "users = []", "1:9 `users` is an array: the template has an array of tables", "write `[[users]]` for each of them, and its variables below it"],
    ["[[users]]\nn = ''\np = ''", "users = ['a', { n = 'b' }]", "1:9 `users` is an array: the template has an array of tables", "write `[[users]]` for each of them, and its variables below it"],
    ["[a.db]\nu = ''", "a = { db = 1 }", "1:12 `a.db` is an integer: the template has a table", "write a table: `{ KEY = \"…\" }`"],
    ["[[a]]\n[[a.u]]\nn = ''", "[[a]]\nu = 1", "2:5 `a[0].u` is an integer: the template has an array of tables", "write an array of tables: `[{ KEY = \"…\" }]`"],
    ["[database]\nu = ''\n[[accounts]]\nn = ''", "[database]\nu = 'a'\n[accounts]\nn = 'a'", "3:2 `accounts` is a table: the template has an array of tables", "write `[[accounts]]`, with double brackets"],
];

#[test]
fn another_shape_is_one_finding_which_says_the_shape_to_write() {
    for [template, document, expected, help] in SHAPES {
        let invalid = check(template, document).unwrap_err();
        let found: Vec<_> = invalid
            .findings()
            .map(|f| {
                let (line, column) = f.line().zip(f.column()).unwrap();
                (f.kind(), f.severity(), format!("{line}:{column} {}", f.message()), f.help())
            })
            .collect();
        let kind = FindingKind::KindMismatch;
        assert_eq!(
            found,
            [(kind, Severity::Error, expected.to_owned(), help.into())],
            "{document}"
        );
        // If nothing in it is required, the finding is a warning.
        let optional = template.replace('\n', " # @optional\n") + " # @optional";
        let found = findings(&optional, document);
        assert!(found[0].starts_with("warning KindMismatch"), "{document}: {found:?}");
    }
}

/// Each row: a template, a document, and the help of its first finding. Following it repeats no
/// definition.
#[rustfmt::skip]
const HELPS: [[&str; 3]; 17] = [
    ["[db]\nuser = ''\npw = ''", "[db]\nuser = 'x'", "add the line below `[db]`"],
    ["[db]\nuser = ''\npw = ''", "db = { user = 'x' }", "add it to `db`"],
    ["[db]\nuser = ''\npw = ''", "db.user = 'x'", "add it to `db`"],
    ["# @optional\n[db]\nuser = ''", "db = {}", "add it to `db`"],
    ["db = { user = '', pw = '' }", "[db]\nuser = 'x'", "add the line below `[db]`"],
    ["[a.b]\nx = ''", "a = {}", "add it to `a.b`"],
    ["[a.b]\nx = ''", "[a]", "add the line below `[a.b]`"],
    ["[[a.b]]\nx = ''", "a = {}", "add it to `a.b[0]`"],
    ["[[a.b]]\nx = ''", "[a]", "add it below a `[[a.b]]`"],
    ["[db]\n# @optional\n[db.main]\npw = ''\nhost = ''", "db.main = { host = 'x' }", "add it to `db.main`"],
    ["[[users]]\nn = ''\n[[users.keys]]\nname = ''", "[[users]]\nn = 'x'", "add it to `users[0].keys[0]`"],
    ["[[users]]\nname = ''\npw = ''", "name = 'q'", "move the line below a `[[users]]`"],
    ["[[users]]\nname = ''\npw = ''", "name = 'q'\n[[users]]\npw = 'x'", "move it into `users[0]`"],
    ["[db]\nuser = ''\npw = ''", "user = 'q'\ndb = { pw = 'x' }", "move it into `db`"],
    ["[db]\nuser = ''\npw = ''", "user = 'q'\n[db]\npw = 'x'", "move the line below `[db]`"],
    ["[db]\nuser = ''\npw = ''", "user = 'q'", "move the line below `[db]`"],
    ["users = [{ n = '' }]", "users = '<unchanged>'", "write `[[users]]` for each of them, and its variables below it"],
];

#[test]
fn help_fits_the_way_in_which_the_document_is_written() {
    for [template, document, help] in HELPS {
        let invalid = check(template, document).unwrap_err();
        assert_eq!(invalid.findings().next().unwrap().help(), help, "{document}");
    }
}

#[test]
fn what_is_misplaced_is_missing_in_an_optional_section_that_is_present() {
    for (template, document, severity) in [
        ("# @optional\n[db]\nuser = ''\npw = ''", "user = 'q'", Severity::Warning),
        ("# @optional\n[db]\nuser = ''\npw = ''", "user = 'q'\n[db]\npw = 'x'", Severity::Error),
        (
            "# @optional\n[[db]]\nuser = ''\npw = ''",
            "user = 'q'\n[[db]]\npw = 'x'",
            Severity::Error,
        ),
        (
            "user = ''\n# @optional\n[db]\npw = ''\nhost = ''",
            "user = 'q'\npw = 'x'\n[db]\nhost = 'x'",
            Severity::Error,
        ),
    ] {
        let found = match check(template, document) {
            Ok(secrets) => secrets.warnings().map(|f| (f.kind(), f.severity())).collect::<Vec<_>>(),
            Err(invalid) => invalid.findings().map(|f| (f.kind(), f.severity())).collect(),
        };
        assert_eq!(found, [(FindingKind::Misplaced, severity)], "{document}");
    }
    // A section with another shape also counts as present.
    for document in ["[db]\nuser = 'x'", "db = 'x'", "db = []", "db = ' '"] {
        let invalid = check("# @optional\n[[db]]\nuser = ''\npw = ''", document).unwrap_err();
        let found: Vec<_> = invalid.findings().map(|f| (f.kind(), f.severity())).collect();
        assert_eq!(found, [(FindingKind::KindMismatch, Severity::Error)], "{document}");
    }
}

#[test]
fn a_misspelt_section_is_one_finding() {
    let template =
        "PAT = ''\n[database]\nuser = ''\npassword = ''\n[[accounts]]\nname = ''\nkey = ''\n";
    let text = "PAT = 'x'\n[databse]\nuser = 'u'\npassword = 'p'\n[[acounts]]\nname = 'n'\n\
                [[acounts]]\nname = 'm'\n";
    let invalid = check(template, text).unwrap_err();
    let found: Vec<_> = invalid.findings().map(line).collect();
    let missing = |place, path, line| {
        format!(
            "error Missing: {place}: `{path}` is missing: line {line} of the template expects it"
        )
    };
    assert_eq!(
        found,
        [missing("line 2, column 2", "database", 2), missing("line 5, column 3", "accounts", 5),]
    );
    let help: Vec<_> = invalid.findings().map(|f| f.help().into_owned()).collect();
    assert_eq!(
        help,
        [
            "did you mean `database`? it is spelt `databse` here",
            "did you mean `accounts`? it is spelt `acounts` here",
        ]
    );
    // If two names are similar, only one is reported as misspelt.
    assert_findings(
        "[database]\nuser = ''\n",
        "[databse]\nuser = 'u'\n[databas]\nuser = 'u'\n",
        &[
            &missing("line 1, column 2", "database", 1),
            "warning Unknown: line 3, column 2: `databas` is not in the template",
        ],
    );
    // If two sections have the name, the one in the same table is meant, whatever the other table has.
    assert_findings(
        "[a.cache]\nx = ''\n[b.cache]\nx = ''\n[b.q]\nx = ''\n",
        "[a.cache]\nx = 1\n[b.cach]\nx = 1\n[b.q]\nx = 1\n",
        &[&missing("line 3, column 4", "b.cache", 3)],
    );
    assert_findings(
        "[[t]]\n[t.database]\nuser = ''\n",
        "[[t]]\n[t.database]\nuser = 'u'\n[[t]]\n[t.databse]\n",
        &[&missing("line 5, column 4", "t[1].database", 2)],
    );
    assert_findings(
        "[[users]]\nname = ''\n",
        "[usrs]\nname = 'n'\n",
        &[&missing("line 1, column 2", "users", 1)],
    );
    // A similar name in another table is not a misspelling.
    assert_findings(
        "[a.database]\nuser = ''\n[b]\nx = ''\n",
        "[a]\n[b]\nx = 'x'\n[b.databse]\nuser = 'u'\n",
        &[
            "warning Unknown: line 4, column 4: `b.databse` is not in the template",
            "error Missing: `a.database.user` is missing: line 2 of the template expects it",
        ],
    );
    // Each element of an array of tables is checked on its own.
    assert_findings(
        "[[t]]\n[t.database]\nuser = ''\n",
        "[[t]]\n[t.databse]\n[[t]]\n[t.databse]\n[[t]]\n[other.databse]\n",
        &[
            &missing("line 2, column 4", "t[0].database", 2),
            &missing("line 4, column 4", "t[1].database", 2),
            "warning Unknown: line 6, column 2: `other` is not in the template",
            "error Missing: `t[2].database.user` is missing: line 3 of the template expects it",
        ],
    );
}

#[test]
fn an_unknown_name_is_named_once_with_what_it_may_mean() {
    let template = "CLARIFAI_PAT = ''\n# @optional\n[database]\nuser = ''\n";
    let invalid = check(template, "clarifai_pat = 'x'\nzzz = 1\n[databse]\nuser = 'u'\nx = 1\n");
    let invalid = invalid.unwrap_err();
    let found: Vec<_> = invalid.findings().map(line).collect();
    assert_eq!(
        found,
        [
            "warning Unknown: line 1, column 1: `clarifai_pat` is not in the template",
            "warning Unknown: line 2, column 1: `zzz` is not in the template",
            "warning Unknown: line 3, column 2: `databse` is not in the template",
            "error Missing: `CLARIFAI_PAT` is missing: line 1 of the template expects it",
        ]
    );
    let help: Vec<_> = invalid.findings().map(|f| f.help().into_owned()).collect();
    assert_eq!(
        help[..3],
        [
            "did you mean `CLARIFAI_PAT`?",
            "remove it, unless the module reads it",
            "did you mean `database`?"
        ]
    );
}

#[test]
fn only_a_few_short_names_are_compared_with_those_that_are_absent() {
    #[track_caller]
    fn means(template: &str, name: &str, expected: Option<&str>) {
        let document = format!("{name} = 'x'\n");
        let found = match check(template, &document) {
            Ok(secrets) => secrets.warnings().next().unwrap().help().into_owned(),
            Err(invalid) => invalid.findings().next().unwrap().help().into_owned(),
        };
        let expected = match expected {
            Some(other) => format!("did you mean `{other}`?"),
            None => "remove it, unless the module reads it".to_owned(),
        };
        assert_eq!(found, expected, "{name}");
    }
    // Up to a quarter of the longer name may differ.
    means("abcd = ''\n", "abc", Some("abcd"));
    means("abc = ''\n", "abcd", Some("abc"));
    means("abcd = ''\n", "ab", None);
    means("abcd = ''\n", "abef", None);
    for (name, other, is_compared) in [(64, 64, true), (64, 65, false), (65, 64, false)] {
        let other = format!("{:a<other$}", "b");
        let expected = is_compared.then_some(other.as_str());
        means(&format!("{other} = ''\n"), &"a".repeat(name), expected);
    }
    // A name that is present is not suggested.
    let found = check("[s]\ntoken = ''\n", "tokem = 'x'\n[s]\ntoken = 'x'\n").unwrap();
    assert_eq!(found.warnings().next().unwrap().help(), "remove it, unless the module reads it");

    let names = |last| (0..21).map(|i| format!("name{i:02}{last} = 'x'\n")).collect::<String>();
    let invalid = check(&names("a"), &names("b")).unwrap_err();
    let help: Vec<_> = invalid.findings().map(|finding| finding.help().into_owned()).collect();
    assert_eq!(help[19], "did you mean `name19a`?");
    assert_eq!(help[20], "remove it, unless the module reads it");
}

#[test]
fn any_array_fits_an_array() {
    assert_findings("A = []\n", "A = [{ x = 1 }]\n", &[]);
    assert_findings("A = [{ x = 1 }]\n", "[[A]]\nx = 1\n", &[]);
}

#[test]
fn what_cannot_be_an_environment_variable_is_an_error() {
    let text = "'' = 'x'\n'a=b' = 1\n\"n\\u0000\" = 1.5\nV = \"\\u0000\"\n'c=d' = true\n[s]\n'e=f' = 'x'\n";
    let invalid = Document::parse(text).unwrap().validate().unwrap_err();
    let found: Vec<_> = invalid.findings().map(line).collect();
    assert_eq!(
        found,
        [
            "error Unmappable: line 1, column 1: `\"\"` cannot be an environment variable: \
             its name is empty",
            "error Unmappable: line 2, column 1: `\"a=b\"` cannot be an environment variable: \
             its name holds `=`",
            "error Unmappable: line 3, column 1: `\"n\\u0000\"` cannot be an environment variable: \
             its name holds a NUL",
            "error Unmappable: line 4, column 1: `V` cannot be an environment variable: \
             its value holds a NUL",
        ]
    );
    let help: Vec<_> = invalid.findings().map(|f| f.help().into_owned()).collect();
    assert_eq!(help[2], "rename it, or move it below a `[section]`");
    assert_eq!(help[3], "remove the NUL from the value");
}

#[test]
fn names_that_the_process_needs_are_warned_of() {
    let text = "PATH = 'x'\nLD_PRELOAD = 'x'\nDYLD_X = 'x'\nPYTHONPATH = 'x'\nNODE_OPTIONS = 1\n\
                HOME = true\nMY_PATH = 'x'\nSTREAMLIT_SERVER_PORT = 1\nhttps_proxy = 'x'\n\
                No_Proxy = 'x'\nssl_cert_file = 'x'\n[s]\nPATH = 'x'\n";
    let secrets = Document::parse(text).unwrap().validate().unwrap();
    let paths: Vec<_> = secrets.warnings().map(|f| f.path().to_string()).collect();
    let reserved = ["PATH", "LD_PRELOAD", "DYLD_X", "PYTHONPATH", "NODE_OPTIONS"];
    let prefixed = ["STREAMLIT_SERVER_PORT", "https_proxy", "No_Proxy"];
    assert_eq!(paths, [&reserved[..], &prefixed].concat());
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "OPENSSL_CONF",
        "GIT_SSH_COMMAND",
        "PYTHONUSERBASE",
        "PYTHONINSPECT",
        "PYTHONBREAKPOINT",
        "PYTHONWARNINGS",
    ] {
        let secrets = Document::parse(format!("{name} = 'x'\n")).unwrap().validate().unwrap();
        let kinds: Vec<_> = secrets.warnings().map(|f| f.kind()).collect();
        assert_eq!(kinds, [FindingKind::ReservedName], "{name}");
    }
    assert_eq!(
        secrets.warnings().next().unwrap().to_string(),
        "line 1, column 1: `PATH` would replace a variable that the process itself needs"
    );
}

#[test]
fn a_variable_that_no_linux_process_takes_is_a_warning() {
    let most = 131_071;
    for (name, quote) in [("NAME", "'"), ("N", "\"\"\"")] {
        for more in [0, 1] {
            let value = "v".repeat(most - name.len() - "=".len() + more);
            let text = format!("{name} = {quote}{value}{quote}\n[s]\nx = '{value}v'\n");
            let secrets = Document::parse(text).unwrap().validate().unwrap();
            let found: Vec<_> = secrets.warnings().map(line).collect();
            let warning = format!(
                "warning Unmappable: line 1, column 1: `{name}` is longer than 131071 bytes with \
                 its name and `=`: no Linux process can be started with it"
            );
            assert_eq!(found, if more == 1 { vec![warning] } else { vec![] });
        }
    }
    // A long name, and numbers with the length that Python gives them.
    for (len, value, is_long) in [
        (most - 1, "''", false),
        (most, "''", true),
        (most - 3, "0x1F", false),
        (most - 2, "0x1F", true),
        (most - 4, "1e0", false),
        (most - 3, "1e0", true),
    ] {
        let found = findings("", &format!("{} = {value}\n", "n".repeat(len)));
        let found = found.iter().filter(|found| found.starts_with("warning Unmappable")).count();
        assert_eq!(found, usize::from(is_long), "{len} {value}");
    }
}

#[test]
fn a_date_that_python_cannot_read_is_a_warning() {
    let text = "A = 0000-01-01\nB = 0001-01-01\nC = 1979-05-27T07:32:60Z\nD = 23:59:60\n\
                E = 07:32:59.999\n[s]\nf = [1, [0000-12-31T00:00:00]]\ng = 1979-05-27 07:32:60.5\n";
    let secrets = Document::parse(text).unwrap().validate().unwrap();
    let found: Vec<_> = secrets.warnings().map(line).collect();
    let expected = |place, path, part| {
        format!("warning Suspicious: {place}: `{path}` has the {part}, which Python cannot read")
    };
    let (year, second) = ("year 0000", "second 60");
    assert_eq!(
        found,
        [
            expected("line 1, column 5", "A", year),
            expected("line 3, column 5", "C", second),
            expected("line 4, column 5", "D", second),
            expected("line 7, column 10", "s.f[1][0]", year),
            expected("line 8, column 5", "s.g", second),
        ]
    );
}

#[test]
fn findings_have_stable_codes_and_serialize_without_a_value() {
    let invalid = check("A = ''\nB = 1\n", "A = ''\nOTHER = 'hunter2'\n").unwrap_err();
    let found: Vec<_> = invalid.findings().collect();
    let expected = serde_json::json!([
        {
            "code": "blank",
            "severity": "error",
            "path": "A",
            "line": 1,
            "column": 5,
            "message": "`A` is blank: the template expects a value",
            "help": "write the value between the quotes",
        },
        {
            "code": "unknown",
            "severity": "warning",
            "path": "OTHER",
            "line": 2,
            "column": 1,
            "message": "`OTHER` is not in the template",
            "help": "remove it, unless the module reads it",
        },
        {
            "code": "missing",
            "severity": "error",
            "path": "B",
            "line": null,
            "column": null,
            "message": "`B` is missing: line 2 of the template expects it",
            "help": "add the line above the first `[section]`",
        },
    ]);
    assert_eq!(serde_json::to_value(&found).unwrap(), expected);
    for (kind, code) in [
        (FindingKind::Blank, "blank"),
        (FindingKind::Missing, "missing"),
        (FindingKind::Misplaced, "misplaced"),
        (FindingKind::Placeholder, "placeholder"),
        (FindingKind::KindMismatch, "kind_mismatch"),
        (FindingKind::Unknown, "unknown"),
        (FindingKind::Unmappable, "unmappable"),
        (FindingKind::ReservedName, "reserved_name"),
        (FindingKind::TooLong, "too_long"),
        (FindingKind::Unkept, "unkept"),
        (FindingKind::Suspicious, "suspicious"),
    ] {
        assert_eq!(kind.code(), code);
    }
}

#[test]
fn a_module_may_need_no_secrets() {
    assert!(Document::parse("").unwrap().validate().is_ok());
    assert!(check("", "").is_ok());
    assert!(check("# @optional\nA = ''\n", "").is_ok());
}

#[test]
fn secrets_and_invalid_give_the_document_back() {
    let secrets = check("A = ''\n", "A = 'x'\n").unwrap();
    assert_eq!(secrets.get("A").and_then(|value| value.as_str()), Some("x"));
    assert_eq!(secrets.warnings().len(), 0);
    assert_eq!(secrets.into_document().expose_text(), "A = 'x'\n");
    let invalid = check("A = ''\n", "A = ''\n").unwrap_err();
    assert_eq!(invalid.findings().len(), 1);
    assert_eq!(invalid.into_document().expose_text(), "A = ''\n");
}

#[test]
fn debug_shows_shapes() {
    let secrets = check("A = ''\n", "A = 'hunter2'\nB = 1\n").unwrap();
    assert_eq!(
        format!("{secrets:?}"),
        r#"Secrets { document: Document { "A": string, "B": integer }, warnings: 1 }"#
    );
    let invalid = check("A = ''\n", "A = ''\n").unwrap_err();
    assert_eq!(
        format!("{invalid:?}"),
        "Invalid [Finding { severity: Error, kind: Blank, path: KeyPath(A), line: Some(1) }]"
    );
}

#[test]
fn findings_of_a_table_opened_late_are_in_document_order() {
    let found = findings("A = ''\n", "A = 'x'\n[z.y]\nv = 1\n[b]\n[z]\nw = 1\n");
    let lines: Vec<_> = found.iter().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(lines, ["warning Unknown: line 4", "warning Unknown: line 5"]);
}

#[test]
fn the_excerpt_masks_every_value_and_comment() {
    let text = "db = { user = \"hunter2\", 'p#w' = \"\", n = 0x1F } # hunter2\n\
                KEY = '''\nhunter2\nhunter2'''\nlist = [ 'hunter2', # hunter2\n 7, { a = '' } ]\n\
                WHEN = 1979-05-27 # hunter2\n\"a\u{202e}b\" = ''\n";
    let invalid = Document::parse(text).unwrap().validate().unwrap_err();
    let shown = invalid.to_string();
    assert_eq!(
        shown,
        "\
error: line 1, column 34: `db.\"p#w\"` is blank
  |
1 | db = { user = ••••••••, 'p#w' = \"\", n = •••••••• } ••••••••
  |                                 ^^
  = help: write the value between the quotes

error: line 8, column 9: `\"a\\u202Eb\"` is blank
  |
8 | \"a\u{FFFD}b\" = ''
  |         ^^
  = help: write the value between the quotes
"
    );
}

#[test]
fn a_long_line_is_cut_around_the_finding() {
    let many: Vec<_> = (0..3000).map(|i| format!("k{i} = 'hunter2'")).collect();
    let many = many.join(", ");
    let long = "z".repeat(5000);
    for (behind, end) in [(many.replace('k', "z"), ", z2 …"), (format!("{long} = 1"), "zzz…")] {
        let text = format!("a = {{ {many}, blank = '', {behind} }}\n");
        let shown = Document::parse(text).unwrap().validate().unwrap_err().to_string();
        let line = shown.lines().nth(2).unwrap();
        assert!(line.starts_with("1 | … 997 = ••••••••, k2998 = "), "{line}");
        assert!(line.contains(", k2999 = ••••••••, blank = '', z"), "{line}");
        assert!(line.ends_with(end), "{line}");
        assert_eq!(line.chars().count(), "1 | ".len() + 100, "{line}");
    }

    let key = format!("{}x", "k".repeat(5000));
    let text = format!("{key} = ''\n");
    let shown = Document::parse(text).unwrap().validate().unwrap_err().to_string();
    assert!(shown.lines().all(|line| line.chars().count() < 350), "{shown}");
}

#[test]
fn many_missing_variables_are_named_up_to_a_limit() {
    let template: String = (0..2000).map(|i| format!("v{i} = ''\n")).collect();
    let template = format!("[[t]]\n{template}");
    let invalid = check(&template, &"[[t]]\n".repeat(50_000)).unwrap_err();
    assert_eq!(invalid.findings().len(), 1000);
}

#[cfg(feature = "miette")]
#[test]
fn a_diagnostic_has_code_and_severity_and_no_source_and_names_each_finding_once() {
    use miette::Diagnostic;

    let invalid = check("A = ''\nB = ''\n", "A = ''\nB = 'x'\nC = 1\n").unwrap_err();
    let error = Document::parse("A =\n").unwrap_err();
    let single = &error.errors()[0];
    let of = |diagnostic: &dyn Diagnostic| {
        assert!(diagnostic.source_code().is_none() && diagnostic.labels().is_none());
        assert_eq!(diagnostic.severity(), Some(miette::Severity::Error));
        let mut report = String::new();
        miette::JSONReportHandler::new().render_report(&mut report, diagnostic).unwrap();
        (diagnostic.code().unwrap().to_string(), report)
    };

    let (code, report) = of(&invalid);
    assert_eq!(code, "secrets_toml::invalid");
    for finding in invalid.findings() {
        assert_eq!(report.matches(&*finding.message()).count(), 1, "{report}");
    }
    let (code, report) = of(&error);
    assert_eq!(code, "secrets_toml::parse");
    assert_eq!(report.matches(single.message()).count(), 1, "{report}");
    let (code, _) = of(single);
    assert_eq!(code, "secrets_toml::missing_value");
    assert_eq!(single.help().unwrap().to_string(), "write `= \"\"`");
}

/// Positions are offsets into an array, which can fall inside a character of the text.
#[test]
fn an_array_where_the_template_has_a_table() {
    for start in ["", "# é\n", "#é\n", "\u{feff}", "# 日本\n"] {
        let array = format!("{start}x = [1, 2, 3, 4]\n");
        let tables = format!("{start}[[x]]\na = 'hunter2'\n[[x]]\n[[x]]\n[[x]]\n");
        let table = "[x]\na = ''\n\"\" = ''\n";
        for text in [&array, &tables] {
            let template = Template::parse(table).unwrap();
            let invalid = template.validate(Document::parse(text.as_str()).unwrap()).unwrap_err();
            let told = invalid.to_string();
            assert!(!told.contains("hunter2") && !told.contains("x[0]`"), "{told}");
            let earlier = Document::parse(text.as_str()).unwrap();
            let prefilled = template.prefill(&earlier).unwrap();
            assert_eq!(prefilled.into_document().expose_text(), table);

            let template = Template::parse(text).unwrap();
            let document = || Document::parse("[x]\na = 1\n").unwrap();
            drop(template.validate(document()));
            template.prefill(&document()).unwrap();
        }
    }
}

#[test]
fn a_long_line_is_cut_between_characters() {
    for character in ["é", "日", "😀"] {
        for len in [40, 60, 99, 100, 101, 150] {
            for space in ["", " ", "  ", "   "] {
                let text = format!("\"{}\"{space}= ''\n", character.repeat(len));
                let invalid = Document::parse(text).unwrap().validate().unwrap_err();
                let shown = invalid.to_string();
                assert!(shown.contains("is blank"));
                assert!(
                    shown.lines().nth(2).is_some_and(|line| line.contains(character)),
                    "{shown}"
                );
                let text = format!(
                    "x = '{}'{space}# y\ny = {{ a = '{0}', b = '' }}",
                    character.repeat(len)
                );
                let invalid = Document::parse(text).unwrap().validate().unwrap_err();
                assert!(!invalid.to_string().contains(character), "{invalid}");
            }
        }
    }
}

#[test]
fn help_names_no_header_that_cannot_be_written() {
    let template = Template::parse("[[users]]\nname = ''\n[users.addr]\ncity = ''\n").unwrap();
    let document = Document::parse("[[users]]\nname = 'a'\n").unwrap();
    let invalid = template.validate(document).unwrap_err();
    let help: Vec<_> = invalid.findings().map(|finding| finding.help().into_owned()).collect();
    assert_eq!(help, ["add it to `users[0].addr`"]);
    let invalid = template.validate(Document::parse("").unwrap()).unwrap_err();
    let help: Vec<_> = invalid.findings().map(|finding| finding.help().into_owned()).collect();
    assert_eq!(help, ["add it below a `[[users]]`", "add it to `users[0].addr`"]);
}

/// A template may use such texts as defaults.
#[test]
fn a_template_s_own_texts_are_accepted() {
    let text = "B = '<b>Welcome</b>'\nG = 'Welcome to your dashboard'\nW = 'One moment...'\n\
                P = 'Set the temperature with care'\n";
    let template = Template::parse(text).unwrap();
    if let Err(invalid) = template.validate(Document::parse(text).unwrap()) {
        panic!("{invalid}");
    }
}
