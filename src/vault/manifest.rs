//! A list of all records, sealed, by which a store is held to its word later.

use std::io::{self, Read, Write};

use crate::seal::{ManifestList, OpenError, Revision, Scope};
use crate::store::AsyncStore;
use crate::store::backend::{Fetch, Row, commitment};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::error::VaultError;
use crate::vault::sweep::MAX_FAILURES;

/// The rows that are compared at a time.
const PAGE: usize = 4096;

/// What follows the scope in an entry: a revision and a commitment.
const ENTRY_END: usize = 8 + 32;

/// The first two bytes of a record, which no length of a scope is.
const RECORD: u16 = 0x8953;

/// The length of the record that seals a list: what is sealed has 40 bytes.
const SEALED: usize = 100 + 1024 + 16;

/// How a store compares with a manifest: see
/// [`Vault::verify_against`](crate::vault::Vault::verify_against).
#[derive(Debug)]
pub struct Comparison {
    revision: Revision,
    unchanged: u64,
    newer: u64,
    deviations: Vec<Deviation>,
    count: u64,
}

impl Comparison {
    /// The revision of the manifest, as it was given when it was made.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// How many records are those that the manifest lists.
    #[must_use]
    pub fn unchanged(&self) -> u64 {
        self.unchanged
    }

    /// How many were written since, or stand where the manifest lists none.
    #[must_use]
    pub fn newer(&self) -> u64 {
        self.newer
    }

    /// How many records the store should not have lost or changed.
    #[must_use]
    pub fn deviating(&self) -> u64 {
        self.count
    }

    /// The first [`MAX_FAILURES`] of those, in the order of the scopes.
    #[must_use]
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }
}

/// One scope of which the store has not what it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    scope: Scope,
    kind: DeviationKind,
}

impl Deviation {
    /// The scope.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What became of its record.
    #[must_use]
    pub fn kind(&self) -> DeviationKind {
        self.kind
    }
}

/// What became of a record that a manifest lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviationKind {
    /// There is none any more, not even a tombstone.
    Deleted,
    /// An older one stands there.
    RolledBack {
        /// The revision that the manifest lists.
        listed: Revision,
        /// The revision that stands.
        found: Revision,
    },
    /// Another one of the same revision stands there, or one that does not open.
    Altered,
}

