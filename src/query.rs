//! Query parameters that override the environment, and cannot steal from it.

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

/// Which query parameters may override which environment variables.
///
/// A visitor's link, `?user_id=alice&pat=…`, may stand in for what the owner of a module entered.
/// Left alone that is a hole: `?base=https://evil.example` would send the owner's token to a
/// stranger. So:
///
/// - **Nothing is allowed by default.** A parameter that was not [allowed](Self::allow) is
///   ignored, whatever variable it names and whatever its value holds.
/// - **What overrides may displace.** A variable that a parameter
///   [displaces](Parameter::displaces) is dropped, unless the same query supplies it too: an
///   endpoint of the visitor's choice never meets the owner's credential. Every displaced name is
///   recorded, even if it is no variable, and [`Env::explain`] lists it.
/// - **Endpoints are held to a list of hosts**, by [`https_host`](Parameter::https_host).
/// - **A blank never blanks a credential.** Of a repeated parameter the last one counts, the
///   others are not looked at. Where that is blank (empty, or white space only), the parameter is
///   absent: it neither overrides nor displaces, and `?pat=x&pat=` leaves `pat` absent.
/// - **All or nothing.** A query with a refused parameter is an error and gives no [`Env`].
///
/// The order of the parameters in the query makes no difference, nor that of the calls of `allow`
/// (but to the order of variables that the query adds). Where two parameters override the same
/// variable, the one that stands later in the query does, and the other neither overrides nor
/// displaces.
///
/// A query is decoded as [`application/x-www-form-urlencoded`][urlencoded] (`+` is a space, `%41`
/// an `A`), after one leading `?`; `#` has no meaning, since libraries hand over the query without
/// the fragment. There is one difference: bytes that are not UTF-8 are refused in an allowed
/// parameter, instead of replaced. So are control characters, and values of more than
/// [`MAX_PARAMETER_LEN`] bytes. A query of more than [`MAX_QUERY_LEN`] bytes or
/// [`MAX_QUERY_FIELDS`] fields is refused as a whole. Names of parameters and of variables are
/// compared byte for byte.
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
/// assert_eq!(env.get("TOKEN"), None, "it is not the visitor's");
///
/// let evil = secrets.env()?.override_with(&overrides, "base=https://evil.example");
/// assert!(evil.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What is *not* promised: that a visitor's own value is any good, nor that an allowed parameter
/// is harmless. `user_id` beside the owner's token makes the module act on another user's data
/// with the owner's rights: allow only what the module may be told by a stranger. A query stands
/// in logs and browser histories before it gets here, and the caller's copy is not wiped. Names of
/// variables that differ in case are two variables here, but one on Windows.
///
/// [urlencoded]: https://url.spec.whatwg.org/#application/x-www-form-urlencoded
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    parameters: Vec<Parameter>,
}

impl Overrides {
    /// Allows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The rules for Clarifai's modules:
    ///
    /// | parameter | variable | displaces | held to |
    /// |---|---|---|---|
    /// | `user_id` | `CLARIFAI_USER_ID` | | |
    /// | `app_id` | `CLARIFAI_APP_ID` | | |
    /// | `pat` | `CLARIFAI_PAT` | `CLARIFAI_SESSION_TOKEN` | |
    /// | `token` | `CLARIFAI_SESSION_TOKEN` | `CLARIFAI_PAT` | |
    /// | `base` | `CLARIFAI_API_BASE` | `CLARIFAI_PAT`, `CLARIFAI_SESSION_TOKEN` | `https://api.clarifai.com` |
    /// | `ui` | `CLARIFAI_UI` | | `https://clarifai.com` |
    ///
    /// So a session token and an access token never stand beside each other, unless one query, or
    /// the owner, supplies both.
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

    /// Allows a parameter. One of the same name that was allowed before is replaced, with its
    /// rules and with what it displaces.
    #[must_use]
    pub fn allow(mut self, parameter: Parameter) -> Self {
        match self.parameters.iter_mut().find(|other| other.name == parameter.name) {
            Some(other) => *other = parameter,
            None => self.parameters.push(parameter),
        }
        self
    }

    /// For each allowed parameter the last field that is one.
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

/// A query parameter, the variable that it overrides, and what it takes.
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
    /// What keeps the variable's name out of the environment.
    unmappable: Option<Unmappable>,
    displaces: Vec<String>,
    rules: Vec<Rule>,
}

/// What a value is held to.
#[derive(Clone)]
enum Rule {
    HttpsHost(Vec<String>),
    Accept(fn(&str) -> bool),
}

