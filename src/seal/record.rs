//! Records: sealing fields into one, and decrypting one.

use std::fmt;

use zeroize::Zeroize;

use crate::document::MAX_LEN;
use crate::seal::cipher::{decrypt, encrypt};
use crate::seal::derive::ScopeKey;
use crate::seal::error::OpenError;
use crate::seal::fields::Fields;
use crate::seal::format::{
    BEFORE_SALT_LEN, BODY_LEN, BOUND_LEN, COMMITMENT, ENTRY_LEN, FIELD_HEAD_LEN, HEAD_LEN, KEY_ID,
    KIND_AT, MAGIC, MAX_COMPONENT_LEN, MAX_DOC_LEN, MAX_KEYS, MAX_PLAINTEXT_LEN, MAX_TEMPLATE_LEN,
    MIN_PADDED_LEN, NONCE, RESERVED_AT, REVISION, REWRAPS, SALT, SUITE, SUITE_AT, TAG_LEN, VERSION,
    VERSION_AT,
};
use crate::seal::header::{Header, Kind, Revision};
use crate::seal::key_id::KeyId;
use crate::seal::random::Random;
use crate::seal::scope::Scope;
use crate::template;

// Whatever is sealed fits into a record.
const _: () = assert!(MAX_LEN <= MAX_DOC_LEN, "every document fits");
const _: () = assert!(template::MAX_TEMPLATE_LEN <= MAX_TEMPLATE_LEN, "every template fits");
const _: () = assert!(2 + MAX_KEYS * ENTRY_LEN <= MAX_PLAINTEXT_LEN, "every keyring fits");
const _: () = {
    let texts = MAX_DOC_LEN + MAX_TEMPLATE_LEN + MAX_COMPONENT_LEN;
    let (time, origin, heads) = (8, 32, 5 * FIELD_HEAD_LEN);
    assert!(texts + time + origin + heads <= MAX_PLAINTEXT_LEN, "the longest fields fit");
};

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

/// The scope that a record belongs to, and the kinds that it may have there.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    scope: &'a [u8],
    kinds: &'a [Kind],
    /// The revision in the scope of a past record.
    revision: Option<Revision>,
}

impl<'a> Place<'a> {
    /// The place of the current record of a scope.
    pub(super) fn present(scope: &'a Scope) -> Self {
        Self { scope: scope.as_bytes(), kinds: &Kind::PRESENT, revision: None }
    }

    /// The place of a past revision. `scope` is what [`Scope::past`] returns for it.
    pub(super) fn past(scope: &'a [u8], revision: Revision) -> Self {
        Self { scope, kinds: &Kind::PAST, revision: Some(revision) }
    }

    /// The place of a record that is neither.
    pub(super) fn of_kind(scope: &'a [u8], kind: &'a Kind) -> Self {
        Self { scope, kinds: std::slice::from_ref(kind), revision: None }
    }

    pub(super) fn scope(&self) -> &'a [u8] {
        self.scope
    }
}

/// The inputs of sealing, except the fields and the randomness.
pub(super) struct Draft<'a> {
    pub(super) kind: Kind,
    pub(super) revision: Revision,
    pub(super) rewraps: u32,
    pub(super) key_id: KeyId,
    pub(super) scope: &'a [u8],
    pub(super) scope_key: &'a ScopeKey,
}

