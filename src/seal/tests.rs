//! Tests of what is private: sealing as a function of its randomness, and the functions below it.

mod keyring;
mod vectors;
mod wycheproof;

use crate::seal::derive::{Material, RecordKeys, ScopeKey};
use crate::seal::record::{Draft, Sealed, encrypt};
use crate::seal::{Header, Kind, Record, Revision, Scope};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// One key and one scope: what a record is sealed with.
struct Sealer {
    material: Material,
    scope: Scope,
}

impl Sealer {
    fn new(material: [u8; 32], scope: Scope) -> Self {
        Self { material: Material::copy_of(&material), scope }
    }

    fn scope_key(&self) -> ScopeKey {
        self.material.scope_key(&self.scope)
    }

    fn seal(&self, kind: Kind, revision: Revision, doc: &[u8], random: [u8; 32]) -> Record {
        let (key_id, scope_key) = (self.material.key_id(), &self.scope_key());
        let draft = Draft { kind, revision, key_id, scope: &self.scope, scope_key };
        draft.seal(doc, &random.into())
    }

    fn keys(&self, record: &[u8]) -> RecordKeys {
        self.scope_key().record_keys(&record[..68])
    }

    /// A record of this header and plaintext that is authentic, whatever the plaintext is.
    fn reseal(&self, record: &[u8], mut plaintext: Vec<u8>) -> Vec<u8> {
        let mut header = record[..100].to_vec();
        header[64..68].copy_from_slice(&(plaintext.len() as u32 + 16).to_be_bytes());
        let keys = self.keys(&header);
        header[68..].copy_from_slice(keys.commitment());
        let aad = [&header[..68], self.scope.as_bytes()].concat();
        let tag = encrypt(&keys, &aad, &mut plaintext);
        [header, plaintext, tag.to_vec()].concat()
    }
}

#[test]
fn the_longest_content_fits() {
    let sealer = Sealer::new([7; 32], Scope::module("m").unwrap());
    let doc = vec![b' '; 1_048_572];
    let record = sealer.seal(Kind::Document, Revision::FIRST, &doc, [1; 32]).into_bytes();
    assert_eq!(Header::parse(&record).unwrap().len(), 1_048_692);
    let sealed = Sealed::parse(&record, &[Kind::Document]).unwrap();
    assert!(sealed.open(&sealer.scope, &sealer.scope_key()).unwrap().doc.0 == doc);
}

#[test]
fn a_repeating_random_generator_still_gives_different_keys_to_different_texts() {
    let sealer = Sealer::new([7; 32], Scope::module("m").unwrap());
    let seal = |doc: &[u8], revision| {
        let record =
            sealer.seal(Kind::Document, Revision::try_from(revision).unwrap(), doc, [0; 32]);
        sealer.keys(record.as_bytes()).aead_key().to_vec()
    };
    assert_ne!(seal(b"A = 1", 1), seal(b"A = 2", 1));
    assert_ne!(seal(b"A = 1", 1), seal(b"A = 1", 2));
    assert_eq!(seal(b"A = 1", 1), seal(b"A = 1", 1));
}

/// These states are on the stack, which the tests with an allocator do not see. The types implement
/// `ZeroizeOnDrop` only with their feature `zeroize`, which is never a default. `Poly1305` wipes
/// itself without implementing it.
#[test]
fn ciphers_and_hashes_wipe_themselves() {
    fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    wiped::<chacha20poly1305::ChaCha20Poly1305>();
    wiped::<sha2::Sha256>();
    wiped::<hmac::digest::CtOutput<sha2::Sha256>>();
}
