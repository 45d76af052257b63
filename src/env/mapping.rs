//! The mapping of root values to environment variables.

use std::fmt::{self, Write};

use crate::document::Document;
use crate::document::index::Kind;
use crate::env::python_str;
use crate::text::wiped::Wiped;
use crate::value::Value;

/// The maximum length of `NAME=value` with which Linux starts a process: `MAX_ARG_STRLEN` of
/// execve(2) for pages of 4 KiB, without the NUL at the end.
pub(crate) const MAX_VARIABLE_LEN: usize = 131_071;

/// The reason why a root value cannot be an environment variable.
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

/// Returns the reason why a value cannot be an environment variable, if it is one that is mapped.
#[inline]
pub(crate) fn unmappable(document: &Document, node: u32) -> Option<Unmappable> {
    if !is_mapped(document, node) {
        return None;
    }
    // A bare key has neither `=` nor NUL. Only an escape makes a NUL.
    if !document.is_bare(node)
        && let Some(fault) = unmappable_name(document.key(node))
    {
        return Some(fault);
    }
    let nul = !document.is_verbatim(node) && document.content(node).contains('\0');
    nul.then_some(Unmappable::NulInValue)
}

/// Returns the reason why a name cannot be that of an environment variable.
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

/// Returns `true` if a root value is mapped to a variable that is longer than
/// [`MAX_VARIABLE_LEN`].
pub(crate) fn is_too_long(document: &Document, node: u32) -> bool {
    // Fast path, since nearly every variable is short: the text of a value is never much longer
    // than its spelling in the document.
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

/// Returns `true` if a root value of this kind is mapped to an environment variable.
pub(crate) fn is_mapped(document: &Document, node: u32) -> bool {
    matches!(document.index().node(node).kind, Kind::String | Kind::Integer | Kind::Float)
}

/// Returns an upper bound for the length of a value, or `None` if it is not mapped.
pub(super) fn mapped_len(document: &Document, node: u32) -> Option<usize> {
    match document.index().node(node).kind {
        Kind::String => Some(document.content(node).len()),
        Kind::Integer => Some(python_str::MAX_INTEGER),
        Kind::Float => Some(python_str::MAX_FLOAT),
        _ => None,
    }
}

/// Writes the text that the environment has for a value, which is Python's `str()` of it.
pub(crate) fn write_value(text: &mut impl Write, value: Value<'_>) -> fmt::Result {
    match value {
        Value::String(string) => text.write_str(string),
        Value::Integer(integer) => write!(text, "{integer}"),
        Value::Float(float) => python_str::write_float(text, float),
        _ => Ok(()),
    }
}