impl Parameter {
    /// A parameter that overrides a variable with any value, and displaces nothing.
    ///
    /// A name that no environment takes is found when the parameter overrides, as an error.
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

    /// Drops variables when this parameter overrides, unless the same query supplies them too.
    /// Several calls add up.
    ///
    /// A name that is no variable of the document is recorded all the same: it may be an array or a
    /// section of the document, or a variable of another document that the [`Env`] is used with.
    /// [`Env::explain`] lists it, until a later override gives it a value.
    ///
    /// It says what must not stand beside a value that a visitor chose: the credentials that go to
    /// an endpoint, or the other way of logging in. A value equal to the one it replaces displaces
    /// as well. Only a parameter that overrides displaces: what a displaced variable's own
    /// parameter would displace stays.
    #[must_use]
    pub fn displaces(mut self, variables: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.displaces.extend(variables.into_iter().map(Into::into));
        self
    }

    /// Holds the value to an `https` URL of one of the hosts, exactly. Of several rules each must
    /// hold.
    ///
    /// Taken is `https://`, a host of the list, nothing or `:443`, then nothing or `/` and a path.
    /// The host is compared without regard to case, and character for character: there are no
    /// wildcards, and no subdomains. Refused are user information, another port, a dot behind the
    /// host, a `?` or `#` right behind it, and spaces, backslashes and characters outside ASCII
    /// anywhere. It is stricter than the [URL standard], because whoever uses the URL may read it
    /// with another parser.
    ///
    /// An IP address is listed in its canonical form, an IPv6 address in brackets; an
    /// internationalised host in its ASCII form, `xn--…`. An entry in another form matches nothing.
    ///
    /// It is *not* promised that the host is the right one for a path, nor that it does not
    /// redirect to another.
    ///
    /// [URL standard]: https://url.spec.whatwg.org/
    #[must_use]
    pub fn https_host(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rules.push(Rule::HttpsHost(hosts.into_iter().map(Into::into).collect()));
        self
    }

    /// Holds the value to a rule of yours. Of several rules each must hold.
    ///
    /// It sees the value decoded, without control characters and not blank, and should neither
    /// keep nor print it.
    #[must_use]
    pub fn accept(mut self, rule: fn(&str) -> bool) -> Self {
        self.rules.push(Rule::Accept(rule));
        self
    }

    /// Appends the value of a field, and tells where it stands; `None` where it is blank.
    fn read(&self, encoded: &str, text: &mut Wiped) -> Result<Option<Range<usize>>, Fault> {
        let place = decode::value(encoded, text)?;
        let value = &text[place.clone()];
        if value.chars().all(char::is_whitespace) {
            return Ok(None);
        }
        // Nearly every value is printable ASCII.
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
    /// The variables after a visitor's query: see [`Overrides`] for what it may do.
    ///
    /// The new variables stand in a buffer of their own; the old one is wiped, and what the query
    /// replaced or displaced is nowhere any more. Of several overrides in turn, each does to the
    /// result of the one before what it would do to secrets.
    ///
    /// # Errors
    ///
    /// The query is longer than its limits, or an allowed parameter is refused. Nothing is applied
    /// then, and the `Env` is gone and wiped: a caller cannot go on with the owner's variables by
    /// mistake. [`Document::env`](crate::Document::env) makes another.
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
    /// assert_eq!(error.to_string(), "query parameter `base` is refused: its URL holds a user
    /// name");
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

/// A field of a query that is an allowed parameter, still encoded.
#[derive(Clone, Copy)]
struct Field<'a> {
    parameter: &'a Parameter,
    position: usize,
    value: &'a str,
}

impl<'a> Field<'a> {
    /// The most bytes that it adds to the buffer of variables: decoding never makes a value longer,
    /// and every name that it displaces may be new.
    fn most_len(&self) -> usize {
        let Parameter { variable, displaces, .. } = self.parameter;
        let displaced = displaces.iter().map(String::len).sum::<usize>();
        self.value.len().min(MAX_PARAMETER_LEN) + variable.len() + displaced
    }

    /// Decodes the value into `text`; `None` where it is blank.
    fn read(self, text: &mut Wiped) -> Result<Option<Override<'a>>, OverrideError> {
        let Self { parameter, position, value } = self;
        let value = parameter.read(value, text);
        let value = value.map_err(|fault| OverrideError::of(&parameter.name, fault))?;
        let Parameter { name, variable, displaces, .. } = parameter;
        Ok(value.map(|value| Override::new(name, variable, displaces).supplied(position, value)))
    }
}
