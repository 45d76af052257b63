//! The vectors of the format, in `tests/vectors/record`: one fact a file.
//!
//! [`write`](mod@write) makes them; these tests read what is committed, as `tests/vectors/verify.py`
//! does with another implementation.

mod keyring;
mod write;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::document::Document;
use crate::seal::cipher::decrypt;
use crate::seal::derive::{Material, Prf};
use crate::seal::error::LockFault;
use crate::seal::fields::Fields;
use crate::seal::tests::{Sealer, unhex};
use crate::seal::{Keyring, Kind, OpenError, Opened, Revision, Scope};
use crate::store::{MemoryStore, Store};
use crate::vault::Vault;

/// Made by `two_keys.py`, which solves an equation that Rust's integers are too short for.
const TWO_KEYS: &str = "reject/two-keys.toml";
/// Made by `write`, and slow enough to be made once.
const ACCUMULATED: &str = "accumulated.toml";

/// The names of the fields in a vector, in the order of their tags.
const FIELDS: [&str; 8] =
    ["document", "template", "author", "time", "keyring", "ring_key", "manifest", "origin"];

#[test]
fn derived() {
    let vectors = vectors("derive");
    assert_eq!(vectors.len(), 10);
    for vector in vectors {
        let expected = vector.bytes("output");
        let mut output = [0; 32];
        Prf::new(&vector.bytes("key"))
            .mac(&[&vector.bytes("label"), &vector.bytes("input")], &mut output);
        assert_eq!(output[..expected.len()], expected, "{}", vector.path);
    }
}

#[test]
fn the_derivations_of_a_record_are_the_vectors() {
    let vector = Vector::of("seal/version.toml");
    let (key, record) = (Material::copy_of(&vector.array("key")), vector.bytes("record"));
    let scope_key = key.scope_key(&vector.bytes("scope"));
    let output = |name: &str| Vector::of(&format!("derive/{name}.toml")).bytes("output");
    assert_eq!(key.key_id().as_bytes()[..], output("key-id"));
    let material = key.scope_material(&vector.bytes("scope"));
    assert_eq!(material.expose()[..], output("scope-key"));
    assert_eq!(record[36..68], output("salt"));
    assert_eq!(record[72..104], output("commitment"));
    let commitment = record[72..104].first_chunk().unwrap();
    assert_eq!(scope_key.aead_key(commitment)[..], output("aead-key"));
}

#[test]
fn sealed() {
    let vectors = vectors("seal");
    assert_eq!(vectors.len(), 18);
    for vector in vectors {
        let sealer = Sealer::new(vector.array("key"), &vector.bytes("scope"));
        let (kind, expected) = (vector.kind(), vector.bytes("record"));
        let held = vector.fields();
        let at = (vector.number("revision"), vector.number("rewraps") as u32);
        let record = sealer.seal(kind, at, &fields(&held), vector.array("random"));
        assert!(record == expected, "{}: sealed", vector.path);
        if kind.is_rewrapped() {
            let keyring = Keyring::from_bytes(vector.array("key"));
            let opened = open(&keyring, &vector.bytes("scope"), &expected).unwrap();
            assert_eq!((opened.revision().get(), opened.rewraps()), at);
            vector.assert_holds(&opened);
        }
    }
}

#[test]
fn past_records_are_made_from_present_ones() {
    let vectors = vectors("past");
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let keyring = Keyring::from_bytes(vector.array("key"));
        let (scope, present) = (vector.scope("present_scope"), vector.bytes("present"));
        let opened = keyring.open(&scope, &present).unwrap();
        let revision = opened.revision();
        assert_eq!(scope.past(revision), vector.bytes("scope"));
        let past = Sealer::new(vector.array("key"), &vector.bytes("scope"));
        let at = (revision.get(), 0);
        let made = past.seal(vector.kind(), at, &opened.fields(), vector.array("random"));
        assert!(made == vector.bytes("record"), "{}", vector.path);
        let kept = keyring.open_past(&scope, revision, &made).unwrap();
        assert_eq!((kept.origin(), kept.rewraps()), (opened.origin(), 0));
        vector.assert_holds(&kept);
        // The same function with fresh randomness.
        let kept = keyring.seal_past(&scope, &present).unwrap();
        vector.assert_holds(&keyring.open_past(&scope, revision, kept.as_bytes()).unwrap());
    }
}

