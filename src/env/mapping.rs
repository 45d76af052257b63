//! The root values that the environment takes, and the text of each.

use std::fmt::{self, Write};

use crate::document::Document;
use crate::document::index::Kind;
use crate::env::python_str;
use crate::text::wiped::Wiped;
use crate::value::Value;

/// The most bytes of a variable, with its name and the `=`, that Linux starts a process with:
/// `MAX_ARG_STRLEN` of execve(2), where a page has 4 KiB, without the NUL at the end.
pub(crate) const MAX_VARIABLE_LEN: usize = 131_071;

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
    if !is_mapped(document, node) {
        return None;
    }
    // A bare key holds neither, and only an escape makes a NUL.
    if !document.is_bare(node)
        && let Some(fault) = unmappable_name(document.key(node))
    {
        return Some(fault);
    }
    let nul = !document.is_verbatim(node) && document.content(node).contains('\0');
    nul.then_some(Unmappable::NulInValue)
}

/// What keeps a name out of the environment.
pub(crate) fn unmappable_name(name: &str) -> Option<Unmappable> {
    if name.is_empty() {
        Some(Unmappable::EmptyName)
    } else if name.contains('=') {
        Some(Unmappable::Equals)
    } else if name.contains('\0') {
        Some(Unmappable::NulInName)
    } else {
        None
    }
}

/// Returns `true` if a root value that is mapped is longer, with its name and `=`, than what a
/// Linux process can be started with.
pub(crate) fn is_too_long(document: &Document, node: u32) -> bool {
    // What is written is not much shorter than what it means: nearly every variable is short.
    let (key, value) = (document.index().node(node).key_span, document.index().node(node).span);
    let written = (value.end - key.start) as usize;
    if written + python_str::MAX_FLOAT < MAX_VARIABLE_LEN {
        return false;
    }
    let Some(most) = mapped_len(document, node) else { return false };
    let Some(room) = MAX_VARIABLE_LEN.checked_sub(document.key(node).len() + 1) else {
        return true;
    };
    if most <= room || document.index().node(node).kind == Kind::String {
        return most > room;
    }
    let mut number = Wiped::with_capacity(most);
    let value = Value::of(document, node);
    write_value(&mut number, value).expect("the capacity is the most that it takes");
    number.len() > room
}

/// Whether a root value reaches the environment.
pub(crate) fn is_mapped(document: &Document, node: u32) -> bool {
    matches!(document.index().node(node).kind, Kind::String | Kind::Integer | Kind::Float)
}

/// The most bytes of a value that is mapped; `None` for one that is not.
pub(super) fn mapped_len(document: &Document, node: u32) -> Option<usize> {
    match document.index().node(node).kind {
        Kind::String => Some(document.content(node).len()),
        Kind::Integer => Some(python_str::MAX_INTEGER),
        Kind::Float => Some(python_str::MAX_FLOAT),
        _ => None,
    }
}

/// Writes what the environment has for a value, as Python's `str()` does.
pub(crate) fn write_value(text: &mut impl Write, value: Value<'_>) -> fmt::Result {
    match value {
        Value::String(string) => text.write_str(string),
        Value::Integer(integer) => write!(text, "{integer}"),
        Value::Float(float) => python_str::write_float(text, float),
        _ => Ok(()),
    }
}
