//! What a vault holds, by what its records say in clear.

use std::collections::BTreeMap;
use std::fmt;
use std::vec;

use crate::seal::{Header, KeyId, Kind, OpenError, Scope, ScopeError};
use crate::store::backend::{Fetch, Row};
use crate::store::{AsyncStore, Blocking, Store, StoreError, now};
use crate::vault::error::VaultError;

/// How many rows a listing fetches at a time.
const PAGE: usize = 4096;

/// Which scopes are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scopes<'a> {
    /// All of them.
    All,
    /// Those of modules as a whole.
    Modules,
    /// Those of the versions of a module.
    Versions(&'a str),
    /// Those of the installs of a version: the module, then the version.
    Installs(&'a str, &'a str),
}

impl Scopes<'_> {
    /// What the encodings of these scopes begin with.
    pub(super) fn prefix(self) -> Result<Vec<u8>, ScopeError> {
        Ok(match self {
            Self::All => Vec::new(),
            Self::Modules => Scope::MODULES.to_vec(),
            Self::Versions(module) => Scope::module(module)?.children(),
            Self::Installs(module, version) => Scope::module(module)?.version(version)?.children(),
        })
    }
}

/// One scope of a listing, with what its record says of itself in clear. **Nothing of that is
/// authenticated**, as of [`inspect`](crate::seal::inspect).
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

    /// What the record says of itself.
    ///
    /// # Errors
    ///
    /// Where its first bytes are not laid out like a record.
    pub fn header(&self) -> Result<&Header, &OpenError> {
        self.header.as_ref()
    }

    /// Whether the record says that the document was deleted.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.header.as_ref().is_ok_and(|header| header.kind() == Kind::Tombstone)
    }
}

/// The scopes of an [`AsyncVault`](crate::vault::AsyncVault), page by page: see
/// [`Vault::scopes`](crate::vault::Vault::scopes).
pub struct AsyncListing<'a, S> {
    store: &'a S,
    prefix: Vec<u8>,
    after: Option<Vec<u8>>,
    page: vec::IntoIter<Row>,
    ended: bool,
}

impl<'a, S: AsyncStore> AsyncListing<'a, S> {
    pub(super) fn new(store: &'a S, prefix: Vec<u8>) -> Self {
        Self { store, prefix, after: None, page: Vec::new().into_iter(), ended: false }
    }

    /// The next scope; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Listed, VaultError>> {
        let row = match self.next_row().await {
            Ok(row) => row?,
            Err(error) => return Some(Err(error.into())),
        };
        let scope = match Scope::from_bytes(row.scope()) {
            Ok(scope) => scope,
            Err(error) => return Some(Err(error.into())),
        };
        Some(Ok(Listed { scope, header: Header::of_head(row.record()) }))
    }

    /// The next row, of which the head is fetched.
    async fn next_row(&mut self) -> Result<Option<Row>, StoreError> {
        if let Some(row) = self.page.next() {
            return Ok(Some(row));
        }
        if self.ended {
            return Ok(None);
        }
        // Neither an error nor the end is asked for a second time.
        self.ended = true;
        let after = self.after.as_deref();
        let page = self.store.scan(&self.prefix, after, PAGE, Fetch::Heads).await?;
        if let Some(last) = page.last() {
            self.after = Some(last.scope().to_vec());
            self.ended = false;
        }
        self.page = page.into_iter();
        Ok(self.page.next())
    }
}

impl<S> fmt::Debug for AsyncListing<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncListing").finish_non_exhaustive()
    }
}

/// The scopes of a vault, page by page: see [`Vault::scopes`](crate::vault::Vault::scopes).
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

/// How many records are under which key, by what they say in clear: see
/// [`Vault::usage`](crate::vault::Vault::usage).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    records: BTreeMap<KeyId, u64>,
    unreadable: u64,
}

impl Usage {
    pub(super) fn new(counted: BTreeMap<Option<KeyId>, u64>) -> Self {
        let mut usage = Self::default();
        for (id, records) in counted {
            match id {
                Some(id) => drop(usage.records.insert(id, records)),
                None => usage.unreadable = records,
            }
        }
        usage
    }

    /// How many records say that they are under a key, tombstones included.
    #[must_use]
    pub fn records(&self, id: &KeyId) -> u64 {
        self.records.get(id).copied().unwrap_or_default()
    }

    /// The keys that any record names, in the order of their ids, with how many do. They need not
    /// be in the keyring.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (KeyId, u64)> {
        self.records.iter().map(|(id, records)| (*id, *records))
    }

    /// How many rows are no records.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }
}
