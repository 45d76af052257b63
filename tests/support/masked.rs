//! The masker's law by definition: every pattern is compared at every place of the whole text. And the
//! patterns of a value, spelled in the plainest way.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Returns the patterns of the values of documents, each once. Returns `None` if a value is JSON that
/// `serde_json` cannot represent, such as half of a surrogate pair.
pub(crate) fn patterns<'v>(values: impl IntoIterator<Item = &'v str>) -> Option<Vec<String>> {
    let mut patterns = Vec::new();
    for value in values.into_iter().filter(|value| value.len() >= 6) {
        spell(value, &mut patterns);
        if serde_json::from_str::<IgnoredAny>(value).is_ok() {
            let mut strings = Vec::new();
            serde_json::from_str::<Strings>(value).ok()?.collect(&mut strings);
            strings.retain(|string| string.len() >= 6);
            strings.iter().for_each(|string| spell(string, &mut patterns));
        }
    }
    patterns.sort();
    patterns.dedup();
    Some(patterns)
}

/// A JSON document, of which the strings are kept. An object may have a key twice.
enum Strings {
    String(String),
    Several(Vec<Self>),
    Other,
}

impl Strings {
    fn collect(self, strings: &mut Vec<String>) {
        match self {
            Self::String(string) => strings.push(string),
            Self::Several(several) => several.into_iter().for_each(|one| one.collect(strings)),
            Self::Other => {}
        }
    }
}

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visit)
    }
}

struct Visit;

