//! Mistakes before the value: section headers, keys, and the sign after a key.

use crate::document::fault::Fault;
use crate::document::line::is_blank;
use crate::document::mistake::lines::{is_comment, quoted};
use crate::document::mistake::parts::{Line, Mistake};
use crate::text::bytes::is_bare;

/// Returns the mistake in a header, a key or its sign.
pub(super) fn of(line: &Line<'_>, fault: Fault) -> Option<Mistake> {
    if line.body().starts_with('[') {
        return header(line);
    }
    if line.sign.is_empty() {
        return alone(line, fault);
    }
    if line.sign() == ":" || line.sign() == "\u{ff1a}" {
        return Some(colon(line));
    }
    key(line).or_else(|| sign(line))
}

/// A line with neither `=` nor `:`.
fn alone(line: &Line<'_>, fault: Fault) -> Option<Mistake> {
    let body = line.body();
    if body.starts_with(['"', '\'']) && body.contains(['=', ':']) {
        // "KEY = "value", or "KEY=value".
        return Some((line.body..line.body + 1, Fault::KeyQuotes));
    }
    if let Some(rest) = body.strip_prefix(['}', ']', ')']) {
        let closes = matches!(rest.trim_matches([',', ';']), "" | "]" | "}");
        let fault =
            if body.starts_with('}') { Fault::UnopenedBrace } else { Fault::UnopenedBracket };
        return closes.then_some((line.body..line.body + 1, fault));
    }
    // `section]` and `section:`.
    let name = body.split('#').next()?.trim_end();
    if name.ends_with(']') && !name.contains('[') {
        return Some((line.body..line.body + name.len(), Fault::UnopenedBracket));
    }
    let name = body.bytes().take_while(|&byte| is_bare(byte) || byte == b'.').count();
    (fault == Fault::MissingEquals && name > 0).then(|| {
        let end = line.body + name;
        (end..end, Fault::MissingEquals)
    })
}

/// A line with `:` in the place of `=`.
fn colon(line: &Line<'_>) -> Mistake {
    let place = line.sign.clone();
    if line.key().starts_with('"') || line.key().starts_with('\'') {
        return (place, Fault::JsonLine);
    }
    let value = line.value();
    if value.is_empty() || value.starts_with('#') {
        return (place, Fault::ColonSection);
    }
    // A sentence, or a command.
    if line.key().split(is_blank).count() > 2 {
        let end = line.body + line.key().find(is_blank).unwrap_or(0);
        return (end..end, Fault::MissingEquals);
    }
    let fault = if line.sign().len() > 1 { Fault::FullWidth } else { Fault::ColonSign };
    (place, fault)
}

fn sign(line: &Line<'_>) -> Option<Mistake> {
    let value = line.value();
    let fault = match line.sign() {
        "=" if value.starts_with('>') => Fault::WrongSign,
        "=" | "\u{ff1d}" => return None,
        equals if equals.bytes().all(|byte| byte == b'=') => Fault::ExtraEquals,
        _ => Fault::WrongSign,
    };
    Some((line.sign.clone(), fault))
}

fn key(line: &Line<'_>) -> Option<Mistake> {
    let key = line.key();
    let start = line.body;
    if key.is_empty() {
        return Some((line.sign.clone(), Fault::MissingKey));
    }
    let place = |at: usize, fault| Some((start + at..start + at + 1, fault));
    let mut at = 0;
    let mut part = false;
    while at < key.len() {
        let rest = &key[at..];
        match rest.as_bytes()[0] {
            b'"' | b'\'' if !part => match quoted(rest) {
                // "KEY = "value"
                0 => return place(at, Fault::KeyQuotes),
                end => at += end,
            },
            b'"' | b'\'' => return place(at, Fault::KeyQuotes),
            b'.' if !part => return place(at, Fault::EmptyPart),
            b'.' => {
                part = false;
                at += 1;
                continue;
            }
            b' ' | b'\t' => {
                let next = rest.trim_start_matches([' ', '\t']);
                at = key.len() - next.len();
                if part && !next.starts_with('.') {
                    let fault =
                        if next.starts_with('#') { Fault::MissingEquals } else { Fault::KeySpace };
                    return Some((start..start + key.len(), fault));
                }
                continue;
            }
            byte if is_bare(byte) => at += rest.bytes().take_while(|&byte| is_bare(byte)).count(),
            _ => {
                let width = rest.chars().next().map_or(1, char::len_utf8);
                return Some((start + at..start + at + width, Fault::InvalidKey));
            }
        }
        part = true;
    }
    if part { None } else { place(key.len() - 1, Fault::EmptyPart) }
}

/// A line that begins with `[`.
fn header(line: &Line<'_>) -> Option<Mistake> {
    let body = line.body();
    let open = if body.starts_with("[[") { 2 } else { 1 };
    let mut at = open;
    while let Some(byte) = body.as_bytes().get(at) {
        match byte {
            b'"' | b'\'' => match quoted(&body[at..]) {
                0 => return Some((line.body + at..line.body + at + 1, Fault::UnterminatedString)),
                len => at += len,
            },
            b']' | b'#' | b'=' | b'\n' => break,
            _ => at += 1,
        }
    }
    let name = body[open..at].trim_matches([' ', '\t']);
    let rest = body[at..].trim_start_matches(']');
    let closed = body.len() - at - rest.len();
    let end = line.body + at + closed;
    if closed != open {
        return Some((line.body..end, Fault::UnclosedHeader));
    }
    if name.is_empty() {
        return Some((line.body..end, Fault::EmptyHeader));
    }
    let empty = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if empty {
        return Some((line.body..end, Fault::EmptyPart));
    }
    let bare = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == ' ' || c == '.';
    if name.chars().all(bare) && name.split('.').any(|part| part.trim().contains(' ')) {
        return Some((line.body..end, Fault::HeaderSpace));
    }
    let after = rest.trim_start_matches(is_blank);
    if after.is_empty() || after.starts_with('#') {
        return None;
    }
    let at = line.text.len() - after.len();
    let fault = match after {
        "," | ";" => Fault::LineEndSign,
        _ if is_comment(after) => Fault::WrongComment,
        _ => Fault::HeaderContent,
    };
    Some((line.from(at), fault))
}
