//! Masking is what its definition says, however the text is cut, and nothing waits without need.

use arbitrary::{Arbitrary, Unstructured};
use secrets_toml::Document;
use secrets_toml::mask::Masker;

use crate::laws::masked;

/// Values, and a text to mask.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) document: Document,
    pub(crate) patterns: Vec<String>,
    pub(crate) text: Vec<u8>,
    cuts: Vec<u8>,
}

#[derive(Arbitrary)]
struct Plan {
    values: Vec<Value>,
    text: Vec<Part>,
    cuts: Vec<u8>,
}

/// Values of few characters overlap, and repeat themselves.
#[derive(Arbitrary)]
enum Value {
    Few(Vec<u8>),
    Periodic(u8, u8),
    Any(String),
    Json(String, Vec<u8>),
    Of(u8, u8, Box<Self>),
}

#[derive(Arbitrary)]
enum Part {
    Few(Vec<u8>),
    Any(Vec<u8>),
    Pattern(u16),
    Cut(u16, u8, u8),
    Repeated(u16, u8, u8),
}

pub(crate) fn check(data: &[u8]) {
    let Some(Case { document, patterns, text, cuts }) = Case::new(data) else { return };
    let masker = Masker::new(&[&document]).expect("the values are short");
    let mask = masker.replacement();
    assert!(patterns.iter().all(|pattern| !pattern.contains(&mask[..mask.len() / 3])));
    let expected = masked::masked(&patterns, &text, mask);
    let found = masked::occurrences(&patterns, &text);
    let (mut masking, mut out, mut place) = (masker.masking(), Vec::new(), 0);
    for cut in cuts.iter().take(6).chain([&255; 3]).map(|cut| usize::from(*cut)) {
        let next = text.len().min(place + cut);
        masking.push(&text[place..next], &mut out);
        place = next;
        let complete = masked::complete(&patterns, &found, &text[..place], mask);
        assert_eq!(out, complete, "{patterns:?} {text:?}");
    }
    masking.finish(&mut out);
    assert_eq!(out, expected, "{patterns:?} {text:?}");
    if let Ok(text) = std::str::from_utf8(&text) {
        assert_eq!(masker.mask(text).as_bytes(), expected, "{patterns:?} {text:?}");
    }
}

impl Case {
    /// Makes a case of any bytes.
    pub(crate) fn new(data: &[u8]) -> Option<Self> {
        let plan = Plan::arbitrary_take_rest(Unstructured::new(data)).ok()?;
        let values: Vec<String> = plan.values.iter().take(8).map(Value::render).collect();
        let line = |(i, value): (usize, &String)| format!("v{i} = \"{}\"\n", escape(value));
        let document: String = values.iter().enumerate().map(line).collect();
        let patterns = masked::patterns(values.iter().map(String::as_str))?;
        let parts: Vec<_> = plan.text.iter().map(|part| part.render(&patterns)).collect();
        let text = parts.concat().into_iter().take(600).collect();
        let document = Document::parse(document).expect("well-formed");
        Some(Self { document, patterns, text, cuts: plan.cuts })
    }
}

impl Value {
    fn render(&self) -> String {
        match self {
            Self::Few(bytes) => bytes.iter().take(40).map(|byte| few(*byte)).collect(),
            Self::Periodic(period, len) => {
                let period = usize::from(period % 5) + 1;
                (0..usize::from(len % 48)).map(|i| few((i % period) as u8)).collect()
            }
            Self::Any(text) => text.chars().take(40).collect(),
            Self::Json(key, few) => {
                let string = Self::Few(few.clone()).render();
                serde_json::json!({ key: [string, 1] }).to_string()
            }
            Self::Of(before, behind, inside) => {
                let around = |len: u8| "ab".repeat(usize::from(len % 6));
                let inside: String = inside.render().chars().take(60).collect();
                format!("{}{inside}{}", around(*before), around(*behind))
            }
        }
    }
}

impl Part {
    fn render(&self, patterns: &[String]) -> Vec<u8> {
        let pattern = |i: u16| match patterns.len() {
            0 => &[],
            len => patterns[usize::from(i) % len].as_bytes(),
        };
        match self {
            Self::Few(bytes) => {
                bytes.iter().map(|byte| few(*byte)).collect::<String>().into_bytes()
            }
            Self::Any(bytes) => bytes.clone(),
            Self::Pattern(i) => pattern(*i).to_vec(),
            Self::Cut(i, from, to) => {
                let pattern = pattern(*i);
                let to = usize::from(*to) % (pattern.len() + 1);
                pattern[usize::from(*from).min(to)..to].to_vec()
            }
            Self::Repeated(i, to, times) => {
                let pattern = pattern(*i);
                pattern[..usize::from(*to) % (pattern.len() + 1)].repeat(usize::from(times % 8))
            }
        }
    }
}

/// Characters of which some are escaped, and all that a mask may consist of.
fn few(byte: u8) -> char {
    const FEW: [char; 24] = [
        'a', 'b', 'a', 'b', 'a', 'c', 'A', '0', '/', '"', '\'', '\\', '\n', '\r', ' ', 'é', '日',
        '😀', '\u{85}', '\u{301}', '*', '•', '#', '─',
    ];
    FEW[usize::from(byte) % FEW.len()]
}

fn escape(value: &str) -> String {
    value.chars().map(|character| format!("\\U{:08X}", character as u32)).collect()
}