impl<'de> Visitor<'de> for Visit {
    type Value = Strings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Strings, E> {
        Ok(Strings::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Strings, E> {
        Ok(Strings::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Strings, E> {
        Ok(Strings::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Strings, E> {
        Ok(Strings::Other)
    }

    fn visit_unit<E>(self) -> Result<Strings, E> {
        Ok(Strings::Other)
    }

    fn visit_str<E>(self, string: &str) -> Result<Strings, E> {
        Ok(Strings::String(string.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Strings, A::Error> {
        let mut several = Vec::new();
        while let Some(one) = seq.next_element()? {
            several.push(one);
        }
        Ok(Strings::Several(several))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strings, A::Error> {
        let mut several = Vec::new();
        while let Some((_, one)) = map.next_entry::<IgnoredAny, _>()? {
            several.push(one);
        }
        Ok(Strings::Several(several))
    }
}

fn spell(value: &str, patterns: &mut Vec<String>) {
    patterns.push(value.to_owned());
    let mut spellings: Vec<String> = Vec::new();
    if value.contains('\n') {
        let lines = value.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let is_frame =
            |line: &&str| line.starts_with("-----BEGIN ") || line.starts_with("-----END ");
        spellings.extend(lines.filter(|line| !is_frame(line)).map(str::to_owned));
    }
    if value.len() <= 16 * 1024 {
        spellings.push(value.replace("\r\n", "\n").replace('\n', "\r\n"));
        for is_ascii in [false, true] {
            for slash in ["/", "\\/"] {
                let json = json(value, is_ascii).replace('/', slash);
                spellings.push(upper(&json, "\\u", 4));
                spellings.push(json);
            }
        }
        for (safe, space) in
            [("-._~/", "%20"), ("-._~", "%20"), ("-._~", "+"), ("-._~!*'()", "%20")]
        {
            let percent: String = value.bytes().map(|byte| percent(byte, safe, space)).collect();
            spellings.push(upper(&percent, "%", 2));
            spellings.push(percent);
        }
        for before in 0..3 {
            let base64 = base64(value.as_bytes(), before);
            spellings.push(base64.replace('+', "-").replace('/', "_"));
            spellings.push(base64);
        }
        let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
        spellings.extend([hex.to_uppercase(), hex]);
        spellings.push(python(value));
        let debug = format!("{value:?}");
        spellings.push(debug[1..debug.len() - 1].to_owned());
        spellings.extend(["'\\''", "'\"'\"'"].map(|quote| value.replace('\'', quote)));
    }
    spellings.retain(|spelling| spelling.len() >= 8);
    patterns.append(&mut spellings);
}

fn json(value: &str, is_ascii: bool) -> String {
    let json = serde_json::to_string(value).unwrap();
    let json = &json[1..json.len() - 1];
    let escape = |character: char| match character {
        ' '..='~' => character.to_string(),
        _ if !is_ascii => character.to_string(),
        _ => character
            .encode_utf16(&mut [0; 2])
            .iter()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect(),
    };
    json.chars().map(escape).collect()
}

/// Writes the hexadecimal digits of each escape in upper case. A backslash that is escaped begins none.
fn upper(text: &str, escape: &str, digits: usize) -> String {
    let (mut upper, mut rest) = (String::new(), text);
    while let Some(character) = rest.chars().next() {
        let len = match rest.strip_prefix(escape) {
            Some(_) => escape.len() + digits,
            None if rest.starts_with("\\\\") => 2,
            None => character.len_utf8(),
        };
        let (part, behind) = rest.split_at(len);
        upper.push_str(&match rest.starts_with(escape) {
            true => format!("{escape}{}", part[escape.len()..].to_uppercase()),
            false => part.to_owned(),
        });
        rest = behind;
    }
    upper
}

fn percent(byte: u8, safe: &str, space: &str) -> String {
    match byte {
        b' ' => space.to_owned(),
        _ if byte.is_ascii_alphanumeric() || safe.contains(char::from(byte)) && byte.is_ascii() => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02x}"),
    }
}

/// Returns the characters that are the same whatever is before and behind the value.
fn base64(value: &[u8], before: usize) -> String {
    let encode = |filler: u8| {
        let bytes = [&vec![filler; before], value, &[filler; 3]].concat();
        let bits: Vec<bool> = bytes
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
            .collect();
        let six = |bits: &[bool]| bits.iter().fold(0, |six, &bit| six << 1 | usize::from(bit));
        bits.chunks(6).map(six).collect::<Vec<_>>()
    };
    let alphabet = ['A'..='Z', 'a'..='z', '0'..='9', '+'..='+', '/'..='/'];
    let alphabet: Vec<char> = alphabet.into_iter().flatten().collect();
    let pairs: Vec<_> = encode(0).into_iter().zip(encode(255)).collect();
    let start = pairs.iter().position(|(a, b)| a == b).unwrap_or(0);
    pairs[start..].iter().take_while(|(a, b)| a == b).map(|(six, _)| alphabet[*six]).collect()
}

fn python(value: &str) -> String {
    let escape = |character: char| match character {
        '\'' if value.contains('"') => "\\'".to_owned(),
        '\'' | '"' => character.to_string(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        ' '..='~' => character.to_string(),
        // Rust knows the categories of characters, and escapes a combining one only at the start.
        _ if format!("x{character}").escape_debug().to_string().ends_with(character) => {
            character.to_string()
        }
        '\0'..='\u{ff}' => format!("\\x{:02x}", character as u32),
        '\u{100}'..='\u{ffff}' => format!("\\u{:04x}", character as u32),
        _ => format!("\\U{:08x}", character as u32),
    };
    value.chars().map(escape).collect()
}

/// Returns the text with a mask for each run.
pub(crate) fn masked(patterns: &[String], text: &[u8], mask: &str) -> Vec<u8> {
    masked_with(patterns, occurrences(patterns, text), text, mask)
}

/// Returns the same, with the occurrences of all patterns.
pub(crate) fn masked_with(
    patterns: &[String],
    mut found: Vec<Range<usize>>,
    text: &[u8],
    mask: &str,
) -> Vec<u8> {
    let end = waiting(patterns, text, |prefix, pattern| prefix < pattern);
    found.extend((end >= 6).then_some(text.len() - end..text.len()));
    render(text, &runs(text.len(), &found), text.len() + 1, mask)
}

/// Returns the part of the output that does not wait for more text. `found` are the occurrences in a
/// text that begins with this one.
pub(crate) fn complete(
    patterns: &[String],
    found: &[Range<usize>],
    text: &[u8],
    mask: &str,
) -> Vec<u8> {
    let waiting = waiting(patterns, text, |_, _| true);
    render(text, &runs(text.len(), found), text.len() - waiting, mask)
}

/// Returns all occurrences of all patterns.
pub(crate) fn occurrences(patterns: &[String], text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for pattern in patterns {
        let places = (0..text.len()).filter(|&i| text[i..].starts_with(pattern.as_bytes()));
        found.extend(places.map(|place| place..place + pattern.len()));
    }
    found
}

/// Returns the length of the longest end of a text with which a pattern begins.
fn waiting(patterns: &[String], text: &[u8], counts: impl Fn(usize, usize) -> bool) -> usize {
    let begins = |pattern: &String, len: usize| {
        counts(len, pattern.len()) && pattern.as_bytes().starts_with(&text[text.len() - len..])
    };
    let longest = |len: &usize| patterns.iter().any(|pattern| begins(pattern, *len));
    let most = patterns.iter().map(String::len).max().unwrap_or(0).min(text.len());
    (1..=most).rev().find(longest).unwrap_or(0)
}

/// Returns the runs of the occurrences that end in the first `len` bytes.
fn runs(len: usize, found: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut is_masked = vec![false; len];
    found
        .iter()
        .filter(|range| range.end <= len)
        .for_each(|range| is_masked[range.clone()].fill(true));
    let mut runs: Vec<Range<usize>> = Vec::new();
    for place in (0..len).filter(|&place| is_masked[place]) {
        match runs.last_mut() {
            Some(run) if run.end == place => run.end += 1,
            _ => runs.push(place..place + 1),
        }
    }
    runs
}

/// Writes the text up to `place`. A run that reaches it waits, and so does what is behind.
fn render(text: &[u8], runs: &[Range<usize>], place: usize, mask: &str) -> Vec<u8> {
    let (mut out, mut written) = (Vec::new(), 0);
    for run in runs {
        out.extend(&text[written..run.start.min(place).max(written)]);
        if run.end >= place {
            return out;
        }
        out.extend(mask.as_bytes());
        written = run.end;
    }
    out.extend(&text[written..place.min(text.len()).max(written)]);
    out
}
