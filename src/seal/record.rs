//! One sealed document: how it is made, taken apart and opened.

use std::fmt;
use std::num::NonZeroU64;

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use zeroize::Zeroize;

use crate::document::Document;
use crate::document::error::ParseError;
use crate::seal::derive::{RecordKeys, ScopeKey};
use crate::seal::key_id::KeyId;
use crate::seal::random::{Random, RandomnessError};
use crate::seal::scope::Scope;
use crate::validate::Secrets;

/// The longest document, in bytes: with its length and the tag it makes the largest record, of
/// 1 MiB and 116 bytes. A [`Document`] is shorter than that.
pub const MAX_SEALED_LEN: usize = MAX_PLAINTEXT - LEN;

const MAGIC: [u8; 4] = *b"\x89SLD";
const VERSION: u8 = 1;
const SUITE: u8 = 1;

/// The part of the header that the record's keys are derived from: all but the commitment.
const BOUND: usize = 68;
/// The part of the header that is known before the salt is.
const BEFORE_SALT: usize = 32;
const HEADER: usize = 100;
const TAG: usize = 16;
/// The length of the document, at the start of the plaintext.
const LEN: usize = 4;

const MIN_RECORD: usize = HEADER + LEN + TAG;
/// Below this, every plaintext is as long: most files of credentials are one size to an onlooker.
const MIN_PADDED: usize = 1024;
/// 1 MiB: a text area's worth of secrets, and what one allocation for a stranger's record may take.
const MAX_PLAINTEXT: usize = 1 << 20;

/// Reads what a record says of itself in clear.
///
/// **Nothing of it is authenticated**: whoever can write to the store can write any of it. It is
/// good for listing and for finding what is left under an old key, not for a decision.
///
/// # Errors
///
/// [`OpenError`] where the bytes are not laid out like a record; of the steps of opening, those
/// before the key is looked for.
///
/// # Examples
///
/// ```
/// use secrets_toml::seal::{self, Keyring, Kind, Revision, Scope};
///
/// let keyring = Keyring::generate()?;
/// let record = keyring.seal_tombstone(&Scope::module("chat")?, Revision::FIRST)?;
/// let header = seal::inspect(record.as_bytes())?;
/// assert_eq!((header.kind(), header.revision()), (Kind::Tombstone, Revision::FIRST));
/// assert_eq!(header.key_id(), keyring.primary());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect(record: &[u8]) -> Result<Header, OpenError> {
    let kinds = [Kind::Document, Kind::Tombstone, Kind::Keyring, Kind::Manifest];
    Ok(Sealed::parse(record, &kinds)?.header)
}

/// The revision of a record: 1 at first, one more at each change, 2^63 - 1 at most, so that a
/// database's signed integer holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(NonZeroU64);

impl Revision {
    /// The first revision, 1.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The revision of a number; `None` for 0 and above 2^63 - 1.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        let number = NonZeroU64::new(number)?;
        (number.get() <= i64::MAX as u64).then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The revision after this one; `None` after the last.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::new(self.get() + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The text of a document.
    Document,
    /// Nothing: the document of this scope was deleted at this revision.
    Tombstone,
    /// The keys of a [`Keyring`](crate::seal::Keyring), inside of its locked text.
    Keyring,
    /// The count and the hash of a list of records.
    Manifest,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Document,
            2 => Self::Tombstone,
            3 => Self::Keyring,
            4 => Self::Manifest,
            _ => return None,
        })
    }

    fn byte(self) -> u8 {
        match self {
            Self::Document => 1,
            Self::Tombstone => 2,
            Self::Keyring => 3,
            Self::Manifest => 4,
        }
    }
}

/// What a record says of itself in clear: see [`inspect`](crate::seal::inspect).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    kind: Kind,
    revision: Revision,
    key_id: KeyId,
    commitment: [u8; 32],
    len: usize,
}

impl Header {
    /// Reads the first bytes of a record of a document or a tombstone, of which nothing is
    /// authenticated.
    pub(crate) fn of_head(head: &[u8]) -> Result<Self, OpenError> {
        Self::parse(head, HEADER, &[Kind::Document, Kind::Tombstone])
    }