#[test]
fn transferred() {
    let vector = Vector::of("transfer/all-rows.toml");
    let (file, manifest) = (vector.bytes("export"), vector.bytes("manifest"));
    let vault = Vault::new(MemoryStore::new(), Keyring::from_bytes(vector.array("key")));
    let found = vault.verify_against(&manifest[..]).unwrap();
    assert_eq!(found.manifest_revision().unwrap().get(), vector.number("revision"));
    assert_eq!((found.unchanged(), found.failed()), (0, 3));

    let vector = Vector::of("transfer/three-records.toml");
    let three = vector.bytes("export");
    assert_eq!(vector.bytes("manifest"), manifest, "past rows and the keyring's are left out");
    let imported = vault.import(std::io::Cursor::new(&three)).unwrap();
    assert_eq!((imported.written(), imported.failed()), (3, 0));
    let mut exported = Vec::new();
    vault.export(&mut exported).unwrap();
    assert!(exported == three, "byte for byte");
    let found = vault.verify_against(&manifest[..]).unwrap();
    assert_eq!((found.unchanged(), found.newer(), found.failed()), (3, 0, 0));
    let mut made = Vec::new();
    vault.manifest(Revision::FIRST, &mut made).unwrap();
    let list = manifest.len() - (4 + 104 + 1024 + 16);
    assert!(made.len() == manifest.len() && made[..list] == manifest[..list]);

    // The row of a keyring is checked, and never written.
    let vault = Vault::new(MemoryStore::new(), Keyring::from_bytes(vector.array("key")));
    let imported = vault.import(std::io::Cursor::new(&file)).unwrap();
    assert_eq!((imported.written(), imported.failed()), (4, 0), "three present, one past");
    assert!(vault.store().get(&[0x7D]).unwrap().is_none());
}

#[test]
fn rejected() {
    let vectors = vectors("reject");
    assert_eq!(vectors.len(), 88);
    for vector in vectors {
        let (scope, record) = (vector.bytes("scope"), vector.bytes("record"));
        let error = open(&vector.keyring(), &scope, &record).unwrap_err();
        assert_eq!(name(&error), vector.text("error"), "{}", vector.path);
    }
}

#[test]
fn two_keys_open_one_ciphertext_and_the_commitment_picks_one() {
    let vector = Vector::of(TWO_KEYS);
    let record = vector.bytes("record");
    let opened = open(&vector.keyring(), &vector.bytes("opens_under"), &record).unwrap();
    assert_eq!(&opened.expose_text().unwrap()[..11], "# two keys:");

    let theirs = Sealer::new(vector.array("key"), &vector.bytes("scope"));
    let aad = [&record[..104], &theirs.scope].concat();
    let key = theirs.scope_key().aead_key(record[72..104].first_chunk().unwrap());
    let (ciphertext, tag) = record[104..].split_last_chunk().unwrap();
    let verifies = decrypt(&key, &[0; 12], &aad, &mut ciphertext.to_vec(), tag);
    assert!(verifies, "without a commitment the record would open under another scope's key");
}

#[test]
fn ten_thousand_records_have_one_hash() {
    let vector = Vector::of(ACCUMULATED);
    assert_eq!(write::accumulate(vector.number("count")), vector.text("sha256"));
}

/// Opens a record, present or past.
fn open(keyring: &Keyring, scope: &[u8], record: &[u8]) -> Result<Opened, OpenError> {
    match Scope::of_past(scope) {
        Some((scope, revision)) => keyring.open_past(&scope, revision, record),
        None => keyring.open(&Scope::from_bytes(scope).unwrap(), record),
    }
}

/// The name of an error, as the format gives it.
fn name(error: &OpenError) -> String {
    let debug = format!("{error:?}");
    debug.split('(').next().unwrap_or(&debug).to_owned()
}

/// The name of a fault of a locked keyring, as the format gives it.
fn fault_name(fault: &LockFault) -> String {
    match fault {
        LockFault::Open(error) | LockFault::Record(error) => return name(error),
        LockFault::WrongKey { error, .. } => return name(error),
        LockFault::RolledBack { .. } | LockFault::BelowFloor { .. } => "RolledBack",
        LockFault::Forked { .. } => "Forked",
        LockFault::UnsupportedFormat => "UnsupportedVersion",
        LockFault::OtherKmsKey | LockFault::OtherDeployment => "Mismatch",
        LockFault::NoSuchLock => "UnknownKey",
        _ => "Malformed",
    }
    .to_owned()
}

