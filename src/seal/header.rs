//! The header of a record, which is readable without a key.

use std::fmt;
use std::num::{NonZeroU64, TryFromIntError};

use crate::seal::error::OpenError;
use crate::seal::format::{
    BODY_LEN, BODY_LENS, COMMITMENT, HEAD_LEN, KEY_ID, KIND_AT, KIND_DOCUMENT, KIND_KEYRING,
    KIND_LOCK, KIND_MANIFEST, KIND_PAST_DOCUMENT, KIND_PAST_TOMBSTONE, KIND_TOMBSTONE, MAGIC,
    MIN_RECORD_LEN, RESERVED_AT, REVISION, REWRAPS, SUITE, SUITE_AT, VERSION, VERSION_AT,
};
use crate::seal::key_id::KeyId;

/// The revision of a record: 1 at first, and one more each time the content is written.
///
/// The highest is 2^63 - 1, so that the signed integer of a database can hold it. `TryFrom<u64>`
/// refuses 0 and what is higher.
///
/// ```
/// use secrets_toml::seal::Revision;
///
/// assert_eq!(Revision::try_from(1)?, Revision::FIRST);
/// assert!(Revision::try_from(0).is_err());
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(NonZeroU64);

impl Revision {
    /// The first revision, 1.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Returns the number of the revision.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// Returns the revision after this one, or `None` after the last.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::try_from(self.get() + 1).ok()
    }
}

impl TryFrom<u64> for Revision {
    type Error = TryFromIntError;

    fn try_from(number: u64) -> Result<Self, TryFromIntError> {
        i64::try_from(number)?; // at most 2^63 - 1
        NonZeroU64::try_from(number).map(Self)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The kind of content that a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The text of a document.
    Document,
    /// No text. The document of this scope was deleted at this revision.
    Tombstone,
    /// The text of a document that was replaced, kept as a past revision.
    PastDocument,
    /// A tombstone that was replaced, kept as a past revision.
    PastTombstone,
    /// The keys of a [`Keyring`](crate::seal::Keyring), as its locked text holds them.
    Keyring,
    /// The key that a locked keyring's keys are under, sealed for one lock.
    Lock,
    /// The number of records in a manifest, and a hash of its list.
    Manifest,
}

impl Kind {
    /// The kinds of a record in the scope of a module, a version or an install.
    pub(crate) const PRESENT: [Self; 2] = [Self::Document, Self::Tombstone];
    /// The kinds of a record in the scope of a past revision.
    pub(super) const PAST: [Self; 2] = [Self::PastDocument, Self::PastTombstone];

    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            KIND_DOCUMENT => Self::Document,
            KIND_TOMBSTONE => Self::Tombstone,
            KIND_PAST_DOCUMENT => Self::PastDocument,
            KIND_PAST_TOMBSTONE => Self::PastTombstone,
            KIND_KEYRING => Self::Keyring,
            KIND_LOCK => Self::Lock,
            KIND_MANIFEST => Self::Manifest,
            _ => return None,
        })
    }

    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Document => KIND_DOCUMENT,
            Self::Tombstone => KIND_TOMBSTONE,
            Self::PastDocument => KIND_PAST_DOCUMENT,
            Self::PastTombstone => KIND_PAST_TOMBSTONE,
            Self::Keyring => KIND_KEYRING,
            Self::Lock => KIND_LOCK,
            Self::Manifest => KIND_MANIFEST,
        }
    }

    /// Returns `true` if a record of this kind holds a document, present or past.
    pub(super) fn has_document(self) -> bool {
        matches!(self, Self::Document | Self::PastDocument)
    }

    /// Returns `true` if records of this kind are rewrapped.
    pub(super) fn is_rewrapped(self) -> bool {
        Self::PRESENT.contains(&self) || Self::PAST.contains(&self)
    }

    /// The kind of the same content in the present, or in the past.
    pub(super) fn of_content(document: bool, past: bool) -> Self {
        match (document, past) {
            (true, false) => Self::Document,
            (false, false) => Self::Tombstone,
            (true, true) => Self::PastDocument,
            (false, true) => Self::PastTombstone,
        }
    }
}

