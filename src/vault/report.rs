//! The report of a call that visits many records.

use std::collections::BTreeMap;
use std::fmt;

use crate::seal::{KeyId, Revision, Scope, Unused};
use crate::vault::error::VaultError;
use crate::vault::place::Place;

/// The most failures that a report keeps; further ones are only counted. A hundred show what is
/// wrong, and bound the memory.
const MAX_FAILURES: usize = 100;

/// The result of a call that visits many records: what it counted, and what failed.
///
/// | call | fills |
/// |---|---|
/// | [`rewrap`] | [`written`], [`kept`], failures |
/// | [`rotate`] | [`written`], [`kept`], [`documents`], [`tombstones`], [`past`], failures |
/// | [`import`] | [`written`], [`kept`], failures |
/// | [`verify`] | [`documents`], [`tombstones`], [`past`], [`unused`], failures |
/// | [`verify_against`] | [`unchanged`], [`newer`], [`manifest_revision`], failures |
/// | [`usage`] | [`by_key`], [`records`], [`unreadable`] |
///
/// Fields that a call does not fill are zero, empty or `None`.
///
/// [`rewrap`]: crate::vault::Vault::rewrap
/// [`rotate`]: crate::vault::Vault::rotate
/// [`import`]: crate::vault::Vault::import
/// [`verify`]: crate::vault::Vault::verify
/// [`verify_against`]: crate::vault::Vault::verify_against
/// [`usage`]: crate::vault::Vault::usage
/// [`written`]: Self::written
/// [`kept`]: Self::kept
/// [`documents`]: Self::documents
/// [`tombstones`]: Self::tombstones
/// [`past`]: Self::past
/// [`unused`]: Self::unused
/// [`unchanged`]: Self::unchanged
/// [`newer`]: Self::newer
/// [`manifest_revision`]: Self::manifest_revision
/// [`by_key`]: Self::by_key
/// [`records`]: Self::records
/// [`unreadable`]: Self::unreadable
#[derive(Debug, Default)]
pub struct Report {
    pub(super) written: u64,
    pub(super) kept: u64,
    pub(super) documents: u64,
    pub(super) tombstones: u64,
    pub(super) past: u64,
    pub(super) unchanged: u64,
    pub(super) newer: u64,
    pub(super) manifest_revision: Option<Revision>,
    pub(super) by_key: BTreeMap<KeyId, u64>,
    pub(super) unreadable: u64,
    failed: u64,
    failures: Vec<Failure>,
    /// The keys that were disabled during the whole scan, and that nothing sealed under.
    pub(super) disabled: Vec<KeyId>,
    pub(super) complete: bool,
}

