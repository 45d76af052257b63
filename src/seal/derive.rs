//! The derivation of keys: from a keyring's key to the keys of one record.
//!
//! HKDF-Expand is implemented here, over `hmac`, because the `hkdf` crate keeps its last block in a
//! local variable that nobody wipes. The `zeroize` features of `hmac` and `sha2` wipe every hash
//! state on drop. Every output is written directly to its final place. A library cannot wipe what
//! the compiler spills to the stack in between.

use hmac::digest::{CtOutput, FixedOutput, Output, Update};
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::seal::format::{
    LABEL_KEY_ID, LABEL_RECORD, LABEL_SALT, LABEL_SCOPE, OKM_AEAD_KEY, OKM_COMMITMENT, OKM_LEN,
    OKM_NONCE,
};
use crate::seal::key_id::KeyId;
use crate::seal::scope::Scope;

/// The 32 secret bytes of a keyring's key, or of a scope's.
///
/// They are in one place on the heap and are wiped on drop.
pub(super) struct Material(Box<Zeroizing<[u8; 32]>>);

impl Material {
    /// Copies the bytes to their place on the heap.
    pub(super) fn copy_of(bytes: &[u8; 32]) -> Self {
        let mut material = Self(Box::new(Zeroizing::new([0; 32])));
        material.0.copy_from_slice(bytes);
        material
    }

    /// Derives the ID of this key, which reveals nothing about the key.
    pub(super) fn key_id(&self) -> KeyId {
        let mut id = [0; 16];
        Prf::new(&self.0[..]).expand(&[LABEL_KEY_ID], &mut id);
        KeyId::from_bytes(id)
    }

    /// Derives the key of one scope, to be kept.
    pub(super) fn scope_material(&self, scope: &Scope) -> Self {
        let mut material = Self(Box::new(Zeroizing::new([0; 32])));
        self.derive_scope(scope, &mut material.0);
        material
    }

    /// Derives the key of one scope, to be used for one record.
    pub(super) fn scope_key(&self, scope: &Scope) -> ScopeKey {
        let mut key = Zeroizing::new([0; 32]);
        self.derive_scope(scope, &mut key);
        ScopeKey(Prf::new(&key[..]))
    }

    /// Returns this as the key of a scope, which it already is.
    pub(super) fn as_scope_key(&self) -> ScopeKey {
        ScopeKey(Prf::new(&self.0[..]))
    }

    pub(super) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn derive_scope(&self, scope: &Scope, out: &mut [u8; 32]) {
        Prf::new(&self.0[..]).expand(&[LABEL_SCOPE, scope.as_bytes()], out);
    }
}

/// The key of one scope. It opens the records of that scope only.
pub(super) struct ScopeKey(Prf);

impl ScopeKey {
    /// Derives the salt of a record from fresh randomness and from everything that is sealed.
    ///
    /// Since the text is an input, different texts get different keys even if the random generator
    /// repeats itself.
    pub(super) fn salt(
        &self,
        random: &[u8; 32],
        header: &[u8],
        body_len: &[u8],
        plaintext: &[u8],
        out: &mut [u8],
    ) {
        let mut key = Zeroizing::new([0; 32]);
        self.0.expand(&[LABEL_SALT], &mut key[..]);
        Prf::new(&key[..]).mac(&[random, header, body_len, plaintext], out);
    }

    /// Derives the keys of one record from its header without the commitment.
    pub(super) fn record_keys(&self, header: &[u8]) -> RecordKeys {
        let mut okm = Zeroizing::new([0; OKM_LEN]);
        self.0.expand(&[LABEL_RECORD, header], &mut okm[..]);
        RecordKeys(okm)
    }
}

/// The commitment, the cipher's key and its nonce. They seal one record and never a second one.
pub(super) struct RecordKeys(Zeroizing<[u8; OKM_LEN]>);

impl RecordKeys {
    #[cfg(test)]
    pub(super) fn of(aead_key: &[u8], nonce: &[u8]) -> Self {
        let mut keys = Self(Zeroizing::new([0; OKM_LEN]));
        keys.0[OKM_AEAD_KEY].copy_from_slice(aead_key);
        keys.0[OKM_NONCE].copy_from_slice(nonce);
        keys
    }

    pub(super) fn commitment(&self) -> &[u8] {
        &self.0[OKM_COMMITMENT]
    }

    pub(super) fn aead_key(&self) -> &[u8] {
        &self.0[OKM_AEAD_KEY]
    }

    pub(super) fn nonce(&self) -> &[u8] {
        &self.0[OKM_NONCE]
    }

    /// Returns `true` if this is the commitment to these keys. The comparison takes constant time.
    pub(super) fn is_committed(&self, commitment: &[u8; 32]) -> bool {
        let mut ours = Output::<Sha256>::default();
        ours.copy_from_slice(self.commitment());
        CtOutput::<Sha256>::from(ours) == CtOutput::from(Output::<Sha256>::from(*commitment))
    }
}

/// HMAC-SHA-256 under one key. The two hash states of the key are computed once.
pub(super) struct Prf(Hmac<Sha256>);

impl Prf {
    pub(super) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    /// Writes the HMAC-SHA-256 of the joined parts to the 32 bytes of `out`.
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

    /// Writes the output of HKDF-Expand-SHA-256 (RFC 5869, section 2.3) to `out`. The parts of
    /// `info` are joined.
    ///
    /// # Panics
    ///
    /// Panics if `out` is longer than 255 blocks. The format never asks for more than three.
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
            hmac.update(&[u8::try_from(i + 1).expect("the output has at most 255 blocks")]);
            hmac.finalize_into(&mut block);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        block.as_mut_slice().zeroize();
    }
}
