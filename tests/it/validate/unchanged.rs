//! Secrets that still have the template's value, and values that are only white space.

use secrets_toml::{Document, FindingKind, Template};

use super::{assert_findings, check, line};

const UNCHANGED: &str = "is unchanged: it still has the template's value";

/// Asserts the paths of the findings `Unchanged` of a document, and that no value has another
/// finding of that kind or `Placeholder` or `Suspicious`.
#[track_caller]
fn assert_unchanged(template: &str, document: &str, expected: &[&str]) {
    let Err(invalid) = check(template, document) else {
        assert_eq!(expected, &[""; 0], "{template}\n{document}");
        return;
    };
    let of_value = [FindingKind::Unchanged, FindingKind::Placeholder, FindingKind::Suspicious];
    let found = invalid.findings().filter(|finding| of_value.contains(&finding.kind()));
    let found: Vec<_> = found.map(line).collect();
    assert_eq!(found.len(), expected.len(), "{template}\n{document}\n{found:#?}");
    for (found, path) in found.iter().zip(expected) {
        let end = format!(": `{path}` {UNCHANGED}");
        assert!(found.starts_with("error Unchanged: ") && found.ends_with(&end), "{found}");
    }
}

#[test]
fn a_secret_must_change_whatever_it_reads_like() {
    for value in [
        "'dein-gemini-api-key'",
        "'jouw-supabase-anon-key'",
        "'votre_clé_ici'",
        "'好きな合言葉'",
        "'여기에_발급받은_키'",
        "'replace-with-generated-x25519-private-key'",
        "'your-token'",
        "'hunter2'",
        "' hunter2 '",
        "'\"hunter2\"'",
        "'0'",
        "'''\nhunter2\n'''",
        "['hunter2']",
        "['']",
        "[['a', 1], { x = 'b' }]",
    ] {
        let text = format!("API_KEY = {value}\n");
        assert_unchanged(&text, &text, &["API_KEY"]);
        let optional = format!("# @optional\n{text}");
        assert_unchanged(&optional, &text, &["API_KEY"]);
        assert_unchanged(&optional, "", &[]);
        assert_unchanged(&text, "API_KEY = 'another'\n", &[]);
        assert!(Document::parse(text).unwrap().validate().is_ok(), "without a template");
    }
}

#[test]
fn values_are_compared_as_they_are_read() {
    let same = [
        ("KEY = 'aé'", "KEY = \"\\u0061\\u00e9\""),
        ("KEY = \"\"\"\na\"\"\"", "KEY = 'a'"),
        ("KEYS.a = ['b', 'c']", "[KEYS]\na = [\n  \"b\", # d\n  'c',\n]"),
        ("KEY = [1, 'b']", "KEY = [0x1, 'b']"),
    ];
    for (template, document) in same {
        let path = if template.contains("KEYS") { "KEYS.a" } else { "KEY" };
        assert_unchanged(template, document, &[path]);
    }
    let other = [
        ("KEY = 'a'", "KEY = 'A'"),
        ("KEY = 'a'", "KEY = ' a'"),
        ("KEY = 'a'", "KEY = ['a']"),
        ("KEY = ['a']", "KEY = 'a'"),
        ("KEY = ['a']", "KEY = ['a', 'a']"),
        ("KEY = ['a', 'b']", "KEY = ['b', 'a']"),
        ("KEY = ['a']", "KEY = [1]"),
        // There is nothing to change.
        ("KEY = ''", "KEY = ''"),
        ("KEY = ' '", "KEY = ' '"),
        ("KEY = []", "KEY = []"),
        ("KEY = '' # @optional", "KEY = ' '"),
    ];
    for (template, document) in other {
        assert_unchanged(template, document, &[]);
    }
}

#[test]
fn a_number_is_not_compared() {
    for value in ["1234", "1.5", "true", "2000-01-01", "'true'"] {
        let text = format!("PIN = {value}\n");
        assert_findings(&text, &text, &[]);
    }
    let marked = "PIN = 1234 # @secret\nFLAG = true # @secret\n";
    assert_findings(marked, marked, &[]);
    let marked = "FLAG = 'true' # @secret\n";
    assert_unchanged(marked, marked, &["FLAG"]);
}

