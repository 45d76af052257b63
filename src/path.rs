//! Paths of variables: `db_credentials.username`, `users[0].name`, `a."b.c"`.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

use toml_parser::lexer::{Token, TokenKind};
use toml_parser::{Raw, Source};

use crate::document::Document;
use crate::document::index::ROOT;
use crate::text::shown::{Step, write_steps};
use crate::value::Value;

impl Document {
    /// Returns the value at a path, which is a dotted key of TOML with array positions in brackets.
    ///
    /// As in TOML, a part of the path may be in quotes, and spaces and tabs around dots and at both
    /// ends are ignored. Brackets are an addition to TOML: there must be no space before or inside
    /// them. Positions count from 0.
    ///
    /// Returns `None` if the value does not exist or the path is malformed.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let document = Document::parse("a.\"b.c\" = 1\n[[users]]\nname = 'Ada'\n")?;
    /// assert_eq!(document.find("a.\"b.c\"").and_then(|value| value.as_integer()), Some(1));
    /// assert_eq!(document.find("a . 'b.c'").and_then(|value| value.as_integer()), Some(1));
    /// assert_eq!(document.find("users[0].name").and_then(|value| value.as_str()), Some("Ada"));
    /// assert!(document.find("users[1]").is_none());
    /// # Ok::<(), secrets_toml::ParseError>(())
    /// ```
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Value<'_>> {
        find(self, path).map(|node| Value::of(self, node))
    }

    /// Returns the value at a path that this document, another document or a template gave.
    ///
    /// Unlike [`find`](Self::find) it does not need the text of the path, and so it also takes a
    /// path that is too long to be displayed whole.
    ///
    /// Returns `None` if the value does not exist, for example for the path of a missing variable.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::{Document, Template};
    ///
    /// let template = Template::parse("PAT = ''\n[db]\nuser = ''\n")?;
    /// let document = Document::parse("db.user = 'ada'\n")?;
    /// let values = template.variables().map(|variable| document.at(&variable.path()));
    /// let values: Vec<_> = values.map(|value| value.and_then(|value| value.as_str())).collect();
    /// assert_eq!(values, [None, Some("ada")]);
    /// # Ok::<(), secrets_toml::ParseError>(())
    /// ```
    #[must_use]
    pub fn at(&self, path: &KeyPath<'_>) -> Option<Value<'_>> {
        at(self, path).map(|node| Value::of(self, node))
    }

    pub(crate) fn path(&self, node: u32) -> KeyPath<'_> {
        KeyPath::new(self, node)
    }
}

/// The path of a variable: a dotted key of TOML with array positions in brackets.
///
/// A path borrows from its document. Its text is made when it is displayed. Control characters and
/// characters that change the direction of text are escaped. A path of 256 characters or more is
/// cut to 255, followed by `…`.
///
/// [`Document::find`] reads the text of a path, unless it was cut. [`Document::at`] takes a path of
/// any length.
///
/// Two paths are equal if they have the same keys and positions, even in different documents.
///
/// # Examples
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
    /// Set for a variable that is missing from an element of an array: the document, the element in
    /// it, and the element of the template that it is compared with. Then `document` and `node` are
    /// the template's, since the document has no node of that path.
    within: Option<(&'a Document, u32, u32)>,
}

impl<'a> KeyPath<'a> {
    pub(crate) fn new(document: &'a Document, node: u32) -> Self {
        Self { document, node, within: None }
    }

    /// The path of the template's `node` as it would be in `document`: the template's element
    /// `first` is replaced by the document's `element`.
    pub(crate) fn within(
        template: &'a Document,
        node: u32,
        first: u32,
        document: &'a Document,
        element: u32,
    ) -> Self {
        Self { document: template, node, within: Some((document, element, first)) }
    }

    /// The last key of the path, or `None` if the path ends with an array position.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        match step(self.document, self.node) {
            Step::Key(key) => Some(key),
            Step::Position(_) => None,
        }
    }

    /// The path of the table or array around it, or `None` if that is the root table.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let parent = self.document.index().node(self.node).parent;
        let parent = match self.within {
            Some((document, element, first)) if parent == first => Self::new(document, element),
            _ => Self { node: parent, ..*self },
        };
        (parent.node != ROOT).then_some(parent)
    }

    /// The keys and positions of the path, from the last to the first.
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

impl PartialEq for KeyPath<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.steps() == other.steps()
    }
}

impl Eq for KeyPath<'_> {}

