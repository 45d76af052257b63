//! Lines of other languages: comments, shell scripts, JSON, YAML, Markdown, programs.

use crate::document::fault::Fault;
use crate::document::line::{assignment, closing, is_blank};
use crate::document::mistake::parts::{Line, Mistake, unquoted};

/// The starts of lines of another language. The first that fits decides.
#[rustfmt::skip]
const STARTS: &[(&str, Fault)] = &[
    ("<<<<<<<", Fault::ConflictMarker),
    ("========", Fault::Separator),
    ("=======", Fault::ConflictMarker),
    (">>>>>>>", Fault::ConflictMarker),
    ("|||||||", Fault::ConflictMarker),
    ("```", Fault::MarkdownFence),
    ("~~~", Fault::MarkdownFence),
    ("-----BEGIN ", Fault::UnquotedPem),
    ("----", Fault::Separator),
    ("---", Fault::Separator),
    ("***", Fault::Separator),
    ("//", Fault::WrongComment),
    ("/*", Fault::WrongComment),
    ("*/", Fault::WrongComment),
    ("* ", Fault::WrongComment),
    (";", Fault::WrongComment),
    ("-- ", Fault::WrongComment),
    ("<!--", Fault::WrongComment),
    ("- ", Fault::YamlList),
    ("<", Fault::Markup),
    ("{{", Fault::ProgramCode),
    ("{%", Fault::ProgramCode),
    ("from ", Fault::ProgramCode),
    ("import ", Fault::ProgramCode),
    ("def ", Fault::ProgramCode),
    ("return ", Fault::ProgramCode),
];

/// Words before a key, with what may follow them.
const WORDS: [&str; 13] = [
    "export", "set", "setx", "setenv", "declare", "local", "readonly", "env", "const", "let",
    "var", "val", "final",
];

/// Returns the mistake if the whole line is one of another language.
pub(super) fn of(line: &Line<'_>) -> Option<Mistake> {
    let body = line.body();
    if assignment(line.text).is_some() && line.sign() == "=" {
        return None;
    }
    let start = STARTS.iter().find(|(start, _)| body.starts_with(start));
    if let Some(&(_, fault)) = start
        // `from = …` is a key.
        && !(fault == Fault::ProgramCode && line.key().len() <= "import".len())
    {
        let end = body.find('\n').unwrap_or(body.len());
        return Some((line.body..line.body + end, fault));
    }
    if body.starts_with('{') {
        return Some((line.body..line.body + 1, Fault::JsonDocument));
    }
    if body.starts_with('[') {
        let inner = body.trim_start_matches('[');
        let json = inner.trim_start().starts_with('{')
            || inner.trim().is_empty()
            || body.contains('\n')
            || body.starts_with("[\"") && body.contains(',');
        return json.then_some((line.body..line.body + 1, Fault::JsonDocument));
    }
    word(line).or_else(|| code(line))
}

/// A shell's way to set a variable: `export KEY=…`, `$KEY = …`, `$env:KEY = …`.
fn word(line: &Line<'_>) -> Option<Mistake> {
    let body = line.body();
    if body.starts_with('$') {
        return Some((line.body..line.body + 1, Fault::DollarKey));
    }
    let (word, rest) = body.split_once([' ', '\t'])?;
    let is_word = WORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
    // `set = 1` is a key, `set KEY value` is not.
    let follows = rest
        .trim_start_matches(is_blank)
        .starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"' || c == '-' || c == '$');
    (is_word && follows).then_some((line.body..line.body + word.len(), Fault::ShellWord))
}

/// A line of a program: a key with an index or a call, or a value that is a call.
fn code(line: &Line<'_>) -> Option<Mistake> {
    let key = line.key();
    let is_code = match unquoted(key)? {
        "" => false,
        name => {
            let rest = &key[name.len()..];
            name.contains('.') && rest.starts_with('[') || rest.starts_with('(')
        }
    };
    if is_code && closing_bracket(key) || body_is_call(line) {
        return Some((line.from(line.body), Fault::ProgramCode));
    }
    None
}

fn closing_bracket(key: &str) -> bool {
    key.contains([']', ')']) || key.contains(['"', '\''])
}

/// Returns `true` for `name(…)` without a sign.
fn body_is_call(line: &Line<'_>) -> bool {
    let name = line.body().split('(').next().unwrap_or("");
    let has = name.len() < line.body().len();
    has && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
        && line.text.ends_with([')', ';', ':'])
}

/// Returns `true` if what follows a value is a comment of another language.
pub(super) fn is_comment(rest: &str) -> bool {
    let rest = rest.trim_start_matches(is_blank);
    rest.starts_with("//")
        || rest.starts_with("/*")
        || rest.starts_with("--")
        || rest.starts_with("<!--")
        || rest.strip_prefix(';').is_some_and(|rest| rest.trim_start().len() > 1)
}

/// Returns the offset after a quoted text at the start, or 0.
pub(super) fn quoted(text: &str) -> usize {
    if text.starts_with(['"', '\'']) { closing(text, 0).unwrap_or(0) } else { 0 }
}

/// Returns `true` for the next key after a `;`: `KEY = …` or `export KEY=…`.
fn is_next(rest: &str) -> bool {
    let rest = rest.trim_start();
    assignment(rest.strip_prefix("export ").unwrap_or(rest)).is_some()
}

/// Returns the mistake in what follows a value.
pub(super) fn after(text: &str, rest: &str, at: usize) -> Option<Mistake> {
    let listed = rest.strip_prefix(',').map(str::trim_start);
    let fault = match rest {
        "" => return None,
        "," | ";" => Fault::LineEndSign,
        "]" => Fault::UnopenedBracket,
        "}" => Fault::UnopenedBrace,
        _ if rest.strip_prefix(';').is_some_and(is_next) => Fault::TwoKeys,
        _ if is_comment(rest) => Fault::WrongComment,
        _ if rest.starts_with([',', ';']) && rest[1..].trim_start().starts_with('#') => {
            return Some((at..at + 1, Fault::LineEndSign));
        }
        _ if assignment(rest.trim_start_matches([',', ';'])).is_some() => Fault::TwoKeys,
        _ if listed.is_some_and(|next| next.starts_with(['"', '\''])) => Fault::ListBrackets,
        "." => return None,
        _ if rest.starts_with(['+', '%', '.', ')']) || rest.starts_with("if ") => {
            Fault::ProgramCode
        }
        _ => return None,
    };
    Some((at..text.len(), fault))
}
