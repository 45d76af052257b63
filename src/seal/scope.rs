//! The scope of a record: one module, one version of it, or one install of that version.

use std::fmt::{self, Write};

use crate::seal::format::{MAX_COMPONENT_LEN, SCOPE_INSTALL, SCOPE_MODULE, SCOPE_VERSION};
use crate::text::shown::{is_unsafe, write_escaped};

/// The scope of a record: a module, one version of it, or one install of that version.
///
/// A record opens under the scope that it was sealed for, and under no other. Components are
/// compared byte for byte. They are never normalized or case-folded, so `Chat` and `chat` are two
/// modules. A scope is not secret: it is readable in the store.
///
/// - `Ord` is the order of the encoding: by kind, then shorter names first, then by bytes.
/// - `Display` joins the components with `/`. A component with a `/`, `"`, `\`, control or
///   bidirectional character is put in quotes and escaped, so that no two scopes look the same.
///
/// ```
/// use secrets_toml::seal::Scope;
///
/// let version = Scope::module("chat")?.version("1.2.0")?;
/// let install = version.install("acme")?;
/// assert_eq!(install.components().collect::<Vec<_>>(), ["chat", "1.2.0", "acme"]);
/// assert_eq!((version.name(), install.name()), ("1.2.0", "acme"));
/// assert_eq!(install.to_string(), "chat/1.2.0/acme");
/// assert_eq!(version.install("a/b")?.to_string(), r#"chat/1.2.0/"a/b""#);
/// # Ok::<(), secrets_toml::seal::ScopeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Vec<u8>);

impl Scope {
    /// Returns the scope of a module as a whole.
    ///
    /// # Errors
    ///
    /// Returns [`ScopeError`] if the name
    ///
    /// - is empty or longer than [`MAX_COMPONENT_LEN`] bytes,
    /// - has a control character, or
    /// - starts or ends with white space.
    pub fn module(module: &str) -> Result<Self, ScopeError> {
        check("module", module, MAX_COMPONENT_LEN)?;
        Ok(Self(encode(SCOPE_MODULE, &[module.as_bytes()])))
    }

    /// Returns the scope of one version of this module.
    ///
    /// # Errors
    ///
    /// Returns [`ScopeError`] if [`module`](Self::module) would refuse the name, or if this is not
    /// the scope of a module.
    pub fn version(&self, version: &str) -> Result<Self, ScopeError> {
        self.child(SCOPE_MODULE, "version", "a version belongs to a module", version)
    }

    /// Returns the scope of one install of this version.
    ///
    /// # Errors
    ///
    /// Returns [`ScopeError`] if [`module`](Self::module) would refuse the name, or if this is not
    /// the scope of a version.
    ///
    /// ```
    /// use secrets_toml::seal::Scope;
    ///
    /// let error = Scope::module("chat")?.install("acme").unwrap_err();
    /// assert_eq!(error.to_string(), "an install belongs to a version, and this is a module");
    /// # Ok::<(), secrets_toml::seal::ScopeError>(())
    /// ```
    pub fn install(&self, install: &str) -> Result<Self, ScopeError> {
        self.child(SCOPE_VERSION, "install", "an install belongs to a version", install)
    }