#[test]
fn markers_win_over_names_and_the_nearest_one_counts() {
    let template = "MODEL = 'a' # @secret\nKEY = 'b' # @public\nTOKEN = 'c' # @public @secret\n\
                    # @public\n[web]\nkey = 'd'\npassword = 'e' # @secret\ninline = { token = 'f' }\n\
                    [web.inner]\nsecret = 'g'\n\
                    # @secret\n[all]\nhost = 'h'\nport = 'i' # @public\nlist = ['j']\nnumber = 1\n\
                    [[all.users]]\nname = 'k'\n# @public\n[[all.tabs]]\nkey = 'l'\n";
    let expected = ["MODEL", "TOKEN", "web.password", "all.host", "all.list", "all.users[0].name"];
    assert_unchanged(template, template, &expected);
    let parsed = Template::parse(template).unwrap();
    let secrets = parsed.variables().filter(|variable| variable.is_secret());
    let paths: Vec<_> = secrets.map(|variable| variable.path().to_string()).collect();
    assert_eq!(paths.join(" "), expected.join(" ").replace("all.users", "all.number all.users"));
}

#[test]
fn a_public_value_may_read_like_anything() {
    let text = "SIGN = '---' # @public\nGREETING = 'Hello ${name}' # @public\n\
                KEY = '{time} | <level>' # @public\nTOKEN = 'your-token' # @public\n";
    assert_findings(text, text, &[]);
    let changed = text.replace("Hello", "Dear").replace("level", "name").replace("--", "**");
    assert_findings(text, &changed, &[]);
    let unmarked = text.replace("# @public", "");
    let kinds: Vec<_> =
        check(&unmarked, &unmarked).unwrap_err().findings().map(|found| found.kind()).collect();
    use FindingKind::{Placeholder, Unchanged};
    assert_eq!(kinds, [Placeholder, Placeholder, Unchanged, Unchanged]);
    // Blank is blank.
    assert_findings(
        "KEY = '' # @public\n",
        "KEY = ''\n",
        &["error Blank: line 1, column 7: `KEY` is blank: the template expects a value"],
    );
}

#[test]
fn a_placeholder_is_left_to_other_variables_and_other_texts() {
    assert_findings(
        "URL = 'https://<host>'\nKEY = '<key>'\nTOKEN = 'abc'\n",
        "URL = 'https://<host>'\nKEY = '<key>'\nTOKEN = '<token>'\n",
        &[
            "error Placeholder: line 1, column 7: `URL` is still the placeholder of the template",
            "error Unchanged: line 2, column 7: `KEY` is unchanged: it still has the template's value",
            "warning Placeholder: line 3, column 9: `TOKEN` reads like a placeholder",
        ],
    );
}

#[test]
fn every_element_is_compared_with_all_of_the_template() {
    let template = "[[users]]\npassword = 'a'\nname = 'd'\napi_keys = ['b']\n\
                    [[users]]\npassword = 'c'\nname = 'd'\nkeys.password = 'f'\n";
    assert_unchanged(
        template,
        "[[users]]\npassword = 'c'\nname = 'c'\napi_keys = []\n\
         [[users]]\npassword = 'e'\nname = 'd'\napi_keys = ['b']\n\
         [[users]]\npassword = 'a'\nname = 'a'\napi_keys = ['b', 'b']\n",
        &["users[0].password", "users[1].api_keys", "users[2].password"],
    );
}

#[test]
fn help_says_how_to_do_without_an_optional_value() {
    let template = "A_KEY = 'a'\n# @optional\nB_KEY = 'b'\n[s]\nx = { key = 'c' } # @optional\n\
                    # @optional\ny.key = 'd'\n# @optional\n[t]\nkey = 'e'\n";
    let invalid = check(template, template).unwrap_err();
    let help: Vec<_> =
        invalid.findings().map(|found| format!("{}: {}", found.path(), found.help())).collect();
    assert_eq!(
        help,
        [
            "A_KEY: replace it with your own value",
            "B_KEY: replace it with your own value, or delete the line if you have none",
            "s.x.key: replace it with your own value, or remove the whole of `s.x`, \
             which is optional",
            "s.y.key: replace it with your own value, or delete the line if you have none",
            "t.key: replace it with your own value, or remove the whole of `t`, which is optional",
        ]
    );
    let template = "x = {\n key = 'a', # @optional\n}\n";
    let invalid = check(template, "x = { key = 'a' }\n").unwrap_err();
    assert_eq!(
        invalid.findings().next().unwrap().help(),
        "replace it with your own value, or delete it if you have none"
    );
}

