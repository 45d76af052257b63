//! Query parameters that override environment variables, without leaking the owner's credentials.

mod decode;
mod error;
mod https;
mod limits;

use std::fmt;
use std::ops::Range;

use crate::env::{Env, Override, Unmappable, unmappable_name};
use crate::query::error::Fault;
pub use crate::query::error::OverrideError;
pub use crate::query::limits::{MAX_PARAMETER_LEN, MAX_QUERY_FIELDS, MAX_QUERY_LEN};
use crate::text::bytes::any;
use crate::text::wiped::Wiped;

/// The query parameters that may override environment variables.
///
/// The link to a module may have a query such as `?user_id=alice&pat=…`, with a visitor's values in
/// place of the owner's. Without rules, this would leak credentials: with
/// `?base=https://evil.example`, the module would send the owner's token to a stranger.
///
/// Build the rules with [`new`](Self::new) and [`allow`](Self::allow), or use
/// [`clarifai`](Self::clarifai). Apply them with [`Env::override_with`].
///
/// # Examples
///
/// ```
/// use secrets_toml::{Document, Overrides, Parameter};
///
/// let overrides = Overrides::new()
///     .allow(Parameter::new("user_id", "USER_ID"))
///     .allow(Parameter::new("token", "TOKEN"))
///     .allow(Parameter::new("base", "BASE").https_host(["api.example.com"]).displaces(["TOKEN"]));
///
/// let secrets = Document::parse("TOKEN = \"hunter2\"\nBASE = \"https://api.example.com\"\n")?;
/// let env = secrets.env()?.override_with(&overrides, "user_id=alice&TOKEN=ignored")?;
/// assert_eq!(env.get("USER_ID"), Some("alice"));
/// assert_eq!(env.get("TOKEN"), Some("hunter2"));
///
/// let env = secrets.env()?.override_with(&overrides, "base=https://api.example.com/beta")?;
/// assert_eq!(env.get("TOKEN"), None, "the owner's token is displaced");
///
/// let query = "base=https://api.example.com/beta&token=visitors";
/// let env = secrets.env()?.override_with(&overrides, query)?;
/// assert_eq!(env.get("TOKEN"), Some("visitors"));
///
/// let evil = secrets.env()?.override_with(&overrides, "base=https://evil.example");
/// assert!(evil.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Rules
///
/// - **Nothing is allowed by default.** A parameter that was not [allowed](Self::allow) is ignored,
///   even if it has the name of a variable.
/// - **An override may displace other variables.** A variable that a parameter
///   [displaces](Parameter::displaces) is removed, unless the same query sets it. So if a query
///   sets the endpoint, the owner's credentials are removed. [`Env::explain`] lists every displaced
///   name, even one that was not a variable.
/// - **An endpoint can be limited to a list of hosts**, with [`https_host`](Parameter::https_host).
/// - **A blank value is ignored.** A parameter whose value is empty or white space neither
///   overrides nor displaces.
/// - **The last one counts.** If a parameter is repeated, only the last one is used: `?pat=x&pat=`
///   does not set `pat`. If several parameters override the same variable, only the last of them in
///   the query overrides and displaces.
/// - **All or nothing.** If a parameter is refused, [`Env::override_with`] returns an error and no
///   [`Env`].
///
/// Apart from that, the order of the parameters in the query makes no difference. The order of the
/// calls of `allow` decides only the order of the variables that a query adds, and which parameter
/// an error or an explanation names if there are several.
///
/// # Decoding
///
/// A query may begin with a `?`. It is decoded as
/// [`application/x-www-form-urlencoded`][urlencoded]: `+` is a space and `%41` is `A`. A `#` has no
/// special meaning, since web frameworks pass the query without the fragment. Names of parameters
/// and of variables are compared byte for byte.
///
/// An allowed parameter is refused if its value:
///
/// - is not UTF-8 (the standard would replace the invalid bytes);
/// - contains control characters;
/// - is longer than [`MAX_PARAMETER_LEN`] bytes.
///
/// A query of more than [`MAX_QUERY_LEN`] bytes or [`MAX_QUERY_FIELDS`] fields is refused as a
/// whole.
///
/// # Limitations
///
/// - An allowed parameter is not harmless as such. With `user_id` from a visitor and the token from
///   the owner, the module acts on another user's data with the owner's rights. Allow only what a
///   stranger may decide.
/// - A visitor's value is not checked beyond these rules, and may be wrong.
/// - Queries are stored in logs and browser histories. The caller's copy is not zeroized.
/// - Names of variables that differ only in case are two variables here, but one on Windows.
///
/// [urlencoded]: https://url.spec.whatwg.org/#application/x-www-form-urlencoded
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    parameters: Vec<Parameter>,
}