    /// Reads the header at the start of some bytes, of which there must be `least`.
    fn parse(bytes: &[u8], least: usize, kinds: &[Kind]) -> Result<Self, OpenError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(OpenError::NotARecord);
        }
        if bytes.len() < least {
            return Err(OpenError::Truncated);
        }
        if bytes[4] != VERSION {
            return Err(OpenError::UnsupportedVersion);
        }
        if bytes[5] != SUITE {
            return Err(OpenError::UnsupportedSuite);
        }
        let kind = Kind::from_byte(bytes[6]).filter(|kind| kinds.contains(kind));
        let kind = kind.ok_or(OpenError::UnknownKind)?;
        if bytes[7] != 0 {
            return Err(OpenError::Malformed);
        }
        let revision = Revision::new(u64::from_be_bytes(field(bytes, 8)));
        let revision = revision.ok_or(OpenError::Malformed)?;
        let body_len = u32::from_be_bytes(field(bytes, 64)) as usize;
        if !(LEN + TAG..=MAX_PLAINTEXT + TAG).contains(&body_len) {
            return Err(OpenError::Malformed);
        }
        let key_id = KeyId::from_bytes(field(bytes, 16));
        let commitment = field(bytes, BOUND);
        Ok(Self { kind, revision, key_id, commitment, len: HEADER + body_len })
    }

    /// What the record holds.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Which key of the keyring opens it.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// What fixes key, scope and header. Two records with the same commitment were sealed from the
    /// same text, revision and randomness: it tells one write from another.
    #[must_use]
    pub fn commitment(&self) -> &[u8; 32] {
        &self.commitment
    }

    /// The length of the whole record, in bytes. It tells the size class of the document, not its
    /// length.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no record is empty")]
    pub fn len(&self) -> usize {
        self.len
    }
}

/// A sealed document, as a store keeps it: ciphertext, which may be copied and printed freely.
#[derive(Clone, PartialEq, Eq)]
pub struct Record(Vec<u8>);

impl Record {
    /// A record that was sealed before, and has been opened.
    pub(crate) fn from_sealed(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The bytes, as the format lays them out.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl AsRef<[u8]> for Record {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("len", &self.0.len()).finish()
    }
}

/// What a record held, authenticated: a text that is wiped on drop, or the word that it was
/// deleted.
///
/// `Debug` shows no text.
pub struct Opened {
    text: Option<Text>,
    revision: Revision,
    key_id: KeyId,
    stale: bool,
}

impl Opened {
    pub(super) fn new(
        content: Content,
        revision: Revision,
        key_id: KeyId,
        stale: bool,
    ) -> Result<Self, OpenError> {
        let text = match content.kind {
            Kind::Document => Some(Text::new(content.doc)?),
            _ => None,
        };
        Ok(Self { text, revision, key_id, stale })
    }

    /// The document, in the buffer that was decrypted into. It is read and not validated again:
    /// what was accepted once opens for ever, though rules grow stricter.
    ///
    /// # Errors
    ///
    /// [`ContentError::Deleted`] of a tombstone; [`ContentError::Syntax`] where the text is no
    /// document, which [`Keyring::seal`](crate::seal::Keyring::seal) never wrote.
    pub fn into_secrets(self) -> Result<Secrets, ContentError> {
        let text = self.text.ok_or(ContentError::Deleted)?;
        Ok(Secrets::accepted(Document::parse(text.into_string())?))
    }

    /// The text, byte for byte as it was sealed; `None` of a tombstone. What is done with it is
    /// not wiped here.
    #[must_use]
    pub fn expose_text(&self) -> Option<&str> {
        self.text.as_ref().map(|text| text.0.as_str())
    }

    /// Whether the document was deleted at this revision.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.text.is_none()
    }

    /// The revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The key that the record is under.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// Whether that is no longer the primary key, so that the record should be
    /// [rewrapped](crate::seal::Keyring::rewrap).
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("tombstone", &self.is_tombstone())
            .field("revision", &self.revision)
            .field("key_id", &self.key_id)
            .field("stale", &self.stale)
            .finish_non_exhaustive()
    }
}

/// Why there are no secrets in what was opened.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The record is a tombstone.
    #[error("the document was deleted")]
    Deleted,
    /// The text is no TOML document.
    #[error("the sealed text is not a document")]
    Syntax(#[from] ParseError),
}

/// Why a document could not be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The document is longer than [`MAX_SEALED_LEN`].
    #[error("the document has {0} bytes; at most {MAX_SEALED_LEN} can be sealed")]
    TooLong(usize),
    /// The record stands at the last revision, 2^63 - 1.
    #[error("the record stands at the last revision")]
    LastRevision,
    /// The operating system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
}

