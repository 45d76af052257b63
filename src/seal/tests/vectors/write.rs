//! The generator of the vectors.

use std::collections::BTreeMap;
use std::fs;

use sha2::{Digest, Sha256};

use crate::seal::derive::Prf;
use crate::seal::fields::Fields;
use crate::seal::tests::vectors::{ACCUMULATED, FIELDS, TWO_KEYS, folder, keyring, read_all};
use crate::seal::tests::{Sealer, field, hex};
use crate::seal::{Kind, Revision, Scope};

pub(super) const KEY: [u8; 32] = [0x11; 32];
pub(super) const OTHER_KEY: [u8; 32] = [0x22; 32];
pub(super) const RANDOM: [u8; 32] = [0xA5; 32];
const ORIGIN: [u8; 32] = [0x0F; 32];
const TEXT: &[u8] = b"CLARIFAI_PAT = \"hunter2\"\n";
const TEMPLATE: &[u8] = b"CLARIFAI_PAT = \"\" # from the provider's page\n";
const TIME: [u8; 8] = 1_700_000_000_i64.to_be_bytes();

pub(super) type Files = BTreeMap<String, String>;

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

fn generate() -> Files {
    let mut files = Files::new();
    derive(&mut files);
    seal(&mut files);
    past(&mut files);
    reject(&mut files);
    payload(&mut files);
    keyring::generate(&mut files);
    transfer(&mut files);
    files
}

fn version() -> Scope {
    Scope::module("chat").and_then(|module| module.version("1.2.0")).unwrap()
}

fn document(text: &[u8]) -> Fields<'_> {
    Fields::default().with(1, text)
}

fn full() -> Fields<'static> {
    document(TEXT).with(2, TEMPLATE).with(3, "Ada Lovelace".as_bytes()).with(4, &TIME[..])
}

/// The lines of a vector that say what is sealed.
fn contents(kind: Kind, fields: &Fields<'_>) -> String {
    let kind = match kind {
        Kind::PastDocument => "past document".to_owned(),
        Kind::PastTombstone => "past tombstone".to_owned(),
        kind => format!("{kind:?}").to_lowercase(),
    };
    let held = (1_u8..).zip(FIELDS).filter_map(|(tag, name)| Some((name, fields.get(tag)?)));
    let held = held.map(|(name, bytes)| format!("{name} = \"{}\"\n", hex(bytes)));
    format!("kind = \"{kind}\"\n{}", held.collect::<String>())
}

fn derive(files: &mut Files) {
    let mut derive = |name: &str, note: &str, key: &[u8], label: &[u8], input: &[u8], len| {
        let mut output = [0; 32];
        Prf::new(key).mac(&[label, input], &mut output);
        let [key, label, input, output] = [key, label, input, &output[..len]].map(hex);
        let text = format!(
            "note = \"{note}\"\nkey = \"{key}\"\nlabel = \"{label}\"\ninput = \"{input}\"\n\
             output = \"{output}\"\n"
        );
        if let Some((_, printed)) = RFC_4231.iter().find(|(of, _)| *of == name) {
            assert_eq!(output, *printed, "{note}");
        }
        files.insert(format!("derive/{name}.toml"), text);
    };
    derive("rfc4231-1", "RFC 4231, test case 1", &[0x0B; 20], b"", b"Hi There", 32);
    let input = b"what do ya want for nothing?";
    derive("rfc4231-2", "RFC 4231, test case 2", b"Jefe", b"", input, 32);
    let input = b"Test Using Larger Than Block-Size Key - Hash Key First";
    derive("rfc4231-6", "RFC 4231, test case 6", &[0xAA; 131], b"", input, 32);

    let scope = version();
    derive("key-id", "the ID of a key", &KEY, b"secrets-toml/v1 key-id", b"", 16);
    let label = b"secrets-toml/v1 scope\0";
    derive("scope-key", "the key of a version", &KEY, label, scope.as_bytes(), 32);
    let past = scope.past(Revision::FIRST);
    derive("past-scope-key", "the key of a past revision", &KEY, label, &past, 32);
    derive("manifest-scope-key", "the key of manifests", &KEY, label, &[0x7E], 32);

    let sealer = Sealer::new(KEY, scope.as_bytes());
    let record = sealer.seal(Kind::Document, (1, 0), &document(TEXT), RANDOM);
    let material = sealer.material.scope_material(scope.as_bytes());
    let key = material.expose();
    let input = [&RANDOM, &record[..36], &field(1, TEXT)].concat();
    derive("salt", "the salt of seal/version", key, b"salt", &input, 32);
    derive("commitment", "the commitment of seal/version", key, b"commit", &record[..72], 32);
    let input = &record[72..104];
    derive("aead-key", "the cipher's key of seal/version", key, b"encrypt", input, 32);
}