impl Overrides {
    /// Creates rules that allow no parameter.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the rules for Clarifai's modules.
    ///
    /// | parameter | variable | displaces | allowed values |
    /// |---|---|---|---|
    /// | `user_id` | `CLARIFAI_USER_ID` | | any |
    /// | `app_id` | `CLARIFAI_APP_ID` | | any |
    /// | `pat` | `CLARIFAI_PAT` | `CLARIFAI_SESSION_TOKEN` | any |
    /// | `token` | `CLARIFAI_SESSION_TOKEN` | `CLARIFAI_PAT` | any |
    /// | `base` | `CLARIFAI_API_BASE` | `CLARIFAI_PAT`, `CLARIFAI_SESSION_TOKEN` | `https://api.clarifai.com` and paths below it |
    /// | `ui` | `CLARIFAI_UI` | | `https://clarifai.com` and paths below it |
    ///
    /// So the result has both a session token and an access token only if the query sets both, or
    /// if the owner has entered both and the query sets neither.
    #[must_use]
    pub fn clarifai() -> Self {
        const PAT: &str = "CLARIFAI_PAT";
        const SESSION_TOKEN: &str = "CLARIFAI_SESSION_TOKEN";
        Self::new()
            .allow(Parameter::new("user_id", "CLARIFAI_USER_ID"))
            .allow(Parameter::new("app_id", "CLARIFAI_APP_ID"))
            .allow(Parameter::new("pat", PAT).displaces([SESSION_TOKEN]))
            .allow(Parameter::new("token", SESSION_TOKEN).displaces([PAT]))
            .allow(
                Parameter::new("base", "CLARIFAI_API_BASE")
                    .https_host(["api.clarifai.com"])
                    .displaces([PAT, SESSION_TOKEN]),
            )
            .allow(Parameter::new("ui", "CLARIFAI_UI").https_host(["clarifai.com"]))
    }

    /// Allows a parameter.
    ///
    /// If a parameter of the same name was allowed before, it is replaced, together with its rules
    /// and the names that it displaces.
    #[must_use]
    pub fn allow(mut self, parameter: Parameter) -> Self {
        match self.parameters.iter_mut().find(|other| other.name == parameter.name) {
            Some(other) => *other = parameter,
            None => self.parameters.push(parameter),
        }
        self
    }

    /// Returns for each allowed parameter its last field in the query.
    fn fields<'a>(&'a self, query: &'a str) -> Result<Vec<Option<Field<'a>>>, OverrideError> {
        if query.len() > MAX_QUERY_LEN {
            return Err(OverrideError::whole(Fault::QueryTooLong));
        }
        let query = query.strip_prefix('?').unwrap_or(query);
        let mut found = vec![None; self.parameters.len()];
        let fields = query.split('&').filter(|field| !field.is_empty());
        for (position, field) in fields.enumerate() {
            if position == MAX_QUERY_FIELDS {
                return Err(OverrideError::whole(Fault::TooManyFields));
            }
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let name = decode::Name::new(name);
            let mut allowed = self.parameters.iter().zip(&mut found);
            if let Some((parameter, last)) = allowed.find(|(other, _)| name.is(&other.name)) {
                *last = Some(Field { parameter, position, value });
            }
        }
        Ok(found)
    }
}

