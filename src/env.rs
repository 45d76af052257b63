//! The environment variables that a module sees.

mod python_str;

use std::fmt::{self, Write};
use std::ops::Range;

use crate::document::Document;
use crate::document::index::{Kind, ROOT};
use crate::document::places::Places;
use crate::document::wiped::Wiped;
use crate::value::Value;

/// The environment variables of a document, exactly as [Streamlit] maps its `secrets.toml`.
///
/// - Only keys of the root table whose value is a string, an integer or a float. Not booleans, not
///   dates, not arrays, not tables, not dotted keys (`a.b = 1` makes a table), and not what follows
///   a `[section]` header.
/// - The name is the key, unchanged. The value is Python's `str()`: `0x1F` gives `31`, `1e16`
///   gives `1e+16`, `nan` has no sign.
///
/// Where TOML and Streamlit's reader part, TOML wins: integers outside 64 bits, floats that
/// overflow and a bare carriage return are refused, a byte order mark and the newer syntax of
/// TOML 1.1 are read.
///
/// Names and values stand in one buffer that is wiped on drop. Nothing is set: the variables are
/// data, for a [`Command`](std::process::Command) or whatever starts the module.
///
/// ```
/// use secrets_toml::Document;
///
/// let env = Document::parse("PAT = \"hunter2\"\nPORT = 0x1F\nDEBUG = true\n[db]\nPORT = 1\n")?.env()?;
///
/// let variables: Vec<_> = env.iter().collect();
/// assert_eq!(variables, [("PAT", "hunter2"), ("PORT", "31")]);
/// assert_eq!(format!("{env:?}"), r#"Env {"PAT", "PORT"}"#);
///
/// let mut command = std::process::Command::new("module");
/// command.envs(&env);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What a `Command` and the child process do with their copies is not wiped here.
///
/// [Streamlit]: https://docs.streamlit.io/develop/concepts/connections/secrets-management
pub struct Env {
    text: Wiped,
    variables: Vec<Variable>,
}

/// Where a variable's name and value stand in the buffer.
struct Variable {
    name: Range<usize>,
    value: Range<usize>,
}

impl Env {
    pub(crate) fn of(document: &Document) -> Result<Self, EnvError> {
        let nodes = document.index().children(ROOT);
        let mut count = 0;
        let mut len = 0;
        for &node in nodes {
            let Some(most) = mapped_len(document, node) else { continue };
            if let Some(fault) = unmappable(document, node) {
                let start = document.index().node(node).key_span.start as usize;
                let line = Places::new(document.expose_text()).line(start);
                return Err(EnvError { path: document.path(node).to_string(), line, fault });
            }
            count += 1;
            len += document.key(node).len() + most;
        }
        let mut text = Wiped::with_capacity(len);
        let mut variables = Vec::with_capacity(count);
        for &node in nodes.iter().filter(|&&node| is_mapped(document, node)) {
            let name = text.append(document.key(node));
            let start = text.len();
            write_value(&mut text, Value::of(document, node))
                .expect("the capacity was computed for every value");
            variables.push(Variable { name, value: start..text.len() });
        }
        Ok(Self { text, variables })
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|&(other, _)| other == name).map(|(_, value)| value)
    }

    /// Names and values, in the order of the document.
    pub fn iter(&self) -> Iter<'_> {
        Iter { text: &self.text, variables: self.variables.iter() }
    }

    /// How many variables there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.variables.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }
}

impl<'a> IntoIterator for &'a Env {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env ")?;
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Names and values of an [`Env`], in the order of the document.
#[derive(Clone)]
pub struct Iter<'a> {
    text: &'a str,
    variables: std::slice::Iter<'a, Variable>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let variable = self.variables.next()?;
        Some((&self.text[variable.name.clone()], &self.text[variable.value.clone()]))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.variables.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.clone().map(|(name, _)| name)).finish()
    }
}

/// A name or a value that no environment takes. Nothing was mapped.
#[derive(Debug, Clone, thiserror::Error)]
#[error("line {line}: `{path}` {fault}")]
pub struct EnvError {
    path: String,
    line: usize,
    fault: Unmappable,
}

impl EnvError {
    /// The variable's path, as a document writes it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line of the variable, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
}

/// Why a root value cannot be an environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmappable {
    EmptyName,
    Equals,
    NulInName,
    NulInValue,
}

impl fmt::Display for Unmappable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyName => "cannot be an environment variable: its name is empty",
            Self::Equals => "cannot be an environment variable: its name holds `=`",
            Self::NulInName => "cannot be an environment variable: its name holds a NUL",
            Self::NulInValue => "cannot be an environment variable: its value holds a NUL",
        })
    }
}

/// What keeps a root value that is mapped out of the environment.
pub(crate) fn unmappable(document: &Document, node: u32) -> Option<Unmappable> {
    mapped_len(document, node)?;
    // A bare key holds neither, and only an escape makes a NUL.
    if !document.is_bare(node) {
        let name = document.key(node);
        if name.is_empty() {
            return Some(Unmappable::EmptyName);
        } else if name.contains('=') {
            return Some(Unmappable::Equals);
        } else if name.contains('\0') {
            return Some(Unmappable::NulInName);
        }
    }
    let nul = !document.is_verbatim(node) && document.content(node).contains('\0');
    nul.then_some(Unmappable::NulInValue)
}

/// Whether a root value reaches the environment.
pub(crate) fn is_mapped(document: &Document, node: u32) -> bool {
    mapped_len(document, node).is_some()
}

/// The most bytes of a value that is mapped; `None` for one that is not.
fn mapped_len(document: &Document, node: u32) -> Option<usize> {
    match document.index().node(node).kind {
        Kind::String => Some(document.content(node).len()),
        Kind::Integer => Some(python_str::MAX_INTEGER),
        Kind::Float => Some(python_str::MAX_FLOAT),
        _ => None,
    }
}

fn write_value(text: &mut Wiped, value: Value<'_>) -> fmt::Result {
    match value {
        Value::String(string) => text.write_str(string),
        Value::Integer(integer) => write!(text, "{integer}"),
        Value::Float(float) => python_str::write_float(text, float),
        _ => Ok(()),
    }
}
