//! The vectors of the format, in `tests/vectors/record`: one fact a file.
//!
//! `write` makes them; the other tests read what is committed, as `tests/vectors/verify.py` does
//! with another implementation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

use crate::document::Document;
use crate::seal::derive::{Material, Prf};
use crate::seal::format::{SCOPE_KEYRING, SCOPE_MANIFEST};
use crate::seal::outer::Outer;
use crate::seal::record::{Sealed, decrypt};
use crate::seal::tests::{Sealer, hex, unhex};
use crate::seal::{
    Header, KeyState, Keyring, Kind, KmsKey, Lock, LockedKeyring, OpenError, PassphraseCost,
    Revision, Scope,
};
use crate::store::MemoryStore;
use crate::vault::Vault;

const KEY: [u8; 32] = [0x11; 32];
const OTHER_KEY: [u8; 32] = [0x22; 32];
const KEK: [u8; 32] = [0x33; 32];
const RANDOM: [u8; 32] = [0xA5; 32];
const TEXT: &[u8] = b"CLARIFAI_PAT = \"hunter2\"\n";

/// Made by `two_keys.py`, which solves an equation that Rust's integers are too short for.
const TWO_KEYS: &str = "reject/two-keys.toml";
/// Made by `write`, and slow enough to be made once.
const ACCUMULATED: &str = "accumulated.toml";

