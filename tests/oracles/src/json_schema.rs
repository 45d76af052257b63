//! The JSON Schema of a template against a validator: it accepts what `validate` accepts.

use jsonschema::Validator;
use secrets_toml::{Document, Template, Value};
use serde_json::{Map, json};

use crate::dice::Dice;

/// A value as JSON, by the table in the documentation of `Template::json_schema`.
fn to_json(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::String(string) => string.into(),
        Value::Integer(integer) => integer.into(),
        Value::Float(float) if float.is_finite() => float.into(),
        Value::Float(float) if float.is_nan() => "nan".into(),
        Value::Float(float) => float.to_string().into(),
        Value::Boolean(boolean) => boolean.into(),
        Value::Datetime(datetime) => datetime.to_string().into(),
        Value::Array(array) => array.into_iter().map(to_json).collect(),
        Value::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| (key.to_owned(), to_json(value)));
            entries.collect::<Map<_, _>>().into()
        }
        _ => panic!("a new kind"),
    }
}

#[track_caller]
fn validator(template: &Template) -> Validator {
    let schema = serde_json::from_str(&template.json_schema()).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Returns whether `validate` and the schema accept a document.
#[track_caller]
fn verdicts(template: &str, text: &str) -> (bool, bool) {
    let template = Template::parse(template).unwrap();
    let document = Document::parse(text.to_owned()).unwrap();
    let valid = validator(&template).is_valid(&to_json(Value::Table(document.root())));
    (template.validate(document).is_ok(), valid)
}

/// A part of a made-up template.
enum Part {
    Variable { value: &'static str, formats: Vec<usize>, comment: String },
    Table { children: Vec<(&'static str, Self)>, comment: &'static str },
    Tables { children: Vec<(&'static str, Self)>, comment: &'static str },
}

const NAMES: [&str; 8] = ["a", "b_key", "c.d", "TOKEN", "é", "port", "x y", "url"];

/// A marker, values that it allows, and values that it refuses.
type Format = (&'static str, &'static [&'static str], &'static [&'static str]);

#[rustfmt::skip]
const FORMATS: [Format; 10] = [
    ("@url", &["'a://b'", "'postgres://u:p@ß/x'", "'HTTP://[::1]:80?x'"], &["'a'", "1", "' '"]),
    ("@email", &["'ada@example.com'", "'\u{feff}é@x'"], &["'ada'", "1.5"]),
    ("@port", &["1", "65535", "'8080'", "0x1F90", "'1'"], &["0", "'080'", "1.0", "65536"]),
    ("@uuid", &["'123e4567-e89b-12d3-a456-426614174000'"], &["'123'", "7"]),
    ("@json", &["'{}'", "1", "'[1]'", "1.5"], &["'{'", "inf"]),
    ("@pem", &["'''-----BEGIN A-----\nTUlJ\n-----END A-----'''"], &["'TUlJ'", "'-----BEGIN A-----'"]),
    ("@one-of a|2|1.5|nan|ü", &["'a'", "2", "1.5", "nan", "'2'", "'ü'"], &["'A'", "3", "''"]),
    ("@prefix s$k-(.", &["'s$k-(.'", "'s$k-(.x'"], &["'ssk-'", "'sk'", "1"]),
    ("@min-length 3", &["'abc'", "'🦀🦀🦀'", "100", "1979-05-27", "inf", "nan"], &["'ab'", "10", "'🦀🦀'"]),
    ("@range -1..2.5", &["-1", "2.5", "'2'", "0", "-0.0", "'1e0'"], &["3", "-1.5", "'x'", "nan"]),
];

const OTHERS: [&str; 16] = [
    "''",
    "' '",
    "\"\\u0085\"",
    "'text'",
    "'your-token'",
    "1",
    "-1.5",
    "true",
    "1979-05-27",
    "07:32",
    "[]",
    "[1, 'x']",
    "{}",
    "{ a = '' }",
    "[{}]",
    "[{ a = 1 }, 2]",
];

/// Makes templates, and documents for them.
struct Generator(Dice);

impl Generator {
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.roll(of.len())]
    }

    fn is(&mut self, percent: usize) -> bool {
        self.0.roll(100) < percent
    }

    fn children(&mut self, depth: usize) -> Vec<(&'static str, Part)> {
        let mut names = NAMES.to_vec();
        let count = 1 + self.0.roll(4);
        let mut child = |_| {
            let name = names.swap_remove(self.0.roll(names.len()));
            (name, self.part(depth))
        };
        (0..count).map(&mut child).collect()
    }

    fn part(&mut self, depth: usize) -> Part {
        let comment = self.pick(&["", "", "Text.", "@optional", "@optional @docs https://x.y/"]);
        match self.0.roll(10) {
            0 | 1 if depth < 3 => Part::Table { children: self.children(depth + 1), comment },
            2 if depth < 3 => Part::Tables { children: self.children(depth + 1), comment },
            _ => {
                let values = ["''", "''", "'sk-1'", "0", "1.5", "inf", "true", "07:32", "['x']"];
                let value = self.pick(&values);
                let count = self.pick(&[0, 0, 1, 1, 1, 2]);
                let formats: Vec<_> = (0..count).map(|_| self.0.roll(FORMATS.len())).collect();
                let mut words: Vec<_> = formats.iter().map(|&format| FORMATS[format].0).collect();
                words.push(comment);
                words.push(self.pick(&["", "@secret", "@public"]));
                Part::Variable { value, formats, comment: words.join(" ") }
            }
        }
    }

    /// Returns the value of a document at the place of a template's part, or `None` if it is absent.
    fn value(&mut self, part: &Part) -> Option<String> {
        if self.is(3) {
            return None;
        }
        if self.is(3) {
            return Some(self.pick(&OTHERS).to_owned());
        }
        Some(match part {
            Part::Variable { value, formats, .. } => match formats.first() {
                _ if *value == "['x']" => "['y']".to_owned(),
                Some(&format) if self.is(4) => self.pick(FORMATS[format].2).to_owned(),
                Some(&format) => self.pick(FORMATS[format].1).to_owned(),
                None => self.pick(&["'text'", "'text'", "1", "0.5", "false"]).to_owned(),
            },
            Part::Table { children, .. } => self.table(children),
            Part::Tables { children, .. } => {
                let count = self.pick(&[0, 1, 1, 1, 2]);
                let mut elements: Vec<_> = (0..count).map(|_| self.table(children)).collect();
                if self.is(5) {
                    elements.push("1".to_owned());
                }
                format!("[{}]", elements.join(", "))
            }
        })
    }

    fn entries(&mut self, children: &[(&'static str, Part)]) -> Vec<String> {
        let mut entries = Vec::new();
        for (name, part) in children {
            entries.extend(self.value(part).map(|value| format!("'{name}' = {value}")));
        }
        if self.is(5) {
            entries.push(format!("unknown = {}", self.pick(&OTHERS)));
        }
        entries
    }

    fn table(&mut self, children: &[(&'static str, Part)]) -> String {
        format!("{{ {} }}", self.entries(children).join(", "))
    }
}

/// Writes the parts of a template: variables before the headers.
fn render(children: &[(&'static str, Part)], path: &str, text: &mut String) {
    for (name, part) in children {
        if let Part::Variable { value, comment, .. } = part {
            *text += &format!("# {comment}\n'{name}' = {value}\n");
        }
    }
    for (name, part) in children {
        let path = format!("{path}'{name}'");
        let (children, comment, header) = match part {
            Part::Variable { .. } => continue,
            Part::Table { children, comment } => (children, comment, format!("[{path}]")),
            Part::Tables { children, comment } => (children, comment, format!("[[{path}]]")),
        };
        *text += &format!("\n# {comment}\n{header}\n");
        render(children, &format!("{path}."), text);
    }
}

#[test]
fn the_schema_accepts_what_validation_accepts() {
    let mut generator = Generator(Dice(15));
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..1_000 {
        let children = generator.children(0);
        let mut text = String::new();
        render(&children, "", &mut text);
        let template = Template::parse(&text).unwrap();
        let validator = validator(&template);
        for _ in 0..5 {
            let entered = generator.entries(&children).join("\n");
            let document = Document::parse(entered.clone()).unwrap();
            let json = to_json(Value::Table(document.root()));
            let is_valid = validator.is_valid(&json);
            if template.validate(document).is_ok() {
                accepted += 1;
                let errors: Vec<_> = validator.iter_errors(&json).map(|e| e.to_string()).collect();
                assert!(is_valid, "{text}\n---\n{entered}\n---\n{errors:?}");
            }
            refused += usize::from(!is_valid);
        }
    }
    println!("{accepted} of 5,000 accepted by validation, {refused} refused by the schema");
    assert!(accepted > 1_000 && refused > 1_000, "{accepted}, {refused}");
}

/// Each row: a template, and a document.
#[test]
fn both_refuse() {
    for (template, text) in [
        ("A = ''", ""),
        ("A = ''", "A = ''"),
        ("A = ''", "A = []"),
        ("A = ''", "A = {}"),
        ("A = []", "A = 1"),
        ("[s]\nA = ''", ""),
        ("[s]\nA = ''", "s = {}"),
        ("[s]\nA = ''", "s = 1"),
        ("# @optional\n[s]\nA = ''", "s = {}"),
        ("[[s]]\nA = ''", "s = []"),
        ("[[s]]\nA = ''", "s = [{ A = 'x' }, {}]"),
        ("A = '' # @url", "A = 'x'"),
        ("A = '' # @url @optional", "A = 'x'"),
        ("A = '' # @email", "A = 'x'"),
        ("A = '' # @port", "A = 0"),
        ("A = '' # @port", "A = '65536x'"),
        ("A = '' # @uuid", "A = 'x'"),
        ("A = '' # @pem", "A = 'x'"),
        ("A = '' # @one-of a|b", "A = 'x'"),
        ("A = '' # @prefix sk-", "A = 'x'"),
        ("A = '' # @prefix a.c", "A = 'abc'"),
        ("A = '' # @min-length 3", "A = 'äö'"),
        ("A = '' # @range 1..2", "A = 3"),
        ("A = '' # @range 1..2", "A = 0.5"),
    ] {
        assert_eq!(verdicts(template, text), (false, false), "{template}\n{text}");
    }
}

/// The list in the documentation. Each row: a template, and a document.
#[test]
fn only_validation_refuses() {
    for (template, text) in [
        ("A = 'your-token'", "A = 'your-token'"),
        ("API_KEY = 'sk-1'", "API_KEY = 'sk-1'"),
        ("API_KEYS = ['sk-1'] # @secret", "API_KEYS = ['sk-1']"),
        ("A = ''", "A = ' '"),
        ("A = ''", "A = '<unchanged>'"),
        ("A = '' # @optional", "A = '<unchanged>'"),
        ("[s]\nA = ''\n[t]\nB = ''", "A = 'x'\ns.A = 'x'\nt.B = 'x'\nC = '<unchanged 1>'"),
        ("'a=b' = ''", "'a=b' = 'x'"),
        ("A = ''", "A = \"\\u0000\""),
        ("A = '' # @json", "A = '{'"),
        ("A = '' # @url", "A = 1"),
        ("A = '' # @min-length 3", "A = 10"),
        ("A = '' # @one-of 1|2", "A = 3"),
        ("A = '' # @range 1..2", "A = '3'"),
        ("A = '' # @range 1..2", "A = nan"),
        ("A = '' # @url", "A = 'a://b c'"),
        ("A = '' # @url", "A = 'a://@'"),
        ("A = '' # @email", "A = 'a b@c'"),
        ("A = '' # @pem", "A = '-----BEGIN A-----'"),
        ("A = '' # @port", "A = '65536'"),
        ("A = '' # @port", "A = 80.0"),
    ] {
        assert_eq!(verdicts(template, text), (false, true), "{template}\n{text}");
    }
}

#[test]
fn the_schema_has_descriptions_defaults_and_links() {
    let text = "# The key. @docs https://example.com/a\nAPI_KEY = 'sk-1'\nMODEL = 'x' # @public\n\
                # All of it.\n[s]\nlist = [1, inf, 07:32:00, { a = -inf }]\n";
    let schema: serde_json::Value =
        serde_json::from_str(&Template::parse(text).unwrap().json_schema()).unwrap();
    let scalar = json!(["string", "number", "boolean"]);
    assert_eq!(
        schema,
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["API_KEY", "MODEL", "s"],
            "properties": {
                "API_KEY": {
                    "description": "The key.",
                    "$comment": "https://example.com/a",
                    "writeOnly": true,
                    "type": scalar,
                    "minLength": 1,
                },
                "MODEL": { "default": "x", "type": scalar, "minLength": 1 },
                "s": {
                    "description": "All of it.",
                    "type": "object",
                    "required": ["list"],
                    "properties": {
                        "list": {
                            "default": [1, "inf", "07:32:00", { "a": "-inf" }],
                            "type": "array",
                        },
                    },
                },
            },
        })
    );
}
