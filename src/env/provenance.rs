//! The sources of the variables of an environment: names and line numbers, never a value.

use std::fmt;
use std::iter;
use std::sync::Arc;

use crate::text::shown::{self, Safe, Step};

/// The source of a variable's value.
///
/// `Display` is meant for logs and never contains a value. It writes ``secrets.toml line 3``,
/// ``/etc/app/secrets.toml line 3`` or ``query parameter `user_id` ``.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The document that the [`Env`](crate::Env) was made from.
    Secrets {
        /// The line of the variable's key, counted from 1.
        line: usize,
    },
    /// A layer, if the [`Env`](crate::Env) was made from several files: see `files::Layered::env`
    /// (feature `files`).
    Layer {
        /// The name of the layer, which is the path of a file or of a folder.
        layer: Arc<str>,
        /// The line of the variable's key, counted from 1, or `None` if the layer is a folder.
        line: Option<usize>,
    },
    /// A parameter of a query that was passed to [`Env::override_with`](crate::Env::override_with).
    Query {
        /// The name of the parameter, as in [`Parameter::new`](crate::Parameter::new).
        parameter: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secrets { line } => write!(f, "secrets.toml line {line}"),
            Self::Layer { layer, line: Some(line) } => write!(f, "{} line {line}", Safe(layer)),
            Self::Layer { layer, line: None } => write!(f, "{}", Safe(layer)),
            Self::Query { parameter } => {
                write!(f, "query parameter `{}`", parameter.escape_debug())
            }
        }
    }
}

/// An explanation of one variable: the source of its value, and what was replaced or displaced.
///
/// A displaced name has an explanation even if it was not a variable: the document may have an
/// array or a table of that name.
///
/// `Display` writes one line for a log. It has names and line numbers, never a value. A name of 256
/// characters or more is cut. Control characters and characters that change the direction of text
/// are escaped.
///
/// # Examples
///
/// ```
/// use secrets_toml::{Document, Overrides};
///
/// let secrets = Document::parse("CLARIFAI_PAT = \"hunter2\"\nCLARIFAI_USER_ID = \"owner\"\n")?;
/// let query = "user_id=alice&base=https://api.clarifai.com";
/// let env = secrets.env()?.override_with(&Overrides::clarifai(), query)?;
///
/// let log: Vec<_> = env.explain().map(|explanation| explanation.to_string()).collect();
/// assert_eq!(
///     log,
///     [
///         "CLARIFAI_USER_ID: query parameter `user_id`, over secrets.toml line 2",
///         "CLARIFAI_API_BASE: query parameter `base`",
///         "CLARIFAI_PAT: displaced by query parameter `base`",
///         "CLARIFAI_SESSION_TOKEN: displaced by query parameter `base`",
///     ],
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'a> {
    variable: &'a str,
    outcome: Outcome<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome<'a> {
    Won { source: &'a Source, over: Option<&'a Source> },
    Displaced { source: Option<&'a Source>, by: &'a Source },
}

impl<'a> Explanation<'a> {
    pub(super) fn new(variable: &'a str, outcome: Outcome<'a>) -> Self {
        Self { variable, outcome }
    }

    /// The name of the variable.
    #[must_use]
    pub fn variable(&self) -> &'a str {
        self.variable
    }

    /// The source of its value, or `None` if the name was displaced.
    #[must_use]
    pub fn winner(&self) -> Option<&'a Source> {
        match self.outcome {
            Outcome::Won { source, .. } => Some(source),
            Outcome::Displaced { .. } => None,
        }
    }

    /// The source of the value that was replaced or displaced.
    ///
    /// Returns `None` if there was no value: the variable is new, or the displaced name was not a
    /// variable. After several calls of [`override_with`](crate::Env::override_with), this is the
    /// value before the last change.
    #[must_use]
    pub fn replaced(&self) -> Option<&'a Source> {
        match self.outcome {
            Outcome::Won { over, .. } => over,
            Outcome::Displaced { source, .. } => source,
        }
    }

    /// The parameter that displaced the name, or `None` if the variable has a value.
    ///
    /// If several parameters of a query displace it, this is the one that was allowed first.
    #[must_use]
    pub fn displaced_by(&self) -> Option<&'a Source> {
        match self.outcome {
            Outcome::Won { .. } => None,
            Outcome::Displaced { by, .. } => Some(by),
        }
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown::display(iter::once(Step::Key(self.variable))))?;
        match self.outcome {
            Outcome::Won { source, over: None } => write!(f, ": {source}"),
            Outcome::Won { source, over: Some(over) } => write!(f, ": {source}, over {over}"),
            Outcome::Displaced { by, .. } => write!(f, ": displaced by {by}"),
        }
    }
}
