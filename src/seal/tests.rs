//! Tests of what is private: sealing as a function of its randomness, and the functions below it.

mod keyring;
mod vectors;
mod wycheproof;

use crate::seal::cipher::encrypt;
use crate::seal::derive::counted::count;
use crate::seal::derive::{Material, ScopeKey};
use crate::seal::fields::Fields;
use crate::seal::format::{TAG_DOCUMENT, TAG_ORIGIN, TAG_TEMPLATE};
use crate::seal::record::Draft;
use crate::seal::{Header, Keyring, Kind, OpenError, Revision, Scope};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// One key and the encoding of one scope: what a record is sealed with.
struct Sealer {
    material: Material,
    scope: Vec<u8>,
}

impl Sealer {
    fn new(material: [u8; 32], scope: &[u8]) -> Self {
        Self { material: Material::copy_of(&material), scope: scope.to_vec() }
    }

    fn id(&self) -> [u8; 16] {
        *self.material.key_id().as_bytes()
    }

    fn scope_key(&self) -> ScopeKey {
        self.material.scope_key(&self.scope)
    }

    fn seal(
        &self,
        kind: Kind,
        (revision, rewraps): (u64, u32),
        fields: &Fields<'_>,
        random: [u8; 32],
    ) -> Vec<u8> {
        let revision = Revision::try_from(revision).unwrap();
        let (key_id, scope, scope_key) = (self.material.key_id(), &self.scope, &self.scope_key());
        let draft = Draft { kind, revision, rewraps, key_id, scope, scope_key };
        draft.seal(fields, &random.into()).into_bytes()
    }

    /// A record with the header of `record` and this plaintext. It is authentic, whatever the
    /// plaintext is.
    fn reseal(&self, record: &[u8], mut plaintext: Vec<u8>) -> Vec<u8> {
        let mut header = record[..104].to_vec();
        header[68..72].copy_from_slice(&(plaintext.len() as u32 + 16).to_be_bytes());
        let commitment = self.scope_key().commitment(&header[..72]);
        header[72..].copy_from_slice(&commitment);
        let key = self.scope_key().aead_key(&commitment);
        let aad = [&header[..], &self.scope].concat();
        let tag = encrypt(&key, &[0; 12], &aad, &mut plaintext);
        [&header[..], &plaintext, &tag].concat()
    }
}

/// A field, as a plaintext holds it.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag], &(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

fn document(text: &[u8]) -> Fields<'_> {
    Fields::default().with(TAG_DOCUMENT, text)
}

#[test]
fn the_longest_content_fits_and_no_longer_one_opens() {
    let (keyring, scope) = (Keyring::from_bytes([7; 32]), Scope::module("m").unwrap());
    let sealer = Sealer::new([7; 32], scope.as_bytes());
    let open = |doc: usize, template: usize| {
        let (doc, template) = (vec![b' '; doc], vec![b'#'; template]);
        let fields = document(&doc).with(TAG_TEMPLATE, template.as_slice());
        let record = sealer.seal(Kind::Document, (1, 0), &fields, [1; 32]);
        assert_eq!(Header::parse(&record).unwrap().len(), 2_097_152 + 120);
        let opened = keyring.open(&scope, &record)?;
        Ok((opened.expose_text().unwrap().len(), opened.template().unwrap().len()))
    };
    assert_eq!(open(1_000_000, 65_536), Ok((1_000_000, 65_536)));
    assert_eq!(open(1_000_001, 65_536), Err(OpenError::BadPayload));
    assert_eq!(open(1_000_000, 65_537), Err(OpenError::BadPayload));
}

#[test]
fn a_body_of_any_length_within_the_limits_is_read() {
    let (keyring, scope) = (Keyring::from_bytes([7; 32]), Scope::module("m").unwrap());
    let sealer = Sealer::new([7; 32], scope.as_bytes());
    let tombstone = sealer.seal(Kind::Tombstone, (1, 0), &Fields::default(), [1; 32]);
    for padding in [0, 1, 2_097_152] {
        let record = sealer.reseal(&tombstone, vec![0; padding]);
        assert!(keyring.open(&scope, &record).unwrap().is_tombstone(), "{padding}");
    }
    let longer = sealer.reseal(&tombstone, vec![0; 2_097_153]);
    assert_eq!(keyring.open(&scope, &longer).unwrap_err(), OpenError::Malformed);
    let text = sealer.seal(Kind::Document, (1, 0), &document(b"A = 1"), [1; 32]);
    let record = sealer.reseal(&text, field(1, b"A = 1"));
    assert_eq!(keyring.open(&scope, &record).unwrap().expose_text(), Some("A = 1"));
}

#[test]
fn a_repeating_random_generator_still_gives_different_keys_to_different_contents() {
    let sealer = Sealer::new([7; 32], Scope::module("m").unwrap().as_bytes());
    let key = |text: &[u8], template: Option<&[u8]>, at| {
        let fields = document(text).with(TAG_TEMPLATE, template);
        let fields = if at == (1, 1) { fields.with(TAG_ORIGIN, &[0; 32][..]) } else { fields };
        let record = sealer.seal(Kind::Document, at, &fields, [0; 32]);
        *sealer.scope_key().aead_key(record[72..104].first_chunk().unwrap())
    };
    let ours = key(b"A = 1", None, (1, 0));
    assert_eq!(key(b"A = 1", None, (1, 0)), ours);
    assert_ne!(key(b"A = 2", None, (1, 0)), ours);
    assert_ne!(key(b"A = 1", Some(b""), (1, 0)), ours);
    assert_ne!(key(b"A = 1", None, (2, 0)), ours);
    assert_ne!(key(b"A = 1", None, (1, 1)), ours);
}

