//! Reads the shape of one line: its key, its sign, its value. After a syntax error only.
//!
//! These functions accept what authors mean, such as `export KEY: “value”`. Each of them looks at
//! one line and takes time in proportion to its length.

use std::ops::Range;

use crate::text::bytes::is_bare;

/// Returns `true` for a space, a tab, and what looks like a space or like nothing.
pub(super) fn is_blank(character: char) -> bool {
    matches!(
        character,
        ' ' | '\t' | '\r' | '\u{a0}' | '\u{2000}'
            ..='\u{200f}'
                | '\u{202f}'
                | '\u{205f}'
                | '\u{2060}'
                | '\u{3000}'
                | '\u{feff}'
                | '\u{ad}'
    )
}

/// Returns the offset of the first character that is not blank, or the length.
pub(super) fn body(line: &str) -> usize {
    line.len() - line.trim_start_matches(is_blank).len()
}

/// Returns the number of spaces and tabs at the start.
pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// Returns the offset after the quote that closes the single-line string at `open`, if its line has
/// one.
pub(super) fn closing(line: &str, open: usize) -> Option<usize> {
    let bytes = line.as_bytes();
    let quote = *bytes.get(open)?;
    let mut at = open + 1;
    while let Some(&byte) = bytes.get(at).filter(|&&byte| byte != b'\n') {
        match byte {
            b'\\' if quote == b'"' && bytes.get(at + 1) != Some(&b'\n') => at += 1,
            _ if byte == quote => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Returns the first `=` or `:` outside quotes and the characters around it that belong to the
/// sign, as in `:=`, `==` or `=>`. A full-width sign counts.
pub(super) fn sign(line: &str) -> Option<Range<usize>> {
    const SIGNS: [char; 5] = ['=', ':', '>', '\u{ff1d}', '\u{ff1a}'];
    let bytes = line.as_bytes();
    let mut at = body(line);
    let start = loop {
        match *bytes.get(at)? {
            // `it's` and `KEY"` have no quote that opens a text.
            b'"' | b'\'' if at == 0 || !is_bare(bytes[at - 1]) => at = closing(line, at)?,
            b'#' | b'\n' => return None,
            b'=' | b':' => break at,
            b'+' | b'?' | b'-' | b'<' if bytes.get(at + 1) == Some(&b'=') => break at,
            b'-' if bytes.get(at + 1) == Some(&b'>') => break at,
            0xEF if line[at..].starts_with(&SIGNS[3..]) => break at,
            _ => at += 1,
        }
    };
    let rest = &line[start..];
    let end = if rest.starts_with(&SIGNS[3..]) {
        start + SIGNS[3].len_utf8()
    } else if rest.starts_with(':') && !rest.starts_with(":=") {
        start + 1
    } else {
        line.len() - rest[1..].trim_start_matches(SIGNS).len()
    };
    Some(start..end)
}

/// Returns the offset of the value of a line `KEY =`, which is the length if the value is missing.
/// The key must be well-formed.
pub(super) fn assignment(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let skip = |mut at: usize| {
        while matches!(bytes.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    };
    let mut at = skip(0);
    loop {
        let start = at;
        match bytes.get(at)? {
            b'"' | b'\'' => at = closing(line, at)?,
            _ => at += bytes[at..].iter().take_while(|&&byte| is_bare(byte)).count(),
        }
        let end = at;
        at = skip(at);
        match bytes.get(at)? {
            _ if end == start => return None,
            b'.' => at = skip(at + 1),
            b'=' => break,
            _ => return None,
        }
    }
    let value = skip(at + 1);
    (bytes.get(at + 1) != Some(&b'=')).then_some(value)
}

/// Returns `true` if the line is surely the next entry, wherever it is: a section header, or `KEY =`
/// with a value. The last line of base64, `SGVsbG8=`, is not one.
pub(super) fn is_entry(line: &str) -> bool {
    is_header(line)
        || assignment(line).is_some_and(|value| {
            let sign = line[..value].trim_end().len() - 1;
            !line[value..].trim_end().is_empty() || line[..sign].ends_with([' ', '\t'])
        })
}

/// Returns `true` if the line is a section header that cannot be an array of values: its name begins
/// with a letter or a quote.
pub(super) fn is_header(line: &str) -> bool {
    let line = line.trim_matches(is_blank_or_newline);
    let Some(inner) = line.strip_prefix('[') else { return false };
    let (inner, close) = match inner.strip_prefix('[') {
        Some(inner) => (inner, "]]"),
        None => (inner, "]"),
    };
    let Some((name, rest)) = inner.split_once(close) else { return false };
    let name = name.trim_matches([' ', '\t']);
    let rest = rest.trim_matches([' ', '\t']);
    let value = matches!(name, "true" | "false" | "inf" | "nan");
    let letters = name.chars().all(|c| c.is_alphanumeric() || "_-. \t\"'".contains(c));
    let begins = name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '"' || c == '\'');
    letters && begins && !value && (rest.is_empty() || rest.starts_with('#'))
}

fn is_blank_or_newline(character: char) -> bool {
    is_blank(character) || character == '\n'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_and_the_value_are_found() {
        for (line, expected, value) in [
            ("KEY = 1\n", Some("="), Some("1\n")),
            ("KEY=\n", Some("="), Some("\n")),
            ("\"a = b\".c=1", Some("="), Some("1")),
            ("a . b = 1", Some("="), Some("1")),
            ("KEY == 1", Some("=="), None),
            ("KEY := 1", Some(":="), None),
            ("KEY => 1", Some("=>"), Some("> 1")),
            ("KEY -> 1", Some("->"), None),
            ("KEY: = 1", Some(":"), None),
            ("KEY\u{ff1d}1", Some("\u{ff1d}"), None),
            ("a b = 1", Some("="), None),
            ("a. = 1", Some("="), None),
            ("# a = 1", None, None),
            ("\"a = 1", None, None),
            ("KEY", None, None),
        ] {
            assert_eq!(sign(line).map(|sign| &line[sign]), expected, "{line}");
            assert_eq!(assignment(line).map(|value| &line[value..]), value, "{line}");
        }
    }

    #[test]
    fn the_next_entry_is_known_for_sure() {
        for (line, is) in [
            ("A = 1\n", true),
            ("A = \n", true),
            ("A =\n", true),
            ("A=\n", false),
            ("SGVsbG8=\n", false),
            ("SGVsbG8==\n", false),
            ("[a]\n", true),
            (" [[a.b]] # c\r\n", true),
            ("[\"a\"]\n", true),
            ("[1]\n", false),
            ("[true]\n", false),
            ("[a, b]\n", false),
            ("[a],\n", false),
            ("[a\n", false),
            ("\"a\": 1,\n", false),
        ] {
            assert_eq!(is_entry(line), is, "{line}");
        }
    }
}