#[test]
#[ignore = "writes the vectors; run it after a change of the generator"]
fn write() {
    let note = "the SHA-256 of 10,000 records after each other; verify.py says which";
    let sum = accumulate(10_000);
    let accumulated = format!("note = \"{note}\"\ncount = 10000\nsha256 = \"{sum}\"\n");
    for (path, text) in generate().into_iter().chain([(ACCUMULATED.to_owned(), accumulated)]) {
        let path = folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn the_files_are_what_the_generator_writes() {
    let mut committed = read_all("");
    committed.remove(TWO_KEYS).unwrap();
    committed.remove(ACCUMULATED).unwrap();
    let generated = generate();
    assert_eq!(
        committed.keys().collect::<Vec<_>>(),
        generated.keys().collect::<Vec<_>>(),
        "no file is missing and none left over"
    );
    for (path, text) in generated {
        assert!(committed[&path] == text, "{path} differs");
    }
}

#[test]
fn derived() {
    let vectors = vectors("derive");
    assert_eq!(vectors.len(), 10);
    for vector in vectors {
        let expected = vector.bytes("output");
        let mut output = vec![0; expected.len()];
        let parts = [vector.bytes("label"), vector.bytes("info")];
        match vector.text("function") {
            "expand" => {
                Prf::new(&vector.bytes("key")).expand(&[&parts[0], &parts[1]], &mut output);
            }
            _ => Prf::new(&vector.bytes("key")).mac(&[&parts[0], &parts[1]], &mut output),
        }
        assert_eq!(output, expected, "{}", vector.path);
    }
}

#[test]
fn the_derivations_of_a_record_are_the_vectors() {
    let sealer = Sealer::new(KEY, version());
    let output = |name: &str| {
        let vector = vectors("derive").into_iter().find(|vector| vector.path == name);
        vector.unwrap().bytes("output")
    };
    let record = sealer.seal(Kind::Document, Revision::FIRST, TEXT, RANDOM);
    let keys = sealer.keys(record.as_bytes());
    assert_eq!(sealer.material.key_id().as_bytes()[..], output("derive/key-id.toml"));
    assert_eq!(
        sealer.material.scope_material(&version()).expose()[..],
        output("derive/scope-key.toml")
    );
    assert_eq!(record.as_bytes()[32..64], output("derive/salt.toml"));
    let okm = [keys.commitment(), keys.aead_key(), keys.nonce()].concat();
    assert_eq!(okm, output("derive/record.toml"));
}

#[test]
fn sealed() {
    let vectors = vectors("seal");
    assert_eq!(vectors.len(), 12);
    for vector in vectors {
        let sealer = Sealer::new(vector.array("key"), vector.scope("scope"));
        let (kind, doc, expected) =
            (vector.kind("kind"), vector.bytes("doc"), vector.bytes("record"));
        let revision = Revision::try_from(vector.number("revision")).unwrap();
        let record = sealer.seal(kind, revision, &doc, vector.array("random"));
        assert!(record.as_bytes() == expected, "{}: sealed", vector.path);
        let sealed = Sealed::parse(&expected, &[kind]).unwrap();
        assert_eq!(sealed.header.revision(), revision);
        let content = sealed.open(&sealer.scope, &sealer.scope_key()).unwrap();
        assert!(content.doc.0 == doc, "{}: opened", vector.path);
    }
}

#[test]
fn transferred() {
    let vectors = vectors("transfer");
    assert_eq!(vectors.len(), 1);
    for vector in vectors {
        let (file, manifest) = (vector.bytes("export"), vector.bytes("manifest"));
        let vault = Vault::new(MemoryStore::new(), Keyring::from_bytes(vector.array("key")));
        let imported = vault.import(std::io::Cursor::new(&file)).unwrap();
        assert_eq!((imported.written(), imported.failed()), (3, 0));
        let mut exported = Vec::new();
        vault.export(&mut exported).unwrap();
        assert!(exported == file, "byte for byte");

        let found = vault.verify_against(&manifest[..]).unwrap();
        assert_eq!(found.manifest_revision().unwrap().get(), vector.number("revision"));
        assert_eq!((found.unchanged(), found.newer(), found.failed()), (3, 0, 0));
        let mut made = Vec::new();
        vault.manifest(Revision::FIRST, &mut made).unwrap();
        let list = manifest.len() - (100 + 1024 + 16);
        assert!(made.len() == manifest.len() && made[..list] == manifest[..list]);
    }
}

#[test]
fn rejected() {
    let vectors = vectors("reject");
    assert_eq!(vectors.len(), 45);
    for vector in vectors {
        let keyring = vector.keyring();
        let record = vector.bytes("record");
        let error = keyring.open(&vector.scope("scope"), &record).unwrap_err();
        assert_eq!(name(&error), vector.text("error"), "{}", vector.path);
    }
}

#[test]
fn two_keys_open_one_ciphertext_and_the_commitment_picks_one() {
    let vector = vectors("reject").into_iter().find(|vector| vector.path == TWO_KEYS).unwrap();
    let record = vector.bytes("record");
    let opened = vector.keyring().open(&vector.scope("opens_under"), &record).unwrap();
    assert_eq!(&opened.expose_text().unwrap()[..12], "# two keys: ");

    let theirs = Sealer::new(vector.array("key"), vector.scope("scope"));
    let aad = [&record[..68], theirs.scope.as_bytes()].concat();
    let (ciphertext, tag) = record[100..].split_at(32);
    let verifies = decrypt(&theirs.keys(&record), &aad, &mut ciphertext.to_vec(), tag);
    assert!(verifies, "without a commitment the record would open under another scope's key");
}

#[test]
fn ten_thousand_records_have_one_hash() {
    let vector = Vector::read(ACCUMULATED, &read_all("")[ACCUMULATED]);
    assert_eq!(accumulate(vector.number("count")), vector.text("sha256"));
}

#[test]
fn keyrings() {
    let (mut opened, mut refused) = (0, 0);
    for vector in vectors("keyring") {
        let locked = match LockedKeyring::parse(vector.text("text")) {
            Ok(locked) => locked,
            Err(error) => panic!("{}: {error}", vector.path),
        };
        let kek = vector.bytes("kek");
        // The KMS key is the one that the text names, so that it is the seal that finds an edit.
        let kek = kek.first_chunk().unwrap();
        let lock = match (locked.protection(), locked.kms()) {
            ("raw", _) => Lock::raw(kek),
            (_, Some((key, wrapped))) => Lock::kms(key, wrapped, kek),
            #[cfg(feature = "passphrase")]
            _ => Lock::passphrase(vector.text("passphrase")),
            #[cfg(not(feature = "passphrase"))]
            _ => continue,
        };
        if let Some(error) = vector.find("error") {
            let found = locked.unlock(lock).unwrap_err();
            assert_eq!(name(found.open_error().unwrap()), error, "{}", vector.path);
            refused += 1;
            continue;
        }
        let keyring = locked.unlock(lock).unwrap();
        assert_eq!(list(&keyring), vector.text("entries"), "{}", vector.path);
        assert_eq!(keyring.generation(), vector.number("generation"), "{}", vector.path);
        let generation = Revision::try_from(vector.number("generation")).unwrap();
        let kek = Material::copy_of(kek);
        let random = vector.array("random").into();
        let text = keyring.lock_with(locked.outer(), &kek, generation, &random);
        assert_eq!(text, vector.text("text"), "{}", vector.path);
        opened += 1;
    }
    let with_passphrase = usize::from(cfg!(feature = "passphrase"));
    assert_eq!((opened, refused), (2 + with_passphrase, 10 + 2 * with_passphrase));
}

fn generate() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    generate_derive(&mut files);
    generate_seal(&mut files);
    generate_reject(&mut files);
    generate_keyring(&mut files);
    generate_transfer(&mut files);
    files
}

/// An export of three records, and a manifest of them, put together after the format alone.
fn generate_transfer(files: &mut BTreeMap<String, String>) {
    let install = version().install("acme").unwrap();
    let rows = [
        (Scope::module("chat").unwrap(), Kind::Document, 1_u64, TEXT),
        (version(), Kind::Tombstone, 2, &b""[..]),
        (install, Kind::Document, i64::MAX as u64, &b"A = 1\n"[..]),
    ];
    let (mut export, mut list) = (b"\x89SLX\x01".to_vec(), Vec::new());
    for (scope, kind, revision, doc) in &rows {
        let number = Revision::try_from(*revision).unwrap();
        let record = Sealer::new(KEY, scope.clone()).seal(*kind, number, doc, RANDOM).into_bytes();
        let len = (scope.as_bytes().len() as u16).to_be_bytes();
        export.extend([&len, scope.as_bytes(), &(record.len() as u32).to_be_bytes()].concat());
        list.extend([&len, scope.as_bytes(), &revision.to_be_bytes(), &record[68..100]].concat());
        export.extend(record);
    }
    let count = (rows.len() as u64).to_be_bytes();
    export.extend([&[0; 2][..], &count].concat());
    let doc = [&count[..], &Sha256::digest(&list)].concat();
    let sealer = Sealer::new(KEY, Scope::encode(SCOPE_MANIFEST, &[]));
    let sealed = sealer.seal(Kind::Manifest, Revision::try_from(7).unwrap(), &doc, RANDOM);
    list.extend(sealed.as_bytes());
    let (key, random) = (hex(&KEY), hex(&RANDOM));
    let (export, manifest) = (hex(&export), hex(&list));
    let text = format!(
        "note = \"three records: their export, and their manifest\"\nkey = \"{key}\"\n\
         random = \"{random}\"\nrevision = 7\nexport = \"{export}\"\nmanifest = \"{manifest}\"\n"
    );
    files.insert("transfer/three-records.toml".to_owned(), text);
}

fn generate_derive(files: &mut BTreeMap<String, String>) {
    let mut derive = |name: &str,
                      note: &str,
                      function: &str,
                      key: &[u8],
                      input: [&[u8]; 2],
                      len| {
        let mut output = vec![0; len];
        match function {
            "expand" => Prf::new(key).expand(&input, &mut output),
            _ => Prf::new(key).mac(&input, &mut output),
        }
        if let Some((_, printed)) = RFC_5869.iter().find(|(of, _)| *of == name) {
            assert_eq!(hex(&output), *printed, "{note}");
        }
        let [label, info] = input.map(hex);
        let (key, output) = (hex(key), hex(&output));
        let text = format!(
            "note = \"{note}\"\nfunction = \"{function}\"\nkey = \"{key}\"\nlabel = \"{label}\"\n\
             info = \"{info}\"\noutput = \"{output}\"\n"
        );
        files.insert(format!("derive/{name}.toml"), text);
    };
    // RFC 5869, appendix A.1 to A.3, with the pseudorandom keys as they are printed there.
    let prk = unhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    let info: Vec<u8> = (0xF0..=0xF9).collect();
    derive("rfc5869-a1", "RFC 5869, A.1", "expand", &prk, [&info, &[]], 42);
    let prk = unhex("06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244");
    let info: Vec<u8> = (0xB0..=0xFF).collect();
    derive("rfc5869-a2", "RFC 5869, A.2", "expand", &prk, [&info, &[]], 82);
    let prk = unhex("19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
    derive("rfc5869-a3", "RFC 5869, A.3", "expand", &prk, [&[], &[]], 42);
    let salt: Vec<u8> = (0..=12).collect();
    derive("rfc5869-a1-extract", "RFC 5869, A.1", "hmac", &salt, [&[0x0B; 22], &[]], 32);

    let scope = version();
    derive("key-id", "a key's name", "expand", &KEY, [b"secrets-toml/v1 key-id", &[]], 16);
    derive(
        "scope-key",
        "the key of a version",
        "expand",
        &KEY,
        [b"secrets-toml/v1 scope\0", scope.as_bytes()],
        32,
    );
    let sealer = Sealer::new(KEY, scope);
    let record = sealer.seal(Kind::Document, Revision::FIRST, TEXT, RANDOM);
    let header = &record.as_bytes()[..68];
    let material = sealer.material.scope_material(&sealer.scope);
    let scope_key = material.expose();
    let label = b"secrets-toml/v1 record\0";
    derive(
        "record",
        "commitment, key and nonce of a record",
        "expand",
        scope_key,
        [label, header],
        76,
    );
    let label = b"secrets-toml/v1 salt";
    derive("salt-key", "the key of the salts of a scope", "expand", scope_key, [label, &[]], 32);
    let mut salt_key = [0; 32];
    Prf::new(scope_key).expand(&[label], &mut salt_key);
    let mut plaintext = vec![0; 1024];
    plaintext[3] = TEXT.len() as u8;
    plaintext[4..4 + TEXT.len()].copy_from_slice(TEXT);
    let input = [&RANDOM, &header[..32], &header[64..], &plaintext].concat();
    derive("salt", "the salt of a record", "hmac", &salt_key, [&input, &[]], 32);
    let raw = Scope::encode(SCOPE_KEYRING, &[b"raw"]);
    derive(
        "keyring-scope-key",
        "the key of a keyring's record",
        "expand",
        &KEK,
        [b"secrets-toml/v1 scope\0", raw.as_bytes()],
        32,
    );
}

/// The output keys of RFC 5869, appendix A, as they are printed there.
const RFC_5869: [(&str, &str); 3] = [
    (
        "rfc5869-a1",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        "rfc5869-a2",
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e59\
         0e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "rfc5869-a3",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
];

fn generate_seal(files: &mut BTreeMap<String, String>) {
    let mut seal =
        |name: &str, note: &str, kind: Kind, scope: &Scope, revision: u64, doc: &[u8]| {
            let sealer = Sealer::new(KEY, scope.clone());
            let number = Revision::try_from(revision).unwrap();
            let record = sealer.seal(kind, number, doc, RANDOM);
            let (key, random, scope) = (hex(&KEY), hex(&RANDOM), hex(scope.as_bytes()));
            let (kind, doc) = (format!("{kind:?}").to_lowercase(), hex(doc));
            let record = hex(record.as_bytes());
            let text = format!(
                "note = \"{note}\"\nkey = \"{key}\"\nrandom = \"{random}\"\nscope = \"{scope}\"\n\
             kind = \"{kind}\"\nrevision = {revision}\ndoc = \"{doc}\"\nrecord = \"{record}\"\n"
            );
            files.insert(format!("seal/{name}.toml"), text);
        };
    let (module, install) = (Scope::module("chat").unwrap(), version().install("acme").unwrap());
    let longest = Scope::module(&"m".repeat(255)).and_then(|scope| scope.version(&"v".repeat(255)));
    let longest = longest.and_then(|scope| scope.install(&"é".repeat(127))).unwrap();
    let keyring = Keyring::from_bytes(OTHER_KEY);
    let document = Kind::Document;
    seal("module", "a document for a module", document, &module, 1, TEXT);
    seal("version", "a document for a version", document, &version(), 1, TEXT);
    seal("install", "a document for an install", document, &install, 1, TEXT);
    seal("longest-names", "components of 255 and 254 bytes", document, &longest, 1, TEXT);
    seal("empty", "a document without a byte", document, &module, 1, b"");
    seal("last-revision", "revision 2^63 - 1", document, &module, i64::MAX as u64, TEXT);
    seal("fills-1024", "a plaintext of exactly 1024 bytes", document, &module, 1, &[b'#'; 1020]);
    seal("pads-to-2048", "one byte more", document, &module, 1, &[b'#'; 1021]);
    seal("utf-8", "characters of 2, 3 and 4 bytes", document, &module, 1, "# é€😀".as_bytes());
    seal("tombstone", "a deleted document", Kind::Tombstone, &install, 2, b"");
    let raw = Scope::encode(SCOPE_KEYRING, &[b"raw"]);
    seal("keyring", "the keys of a keyring", Kind::Keyring, &raw, 1, &keyring.encode().0);
    let manifest = Scope::encode(0x7E, &[]);
    let record = Sealer::new(KEY, module).seal(document, Revision::FIRST, TEXT, RANDOM);
    let record = Header::parse(record.as_bytes()).unwrap();
    let scope = Scope::module("chat").unwrap();
    let revision = record.revision().get().to_be_bytes();
    let len = (scope.as_bytes().len() as u16).to_be_bytes();
    let list = [&len, scope.as_bytes(), &revision, record.commitment()].concat();
    let doc = [&1_u64.to_be_bytes()[..], &Sha256::digest(list)].concat();
    let note = "a manifest: the count of records and the SHA-256 of their list";
    seal("manifest", note, Kind::Manifest, &manifest, 1, &doc);
}

fn generate_reject(files: &mut BTreeMap<String, String>) {
    let scope = version();
    let sealer = Sealer::new(KEY, scope.clone());
    let good = sealer.seal(Kind::Document, Revision::try_from(2).unwrap(), TEXT, RANDOM);
    let good = good.as_bytes();
    let mut reject =
        |name: &str, note: &str, error: &str, key: (&[u8], &str), scope: &Scope, record: &[u8]| {
            let (key, state, scope, record) =
                (hex(key.0), key.1, hex(scope.as_bytes()), hex(record));
            let text = format!(
                "note = \"{note}\"\nerror = \"{error}\"\nkey = \"{key}\"\nstate = \"{state}\"\n\
             scope = \"{scope}\"\nrecord = \"{record}\"\n"
            );
            files.insert(format!("reject/{name}.toml"), text);
        };
    let ours: (&[u8], &str) = (&KEY, "primary");
    let mut bytes = |name: &str, note: &str, error: &str, record: &[u8]| {
        reject(name, note, error, ours, &scope, record);
    };
    let with = |at: usize, new: &[u8]| {
        let mut record = good.to_vec();
        record[at..at + new.len()].copy_from_slice(new);
        record
    };
    let flip = |at: usize| with(at, &[good[at] ^ 1]);
    bytes("empty", "no byte", "NotARecord", &[]);
    bytes("magic-cut", "3 bytes of the magic", "NotARecord", &good[..3]);
    bytes("magic", "another magic", "NotARecord", &flip(0));
    bytes("toml", "a text", "NotARecord", &TEXT.repeat(10));
    bytes("magic-alone", "nothing but the magic", "Truncated", &good[..4]);
    bytes("shortest", "one byte less than any record", "Truncated", &good[..119]);
    bytes("truncated", "the last byte is missing", "Truncated", &good[..good.len() - 1]);
    bytes("trailing", "one byte more", "TrailingBytes", &[good, b"\0"].concat());
    bytes("version-0", "format version 0", "UnsupportedVersion", &with(4, &[0]));
    bytes("version-2", "format version 2", "UnsupportedVersion", &with(4, &[2]));
    bytes("suite-0", "no suite", "UnsupportedSuite", &with(5, &[0]));
    bytes("suite-2", "suite 2", "UnsupportedSuite", &with(5, &[2]));
    bytes("kind-0", "kind 0", "UnknownKind", &with(6, &[0]));
    bytes("kind-keyring", "a kind that is not opened here", "UnknownKind", &with(6, &[3]));
    bytes("kind-manifest", "a kind that is not opened here", "UnknownKind", &with(6, &[4]));
    bytes("kind-5", "kind 5", "UnknownKind", &with(6, &[5]));
    bytes("kind-tombstone", "a document that says it is a tombstone", "Mismatch", &with(6, &[2]));
    bytes("reserved", "the reserved byte set", "Malformed", &with(7, &[1]));
    bytes("revision-0", "revision 0", "Malformed", &with(8, &[0; 8]));
    bytes("revision-2-63", "revision 2^63", "Malformed", &with(8, &(1_u64 << 63).to_be_bytes()));
    bytes("revision", "another revision", "Mismatch", &with(8, &1_u64.to_be_bytes()));
    bytes("body-19", "a body of 19 bytes", "Malformed", &with(64, &19_u32.to_be_bytes()));
    bytes(
        "body-1048593",
        "a body over the limit",
        "Malformed",
        &with(64, &1_048_593_u32.to_be_bytes()),
    );
    bytes("salt", "a bit of the salt", "Mismatch", &flip(32));
    bytes("commitment", "a bit of the commitment", "Mismatch", &flip(68));
    bytes("ciphertext", "a bit of the ciphertext", "Tampered", &flip(100));
    bytes("tag", "a bit of the tag", "Tampered", &flip(good.len() - 1));

    // Two faults: the step that comes first names the error.
    let also = |at: usize, new: &[u8], mut record: Vec<u8>| {
        record[at..at + new.len()].copy_from_slice(new);
        record
    };
    let (short, longer) = (good[..119].to_vec(), [good, b"\0"].concat());
    let mut order = |name: &str, note: &str, error: &str, record: Vec<u8>| {
        bytes(&format!("order-{name}"), note, error, &record);
    };
    order("length", "short, and version 2", "Truncated", also(4, &[2], short));
    order("version", "version 2 and suite 2", "UnsupportedVersion", with(4, &[2, 2]));
    order("suite", "suite 2 and kind 5", "UnsupportedSuite", with(5, &[2, 5]));
    order("kind", "kind 5 and the reserved byte", "UnknownKind", with(6, &[5, 1]));
    let record = also(7, &[1], longer.clone());
    order("reserved", "the reserved byte and a byte more", "Malformed", record);
    order("trailing", "a byte more and another key", "TrailingBytes", also(16, &[0], longer));
    order("key", "another key and another salt", "UnknownKey", also(32, &[0], with(16, &[0])));
    order("commitment", "another salt and another tag", "Mismatch", also(32, &[0], flip(1139)));

    let payload =
        |doc_len: u32, rest: &[u8]| sealer.reseal(good, [&doc_len.to_be_bytes(), rest].concat());
    bytes(
        "doc-len",
        "a document longer than its plaintext",
        "BadPayload",
        &payload(9, b"A = 1234"),
    );
    bytes("padding", "padding that is not zero", "BadPayload", &payload(5, b"A = 1\0\0\x01"));
    let note = "padding of two bytes that cancel each other out";
    bytes("padding-pair", note, "BadPayload", &payload(5, b"A = 1\x01\0\x01"));
    bytes("not-utf-8", "a text that is not UTF-8", "BadPayload", &payload(5, b"A = \xFF\0\0\0"));
    let tombstone = sealer.reseal(&with(6, &[2]), b"\0\0\0\x05A = 1\0\0\0".to_vec());
    bytes("tombstone-text", "a tombstone with a text", "BadPayload", &tombstone);

    let other = version().install("acme").unwrap();
    let note = "a record of another scope";
    reject("other-scope", note, "Mismatch", ours, &other, good);
    let note = "a key that is not in the keyring";
    reject("unknown-key", note, "UnknownKey", (&OTHER_KEY, "primary"), &scope, good);
    reject("disabled", "a disabled key", "KeyDisabled", (&KEY, "disabled"), &scope, good);
    reject("destroyed", "a destroyed key", "KeyDestroyed", (&KEY, "destroyed"), &scope, good);
}

fn generate_keyring(files: &mut BTreeMap<String, String>) {
    let generation = Revision::try_from(7).unwrap();
    let kek = Material::copy_of(&KEK);
    let mut write = |name: &str, fields: &[(&str, &str)], text: &str| {
        let mut file = String::new();
        for (field, value) in fields {
            match value.contains('\n') {
                true => file += &format!("{field} = '''\n{value}'''\n"),
                false => file += &format!("{field} = \"{value}\"\n"),
            }
        }
        file += &format!("generation = {generation}\ntext = '''\n{text}'''\n");
        files.insert(format!("keyring/{name}.toml"), file);
    };
    let (kek_hex, random) = (hex(&KEK), hex(&RANDOM));
    let lock = |keyring: &Keyring, outer: &Outer, kek: &Material| {
        keyring.lock_with(outer, kek, generation, &RANDOM.into())
    };

    // One key in each state.
    let entry = |state: u8, key: u8| {
        let material = [key; 32];
        let id = *Material::copy_of(&material).key_id().as_bytes();
        let material = if state == 4 { [0; 32] } else { material };
        [&[state], &id[..], &material].concat()
    };
    let doc = |entries: &[Vec<u8>]| {
        [&(entries.len() as u16).to_be_bytes()[..], &entries.concat()].concat()
    };
    let states = doc(&[entry(3, 1), entry(4, 2), entry(1, 3), entry(2, 4)]);
    let keyring = Keyring::decode(&states, 7).unwrap();
    let entries = list(&keyring);
    let raw = lock(&keyring, &Outer::Raw, &kek);
    write(
        "raw",
        &[
            ("note", "one key in each state"),
            ("kek", &kek_hex),
            ("random", &random),
            ("entries", &entries),
        ],
        &raw,
    );
    let key = KmsKey::new("aws", "arn:aws:kms:eu-west-1:1:key/\"quoted\\\u{1}é\"").unwrap();
    let kms = Outer::Kms { key, wrapped: vec![0xEE; 40] };
    let kms = lock(&keyring, &kms, &kek);
    write(
        "kms",
        &[
            ("note", "a reference with every kind of escape"),
            ("kek", &kek_hex),
            ("random", &random),
            ("entries", &entries),
        ],
        &kms,
    );
    // The key that Argon2id derives from this passphrase, salt and cost; verify.py derives it, too.
    let cost = PassphraseCost::new(19 * 1024, 2, 1).unwrap();
    let argon2id = Outer::Argon2id { cost, salt: [0x5A; 16] };
    let passphrase = "correct horse battery staple";
    let derived = unhex(PASSPHRASE_KEK);
    #[cfg(feature = "passphrase")]
    assert_eq!(cost.derive(passphrase.as_bytes(), &[0x5A; 16]).unwrap()[..], derived);
    let derived = Material::copy_of(derived.first_chunk().unwrap());
    let argon2id = lock(&keyring, &argon2id, &derived);
    write(
        "argon2id",
        &[
            ("note", "the least cost"),
            ("passphrase", passphrase),
            ("kek", PASSPHRASE_KEK),
            ("random", &random),
            ("entries", &entries),
        ],
        &argon2id,
    );

    let mut reject = |name: &str, note: &str, error: &str, kek: &str, text: &str| {
        let fields = [("note", note), ("error", error), ("kek", kek)];
        write(&format!("reject-{name}"), &fields, text);
    };
    reject("key", "another key", "UnknownKey", &hex(&OTHER_KEY), &raw);
    let text = kms.replace("aws", "gcp");
    reject("provider", "the provider was edited", "Mismatch", &kek_hex, &text);
    let payload = |doc: &[u8]| {
        let sealer = Sealer::new(KEK, Outer::Raw.scope());
        Outer::Raw.text(&sealer.seal(Kind::Keyring, generation, doc, RANDOM))
    };
    let mut bad = |name: &str, note: &str, doc: &[u8]| {
        reject(name, note, "BadPayload", &kek_hex, &payload(doc));
    };
    bad("no-key", "no key", &doc(&[]));
    bad("no-primary", "no primary key", &doc(&[entry(2, 1)]));
    bad("two-primaries", "two primary keys", &doc(&[entry(1, 1), entry(1, 2)]));
    bad("repeated-id", "an id that is repeated", &doc(&[entry(1, 1), entry(2, 1)]));
    let mut other = entry(1, 1);
    other[1] ^= 1;
    bad("other-id", "an id that is not its key's", &doc(&[other]));
    bad("state", "a state that there is not", &doc(&[entry(1, 1), entry(5, 2)]));
    let mut kept = entry(4, 2);
    kept[17..].fill(2);
    bad("kept", "a destroyed key that is still there", &doc(&[entry(1, 1), kept]));
    bad("count", "a count that does not fit", &[&doc(&[entry(1, 1)])[..], &[0]].concat());

    let mut reject = |name: &str, note: &str, passphrase: &str, text: &str| {
        let fields = [
            ("note", note),
            ("error", "UnknownKey"),
            ("passphrase", passphrase),
            ("kek", PASSPHRASE_KEK),
        ];
        write(&format!("reject-{name}"), &fields, text);
    };
    reject("passphrase", "another passphrase", "wrong", &argon2id);
    let text = argon2id.replace("t = 2", "t = 3");
    reject("edited-cost", "a parameter was edited", passphrase, &text);
}

const PASSPHRASE_KEK: &str = "27e243dea797c62dfcb35d571c67988e6567ded1f467720dc9255193d984b018";

/// The SHA-256 of records that a counter makes: keys, scopes, kinds, lengths and revisions vary.
fn accumulate(count: u64) -> String {
    let mut sum = Sha256::new();
    for i in 0..count {
        let hash = |what: &str| -> [u8; 32] {
            Sha256::digest([what.as_bytes(), &i.to_be_bytes()].concat()).into()
        };
        let mut scope = Scope::module(&format!("m{}", i % 7)).unwrap();
        if i % 3 > 0 {
            scope = scope.version(&format!("v{}", i % 11)).unwrap();
        }
        if i % 3 > 1 {
            scope = scope.install(&format!("i{}", i % 13)).unwrap();
        }
        let (kind, len) = match i % 10 {
            9 => (Kind::Tombstone, 0),
            _ => (Kind::Document, i * 37 % 3000),
        };
        let doc: Vec<u8> = (0..len).map(|j| b'a' + ((i + j) % 26) as u8).collect();
        let sealer = Sealer::new(hash("key"), scope);
        let record = sealer.seal(kind, Revision::try_from(i + 1).unwrap(), &doc, hash("random"));
        sum.update(record.as_bytes());
    }
    hex(&sum.finalize())
}

/// The name of an error, as the format gives it.
fn name(error: &OpenError) -> String {
    let debug = format!("{error:?}");
    debug.split('(').next().unwrap_or(&debug).to_owned()
}

/// Every key of a keyring, a line each: state, id, and the key itself.
fn list(keyring: &Keyring) -> String {
    let doc = keyring.encode();
    let mut text = String::new();
    for (entry, (id, state)) in doc.0[2..].chunks_exact(49).zip(keyring.entries()) {
        let state = format!("{state:?}").to_lowercase();
        text += &format!("{state} {id} {}\n", hex(&entry[17..]));
    }
    text
}

fn version() -> Scope {
    Scope::module("chat").and_then(|module| module.version("1.2.0")).unwrap()
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

    fn kind(&self, field: &str) -> Kind {
        match self.text(field) {
            "document" => Kind::Document,
            "tombstone" => Kind::Tombstone,
            "keyring" => Kind::Keyring,
            _ => Kind::Manifest,
        }
    }

    /// A scope of any kind, from its encoding.
    fn scope(&self, field: &str) -> Scope {
        let bytes = self.bytes(field);
        if let Ok(scope) = Scope::from_bytes(&bytes) {
            return scope;
        }
        let mut components = Vec::new();
        let mut rest = &bytes[1..];
        while let Some((len, more)) = rest.split_first_chunk() {
            let component;
            (component, rest) = more.split_at(usize::from(u16::from_be_bytes(*len)));
            components.push(component);
        }
        Scope::encode(bytes[0], &components)
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
        let keyring = Keyring::decode(&[&[0, 2], &ours[..], &theirs].concat(), 1).unwrap();
        assert!(keyring.entries().any(|(_, state)| state == KeyState::Primary));
        keyring
    }
}
