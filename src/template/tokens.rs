//! Well-known formats of tokens: a template with one was committed with a secret.
//!
//! A token has a prefix that nobody uses for anything else, and after it a number of characters of
//! one alphabet. Nothing is guessed from how random a text looks.

use std::ops::Range;

/// A format of tokens.
struct Token {
    /// The service, for the message.
    of: &'static str,
    prefix: &'static str,
    alphabet: fn(u8) -> bool,
    /// The least and the most characters after the prefix.
    len: (usize, usize),
}

const TOKENS: [Token; 20] = [
    token("an Anthropic key", "sk-ant-api03-", is_url_safe, (95, 95)),
    token("an AWS access key", "AKIA", |byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'), (16, 16)),
    token("a Databricks token", "dapi", is_hexadecimal, (32, 32)),
    token("a DigitalOcean token", "dop_v1_", is_hexadecimal, (64, 64)),
    token("a GitHub token", "ghp_", is_alphanumeric, (36, 36)),
    token("a GitHub token", "github_pat_", is_word, (82, 82)),
    token("a GitLab token", "glpat-", is_url_safe, (20, 300)),
    token("a Google key", "AIza", is_url_safe, (35, 35)),
    token("a Google client secret", "GOCSPX-", is_url_safe, (28, 28)),
    token("a Groq key", "gsk_", is_alphanumeric, (52, 52)),
    token("a Hugging Face token", "hf_", is_alphanumeric, (34, 34)),
    token("an npm token", "npm_", is_alphanumeric, (36, 36)),
    token("an OpenAI key", "sk-proj-", is_url_safe, (40, 200)),
    token("a Perplexity key", "pplx-", is_alphanumeric, (48, 48)),
    token("a PyPI token", "pypi-AgEIcHlwaS5vcmc", is_url_safe, (50, 1000)),
    token("a Replicate token", "r8_", is_url_safe, (37, 37)),
    token("a SendGrid key", "SG.", |byte| is_url_safe(byte) || byte == b'.', (66, 66)),
    token("a Slack token", "xoxb-", |byte| is_alphanumeric(byte) || byte == b'-', (36, 80)),
    token("a Stripe key", "sk_live_", is_alphanumeric, (24, 250)),
    token("an xAI key", "xai-", is_word, (80, 80)),
];

const fn token(
    of: &'static str,
    prefix: &'static str,
    alphabet: fn(u8) -> bool,
    len: (usize, usize),
) -> Token {
    Token { of, prefix, alphabet, len }
}

/// A token in a text.
#[derive(Debug, PartialEq)]
pub(crate) struct Committed {
    /// The service with its article, such as "a GitHub token".
    pub(crate) of: &'static str,
    pub(crate) span: Range<usize>,
}

/// Returns the tokens of a text, in its order.
///
/// A token is whole: characters outside its alphabet surround it, or the ends of the text.
pub(crate) fn find(text: &str) -> Vec<Committed> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    for start in 0..bytes.len() {
        // Most characters are inside a word. After an escape such as `\n`, a new one begins.
        let before = start.checked_sub(1).map(|i| bytes[i]).filter(|_| !is_escaped(bytes, start));
        if before.is_some_and(is_alphanumeric) {
            continue;
        }
        let rest = &bytes[start..];
        for token in &TOKENS {
            // A run of the alphabet is searched from its start only, so that the time is linear.
            if !rest.starts_with(token.prefix.as_bytes()) || before.is_some_and(token.alphabet) {
                continue;
            }
            let rest = &rest[token.prefix.len()..];
            let len = rest.iter().take_while(|byte| (token.alphabet)(**byte)).count();
            // The full stop of a sentence is not part of a token.
            let len = rest[..len].iter().rposition(|&byte| byte != b'.').map_or(0, |last| last + 1);
            if (token.len.0..=token.len.1).contains(&len) && !is_made_up(&rest[..len]) {
                let end = start + token.prefix.len() + len;
                found.push(Committed { of: token.of, span: start..end });
                break;
            }
        }
    }
    found
}

/// Returns `true` if the byte before `start` is the letter of an escape: `\n`.
fn is_escaped(bytes: &[u8], start: usize) -> bool {
    start >= 2 && bytes[start - 2] == b'\\'
}

/// Returns `true` for `xxxxxxxx`, with or without separators, and for an example of a handbook.
fn is_made_up(token: &[u8]) -> bool {
    let mut letters = token.iter().filter(|byte| is_alphanumeric(**byte));
    let first = letters.next();
    letters.all(|byte| Some(byte) == first) || token.ends_with(b"EXAMPLE")
}

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_hexadecimal(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn is_word(byte: u8) -> bool {
    is_alphanumeric(byte) || byte == b'_'
}

fn is_url_safe(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::{TOKENS, Token, find};
    use crate::dice::Dice;

    /// Characters of the token's alphabet.
    fn letters(token: &Token) -> Vec<char> {
        (0..128).filter(|byte| (token.alphabet)(*byte)).map(char::from).collect()
    }

    /// A made-up token. It is made here, so that no scanner of repositories takes it for a real one.
    fn made_up(token: &Token, len: usize, dice: &mut Dice) -> String {
        let letters: Vec<_> = letters(token).into_iter().filter(|c| *c != '.').collect();
        let rest = (0..len).map(|_| letters[dice.roll(letters.len())]);
        token.prefix.chars().chain(rest).collect()
    }

    #[track_caller]
    fn count(text: &str) -> usize {
        find(text).len()
    }

    #[test]
    fn each_format_is_found_in_any_surroundings() {
        let mut dice = Dice(1);
        for token in &TOKENS {
            for len in [token.len.0, token.len.1] {
                let made_up = made_up(token, len, &mut dice);
                for (before, after) in [
                    ("", ""),
                    ("KEY = \"", "\""),
                    ("\"https://x:", "@example.com/\""),
                    ("['", "', 'b']"),
                    ("'''\nfirst\n", "\n'''"),
                    ("\"first\\n", "\\nlast\""),
                    ("# KEY = ", ", a key."),
                    ("it is ", "."),
                    ("é", "é"),
                ] {
                    let text = format!("{before}{made_up}{after}");
                    let found = find(&text);
                    assert_eq!(found.len(), 1, "{text}");
                    assert_eq!((found[0].of, &text[found[0].span.clone()]), (token.of, &*made_up));
                }
            }
        }
    }

    #[test]
    fn look_alikes_are_let_through() {
        let mut dice = Dice(2);
        for token in &TOKENS {
            let (least, most) = token.len;
            let whole = made_up(token, least, &mut dice);
            let inside = letters(token)[0];
            for look_alike in [
                made_up(token, least - 1, &mut dice),
                made_up(token, most + 1, &mut dice),
                format!("{inside}{whole}"),
                format!("{}{}", token.prefix, inside.to_string().repeat(least)),
                format!("{}{}", token.prefix, "!".repeat(least)),
                whole.replacen(token.prefix, &token.prefix[1..], 1),
            ] {
                assert_eq!(count(&look_alike), 0, "{look_alike}");
            }
        }
        assert_eq!(count(&format!("{}IOSFODNN7EXAMPLE", "AKIA")), 0);
    }

    #[test]
    fn random_strings_are_no_tokens() {
        let mut dice = Dice(3);
        for _ in 0..100_000 / TOKENS.len() {
            for token in &TOKENS {
                let letters = letters(token);
                let text: String = (0..token.len.0 + token.prefix.len())
                    .map(|_| letters[dice.roll(letters.len())])
                    .collect();
                assert_eq!(count(&text), 0, "{text}");
            }
        }
    }
}
