//! Listings of scopes.

use std::fmt;
use std::vec;

use crate::seal::{Header, Kind, OpenError, Scope, ScopeError, past_key, past_prefix};
use crate::store::backend::{Fetch, Row};
use crate::store::{AsyncStore, Blocking, RowRange, Scan, Store, StoreError, now};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::call::Call;
use crate::vault::error::VaultError;
use crate::vault::observer::End;
use crate::vault::operation::Operation;

/// The most rows that a listing holds in memory.
const PAGE: usize = 4096;

/// The scopes to list, to rewrap or to verify.
///
/// A call that visits records visits the past revisions of these scopes, too. If a row has a malformed
/// scope, it belongs to [`All`](Self::All) only.
///
/// # Examples
///
/// Two processes divide the work. A listing finds the cut between their shares:
///
/// ```
#[doc = include_str!("example.txt")]
/// # for name in ["a", "b", "c", "d", "e"] {
/// #     vault.put(&Scope::module(name)?, &secrets, Expected::Absent)?;
/// # }
/// let middle = vault.scopes(Scopes::All)?.count() / 2;
/// let cut = vault.scopes(Scopes::All)?.nth(middle).ok_or("no scopes")??.scope().clone();
///
/// let first = Scopes::Between { after: None, through: Some(&cut) };
/// let second = Scopes::Between { after: Some(&cut), through: None };
/// assert_eq!(vault.verify(first)?.documents(), 3);
/// assert_eq!(vault.verify(second)?.documents(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// The scope of a module, and those of its versions and of their installs.
    Module(&'a str),
    /// A share of all scopes, in the order of a listing. It is empty if `after` is not before `through`.
    ///
    /// Shares whose ends meet have every scope once, also those that are written meanwhile.
    Between {
        /// The last scope before the share. It need not exist. `None` is the beginning.
        after: Option<&'a Scope>,
        /// The last scope of the share. It need not exist. `None` is the end.
        through: Option<&'a Scope>,
    },
}

impl Scopes<'_> {
    /// Scans the rows of these scopes, present and past.
    pub(super) fn scan<S: AsyncStore>(
        self,
        store: &S,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Scan<'_, S>, ScopeError> {
        let prefixes = match self {
            Self::All => return Ok(Scan::new(store, Vec::new(), limit, fetch)),
            Self::Between { after, through } => {
                return Ok(Scan::of_part(store, between(after, through), limit, fetch));
            }
            Self::Modules => vec![Scope::MODULES.to_vec()],
            Self::Versions(module) => vec![Scope::module(module)?.children()],
            Self::Installs(module, version) => {
                vec![Scope::module(module)?.version(version)?.children()]
            }
            Self::Module(module) => Scope::module(module)?.with_descendants(),
        };
        let past = prefixes.iter().map(|prefix| past_prefix(prefix)).collect::<Vec<_>>();
        let ranges = prefixes.into_iter().chain(past).map(RowRange::of);
        Ok(Scan::of_part(store, ranges, limit, fetch))
    }

    /// The module or the version that all of these scopes belong to, if there is one.
    pub(super) fn parent(self) -> Option<Scope> {
        match self {
            Self::All | Self::Modules | Self::Between { .. } => None,
            Self::Versions(module) | Self::Module(module) => Scope::module(module).ok(),
            Self::Installs(module, version) => Scope::module(module).ok()?.version(version).ok(),
        }
    }
}

impl<S: AsyncStore> AsyncVault<S> {
    /// Lists scopes. Same as [`Vault::scopes`](crate::vault::Vault::scopes).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::scopes`](crate::vault::Vault::scopes).
    pub fn scopes(&self, scopes: Scopes<'_>) -> Result<AsyncListing<'_, S>, VaultError> {
        let call = self.call_owning(Operation::Scopes, || scopes.parent())?;
        match scopes.scan(&self.store, PAGE, Fetch::Heads) {
            Ok(scan) => {
                let scan = scan.of_present();
                Ok(AsyncListing { call, scan, page: Vec::new().into_iter(), ended: false })
            }
            Err(error) => call.end(Err(error.into())),
        }
    }
}

/// The ranges of the present rows of a share, and of its past rows. No encoding of a scope is a prefix
/// of another one, so the past rows of all scopes are in the order of the scopes.
fn between(after: Option<&Scope>, through: Option<&Scope>) -> [RowRange; 2] {
    // No revision is as high.
    let past = |scope: &Scope| past_key(scope.as_bytes(), u64::MAX);
    let first_past = RowRange::first_past();
    let present = RowRange {
        after: after.map(|scope| scope.as_bytes().to_vec()),
        end: Some(match through {
            Some(scope) => [scope.as_bytes(), &[0]].concat(),
            None => first_past.clone(),
        }),
        ..RowRange::default()
    };
    let after = Some(after.map_or(first_past, past));
    [present, RowRange { after, end: through.map(past), ..RowRange::default() }]
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
    call: Call<'a, AsyncVault<S>>,
    scan: Scan<'a, S>,
    page: vec::IntoIter<Row>,
    ended: bool,
}

impl<S: AsyncStore> AsyncListing<'_, S> {
    /// Returns the next scope, or `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Listed, VaultError>> {
        let row = match self.next_row().await {
            Ok(Some(row)) => row,
            Ok(None) => {
                self.call.tell(End::Done, None);
                return None;
            }
            Err(error) => {
                let error = error.into();
                self.call.tell(End::Failed(&error), None);
                return Some(Err(error));
            }
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
        // If this future is dropped here, the next one reads the same page.
        let page = self.scan.next_page().await;
        self.ended = page.as_ref().map_or(true, Vec::is_empty);
        self.page = page?.into_iter();
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