#[test]
fn a_past_record_opens_at_its_own_revision_only() {
    let (keyring, scope) = (Keyring::from_bytes([7; 32]), Scope::module("m").unwrap());
    let second = Revision::try_from(2).unwrap();
    let past = Sealer::new([7; 32], &scope.past(second));
    let fields = document(b"A = 1").with(TAG_ORIGIN, &[9; 32][..]);
    let record = past.seal(Kind::PastDocument, (2, 0), &fields, [1; 32]);
    let opened = keyring.open_past(&scope, second, &record).unwrap();
    assert_eq!((opened.revision(), opened.origin()), (second, &[9; 32]));
    let error = keyring.open_past(&scope, Revision::FIRST, &record).unwrap_err();
    assert_eq!(error, OpenError::Mismatch);
    // Authentic in the scope of revision 2, with another revision in its header.
    let record = past.seal(Kind::PastDocument, (3, 0), &fields, [1; 32]);
    let error = keyring.open_past(&scope, second, &record).unwrap_err();
    assert_eq!(error, OpenError::Mismatch);
}

#[test]
fn the_scopes_of_past_revisions_are_told_apart() {
    let scope = Scope::module("chat").and_then(|scope| scope.version("1")).unwrap();
    let last = Revision::try_from(i64::MAX as u64).unwrap();
    let past = scope.past(last);
    assert_eq!(past, b"\x12\0\x04chat\0\x011\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    assert_eq!(Scope::of_past(&past), Some((scope.clone(), last)));
    assert_eq!(Scope::kinds(&past), Ok(&Kind::PAST[..]));
    assert_eq!(Scope::kinds(scope.as_bytes()), Ok(&Kind::PRESENT[..]));
    for bad in [
        &b""[..],
        b"\x7D",
        b"\x7E",
        scope.as_bytes(),
        &past[..past.len() - 1],
        b"\x12\0\x04chat\0\x011\0\0\0\0\0\0\0\0",
        b"\x12\0\x04chat\0\x011\x80\0\0\0\0\0\0\0",
        b"\x11\0\0\0\0\0\0\0\0\0\x01",
        b"\x14\0\x04chat\0\0\0\0\0\0\0\x01",
    ] {
        assert_eq!(Scope::of_past(bad), None, "{bad:?}");
        assert!(bad == scope.as_bytes() || Scope::kinds(bad).is_err(), "{bad:?}");
    }
}

/// The keyed states of the keyring's key are made once, and those of a scope's key once a record.
#[test]
fn a_record_takes_as_many_compressions_as_it_must() {
    let secrets = crate::Document::parse("A = 1").unwrap().validate().unwrap();
    let (keyring, made) = count(|| Keyring::from_bytes([7; 32]));
    assert_eq!(made, 4, "the key's two states, and its ID");
    for (len, more) in [(1, 0), (33 - 3, 0), (34 - 3, 1), (97 - 3, 1), (98 - 3, 2), (255, 4)] {
        let scope = Scope::module(&"m".repeat(len)).unwrap();
        let (record, sealed) = count(|| keyring.seal(&scope, Revision::FIRST, &secrets).unwrap());
        let fields = 5 + 5;
        assert_eq!(sealed, 10 + (81_usize + fields).div_ceil(64) + more, "{len}");
        let (opened, made) = count(|| keyring.open(&scope, record.as_bytes()));
        assert_eq!((opened.is_ok(), made), (true, 9 + more), "{len}");
        // The keyring of a scope has the scope's states already.
        let of_scope = keyring.for_scope(&scope);
        let (opened, made) = count(|| of_scope.open(record.as_bytes()));
        assert_eq!((opened.is_ok(), made), (true, 5), "{len}");
    }
    let sealer = Sealer::new([7; 32], b"\x01\0\x01m");
    for len in [0, 37, 38, 101, 102, 1000, 4000, 60_000] {
        let doc = vec![b'#'; len];
        let key = &sealer.material;
        let seal = || Sealer::seal(&sealer, Kind::Document, (1, 0), &document(&doc), [1; 32]);
        let (_, sealed) = count(seal);
        // The sealer derives the key's ID, too, which a keyring keeps.
        let (_, id) = count(|| key.key_id());
        assert_eq!(sealed - id, 10 + (81 + 5 + len).div_ceil(64), "{len}");
    }
}

/// These states are on the stack, which the tests with an allocator do not see. The types implement
/// `ZeroizeOnDrop` only with their feature `zeroize`, which is never a default. `Poly1305` wipes
/// itself without implementing it.
#[test]
fn ciphers_and_hashes_wipe_themselves() {
    fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    wiped::<chacha20poly1305::ChaCha20Poly1305>();
    wiped::<sha2::Sha256>();
}
