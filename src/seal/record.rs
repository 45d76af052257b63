//! Records: sealing a document into one, and decrypting one.

use std::fmt;

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use zeroize::Zeroize;

use crate::document::MAX_LEN;
use crate::seal::derive::{RecordKeys, ScopeKey};
use crate::seal::error::OpenError;
use crate::seal::format::{
    BODY_LEN, BOUND_LEN, COMMITMENT, DOC_LEN, ENTRY_LEN, HEAD_LEN, KEY_ID, KIND_AT, MAGIC,
    MAX_DOC_LEN, MAX_KEYS, MIN_PADDED_LEN, RESERVED_AT, REVISION, SALT, SUITE, SUITE_AT, TAG_LEN,
    VERSION, VERSION_AT,
};
use crate::seal::header::{Header, Kind, Revision};
use crate::seal::key_id::KeyId;
use crate::seal::random::Random;
use crate::seal::scope::Scope;

// Whatever is sealed fits into a record.
const _: () = assert!(MAX_LEN <= MAX_DOC_LEN, "every document fits");
const _: () = assert!(2 + MAX_KEYS * ENTRY_LEN <= MAX_DOC_LEN, "every keyring fits");

/// A sealed document. It is ciphertext, and may be copied and printed freely.
#[derive(Clone, PartialEq, Eq)]
pub struct Record(Vec<u8>);

impl Record {
    /// Takes a copy of a record that has been opened.
    pub(crate) fn from_sealed(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// Returns the bytes of the record.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the bytes of the record without copying them.
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

/// The inputs of sealing, except the document and the randomness.
pub(super) struct Draft<'a> {
    pub(super) kind: Kind,
    pub(super) revision: Revision,
    pub(super) key_id: KeyId,
    pub(super) scope: &'a Scope,
    pub(super) scope_key: &'a ScopeKey,
}

impl Draft<'_> {
    /// Seals a document of at most [`MAX_DOC_LEN`] bytes.
    ///
    /// The plaintext is written into the record's own buffer and encrypted there, so that no second
    /// buffer has to be wiped.
    pub(super) fn seal(&self, doc: &[u8], random: &Random) -> Record {
        let padded = padded_len(doc.len());
        let doc_len = u32::try_from(doc.len()).expect("a document is at most 1 MiB");
        let body_len = u32::try_from(padded + TAG_LEN).expect("a body is at most 1 MiB and a tag");
        let body_len = body_len.to_be_bytes();

        let mut record = WipedBytes(Vec::with_capacity(HEAD_LEN + padded + TAG_LEN));
        record.0.resize(HEAD_LEN, 0);
        record.0.extend_from_slice(&doc_len.to_be_bytes());
        record.0.extend_from_slice(doc);
        record.0.resize(HEAD_LEN + padded + TAG_LEN, 0);
        let (header, body) = record.0.split_at_mut(HEAD_LEN);
        let (plaintext, tag) = body.split_at_mut(padded);

        header[..MAGIC.len()].copy_from_slice(&MAGIC);
        header[VERSION_AT] = VERSION;
        header[SUITE_AT] = SUITE;
        header[KIND_AT] = self.kind.byte();
        header[RESERVED_AT] = 0;
        header[REVISION].copy_from_slice(&self.revision.get().to_be_bytes());
        header[KEY_ID].copy_from_slice(self.key_id.as_bytes());
        // The salt depends on the header before it, on the length of the body and on the plaintext.
        let (before, rest) = header.split_at_mut(SALT.start);
        self.scope_key.salt(random, before, &body_len, plaintext, &mut rest[..SALT.len()]);
        header[BODY_LEN].copy_from_slice(&body_len);

        // The keys depend on all of the header but the commitment, which is the first of them.
        let keys = self.scope_key.record_keys(&header[..BOUND_LEN]);
        header[COMMITMENT].copy_from_slice(keys.commitment());
        let aad = aad(&header[..BOUND_LEN], self.scope);
        tag.copy_from_slice(&encrypt(&keys, &aad, plaintext));
        Record(record.into_bytes())
    }
}

