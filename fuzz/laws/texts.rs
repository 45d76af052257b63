//! Texts that look like an author's: values of every kind under few keys, so that a template and a
//! document have keys in common. Every value that must never be shown contains [`CANARY`].

use std::fmt::Write;

use arbitrary::Arbitrary;

/// A part of every secret value, and of nothing else.
pub(crate) const CANARY: &str = "hunter2";

/// Markers of a comment.
const MARKERS: [&str; 10] = [
    "",
    "@secret @url",
    "@public @min-length 9",
    "@prefix hunter2-1",
    "@port",
    "@one-of your-token|1|nan",
    "@range -5..70",
    "@email @uuid @json @pem",
    "@min-length @one-of",
    "@optinal optional",
];

#[derive(Arbitrary)]
pub(crate) struct Text {
    lines: Vec<Line>,
    crlf: bool,
    open_end: bool,
}

#[derive(Arbitrary)]
enum Line {
    Value(Key, Value),
    Dotted(Key, Key, Value),
    Table(Key),
    SubTable(Key, Key),
    ArrayOfTables(Key),
    Comment(u8),
}

/// Few keys, so that two texts have some in common. Some cannot be environment variables.
#[derive(Arbitrary, Clone, Copy)]
enum Key {
    A,
    B,
    C,
    Path,
    Quoted,
    Equals,
    Empty,
    Numbered(u8),
    Long(u8),
    Raw,
}

#[derive(Arbitrary)]
enum Value {
    Blank,
    Space,
    Secret(u8),
    Literal(u8),
    Escaped(u8),
    Lines(u8),
    Placeholder,
    Integer(i64),
    Hex(u8),
    Float(f64),
    Boolean(bool),
    Date,
    Array(Vec<Self>),
    Inline(Vec<(Key, Self)>),
}

impl Text {
    /// Renders the text, which may not be well-formed.
    pub(crate) fn render(&self) -> String {
        let end = if self.crlf { "\r\n" } else { "\n" };
        let lines: Vec<_> = self.lines.iter().map(Line::render).collect();
        let text = lines.join(end);
        if self.open_end { text } else { text + end }
    }
}

impl Line {
    fn render(&self) -> String {
        match self {
            Self::Value(key, value) => format!("{} = {}", key.render(), value.render()),
            Self::Dotted(first, last, value) => {
                format!("{}.{} = {}", first.render(), last.render(), value.render())
            }
            Self::Table(key) => format!("[{}]", key.render()),
            Self::SubTable(first, last) => format!("[{}.{}]", first.render(), last.render()),
            Self::ArrayOfTables(key) => format!("[[{}]]", key.render()),
            Self::Comment(number) => {
                let markers = MARKERS[usize::from(number / 2) % MARKERS.len()];
                match number % 2 {
                    1 => format!("# @optional {markers}"),
                    _ => format!("# é {CANARY}-comment {markers}"),
                }
            }
        }
    }
}

impl Key {
    fn render(self) -> String {
        match self {
            Self::A => "a".to_owned(),
            Self::B => "B_key".to_owned(),
            Self::C => "'c'".to_owned(),
            Self::Path => "PATH".to_owned(),
            Self::Quoted => "\"d \\u00e9\"".to_owned(),
            Self::Equals => "\"e=\"".to_owned(),
            Self::Empty => "\"\"".to_owned(),
            Self::Numbered(number) => format!("k{number}"),
            Self::Long(len) => format!("\"{}\"", "é日".repeat(usize::from(len))),
            Self::Raw => "\"é\"".to_owned(),
        }
    }
}

impl Value {
    fn render(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0).expect("writing to a String cannot fail");
        text
    }

    fn write(&self, out: &mut String, depth: usize) -> std::fmt::Result {
        match self {
            Self::Blank => out.write_str("\"\""),
            Self::Space => out.write_str("' '"),
            Self::Secret(number) => write!(out, "\"{CANARY}-{number}\""),
            Self::Literal(number) => write!(out, "'{CANARY}-{number}'"),
            Self::Escaped(number) => write!(out, "\"{CANARY}\\t\\u00e9\\\"{number}\""),
            Self::Lines(number) => write!(out, "'''\n{CANARY}\n{number}'''"),
            Self::Placeholder => out.write_str("\"your-token\""),
            Self::Integer(number) => write!(out, "{number}"),
            Self::Hex(number) => write!(out, "0x{number:x}_F"),
            Self::Float(number) if number.is_nan() => out.write_str("nan"),
            Self::Float(number) if number.is_infinite() => out.write_str("-inf"),
            Self::Float(number) => write!(out, "{number:?}"),
            Self::Boolean(boolean) => write!(out, "{boolean}"),
            Self::Date => out.write_str("1979-05-27T07:32:00Z"),
            _ if depth > 8 => out.write_str("[]"),
            Self::Array(values) => {
                out.push('[');
                for value in values {
                    value.write(out, depth + 1)?;
                    out.push(',');
                }
                out.write_str("]")
            }
            Self::Inline(entries) => {
                out.push('{');
                for (i, (key, value)) in entries.iter().enumerate() {
                    write!(out, "{}{} = ", if i > 0 { ", " } else { "" }, key.render())?;
                    value.write(out, depth + 1)?;
                }
                out.write_str("}")
            }
        }
    }
}
