//! Strings that read like something to be replaced: `your-token`, `<key>`, `xxxx`, `changeme`.
//!
//! The rule looks at words, not at entropy: a real default (a URL, a model's name, a port,
//! `localhost`, a bucket) reads like none of them, and a random token almost never does. Nothing
//! is copied, since most of what it looks at is a secret.

use crate::text::bytes::any;

/// Longer texts are keys and certificates, not notes to the author.
const MAX_LEN: usize = 200;

/// What, alone, says that a value is missing.
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

/// The longest of [`WORDS`].
const MAX_WORD: usize = 11;

/// What asks for something, and what shows that it is a request and not a name.
const VERBS: [&str; 9] =
    ["add", "change", "enter", "fill", "insert", "paste", "put", "replace", "set"];
const OBJECTS: [&str; 8] = ["here", "in", "it", "me", "this", "with", "your", "yours"];

/// What an author is asked for: `yourapikey`, `key here`.
const THINGS: [&str; 16] = [
    "access", "account", "api", "app", "client", "email", "host", "id", "key", "name", "pass",
    "password", "pat", "secret", "token", "user",
];

/// Whether a string reads like a placeholder.
pub(crate) fn is_placeholder(value: &str) -> bool {
    let value = value.trim_ascii();
    if value.is_empty() || value.len() > MAX_LEN {
        return false;
    }
    // Most secrets are one long word without an `x`: neither words nor a mask.
    let speaks = |byte: u8| !byte.is_ascii_alphanumeric() | (byte | 0x20 == b'x');
    if value.len() > MAX_WORD && !any(value.as_bytes(), speaks) {
        return is_your_thing(value);
    }
    !value.contains('\n')
        && (is_cut_off(value) || is_masked(value) || is_bracketed(value) || is_request(value))
}

/// `sk-...`, `ghp_…`.
fn is_cut_off(value: &str) -> bool {
    !value.contains(' ') && (value.ends_with("...") || value.ends_with('…'))
}

/// `xxxx`, `sk-xxxxxxxx`, `****`, `???`.
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

/// `<your key>`, `https://<account>.example.com`, `${KEY}`, `{{ key }}`.
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

/// `your-token`, `YOUR PAT KEY`, `REPLACE_ME`, `insert key here`, `TODO`.
fn is_request(value: &str) -> bool {
    let is = |word: &str, list: &[&str]| {
        word.len() <= MAX_WORD && list.iter().any(|other| word.eq_ignore_ascii_case(other))
    };
    // A note such as `TODO: ask Ada`, not a name such as `todo-app`.
    let note = value.split([':', ' ']).next().unwrap_or_default();
    if is(note, &["todo", "fixme", "tbd"]) || joined_is(value, &WORDS) {
        return true;
    }
    let mut words = words(value);
    let Some(first) = words.next() else { return false };
    if is_your_thing(first) || (is(first, &["your"]) && words.clone().next().is_some()) {
        return true;
    }
    // A sentence that only speaks of what is the reader's is a greeting, not a request.
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

/// `yourapikey`, `yourpassword`.
fn is_your_thing(word: &str) -> bool {
    let Some((your, thing)) = word.split_at_checked(4) else { return false };
    your.eq_ignore_ascii_case("your")
        && THINGS.iter().any(|other| {
            thing.get(..other.len()).is_some_and(|start| start.eq_ignore_ascii_case(other))
        })
}

/// Whether the value, without what stands between its words, is one of the list: `change-me`.
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
    fn a_long_text_is_no_placeholder() {
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
