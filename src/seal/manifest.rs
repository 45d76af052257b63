//! The sealed end of a manifest: the number of its records, and a hash of its list.

use sha2::{Digest, Sha256};

use crate::seal::error::{KeyringError, OpenError};
use crate::seal::fields::Fields;
use crate::seal::format::{MANIFEST_LEN, SCOPE_MANIFEST, TAG_MANIFEST};
use crate::seal::header::{Kind, Revision};
use crate::seal::keyring::Keyring;
use crate::seal::record::{Place, Record};

/// The count and the hash of a list of records, computed entry by entry.
#[derive(Clone, Default)]
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

    fn field(self) -> [u8; MANIFEST_LEN] {
        let mut field = [0; MANIFEST_LEN];
        field[..8].copy_from_slice(&self.count.to_be_bytes());
        field[8..].copy_from_slice(&self.hash.finalize());
        field
    }
}

/// The scope of every manifest.
const SCOPE: &[u8] = &[SCOPE_MANIFEST];

impl Keyring {
    /// Seals the count and the hash of a list under the primary key.
    pub(crate) fn seal_manifest(
        &self,
        revision: Revision,
        list: ManifestList,
    ) -> Result<Record, KeyringError> {
        let field = list.field();
        let fields = Fields::default().with(TAG_MANIFEST, field.as_slice());
        self.seal_fields(Kind::Manifest, SCOPE, revision, 0, &fields)
    }

    /// Opens the sealed end of a manifest and returns its revision.
    ///
    /// Another list than the one that it was sealed for is [`OpenError::Mismatch`].
    pub(crate) fn open_manifest(
        &self,
        record: &[u8],
        list: ManifestList,
    ) -> Result<Revision, OpenError> {
        let (sealed, plaintext) =
            self.open_plain(Place::of_kind(SCOPE, &Kind::Manifest), record)?;
        let (fields, field) = (sealed.fields(&plaintext)?, list.field());
        if fields.get(TAG_MANIFEST) != Some(field.as_slice()) {
            return Err(OpenError::Mismatch);
        }
        Ok(sealed.header.revision())
    }
}