impl Report {
    /// Adds one record that failed.
    pub(super) fn fail(&mut self, scope: &[u8], error: impl Into<VaultError>) {
        self.failed += 1;
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(Failure { scope: scope.to_vec(), error: error.into() });
        }
    }

    /// Adds the counts and the failures of a page.
    pub(super) fn add(&mut self, page: Self) {
        self.kept += page.kept;
        self.documents += page.documents;
        self.tombstones += page.tombstones;
        self.past += page.past;
        self.failed += page.failed;
        let room = MAX_FAILURES - self.failures.len();
        self.failures.extend(page.failures.into_iter().take(room));
    }

    /// The number of records that were written. Filled by [`rewrap`](crate::vault::Vault::rewrap),
    /// [`rotate`](crate::vault::Vault::rotate) and [`import`](crate::vault::Vault::import).
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The number of records that needed no write.
    ///
    /// - [`rewrap`](crate::vault::Vault::rewrap): they are under the primary key already.
    ///   They were not decrypted.
    /// - [`rotate`](crate::vault::Vault::rotate): the same. A second pass opens them.
    /// - [`import`](crate::vault::Vault::import): the vault has the same revision of the same origin, or
    ///   a higher one. A past revision is kept, too, if it is not below the present one.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// The number of documents that opened. Filled by [`verify`](crate::vault::Vault::verify) and
    /// [`rotate`](crate::vault::Vault::rotate).
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// The number of tombstones that opened. Filled by [`verify`](crate::vault::Vault::verify) and
    /// [`rotate`](crate::vault::Vault::rotate).
    #[must_use]
    pub fn tombstones(&self) -> u64 {
        self.tombstones
    }

    /// The number of past revisions that opened. Filled by [`verify`](crate::vault::Vault::verify) and
    /// [`rotate`](crate::vault::Vault::rotate).
    #[must_use]
    pub fn past(&self) -> u64 {
        self.past
    }

    /// The number of records that are exactly those of the manifest. Filled by
    /// [`verify_against`](crate::vault::Vault::verify_against).
    #[must_use]
    pub fn unchanged(&self) -> u64 {
        self.unchanged
    }

    /// The number of records that were written after the manifest. Filled by
    /// [`verify_against`](crate::vault::Vault::verify_against).
    ///
    /// Records of scopes that the manifest does not list are counted, but not opened.
    #[must_use]
    pub fn newer(&self) -> u64 {
        self.newer
    }

    /// The revision that the manifest was given when it was made. Filled by
    /// [`verify_against`](crate::vault::Vault::verify_against).
    #[must_use]
    pub fn manifest_revision(&self) -> Option<Revision> {
        self.manifest_revision
    }

    /// The number of records that name a key, tombstones included. Filled by
    /// [`usage`](crate::vault::Vault::usage).
    #[must_use]
    pub fn records(&self, id: &KeyId) -> u64 {
        self.by_key.get(id).copied().unwrap_or_default()
    }

    /// Iterates over the keys that records name, in the order of their IDs, with the number of
    /// records. Filled by [`usage`](crate::vault::Vault::usage).
    ///
    /// A key in this list need not be in the keyring.
    pub fn by_key(&self) -> impl ExactSizeIterator<Item = (KeyId, u64)> {
        self.by_key.iter().map(|(id, records)| (*id, *records))
    }

    /// The number of rows that are not records. Filled by [`usage`](crate::vault::Vault::usage).
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The number of records that failed.
    ///
    /// - [`rewrap`](crate::vault::Vault::rewrap) could not seal them again.
    /// - [`rotate`](crate::vault::Vault::rotate) could not seal them again, or they did not pass a check of
    ///   [`verify`](crate::vault::Vault::verify) afterwards.
    /// - [`import`](crate::vault::Vault::import) could not open them, or the vault's own record
    ///   under the same scope, or the two are a [fork](VaultError::Forked).
    /// - [`verify`](crate::vault::Vault::verify) could not open them, or they were
    ///   [rolled back](VaultError::RolledBack) or [forked](VaultError::Forked).
    /// - [`verify_against`](crate::vault::Vault::verify_against) found that they were lost, rolled
    ///   back or forked after the manifest, or do not open.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// The first 100 failures. They are in the order of the scopes, except that
    /// [`rewrap`](crate::vault::Vault::rewrap), [`rotate`](crate::vault::Vault::rotate) and
    /// [`import`](crate::vault::Vault::import) may report a record later that another process wrote
    /// meanwhile.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Returns `true` if the call visited every record of its scopes.
    ///
    /// It is `false` only in these reports:
    ///
    /// - of [`rewrap`](crate::vault::Vault::rewrap), if `progress` stopped it;
    /// - of [`RotateError::Unfinished`](crate::vault::RotateError::Unfinished);
    /// - those that `progress` gets before the end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Returns the proof that no record of this store needs a key. Filled by
    /// [`verify`](crate::vault::Vault::verify).
    ///
    /// Returns `None` unless all of this is true:
    ///
    /// - The scopes are [`Scopes::All`]. Records outside a part may need the key.
    /// - Every record opened.
    /// - The key was disabled when the scan began.
    /// - The keyring was not [replaced](crate::vault::Vault::set_keyring) during the scan.
    /// - When the scan began, no call of this vault was running that had started while the key was
    ///   primary.
    ///
    /// The proof is about this store, this vault and the time of the scan. Use it at once: a key
    /// that is enabled and promoted again may be used again. The caller must take care of:
    ///
    /// - other stores, exports and backups;
    /// - other processes in which the key is not disabled yet;
    /// - live [`ScopeKeyring`]s;
    /// - a write that the store [did not confirm](VaultError::Unknown), and that may still happen.
    ///
    /// [`ScopeKeyring`]: crate::seal::ScopeKeyring
    /// [`Scopes::All`]: crate::vault::Scopes::All
    #[must_use]
    pub fn unused(&self, id: &KeyId) -> Option<Unused> {
        let proven = self.failed == 0 && self.disabled.contains(id);
        proven.then(|| Unused::of(*id))
    }
}

/// One record that failed, and the reason.
#[derive(Debug)]
pub struct Failure {
    scope: Vec<u8>,
    error: VaultError,
}

impl Failure {
    /// The scope of the record. `None` if the store has the record under a malformed scope.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        match Place::read(&self.scope).ok()? {
            Place::Present(scope) | Place::Past(scope, _) => Some(scope),
        }
    }

    /// The revision of the record, if it is a past one.
    #[must_use]
    pub fn past_revision(&self) -> Option<Revision> {
        match Place::read(&self.scope).ok()? {
            Place::Present(_) => None,
            Place::Past(_, revision) => Some(revision),
        }
    }

    /// The reason.
    #[must_use]
    pub fn error(&self) -> &VaultError {
        &self.error
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Place::read(&self.scope) {
            Ok(Place::Present(scope)) => write!(f, "{scope}: {}", self.error),
            Ok(Place::Past(scope, revision)) => {
                write!(f, "{scope}, past revision {revision}: {}", self.error)
            }
            Err(_) => write!(f, "a row with a malformed scope: {}", self.error),
        }
    }
}
