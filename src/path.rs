//! Paths of variables: `db_credentials.username`, `users[0].name`, `a."b.c"`.

use std::borrow::Cow;
use std::fmt::{self, Write};

use toml_parser::lexer::{Token, TokenKind};
use toml_parser::{Raw, Source};

use crate::document::Document;
use crate::document::decode::is_bare;
use crate::document::index::ROOT;

/// How much of a path is shown, in characters, with the `…` of one that is cut.
const MAX_SHOWN: usize = 256;

/// The path of a variable, as TOML writes a dotted key, with array positions in brackets.
///
/// It is put together when it is displayed, from the document that it belongs to, with control and
/// bidirectional characters escaped. Of one that has 256 characters or more, 255 are shown, then `…`.
/// What it displays is read back by [`Document::find`], unless it was cut. [`Document::at`] takes the
/// path itself, whatever its length.
///
/// ```
/// use secrets_toml::Document;
///
/// let document = Document::parse("[db]\n\"user name\" = \"\"\n")?;
/// let invalid = document.validate().unwrap_err();
/// let finding = invalid.findings().next().unwrap();
/// assert_eq!(finding.path().to_string(), "db.\"user name\"");
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct KeyPath<'a> {
    document: &'a Document,
    node: u32,
    /// For what is absent from an element of an array: the element in the document, and the
    /// element of the template that it is held against.
    within: Option<(&'a Document, u32, u32)>,
}

impl<'a> KeyPath<'a> {
    pub(crate) fn new(document: &'a Document, node: u32) -> Self {
        Self { document, node, within: None }
    }

    /// The path of the template's `node`, in the document's `element` instead of the template's
    /// `first`.
    pub(crate) fn within(
        template: &'a Document,
        node: u32,
        first: u32,
        document: &'a Document,
        element: u32,
    ) -> Self {
        Self { document: template, node, within: Some((document, element, first)) }
    }

    /// The last key of the path, or `None` where it ends with an array position.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        match step(self.document, self.node) {
            Step::Key(key) => Some(key),
            Step::Position(_) => None,
        }
    }

    /// The path of the table or array around it, or `None` at the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let parent = self.document.index().node(self.node).parent;
        let parent = match self.within {
            Some((document, element, first)) if parent == first => Self::new(document, element),
            _ => Self { node: parent, ..*self },
        };
        (parent.node != ROOT).then_some(parent)
    }

    /// The steps to the path, the last first.
    fn steps(&self) -> Vec<Step<'a>> {
        let mut steps = Vec::new();
        let (mut document, mut node, mut within) = (self.document, self.node, self.within);
        loop {
            if let Some((other, element, first)) = within
                && node == first
            {
                (document, node, within) = (other, element, None);
            }
            if node == ROOT {
                break;
            }
            steps.push(step(document, node));
            node = document.index().node(node).parent;
        }
        steps
    }
}

impl fmt::Display for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_steps(f, self.steps().into_iter().rev())
    }
}

impl fmt::Debug for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPath({self})")
    }
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Key(&'a str),
    Position(usize),
}

/// The last step of a node's path.
fn step(document: &Document, node: u32) -> Step<'_> {
    if document.index().is_element(node) {
        Step::Position(document.index().position(node))
    } else {
        Step::Key(document.key(node))
    }
}

/// The steps as a path of limited length.
pub(crate) fn display<'a>(steps: impl Iterator<Item = Step<'a>>) -> String {
    let mut path = String::new();
    write_steps(&mut path, steps).expect("a String takes all that is written");
    path
}

fn write_steps<'a>(f: &mut impl Write, steps: impl Iterator<Item = Step<'a>>) -> fmt::Result {
    let mut f = Limited { f, left: MAX_SHOWN };
    for (i, step) in steps.enumerate() {
        if f.left == 0 {
            break;
        }
        match step {
            Step::Position(position) => write!(f, "[{position}]")?,
            Step::Key(key) => {
                if i > 0 {
                    f.write_char('.')?;
                }
                // A key is cut before it is looked at: it may be half a megabyte. What is left of
                // it is as much as is shown at all.
                let cut = cut(key, MAX_SHOWN);
                if !cut.is_empty() && cut.bytes().all(is_bare) {
                    f.write_str(cut)?;
                } else {
                    f.write_char('"')?;
                    for character in cut.chars() {
                        write_escaped(&mut f, character)?;
                    }
                    f.write_char('"')?;
                }
            }
        }
    }
    Ok(())
}