/// Why there is no manifest, or no comparison with one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The manifest could not be written or read.
    #[error("the manifest cannot be read or written")]
    Io(#[from] io::Error),
    /// The end is missing.
    #[error("the manifest is cut off")]
    Truncated,
    /// The list is not the one that was sealed, or is no list.
    #[error("the manifest was altered, or is none")]
    Altered,
    /// The end of the manifest does not open.
    #[error("the manifest does not open")]
    Open(#[from] OpenError),
    /// A record does not open, so it can be listed in no manifest; or the store failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl<S: AsyncStore> AsyncVault<S> {
    /// As [`Vault::manifest`](crate::vault::Vault::manifest).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn manifest(
        &self,
        revision: Revision,
        mut out: impl Write,
    ) -> Result<u64, ManifestError> {
        let keyring = self.keyring();
        let mut list = ManifestList::default();
        let mut after = None;
        loop {
            let page = self.page(after.as_deref()).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.scope().to_vec());
            for row in page {
                let scope = Scope::from_bytes(row.scope()).map_err(VaultError::from)?;
                let opened = keyring.open(&scope, row.record()).map_err(VaultError::from)?;
                let commitment = commitment(row.record());
                let commitment = *commitment.expect("what was opened has a commitment");
                let entry = Entry { scope, revision: opened.revision(), commitment }.encode();
                list.add(&entry);
                out.write_all(&entry)?;
            }
        }
        let count = list.count();
        let sealed = keyring.seal_manifest(revision, list).map_err(VaultError::from)?;
        out.write_all(sealed.as_bytes())?;
        out.flush()?;
        Ok(count)
    }

    /// As [`Vault::verify_against`](crate::vault::Vault::verify_against).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn verify_against(
        &self,
        mut manifest: impl Read,
    ) -> Result<Comparison, ManifestError> {
        let keyring = self.keyring();
        let mut found = Comparison {
            revision: Revision::FIRST,
            unchanged: 0,
            newer: 0,
            deviations: Vec::new(),
            count: 0,
        };
        let mut list = ManifestList::default();
        let mut rows = Vec::new().into_iter().peekable();
        let mut after: Option<Vec<u8>> = None;
        let mut listed_before: Option<Scope> = None;
        loop {
            let entry = match Part::read(&mut manifest)? {
                Part::Entry(entry) => Some(entry),
                Part::Sealed(record) => {
                    let revision = keyring.open_manifest(&record, std::mem::take(&mut list))?;
                    found.revision = revision.ok_or(ManifestError::Altered)?;
                    if manifest.read(&mut [0])? != 0 {
                        return Err(ManifestError::Altered);
                    }
                    None
                }
            };
            if let Some(entry) = &entry {
                list.add(&entry.encode());
                if listed_before.as_ref() >= Some(&entry.scope) {
                    return Err(ManifestError::Altered);
                }
                listed_before = Some(entry.scope.clone());
            }
            // The store has its rows in the same order: what comes before the entry is not listed.
            let standing = loop {
                if rows.peek().is_none() {
                    let page = self.page(after.as_deref()).await?;
                    after = page.last().map(|row: &Row| row.scope().to_vec()).or(after);
                    rows = page.into_iter().peekable();
                }
                let is_before = |row: &Row| {
                    entry.as_ref().is_none_or(|entry| row.scope() < entry.scope.as_bytes())
                };
                match rows.next_if(is_before) {
                    Some(_) => found.newer += 1,
                    None => {
                        break entry.as_ref().and_then(|entry| {
                            rows.next_if(|row| row.scope() == entry.scope.as_bytes())
                        });
                    }
                }
            };
            let Some(entry) = entry else { return Ok(found) };
            let opened = standing.as_ref().map(|row| keyring.open(&entry.scope, row.record()));
            let kind = match opened {
                None => DeviationKind::Deleted,
                Some(Err(_)) => DeviationKind::Altered,
                Some(Ok(opened)) if opened.revision() > entry.revision => {
                    found.newer += 1;
                    continue;
                }
                Some(Ok(opened)) if opened.revision() < entry.revision => {
                    DeviationKind::RolledBack { listed: entry.revision, found: opened.revision() }
                }
                Some(Ok(_)) => {
                    let commitment = standing.as_ref().and_then(|row| commitment(row.record()));
                    if commitment == Some(&entry.commitment) {
                        found.unchanged += 1;
                        continue;
                    }
                    DeviationKind::Altered
                }
            };
            found.count += 1;
            if found.deviations.len() < MAX_FAILURES {
                found.deviations.push(Deviation { scope: entry.scope, kind });
            }
        }
    }

    async fn page(&self, after: Option<&[u8]>) -> Result<Vec<Row>, VaultError> {
        Ok(self.store.scan(&[], after, PAGE, Fetch::Records).await?)
    }
}

/// What a list says of one record.
struct Entry {
    scope: Scope,
    revision: Revision,
    commitment: [u8; 32],
}

impl Entry {
    fn encode(&self) -> Vec<u8> {
        let scope = self.scope.as_bytes();
        let len = u16::try_from(scope.len()).expect("a scope is shorter than 64 KiB");
        [&len.to_be_bytes()[..], scope, &self.revision.get().to_be_bytes(), &self.commitment]
            .concat()
    }
}

/// A part of a manifest.
enum Part {
    Entry(Entry),
    Sealed(Vec<u8>),
}

impl Part {
    fn read(from: &mut impl Read) -> Result<Self, ManifestError> {
        let mut start = [0; 2];
        fill(from, &mut start)?;
        let len = u16::from_be_bytes(start);
        if len == RECORD {
            let mut record = vec![0; SEALED];
            record[..2].copy_from_slice(&start);
            fill(from, &mut record[2..])?;
            return Ok(Self::Sealed(record));
        }
        let mut scope = vec![0; usize::from(len)];
        fill(from, &mut scope)?;
        let mut rest = [0; ENTRY_END];
        fill(from, &mut rest)?;
        let (revision, commitment) = rest.split_first_chunk::<8>().expect("it has 40 bytes");
        let revision =
            Revision::new(u64::from_be_bytes(*revision)).ok_or(ManifestError::Altered)?;
        let scope = Scope::from_bytes(&scope).map_err(|_| ManifestError::Altered)?;
        let commitment = commitment.try_into().expect("it has 32 bytes");
        Ok(Self::Entry(Entry { scope, revision, commitment }))
    }
}

fn fill(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), ManifestError> {
    from.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ManifestError::Truncated,
        _ => ManifestError::Io(error),
    })
}
