//! All pairs of faults in all packings: entries of two kinds alternate until the text is long enough.

use std::borrow::Cow;
use std::fmt::Write;

use secrets_toml::MAX_DEPTH;

/// A fault, as an entry of a table. Each `#` is replaced by the number of the entry.
struct Fault {
    name: &'static str,
    entry: &'static str,
    /// The template's entry in its place.
    expected: &'static str,
    /// The template's entry at the root.
    at_root: &'static str,
}

impl Fault {
    const fn new(name: &'static str, entry: &'static str) -> Self {
        // By default the template expects another key: this one is unknown, and that one missing.
        Self { name, entry, expected: "m#=''", at_root: "" }
    }

    const fn against(self, expected: &'static str) -> Self {
        Self { expected, ..self }
    }

    const fn against_root(self, at_root: &'static str) -> Self {
        Self { at_root, ..self }
    }
}

#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    // Clashes come first, so that in a pair the key of the second fault clashes as well.
    Fault::new("defined twice", "a=1"),
    Fault::new("used as a table", "a.b=1"),
    Fault::new("table twice", "a={}"),
    // Errors of the grammar and the decoder.
    Fault::new("escape in a key", r#"a."\q"=1"#),
    Fault::new("escape", r#"e#="\q""#),
    Fault::new("control character", "c#='\u{1}'"),
    Fault::new("carriage return", "r#=1\r"),
    Fault::new("open string", "o#=\"v"),
    Fault::new("no key", "=1"),
    Fault::new("no equals sign", "w#"),
    Fault::new("no value", "v#="),
    Fault::new("two equals signs", "t#==1"),
    Fault::new("number", "z#=01"),
    Fault::new("comma", ","),
    Fault::new("closing brackets", "b#=]}"),
    Fault::new("open array", "y#=["),
    // Findings of validation.
    Fault::new("fine", "f#=1").against("f#=1"),
    Fault::new("blank", "b#=''").against("b#=''"),
    Fault::new("placeholder", "p#='your-key'").against("p#='your-key'"),
    Fault::new("unchanged", "key#='v'").against("key#='v'"),
    Fault::new("unchanged array", "keys.key#=['v']").against("keys.key#=['v']"),
    Fault::new("suspicious", "s#=' v'").against("s#=''"),
    Fault::new("kind", "k#='v'").against("k#=1"),
    Fault::new("shape", "h#=1").against("h#={k=''}"),
    Fault::new("unknown", "u#='v'"),
    Fault::new("misplaced", "x#='v'").against_root("x#=''"),
    Fault::new("unmappable", "'=#'='v'").against("'=#'=''"),
];

/// A way to pack entries into a text.
struct Packing {
    name: &'static str,
    open: &'static str,
    /// The text before the entry of this number, unless it is the first.
    between: fn(usize) -> Cow<'static, str>,
    /// The text after the last of this number of entries.
    close: fn(usize) -> Cow<'static, str>,
    /// Selects the part of an entry that is used.
    part: fn(&str) -> &str,
    /// `true` if one entry has both faults, in the parts of a dotted key.
    joined: bool,
    /// The packing of the template, if it differs: an array has one element, the pattern for all.
    template: Option<&'static Self>,
}

#[rustfmt::skip]
const PACKINGS: &[Packing] = &[
    Packing::new("one line", "", |_| ",".into(), |_| "\n".into()),
    LINES,
    Packing::new("section", "[x]\n", |_| "\n".into(), |_| "\n".into()),
    Packing::new("inline table", "x={", |_| ",".into(), |_| "}\n".into()),
    Packing::new("array", "x=[", |_| ",".into(), |_| "]\n".into()).of(value),
    Packing::new("array of inline tables", "x=[{", |i| second(i, ",", "},{"), |_| "}]\n".into())
        .against(&ELEMENT),
    Packing::new("array of tables", "[[x]]\n", |i| second(i, "\n", "\n[[x]]\n"), |_| "\n".into())
        .against(&TABLE),
    Packing::new("nested", "x={y={", nest, close_nest),
    Packing::new("one entry", "x={a=1,", |_| ",".into(), |_| "}\n".into()).joined(),
    Packing::new("headers", "[", |_| "]\n[".into(), |_| "]\n".into()).of(key),
];

const LINES: Packing = Packing::new("lines", "", |_| "\n".into(), |_| "\n".into());
const ELEMENT: Packing = Packing::new("element", "x=[{", |_| ",".into(), |_| "}]\n".into());
const TABLE: Packing = Packing::new("table", "[[x]]\n", |_| "\n".into(), |_| "\n".into());

impl Packing {
    const fn new(
        name: &'static str,
        open: &'static str,
        between: fn(usize) -> Cow<'static, str>,
        close: fn(usize) -> Cow<'static, str>,
    ) -> Self {
        Self { name, open, between, close, part: |entry| entry, joined: false, template: None }
    }

    const fn joined(self) -> Self {
        Self { joined: true, ..self }
    }

    const fn of(self, part: fn(&str) -> &str) -> Self {
        Self { part, ..self }
    }

    const fn against(self, template: &'static Self) -> Self {
        Self { template: Some(template), ..self }
    }

    /// Packs as many entries as fit.
    fn pack(&self, pair: &[String; 2], len: usize) -> String {
        let mut text = self.open.to_owned();
        for i in 0.. {
            let between = if i == 0 { "".into() } else { (self.between)(i) };
            let entry = (self.part)(&pair[i % 2]);
            if i > 1 && text.len() + between.len() + entry.len() + MARGIN > len {
                text += &(self.close)(i);
                break;
            }
            text += &between;
            push_numbered(&mut text, entry, i);
        }
        text
    }
}

/// Room for the end of a text and the number in an entry, in bytes.
const MARGIN: usize = NESTED + 16;

/// The depth to which tables are nested: half of the limit.
const NESTED: usize = MAX_DEPTH / 2;

/// Returns the text between the two entries of a pair, or the text before the next pair.
fn second(i: usize, between: &'static str, before: &'static str) -> Cow<'static, str> {
    (if i % 2 == 1 { between } else { before }).into()
}