/// Why a record was not opened: one name for each step, in the order of the steps. None tells more
/// than which step it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The bytes do not begin like a record.
    #[error("these bytes are not a sealed record")]
    NotARecord,
    /// The end is missing.
    #[error("the record is cut off")]
    Truncated,
    /// The record was made by a later version of the format.
    #[error("the record has a format version that this library does not know")]
    UnsupportedVersion,
    /// The record was made with another cipher suite.
    #[error("the record has a cipher suite that this library does not know")]
    UnsupportedSuite,
    /// The record holds something else than what is opened here.
    #[error("the record holds another kind of content than is opened here")]
    UnknownKind,
    /// The header breaks the format.
    #[error("the record's header is malformed")]
    Malformed,
    /// Something follows the end.
    #[error("the record is followed by further bytes")]
    TrailingBytes,
    /// The key is not in the keyring; of a locked keyring: the passphrase or key is wrong, or the
    /// salt or the cost of the passphrase was edited.
    #[error("the record is under key {0}, which is not in the keyring")]
    UnknownKey(KeyId),
    /// The key was [disabled](crate::seal::Keyring::disable).
    #[error("the record is under key {0}, which is disabled")]
    KeyDisabled(KeyId),
    /// The key was [destroyed](crate::seal::Keyring::destroy): the record is lost for good.
    #[error("the record is under key {0}, which was destroyed")]
    KeyDestroyed(KeyId),
    /// The commitment does not fit key, scope and header.
    #[error("the record belongs to another scope, or its header was altered")]
    Mismatch,
    /// The tag does not fit the ciphertext.
    #[error("the record's content was altered")]
    Tampered,
    /// What was sealed breaks the format, though it is authentic: a faulty writer made it.
    #[error("the record was opened, and what it holds is malformed")]
    BadPayload,
    /// The record was opened and could not be sealed again, by
    /// [`Keyring::rewrap`](crate::seal::Keyring::rewrap) only.
    #[error("the record was opened, and could not be sealed again")]
    Reseal(#[from] SealError),
}

/// A record to be made: everything of it but the content.
pub(super) struct Draft<'a> {
    pub(super) kind: Kind,
    pub(super) revision: Revision,
    pub(super) key_id: KeyId,
    pub(super) scope: &'a Scope,
    pub(super) scope_key: &'a ScopeKey,
}

impl Draft<'_> {
    /// Seals a document. The record's own buffer holds the plaintext until it is encrypted in
    /// place, so there is no second one to wipe.
    pub(super) fn seal(&self, doc: &[u8], random: &Random) -> Result<Record, SealError> {
        let padded = padded_len(doc.len())?;
        let doc_len = u32::try_from(doc.len()).expect("the length was checked");
        let mut record = WipedBytes(Vec::with_capacity(HEADER + padded + TAG));
        record.0.resize(HEADER, 0);
        record.0.extend_from_slice(&doc_len.to_be_bytes());
        record.0.extend_from_slice(doc);
        record.0.resize(HEADER + padded + TAG, 0);
        let (header, body) = record.0.split_at_mut(HEADER);
        let (plaintext, tag) = body.split_at_mut(padded);

        let body_len = u32::try_from(padded + TAG).expect("the length was checked").to_be_bytes();
        header[..4].copy_from_slice(&MAGIC);
        header[4..8].copy_from_slice(&[VERSION, SUITE, self.kind.byte(), 0]);
        header[8..16].copy_from_slice(&self.revision.get().to_be_bytes());
        header[16..32].copy_from_slice(self.key_id.as_bytes());
        let (before, rest) = header.split_at_mut(BEFORE_SALT);
        self.scope_key.salt(random, before, &body_len, plaintext, &mut rest[..32]);
        header[64..BOUND].copy_from_slice(&body_len);

        let keys = self.scope_key.record_keys(&header[..BOUND]);
        header[BOUND..].copy_from_slice(keys.commitment());
        let aad = aad(&header[..BOUND], self.scope);
        tag.copy_from_slice(&encrypt(&keys, &aad, plaintext));
        Ok(Record(record.into_bytes()))
    }
}

