//! The variables of a template, as a form shows them.

use std::fmt;

use crate::path::KeyPath;
use crate::template::format::Format;
use crate::template::schema::{Described, Schema};
use crate::value::Value;

/// A variable of a [`Template`](crate::Template), with its comment.
///
/// [`Template::variables`](crate::Template::variables) lists them.
///
/// # Examples
///
/// ```
/// use secrets_toml::Template;
///
/// let template = Template::parse("[db]\nport = 5432 # The server's port. @optional\n")?;
/// let port = template.variables().next().unwrap();
/// assert_eq!(port.path().to_string(), "db.port");
/// assert_eq!((port.kind(), port.line()), ("integer", 2));
/// assert_eq!(port.default_value().and_then(|value| value.as_integer()), Some(5432));
/// assert_eq!(port.description(), Some("The server's port."));
/// assert!(!port.is_required());
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Variable<'a> {
    pub(super) schema: &'a Schema,
    pub(super) described: &'a Described,
}

impl<'a> Variable<'a> {
    /// The path, such as `db_credentials.username`.
    #[must_use]
    pub fn path(&self) -> KeyPath<'a> {
        self.schema.document.path(self.described.node)
    }

    /// The name of the kind of the template's value, such as `"string"`. See [`Value::kind`].
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.value().kind()
    }

    /// The template's value, or `None` if it is the empty string.
    #[must_use]
    pub fn default_value(&self) -> Option<Value<'a>> {
        Some(self.value()).filter(|value| value.as_str() != Some(""))
    }

    /// Returns `true` if validation rejects a document that lacks this variable and the sections
    /// around it.
    ///
    /// That is the case unless the comments of the variable, or of a section around it, say
    /// `@optional`. Once an optional section is present, each of its variables is required, except
    /// those whose own comments say `@optional`.
    #[must_use]
    pub fn is_required(&self) -> bool {
        !self.schema.may_be_absent(self.described.node)
    }

    /// Returns `true` if the value is a secret: validation rejects a document that still has the
    /// template's value.
    ///
    /// The comment markers `@secret` and `@public` decide, at the variable, or else at the nearest
    /// section around it that has one of them. Without a marker, the names decide:
    ///
    /// - A name that ends with a word for something else, such as `token_uri`, `secret_name` or
    ///   `password_min_length`, is not a secret's. Nor is one with the word `public`.
    /// - A name with a word for a secret, such as `OPENAI_API_KEY`, `dbPassword` or `contraseña`, is
    ///   a secret's. The words are those of about twenty languages.
    /// - Below a table such as `[api_keys]`, the other names are those of secrets, and below
    ///   `[passwords]` all names are.
    /// - A URL with a user and a password is a secret, unless its host is the own machine's.
    /// - Numbers, booleans and dates are not secrets.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Template;
    ///
    /// let template = Template::parse(
    ///     "API_KEY = \"\"\nTOKEN_URL = \"\"\nLICENSE = \"\" # @secret\nKEY = \"C#\" # @public\n",
    /// )?;
    /// let secrets = template.variables().filter(|variable| variable.is_secret());
    /// let paths: Vec<_> = secrets.map(|variable| variable.path().to_string()).collect();
    /// assert_eq!(paths, ["API_KEY", "LICENSE"]);
    /// # Ok::<(), secrets_toml::ParseError>(())
    /// ```
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.schema.secret[self.described.node as usize]
    }

    /// The comment directly above the key, or else the one after the value on its line.
    ///
    /// It has no `#` and no markers. Returns `None` if the variable has no comment, or if nothing
    /// else is left of it. See [the rules](crate::Template#comments-and-markers).
    #[must_use]
    pub fn description(&self) -> Option<&'a str> {
        self.described.description.as_deref()
    }

    /// The formats that the comments ask of the value, at most one of each kind. Validation checks
    /// each.
    #[must_use]
    pub fn formats(&self) -> &'a [Format] {
        &self.schema.formats[self.described.node as usize]
    }

    /// The link that the comments give with `@docs`: an `https` URL.
    ///
    /// It comes from whoever wrote the template. A page that shows it should say so.
    #[must_use]
    pub fn docs(&self) -> Option<&'a str> {
        self.described.docs.as_deref()
    }

    /// The line of the value in the template, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.described.line
    }

    fn value(&self) -> Value<'a> {
        Value::of(&self.schema.document, self.described.node)
    }
}

impl fmt::Debug for Variable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variable")
            .field("path", &self.path())
            .field("kind", &self.kind())
            .field("required", &self.is_required())
            .field("secret", &self.is_secret())
            .finish()
    }
}