fn nest(i: usize) -> Cow<'static, str> {
    match (i % (2 * NESTED), i % 2) {
        (_, 1) => ",".into(),
        (0, _) => format!("{},y{i}={{", "}".repeat(NESTED)).into(),
        _ => ",n={".into(),
    }
}

fn close_nest(entries: usize) -> Cow<'static, str> {
    ("}".repeat((entries - 1) % (2 * NESTED) / 2 + 2) + "\n").into()
}

fn key(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(key, _)| key)
}

fn value(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(_, value)| value)
}

/// Appends an entry, with its number inserted.
fn push_numbered(text: &mut String, entry: &str, number: usize) {
    for (i, piece) in entry.split('#').enumerate() {
        if i > 0 {
            write!(text, "{number}").expect("writing to a String does not fail");
        }
        text.push_str(piece);
    }
}

/// Two faults that alternate in a packing.
pub(crate) struct Pair {
    packing: &'static Packing,
    faults: [&'static Fault; 2],
}

impl Pair {
    pub(crate) fn name(&self) -> String {
        let [first, second] = self.faults.map(|fault| fault.name);
        format!("{}: {first}, {second}", self.packing.name)
    }

    pub(crate) fn text(&self, len: usize) -> String {
        self.packing.pack(&self.entries(|fault| fault.entry), len)
    }

    /// Returns the template that the text is validated against.
    pub(crate) fn template(&self, len: usize) -> String {
        let at_root = self.faults.map(|fault| fault.at_root.to_owned());
        let root = if at_root == ["", ""] { String::new() } else { LINES.pack(&at_root, len / 2) };
        let packing = self.packing.template.unwrap_or(self.packing);
        root + &packing.pack(&self.entries(|fault| fault.expected), len / 2)
    }

    fn entries(&self, of: impl Fn(&Fault) -> &'static str) -> [String; 2] {
        let [first, second] = self.faults.map(of);
        if self.packing.joined {
            let joined = format!("{}.{second}", key(first));
            [joined.clone(), joined]
        } else {
            [first, second].map(str::to_owned)
        }
    }
}

/// Returns the pairs of each packing, including pairs of a fault with itself. If one entry has both
/// faults, their order makes a difference.
pub(crate) fn packed() -> impl Iterator<Item = impl Iterator<Item = Pair>> {
    PACKINGS.iter().map(|packing| {
        FAULTS.iter().enumerate().flat_map(move |(i, first)| {
            let others = if packing.joined { FAULTS } else { &FAULTS[i..] };
            others.iter().map(move |second| Pair { packing, faults: [first, second] })
        })
    })
}
