//! Mistakes in values: quotes, words and numbers of other languages, JSON.

use std::ops::Range;

use crate::document::error::Found;
use crate::document::fault::Fault;
use crate::document::line::{body, closing};
use crate::document::mistake::lines::after;
use crate::document::mistake::parts::{Line, Mistake};
use crate::document::mistake::quotes::{is_triple, of_escape, of_unclosed, quoted};

/// Words of other languages, in lower case.
const NULLS: [&str; 6] = ["null", "none", "nil", "undefined", "~", "n/a"];
const BOOLEANS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "y", "n"];

/// Quotes of HTML and XML, at the start of a value.
const ENTITIES: [&str; 6] = ["&quot;", "&#34;", "&#39;", "&apos;", "&#x27;", "&ldquo;"];

/// Starts of values that a shell or a template engine would replace.
const REFERENCES: [&str; 6] = ["{{", "{%", "<%", "${", "$(", "%("];

/// Returns the mistake in the value of a line. `span` is the place of the parser's error.
pub(super) fn of(line: &Line<'_>, span: &Range<usize>, fault: Fault) -> Option<Mistake> {
    let value = line.value();
    match value.bytes().next() {
        None => None,
        Some(b'#') if line.value > line.sign.end || value.len() > 1 => {
            Some((line.value..line.value + 1, Fault::HashValue))
        }
        Some(b'"' | b'\'') if is_triple(value) => of_element(line.text, span, fault),
        Some(b'"' | b'\'') if closing(value, 0).is_none() => Some(of_unclosed(line, false, value)),
        Some(b'"' | b'\'') => quoted(line, span, fault),
        Some(b'[' | b'{') => of_end(line),
        Some(_) if span.start < line.value => None,
        Some(_) => unquoted(line, fault),
    }
}

/// An array or inline table that is closed, and what follows it.
fn of_end(line: &Line<'_>) -> Option<Mistake> {
    let rest = line.text.trim_end_matches([',', ';']);
    let ends = rest.ends_with([']', '}']) && rest.len() < line.text.len();
    ends.then(|| (line.from(rest.len()), Fault::LineEndSign))
}

/// A value without quotes.
fn unquoted(line: &Line<'_>, fault: Fault) -> Option<Mistake> {
    let value = line.value();
    // A comment needs a blank before it: a URL may hold `#`.
    let end = value.find(" #").or(value.find("\t#")).unwrap_or(value.len());
    let value = value[..end].trim_end();
    let place = line.value..line.value + value.len();
    let bare = value.trim_end_matches([',', ';']);
    let word = bare.to_ascii_lowercase();
    let found = if ENTITIES.iter().any(|entity| value.starts_with(entity)) {
        Fault::HtmlEntity
    } else if REFERENCES.iter().any(|start| value.starts_with(start)) || is_reference(value) {
        Fault::Reference
    } else if NULLS.contains(&word.as_str()) {
        Fault::Null
    } else if is_literal(bare) {
        return signs(line, value, bare);
    } else if BOOLEANS.contains(&word.as_str()) {
        Fault::InvalidBoolean
    } else if value.starts_with('(') {
        Fault::Parentheses
    } else if is_prefixed(value) {
        return Some((line.value..line.value + 1, Fault::StringPrefix));
    } else if is_call(value) {
        Fault::ProgramCode
    } else if value.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return number(line, value, fault);
    } else if value.ends_with(['"', '\'']) && value.matches(['"', '\'']).count() == 1 {
        Fault::MissingOpeningQuote
    } else if value.starts_with([']', '}', '=', ',', '#']) {
        return None;
    } else {
        Fault::UnquotedValue
    };
    Some((place, found))
}

/// A sign that follows a number, `true` or `false`.
fn signs(line: &Line<'_>, value: &str, bare: &str) -> Option<Mistake> {
    let at = line.value + bare.len();
    (bare.len() < value.len()).then_some((at..line.value + value.len(), Fault::LineEndSign))
}

/// A value that begins like a number.
fn number(line: &Line<'_>, value: &str, fault: Fault) -> Option<Mistake> {
    let place = line.value..line.value + value.len();
    let digits = |c: char| c.is_ascii_digit();
    if matches!(fault, Fault::LeadingZero | Fault::InvalidDatetime) && value.chars().all(digits) {
        return Some((place, fault));
    }
    let word = value.split([' ', '\t', ',']).next().unwrap_or(value);
    if word.len() < value.len() && is_literal(word) {
        let rest = value[word.len()..].trim_start();
        let at = line.value + value.len() - rest.len();
        if let Some(mistake) = after(&line.text[..place.end], rest, at) {
            return Some(mistake);
        }
    }
    let parts: Vec<&str> = value.split(['/', '.', '-']).collect();
    let is_date = parts.len() == 3
        && parts.iter().all(|part| matches!(part.len(), 1 | 2 | 4) && part.chars().all(digits))
        && parts.iter().any(|part| part.len() == 4);
    let is_based = ["0x", "0o", "0b"].iter().any(|prefix| value.starts_with(prefix));
    let found = match fault {
        Fault::InvalidNumber if is_based => return None,
        _ if is_date => Fault::InvalidDatetime,
        Fault::InvalidDatetime => fault,
        _ if value.chars().any(char::is_alphabetic) => Fault::UnquotedValue,
        _ => Fault::InvalidNumber,
    };
    Some((place, found))
}

