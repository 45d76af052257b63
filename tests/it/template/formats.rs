//! The formats of values: what each allows, and what validation says of the others.

use secrets_toml::{Document, FindingKind, Template};

const PEM: &str = "-----BEGIN PRIVATE KEY-----\nTUlJ\n+/9=\n-----END PRIVATE KEY-----\n";

/// Each row: a marker, texts that it allows, and texts that it refuses.
const TEXTS: [(&str, &[&str], &[&str]); 10] = [
    (
        "@url",
        &[
            "https://example.com",
            "HTTP://a",
            "postgres://user:p@ss/w@host:5432/db",
            "s3+x://b/k",
            "https://[::1]:80/",
            "mongodb+srv://a,b/?x=1",
            "https://例え.jp/é",
            "sqlite:///data.db",
            "unix:///run/a.sock",
            "postgresql+asyncpg:///db?host=/var/run",
            "jdbc:postgresql://h/db",
        ],
        &[
            "example.com",
            "https:/example.com",
            "https://",
            "https:///x",
            "WSS:///x",
            "sqlite:///",
            "sqlite://",
            "https://:80",
            "://a",
            "https://a b",
            "https://a\tb",
            "https://a\n",
            "1s://a",
            "mailto:a@b",
            "https://u@",
        ],
    ),
    (
        "@email",
        &["ada@example.com", "a.b+c@x-y.example", "ada@localhost", "é@exämple.com", "o'neil@x.y"],
        &[
            "ada",
            "ada@",
            "@example.com",
            "ada@@example.com",
            "Ada <ada@example.com>",
            "a@b, c@d",
            "ada@example.com ",
            "a b@c",
            "ada@.com",
            "ada@example..com",
            "ada@x/y",
            "mailto:a@",
        ],
    ),
    ("@port", &["1", "80", "65535"], &["0", "65536", "+80", "-1", "80.0", " 80", "080", "8o", "x"]),
    (
        "@uuid",
        &["123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-00000000ABCD"],
        &[
            "123e4567e89b12d3a456426614174000",
            "{123e4567-e89b-12d3-a456-426614174000}",
            "123e4567-e89b-12d3-a456-42661417400",
            "g23e4567-e89b-12d3-a456-426614174000",
            "123e4567-e89b-12d3-a4564-26614174000",
        ],
    ),
    (
        "@json",
        &["{}", " [1, {\"a\": null}]\n", "1", "\"x\"", "true", "{\"a\": \"\\u00e9\"}"],
        &["{", "{a: 1}", "{'a': 1}", "x", "[1,]", "{} {}", "nul"],
    ),
    (
        "@pem",
        &[
            PEM,
            "-----BEGIN A-----\r\nTUlJ\r\n-----END A-----\r\n\nsubject=x\n-----BEGIN B-----\nQQ==\n-----END B-----",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES,1\n\nTUlJ\n-----END RSA PRIVATE KEY-----",
        ],
        &[
            "TUlJ",
            "-----BEGIN A-----\nTUlJ\n-----END B-----",
            "-----BEGIN A-----\n-----END A-----",
            "-----BEGIN A-----\nTUlJ",
            "-----BEGIN A-----\nTU lJ\n-----END A-----",
            "-----BEGIN A-----\\nTUlJ\\n-----END A-----",
            "-----END A-----\n-----BEGIN A-----",
            "-----BEGIN A-----\nTUlJ\n-----BEGIN A-----\nTUlJ\n-----END A-----",
            "-----BEGIN A----- TUlJ -----END A-----",
            "-----BEGIN A-----\nTUlJ\n-----END A-----\n-----BEGIN A-----\nTUlJ\n",
        ],
    ),
    ("@one-of a|B|é", &["a", "B", "é"], &["A", "b", "c", "a|B", "a "]),
    ("@prefix sk-", &["sk-", "sk-1"], &["SK-1", "sk", "xsk-", " sk-1"]),
    ("@min-length 3", &["abc", "äöü", "abcd"], &["ab", "äö", "é"]),
    (
        "@range -1..2.5",
        &["-1", "0", "2.5", "2", "1e0", "-0.5"],
        &["-1.1", "2.6", "3", "x", "nan", "inf", " 1", "1,5", "0x1"],
    ),
];

