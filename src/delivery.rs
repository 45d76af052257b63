//! The document that a Streamlit module reads: the secrets, with the overrides of a query applied.

use std::collections::HashSet;
use std::fmt::{self, Write};

use crate::document::decode::PythonLimit;
use crate::document::index::{Kind, ROOT};
use crate::document::{Document, MAX_LEN};
use crate::env::{self, Env};
use crate::text::places::Lines;
use crate::value::Value;
use crate::writer::{self, Dates, RootEntry, TooLong};

impl Document {
    /// Returns the document to deliver to a Streamlit module that is to see the variables of `env`.
    ///
    /// Streamlit parses a `secrets.toml` and overwrites the environment with its root strings and
    /// numbers. So the environment alone does not reach the module: the file must have the same
    /// values. The text of the result is that file, for example for a `handover::SecretsFile`
    /// (feature `handover`).
    ///
    /// The result has these entries, in this order:
    ///
    /// 1. The variables of `env`. See below for the kind of each value.
    /// 2. The other values of the root table, such as booleans and arrays.
    /// 3. The tables.
    ///
    /// It does not have:
    ///
    /// - a root string or number that is not in `env`;
    /// - an entry whose name an override [displaced](crate::Parameter::displaces), even if it is an
    ///   array or a table.
    ///
    /// A variable of `env` keeps the kind that it has in the document, as far as possible:
    ///
    /// - If the document's value has the same text, that value is written.
    /// - If the document has a number, and the text is a number in the format of Python's `str()`,
    ///   that number is written.
    /// - Otherwise, a string is written. In particular, it replaces a boolean or date.
    ///
    /// # Format
    ///
    /// The text is TOML 1.0, without comments and without a byte order mark. Both parsers that
    /// Streamlit has used read it the same: Python's `tomllib`, and before Streamlit 1.66 the
    /// package `toml` 0.10.2. So inline tables become `[tables]`, strings are on one line, and
    /// `07:32` becomes `07:32:00`.
    ///
    /// Two properties always hold: [`env`](Self::env) of the result has the names, values and order
    /// of `env`, and `tomllib` reads the same values as this crate.
    ///
    /// # Limitations
    ///
    /// - The file is used by `streamlit run` only. Under `uvicorn`, `python app.py` and Streamlit's
    ///   `AppTest`, write it in place of the template in a copy of the checkout.
    /// - Python cuts fractions of a second to six digits.
    /// - Up to Streamlit 1.65, the package `toml` misreads the following, or rejects the whole
    ///   file, which leaves the module without any secret:
    ///   - an array of values of several kinds, such as `[1, 1.5]` or `[1, [2]]` (rejected);
    ///   - in an array in an array, a table with `inf` or `nan`, or with a key that has one of
    ///     `"'\#,=[]{}.` (mostly rejected);
    ///   - a key with a control character, with two of `"'\`, or with a dot and a space or `\`;
    ///   - a table whose name is empty;
    ///   - a string with `\u` after a character that needs an escape such as `\u001B`;
    ///   - `-0.0`, which is read as `0.0`.
    ///
    /// # Errors
    ///
    /// Returns an error if:
    ///
    /// - a name of `env` is a table or an array in the document;
    /// - a date has the year 0000 or a time has the second 60, which Python cannot read;
    /// - the text would be longer than [`MAX_LEN`] bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::{Document, Overrides};
    ///
    /// let secrets = Document::parse("\
    /// CLARIFAI_PAT = 'hunter2'  # the owner's
    /// CLARIFAI_USER_ID = 'owner'
    /// db = {
    ///     user = 'ada',
    /// }
    /// ")?;
    /// let env = secrets.env()?.override_with(&Overrides::clarifai(), "?user_id=alice")?;
    ///
    /// let delivered = secrets.for_streamlit(&env)?;
    /// assert_eq!(delivered.expose_text(), "\
    /// CLARIFAI_PAT = 'hunter2'
    /// CLARIFAI_USER_ID = \"alice\"
    /// [db]
    /// user = 'ada'
    /// ");
    /// assert!(delivered.env()?.iter().eq(env.iter()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_streamlit(&self, env: &Env) -> Result<Self, DeliveryError> {
        let children = self.index().children(ROOT);
        let mut entries = Vec::with_capacity(children.len() + env.len());
        // The children of the root that are not written as they are. The variables that `env` does
        // not have are left out below.
        let mut absent = HashSet::new();
        for (key, value) in env {
            let node = self.child(ROOT, key);
            entries.push(match node.map(|node| (node, self.index().node(node).kind)) {
                Some((node, Kind::String | Kind::Integer | Kind::Float)) => {
                    self.variable(node, key, value)
                }
                Some((node, Kind::Boolean | Kind::Datetime)) => {
                    absent.insert(node);
                    RootEntry::string(self, key, value)
                }
                Some((node, kind)) => {
                    return Err(DeliveryError::at(self, node, Fault::Shape(kind.name())));
                }
                None => RootEntry::string(self, key, value),
            });
        }
        absent.extend(env.displaced().filter_map(|name| self.child(ROOT, name)));
        let others = children.iter().copied();
        let others = others.filter(|node| !env::is_mapped(self, *node) && !absent.contains(node));
        entries.extend(others.map(|node| RootEntry::node(self, node)));
        if let Some((node, fault)) = self.unreadable(&absent) {
            return Err(DeliveryError::at(self, node, fault));
        }
        let text = writer::write(&entries, Dates::ForPython)?;
        Ok(Self::read_wiped(text).expect("what was written from an index is read again"))
    }

    /// Returns the entry of a variable that the document has as a root string or number.
    fn variable<'a>(&'a self, node: u32, key: &'a str, value: &'a str) -> RootEntry<'a> {
        let own = Value::of(self, node);
        if gives(own, value) {
            RootEntry::node(self, node)
        } else if own.as_str().is_none() && is_number(value) {
            RootEntry::number(self, key, value)
        } else {
            RootEntry::string(self, key, value)
        }
    }

    /// Finds the first date or time that Python cannot read and that is written.
    fn unreadable(&self, absent: &HashSet<u32>) -> Option<(u32, Fault)> {
        let dates =
            (1..self.index().len()).filter(|&node| self.index().node(node).kind == Kind::Datetime);
        dates
            .filter_map(|node| Some((node, Fault::Python(PythonLimit::broken_by(self.raw(node))?))))
            .find(|&(node, _)| !absent.contains(&self.root_of(node)))
    }
}