#[test]
fn a_kept_value_that_is_the_templates_is_found_at_its_marker() {
    let current = "KEY = 'hunter2'\n[[u]]\napi_keys = ['a', 'hunter2']\npath = ' hunter2'\n";
    let current = Document::parse(current).unwrap();
    let entered =
        "KEY = '<unchanged>'\n[[u]]\napi_keys = '<unchanged 2>'\npath = '<unchanged 3>'\n";
    let template = "KEY = 'hunter2'\n[[u]]\napi_keys = ['a', 'hunter2']\npath = ''\n";
    let template = Template::parse(template).unwrap();
    let entered = Document::parse(entered).unwrap();
    let invalid = template.validate_update(entered, &current).unwrap_err();
    let found: Vec<_> = invalid.findings().map(line).collect();
    assert_eq!(
        found,
        [
            "error Unchanged: line 1, column 7: `KEY` is unchanged: it still has the template's value",
            "error Unchanged: line 3, column 12: `u[0].api_keys` is unchanged: \
             it still has the template's value",
            "warning Suspicious: line 4, column 8: `u[0].path` has white space around it: \
             that is a part of the value",
        ]
    );
    assert!(!format!("{invalid}{invalid:?}").contains("hunter2"));
    // A template may have the text of a marker. The marker is found, not that it is the template's.
    assert_findings(
        "KEY = '<unchanged>'\n",
        "KEY = '<unchanged>'\n",
        &["error Unkept: line 1, column 7: `KEY` keeps a value that does not exist: enter a value"],
    );
}

#[test]
fn white_space_is_blank() {
    let spaces = ["''", "' '", "\" \\t\"", "\"\"\"\n\n\"\"\"", "\"\\u3000\\u00a0\""];
    for value in spaces {
        assert_findings(
            "A = 'a'\n",
            &format!("A = {value}\n"),
            &["error Blank: line 1, column 5: `A` is blank: the template expects a value"],
        );
        assert_findings("A = 1 # @optional\n", &format!("A = {value}\n"), &[]);
        let invalid = Document::parse(format!("A = {value}\n")).unwrap().validate().unwrap_err();
        let finding = invalid.findings().next().unwrap();
        assert_eq!(finding.to_string(), "line 1, column 5: `A` is blank");
        assert_eq!(finding.help(), "write the value between the quotes");
    }
    // A number is expected: it is blank, and its kind is not wrong.
    assert_findings(
        "A = 1\nB = []\n",
        "A = ' '\nB = ' '\n",
        &[
            "error Blank: line 1, column 5: `A` is blank: the template expects a value",
            "error KindMismatch: line 2, column 5: `B` is a string: the template has an array",
        ],
    );
}

#[test]
fn white_space_is_not_kept() {
    let current = Document::parse("A = ' '\nB = 'b'\n").unwrap();
    assert_eq!(current.form(), "A = \"\"\nB = \"<unchanged>\"\n");
    let entered = Document::parse("A = '<unchanged>'\nB = '<unchanged>'\n").unwrap();
    let invalid = entered.validate_update(&current).unwrap_err();
    let kinds: Vec<_> = invalid.findings().map(|found| found.kind()).collect();
    assert_eq!(kinds, [FindingKind::Unkept]);

    let template = Template::parse("A = 'default'\nB = ''\nC = ''\n").unwrap();
    let earlier = Document::parse("A = \"\\t\"\nB = 'b'\nOLD = ' '\n").unwrap();
    let prefilled = template.prefill(&earlier).unwrap();
    assert_eq!(prefilled.form(), "A = 'default'\nB = 'b'\nC = ''\n");
    assert_eq!(prefilled.carried().map(|path| path.to_string()).collect::<Vec<_>>(), ["B"]);
    assert_eq!(prefilled.dropped().len(), 0);
}