/// A record whose header has been read and whose key is still to be found.
pub(super) struct Sealed<'a> {
    pub(super) header: Header,
    bytes: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Reads the header of a record of one of these kinds. There is no cryptography in it.
    pub(super) fn parse(bytes: &'a [u8], kinds: &[Kind]) -> Result<Self, OpenError> {
        let header = Header::parse(bytes, MIN_RECORD, kinds)?;
        if bytes.len() < header.len {
            return Err(OpenError::Truncated);
        }
        if bytes.len() > header.len {
            return Err(OpenError::TrailingBytes);
        }
        Ok(Self { header, bytes })
    }

    /// Checks and decrypts what is sealed.
    pub(super) fn open(&self, scope: &Scope, scope_key: &ScopeKey) -> Result<Content, OpenError> {
        let (bound, body) = (&self.bytes[..BOUND], &self.bytes[HEADER..]);
        let keys = scope_key.record_keys(bound);
        if !keys.is_committed(&self.header.commitment) {
            return Err(OpenError::Mismatch);
        }
        let (ciphertext, tag) = body.split_at(body.len() - TAG);
        let mut plaintext = WipedBytes(ciphertext.to_vec());
        if !decrypt(&keys, &aad(bound, scope), &mut plaintext.0, tag) {
            return Err(OpenError::Tampered);
        }
        let doc = unpad(plaintext).ok_or(OpenError::BadPayload)?;
        if self.header.kind == Kind::Tombstone && !doc.0.is_empty() {
            return Err(OpenError::BadPayload);
        }
        Ok(Content { kind: self.header.kind, doc })
    }
}

/// What a record held, before its meaning is looked at.
pub(super) struct Content {
    pub(super) kind: Kind,
    pub(super) doc: WipedBytes,
}

/// Bytes in one allocation, wiped on drop. Whoever shortens them wipes what is cut.
///
/// A `Zeroizing<Vec<u8>>` would overwrite byte by byte; a slice is overwritten by wide
/// instructions.
pub(super) struct WipedBytes(pub(super) Vec<u8>);

impl WipedBytes {
    /// Gives the buffer away. The caller has made sure that it is no secret, or wipes it.
    fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for WipedBytes {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// A text in the buffer that it was decrypted into, wiped on drop.
struct Text(String);

impl Text {
    fn new(doc: WipedBytes) -> Result<Self, OpenError> {
        match String::from_utf8(doc.into_bytes()) {
            Ok(text) => Ok(Self(text)),
            Err(error) => {
                drop(WipedBytes(error.into_bytes()));
                Err(OpenError::BadPayload)
            }
        }
    }

    fn into_string(mut self) -> String {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        drop(WipedBytes(std::mem::take(&mut self.0).into_bytes()));
    }
}

/// What is authenticated beside the ciphertext.
fn aad(bound: &[u8], scope: &Scope) -> Vec<u8> {
    [bound, scope.as_bytes()].concat()
}

fn cipher(keys: &RecordKeys) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new_from_slice(keys.aead_key()).expect("the key has 32 bytes")
}

pub(super) fn encrypt(keys: &RecordKeys, aad: &[u8], buffer: &mut [u8]) -> [u8; TAG] {
    let nonce = keys.nonce().try_into().expect("the nonce has 12 bytes");
    let tag = cipher(keys).encrypt_inout_detached(nonce, aad, buffer.into());
    tag.expect("a record is shorter than the cipher's limit of 256 GiB").into()
}

/// Decrypts in place; where the tag does not fit, the buffer is left as it was.
#[must_use]
pub(super) fn decrypt(keys: &RecordKeys, aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> bool {
    let nonce = keys.nonce().try_into().expect("the nonce has 12 bytes");
    let tag = tag.try_into().expect("the tag has 16 bytes");
    cipher(keys).decrypt_inout_detached(nonce, aad, buffer.into(), tag).is_ok()
}

/// The length of the plaintext that a document of this length is padded to.
fn padded_len(doc_len: usize) -> Result<usize, SealError> {
    if doc_len > MAX_SEALED_LEN {
        return Err(SealError::TooLong(doc_len));
    }
    Ok((LEN + doc_len).next_power_of_two().max(MIN_PADDED))
}

/// The document at the start of a plaintext, moved to the start of its buffer; `None` where its
/// length does not fit, or where the padding is anything but zeros.
fn unpad(mut plaintext: WipedBytes) -> Option<WipedBytes> {
    let (doc_len, rest) = plaintext.0.split_first_chunk::<LEN>()?;
    let doc_len = u32::from_be_bytes(*doc_len) as usize;
    let padding = rest.get(doc_len..)?;
    // Without an early end the loop runs in wide instructions.
    if padding.iter().fold(0, |all, byte| all | byte) != 0 {
        return None;
    }
    plaintext.0.copy_within(LEN..LEN + doc_len, 0);
    // The last bytes of the document stand there a second time; behind them is nothing but zeros.
    plaintext.0[doc_len..doc_len + LEN].zeroize();
    plaintext.0.truncate(doc_len);
    Some(plaintext)
}

/// A field of a header whose length was checked.
fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("a slice of N bytes")
}
