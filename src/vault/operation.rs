//! The operations of a vault, as an observer is told.

use std::fmt;

/// An operation of a vault: a method that asks the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`Vault::get`](crate::vault::Vault::get).
    Get,
    /// [`Vault::get_newer`](crate::vault::Vault::get_newer).
    GetNewer,
    /// [`Vault::get_at`](crate::vault::Vault::get_at).
    GetAt,
    /// [`Vault::put`](crate::vault::Vault::put).
    Put,
    /// [`Vault::delete`](crate::vault::Vault::delete).
    Delete,
    /// [`Vault::copy`](crate::vault::Vault::copy).
    Copy,
    /// [`Vault::restore`](crate::vault::Vault::restore).
    Restore,
    /// [`Vault::purge`](crate::vault::Vault::purge).
    Purge,
    /// [`Vault::history`](crate::vault::Vault::history), from the call to the end of the iterator.
    History,
    /// [`Vault::scopes`](crate::vault::Vault::scopes), from the call to the end of the iterator.
    Scopes,
    /// [`Vault::usage`](crate::vault::Vault::usage).
    Usage,
    /// [`Vault::rewrap`](crate::vault::Vault::rewrap).
    Rewrap,
    /// [`Vault::verify`](crate::vault::Vault::verify).
    Verify,
    /// [`Vault::manifest`](crate::vault::Vault::manifest).
    Manifest,
    /// [`Vault::verify_against`](crate::vault::Vault::verify_against).
    VerifyAgainst,
    /// [`Vault::export`](crate::vault::Vault::export).
    Export,
    /// [`Vault::import`](crate::vault::Vault::import) and
    /// [`Vault::import_with`](crate::vault::Vault::import_with).
    Import,
    /// [`Vault::rotate`](crate::vault::Vault::rotate).
    Rotate,
    /// [`Vault::relock`](crate::vault::Vault::relock).
    Relock,
    /// [`Vault::unlock`](crate::vault::Vault::unlock).
    Unlock,
}

impl Operation {
    /// The name, for a log: `get`, `get_newer`, and so on.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::GetNewer => "get_newer",
            Self::GetAt => "get_at",
            Self::Put => "put",
            Self::Delete => "delete",
            Self::Copy => "copy",
            Self::Restore => "restore",
            Self::Purge => "purge",
            Self::History => "history",
            Self::Scopes => "scopes",
            Self::Usage => "usage",
            Self::Rewrap => "rewrap",
            Self::Verify => "verify",
            Self::Manifest => "manifest",
            Self::VerifyAgainst => "verify_against",
            Self::Export => "export",
            Self::Import => "import",
            Self::Rotate => "rotate",
            Self::Relock => "relock",
            Self::Unlock => "unlock",
        }
    }
}

/// Writes the [name](Self::name).
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
