//! Strings that read like something to be replaced: `your-token`, `<key>`, `xxxx`, `changeme`.
//!
//! The rules compare words and do not measure entropy. Real defaults (a URL, the name of a model, a
//! port, `localhost`, a bucket) match none of them, and random tokens almost never do. Nothing is
//! copied, since most of the values are secrets.

use crate::text::bytes::{any, any_pair};

/// The maximum length of a placeholder, in bytes. Longer texts are keys and certificates.
const MAX_LEN: usize = 200;

// `is_word` counts in one byte.
const _: () = assert!(MAX_LEN <= u8::MAX as usize);

/// Values that say, without any other word, that the real value is missing.
const WORDS: [&str; 15] = [
    "changeit",
    "changeme",
    "dummy",
    "fillin",
    "fillme",
    "fixme",
    "insertme",
    "placeholder",
    "redacted",
    "removed",
    "replaceit",
    "replaceme",
    "tbd",
    "todo",
    "tobedefined",
];

/// The length of the longest of [`WORDS`].
const MAX_WORD: usize = 11;

/// First words of a request to the author: `enter your token`.
const VERBS: [&str; 9] =
    ["add", "change", "enter", "fill", "insert", "paste", "put", "replace", "set"];
/// Words that make a request of a verb: `set-top-box` begins with one, too, and is a name.
const OBJECTS: [&str; 8] = ["here", "in", "it", "me", "this", "with", "your", "yours"];

/// Nouns for the requested value: `yourapikey`, `key here`.
const THINGS: [&str; 16] = [
    "access", "account", "api", "app", "client", "email", "host", "id", "key", "name", "pass",
    "password", "pat", "secret", "token", "user",
];

/// Returns `true` if a string reads like a placeholder.
///
/// Validation asks this of every string, and nearly all are secrets. So the first looks are at all
/// bytes at once: for anything but letters and digits, then for the pairs that some rules need. Each of
/// the other rules rejects a secret at its first or last word.
pub(crate) fn is_placeholder(value: &str) -> bool {
    let value = value.trim_ascii();
    if value.is_empty() || value.len() > MAX_LEN {
        return false;
    }
    // Most secrets are one long alphanumeric word without an `x`, so that no rule but `is_your_thing`
    // can match.
    let may_match = |byte: u8| !byte.is_ascii_alphanumeric() | (byte | 0x20 == b'x');
    if value.len() > MAX_WORD && !any(value.as_bytes(), may_match) {
        return is_your_thing(value);
    }
    let has_pair = any_pair(value.as_bytes(), |first, second| {
        let (lower, next) = (first | 0x20, second | 0x20);
        let is_mask = ((lower == b'x') | (first == b'*') | (first == b'?')) & (lower == next);
        let is_bracket = (first == b'<') | (first == b'{');
        let is_yo = (lower == b'y') & (next == b'o');
        is_mask | is_bracket | is_yo
    });
    let is_found = (has_pair && (has_mask(value) || is_bracketed(value) || is_yours(value)))
        || is_mask(value)
        || is_cut_off(value)
        || is_note(value)
        || is_word(value)
        || is_request(value)
        || is_here(value);
    is_found && !value.contains('\n')
}

/// Returns `true` for `xxxx`, `***`, `???`, `x-x-x`.
fn is_mask(value: &str) -> bool {
    let is_mask = |byte| matches!(byte, b'x' | b'X' | b'*' | b'?' | b'.' | b'_' | b'-' | b'#');
    value.len() >= 3 && value.bytes().all(is_mask)
}

/// Returns `true` for `sk-xxxxxxxx`, `sk-****1`, `id????9`.
fn has_mask(value: &str) -> bool {
    value
        .as_bytes()
        .windows(4)
        .any(|four| four.eq_ignore_ascii_case(b"xxxx") || four == b"****" || four == b"????")
}

/// Returns `true` for `sk-...`, `ghp_…`.
fn is_cut_off(value: &str) -> bool {
    (value.ends_with("...") || value.ends_with('…')) && !value.contains(' ')
}

/// Returns `true` for `<your key>`, `https://<account>.example.com`, `${KEY}`, `{{ key }}`.
fn is_bracketed(value: &str) -> bool {
    let within = |open: &str, close: &str| {
        let Some((_, rest)) = value.split_once(open) else { return false };
        let Some((name, _)) = rest.split_once(close) else { return false };
        let name = name.trim();
        name.starts_with(|c: char| c.is_alphabetic())
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.'))
    };
    (within("<", ">") && !value.contains("</")) || within("${", "}") || within("{{", "}}")
}

/// Returns `true` for `your-token`, `YOUR PAT KEY`, `https://your-company.example.com`,
/// `postgres://user:your_password@localhost`.
fn is_yours(value: &str) -> bool {
    let mut words = words(value);
    let Some(first) = words.next() else { return false };
    if is_your_thing(first) || (is_in(first, &["your"]) && words.clone().next().is_some()) {
        return true;
    }
    // In a sentence, only the first word counts.
    let last = words.clone().next_back().unwrap_or_default();
    let has_your = |mut words: Words<'_>| words.any(|word| is_in(word, &["your"]));
    !value.contains(' ')
        && (words.clone().any(is_your_thing) || (has_your(words) && !is_in(last, &["your"])))
}

/// Returns `true` for `yourapikey`, `yourpassword`.
fn is_your_thing(word: &str) -> bool {
    let Some((your, thing)) = word.split_at_checked(4) else { return false };
    your.eq_ignore_ascii_case("your") && THINGS.iter().any(|other| begins_with(thing, other))
}