/// Writes a character of a quoted key so that no terminal acts on it.
fn write_escaped(f: &mut impl Write, character: char) -> fmt::Result {
    match character {
        '"' | '\\' => write!(f, "\\{character}"),
        _ if is_unsafe(character) => match u32::from(character) {
            code @ ..=0xFFFF => write!(f, "\\u{code:04X}"),
            code => write!(f, "\\U{code:08X}"),
        },
        _ => f.write_char(character),
    }
}

/// Control characters, line separators, and what changes the direction or hides in a text.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}'
        )
}

/// The first `limit` characters.
fn cut(text: &str, limit: usize) -> &str {
    match text.char_indices().nth(limit) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// Lets a number of characters through, then one `…`.
struct Limited<'f, W> {
    f: &'f mut W,
    left: usize,
}

impl<W: Write> Write for Limited<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match self.left {
                0 => break,
                1 => self.f.write_char('…')?,
                _ => self.f.write_char(character)?,
            }
            self.left -= 1;
        }
        Ok(())
    }
}

/// Walks a path, of whatever document, from the root. `None`: it leads nowhere.
pub(crate) fn at(document: &Document, path: &KeyPath<'_>) -> Option<u32> {
    path.steps().into_iter().rev().try_fold(ROOT, |node, step| match step {
        Step::Key(key) => document.child(node, key),
        Step::Position(position) => element(document, node, position),
    })
}

/// Walks a path as it is written from the root. `None`: the path is malformed, or leads nowhere.
pub(crate) fn find(document: &Document, path: &str) -> Option<u32> {
    // The lexer would take it for the start of a text.
    if path.starts_with('\u{feff}') {
        return None;
    }
    let source = Source::new(path);
    let tokens: Vec<Token> = source.lex().collect();
    let key = |table, tokens| match after_space(tokens) {
        [key, rest @ ..] => Some((document.child(table, &decode(source.get(key)?)?)?, rest)),
        [] => None,
    };
    let (mut node, mut rest) = key(ROOT, tokens.as_slice())?;
    loop {
        (node, rest) = match rest {
            [open, position, close, rest @ ..]
                if open.kind() == TokenKind::LeftSquareBracket
                    && close.kind() == TokenKind::RightSquareBracket =>
            {
                let position = source.get(position)?.as_str();
                let is_plain = position.bytes().all(|byte| byte.is_ascii_digit())
                    && (position == "0" || !position.starts_with('0'));
                let position = position.parse().ok().filter(|_| is_plain)?;
                (element(document, node, position)?, rest)
            }
            _ => match after_space(rest) {
                [end] if end.kind() == TokenKind::Eof => return Some(node),
                [dot, rest @ ..] if dot.kind() == TokenKind::Dot => key(node, rest)?,
                _ => return None,
            },
        };
    }
}

/// What follows the white space that TOML allows around a dot and at both ends of a key.
fn after_space(tokens: &[Token]) -> &[Token] {
    match tokens {
        [space, rest @ ..] if space.kind() == TokenKind::Whitespace => rest,
        _ => tokens,
    }
}

/// The element of an array at a position.
fn element(document: &Document, array: u32, position: usize) -> Option<u32> {
    let index = document.index();
    let elements = index.node(array).kind.is_array().then(|| index.children(array))?;
    elements.get(position).copied()
}

/// A part of a path as it is meant: bare, or in quotes.
fn decode(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let mut decoded = Cow::Borrowed("");
    let mut error = None;
    raw.decode_key(&mut decoded, &mut error);
    error.is_none().then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_is_at_its_path() {
        let text = "a = [[], [0, { b = '' }]]\nc.d.e = 1\n[[f]]\n[[f]]\n[[f.g]]\n'' = [{}, [{}]]\n";
        let (document, twin) = (Document::parse(text).unwrap(), Document::parse(text).unwrap());
        for node in 0..document.index().len() {
            assert_eq!(at(&document, &document.path(node)), Some(node));
            assert_eq!(at(&twin, &document.path(node)), Some(node));
        }
    }
}