/// Returns `true` for a number, a date, `true` or `false`.
fn is_literal(value: &str) -> bool {
    let number = value.parse::<i64>().is_ok() || value.parse::<f64>().is_ok_and(f64::is_finite);
    let zero = value.len() > 1 && value.starts_with('0') && !value.starts_with("0.");
    let ends = value.starts_with('.') || value.ends_with('.') || value.starts_with("+.");
    matches!(value, "true" | "false") || number && !zero && !ends
}

/// Returns `true` for `$NAME` and `%NAME%`.
fn is_reference(value: &str) -> bool {
    let name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let percent = value.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'));
    value.strip_prefix('$').is_some_and(name) || percent.is_some_and(name)
}

/// Returns `true` for a string of Python with a letter before its quote: `f"…"`.
fn is_prefixed(value: &str) -> bool {
    let letter = value.starts_with(['f', 'r', 'b', 'u', 'F', 'R', 'B', 'U', '@', '$']);
    let quote = value.get(1..).and_then(|rest| rest.chars().next());
    letter && quote.is_some_and(|quote| matches!(quote, '"' | '\'') && value.ends_with(quote))
}

/// Returns `true` for a call or an index of a program, such as `os.getenv("KEY")`.
fn is_call(value: &str) -> bool {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    let end = value.bytes().take_while(|&byte| name(byte)).count();
    let rest = &value[end..];
    let dotted = value[..end].starts_with("os.") || value[..end].starts_with("process.env");
    let begins = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && (dotted || rest.starts_with('(') && value.contains(')') || rest.starts_with("[\""))
}

/// Returns the mistake of an array or inline table as a whole.
pub(super) fn of_brackets(line: &Line<'_>, first: &Found) -> Option<Mistake> {
    let value = line.value();
    if !value.starts_with(['[', '{']) {
        return None;
    }
    let place = line.value..line.value + 1;
    if value.starts_with("{{") || value.starts_with("{%") {
        let end = line.value + value.lines().next().unwrap_or(value).len();
        return Some((line.value..end, Fault::Reference));
    }
    if is_json(value) {
        return Some((place, Fault::JsonValue));
    }
    let set = value.strip_prefix('{').map(|inner| inner.trim_start());
    let follows = |inner: &str| {
        let end = closing(inner, 0).filter(|_| inner.starts_with(['"', '\''])).unwrap_or(0);
        end > 0 && inner[end..].trim_start().starts_with([',', '}'])
    };
    if set.is_some_and(follows) {
        return Some((place, Fault::TableElement));
    }
    if first.fault != Fault::Trailing {
        return None;
    }
    let rest = line.text.get(first.start..)?.trim_start();
    let at = line.text.len() - rest.len();
    match rest.chars().next() {
        Some(']') => Some((at..at + 1, Fault::UnopenedBracket)),
        Some('}') => Some((at..at + 1, Fault::UnopenedBrace)),
        _ => of_end(line).or_else(|| after(line.text, rest, at)),
    }
}

/// Returns `true` if an array or inline table has a quoted key with `:` after it.
pub(super) fn is_json(value: &str) -> bool {
    let mut at = 0;
    while let Some(quote) = value[at..].find('"') {
        at += quote;
        match closing(value, at) {
            Some(end) if value[end..].trim_start_matches([' ', '\t']).starts_with(':') => {
                return true;
            }
            Some(end) => at = end,
            // Further quotes of the line are escaped. A search from each would take too long.
            None => at += value[at..].find('\n').unwrap_or(value.len() - at),
        }
    }
    false
}

/// Returns `true` if an element of an array is a key, which `=` follows.
fn is_assigned(element: &str, rest: &str) -> bool {
    element.contains('=') || rest.trim_start_matches([' ', '\t']).starts_with('=')
}

/// Returns the mistake in an element of an array, a value of an inline table, or a line of a text
/// between triple quotes.
pub(super) fn of_element(text: &str, place: &Range<usize>, fault: Fault) -> Option<Mistake> {
    if matches!(fault, Fault::InvalidEscape | Fault::InvalidUnicode) {
        let open = text[..place.start].rfind(['"', '\n']).map_or(0, |open| open + 1);
        return of_escape(text, open + body(&text[open..]), place, fault);
    }
    if text.get(place.start..)?.starts_with(':') {
        return Some((place.start..place.start + 1, Fault::ColonSign));
    }
    if fault == Fault::UnquotedValue
        && is_assigned(text.get(place.clone())?, text.get(place.end..)?)
    {
        return Some((place.clone(), Fault::ArrayEquals));
    }
    let element = text.get(place.clone())?.trim();
    let word = element.to_ascii_lowercase();
    if NULLS.contains(&word.as_str()) {
        return Some((place.clone(), Fault::Null));
    }
    if matches!(fault, Fault::UnquotedValue | Fault::InvalidBoolean)
        && matches!(word.as_str(), "true" | "false")
    {
        return Some((place.clone(), Fault::InvalidBoolean));
    }
    None
}
