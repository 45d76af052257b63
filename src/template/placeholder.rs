//! Strings that read like something to be replaced: `your-token`, `<key>`, `xxxx`, `changeme`.
//!
//! The rules compare words and do not measure entropy. Real defaults (a URL, the name of a model, a
//! port, `localhost`, a bucket) match none of them, and random tokens almost never do. Nothing is
//! copied, since most of the values are secrets.

use crate::text::bytes::any;

/// The maximum length of a placeholder, in bytes. Longer texts are keys and certificates.
const MAX_LEN: usize = 200;

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
pub(crate) fn is_placeholder(value: &str) -> bool {
    let value = value.trim_ascii();
    if value.is_empty() || value.len() > MAX_LEN {
        return false;
    }
    // Fast path: most secrets are one long alphanumeric word without an `x`, so that no rule but
    // `is_your_thing` can match.
    let may_match = |byte: u8| !byte.is_ascii_alphanumeric() | (byte | 0x20 == b'x');
    if value.len() > MAX_WORD && !any(value.as_bytes(), may_match) {
        return is_your_thing(value);
    }
    !value.contains('\n')
        && (is_cut_off(value) || is_masked(value) || is_bracketed(value) || is_request(value))
}

/// Returns `true` for `sk-...`, `ghp_…`.
fn is_cut_off(value: &str) -> bool {
    !value.contains(' ') && (value.ends_with("...") || value.ends_with('…'))
}

/// Returns `true` for `xxxx`, `sk-xxxxxxxx`, `****`, `???`.
fn is_masked(value: &str) -> bool {
    let bytes = value.as_bytes();
    let mask = |byte| matches!(byte, b'x' | b'X' | b'*' | b'?' | b'.' | b'_' | b'-' | b'#');
    if bytes.len() >= 3 && !any(bytes, |byte| !mask(byte)) {
        return true;
    }
    any(bytes, |byte| matches!(byte, b'x' | b'X' | b'*' | b'?'))
        && bytes.windows(4).any(|four| {
            four.iter().all(|byte| byte.eq_ignore_ascii_case(&b'x'))
                || four == b"****"
                || four == b"????"
        })
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

/// Returns `true` for `your-token`, `YOUR PAT KEY`, `REPLACE_ME`, `insert key here`, `TODO`.
fn is_request(value: &str) -> bool {
    let is = |word: &str, list: &[&str]| {
        word.len() <= MAX_WORD && list.iter().any(|other| word.eq_ignore_ascii_case(other))
    };
    // Matches a note such as `TODO: ask Ada`, and not a name such as `todo-app`.
    let note = value.split([':', ' ']).next().unwrap_or_default();
    if is(note, &["todo", "fixme", "tbd"]) || joined_is(value, &WORDS) {
        return true;
    }
    let mut words = words(value);
    let Some(first) = words.next() else { return false };
    if is_your_thing(first) || (is(first, &["your"]) && words.clone().next().is_some()) {
        return true;
    }
    // A longer sentence is a request only if it speaks to the reader: "put your token in", but not
    // "Set this and go".
    let objects = if words.clone().count() < 3 { &OBJECTS[..] } else { &["here", "your", "yours"] };
    if is(first, &VERBS) && words.clone().any(|word| is(word, objects)) {
        return true;
    }
    let last = words.clone().last().unwrap_or_default();
    // `https://your-company.example.com`, `postgres://user:your_password@localhost`.
    let your = !value.contains(' ')
        && (words.clone().any(is_your_thing)
            || (words.clone().any(|word| is(word, &["your"])) && !is(last, &["your"])));
    let here = is(last, &["here"]) && (is(first, &THINGS) || words.any(|word| is(word, &THINGS)));
    your || here
}

/// Returns `true` for `yourapikey`, `yourpassword`.
fn is_your_thing(word: &str) -> bool {
    let Some((your, thing)) = word.split_at_checked(4) else { return false };
    your.eq_ignore_ascii_case("your")
        && THINGS.iter().any(|other| {
            thing.get(..other.len()).is_some_and(|start| start.eq_ignore_ascii_case(other))
        })
}

/// Returns `true` if the value is in the list once separators and brackets are removed:
/// `change-me`.
fn joined_is(value: &str, list: &[&str]) -> bool {
    let letters = || value.bytes().filter(u8::is_ascii_alphanumeric);
    if letters().count() > MAX_WORD {
        return false;
    }
    let other = value.bytes().any(|byte| {
        !byte.is_ascii_alphanumeric()
            && !matches!(byte, b' ' | b'-' | b'_' | b'.' | b'!' | b'<' | b'>' | b'[' | b']')
    });
    !other
        && list.iter().any(|word| letters().map(|byte| byte.to_ascii_lowercase()).eq(word.bytes()))
}

fn words(value: &str) -> impl Iterator<Item = &str> + Clone {
    value.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
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