/// A record whose header has been read. The next step is to find its key.
pub(super) struct Sealed<'a> {
    pub(super) header: Header,
    bytes: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Reads the header of a whole record of one of these kinds.
    pub(super) fn parse(bytes: &'a [u8], kinds: &[Kind]) -> Result<Self, OpenError> {
        Ok(Self { header: Header::of_record(bytes, kinds)?, bytes })
    }

    /// Authenticates and decrypts the content.
    pub(super) fn open(&self, scope: &Scope, scope_key: &ScopeKey) -> Result<Content, OpenError> {
        let (bound, body) = (&self.bytes[..BOUND_LEN], &self.bytes[HEAD_LEN..]);
        let keys = scope_key.record_keys(bound);
        if !keys.is_committed(self.header.commitment()) {
            return Err(OpenError::Mismatch);
        }
        let (ciphertext, tag) = body.split_at(body.len() - TAG_LEN);
        let mut plaintext = WipedBytes(ciphertext.to_vec());
        if !decrypt(&keys, &aad(bound, scope), &mut plaintext.0, tag) {
            return Err(OpenError::Tampered);
        }
        let doc = unpad(plaintext).ok_or(OpenError::BadPayload)?;
        let kind = self.header.kind();
        if kind == Kind::Tombstone && !doc.0.is_empty() {
            return Err(OpenError::BadPayload);
        }
        Ok(Content { kind, doc })
    }
}

/// The authenticated content of a record, not yet read.
pub(super) struct Content {
    pub(super) kind: Kind,
    pub(super) doc: WipedBytes,
}

/// Bytes in one allocation, wiped on drop. Code that shortens the vector wipes what it cuts off.
///
/// This is not a `Zeroizing<Vec<u8>>`, which overwrites byte by byte. A slice is overwritten with
/// wide instructions.
pub(super) struct WipedBytes(pub(super) Vec<u8>);

impl WipedBytes {
    /// Returns the buffer unwiped. Its content is either not secret, or the caller wipes it.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for WipedBytes {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// The bytes that are authenticated beside the ciphertext.
fn aad(bound: &[u8], scope: &Scope) -> Vec<u8> {
    [bound, scope.as_bytes()].concat()
}

fn cipher(keys: &RecordKeys) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new_from_slice(keys.aead_key()).expect("the key has 32 bytes")
}

/// Encrypts in place and returns the tag.
pub(super) fn encrypt(keys: &RecordKeys, aad: &[u8], buffer: &mut [u8]) -> [u8; TAG_LEN] {
    let nonce = keys.nonce().try_into().expect("the nonce has 12 bytes");
    let tag = cipher(keys).encrypt_inout_detached(nonce, aad, buffer.into());
    tag.expect("a record is shorter than the cipher's limit of 256 GiB").into()
}

/// Decrypts in place. If the tag is wrong, leaves the buffer as it was and returns `false`.
#[must_use]
pub(super) fn decrypt(keys: &RecordKeys, aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> bool {
    let nonce = keys.nonce().try_into().expect("the nonce has 12 bytes");
    let tag = tag.try_into().expect("the tag has 16 bytes");
    cipher(keys).decrypt_inout_detached(nonce, aad, buffer.into(), tag).is_ok()
}

/// The length of the plaintext that a document of this length is padded to.
fn padded_len(doc_len: usize) -> usize {
    assert!(doc_len <= MAX_DOC_LEN, "whatever is sealed fits into a record");
    (DOC_LEN + doc_len).next_power_of_two().max(MIN_PADDED_LEN)
}

/// Moves the document from inside a plaintext to the start of its buffer, and cuts the rest off.
///
/// Returns `None` if the document's length is larger than the plaintext, or if the padding is
/// anything but zeros.
fn unpad(mut plaintext: WipedBytes) -> Option<WipedBytes> {
    let (doc_len, rest) = plaintext.0.split_first_chunk::<DOC_LEN>()?;
    let doc_len = u32::from_be_bytes(*doc_len) as usize;
    let padding = rest.get(doc_len..)?;
    // Without an early exit, the loop compiles to wide instructions.
    if padding.iter().fold(0, |all, byte| all | byte) != 0 {
        return None;
    }
    plaintext.0.copy_within(DOC_LEN..DOC_LEN + doc_len, 0);
    // The document has moved 4 bytes down, so a second copy of its last bytes is behind it. They
    // have to be wiped before they are cut off. The padding behind them is zero already.
    plaintext.0[doc_len..doc_len + DOC_LEN].zeroize();
    plaintext.0.truncate(doc_len);
    Some(plaintext)
}
