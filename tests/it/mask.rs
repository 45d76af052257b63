//! Masking what a module prints.

mod child;
mod leaks;
mod many;
mod printed;
mod streams;
mod values;

use std::borrow::Cow;
use std::io::Write;

use secrets_toml::Document;
use secrets_toml::mask::Masker;

/// Makes the document of some values: `v0`, `v1`, and so on.
fn document(values: &[&str]) -> Document {
    let escape = |character: char| match character {
        ' '..='~' if !matches!(character, '"' | '\\') => character.to_string(),
        _ => format!("\\U{:08X}", character as u32),
    };
    let escaped = |value: &str| value.chars().map(escape).collect::<String>();
    let line = |(i, value): (usize, &&str)| format!("v{i} = \"{}\"\n", escaped(value));
    Document::parse(values.iter().enumerate().map(line).collect::<String>()).unwrap()
}

fn masker(values: &[&str]) -> Masker {
    Masker::new(&[&document(values)]).unwrap()
}

/// Checks the output for a text: whole, byte by byte, and cut into two at every place.
#[track_caller]
fn check(values: &[&str], text: &str, expected: &str) {
    let masker = masker(values);
    check_bytes(&masker, text.as_bytes(), expected.as_bytes());
    let masked = masker.mask(text);
    assert_eq!(masked, expected);
    assert_eq!(matches!(masked, Cow::Borrowed(_)), text == expected);
    let mut writer = masker.writer(Vec::new());
    writer.write_all(text.as_bytes()).unwrap();
    assert_eq!(writer.finish().unwrap(), expected.as_bytes());
}

#[track_caller]
fn check_bytes(masker: &Masker, text: &[u8], expected: &[u8]) {
    let masked = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut masking, mut out) = (masker.masking(), Vec::new());
        pieces.for_each(|piece| masking.push(piece, &mut out));
        masking.finish(&mut out);
        out
    };
    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(show(&masked(&mut [text].into_iter())), show(expected));
    assert_eq!(show(&masked(&mut text.chunks(1))), show(expected), "byte by byte");
    for cut in 0..=text.len() {
        let (first, second) = text.split_at(cut);
        assert_eq!(show(&masked(&mut [first, second].into_iter())), show(expected), "cut at {cut}");
    }
}
