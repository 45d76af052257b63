//! The document that a Streamlit module reads: the secrets, after what a query did to them.

use std::collections::HashSet;
use std::fmt::{self, Write};

use crate::document::decode::PythonLimit;
use crate::document::index::{Kind, ROOT};
use crate::document::{Document, MAX_LEN};
use crate::env::{self, Env};
use crate::text::places::Lines;
use crate::value::Value;
use crate::writer::{self, RootEntry, TooLong};

impl Document {
    /// The document for a Streamlit module that sees the variables of `env`.
    ///
    /// Streamlit parses a `secrets.toml` and writes its root strings and numbers over the
    /// environment that it was started with. So the environment alone does not reach such a
    /// module: its file has to say the same. This makes the text of that file.
    ///
    /// - The variables of `env` come first, in their order. One whose text the document gives as
    ///   well keeps the document's value and kind. If the document has a number of this name and
    ///   Python's `str()` of a number gives the text, that number is written; else a string.
    /// - A string or number of the root that is not in `env` is absent.
    /// - A name that an override displaced is absent whatever it is, an array or a section, too.
    /// - Everything else keeps its value: the other values of the root, then the tables, in the
    ///   order in which the document first names them.
    ///
    /// The text is written anew, in TOML 1.0, without comments and without a byte order mark. Values
    /// are spelled so that both of Streamlit's readers see the same, Python's `tomllib` and before
    /// Streamlit 1.66 the package `toml` 0.10.2: inline tables become `[tables]`, strings are on one
    /// line, and `07:32` becomes `07:32:00`. The law: [`env`](Self::env) of the result has the names,
    /// the values and the order of `env`, and `tomllib` reads what this crate reads.
    ///
    /// A boolean or a date of the root whose name is in `env` becomes the string of `env`.
    ///
    /// What is *not* promised:
    ///
    /// - It serves `streamlit run` only. Other ways of starting a module (`uvicorn`,
    ///   `python app.py`, Streamlit's `AppTest`) do not look for a delivered file. There it must take
    ///   the place of the template in a copy of the checkout.
    /// - Python cuts fractions of a second to six digits.
    /// - Up to Streamlit 1.65 the package `toml` misreads these, or refuses the file, which leaves the
    ///   module without any secret:
    ///   - an array of values of several kinds, such as `[1, 1.5]` or `[1, [2]]`: refused;
    ///   - in an array in an array, a table with `inf` or `nan`, or with a key that has one of
    ///     `"'\#,=[]{}.`: most are refused;
    ///   - a key with a control character, with two of `"'\`, or with a dot and a blank or `\`; a
    ///     table whose name is empty;
    ///   - a string in which `\u` follows what only an escape such as `\u001B` can spell;
    ///   - `-0.0`, which is read as `0.0`.
    ///
    /// # Errors
    ///
    /// - A name of `env` is a table or an array in the document.
    /// - A date has the year 0000, or a time the second 60: Python can read neither.
    /// - The text would exceed [`MAX_LEN`] bytes.
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
        // Children of the root that are not written, besides variables that `env` does not have.
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
        let text = writer::write(&entries)?;
        Ok(Self::read_wiped(text).expect("what was written from an index is read again"))
    }

    /// A variable whose name is a root string or number: its own value if it gives the same text.
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

    /// The first date or time that Python cannot read, unless it is absent.
    fn unreadable(&self, absent: &HashSet<u32>) -> Option<(u32, Fault)> {
        let dates =
            (1..self.index().len()).filter(|&node| self.index().node(node).kind == Kind::Datetime);
        dates
            .filter_map(|node| Some((node, Fault::Python(PythonLimit::broken_by(self.raw(node))?))))
            .find(|&(node, _)| !absent.contains(&self.root_of(node)))
    }

    /// The child of the root that a node is, or is below of.
    fn root_of(&self, mut node: u32) -> u32 {
        while self.index().node(node).parent != ROOT {
            node = self.index().node(node).parent;
        }
        node
    }
}

/// Why a document cannot be delivered. Nothing was written.
///
/// `Display` names path and line, and never a value.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}{fault}", Place(.place.as_ref()))]
pub struct DeliveryError {
    /// The path and the line, unless it is the whole text.
    place: Option<(String, usize)>,
    fault: Fault,
}

impl DeliveryError {
    fn at(document: &Document, node: u32, fault: Fault) -> Self {
        let start = document.index().node(node).key_span.start as usize;
        let line = Lines::new(document.expose_text()).line(start);
        Self { place: Some((document.path(node).to_string(), line)), fault }
    }

    /// The path of what cannot be delivered, as a document writes it. `None` if the whole text would
    /// be too long.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.place.as_ref().map(|(path, _)| path.as_str())
    }

    /// The line in the document, counted from 1. `None` if the whole text would be too long.
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

/// What keeps a document from being delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// A variable's name is this in the document.
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

/// What an error begins with, if it has a place.
struct Place<'a>(Option<&'a (String, usize)>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((path, line)) => write!(f, "line {line}: `{path}` "),
            None => Ok(()),
        }
    }
}

/// Whether the text is what Python's `str()` writes for an integer or a float.
fn is_number(text: &str) -> bool {
    let integer = text.parse().ok().map(Value::Integer);
    let float = text.parse().ok().map(Value::Float);
    [integer, float].into_iter().flatten().any(|number| gives(number, text))
}

/// Whether the environment has this text for the value.
fn gives(value: Value<'_>, text: &str) -> bool {
    let mut rest = Rest(text);
    env::write_value(&mut rest, value).is_ok() && rest.0.is_empty()
}

/// What is left of a text that is compared with what is written, so that no digits are kept.
struct Rest<'a>(&'a str);

impl Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}
