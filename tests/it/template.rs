//! Templates: what their comments say, and prefilling them.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use secrets_toml::{Document, Template};

use crate::chain;

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
            r#"Variable { path: KeyPath(A), kind: "string", required: true }"#,
            r#"Variable { path: KeyPath(b[0].c), kind: "integer", required: false }"#,
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
        ("@OPTIONAL", true),
    ] {
        let template = Template::parse(&format!("# {comment}\nA = ''\n")).unwrap();
        let variable = template.variables().next().unwrap();
        assert_eq!(variable.is_required(), required, "{comment}");
    }
}

#[test]
fn a_comment_belongs_to_what_stands_directly_below_it() {
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
    // What no header opens has no comment.
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
    let prefilled =
        Template::parse(template).unwrap().prefill(&Document::parse(earlier).unwrap()).unwrap();
    let dropped = prefilled.dropped().map(str::to_owned).collect();
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
        "u = [{ n = 'one', m = 'x' }, { n = 'two' }, { n = 'three' }]\n",
    );
    assert_eq!(text, "[[u]]\nn = 'one'\n[[u]]\nn = 'two'\nm = ''\n");
    assert_eq!(dropped, ["u[0].m", "u[2].n"]);
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
    assert!(error.to_string().ends_with("the text is longer than the limit of 1,000,000 bytes"));
}

/// A folder that is removed with the test.
struct Repository(PathBuf);

impl Repository {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("secrets-toml-{name}-{}", std::process::id()));
        fs::create_dir_all(root.join(".streamlit")).unwrap();
        Self(root)
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

impl Drop for Repository {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn a_repository_has_a_template_or_none() {
    let repository = Repository::new("plain");
    assert!(Template::from_repository(&repository.0).unwrap().is_none());
    assert!(Template::from_repository(repository.0.join("absent")).unwrap().is_none());
    fs::write(repository.file(), "A = ''\n").unwrap();
    let template = Template::from_repository(&repository.0).unwrap().unwrap();
    assert_eq!(template.text(), "A = ''\n");
    // A file where the repository should be.
    assert!(Template::from_repository(repository.file()).unwrap().is_none());
}

#[test]
fn what_is_no_small_regular_utf8_file_is_refused() {
    let repository = Repository::new("odd");
    fs::write(repository.file(), "A =\n").unwrap();
    assert_eq!(
        repository.error(),
        "FILE: not well-formed: line 1, column 4: a key without a value (write `= \"\"`)"
    );
    let error = Template::from_repository(&repository.0).unwrap_err();
    assert_eq!(error.parse_error().unwrap().errors().len(), 1);
    let error = Template::from_repository("a\0b").unwrap_err();
    assert!(error.parse_error().is_none(), "{error:?}");
    assert_eq!(error.to_string(), "a\0b/.streamlit/secrets.toml: cannot be read");
    assert!(error.source().is_some_and(|source| source.is::<std::io::Error>()));

    fs::write(repository.file(), b"A = 1\n\xff").unwrap();
    assert_eq!(
        repository.error(),
        "FILE: not well-formed: line 2, column 1: the text is not UTF-8 (save the file as UTF-8)"
    );
    fs::write(repository.file(), format!("A = '{}'", "x".repeat(70_000))).unwrap();
    assert_eq!(
        repository.error(),
        "FILE: not well-formed: line 1, column 65537: the template is longer than the limit of 64 KiB"
    );
    let most = [&b"#".repeat(64 * 1024 - 1)[..], b"\xC3"].concat();
    fs::write(repository.file(), most).unwrap();
    assert!(repository.error().ends_with("the text is not UTF-8 (save the file as UTF-8)"));
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
    assert_eq!(repository.error(), "FILE: no regular file");
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_refused() {
    use std::os::unix::fs::symlink;

    let repository = Repository::new("link");
    let target = repository.0.join("elsewhere.toml");
    fs::write(&target, "A = ''\n").unwrap();
    symlink(&target, repository.file()).unwrap();
    let message = "FILE: a symbolic link: a template is a regular file of the repository";
    assert_eq!(repository.error(), message);

    // The folder may not be one either.
    let other = Repository::new("link-folder");
    fs::write(other.file(), "A = ''\n").unwrap();
    fs::rename(other.0.join(".streamlit"), other.0.join("real")).unwrap();
    symlink(other.0.join("real"), other.0.join(".streamlit")).unwrap();
    assert_eq!(other.error(), message);

    // A link that leads nowhere is no absent file.
    fs::remove_file(repository.file()).unwrap();
    symlink(repository.0.join("nowhere"), repository.file()).unwrap();
    assert_eq!(repository.error(), message);
}