fn fields(held: &[Option<Vec<u8>>]) -> Fields<'_> {
    let held = (1_u8..).zip(held);
    held.fold(Fields::default(), |fields, (tag, bytes)| fields.with(tag, bytes.as_deref()))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/record")
}

/// The committed files below a folder, by their path.
fn read_all(below: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder().join(below)];
    while let Some(path) = folders.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder()).unwrap();
            let name = name.components().map(|part| part.as_os_str().to_str().unwrap());
            let name = name.collect::<Vec<_>>().join("/");
            files.insert(name, fs::read_to_string(path).unwrap());
        }
    }
    files
}

fn vectors(below: &str) -> Vec<Vector> {
    read_all(below).iter().map(|(path, text)| Vector::read(path, text)).collect()
}

/// One file: fields that are hexadecimal, numbers or text.
struct Vector {
    path: String,
    document: Document,
}

impl Vector {
    fn of(path: &str) -> Self {
        Self::read(path, &fs::read_to_string(folder().join(path)).unwrap())
    }

    fn read(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), document: Document::parse(text).unwrap() }
    }

    fn find(&self, field: &str) -> Option<&str> {
        self.document.get(field)?.as_str()
    }

    #[track_caller]
    fn text(&self, field: &str) -> &str {
        self.find(field).unwrap_or_else(|| panic!("{}: {field}", self.path))
    }

    #[track_caller]
    fn bytes(&self, field: &str) -> Vec<u8> {
        unhex(self.text(field))
    }

    #[track_caller]
    fn array(&self, field: &str) -> [u8; 32] {
        self.bytes(field).try_into().unwrap()
    }

    #[track_caller]
    fn number(&self, field: &str) -> u64 {
        self.document.get(field).unwrap().as_integer().unwrap() as u64
    }

    /// A set and a generation.
    fn place(&self, field: &str) -> Option<(u64, u64)> {
        let numbers = self.document.get(field)?.as_array()?;
        let mut numbers = numbers.iter().map(|number| number.as_integer().unwrap() as u64);
        Some((numbers.next()?, numbers.next()?))
    }

    #[track_caller]
    fn scope(&self, field: &str) -> Scope {
        Scope::from_bytes(&self.bytes(field)).unwrap()
    }

    fn kind(&self) -> Kind {
        match self.text("kind") {
            "document" => Kind::Document,
            "tombstone" => Kind::Tombstone,
            "past document" => Kind::PastDocument,
            "past tombstone" => Kind::PastTombstone,
            "keyring" => Kind::Keyring,
            "lock" => Kind::Lock,
            _ => Kind::Manifest,
        }
    }

    /// The bytes of each field, by its tag.
    fn fields(&self) -> Vec<Option<Vec<u8>>> {
        FIELDS.map(|name| self.find(name).map(unhex)).to_vec()
    }

    #[track_caller]
    fn assert_holds(&self, opened: &Opened) {
        let text = |name| self.find(name).map(|hex| String::from_utf8(unhex(hex)).unwrap());
        assert_eq!(opened.expose_text(), text("document").as_deref(), "{}", self.path);
        assert_eq!(opened.template(), text("template").as_deref(), "{}", self.path);
        assert_eq!(opened.author(), text("author").as_deref(), "{}", self.path);
        let time =
            self.find("time").map(|time| i64::from_be_bytes(*unhex(time).first_chunk().unwrap()));
        assert_eq!(opened.time(), time, "{}", self.path);
        let origin = self.find("origin").map_or(self.bytes("record")[72..104].to_vec(), unhex);
        assert_eq!(opened.origin()[..], origin, "{}", self.path);
    }

    /// The keyring of a `reject` vector: its key in its state.
    fn keyring(&self) -> Keyring {
        let material = Material::copy_of(&self.array("key"));
        let id = *material.key_id().as_bytes();
        let spare = Material::copy_of(&[0x77; 32]);
        let (state, spare_state) = match self.text("state") {
            "primary" => (1, 2),
            "disabled" => (3, 1),
            _ => (4, 1),
        };
        let material = if state == 4 { [0; 32] } else { *material.expose() };
        let ours = [&[state], &id[..], &material].concat();
        let theirs = [&[spare_state], &spare.key_id().as_bytes()[..], spare.expose()].concat();
        Keyring::decode(&[&[0, 2], &ours[..], &theirs].concat()).unwrap()
    }
}
