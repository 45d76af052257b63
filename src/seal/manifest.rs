//! The sealed end of a manifest: the number of its records, and a hash of its list.

use sha2::{Digest, Sha256};

use crate::seal::error::{KeyringError, OpenError};
use crate::seal::format::SCOPE_MANIFEST;
use crate::seal::header::{Kind, Revision};
use crate::seal::keyring::Keyring;
use crate::seal::random::random;
use crate::seal::record::Record;
use crate::seal::scope::Scope;

/// The count and the hash of a list of records, computed entry by entry.
#[derive(Default)]
pub(crate) struct ManifestList {
    hash: Sha256,
    count: u64,
}

impl ManifestList {
    /// Adds one entry, as the list holds it.
    pub(crate) fn add(&mut self, entry: &[u8]) {
        self.hash.update(entry);
        self.count += 1;
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    fn doc(self) -> [u8; 40] {
        let mut doc = [0; 40];
        doc[..8].copy_from_slice(&self.count.to_be_bytes());
        doc[8..].copy_from_slice(&self.hash.finalize());
        doc
    }
}

impl Keyring {
    /// Seals the count and the hash of a list under the primary key.
    pub(crate) fn seal_manifest(
        &self,
        revision: Revision,
        list: ManifestList,
    ) -> Result<Record, KeyringError> {
        let scope = Scope::encode(SCOPE_MANIFEST, &[]);
        let random = random().map_err(KeyringError::Randomness)?;
        Ok(self.seal_with(Kind::Manifest, &scope, revision, &list.doc(), &random))
    }

    /// Opens the sealed end of a manifest and returns its revision, or `None` if it was sealed for
    /// another list.
    pub(crate) fn open_manifest(
        &self,
        record: &[u8],
        list: ManifestList,
    ) -> Result<Option<Revision>, OpenError> {
        let scope = Scope::encode(SCOPE_MANIFEST, &[]);
        let (header, doc) = self.open_kind(Kind::Manifest, &scope, record)?;
        Ok((doc.0 == list.doc()).then_some(header.revision()))
    }
}
