//! What a record is sealed for: one module, one version of it, or one install of that.

use std::fmt;

/// The longest component of a [`Scope`], in bytes: what names a module, a version or an install is
/// an identifier, and 255 is what a file system or a database column takes as one.
pub const MAX_COMPONENT_LEN: usize = 255;

const MODULE: u8 = 0x01;
const VERSION: u8 = 0x02;
const INSTALL: u8 = 0x03;
/// The kind of a locked keyring's scope, over the fields that stand beside it in clear.
pub(super) const KEYRING: u8 = 0x7F;
/// The scope of manifests, which has no component.
pub(super) const MANIFEST: u8 = 0x7E;

/// What a record is sealed for: a module, one version of it, or one install of that version.
///
/// A record opens under the scope that it was sealed for and no other. Components are compared byte
/// for byte: they are never normalised and never case-folded, so that `Chat` and `chat` are two
/// modules. A scope is not secret: whoever sees a store reads it.
///
/// `Ord` is the order of the encoding: kind by kind, shorter names first, then by bytes.
///
/// ```
/// use secrets_toml::seal::Scope;
///
/// let version = Scope::module("chat")?.version("1.2.0")?;
/// let install = version.install("acme")?;
/// assert_eq!(install.components().collect::<Vec<_>>(), ["chat", "1.2.0", "acme"]);
/// assert_eq!((version.name(), install.name()), ("1.2.0", "acme"));
/// assert_eq!(format!("{install:?}"), r#"Scope("chat", "1.2.0", "acme")"#);
/// # Ok::<(), secrets_toml::seal::ScopeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Vec<u8>);

impl Scope {
    /// The scope of a module as a whole.
    ///
    /// # Errors
    ///
    /// [`ScopeError`] where the name is empty, longer than [`MAX_COMPONENT_LEN`] bytes, holds a
    /// control character, or has white space at either end.
    pub fn module(module: &str) -> Result<Self, ScopeError> {
        check("module", module)?;
        Ok(Self::encode(MODULE, &[module.as_bytes()]))
    }

    /// The scope of one version of this module.
    ///
    /// # Errors
    ///
    /// As [`module`](Self::module), and where this is not the scope of a module.
    pub fn version(&self, version: &str) -> Result<Self, ScopeError> {
        self.child(MODULE, "version", "a version belongs to a module", version)
    }

    /// The scope of one install of this version.
    ///
    /// # Errors
    ///
    /// As [`module`](Self::module), and where this is not the scope of a version.
    ///
    /// ```
    /// use secrets_toml::seal::Scope;
    ///
    /// let error = Scope::module("chat")?.install("acme").unwrap_err();
    /// assert_eq!(error.to_string(), "an install belongs to a version, and this is a module");
    /// # Ok::<(), secrets_toml::seal::ScopeError>(())
    /// ```
    pub fn install(&self, install: &str) -> Result<Self, ScopeError> {
        self.child(VERSION, "install", "an install belongs to a version", install)
    }

    /// Reads the encoding that [`as_bytes`](Self::as_bytes) gives, as a store kept it.
    ///
    /// # Errors
    ///
    /// Where the bytes are not the encoding of a module, a version or an install.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ScopeError> {
        let scope = Self(bytes.to_vec());
        let count = match bytes.first() {
            Some(&kind @ MODULE..=INSTALL) => usize::from(kind),
            _ => return Err(ScopeError(Fault::NotAScope)),
        };
        let mut rest = &bytes[1..];
        for _ in 0..count {
            let component;
            (component, rest) = split(rest).ok_or(ScopeError(Fault::NotAScope))?;
            let text = std::str::from_utf8(component);
            let text = text.map_err(|_| ScopeError(Fault::NotAScope))?;
            check("component", text)?;
        }
        if rest.is_empty() { Ok(scope) } else { Err(ScopeError(Fault::NotAScope)) }
    }

    /// The encoding: injective, and what a store files a record under.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The names: of the module, then of the version and the install where there are.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        let mut rest = &self.0[1..];
        std::iter::from_fn(move || {
            let component;
            (component, rest) = split(rest)?;
            std::str::from_utf8(component).ok()
        })
    }

    /// The last of the names: of the install, the version or the module that this is.
    #[must_use]
    pub fn name(&self) -> &str {
        self.components().last().unwrap_or_default()
    }

    /// What the encodings of all modules begin with.
    pub(crate) const MODULES: &'static [u8] = &[MODULE];

    /// What the encodings of the versions of this module, or the installs of this version, begin
    /// with.
    pub(crate) fn children(&self) -> Vec<u8> {
        let mut prefix = self.0.clone();
        prefix[0] += 1;
        prefix
    }

    /// The encoding of any kind, without a check of its components.
    pub(super) fn encode(kind: u8, components: &[&[u8]]) -> Self {
        let mut scope = vec![kind];
        for component in components {
            push(&mut scope, component);
        }
        Self(scope)
    }

    fn child(
        &self,
        parent: u8,
        what: &'static str,
        rule: &'static str,
        name: &str,
    ) -> Result<Self, ScopeError> {
        let at = match self.0[0] {
            MODULE => "a module",
            VERSION => "a version",
            _ => "an install",
        };
        if self.0[0] != parent {
            return Err(ScopeError(Fault::Order { rule, at }));
        }
        check(what, name)?;
        let mut scope = Vec::with_capacity(self.0.len() + 2 + name.len());
        scope.extend_from_slice(&self.0);
        scope[0] = parent + 1;
        push(&mut scope, name.as_bytes());
        Ok(Self(scope))
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

/// A name that cannot be a component of a [`Scope`], or one at the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScopeError(Fault);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("the {0} is empty")]
    Empty(&'static str),
    #[error("the {0} has {1} bytes; at most {MAX_COMPONENT_LEN} are allowed")]
    TooLong(&'static str, usize),
    #[error("the {0} has a control character")]
    Control(&'static str),
    #[error("the {0} has white space at its start or end")]
    WhiteSpace(&'static str),
    #[error("{rule}, and this is {at}")]
    Order { rule: &'static str, at: &'static str },
    #[error("these bytes are not the encoding of a scope")]
    NotAScope,
}

fn check(what: &'static str, name: &str) -> Result<(), ScopeError> {
    let fault = if name.is_empty() {
        Fault::Empty(what)
    } else if name.len() > MAX_COMPONENT_LEN {
        Fault::TooLong(what, name.len())
    } else if name.chars().any(char::is_control) {
        Fault::Control(what)
    } else if name.trim() != name {
        Fault::WhiteSpace(what)
    } else {
        return Ok(());
    };
    Err(ScopeError(fault))
}

/// Appends one component. Every caller bounds its length far below 2^16.
fn push(scope: &mut Vec<u8>, component: &[u8]) {
    let len = u16::try_from(component.len()).expect("no component is as long as 64 KiB");
    scope.extend_from_slice(&len.to_be_bytes());
    scope.extend_from_slice(component);
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}
