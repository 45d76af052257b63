//! Where the variables of an environment come from: names and places, never a value.

use std::fmt;
use std::iter;

use crate::text::shown::{self, Step};

/// Where the value of a variable comes from.
///
/// `Display` is fit for a log: ``secrets.toml line 3``, ``query parameter `user_id` ``.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The document of secrets.
    Secrets {
        /// The line of the variable's key, counted from 1.
        line: usize,
    },
    /// A parameter of the query that [`Env::override_with`](crate::Env::override_with) was given.
    Query {
        /// The parameter's name, as it was allowed.
        parameter: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secrets { line } => write!(f, "secrets.toml line {line}"),
            Self::Query { parameter } => {
                write!(f, "query parameter `{}`", parameter.escape_debug())
            }
        }
    }
}

/// What became of one variable: who won, and what was replaced or displaced.
///
/// A displaced name is explained even if it was no variable: an [`Env`](crate::Env) may be used
/// beside a document in which it is an array or a table, or with another document.
///
/// `Display` is one line for a log. It holds names and line numbers, never a value; a name of 256
/// characters or more is cut, and its control and bidirectional characters are escaped.
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

    /// Where its value comes from; `None` for a name that was displaced.
    #[must_use]
    pub fn winner(&self) -> Option<&'a Source> {
        match self.outcome {
            Outcome::Won { source, .. } => Some(source),
            Outcome::Displaced { .. } => None,
        }
    }

    /// Where the value came from that its value replaced, or that was displaced; `None` if there
    /// was none: of a variable that is new, and of a displaced name that was no variable. Of
    /// several overrides in turn it is the one before the last.
    #[must_use]
    pub fn replaced(&self) -> Option<&'a Source> {
        match self.outcome {
            Outcome::Won { over, .. } => over,
            Outcome::Displaced { source, .. } => source,
        }
    }

    /// What displaced it; `None` for a variable that has a value. Where several parameters of a
    /// query do, it is the one that was allowed first.
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
