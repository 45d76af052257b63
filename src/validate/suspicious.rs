//! Strings that are probably not what the author intends, as written in TOML: white space around
//! them, quotes in them, or an escape that is missing or unwanted.

use std::fmt;

/// A reason why a string is suspicious.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// A line or more of PEM in which `\n` is a backslash and a letter.
    Pem,
    /// A path such as `C:\new` between double quotes, so that `\n` is a line break.
    WindowsPath,
    /// `'"abc"'`.
    Quotes,
    /// White space before or after a single line.
    WhiteSpace,
}

impl Suspicion {
    /// Returns `false` for nearly every value: for those to which no reason applies, and which are not
    /// blank. They begin and end with a letter, a digit or a sign of ASCII.
    pub(super) fn is_possible(content: &str) -> bool {
        match content.as_bytes() {
            [b'-' | b'"' | b'\'', ..] | [_, b':', ..] => true,
            [first, .., last] => !(first.is_ascii_graphic() && last.is_ascii_graphic()),
            [only] => !only.is_ascii_graphic(),
            [] => true,
        }
    }

    /// Returns the first reason that applies to a string. `raw` is the string as it is written, with
    /// its quotes.
    pub(super) fn of(content: &str, raw: &str) -> Option<Self> {
        let trimmed = content.trim();
        if trimmed.starts_with("-----BEGIN") {
            return trimmed.contains("\\n").then_some(Self::Pem);
        }
        if is_broken_windows_path(trimmed) && raw.starts_with('"') {
            return Some(Self::WindowsPath);
        }
        if has_quotes(trimmed) {
            return Some(Self::Quotes);
        }
        // White space around several lines is usual: `"""` on a line of its own, a final newline.
        (trimmed.len() < content.len() && !trimmed.contains('\n')).then_some(Self::WhiteSpace)
    }

    /// How to fix it.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Pem => "write the value between double quotes, with one `\\` before each `n`",
            Self::WindowsPath => "write the path between single quotes, as in `'C:\\folder'`",
            Self::Quotes => "write one pair of quotes only",
            Self::WhiteSpace => "remove the white space at both ends, inside the quotes",
        }
    }
}

/// The problem, to be read after the path of the variable.
impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem => "has the two characters `\\n` where a line should end",
            Self::WindowsPath => {
                "looks like a Windows path that is not read as written: \
                 between double quotes, `\\n` is a line break and `\\t` a tab"
            }
            Self::Quotes => "has quotes inside its quotes: they are a part of the value",
            Self::WhiteSpace => "has white space around it: that is a part of the value",
        })
    }
}

/// Returns `true` for a drive, then a backslash or what an escape made of one, and a control
/// character. A backslash must follow the colon, because texts such as `Q: …` have line breaks, too.
fn is_broken_windows_path(content: &str) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control();
    match content.as_bytes() {
        [drive, b':', rest @ ..] if drive.is_ascii_alphabetic() => {
            rest.first().is_some_and(|byte| *byte == b'\\' || is_control(byte))
                && rest.iter().any(is_control)
        }
        _ => false,
    }
}

/// Returns `true` for a text within one pair of quotes, straight or curly. `"a" or "b"` has two.
fn has_quotes(content: &str) -> bool {
    [('"', '"'), ('\'', '\''), ('“', '”'), ('„', '“'), ('‘', '’')].iter().any(|&(open, close)| {
        content
            .strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
            .is_some_and(|inside| !inside.contains([open, close]))
    })
}