impl Hash for KeyPath<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.steps().hash(state);
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shape = f.debug_struct("Document");
        for node in self.leaves() {
            shape.field(&format!("{:?}", self.path(node).to_string()), &Value::of(self, node));
        }
        shape.finish()
    }
}

impl fmt::Debug for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPath({self})")
    }
}

/// The last step of a node's path.
fn step(document: &Document, node: u32) -> Step<'_> {
    if document.index().is_element(node) {
        Step::Position(document.index().position(node))
    } else {
        Step::Key(document.key(node))
    }
}

/// Returns the node of a document at a path, which may belong to another document.
pub(crate) fn at(document: &Document, path: &KeyPath<'_>) -> Option<u32> {
    path.steps().into_iter().rev().try_fold(ROOT, |node, step| match step {
        Step::Key(key) => document.child(node, key),
        Step::Position(position) => element(document, node, position),
    })
}

/// Returns the node at a path that is given as text, or `None` if it does not exist or the path
/// is malformed.
pub(crate) fn find(document: &Document, path: &str) -> Option<u32> {
    // The lexer would skip a byte order mark, as at the start of a text.
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

/// Skips the white space that TOML allows around a dot and at both ends of a key.
fn after_space(tokens: &[Token]) -> &[Token] {
    match tokens {
        [space, rest @ ..] if space.kind() == TokenKind::Whitespace => rest,
        _ => tokens,
    }
}

/// Returns the element of an array at a position.
fn element(document: &Document, array: u32, position: usize) -> Option<u32> {
    let index = document.index();
    let elements = index.node(array).kind.is_array().then(|| index.children(array))?;
    elements.get(position).copied()
}

/// Decodes a part of a path, which is bare or in quotes.
fn decode(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let mut decoded = Cow::Borrowed("");
    let mut error = None;
    raw.decode_key(&mut decoded, &mut error);
    error.is_none().then_some(decoded)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::collections::hash_map::DefaultHasher;
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;

    #[test]
    fn every_node_is_at_its_path() {
        let text = "a = [[], [0, { b = '' }]]\nc.d.e = 1\n[[f]]\n[[f]]\n[[f.g]]\n'' = [{}, [{}]]\n";
        let (document, counterpart) =
            (Document::parse(text).unwrap(), Document::parse(text).unwrap());
        for node in 0..document.index().len() {
            assert_eq!(at(&document, &document.path(node)), Some(node));
            assert_eq!(at(&counterpart, &document.path(node)), Some(node));
        }
    }

    #[test]
    fn paths_of_the_same_steps_are_equal_in_any_document() {
        let hash =
            |path: &KeyPath<'_>| BuildHasherDefault::<DefaultHasher>::default().hash_one(path);
        // `x` has another number in each document, and `a[0]` differs from `a."[0]"` and `"a[0]"`.
        let text = "x = 1\na = [1]\n";
        let (document, other) = (
            Document::parse(text).unwrap(),
            Document::parse("'a[0]' = 1\na.'[0]' = 1\nx = 'y'\n").unwrap(),
        );
        let path = |document, path| KeyPath::new(document, find(document, path).unwrap());
        assert_eq!(path(&document, "x"), path(&other, "x"));
        assert_eq!(hash(&path(&document, "x")), hash(&path(&other, "x")));
        assert_eq!(path(&document, "a"), path(&other, "a"), "the kind does not matter");

        let different = [
            path(&document, "a[0]"),
            path(&other, "a.'[0]'"),
            path(&other, "'a[0]'"),
            path(&other, "a"),
            path(&other, "x"),
        ];
        assert_eq!(different.into_iter().collect::<HashSet<_>>().len(), different.len());
    }

    /// The key is missing in the second element, so only the template has a node for it.
    #[test]
    fn a_path_within_an_element_equals_the_same_path_of_one_document() {
        let template = Document::parse("[[users]]\nname = ''\ndb.port = 1\n").unwrap();
        let document = Document::parse("[[users]]\n[[users]]\n").unwrap();
        let whole = Document::parse("[[users]]\n[[users]]\ndb.port = 2\n").unwrap();
        let node = |document, path| find(document, path).unwrap();
        let within = KeyPath::within(
            &template,
            node(&template, "users[0].db.port"),
            node(&template, "users[0]"),
            &document,
            node(&document, "users[1]"),
        );
        assert_eq!(within, KeyPath::new(&whole, node(&whole, "users[1].db.port")));
        assert_ne!(within, KeyPath::new(&template, node(&template, "users[0].db.port")));
    }
}