/// The codes of RFC 4231, as they are printed there.
const RFC_4231: [(&str, &str); 3] = [
    ("rfc4231-1", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    ("rfc4231-2", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ("rfc4231-6", "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
];

fn seal(files: &mut Files) {
    let mut seal =
        |name: &str, note: &str, kind: Kind, scope: &[u8], at: (u64, u32), fields: &Fields<'_>| {
            let record = hex(&Sealer::new(KEY, scope).seal(kind, at, fields, RANDOM));
            let (key, random, scope, contents) =
                (hex(&KEY), hex(&RANDOM), hex(scope), contents(kind, fields));
            let (revision, rewraps) = at;
            let text = format!(
                "note = \"{note}\"\nkey = \"{key}\"\nrandom = \"{random}\"\nscope = \"{scope}\"\n\
             revision = {revision}\nrewraps = {rewraps}\n{contents}record = \"{record}\"\n"
            );
            files.insert(format!("seal/{name}.toml"), text);
        };
    let (module, install) = (Scope::module("chat").unwrap(), version().install("acme").unwrap());
    let (module, version, install) = (module.as_bytes(), version(), install.as_bytes());
    let version = version.as_bytes();
    let longest = Scope::module(&"m".repeat(255)).and_then(|scope| scope.version(&"v".repeat(255)));
    let longest = longest.and_then(|scope| scope.install(&"é".repeat(127))).unwrap();
    let (doc, tombstone) = (Kind::Document, Kind::Tombstone);
    let (text, none) = (&document(TEXT), &Fields::default());
    seal("module", "a document for a module", doc, module, (1, 0), text);
    seal("version", "a document for a version", doc, version, (1, 0), text);
    seal("install", "a document for an install", doc, install, (1, 0), text);
    let scope = longest.as_bytes();
    seal("longest-names", "components of 255 and 254 bytes", doc, scope, (1, 0), text);
    let empty = document(b"").with(2, &b""[..]);
    seal("empty", "a document and a template without a byte", doc, module, (1, 0), &empty);
    seal("all-fields", "every field of a document", doc, version, (3, 0), &full());
    let rewrapped = full().with(8, &ORIGIN[..]);
    seal("rewrapped", "rewrapped twice, with its origin", doc, version, (3, 2), &rewrapped);
    let last = (i64::MAX as u64, u32::MAX);
    seal("last-revision", "revision 2^63 - 1, rewrap 2^32 - 1", doc, version, last, &rewrapped);
    let note = "a plaintext of exactly 1024 bytes";
    seal("fills-1024", note, doc, module, (1, 0), &document(&[b'#'; 1019]));
    seal("pads-to-2048", "one byte more", doc, module, (1, 0), &document(&[b'#'; 1020]));
    let utf_8 = document("# é€😀".as_bytes()).with(3, "é€😀".as_bytes());
    seal("utf-8", "characters of 2, 3 and 4 bytes", doc, module, (1, 0), &utf_8);
    let early = document(TEXT).with(4, &[0xFF; 8][..]);
    seal("before-1970", "a time of -1, and no author", doc, module, (1, 0), &early);
    seal("tombstone", "a deleted document", tombstone, install, (2, 0), none);
    let by = none.with(3, &b"ada"[..]).with(4, &TIME[..]);
    seal("tombstone-by", "who deleted it, and when", tombstone, install, (2, 0), &by);
    let moved = by.with(8, &ORIGIN[..]);
    seal("tombstone-rewrapped", "rewrapped once", tombstone, install, (2, 1), &moved);
    let doc = [&[0, 1, 1][..], &Sealer::new(OTHER_KEY, b"").id()[..], &OTHER_KEY].concat();
    let scope = b"\x7D\0\x04test";
    let keys = none.with(5, doc.as_slice());
    seal("keyring", "the keys of a keyring", Kind::Keyring, scope, (1, 0), &keys);
    let scope = b"\x7C\0\x04test\0\x04host\0\x03raw";
    let ring_key = none.with(6, &OTHER_KEY[..]);
    seal("lock", "a ring key, under a lock's key", Kind::Lock, scope, (1, 0), &ring_key);
    let list = [&1_u64.to_be_bytes()[..], &Sha256::digest(b"a list")].concat();
    let list = none.with(7, list.as_slice());
    seal("manifest", "the end of a manifest", Kind::Manifest, b"\x7E", (1, 0), &list);
}

fn past(files: &mut Files) {
    let scope = version();
    let mut past = |name: &str, note: &str, kind: Kind, at: (u64, u32), fields: &Fields<'_>| {
        let present = Sealer::new(KEY, scope.as_bytes()).seal(kind, at, fields, RANDOM);
        let origin = fields.get(8).unwrap_or(&present[72..104]);
        let kept = fields.with(8, origin);
        let kind = Kind::of_content(kind == Kind::Document, true);
        let past = scope.past(Revision::try_from(at.0).unwrap());
        let record = hex(&Sealer::new(KEY, &past).seal(kind, (at.0, 0), &kept, RANDOM));
        let (key, random, contents) = (hex(&KEY), hex(&RANDOM), contents(kind, &kept));
        let (own, present, past) = (hex(scope.as_bytes()), hex(&present), hex(&past));
        let text = format!(
            "note = \"{note}\"\nkey = \"{key}\"\nrandom = \"{random}\"\npresent_scope = \"{own}\"\n\
             present = \"{present}\"\nscope = \"{past}\"\n{contents}record = \"{record}\"\n"
        );
        files.insert(format!("past/{name}.toml"), text);
    };
    past("document", "a document, and its past record", Kind::Document, (3, 0), &full());
    let moved = full().with(8, &ORIGIN[..]);
    past("rewrapped", "a rewrapped document: rewraps are 0", Kind::Document, (3, 2), &moved);
    let by = Fields::default().with(3, &b"ada"[..]);
    past("tombstone", "a tombstone, and its past record", Kind::Tombstone, (4, 0), &by);
}

/// Writes the vector of a record that is refused.
fn put(
    files: &mut Files,
    (name, note, error): (&str, &str, &str),
    (key, state): (&[u8], &str),
    scope: &[u8],
    record: &[u8],
) {
    let (key, scope, record) = (hex(key), hex(scope), hex(record));
    let text = format!(
        "note = \"{note}\"\nerror = \"{error}\"\nkey = \"{key}\"\nstate = \"{state}\"\n\
         scope = \"{scope}\"\nrecord = \"{record}\"\n"
    );
    let earlier = files.insert(format!("reject/{name}.toml"), text);
    assert!(earlier.is_none(), "{name}");
}

/// One fault in the form of a record, in its key or in its ciphertext.
fn reject(files: &mut Files) {
    let scope = version();
    let seal = |at| Sealer::new(KEY, scope.as_bytes()).seal(Kind::Document, at, &full(), RANDOM);
    let good = &seal((2, 0));
    let ours: (&[u8], &str) = (&KEY, "primary");
    let mut bytes = |name: &str, note: &str, error: &str, record: &[u8]| {
        put(files, (name, note, error), ours, scope.as_bytes(), record);
    };
    let also = |at: usize, new: &[u8], mut record: Vec<u8>| {
        record[at..at + new.len()].copy_from_slice(new);
        record
    };
    let with = |at: usize, new: &[u8]| also(at, new, good.clone());
    let flip = |at: usize| with(at, &[good[at] ^ 1]);
    let (last, longer) = (good.len() - 1, [&good[..], b"\0"].concat());
    bytes("empty", "no byte", "NotARecord", &[]);
    bytes("magic-cut", "3 bytes of the magic", "NotARecord", &good[..3]);
    bytes("magic", "another magic", "NotARecord", &flip(0));
    bytes("toml", "a text", "NotARecord", &TEXT.repeat(10));
    bytes("magic-alone", "nothing but the magic", "Truncated", &good[..4]);
    bytes("shortest", "one byte less than any record", "Truncated", &good[..119]);
    bytes("truncated", "the last byte is missing", "Truncated", &good[..last]);
    bytes("trailing", "one byte more", "TrailingBytes", &longer);
    bytes("version-0", "format version 0", "UnsupportedVersion", &with(4, &[0]));
    bytes("version-2", "format version 2", "UnsupportedVersion", &with(4, &[2]));
    bytes("suite-0", "no suite", "UnsupportedSuite", &with(5, &[0]));
    bytes("suite-2", "suite 2", "UnsupportedSuite", &with(5, &[2]));
    for kind in [0, 3, 4, 5, 6, 7, 8] {
        let note = format!("kind {kind}, which this scope does not have");
        bytes(&format!("kind-{kind}"), &note, "UnknownKind", &with(6, &[kind]));
    }
    bytes("kind-tombstone", "a document that says it is a tombstone", "Mismatch", &with(6, &[2]));
    bytes("reserved", "the reserved byte set", "Malformed", &with(7, &[1]));
    bytes("revision-0", "revision 0", "Malformed", &with(8, &[0; 8]));
    bytes("revision-2-63", "revision 2^63", "Malformed", &with(8, &(1_u64 << 63).to_be_bytes()));
    bytes("revision", "another revision", "Mismatch", &with(8, &1_u64.to_be_bytes()));
    bytes("rewraps", "a rewrap more", "Mismatch", &with(16, &1_u32.to_be_bytes()));
    bytes("body-15", "a body of 15 bytes", "Malformed", &with(68, &15_u32.to_be_bytes()));
    let longest = with(68, &2_097_169_u32.to_be_bytes());
    bytes("body-2097169", "a body over the limit", "Malformed", &longest);
    let longest = with(68, &2_097_168_u32.to_be_bytes());
    bytes("body-2097168", "the longest body, which is not there", "Truncated", &longest);
    bytes("salt", "a bit of the salt", "Mismatch", &flip(36));
    bytes("commitment", "a bit of the commitment", "Mismatch", &flip(72));
    bytes("ciphertext", "a bit of the ciphertext", "Tampered", &flip(104));
    bytes("tag", "a bit of the tag", "Tampered", &flip(last));
    let (first, second) = (seal((1, 0)), seal((2, 1)));
    let spliced = [&good[..104], &first[104..]].concat();
    bytes("ciphertext-of-another", "the body of another revision", "Tampered", &spliced);
    let spliced = [&good[..72], &second[72..]].concat();
    bytes("commitment-of-another", "commitment and body of a rewrap", "Mismatch", &spliced);

    // Two faults: the step that comes first names the error.
    let mut order = |name: &str, note: &str, error: &str, record: Vec<u8>| {
        bytes(&format!("order-{name}"), note, error, &record);
    };
    let short = also(4, &[2], good[..119].to_vec());
    order("length", "short, and version 2", "Truncated", short);
    order("version", "version 2 and suite 2", "UnsupportedVersion", with(4, &[2, 2]));
    order("suite", "suite 2 and kind 8", "UnsupportedSuite", with(5, &[2, 8]));
    order("kind", "kind 8 and the reserved byte", "UnknownKind", with(6, &[8, 1]));
    let record = also(7, &[1], longer.clone());
    order("reserved", "the reserved byte and a byte more", "Malformed", record);
    order("trailing", "a byte more and another key", "TrailingBytes", also(20, &[0], longer));
    order("key", "another key and another salt", "UnknownKey", also(36, &[0], with(20, &[0])));
    order("commitment", "another salt and another tag", "Mismatch", also(36, &[0], flip(last)));

    let (own, other) = (scope.as_bytes(), version().install("acme").unwrap());
    let mut reject = |name: &str, note: &str, error: &str, key, scope: &[u8], record: &[u8]| {
        put(files, (name, note, error), key, scope, record);
    };
    let note = "a record of another scope";
    reject("other-scope", note, "Mismatch", ours, other.as_bytes(), good);
    let note = "a key that is not in the keyring";
    reject("unknown-key", note, "UnknownKey", (&OTHER_KEY, "primary"), own, good);
    reject("disabled", "a disabled key", "KeyDisabled", (&KEY, "disabled"), own, good);
    reject("destroyed", "a destroyed key", "KeyDestroyed", (&KEY, "destroyed"), own, good);

    // The past in the present's place, and the reverse.
    let past = scope.past(Revision::try_from(2).unwrap());
    let fields = full().with(8, &ORIGIN[..]);
    let kept = Sealer::new(KEY, &past).seal(Kind::PastDocument, (2, 0), &fields, RANDOM);
    let note = "a past record in the present's place";
    reject("past-as-present", note, "UnknownKind", ours, own, &kept);
    let note = "the same with its kind altered";
    reject("past-as-present-altered", note, "Mismatch", ours, own, &also(6, &[1], kept.clone()));
    let note = "a present record in the past's place";
    reject("present-as-past", note, "UnknownKind", ours, &past, good);
    let note = "the same with its kind altered";
    reject("present-as-past-altered", note, "Mismatch", ours, &past, &with(6, &[3]));
    let third = scope.past(Revision::try_from(3).unwrap());
    let note = "a past record of another revision";
    reject("past-of-another", note, "Mismatch", ours, &third, &kept);
    let numbered = Sealer::new(KEY, &third).seal(Kind::PastDocument, (2, 0), &fields, RANDOM);
    let note = "a past record whose revision is not its scope's, sealed so";
    reject("past-revision", note, "Mismatch", ours, &third, &numbered);
}

/// Authentic records of a writer that breaks the rules of fields.
fn payload(files: &mut Files) {
    let scope = version();
    let past = scope.past(Revision::try_from(2).unwrap());
    let base = |kind, rewraps| {
        let of = if Kind::PAST.contains(&kind) { &past[..] } else { scope.as_bytes() };
        let sealer = Sealer::new(KEY, of);
        let record = sealer.seal(kind, (2, rewraps), &Fields::default(), RANDOM);
        (sealer, record)
    };
    let mut bad = |name: &str, note: &str, kind: Kind, rewraps: u32, parts: &[&[u8]]| {
        let (sealer, record) = base(kind, rewraps);
        let record = sealer.reseal(&record, parts.concat());
        let key = (&KEY[..], "primary");
        put(files, (&format!("field-{name}"), note, "BadPayload"), key, &sealer.scope, &record);
    };
    let (doc, tombstone, past) = (Kind::Document, Kind::Tombstone, Kind::PastDocument);
    let text = &field(1, b"A = 1")[..];
    let (template, author) = (&field(2, b"A = ''")[..], &field(3, b"ada")[..]);
    let (time, origin) = (&field(4, &TIME)[..], &field(8, &ORIGIN)[..]);
    bad("unknown-9", "tag 09", doc, 0, &[text, &field(9, b"")]);
    bad("unknown-255", "tag FF", doc, 0, &[text, &field(255, b"")]);
    bad("twice", "a document twice", doc, 0, &[text, text]);
    bad("template-twice", "a template twice", doc, 0, &[text, template, template]);
    bad("order", "a template before the document", doc, 0, &[template, text]);
    bad("order-time", "a time before the author", doc, 0, &[text, time, author]);
    bad("missing-document", "no document", doc, 0, &[template, author]);
    bad("nothing", "padding alone, in a document", doc, 0, &[&[0; 8]]);
    bad("document-in-tombstone", "a tombstone with a text", tombstone, 0, &[text]);
    bad("template-in-tombstone", "a tombstone with a template", tombstone, 0, &[template]);
    bad("keyring-in-document", "a keyring in a document", doc, 0, &[text, &field(5, b"\0\0")]);
    let ring_key = &field(6, &KEY);
    bad("ring-key-in-document", "a ring key in a document", doc, 0, &[text, ring_key]);
    bad("manifest-in-tombstone", "a manifest", tombstone, 0, &[&field(7, &[0; 40])]);
    bad("origin", "an origin without a rewrap", doc, 0, &[text, origin]);
    bad("no-origin", "a rewrap without its origin", doc, 1, &[text]);
    bad("no-origin-tombstone", "a rewrap without its origin", tombstone, 1, &[]);
    bad("no-origin-past", "a past record without its origin", past, 0, &[text]);
    bad("origin-31", "an origin of 31 bytes", doc, 1, &[text, &field(8, &[1; 31])]);
    bad("origin-33", "an origin of 33 bytes", past, 0, &[text, &field(8, &[1; 33])]);
    bad("length", "a length past the end", doc, 0, &[&[1, 0, 0, 0, 9], b"A = 1234"]);
    bad("length-max", "the greatest length", doc, 0, &[&[1, 255, 255, 255, 255], b"A = 1"]);
    bad("length-cut", "three bytes of a length", doc, 0, &[text, &[2, 0, 0, 0]]);
    bad("tag-alone", "a tag, and nothing after it", doc, 0, &[text, &[2]]);
    bad("padding", "padding that is not zero", doc, 0, &[text, b"\0\0\x01"]);
    let note = "padding of two bytes that cancel each other out";
    bad("padding-pair", note, doc, 0, &[text, b"\0\x01\x01"]);
    bad("after-padding", "a field after the padding", doc, 0, &[text, b"\0", template]);
    bad("utf-8", "a text that is not UTF-8", doc, 0, &[&field(1, b"A = \xFF")]);
    bad("template-utf-8", "a template that is not UTF-8", doc, 0, &[text, &field(2, b"\xFF")]);
    for (name, note, author) in [
        ("author-utf-8", "an author that is not UTF-8", &b"\xFF"[..]),
        ("author-empty", "an author without a byte", b""),
        ("author-256", "an author of 256 bytes", &[b'a'; 256]),
        ("author-control", "an author with a control character", b"a\x1Bb"),
        ("author-space", "an author with white space at its end", b"ada "),
    ] {
        bad(name, note, doc, 0, &[text, &field(3, author)]);
    }
    bad("time-7", "a time of 7 bytes", doc, 0, &[text, &field(4, &[0; 7])]);
    bad("time-9", "a time of 9 bytes", tombstone, 0, &[&field(4, &[0; 9])]);
}

/// Exports, and a manifest, put together after the format alone.
fn transfer(files: &mut Files) {
    let install = version().install("acme").unwrap();
    let moved = document(b"A = 1\n").with(8, &ORIGIN[..]);
    let tombstone = Fields::default();
    let module = Scope::module("chat").unwrap();
    let present = [
        (module.as_bytes(), Kind::Document, (1, 0), document(TEXT)),
        (version().as_bytes(), Kind::Tombstone, (2, 0), tombstone),
        (install.as_bytes(), Kind::Document, (i64::MAX as u64, 1), moved),
    ]
    .map(|(scope, kind, at, fields)| {
        let record = Sealer::new(KEY, scope).seal(kind, at, &fields, RANDOM);
        let origin = fields.get(8).unwrap_or(&record[72..104]).to_vec();
        (scope.to_vec(), record, at.0, origin)
    });
    let mut list = Vec::new();
    for (scope, _, revision, origin) in &present {
        let len = (scope.len() as u16).to_be_bytes();
        list.extend([&len, &scope[..], &revision.to_be_bytes(), origin].concat());
    }
    let field = [&3_u64.to_be_bytes()[..], &Sha256::digest(&list)].concat();
    let field = Fields::default().with(7, field.as_slice());
    let end = Sealer::new(KEY, b"\x7E").seal(Kind::Manifest, (7, 0), &field, RANDOM);
    let len = (end.len() as u32).to_be_bytes();
    let manifest = hex(&[b"\x89SLM\x01", &list[..], &[0, 0], &len, &end].concat());

    let mut write = |name: &str, note: &str, rows: &[(Vec<u8>, Vec<u8>)]| {
        let mut export = b"\x89SLX\x01".to_vec();
        for (scope, record) in rows {
            let len = (scope.len() as u16).to_be_bytes();
            let record_len = (record.len() as u32).to_be_bytes();
            export.extend([&len, &scope[..], &record_len, record].concat());
        }
        export.extend([0, 0]);
        export.extend((rows.len() as u64).to_be_bytes());
        let (key, random, export) = (hex(&KEY), hex(&RANDOM), hex(&export));
        let text = format!(
            "note = \"{note}\"\nkey = \"{key}\"\nrandom = \"{random}\"\nrevision = 7\n\
             export = \"{export}\"\nmanifest = \"{manifest}\"\n"
        );
        files.insert(format!("transfer/{name}.toml"), text);
    };
    let mut rows: Vec<_> =
        present.iter().map(|(scope, record, ..)| (scope.clone(), record.clone())).collect();
    write("three-records", "a document, a tombstone and a rewrapped document", &rows);
    let scope = version().past(Revision::FIRST);
    let fields = document(TEXT).with(8, &ORIGIN[..]);
    let past = Sealer::new(KEY, &scope).seal(Kind::PastDocument, (1, 0), &fields, RANDOM);
    let text = keyring::one().into_bytes();
    let row = [&b"\x89SLK\x01"[..], &[0; 67], &Sha256::digest(&text), &text].concat();
    rows.extend([(scope, past), (vec![0x7D], row)]);
    write("all-rows", "the same, a past revision, and the row of a keyring", &rows);
}

/// The SHA-256 of records that a counter makes: keys, scopes, kinds, lengths and revisions vary.
pub(super) fn accumulate(count: u64) -> String {
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
        let letters = |len| (0..len).map(|j| b'a' + ((i + j) % 26) as u8).collect::<Vec<u8>>();
        let (doc, template) = (letters(i * 37 % 3000), letters(i * 11 % 500));
        let (author, time, origin) = (letters(i % 20), i.to_be_bytes(), hash("origin"));
        let is_document = i % 10 < 9;
        let is_past = i % 4 == 3;
        let rewraps = (i % 3) as u32;
        let mut fields = Fields::default();
        if is_document {
            fields = fields.with(1, doc.as_slice());
            fields = fields.with(2, (i % 2 == 0).then_some(template.as_slice()));
        }
        fields = fields.with(3, (!author.is_empty()).then_some(author.as_slice()));
        fields = fields.with(4, (i % 5 > 0).then_some(time.as_slice()));
        fields = fields.with(8, (is_past || rewraps > 0).then_some(origin.as_slice()));
        let revision = Revision::try_from(i + 1).unwrap();
        let scope = if is_past { scope.past(revision) } else { scope.as_bytes().to_vec() };
        let kind = Kind::of_content(is_document, is_past);
        let sealer = Sealer::new(hash("key"), &scope);
        sum.update(sealer.seal(kind, (i + 1, rewraps), &fields, hash("random")));
    }
    hex(&sum.finalize())
}