/// The header of a record.
///
/// **Nothing in it is authenticated**: whoever can write to the store can write any of it. Use it
/// for listings, and to find the records that are under an old key. Do not base a decision on it.
///
/// # Examples
///
/// ```
/// use secrets_toml::seal::{Header, Keyring, Kind, Revision, Scope};
///
/// let keyring = Keyring::generate()?;
/// let record = keyring.seal_tombstone(&Scope::module("chat")?, Revision::FIRST, None)?;
/// let header = Header::parse(record.as_bytes())?;
/// assert_eq!((header.kind(), header.revision()), (Kind::Tombstone, Revision::FIRST));
/// assert_eq!(header.key_id(), keyring.primary());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    kind: Kind,
    revision: Revision,
    rewraps: u32,
    key_id: KeyId,
    commitment: [u8; 32],
    len: usize,
}

impl Header {
    /// Reads the header of a whole record of any kind.
    ///
    /// No key is needed, and no cryptography happens.
    ///
    /// # Errors
    ///
    /// Returns an [`OpenError`] if the bytes are not laid out like a record. These are the errors of
    /// the steps of opening that come before the search for the key.
    pub fn parse(record: &[u8]) -> Result<Self, OpenError> {
        let others = [Kind::Keyring, Kind::Lock, Kind::Manifest];
        Self::of_record(record, &[&Kind::PRESENT[..], &Kind::PAST, &others].concat())
    }

    /// Reads the header of a whole record of one of these kinds.
    pub(crate) fn of_record(record: &[u8], kinds: &[Kind]) -> Result<Self, OpenError> {
        let header = Self::read(record, MIN_RECORD_LEN, kinds)?;
        if record.len() < header.len {
            return Err(OpenError::Truncated);
        }
        if record.len() > header.len {
            return Err(OpenError::TrailingBytes);
        }
        Ok(header)
    }

    /// Reads the header of a record of one of these kinds from the record's first bytes.
    pub(crate) fn of_head(head: &[u8], kinds: &[Kind]) -> Result<Self, OpenError> {
        Self::read(head, HEAD_LEN, kinds)
    }

    /// Reads a header. The order of the checks is part of the format: the first one that fails
    /// names the error.
    fn read(bytes: &[u8], min_len: usize, kinds: &[Kind]) -> Result<Self, OpenError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(OpenError::NotARecord);
        }
        if bytes.len() < min_len {
            return Err(OpenError::Truncated);
        }
        if bytes[VERSION_AT] != VERSION {
            return Err(OpenError::UnsupportedVersion);
        }
        if bytes[SUITE_AT] != SUITE {
            return Err(OpenError::UnsupportedSuite);
        }
        let kind = Kind::from_byte(bytes[KIND_AT]).filter(|kind| kinds.contains(kind));
        let kind = kind.ok_or(OpenError::UnknownKind)?;
        if bytes[RESERVED_AT] != 0 {
            return Err(OpenError::Malformed);
        }
        let revision = Revision::try_from(u64::from_be_bytes(field(&bytes[REVISION])));
        let revision = revision.map_err(|_| OpenError::Malformed)?;
        let rewraps = u32::from_be_bytes(field(&bytes[REWRAPS]));
        if rewraps > 0 && !kind.is_rewrapped() {
            return Err(OpenError::Malformed);
        }
        let body_len = u32::from_be_bytes(field(&bytes[BODY_LEN])) as usize;
        if !BODY_LENS.contains(&body_len) {
            return Err(OpenError::Malformed);
        }
        Ok(Self {
            kind,
            revision,
            rewraps,
            key_id: KeyId::from_bytes(field(&bytes[KEY_ID])),
            commitment: field(&bytes[COMMITMENT]),
            len: HEAD_LEN + body_len,
        })
    }

    /// Returns the kind of content that the record holds.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the revision of the record.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Returns how often the revision was [rewrapped](crate::seal::Keyring::rewrap).
    #[must_use]
    pub fn rewraps(&self) -> u32 {
        self.rewraps
    }

    /// Returns the ID of the key that opens the record.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// Returns the commitment to the key, the scope and the header.
    ///
    /// It tells one write from another: two records have the same commitment only if they were
    /// sealed from the same text, revision and randomness.
    #[must_use]
    pub fn commitment(&self) -> &[u8; 32] {
        &self.commitment
    }

    /// Returns the length of the whole record in bytes.
    ///
    /// It reveals the size class of the document, not its length.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no record is empty")]
    pub fn len(&self) -> usize {
        self.len
    }
}

/// The bytes of a field as an array.
fn field<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the field has this length")
}
