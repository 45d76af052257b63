//! Made-up values for the variables of a template.

use toml_edit::{Item, TableLike, Value};

/// Collects the variables below a table with their paths.
pub(super) fn collect<'t>(
    table: &'t dyn TableLike,
    prefix: &str,
    values: &mut Vec<(String, &'t Value)>,
) {
    for (name, item) in table.iter() {
        let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let key = if name.chars().all(bare) { name.to_owned() } else { quoted(name) };
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match item {
            Item::Value(Value::Array(array)) if array.iter().any(Value::is_inline_table) => {
                for (i, element) in array.iter().enumerate() {
                    collect(element.as_inline_table().unwrap(), &format!("{path}[{i}]"), values);
                }
            }
            Item::Value(Value::InlineTable(table)) => collect(table, &path, values),
            Item::Value(value) => values.push((path, value)),
            Item::Table(table) => collect(table, &path, values),
            Item::ArrayOfTables(tables) => {
                for (i, table) in tables.iter().enumerate() {
                    collect(table, &format!("{path}[{i}]"), values);
                }
            }
            Item::None => {}
        }
    }
}

/// Makes up a value of the kind of the template's, as TOML.
pub(super) fn made_up(value: &Value, letters: &mut Letters) -> String {
    match value {
        Value::String(text) => quoted(&made_up_text(text.value(), letters)),
        Value::Integer(_) => letters.pick("123456789", 6),
        Value::Array(array) => {
            let elements: Vec<_> = array.iter().map(|value| made_up(value, letters)).collect();
            format!("[{}]", elements.join(", "))
        }
        _ => panic!("a value of this kind is a default"),
    }
}

/// Makes up a text like the one that the template asks for.
fn made_up_text(example: &str, letters: &mut Letters) -> String {
    const LOWER: &str = "abcdefghijklmnopqrstuvwyz";
    const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWYZabcdefghijklmnopqrstuvwyz0123456789+/";
    let word = letters.pick(LOWER, 9);
    if let Some((_, rest)) = example.split_once("-----BEGIN ") {
        let (kind, _) = rest.split_once("-----").unwrap();
        let [one, two] = [0, 1].map(|_| letters.pick(BASE64, 64));
        return format!("-----BEGIN {kind}-----\n{one}\n{two}\n-----END {kind}-----\n");
    }
    if example.trim_start().starts_with('{') {
        return format!("{{\"type\": \"service_account\", \"private_key\": \"{word}\"}}");
    }
    if let Some((scheme, _)) = example.split_once("://") {
        return match scheme {
            "https" | "http" => format!("{scheme}://{word}.example.net/v1"),
            _ => format!(
                "{scheme}://{word}:{}@db.example.net/main",
                letters.pick(BASE64, 12).replace('/', "-")
            ),
        };
    }
    if example.contains('@') && !example.contains(' ') {
        return format!("{word}@example.net");
    }
    match letters.next() % 5 {
        0 => letters.pick("0123456789abcdef", 32),
        1 => letters.pick(BASE64, 43) + "=",
        2 => format!("{word}-{}-{}", letters.pick(LOWER, 5), letters.pick(LOWER, 6)),
        3 => format!("{}&{}!", letters.pick(BASE64, 7), letters.pick(LOWER, 4)),
        _ => letters.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwyz0123456789", 40),
    }
}

/// Writes a basic string.
pub(super) fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// A sequence of letters that a text determines.
pub(super) struct Letters(u64);

impl Letters {
    pub(super) fn new(seed: &str) -> Self {
        Self(seed.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        }))
    }

    fn next(&mut self) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap()
    }

    fn pick(&mut self, alphabet: &str, len: usize) -> String {
        (0..len).map(|_| char::from(alphabet.as_bytes()[self.next() % alphabet.len()])).collect()
    }
}
