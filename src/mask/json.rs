//! The strings of a value that is itself a JSON document, such as the key of a service account.
//!
//! `serde_json` checks the document. It is not asked to decode the strings: it would free copies of them
//! unwiped.

use std::ops::Range;

use serde::de::IgnoredAny;

use crate::text::wiped::Wiped;

/// Returns `true` if a text may hold strings of JSON.
pub(super) fn is_candidate(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"'])
}

/// Appends the strings of a JSON document, decoded, except for the keys of objects. Calls `each` with
/// the range of each string. Appends nothing if the text is not JSON.
///
/// A decoded string is not longer than it is written, so all of them fit into the length of `text`.
pub(super) fn strings(text: &str, out: &mut Wiped, mut each: impl FnMut(Range<usize>)) {
    if !is_candidate(text) || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return;
    }
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('"') {
        let end = end_of_string(behind);
        rest = behind.get(end + 1..).unwrap_or_default();
        if !rest.trim_start().starts_with(':') {
            let start = out.len();
            decode(&behind[..end], out);
            each(start..out.len());
        }
    }
}

/// Returns the offset of the quote at the end of a string.
fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    let is_end = |byte: u8| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    };
    text.bytes().position(is_end).unwrap_or(text.len())
}

/// Decodes the escapes of a string. A surrogate without its pair becomes a replacement character.
fn decode(text: &str, out: &mut Wiped) {
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        out.append(before);
        let mut characters = escape.chars();
        let character = match characters.next() {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('u') => {
                let first = unit(characters.as_str());
                characters = characters.as_str().get(4..).unwrap_or_default().chars();
                let second = characters.as_str().strip_prefix("\\u").map_or(0, unit);
                let mut units = char::decode_utf16([first, second]);
                let character = units.next().and_then(Result::ok);
                if matches!(character, Some('\u{10000}'..)) {
                    characters = characters.as_str().get(6..).unwrap_or_default().chars();
                }
                character.unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some(itself) => itself,
            None => break,
        };
        out.append(character.encode_utf8(&mut [0; 4]));
        rest = characters.as_str();
    }
    out.append(rest);
}

fn unit(text: &str) -> u16 {
    text.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut out = Wiped::with_capacity(text.len());
        let mut ranges = Vec::new();
        strings(text, &mut out, |range| ranges.push(range));
        let found: Vec<_> = ranges.into_iter().map(|range| &out[range]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn strings_are_decoded_and_keys_are_left_out() {
        check(r#"{"a": "b", "c" : {"d":["e", 1, "f"]}, "g": null}"#, &["b", "e", "f"]);
        check(r#" "a\"b\\" "#, &["a\"b\\"]);
        check(r#"["\n\r\t\b\f\/\u00e9\ud83d\ude00x"]"#, &["\n\r\t\u{8}\u{c}/é😀x"]);
        check(r#"["\\u0041", "\\", ":"]"#, &["\\u0041", "\\", ":"]);
        check(r#"["é日"]"#, &["é日"]);
    }

    #[test]
    fn surrogates_without_a_pair_are_replaced() {
        check(r#"["\ud83d", "\ude00\ud83d", "\ud83d\u0041"]"#, &["�", "��", "�A"]);
    }

    #[test]
    fn other_texts_have_no_strings() {
        for text in ["", "\"", "{\"a\": \"b\"", "a \"b\"", "{'a': 'b'}", "[\"a\"] b", "1"] {
            check(text, &[]);
        }
    }
}