/// The error of [`Document::for_streamlit`]: the document cannot be delivered.
///
/// `Display` has the path and the line, and never a value.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}{fault}", Place(.place.as_ref()))]
pub struct DeliveryError {
    /// The path and the line, or `None` for the whole text.
    place: Option<(String, usize)>,
    fault: Fault,
}

impl DeliveryError {
    fn at(document: &Document, node: u32, fault: Fault) -> Self {
        let start = document.index().node(node).key_span.start as usize;
        let line = Lines::new(document.expose_text()).line(start);
        Self { place: Some((document.path(node).to_string(), line)), fault }
    }

    /// The path of the value that cannot be delivered, or `None` if the whole text would be too
    /// long.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.place.as_ref().map(|(path, _)| path.as_str())
    }

    /// The line in the document, counted from 1, or `None` if the whole text would be too long.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|&(_, line)| line)
    }
}

impl From<TooLong> for DeliveryError {
    fn from(_: TooLong) -> Self {
        Self { place: None, fault: Fault::TooLong }
    }
}

/// The reason why a document cannot be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// A variable of the environment has the name of a table or array, of which this is the kind.
    Shape(&'static str),
    Python(PythonLimit),
    TooLong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(kind) => {
                let article = if *kind == "array" { "an" } else { "a" };
                write!(f, "is {article} {kind}, and an environment variable has the same name")
            }
            Self::Python(limit) => write!(f, "{limit}: {}", limit.help()),
            Self::TooLong => {
                write!(f, "the text to be delivered would be longer than {MAX_LEN} bytes")
            }
        }
    }
}

/// The start of an error message: the place, if there is one.
struct Place<'a>(Option<&'a (String, usize)>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((path, line)) => write!(f, "line {line}: `{path}` "),
            None => Ok(()),
        }
    }
}

/// Returns `true` if the text is Python's `str()` of an integer or a float.
fn is_number(text: &str) -> bool {
    let integer = text.parse().ok().map(Value::Integer);
    let float = text.parse().ok().map(Value::Float);
    [integer, float].into_iter().flatten().any(|number| gives(number, text))
}

/// Returns `true` if the environment has this text for the value.
fn gives(value: Value<'_>, text: &str) -> bool {
    let mut rest = Rest(text);
    env::write_value(&mut rest, value).is_ok() && rest.0.is_empty()
}

/// The rest of a text after what was written to it, which must be its prefix. This compares a
/// number with a text without storing its digits.
struct Rest<'a>(&'a str);

impl Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}
