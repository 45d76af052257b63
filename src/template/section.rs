//! The sections of a template, as a form shows them.

use std::fmt;

use crate::path::KeyPath;
use crate::template::schema::{Described, Schema};

/// A section of a [`Template`](crate::Template), with its comment.
///
/// [`Template::sections`](crate::Template::sections) lists them.
///
/// # Examples
///
/// ```
/// use secrets_toml::Template;
///
/// let text = "# The database. @optional @docs https://example.com/db\n[db]\nuser = ''\n";
/// let template = Template::parse(text)?;
/// let db = template.sections().next().unwrap();
/// assert_eq!((db.path().to_string(), db.line()), ("db".to_owned(), 2));
/// assert_eq!(db.description(), Some("The database."));
/// assert_eq!(db.docs(), Some("https://example.com/db"));
/// assert!(!db.is_required());
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Section<'a> {
    pub(super) schema: &'a Schema,
    pub(super) described: &'a Described,
}

impl<'a> Section<'a> {
    /// The path, such as `db_credentials`. That of an array of tables is `users[0]`: the first
    /// element describes all.
    ///
    /// It is the [parent](KeyPath::parent) of the paths of the section's variables.
    #[must_use]
    pub fn path(&self) -> KeyPath<'a> {
        self.schema.document.path(self.described.node)
    }

    /// Returns `true` if validation rejects a document that lacks the section.
    ///
    /// That is the case if the section has a required variable, and neither its comments nor those
    /// of a section around it say `@optional`.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.schema.is_required(self.described.node)
    }

    /// The comment directly above the header, or else the one after it on its line, without
    /// markers. Returns `None` if nothing is left of it.
    #[must_use]
    pub fn description(&self) -> Option<&'a str> {
        self.described.description.as_deref()
    }

    /// The link that the comments give with `@docs`: an `https` URL.
    ///
    /// It comes from whoever wrote the template. A page that shows it should say so.
    #[must_use]
    pub fn docs(&self) -> Option<&'a str> {
        self.described.docs.as_deref()
    }

    /// The line of the header in the template, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.described.line
    }
}

impl fmt::Debug for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section")
            .field("path", &self.path())
            .field("required", &self.is_required())
            .finish()
    }
}