impl Draft<'_> {
    /// Seals fields of this kind.
    ///
    /// The plaintext is written into the record's own buffer and encrypted there, so that no second
    /// buffer has to be wiped.
    pub(super) fn seal(&self, fields: &Fields<'_>, random: &Random) -> Record {
        let len = fields.len();
        let padded = padded_len(len);
        let body_len = u32::try_from(padded + TAG_LEN).expect("a body is at most 2 MiB and a tag");

        let mut record = WipedBytes(Vec::with_capacity(HEAD_LEN + padded + TAG_LEN));
        record.0.resize(HEAD_LEN, 0);
        fields.write(&mut record.0);
        record.0.resize(HEAD_LEN + padded + TAG_LEN, 0);
        let (header, body) = record.0.split_at_mut(HEAD_LEN);
        let (plaintext, tag) = body.split_at_mut(padded);

        header[..MAGIC.len()].copy_from_slice(&MAGIC);
        header[VERSION_AT] = VERSION;
        header[SUITE_AT] = SUITE;
        header[KIND_AT] = self.kind.byte();
        header[RESERVED_AT] = 0;
        header[REVISION].copy_from_slice(&self.revision.get().to_be_bytes());
        header[REWRAPS].copy_from_slice(&self.rewraps.to_be_bytes());
        header[KEY_ID].copy_from_slice(self.key_id.as_bytes());
        // The salt depends on the header before it, and on the fields.
        let mut salt = [0; 32];
        self.scope_key.salt(random, &header[..BEFORE_SALT_LEN], &plaintext[..len], &mut salt);
        header[SALT].copy_from_slice(&salt);
        header[BODY_LEN].copy_from_slice(&body_len.to_be_bytes());

        // The commitment depends on the header before it, and the cipher's key on the commitment.
        let commitment = self.scope_key.commitment(&header[..BOUND_LEN]);
        header[COMMITMENT].copy_from_slice(&commitment);
        let key = self.scope_key.aead_key(&commitment);
        let encrypt = |aad: &[u8]| encrypt(&key, &NONCE, aad, plaintext);
        tag.copy_from_slice(&with_aad(header, self.scope, encrypt));
        Record(record.into_bytes())
    }
}

/// A record whose header has been read. The next step is to find its key.
pub(super) struct Sealed<'a> {
    pub(super) header: Header,
    place: Place<'a>,
    bytes: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Reads the header of a whole record at this place.
    pub(super) fn parse(bytes: &'a [u8], place: Place<'a>) -> Result<Self, OpenError> {
        Ok(Self { header: Header::of_record(bytes, place.kinds)?, place, bytes })
    }

    /// Authenticates and decrypts the plaintext, which is not read yet.
    pub(super) fn open(&self, scope_key: &ScopeKey) -> Result<WipedBytes, OpenError> {
        let (header, body) = self.bytes.split_at(HEAD_LEN);
        let commitment = self.header.commitment();
        let committed = scope_key.is_committed(&header[..BOUND_LEN], commitment);
        let numbered = self.place.revision.is_none_or(|number| number == self.header.revision());
        if !committed || !numbered {
            return Err(OpenError::Mismatch);
        }
        let key = scope_key.aead_key(commitment);
        let (ciphertext, tag) = body.split_last_chunk().expect("the body ends with a tag");
        let mut plaintext = WipedBytes(ciphertext.to_vec());
        let decrypt = |aad: &[u8]| decrypt(&key, &NONCE, aad, &mut plaintext.0, tag);
        if !with_aad(header, self.place.scope, decrypt) {
            return Err(OpenError::Tampered);
        }
        Ok(plaintext)
    }

    /// Reads the fields of this record's plaintext.
    pub(super) fn fields<'p>(&self, plaintext: &'p WipedBytes) -> Result<Fields<'p>, OpenError> {
        let fields = Fields::read(&plaintext.0, self.header.kind(), self.header.rewraps());
        fields.ok_or(OpenError::BadPayload)
    }
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

/// Runs a function on the bytes that are authenticated beside the ciphertext.
fn with_aad<T>(header: &[u8], scope: &[u8], run: impl FnOnce(&[u8]) -> T) -> T {
    // Most scopes are short, and an allocation takes longer than the copy.
    let mut buffer = [0; 256];
    let Some(aad) = buffer.get_mut(..header.len() + scope.len()) else {
        return run(&[header, scope].concat());
    };
    let (first, second) = aad.split_at_mut(header.len());
    first.copy_from_slice(header);
    second.copy_from_slice(scope);
    run(aad)
}

/// The length that a plaintext is padded to.
fn padded_len(len: usize) -> usize {
    assert!(len <= MAX_PLAINTEXT_LEN, "whatever is sealed fits into a record");
    len.next_power_of_two().max(MIN_PADDED_LEN)
}