    /// Reads the encoding that [`as_bytes`](Self::as_bytes) returns.
    ///
    /// # Errors
    ///
    /// Returns [`ScopeError`] if the bytes are not the encoding of a module, a version or an
    /// install.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ScopeError> {
        let scope = Self(bytes.to_vec());
        // The byte of the kind is also the number of components.
        let count = match bytes.first() {
            Some(&kind @ SCOPE_MODULE..=SCOPE_INSTALL) => usize::from(kind),
            _ => return Err(ScopeError(Fault::NotAScope)),
        };
        let mut rest = &bytes[1..];
        for _ in 0..count {
            let component;
            (component, rest) = split(rest).ok_or(ScopeError(Fault::NotAScope))?;
            let text = std::str::from_utf8(component);
            let text = text.map_err(|_| ScopeError(Fault::NotAScope))?;
            check("component", text, MAX_COMPONENT_LEN)?;
        }
        if rest.is_empty() { Ok(scope) } else { Err(ScopeError(Fault::NotAScope)) }
    }

    /// Returns the encoding, under which a store keeps the record.
    ///
    /// No two scopes have the same encoding.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the names of the module, the version and the install, as many as there are.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        let mut rest = &self.0[1..];
        std::iter::from_fn(move || {
            let component;
            (component, rest) = split(rest)?;
            std::str::from_utf8(component).ok()
        })
    }

    /// Returns the last of the [components](Self::components).
    #[must_use]
    pub fn name(&self) -> &str {
        self.components().last().unwrap_or_default()
    }

    /// The prefix of the encodings of all modules.
    pub(crate) const MODULES: &'static [u8] = &[SCOPE_MODULE];

    /// The prefix of the encodings of this module's versions, or of this version's installs.
    pub(crate) fn children(&self) -> Vec<u8> {
        let mut prefix = self.0.clone();
        prefix[0] += 1;
        prefix
    }

    /// The prefixes of the encodings of this scope, of its children, and of theirs.
    pub(crate) fn with_descendants(&self) -> Vec<Vec<u8>> {
        let of_kind = |kind| [&[kind], &self.0[1..]].concat();
        (self.0[0]..=SCOPE_INSTALL).map(of_kind).collect()
    }

    fn child(
        &self,
        parent: u8,
        what: &'static str,
        rule: &'static str,
        name: &str,
    ) -> Result<Self, ScopeError> {
        let at = match self.0[0] {
            SCOPE_MODULE => "a module",
            SCOPE_VERSION => "a version",
            _ => "an install",
        };
        if self.0[0] != parent {
            return Err(ScopeError(Fault::Order { rule, at }));
        }
        check(what, name, MAX_COMPONENT_LEN)?;
        let mut scope = Vec::with_capacity(self.0.len() + 2 + name.len());
        scope.extend_from_slice(&self.0);
        scope[0] = parent + 1;
        push(&mut scope, name.as_bytes());
        Ok(Self(scope))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, component) in self.components().enumerate() {
            if i > 0 {
                f.write_char('/')?;
            }
            if component.contains(|c| matches!(c, '/' | '"' | '\\') || is_unsafe(c)) {
                f.write_char('"')?;
                component.chars().try_for_each(|character| write_escaped(f, character))?;
                f.write_char('"')?;
            } else {
                f.write_str(component)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("Scope");
        for component in self.components() {
            tuple.field(&component);
        }
        tuple.finish()
    }
}

/// A name that cannot be a component of a [`Scope`], or a component in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScopeError(Fault);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("the {0} is empty")]
    Empty(&'static str),
    #[error("the {0} has {1} bytes; at most {2} are allowed")]
    TooLong(&'static str, usize, usize),
    #[error("the {0} has a control character")]
    Control(&'static str),
    #[error("the {0} has white space at its start or end")]
    WhiteSpace(&'static str),
    #[error("{rule}, and this is {at}")]
    Order { rule: &'static str, at: &'static str },
    #[error("these bytes are not the encoding of a scope")]
    NotAScope,
}

/// Checks a name by the rules of a component. `what` is the noun that an error calls it.
pub(super) fn check(what: &'static str, name: &str, max: usize) -> Result<(), ScopeError> {
    let fault = if name.is_empty() {
        Fault::Empty(what)
    } else if name.len() > max {
        Fault::TooLong(what, name.len(), max)
    } else if name.chars().any(char::is_control) {
        Fault::Control(what)
    } else if name.trim() != name {
        Fault::WhiteSpace(what)
    } else {
        return Ok(());
    };
    Err(ScopeError(fault))
}

/// Encodes a scope of any kind, without a check of its components.
pub(super) fn encode(kind: u8, components: &[&[u8]]) -> Vec<u8> {
    let mut scope = vec![kind];
    components.iter().for_each(|component| push(&mut scope, component));
    scope
}

/// Appends one component. Every caller has checked that it is far shorter than 64 KiB.
pub(super) fn push(scope: &mut Vec<u8>, component: &[u8]) {
    let len = u16::try_from(component.len()).expect("no component is as long as 64 KiB");
    scope.extend_from_slice(&len.to_be_bytes());
    scope.extend_from_slice(component);
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}
