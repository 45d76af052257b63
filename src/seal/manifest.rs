//! The sealed end of a manifest: how many records a list names, and the hash of the list.

use sha2::{Digest, Sha256};

use crate::seal::keyring::Keyring;
use crate::seal::random::random;
use crate::seal::record::{Kind, OpenError, Record, Revision, SealError};
use crate::seal::scope::{MANIFEST, Scope};

/// A list of records, of which the count and the hash are kept.
#[derive(Default)]
pub(crate) struct ManifestList {
    hash: Sha256,
    count: u64,
}

impl ManifestList {
    /// Adds one entry, in the bytes in which the list has it.
    pub(crate) fn add(&mut self, entry: &[u8]) {
        self.hash.update(entry);
        self.count += 1;
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    fn sealed(self) -> [u8; 40] {
        let mut doc = [0; 40];
        doc[..8].copy_from_slice(&self.count.to_be_bytes());
        doc[8..].copy_from_slice(&self.hash.finalize());
        doc
    }
}

impl Keyring {
    /// Seals a list, under the primary key.
    pub(crate) fn seal_manifest(
        &self,
        revision: Revision,
        list: ManifestList,
    ) -> Result<Record, SealError> {
        let scope = Scope::encode(MANIFEST, &[]);
        self.seal_with(Kind::Manifest, &scope, revision, &list.sealed(), &random()?)
    }

    /// Opens what was sealed of a list, and tells its revision; `None` where it was another list.
    pub(crate) fn open_manifest(
        &self,
        record: &[u8],
        list: ManifestList,
    ) -> Result<Option<Revision>, OpenError> {
        let scope = Scope::encode(MANIFEST, &[]);
        let (header, doc) = self.open_kind(Kind::Manifest, &scope, record)?;
        Ok((doc.0 == list.sealed()).then_some(header.revision()))
    }
}
