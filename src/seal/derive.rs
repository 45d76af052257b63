//! What is derived from a keyring key, and the two functions that derive it.
//!
//! HKDF-Expand is written here, over `hmac`, because the `hkdf` crate keeps its last block in a
//! local that nobody wipes. Every hash state here is wiped on drop by the `zeroize` features of
//! `hmac` and `sha2`; every output is written to where it is kept. What the compiler spills to the
//! stack in between is beyond the reach of a library.

use hmac::digest::{CtOutput, FixedOutput, Output, Update};
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::seal::key_id::KeyId;
use crate::seal::scope::Scope;

const KEY_ID: &[u8] = b"secrets-toml/v1 key-id";
const SCOPE: &[u8] = b"secrets-toml/v1 scope\0";
const SALT: &[u8] = b"secrets-toml/v1 salt";
const RECORD: &[u8] = b"secrets-toml/v1 record\0";

/// 32 secret bytes at one place on the heap, wiped on drop: a keyring's key, or a scope's.
pub(super) struct Material(Box<Zeroizing<[u8; 32]>>);

impl Material {
    /// Copies the bytes to where they stay.
    pub(super) fn copy_of(bytes: &[u8; 32]) -> Self {
        let mut material = Self(Box::new(Zeroizing::new([0; 32])));
        material.0.copy_from_slice(bytes);
        material
    }

    /// The name of this key: it tells nothing about the key, and no other key has it.
    pub(super) fn key_id(&self) -> KeyId {
        let mut id = [0; 16];
        Prf::new(&self.0[..]).expand(&[KEY_ID], &mut id);
        KeyId::from_bytes(id)
    }

    /// The key of one scope, in a place of its own.
    pub(super) fn scope_material(&self, scope: &Scope) -> Self {
        let mut material = Self(Box::new(Zeroizing::new([0; 32])));
        self.derive_scope(scope, &mut material.0);
        material
    }

    /// The key of one scope, for as long as one record needs it.
    pub(super) fn scope_key(&self, scope: &Scope) -> ScopeKey {
        let mut key = Zeroizing::new([0; 32]);
        self.derive_scope(scope, &mut key);
        ScopeKey(Prf::new(&key[..]))
    }

    /// The key of a scope, where this already is one.
    pub(super) fn as_scope_key(&self) -> ScopeKey {
        ScopeKey(Prf::new(&self.0[..]))
    }

    pub(super) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn derive_scope(&self, scope: &Scope, out: &mut [u8; 32]) {
        Prf::new(&self.0[..]).expand(&[SCOPE, scope.as_bytes()], out);
    }
}

/// The key of one scope: it opens what was sealed for that scope, and nothing else.
pub(super) struct ScopeKey(Prf);

impl ScopeKey {
    /// The salt of a record, from fresh randomness and everything that is sealed.
    ///
    /// With the text in it, a random generator that repeats still gives different texts different
    /// keys.
    pub(super) fn salt(
        &self,
        random: &[u8; 32],
        header: &[u8],
        body_len: &[u8],
        plaintext: &[u8],
        out: &mut [u8],
    ) {
        let mut key = Zeroizing::new([0; 32]);
        self.0.expand(&[SALT], &mut key[..]);
        Prf::new(&key[..]).mac(&[random, header, body_len, plaintext], out);
    }

    /// The keys of one record, from the first 68 bytes of its header.
    pub(super) fn record_keys(&self, header: &[u8]) -> RecordKeys {
        let mut okm = Zeroizing::new([0; 76]);
        self.0.expand(&[RECORD, header], &mut okm[..]);
        RecordKeys(okm)
    }
}

/// What seals one record and never a second one.
pub(super) struct RecordKeys(Zeroizing<[u8; 76]>);

impl RecordKeys {
    #[cfg(test)]
    pub(super) fn of(aead_key: &[u8], nonce: &[u8]) -> Self {
        let mut keys = Self(Zeroizing::new([0; 76]));
        keys.0[32..64].copy_from_slice(aead_key);
        keys.0[64..].copy_from_slice(nonce);
        keys
    }

    pub(super) fn commitment(&self) -> &[u8] {
        &self.0[..32]
    }

    pub(super) fn aead_key(&self) -> &[u8] {
        &self.0[32..64]
    }

    pub(super) fn nonce(&self) -> &[u8] {
        &self.0[64..]
    }

    /// Whether a record is committed to these keys, in constant time.
    pub(super) fn is_committed(&self, commitment: &[u8; 32]) -> bool {
        let mut ours = Output::<Sha256>::default();
        ours.copy_from_slice(self.commitment());
        CtOutput::<Sha256>::from(ours) == CtOutput::from(Output::<Sha256>::from(*commitment))
    }
}

/// HMAC-SHA-256 under one key, whose two hash states are computed once.
pub(super) struct Prf(Hmac<Sha256>);

impl Prf {
    pub(super) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    /// HMAC-SHA-256 of the parts joined, into the 32 bytes of `out`.
    pub(super) fn mac(&self, parts: &[&[u8]], out: &mut [u8]) {
        let mut hmac = self.0.clone();
        for part in parts {
            hmac.update(part);
        }
        let mut tag = Output::<Sha256>::default();
        hmac.finalize_into(&mut tag);
        out.copy_from_slice(&tag);
        tag.as_mut_slice().zeroize();
    }

    /// HKDF-Expand-SHA-256 of RFC 5869, section 2.3, with the parts of `info` joined.
    ///
    /// # Panics
    ///
    /// Where more than 255 blocks are asked for, which no label of the format does.
    pub(super) fn expand(&self, info: &[&[u8]], out: &mut [u8]) {
        let mut block = Output::<Sha256>::default();
        for (i, chunk) in out.chunks_mut(32).enumerate() {
            let mut hmac = self.0.clone();
            if i > 0 {
                hmac.update(&block);
            }
            for part in info {
                hmac.update(part);
            }
            hmac.update(&[u8::try_from(i + 1).expect("at most 255 blocks are asked for")]);
            hmac.finalize_into(&mut block);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        block.as_mut_slice().zeroize();
    }
}
