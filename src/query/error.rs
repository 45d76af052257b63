//! The error for a query that is refused: it names the parameter and the rule, never the value.

use std::fmt;

use crate::env::Unmappable;
use crate::query::limits::{MAX_PARAMETER_LEN, MAX_QUERY_FIELDS, MAX_QUERY_LEN};

/// The error of [`Env::override_with`](crate::Env::override_with): the query is refused.
///
/// Nothing of the query was applied. `Display` and `Debug` contain no value, and no name of a
/// parameter that is not allowed.
///
/// # Examples
///
/// ```
/// use secrets_toml::{Document, Overrides};
///
/// let env = Document::parse("CLARIFAI_PAT = \"hunter2\"\n")?.env()?;
/// let query = "base=https://evil.example";
/// let error = env.override_with(&Overrides::clarifai(), query).unwrap_err();
/// assert_eq!(error.to_string(), "query parameter `base` is refused: its host is not allowed");
/// assert_eq!(error.parameter(), Some("base"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct OverrideError {
    parameter: Option<String>,
    fault: Fault,
}

impl OverrideError {
    /// An error of the query as a whole.
    pub(super) fn whole(fault: Fault) -> Self {
        Self { parameter: None, fault }
    }

    /// An error of one parameter.
    pub(super) fn of(parameter: &str, fault: Fault) -> Self {
        Self { parameter: Some(parameter.to_owned()), fault }
    }

    /// The name of the parameter that is refused, or `None` if it is the query as a whole.
    ///
    /// If several parameters are refused, this is the one that was allowed first.
    #[must_use]
    pub fn parameter(&self) -> Option<&str> {
        self.parameter.as_deref()
    }
}

impl fmt::Display for OverrideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parameter {
            Some(name) => write!(f, "query parameter `{}` is refused", name.escape_debug())?,
            None => f.write_str("the query is refused")?,
        }
        write!(f, ": {}", self.fault)
    }
}

impl std::error::Error for OverrideError {}

/// The rule that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    QueryTooLong,
    TooManyFields,
    NotUtf8,
    TooLong,
    Control,
    NotAccepted,
    UrlCharacter,
    NotHttps,
    UserInfo,
    Port,
    Host,
    Variable(Unmappable),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueryTooLong => return write!(f, "it is longer than {MAX_QUERY_LEN} bytes"),
            Self::TooManyFields => return write!(f, "it has more than {MAX_QUERY_FIELDS} fields"),
            Self::TooLong => return write!(f, "it is longer than {MAX_PARAMETER_LEN} bytes"),
            Self::Variable(unmappable) => return write!(f, "its variable {unmappable}"),
            Self::NotUtf8 => "it is not UTF-8",
            Self::Control => "it holds a control character",
            Self::NotAccepted => "it is not accepted",
            Self::UrlCharacter => "its URL holds a space, a backslash or a letter outside ASCII",
            Self::NotHttps => "it is not an `https` URL",
            Self::UserInfo => "its URL holds a user name",
            Self::Port => "its port is not 443",
            Self::Host => "its host is not allowed",
        })
    }
}
