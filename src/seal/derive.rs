//! The derivation of keys: from a keyring's key to the keys of one record.
//!
//! There is one primitive, HMAC-SHA-256. The two hash states of a key are computed once and kept. The
//! `zeroize` features of `hmac` and `sha2` wipe every hash state on drop. Every output is written
//! directly to its final place. A library cannot wipe what the compiler spills to the stack in
//! between.

#[cfg(test)]
pub(super) mod counted;

use ctutils::CtEq;
use hmac::digest::{FixedOutput, Output, Update};
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::seal::format::{LABEL_COMMIT, LABEL_ENCRYPT, LABEL_KEY_ID, LABEL_SALT, LABEL_SCOPE};
use crate::seal::key_id::KeyId;

#[cfg(test)]
type Hash = counted::Counted;
#[cfg(not(test))]
type Hash = Sha256;

/// The 32 secret bytes of a keyring's key, or of a scope's, and the hash states of that key.
///
/// They are in one place on the heap and are wiped on drop.
pub(super) struct Material(Box<Held>);

struct Held {
    bytes: Zeroizing<[u8; 32]>,
    prf: Prf,
}

impl Material {
    /// Copies the bytes to their place on the heap.
    pub(super) fn copy_of(bytes: &[u8; 32]) -> Self {
        let mut held = Box::new(Held { bytes: Zeroizing::new([0; 32]), prf: Prf::new(bytes) });
        held.bytes.copy_from_slice(bytes);
        Self(held)
    }

    /// Derives the ID of this key, which reveals nothing about the key.
    pub(super) fn key_id(&self) -> KeyId {
        let mut mac = [0; 32];
        self.0.prf.mac(&[LABEL_KEY_ID], &mut mac);
        KeyId::from_bytes(*mac.first_chunk().expect("16 of 32 bytes"))
    }

    /// Derives the key of one scope, to be kept.
    pub(super) fn scope_material(&self, scope: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        self.derive_scope(scope, &mut key);
        Self::copy_of(&key)
    }

    /// Derives the key of one scope, to be used for one record.
    pub(super) fn scope_key(&self, scope: &[u8]) -> ScopeKey {
        let mut key = Zeroizing::new([0; 32]);
        self.derive_scope(scope, &mut key);
        ScopeKey(Prf::new(&key[..]))
    }

    /// Returns this as the key of a scope, which it already is.
    pub(super) fn as_scope_key(&self) -> ScopeKey {
        ScopeKey(self.0.prf.clone())
    }

    pub(super) fn expose(&self) -> &[u8; 32] {
        &self.0.bytes
    }

    fn derive_scope(&self, scope: &[u8], out: &mut [u8; 32]) {
        self.0.prf.mac(&[LABEL_SCOPE, scope], out);
    }
}

/// The key of one scope. It seals and opens the records of that scope only.
pub(super) struct ScopeKey(Prf);

impl ScopeKey {
    /// Derives the salt of a record from fresh randomness and from everything that is sealed.
    ///
    /// Since the fields are an input, different contents get different keys even if the random
    /// generator repeats itself.
    pub(super) fn salt(&self, random: &[u8; 32], before: &[u8], fields: &[u8], out: &mut [u8; 32]) {
        self.0.mac(&[LABEL_SALT, random, before, fields], out);
    }

    /// Derives the commitment to this key and to the header before it.
    pub(super) fn commitment(&self, bound: &[u8]) -> [u8; 32] {
        let mut commitment = [0; 32];
        self.0.mac(&[LABEL_COMMIT, bound], &mut commitment);
        commitment
    }

    /// Returns `true` if this is the commitment to this key and header. The comparison takes
    /// constant time.
    pub(super) fn is_committed(&self, bound: &[u8], commitment: &[u8; 32]) -> bool {
        // `hmac`'s `CtOutput` would also wipe both, byte by byte, and neither is secret.
        self.commitment(bound).ct_eq(commitment).into()
    }

    /// Derives the cipher's key of the one record that has this commitment.
    pub(super) fn aead_key(&self, commitment: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        self.0.mac(&[LABEL_ENCRYPT, commitment], &mut key);
        key
    }
}

/// HMAC-SHA-256 under one key. The two hash states of the key are computed once.
#[derive(Clone)]
pub(super) struct Prf(Hmac<Hash>);

impl Prf {
    pub(super) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    /// Writes the HMAC-SHA-256 of the joined parts to `out`.
    pub(super) fn mac(&self, parts: &[&[u8]], out: &mut [u8; 32]) {
        let mut hmac = self.0.clone();
        for part in parts {
            hmac.update(part);
        }
        let mut tag = Output::<Sha256>::default();
        hmac.finalize_into(&mut tag);
        out.copy_from_slice(&tag);
        tag.as_mut_slice().zeroize();
    }
}
