//! Listings of scopes.

use std::fmt;
use std::vec;

use crate::seal::{Header, Kind, OpenError, Scope, ScopeError};
use crate::store::backend::{Fetch, Row};
use crate::store::{AsyncStore, Blocking, Scan, Store, StoreError, now};
use crate::vault::error::VaultError;

/// The most rows that a listing holds in memory.
const PAGE: usize = 4096;

/// The scopes to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scopes<'a> {
    /// All scopes.
    All,
    /// The scopes of modules, without those of their versions.
    Modules,
    /// The scopes of the versions of a module, without those of their installs.
    Versions(&'a str),
    /// The scopes of the installs of a version: the names of the module and the version.
    Installs(&'a str, &'a str),
}

impl Scopes<'_> {
    /// The bytes that the encodings of these scopes begin with.
    pub(super) fn prefix(self) -> Result<Vec<u8>, ScopeError> {
        Ok(match self {
            Self::All => Vec::new(),
            Self::Modules => Scope::MODULES.to_vec(),
            Self::Versions(module) => Scope::module(module)?.children(),
            Self::Installs(module, version) => Scope::module(module)?.version(version)?.children(),
        })
    }
}

/// One scope of a listing, with the header of its record.
///
/// **The header is not authenticated**: whoever can write to the store can change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    scope: Scope,
    header: Result<Header, OpenError>,
}

impl Listed {
    /// The scope.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The header of the record. It is not authenticated.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the record does not begin with a header.
    pub fn header(&self) -> Result<&Header, &OpenError> {
        self.header.as_ref()
    }

    /// Returns `true` if the header says that the document was deleted.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.header.as_ref().is_ok_and(|header| header.kind() == Kind::Tombstone)
    }
}

/// The scopes of an [`AsyncVault`](crate::vault::AsyncVault), fetched page by page. Returned by
/// [`AsyncVault::scopes`](crate::vault::AsyncVault::scopes).
pub struct AsyncListing<'a, S> {
    scan: Scan<'a, S>,
    page: vec::IntoIter<Row>,
    ended: bool,
}

impl<'a, S: AsyncStore> AsyncListing<'a, S> {
    pub(super) fn new(store: &'a S, prefix: Vec<u8>) -> Self {
        let scan = Scan::new(store, prefix, PAGE, Fetch::Heads).of_present();
        Self { scan, page: Vec::new().into_iter(), ended: false }
    }

    /// Returns the next scope, or `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Listed, VaultError>> {
        let row = match self.next_row().await {
            Ok(row) => row?,
            Err(error) => return Some(Err(error.into())),
        };
        let scope = match Scope::from_bytes(row.scope()) {
            Ok(scope) => scope,
            Err(error) => return Some(Err(error.into())),
        };
        Some(Ok(Listed { scope, header: Header::of_head(row.record(), &Kind::PRESENT) }))
    }

    /// Returns the next row, with the head of its record.
    async fn next_row(&mut self) -> Result<Option<Row>, StoreError> {
        if let Some(row) = self.page.next() {
            return Ok(Some(row));
        }
        if self.ended {
            return Ok(None);
        }
        // Set before the call, so that an error ends the listing, too.
        self.ended = true;
        let page = self.scan.next_page().await?;
        self.ended = page.is_empty();
        self.page = page.into_iter();
        Ok(self.page.next())
    }
}

impl<S> fmt::Debug for AsyncListing<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncListing").finish_non_exhaustive()
    }
}

/// The scopes of a [`Vault`](crate::vault::Vault), fetched page by page. Returned by
/// [`Vault::scopes`](crate::vault::Vault::scopes).
pub struct Listing<'a, S>(pub(super) AsyncListing<'a, Blocking<S>>);

impl<S: Store> Iterator for Listing<'_, S> {
    type Item = Result<Listed, VaultError>;

    fn next(&mut self) -> Option<Self::Item> {
        now(self.0.next())
    }
}

impl<S> fmt::Debug for Listing<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
