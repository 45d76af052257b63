//! Templates: comments and prefilling.

mod findings;
mod formats;
mod markers;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use secrets_toml::{Document, Template};

use crate::chain;
use crate::folder::Folder;

const TEXT: &str = "\
# Secrets of the module.

# Your personal access token.
# Ask Ada.
CLARIFAI_PAT = \"\"
URL = \"https://api.example.com\" # the endpoint
# @optional
MODEL = 'general' # behind
PORT = 8080 # @optional: the default will do

# The database. @optional

[db] # behind the header
user = \"\"
# Above wins.
password = \"\" # not this

# @optional
[cache]
host = \"\"
nested.key = \"\"

[[users]]
name = \"\"
[[users]]
name = \"second\"
[inline]
point = { x = 1, # the x
  # above y
  y = \"\" } # behind all
";

#[test]
fn variables_come_in_the_order_of_the_text_with_what_their_comments_say() {
    let template = Template::parse(TEXT).unwrap();
    let variables: Vec<_> = template
        .variables()
        .map(|v| (v.path().to_string(), v.kind(), v.is_required(), v.description(), v.line()))
        .collect();
    let expected = [
        ("CLARIFAI_PAT", "string", true, Some("Your personal access token.\nAsk Ada."), 5),
        ("URL", "string", true, Some("the endpoint"), 6),
        ("MODEL", "string", false, Some("behind"), 8),
        ("PORT", "integer", false, Some("the default will do"), 9),
        ("db.user", "string", true, None, 14),
        ("db.password", "string", true, Some("Above wins."), 16),
        ("cache.host", "string", false, None, 20),
        ("cache.nested.key", "string", false, None, 21),
        ("users[0].name", "string", true, None, 24),
        ("inline.point.x", "integer", true, Some("the x"), 28),
        ("inline.point.y", "string", true, Some("above y"), 30),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(path, k, r, d, l)| (path.to_owned(), k, r, d, l)).collect();
    assert_eq!(variables, expected);
    assert_eq!(template.variables().len(), 11);
    assert_eq!(template.text(), TEXT);
}

#[test]
fn debug_shows_shapes() {
    let template = Template::parse("A = 'hunter2'\n[[b]]\nc = 1 # @optional\n").unwrap();
    assert_eq!(format!("{template:?}"), r#"Template(Document { "A": string, "b[0].c": integer })"#);
    let shown: Vec<_> = template.variables().map(|v| format!("{v:?}")).collect();
    assert_eq!(
        shown,
        [
            r#"Variable { path: KeyPath(A), kind: "string", required: true, secret: false }"#,
            r#"Variable { path: KeyPath(b[0].c), kind: "integer", required: false, secret: false }"#,
        ]
    );
}

#[test]
fn a_default_is_what_is_not_blank() {
    let template = Template::parse("A = ''\nB = ' '\nC = 0\n").unwrap();
    let defaults: Vec<_> = template.variables().map(|v| v.default_value().is_some()).collect();
    assert_eq!(defaults, [false, true, true]);
}

#[test]
fn optional_is_a_whole_word() {
    for (comment, required) in [
        ("@optional", false),
        ("this is @optional.", false),
        ("@optional: with a default", false),
        ("@optionally", true),
        ("x@optional", true),
        ("optional", true),
        ("@OPTIONAL", false),
    ] {
        let template = Template::parse(&format!("# {comment}\nA = ''\n")).unwrap();
        let variable = template.variables().next().unwrap();
        assert_eq!(variable.is_required(), required, "{comment}");
    }
}

#[test]
fn a_comment_belongs_to_the_key_directly_below_it() {
    let text = "# apart\n\n#\n# one\n#\n# two\n  A = ''\n\n# after all\n";
    let template = Template::parse(&text.replace('\n', "\r\n")).unwrap();
    let variable = template.variables().next().unwrap();
    assert_eq!(variable.description(), Some("one\n\ntwo"));
}

#[test]
fn keys_in_an_array_have_comments_and_elements_have_none() {
    let text = "users = [{\n  # the name\n  name = '' }, # @optional\n]\n";
    let template = Template::parse(text).unwrap();
    let variable = template.variables().next().unwrap();
    assert_eq!((variable.description(), variable.is_required()), (Some("the name"), true));
}

#[test]
fn a_header_above_another_is_optional_alone() {
    let template = Template::parse("# @optional\n[a.b]\nx = ''\n[a]\ny = ''\n").unwrap();
    let required: Vec<_> = template.variables().map(|v| v.is_required()).collect();
    assert_eq!(required, [false, true]);
    // A table without a header has no comment.
    for text in ["# @optional\n[a.b]\nx = ''\n[a.c]\ny = ''\n", "# @optional\na.b = ''\na.c = ''\n"]
    {
        let template = Template::parse(text).unwrap();
        let required: Vec<_> = template.variables().map(|v| v.is_required()).collect();
        assert_eq!(required, [false, true], "{text}");
    }
    let template =
        Template::parse("[a] # @optional\nx = ''\n[a.b]\ny = ''\n[c]\nz = ''\n").unwrap();
    let required: Vec<_> = template.variables().map(|v| v.is_required()).collect();
    assert_eq!(required, [false, false, true]);
}

#[track_caller]
fn prefill(template: &str, earlier: &str) -> (String, Vec<String>) {
    let earlier = Document::parse(earlier).unwrap();
    let prefilled = Template::parse(template).unwrap().prefill(&earlier).unwrap();
    let dropped = prefilled.dropped().map(|path| path.to_string()).collect();
    (prefilled.into_document().expose_text().to_owned(), dropped)
}

#[test]
fn prefill_changes_values_and_nothing_else() {
    let template =
        "\u{feff}# head\r\n  B = \"\"  # b\r\n\r\nA = 0 \r\n[s]\r\nlist = []#l\r\nx.y = ''";
    let earlier =
        "A = 0x1_F\nB = '''\n  multi\n'''\n[s]\nlist = [ 1,\n 2 ]\nx = { y = \"\\u0041\" }\n";
    let (text, dropped) = prefill(template, earlier);
    assert_eq!(
        text,
        "\u{feff}# head\r\n  B = '''\n  multi\n'''  # b\r\n\r\nA = 0x1_F \r\n[s]\r\n\
         list = [ 1,\n 2 ]#l\r\nx.y = \"\\u0041\""
    );
    assert!(dropped.is_empty());
}

#[test]
fn what_is_blank_is_not_carried_and_what_has_no_place_is_named() {
    let (text, dropped) = prefill(
        "A = 'default'\nB = ''\n[t]\nx = ''\n",
        "A = ''\nB = 'b'\nC = 'c'\nD = ''\nt = 'no table'\n[u]\ny = 1\nz = [1]\n",
    );
    assert_eq!(text, "A = 'default'\nB = 'b'\n[t]\nx = ''\n");
    assert_eq!(dropped, ["C", "t", "u.y", "u.z"]);
}

#[test]
fn elements_of_arrays_of_tables_go_by_position() {
    let (text, dropped) = prefill(
        "[[u]]\nn = ''\n[[u]]\nn = ''\nm = ''\n",
        "u = [{ n = 'one', m = 'x' }, { n = 'two' }]\n",
    );
    assert_eq!(text, "[[u]]\nn = 'one'\n[[u]]\nn = 'two'\nm = ''\n");
    assert_eq!(dropped, ["u[0].m"]);
}

/// Each row: a template, an earlier text, the filled template and its form.
#[rustfmt::skip]
const BEYOND: [[&str; 4]; 12] = [
    // Elements keep their text and comments; the form shows no comments.
    [
        "# t\n[[u]]\npat = '' # n\n\n# The database.\n[db]\npin = ''\n",
        "[[u]]\npat = 'a'\n# b\n[[u]] # second\npat = 0x1_F # c\nm = ''\n# d\n[db]\npin = 'x'\n[[u]]\npat = 'c'",
        "# t\n[[u]]\npat = 'a' # n\n[[u]] # second\npat = 0x1_F # c\nm = ''\n[[u]]\npat = 'c'\n\n# The database.\n[db]\npin = 'x'\n",
        "# t\n[[u]]\npat = \"<unchanged 1>\" # n\n[[u]]\npat = \"<unchanged 2>\"\nm = \"\"\n[[u]]\npat = \"<unchanged 5>\"\n\n# The database.\n[db]\npin = \"<unchanged>\"\n",
    ],
    // A missing final newline stays missing, and line ends are kept.
    [
        "[[u]]\npat = ''",
        "[[u]]\r\npat = 'a'\r\n[[u]]\r\npat = 'b'\r\n\r\n",
        "[[u]]\npat = 'a'\n[[u]]\r\npat = 'b'",
        "[[u]]\npat = \"<unchanged 1>\"\n[[u]]\r\npat = \"<unchanged 2>\"",
    ],
    // Headers below an element, one of them separated from it.
    [
        "[[u]]\npat = ''\n[u.k]\njwt = ''\n[z]\ndsn = ''\n",
        "[[u]]\npat = 'a'\n[u.k]\njwt = 'b'\n[[u]]\npat = 'c'\n[z]\ndsn = 'y'\n[u.k]\njwt = 'd'\n",
        "[[u]]\npat = 'a'\n[u.k]\njwt = 'b'\n[[u]]\npat = 'c'\n[u.k]\njwt = 'd'\n[z]\ndsn = 'y'\n",
        "[[u]]\npat = \"<unchanged 1>\"\n[u.k]\njwt = \"<unchanged 2>\"\n[[u]]\npat = \"<unchanged 3>\"\n[u.k]\njwt = \"<unchanged 5>\"\n[z]\ndsn = \"<unchanged>\"\n",
    ],
    // Arrays in arrays: inner elements come first.
    [
        "[[a]]\n[[a.b]]\npin = ''\n",
        "[[a]]\n[[a.b]]\npin = 1\n[[a.b]]\npin = 2\n[[a]]\n[[a.b]]\npin = 3\n",
        "[[a]]\n[[a.b]]\npin = 1\n[[a.b]]\npin = 2\n[[a]]\n[[a.b]]\npin = 3\n",
        "[[a]]\n[[a.b]]\npin = \"<unchanged 1>\"\n[[a.b]]\npin = \"<unchanged 2>\"\n[[a]]\n[[a.b]]\npin = \"<unchanged 3>\"\n",
    ],
    // The template has headers, the earlier text has none.
    [
        "  [[ 'u u' ]] # h\npat = ''\n",
        "\"u u\" = [{ pat = 'a' }, { pat = 'b', k.l = [ # c\n 1 ], t = { v = '' } }]\n",
        "  [[ 'u u' ]] # h\npat = 'a'\n[[ 'u u' ]]\npat = 'b'\nk = { l = [ # c\n 1 ] }\nt = { v = '' }\n",
        "  [[ 'u u' ]] # h\npat = \"<unchanged 1>\"\n[[ 'u u' ]]\npat = \"<unchanged 2>\"\nk = { l = \"<unchanged 3>\" }\nt = { v = \"\" }\n",
    ],
    // The reverse.
    [
        "u = [{ pat = '' }, # c\n]\n",
        "[[u]]\npat = 'a'\n[[u]]\npat = 'b'\n[[u.k]]\npin = 1\n[[u.k]]\n[u.t]\n'v w' = 'c'\n",
        "u = [{ pat = 'a' }, { pat = 'b', k = [{ pin = 1 }, {}], t = { 'v w' = 'c' } }, # c\n]\n",
        "u = [{ pat = \"<unchanged 1>\" }, { pat = \"<unchanged 2>\", k = [{ pin = \"<unchanged 3>\" }, {}], t = { 'v w' = \"<unchanged 4>\" } }, # c\n]\n",
    ],
    [
        "u = [{ pat = '' }]",
        "u = [{ pat = 'a' }, { pat = 'b' }]",
        "u = [{ pat = 'a' }, { pat = 'b' }]",
        "u = [{ pat = \"<unchanged 1>\" }, { pat = \"<unchanged 2>\" }]",
    ],
    // An empty array in the template is an array of tables without elements.
    [
        "u = []\nv = ''\n",
        "v = [{ pat = 'v' }]\n[[u]]\npat = 'a'\n[[u]]\npat = 'b'\n",
        "u = [{ pat = 'a' }, { pat = 'b' }]\nv = [{ pat = 'v' }]\n",
        "u = [{ pat = \"<unchanged 2>\" }, { pat = \"<unchanged 3>\" }]\nv = [{ pat = \"<unchanged 1>\" }]\n",
    ],
    // An array that holds other values than tables is one value.
    ["u = []\n", "u = [1, { pat = 'a' }]\n", "u = [1, { pat = 'a' }]\n", "u = [1, { pat = 'a' }]\n"],
    // After a byte order mark, in a table without a header.
    [
        "\u{feff}[[a.u]]\n",
        "\u{feff}[[a.u]]\n[[a.u]]\npat = 'a'\n",
        "\u{feff}[[a.u]]\n[[a.u]]\npat = 'a'\n",
        "\u{feff}[[a.u]]\n[[a.u]]\npat = \"<unchanged 1>\"\n",
    ],
    // Added lines end like those of the template.
    [
        "[[u]]\r\npat = ''\r\n",
        "u = [{ pat = 'a' }, { pat = 'b' }]\n",
        "[[u]]\r\npat = 'a'\r\n[[u]]\r\npat = 'b'\r\n",
        "[[u]]\r\npat = \"<unchanged 1>\"\r\n[[u]]\r\npat = \"<unchanged 2>\"\r\n",
    ],
    // Fewer elements than the template.
    [
        "[[u]]\npat = ''\n[[u]]\npat = 'second'\n",
        "[[u]]\npat = 'a'\n",
        "[[u]]\npat = 'a'\n[[u]]\npat = 'second'\n",
        "[[u]]\npat = \"<unchanged 1>\"\n[[u]]\npat = 'second'\n",
    ],
];

#[test]
fn elements_beyond_the_template_s_are_carried_as_they_were_written() {
    for [template, earlier, filled, form] in BEYOND {
        let template = Template::parse(template).unwrap();
        let earlier = Document::parse(earlier).unwrap();
        let prefilled = template.prefill(&earlier).unwrap();
        assert_eq!(prefilled.document().expose_text(), filled);
        assert_eq!(prefilled.form(), form);
        assert_eq!(prefilled.dropped().len(), 0, "{filled}");

        // The form, when read back, has every carried value.
        let entered = Document::parse(form).unwrap();
        let updated = match entered.validate_update(&earlier) {
            Ok(secrets) => secrets.into_document(),
            Err(invalid) => {
                assert!(invalid.findings().all(|found| found.message().ends_with("is blank")));
                continue;
            }
        };
        for path in prefilled.carried() {
            let value = |document: &Document| format!("{:?}", document.find(&path.to_string()));
            assert_eq!(value(&updated), value(&earlier), "{path}");
        }
    }
}

#[test]
fn a_default_that_the_new_template_changed_is_named() {
    let previous = "A = 'v1'\nB = 'v1'\nC = 1\nD = [1, { x = 1.5 }]\nE = 'e'\nF = ''\nG = 'g'\n\
                    [[u]]\nrole = 'viewer'\n";
    let template = "A = 'v2'\nB = 'v2'\nC = '1'\nD = [1, { x = 1.6 }]\nE = ''\nF = 'f'\nG = \"g\"\n\
                    [[u]]\nrole = 'reader'\n";
    let earlier = "A = \"v\\u0031\"\nB = 'own'\nC = 0x1\nD = [1,{x = 1.50}]\nE = 'e'\nF = 'x'\nG = 'g'\n\
                   [[u]]\nrole = 'viewer'\n[[u]]\nrole = 'owner'\n[[u]]\nrole = 'viewer'\n";
    let previous = Template::parse(previous).unwrap();
    let earlier = Document::parse(earlier).unwrap();
    let prefilled = Template::parse(template).unwrap().prefill(&earlier).unwrap();
    let changed: Vec<_> =
        prefilled.changed_defaults(&previous).map(|path| path.to_string()).collect();
    assert_eq!(changed, ["A", "C", "D", "E", "u[0].role", "u[2].role"]);
    assert_eq!(prefilled.changed_defaults(&Template::parse(template).unwrap()).count(), 0);
    assert_eq!(prefilled.changed_defaults(&Template::parse("").unwrap()).count(), 0);
}

#[test]
fn prefill_of_a_prefilled_template_is_the_same_text() {
    let earlier = "CLARIFAI_PAT = 'p'\nMODEL = '''m'''\n[db]\nuser = \"u\"\npassword = 'w'\n\
                   [cache]\nhost='h'\nnested.key='k'\n[[users]]\nname='n'\n[inline]\npoint.x=9\npoint.y='y'\n";
    let (once, _) = prefill(TEXT, earlier);
    let (twice, dropped) = prefill(TEXT, &once);
    assert_eq!(once, twice);
    assert!(dropped.is_empty());
    let once = Document::parse(once).unwrap();
    assert_eq!(once.find("inline.point.x").and_then(|value| value.as_integer()), Some(9));
}

#[test]
fn prefill_may_grow_over_the_limit() {
    let earlier = format!("A = '{}'\n", "x".repeat(secrets_toml::MAX_LEN - 10));
    let template = Template::parse(&format!("A = ''\n{}", "#\n".repeat(30_000))).unwrap();
    let error = template.prefill(&Document::parse(earlier).unwrap()).unwrap_err();
    assert!(error.to_string().ends_with("the text is longer than the limit of 1,000,000 bytes\n"));
}

/// A repository in a folder that is removed after the test.
struct Repository(PathBuf, #[expect(dead_code, reason = "it is dropped")] Folder);

impl Repository {
    fn new() -> Self {
        let folder = Folder::new();
        let root = folder.join("repository");
        fs::create_dir_all(root.join(".streamlit")).unwrap();
        Self(root, folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join(".streamlit/secrets.toml")
    }

    #[track_caller]
    fn error(&self) -> String {
        let error = Template::from_repository(&self.0).unwrap_err();
        assert_eq!(error.path(), self.file());
        chain(&error).replace(&self.file().display().to_string(), "FILE")
    }
}

#[test]
fn a_repository_has_a_template_or_none() {
    let repository = Repository::new();
    assert!(Template::from_repository(&repository.0).unwrap().is_none());
    fs::write(repository.file(), "A = ''\n").unwrap();
    let template = Template::from_repository(&repository.0).unwrap().unwrap();
    assert_eq!(template.text(), "A = ''\n");

    // The template's folder is also absent.
    fs::remove_dir_all(repository.0.join(".streamlit")).unwrap();
    assert!(Template::from_repository(&repository.0).unwrap().is_none());
}

/// A mistyped path must not look like a module that needs no secrets.
#[test]
fn a_root_that_is_no_folder_is_an_error() {
    let repository = Repository::new();
    fs::write(repository.file(), "A = ''\n").unwrap();
    for (root, message) in [
        (repository.0.join("absent"), "ROOT/absent: no such folder"),
        (repository.0.join("absent/deeper"), "ROOT/absent/deeper: no such folder"),
        (repository.file(), "ROOT/.streamlit/secrets.toml: not a folder"),
        (repository.file().join("x"), "ROOT/.streamlit/secrets.toml/x: no such folder"),
        (PathBuf::new(), "the empty path: no such folder"),
    ] {
        let error = Template::from_repository(&root).unwrap_err();
        assert_eq!(error.path(), root);
        assert_eq!(chain(&error).replace(&repository.0.display().to_string(), "ROOT"), message);
        assert!(error.parse_error().is_none() && error.text().is_none());
    }
}

#[cfg(unix)]
#[test]
fn a_root_may_be_a_link_to_a_folder() {
    use std::os::unix::fs::symlink;

    let repository = Repository::new();
    let link = |name: &str| repository.0.join(name);
    symlink(".", link("link")).unwrap();
    symlink("nowhere", link("broken")).unwrap();
    symlink("loop", link("loop")).unwrap();
    assert!(Template::from_repository(link("link")).unwrap().is_none());
    fs::write(repository.file(), "A = ''\n").unwrap();
    assert!(Template::from_repository(link("link")).unwrap().is_some());

    let error = Template::from_repository(link("broken")).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: no such folder", link("broken").display()));
    let error = Template::from_repository(link("loop")).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: cannot be read", link("loop").display()));
    assert!(error.source().is_some());
}

/// A template that cannot be read is not reported as absent.
#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_an_error() {
    use std::os::unix::fs::PermissionsExt;

    let repository = Repository::new();
    let root = repository.0.join("root");
    for (locked, shown) in [
        (&repository.0, "ROOT/root: cannot be read"),
        (&root, "ROOT/root/.streamlit: cannot be read"),
        (&root.join(".streamlit"), "ROOT/root/.streamlit/secrets.toml: cannot be read"),
    ] {
        fs::create_dir_all(root.join(".streamlit")).unwrap();
        fs::set_permissions(locked, fs::Permissions::from_mode(0o000)).unwrap();
        let read = Template::from_repository(&root);
        // Root may read it.
        let let_in = fs::read_dir(locked).is_ok();
        fs::set_permissions(locked, fs::Permissions::from_mode(0o700)).unwrap();
        if !let_in {
            let message = read.unwrap_err().to_string();
            assert_eq!(message.replace(&repository.0.display().to_string(), "ROOT"), shown);
        }
    }
}

#[test]
fn a_malformed_template_gives_its_text() {
    let repository = Repository::new();
    let error = |bytes: &[u8]| {
        fs::write(repository.file(), bytes).unwrap();
        Template::from_repository(&repository.0).unwrap_err()
    };
    for text in ["A = hunter2\n", "\u{feff}A =\r\n# é", "A = 1\nA = 2"] {
        let error = error(text.as_bytes());
        assert_eq!(error.text(), Some(text));
        assert!(error.parse_error().is_some());
        assert!(!format!("{error} {error:?} {error:#?}").contains("hunter2"));
    }
    // The maximum length, and one byte more.
    let longest = format!("A ={}", " ".repeat(secrets_toml::MAX_TEMPLATE_LEN - 3));
    assert_eq!(error(longest.as_bytes()).text(), Some(longest.as_str()));
    assert_eq!(error(format!("{longest} ").as_bytes()).text(), None);
    assert_eq!(error("é".repeat(40_000).as_bytes()).text(), None);
    assert_eq!(error(b"A = \xff").text(), None);
}

#[test]
fn what_is_no_small_regular_utf8_file_is_refused() {
    let repository = Repository::new();
    fs::write(repository.file(), "A =\n").unwrap();
    assert_eq!(
        repository.error(),
        "FILE: not well-formed: error: line 1, column 4: a key without a value\n  \
         = help: write `= \"\"`\n"
    );
    let error = Template::from_repository(&repository.0).unwrap_err();
    assert_eq!(error.parse_error().unwrap().errors().len(), 1);
    let error = Template::from_repository("a\0b").unwrap_err();
    assert!(error.parse_error().is_none(), "{error:?}");
    assert_eq!(error.to_string(), "a\0b: cannot be read");
    assert!(error.source().is_some_and(|source| source.is::<std::io::Error>()));

    fs::write(repository.file(), b"A = 1\n\xff").unwrap();
    assert_eq!(
        repository.error(),
        "FILE: not well-formed: error: line 2, column 1: the text is not UTF-8\n  \
         = help: save the file as UTF-8\n"
    );
    fs::write(repository.file(), format!("A = '{}'", "x".repeat(70_000))).unwrap();
    assert_eq!(
        repository.error(),
        "FILE: not well-formed: error: line 1, column 65537: \
         the template is longer than the limit of 64 KiB\n"
    );
    let most = [&b"#".repeat(64 * 1024 - 1)[..], b"\xC3"].concat();
    fs::write(repository.file(), most).unwrap();
    assert!(
        repository.error().ends_with("the text is not UTF-8\n  = help: save the file as UTF-8\n")
    );
    for start in ["#", "# ", "#  ", "#   "] {
        for character in ["é", "日", "😀"] {
            fs::write(repository.file(), format!("{start}{}", character.repeat(40_000))).unwrap();
            assert!(repository.error().contains("longer than the limit of 64 KiB"), "{start}");
        }
    }
    fs::write(repository.file(), [b'\xff'; 70_000]).unwrap();
    assert!(repository.error().contains("line 1, column 1: the text is not UTF-8"));
    fs::remove_file(repository.file()).unwrap();
    fs::create_dir(repository.file()).unwrap();
    assert_eq!(repository.error(), "FILE: not a regular file");

    // The folder is a file, so the template cannot exist. That is an error, not a module without
    // secrets.
    let folder = repository.0.join(".streamlit");
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "A = ''\n").unwrap();
    let error = Template::from_repository(&repository.0).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: not a folder", folder.display()));
    assert_eq!(error.path(), folder);
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_refused() {
    use std::os::unix::fs::symlink;

    let repository = Repository::new();
    let target = repository.0.join("elsewhere.toml");
    fs::write(&target, "A = ''\n").unwrap();
    symlink(&target, repository.file()).unwrap();
    let message = "FILE: a symbolic link: a template is a regular file of the repository";
    assert_eq!(repository.error(), message);

    // The folder must not be a link either.
    let other = Repository::new();
    fs::write(other.file(), "A = ''\n").unwrap();
    fs::rename(other.0.join(".streamlit"), other.0.join("real")).unwrap();
    symlink(other.0.join("real"), other.0.join(".streamlit")).unwrap();
    let error = Template::from_repository(&other.0).unwrap_err();
    assert_eq!(error.path(), other.0.join(".streamlit"));
    assert!(error.to_string().ends_with(message.trim_start_matches("FILE")), "{error}");

    // A dangling link is not an absent file.
    fs::remove_file(repository.file()).unwrap();
    symlink(repository.0.join("nowhere"), repository.file()).unwrap();
    assert_eq!(repository.error(), message);
}