#[track_caller]
fn kinds(template: &str, text: &str) -> Vec<FindingKind> {
    let template = Template::parse(template).unwrap();
    match template.validate(Document::parse(text.to_owned()).unwrap()) {
        Ok(secrets) => secrets.warnings().map(|finding| finding.kind()).collect(),
        Err(invalid) => invalid.findings().map(|finding| finding.kind()).collect(),
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

#[test]
fn each_format_allows_these_texts_and_refuses_those() {
    for (marker, allowed, refused) in TEXTS {
        let template = format!("A = '' # {marker}\n");
        for text in allowed {
            let kinds = kinds(&template, &format!("A = {}\n", quoted(text)));
            assert!(!kinds.contains(&FindingKind::Format), "{marker} {text}");
        }
        for text in refused {
            let kinds = kinds(&template, &format!("A = {}\n", quoted(text)));
            assert!(kinds.contains(&FindingKind::Format), "{marker} {text}");
        }
    }
}

/// A number is the text that the environment has for it.
#[test]
fn a_number_has_a_format_and_another_kind_has_none() {
    for (marker, value, is_allowed) in [
        ("@port", "8080", true),
        ("@port", "0x1F90", true),
        ("@port", "0", false),
        ("@port", "70_000", false),
        ("@port", "8080.0", false),
        ("@range 0..1", "0.5", true),
        ("@range 0..1", "1", true),
        ("@range 0..1", "1.5", false),
        ("@range 0..1", "2", false),
        ("@range 0..1", "inf", false),
        ("@range 0..1", "nan", false),
        ("@range 0..1", "-9223372036854775808", false),
        ("@one-of 1|2", "2", true),
        ("@one-of 1|2", "3", false),
        ("@min-length 4", "12345", true),
        ("@min-length 4", "123", false),
        ("@url", "1", false),
        ("@json", "1", true),
        ("@url", "true", true),
        ("@url", "1979-05-27", false),
        ("@min-length 11", "1979-05-27", false),
        ("@min-length 17", "1979-05-27 07:32Z", true),
    ] {
        let kinds = kinds(&format!("A = '' # {marker}\n"), &format!("A = {value}\n"));
        assert_eq!(!kinds.contains(&FindingKind::Format), is_allowed, "{marker} {value}");
    }
}

/// Each row: a template, a document, and the kinds of the findings.
#[test]
fn one_mistake_is_one_error() {
    use FindingKind::{Blank, Format, Missing, Placeholder, Unkept, Unknown};
    for (template, text, expected) in [
        ("A = '' # @url", "A = ''", vec![Blank]),
        ("A = '' # @url", "A = ' '", vec![Blank]),
        ("A = '' # @url @optional", "A = ''", vec![]),
        ("A = '' # @url", "", vec![Missing]),
        ("A = '' # @url", "A = '<unchanged>'", vec![Unkept]),
        ("A = '' # @url", "A = 'your-url'", vec![Placeholder, Format]),
        ("A = '' # @url @min-length 5 @prefix x", "A = 'x'", vec![Format, Format]),
        ("A = '' # @url @optional", "A = 'x'", vec![Format]),
        ("A = 1 # @port", "A = 0", vec![Format]),
        ("[s]\nA = '' # @url", "[s]\nA = 'x'", vec![Format]),
        (
            "[[s]]\nA = '' # @url",
            "[[s]]\nA = 'x'\n[[s]]\nA = 'a://b'\n[[s]]\nA = 'y'",
            vec![Format, Format],
        ),
        ("A = { b = '' } # @url\n", "A.b = 'x'", vec![]),
        ("[a] # @url\nb = ''\n", "a.b = 'x'", vec![]),
        ("A = [''] # @url\n", "A = ['x']", vec![]),
        ("A = '' # @url", "A = 'a://b'\nB = 'x'", vec![Unknown]),
    ] {
        assert_eq!(kinds(template, text), expected, "{template}\n{text}");
    }
}

#[test]
fn a_finding_says_the_rule_and_not_the_value() {
    for (marker, message, help) in [
        (
            "@url",
            "the template expects a URL, such as `https://example.com`",
            "write the whole address, with `https://` or the like at its start",
        ),
        (
            "@email",
            "the template expects an e-mail address, such as `ada@example.com`",
            "write one address, with an `@` in it and without a name",
        ),
        ("@port", "the template expects a port, from 1 to 65535", "write only the number"),
        (
            "@uuid",
            "the template expects a UUID, such as `123e4567-e89b-12d3-a456-426614174000`",
            "write all 36 characters, the hyphens included",
        ),
        (
            "@json",
            "the template expects JSON, such as `{\"key\": \"value\"}`",
            "write the whole text, from the first bracket to the last",
        ),
        (
            "@pem",
            "the template expects PEM, from a line `-----BEGIN …-----` to a line `-----END …-----`",
            "write the whole file between triple quotes, with the `BEGIN` and `END` lines on lines of their own",
        ),
        (
            "@one-of a|b",
            "the template expects one of `a`, `b`",
            "write one of them as it is written here, upper and lower case included",
        ),
        (
            "@prefix sk-",
            "the template expects a text that begins with `sk-`",
            "write the whole value; another kind of value may be meant",
        ),
        (
            "@min-length 20",
            "the template expects at least 20 characters",
            "write the whole value, which is longer",
        ),
        (
            "@min-length 9999999",
            "the template expects at least 9999999 characters",
            "write the whole value, which is longer",
        ),
        (
            "@range 0.5..7",
            "the template expects a number from 0.5 to 7",
            "write only the number, with a point for a fraction",
        ),
    ] {
        let template = Template::parse(&format!("KEY = '' # {marker}\n")).unwrap();
        let document = Document::parse("KEY = 'hunter 2'\n").unwrap();
        let invalid = template.validate(document).unwrap_err();
        let finding = invalid.findings().next().unwrap();
        assert_eq!(
            finding.to_string(),
            format!("line 1, column 7: `KEY` has another format: {message}")
        );
        assert_eq!((&*finding.help(), finding.kind().code()), (help, "format"));
        assert_eq!(finding.span(), Some(6..16));
    }
}

#[test]
fn a_long_rule_is_cut_and_printed_safely() {
    let options: Vec<_> = (0..256).map(|i| format!("option{i}")).collect();
    let text = format!("A = '' # @one-of {}\nB = '' # @prefix a\u{202e}b\n", options.join("|"));
    let template = Template::parse(&text).unwrap();
    let rules: Vec<_> = template.variables().map(|v| v.formats()[0].to_string()).collect();
    assert!(rules[0].starts_with("expects one of `option0`, `option1`, "), "{rules:?}");
    assert!(rules[0].ends_with('…') && rules[0].chars().count() < 250, "{rules:?}");
    assert_eq!(rules[1], "expects a text that begins with `a\u{fffd}b`");
}