/// Returns `true` for `TODO`, and for a note such as `TODO: ask Ada`, but not for a name such as
/// `todo-app`.
fn is_note(value: &str) -> bool {
    ["todo", "fixme", "tbd"].iter().any(|note| {
        let after = value.as_bytes().get(note.len());
        matches!(after, None | Some(b':' | b' ')) && begins_with(value, note)
    })
}

/// Returns `true` if the value is one of [`WORDS`] once separators and brackets are removed:
/// `change-me`.
fn is_word(value: &str) -> bool {
    // With a counter of one byte, one instruction counts sixteen bytes.
    let count: u8 = value.bytes().map(|byte| u8::from(byte.is_ascii_alphanumeric())).sum();
    if usize::from(count) > MAX_WORD {
        return false;
    }
    let other = value.bytes().any(|byte| {
        !byte.is_ascii_alphanumeric()
            && !matches!(byte, b' ' | b'-' | b'_' | b'.' | b'!' | b'<' | b'>' | b'[' | b']')
    });
    let letters = || value.bytes().filter(u8::is_ascii_alphanumeric);
    !other
        && WORDS.iter().any(|word| letters().map(|byte| byte.to_ascii_lowercase()).eq(word.bytes()))
}

/// Returns `true` for `REPLACE_ME`, `put your token in`.
fn is_request(value: &str) -> bool {
    let value = value.trim_start_matches(is_between_words);
    if !VERBS.iter().any(|verb| begins_with(value, verb)) {
        return false;
    }
    let mut words = words(value);
    let is_verb = words.next().is_some_and(|first| is_in(first, &VERBS));
    // A longer sentence is a request only if it speaks to the reader: "put your token in", but not
    // "Set this and go".
    let objects = if words.clone().count() < 3 { &OBJECTS[..] } else { &["here", "your", "yours"] };
    is_verb && words.any(|word| is_in(word, objects))
}

/// Returns `true` for `insert key here`, `api-key-here`.
fn is_here(value: &str) -> bool {
    let value = value.trim_end_matches(is_between_words);
    let last = value.len().checked_sub("here".len()).and_then(|start| value.get(start..));
    last.is_some_and(|last| last.eq_ignore_ascii_case("here"))
        && words(value).next_back().is_some_and(|last| is_in(last, &["here"]))
        && words(value).any(|word| is_in(word, &THINGS))
}

/// Returns `true` if a text begins with a word, in any case.
fn begins_with(text: &str, word: &str) -> bool {
    let start = text.as_bytes().get(..word.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// Returns `true` if a word is in a list, in any case.
fn is_in(word: &str, list: &[&str]) -> bool {
    word.len() <= MAX_WORD && list.iter().any(|other| word.eq_ignore_ascii_case(other))
}

type Words<'v> = std::iter::Filter<std::str::Split<'v, fn(char) -> bool>, fn(&&str) -> bool>;

fn words(value: &str) -> Words<'_> {
    value
        .split(is_between_words as fn(char) -> bool)
        .filter((|word| !word.is_empty()) as fn(&&str) -> bool)
}

fn is_between_words(character: char) -> bool {
    !character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders() {
        for value in [
            "your-token",
            "YOUR PAT KEY",
            "your_api_key",
            "yourapikey",
            "Your API key here",
            "<key>",
            "<your key>",
            "https://<account>.example.com",
            "${PAT}",
            "{{ pat }}",
            "xxxx",
            "XXX",
            "sk-xxxxxxxx",
            "xxxxxxxxxxxxxxxx",
            "****",
            "****************",
            "sk-****1",
            "x-x-x-x-x-x-x-x-x-x-x-x",
            "C-H-A-N-G-E-M-E-------------------",
            "???",
            "id????9",
            "sk-...",
            "ghp_…",
            "changeme",
            "CHANGE_ME",
            "change-me!",
            "REPLACE_ME",
            "replace this",
            "REPLACE_WITH_YOUR_TOKEN",
            "TODO",
            "to-do",
            "todo: ask Ada",
            "TBD",
            "placeholder",
            "insert key here",
            "api-key-here",
            "key here",
            "my key here",
            "put your token in",
            "https://your-company.example.com",
            " changeme ",
            "postgres://user:your_password@localhost/db",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
    }

    #[test]
    fn a_long_text_is_not_a_placeholder() {
        for (len, expected) in [(MAX_LEN, true), (MAX_LEN + 1, false)] {
            let value = format!("{:-<len$}", "your-token");
            assert_eq!(is_placeholder(&value), expected, "{len} bytes");
        }
    }

    #[test]
    fn real_values() {
        for value in [
            "",
            " ",
            "localhost",
            "8080",
            "https://api.clarifai.com",
            "general-image-recognition",
            "gpt-4o",
            "my-bucket",
            "us-east-1",
            "postgres://user:pw@localhost/db",
            "todo-app",
            "to/do",
            "hunter2",
            "correct horse battery staple",
            "0123456789abcdef",
            "me@example.com",
            "a<b",
            "x",
            "xy",
            "thereyour",
            "set-top-box",
            "add-on",
            "change",
            "enter-prise",
            "sphere",
            "yours",
            "yourself.example.org",
            "Zm9vYmFyYmF6cXV4Cg==",
            "a>b<c",
            "x<5 and y>3",
            "Set this and go",
            "2024-01-01",
            "user",
            "secret",
            "-----BEGIN PRIVATE KEY-----\nxxxx\n-----END",
        ] {
            assert!(!is_placeholder(value), "{value}");
        }
    }
}