/// A query parameter, with the variable that it overrides and the rules for its value.
///
/// # Examples
///
/// ```
/// use secrets_toml::{Document, Overrides, Parameter};
///
/// let port = Parameter::new("port", "PORT").accept(|port| port.parse::<u16>().is_ok());
/// let overrides = Overrides::new().allow(port);
///
/// let document = Document::parse("PORT = 80\n")?;
/// let env = document.env()?.override_with(&overrides, "?port=8080")?;
/// assert_eq!(env.get("PORT"), Some("8080"));
///
/// let error = document.env()?.override_with(&overrides, "port=http").unwrap_err();
/// assert_eq!(error.to_string(), "query parameter `port` is refused: it is not accepted");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Parameter {
    name: String,
    variable: String,
    /// The reason why the variable cannot exist, if its name is invalid.
    unmappable: Option<Unmappable>,
    displaces: Vec<String>,
    rules: Vec<Rule>,
}

/// A rule that a value must satisfy.
#[derive(Clone)]
enum Rule {
    HttpsHost(Vec<String>),
    Accept(fn(&str) -> bool),
}

impl Parameter {
    /// Creates a parameter that overrides a variable with any value, and displaces nothing.
    ///
    /// If `variable` cannot be the name of an environment variable, because it is empty or contains
    /// `=` or NUL, every query that sets this parameter is refused.
    #[must_use]
    pub fn new(name: impl Into<String>, variable: impl Into<String>) -> Self {
        let variable = variable.into();
        Self {
            name: name.into(),
            unmappable: unmappable_name(&variable),
            variable,
            displaces: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// Removes these variables when the parameter overrides, unless the same query sets them.
    ///
    /// Use it for the owner's values that must not be combined with a visitor's value: the
    /// credentials that are sent to an endpoint, or another way to log in. Several calls add up.
    ///
    /// - A name is displaced even if it is not a variable. It may be an array or a section of the
    ///   document, which [`Document::for_streamlit`](crate::Document::for_streamlit) then leaves
    ///   out.
    ///   [`Env::explain`] lists the name until a later override sets it.
    /// - A value that equals the one that it overrides displaces as well.
    /// - Displacing does not cascade: if a query sets `base`, which displaces `TOKEN`, then the
    ///   names that a parameter for `TOKEN` displaces are not affected.
    #[must_use]
    pub fn displaces(mut self, variables: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.displaces.extend(variables.into_iter().map(Into::into));
        self
    }

    /// Requires the value to be an `https` URL of one of the hosts.
    ///
    /// If several rules are set, the value must satisfy all of them.
    ///
    /// The value must consist of `https://`, a host of the list, optionally `:443`, and optionally
    /// a `/` and a path. The host is compared as a whole, ignoring ASCII case. There are no
    /// wildcards, and a subdomain is another host.
    ///
    /// Refused are:
    ///
    /// - user information and other ports;
    /// - a dot, `?` or `#` directly after the host;
    /// - spaces, backslashes and non-ASCII characters anywhere.
    ///
    /// This is stricter than the [URL standard], because the module may parse the URL with another
    /// parser, and parsers disagree on unusual URLs.
    ///
    /// List an IP address in its canonical form, an IPv6 address in brackets, and an
    /// internationalized host in its ASCII form `xn--…`. An entry in another form matches nothing.
    ///
    /// The path is not checked, and the host may redirect to another.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::{Document, Overrides, Parameter};
    ///
    /// let base = Parameter::new("base", "BASE").https_host(["api.example.com"]);
    /// let overrides = Overrides::new().allow(base);
    /// let env = || Document::parse("").unwrap().env().unwrap();
    ///
    /// assert!(env().override_with(&overrides, "base=https://api.example.com/v2").is_ok());
    /// assert!(env().override_with(&overrides, "base=http://api.example.com").is_err());
    /// assert!(env().override_with(&overrides, "base=https://eu.api.example.com").is_err());
    /// ```
    ///
    /// [URL standard]: https://url.spec.whatwg.org/
    #[must_use]
    pub fn https_host(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rules.push(Rule::HttpsHost(hosts.into_iter().map(Into::into).collect()));
        self
    }

    /// Requires the value to satisfy a function of yours.
    ///
    /// If several rules are set, the value must satisfy all of them. The function gets the decoded
    /// value, which is not blank and has no control characters. It should neither keep nor print
    /// it.
    #[must_use]
    pub fn accept(mut self, rule: fn(&str) -> bool) -> Self {
        self.rules.push(Rule::Accept(rule));
        self
    }

    /// Decodes the value of a field and appends it to `text`. Returns its range, or `None` if it is
    /// blank.
    fn read(&self, encoded: &str, text: &mut Wiped) -> Result<Option<Range<usize>>, Fault> {
        let place = decode::value(encoded, text)?;
        let value = &text[place.clone()];
        if value.chars().all(char::is_whitespace) {
            return Ok(None);
        }
        // Fast path: nearly every value is printable ASCII.
        let unusual = |byte| !matches!(byte, b' '..=b'~');
        if any(value.as_bytes(), unusual) && value.chars().any(char::is_control) {
            return Err(Fault::Control);
        }
        for rule in &self.rules {
            match rule {
                Rule::HttpsHost(hosts) => https::check(value, hosts)?,
                Rule::Accept(accept) if !accept(value) => return Err(Fault::NotAccepted),
                Rule::Accept(_) => {}
            }
        }
        match self.unmappable {
            Some(fault) => Err(Fault::Variable(fault)),
            None => Ok(Some(place)),
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HttpsHost(hosts) => f.debug_tuple("HttpsHost").field(hosts).finish(),
            Self::Accept(_) => f.write_str("Accept"),
        }
    }
}

impl Env {
    /// Applies a visitor's query by the rules of [`Overrides`].
    ///
    /// The result has a new buffer. The old one is zeroized, and with it the values that the query
    /// replaced or displaced. You can apply several queries one after the other.
    ///
    /// # Errors
    ///
    /// Returns an error if the query is longer than a limit or if an allowed parameter is refused.
    /// Then the `Env` is consumed and zeroized, so that a caller cannot continue with the owner's
    /// variables by mistake. [`Document::env`](crate::Document::env) makes a new one.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::{Document, Overrides};
    ///
    /// let secrets = Document::parse("CLARIFAI_PAT = \"hunter2\"\n")?;
    /// let env = secrets.env()?.override_with(&Overrides::clarifai(), "?user_id=alice")?;
    /// assert_eq!(env.get("CLARIFAI_USER_ID"), Some("alice"));
    /// assert_eq!(env.get("CLARIFAI_PAT"), Some("hunter2"));
    ///
    /// let query = "user_id=alice&base=https%3A%2F%2Fapi.clarifai.com%40evil.example";
    /// let error = secrets.env()?.override_with(&Overrides::clarifai(), query).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "query parameter `base` is refused: its URL holds a user name",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn override_with(self, overrides: &Overrides, query: &str) -> Result<Self, OverrideError> {
        let fields = overrides.fields(query)?;
        let most = fields.iter().flatten().map(Field::most_len).sum::<usize>();
        let mut text = Wiped::with_capacity(self.text_len() + most);
        let mut supplied = Vec::with_capacity(fields.len());
        for field in fields.into_iter().flatten() {
            supplied.extend(field.read(&mut text)?);
        }
        Ok(self.changed(text, supplied))
    }
}

/// A field of a query that is an allowed parameter. Its value is not decoded so far.
#[derive(Clone, Copy)]
struct Field<'a> {
    parameter: &'a Parameter,
    position: usize,
    value: &'a str,
}

impl<'a> Field<'a> {
    /// Returns an upper bound for the bytes that this field adds to the buffer of variables: its
    /// value, which decoding never makes longer, and the names that it sets and displaces, which
    /// may be new.
    fn most_len(&self) -> usize {
        let Parameter { variable, displaces, .. } = self.parameter;
        let displaced = displaces.iter().map(String::len).sum::<usize>();
        self.value.len().min(MAX_PARAMETER_LEN) + variable.len() + displaced
    }

    /// Decodes the value into `text`. Returns `None` if it is blank.
    fn read(self, text: &mut Wiped) -> Result<Option<Override<'a>>, OverrideError> {
        let Self { parameter, position, value } = self;
        let value = parameter.read(value, text);
        let value = value.map_err(|fault| OverrideError::of(&parameter.name, fault))?;
        let Parameter { name, variable, displaces, .. } = parameter;
        Ok(value.map(|value| Override::new(name, variable, displaces).supplied(position, value)))
    }
}
