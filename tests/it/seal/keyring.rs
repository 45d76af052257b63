//! The life of keys and records.

use secrets_toml::seal::{
    By, Contents, Header, KeyId, KeyState, Keyring, KeyringError, Kind, OpenError, Record,
    Revision, Scope, Unused,
};
use secrets_toml::{MAX_TEMPLATE_LEN, Template};

use crate::seal::{TEXT, install, keyring, revision, secrets, version};

#[test]
fn a_document_comes_back_byte_for_byte() {
    let (keyring, scope) = (keyring(), version());
    let record = keyring.seal(&scope, revision(3), &secrets()).unwrap();
    let opened = keyring.open(&scope, record.as_bytes()).unwrap();
    assert_eq!(opened.expose_text(), Some(TEXT));
    assert_eq!((opened.revision(), opened.key_id()), (revision(3), keyring.primary()));
    assert!(!opened.is_stale() && !opened.is_tombstone());
    assert_eq!(opened.into_secrets().unwrap().expose_text(), TEXT);
}

#[test]
fn a_tombstone_has_no_secrets() {
    let (keyring, scope) = (keyring(), version());
    let record = keyring.seal_tombstone(&scope, revision(2), None).unwrap();
    let opened = keyring.open(&scope, record.as_bytes()).unwrap();
    assert!(opened.is_tombstone());
    assert_eq!(opened.expose_text(), None);
    let error = opened.into_secrets().unwrap_err();
    assert_eq!(error, OpenError::Deleted);
    assert_eq!(error.to_string(), "the document was deleted");
}

#[test]
fn sealing_twice_gives_two_records() {
    let (keyring, scope) = (keyring(), version());
    let seal = || keyring.seal(&scope, Revision::FIRST, &secrets()).unwrap();
    let (first, second) = (seal(), seal());
    let commitment = |record: &Record| *Header::parse(record.as_bytes()).unwrap().commitment();
    assert_ne!(commitment(&first), commitment(&second));
    assert_ne!(first, second);
}

#[test]
fn the_size_tells_the_class_only() {
    let (keyring, scope) = (keyring(), version());
    for (len, size) in [(2, 1024), (1019, 1024), (1020, 2048), (2043, 2048), (2044, 4096)] {
        let text = format!("#{}", " ".repeat(len - 1));
        let secrets = secrets_toml::Document::parse(text).unwrap().validate().unwrap();
        let record = keyring.seal(&scope, Revision::FIRST, &secrets).unwrap();
        assert_eq!(record.as_bytes().len(), 104 + size + 16, "{len} bytes");
        assert_eq!(Header::parse(record.as_bytes()).unwrap().len(), 104 + size + 16);
    }
}

#[test]
fn a_rotation_loses_nothing() {
    let (mut keyring, scope) = (keyring(), version());
    let old = keyring.primary();
    let before = keyring.seal(&scope, revision(1), &secrets()).unwrap();

    let new = keyring.add().unwrap();
    assert_eq!(states(&keyring), [(old, KeyState::Primary), (new, KeyState::Active)]);
    assert!(!keyring.open(&scope, before.as_bytes()).unwrap().is_stale());
    assert!(keyring.rewrap(&scope, before.as_bytes()).unwrap().is_none());

    keyring.promote(&new).unwrap();
    assert_eq!(states(&keyring), [(old, KeyState::Active), (new, KeyState::Primary)]);
    assert!(keyring.open(&scope, before.as_bytes()).unwrap().is_stale());
    let after = keyring.rewrap(&scope, before.as_bytes()).unwrap().unwrap();
    let opened = keyring.open(&scope, after.as_bytes()).unwrap();
    assert_eq!((opened.revision(), opened.rewraps()), (revision(1), 1), "the revision stays");
    assert_eq!(opened.key_id(), new);
    let first = Header::parse(before.as_bytes()).unwrap();
    assert_eq!(opened.origin(), first.commitment());
    assert_eq!(opened.expose_text(), Some(TEXT));
    assert!(keyring.rewrap(&scope, after.as_bytes()).unwrap().is_none());

    keyring.disable(&old).unwrap();
    let error = keyring.open(&scope, before.as_bytes()).unwrap_err();
    assert_eq!(error, OpenError::KeyDisabled(old));
    let error = keyring.rewrap(&scope, before.as_bytes()).unwrap_err();
    assert!(matches!(error, KeyringError::Open(OpenError::KeyDisabled(id)) if id == old));
    keyring.enable(&old).unwrap();
    assert!(keyring.open(&scope, before.as_bytes()).is_ok());
}

#[test]
fn a_rewrapped_tombstone_is_a_tombstone() {
    let (mut keyring, scope) = (keyring(), version());
    let record = keyring.seal_tombstone(&scope, revision(4), None).unwrap();
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    let record = keyring.rewrap(&scope, record.as_bytes()).unwrap().unwrap();
    let header = Header::parse(record.as_bytes()).unwrap();
    assert_eq!((header.kind(), header.revision()), (Kind::Tombstone, revision(4)));
    assert_eq!(header.rewraps(), 1);
    assert!(keyring.open(&scope, record.as_bytes()).unwrap().is_tombstone());
}

#[test]
fn a_content_comes_back_and_a_rewrap_keeps_it() {
    let (mut keyring, scope) = (keyring(), version());
    let template = Template::parse("CLARIFAI_PAT = '' # the token").unwrap();
    let secrets = secrets();
    let by = By::author("Ada Lovelace <ada@example.org>").unwrap().time(-1);
    let contents = Contents::new(&secrets).template(&template).by(by);
    assert_eq!(format!("{contents:?}").matches("Ada").count(), 0);
    let mut record = keyring.seal(&scope, revision(3), contents).unwrap();
    let origin = *Header::parse(record.as_bytes()).unwrap().commitment();
    let mut past = keyring.seal_past(&scope, record.as_bytes()).unwrap();
    for rewraps in 0..3 {
        let present = keyring.open(&scope, record.as_bytes()).unwrap();
        let kept = keyring.open_past(&scope, revision(3), past.as_bytes()).unwrap();
        for opened in [present, kept] {
            assert_eq!((opened.revision(), opened.rewraps()), (revision(3), rewraps));
            assert_eq!(opened.origin(), &origin);
            assert_eq!(
                (opened.expose_text(), opened.template()),
                (Some(TEXT), Some(template.text()))
            );
            assert_eq!(opened.author(), Some("Ada Lovelace <ada@example.org>"));
            assert_eq!(opened.time(), Some(-1));
        }
        let kept = keyring.seal_past(&scope, record.as_bytes()).unwrap();
        let kept = keyring.open_past(&scope, revision(3), kept.as_bytes()).unwrap();
        assert_eq!((kept.rewraps(), kept.origin()), (0, &origin), "it is counted anew");
        assert!(keyring.rewrap_past(&scope, revision(3), past.as_bytes()).unwrap().is_none());
        let new = keyring.add().unwrap();
        keyring.promote(&new).unwrap();
        record = keyring.rewrap(&scope, record.as_bytes()).unwrap().unwrap();
        past = keyring.rewrap_past(&scope, revision(3), past.as_bytes()).unwrap().unwrap();
    }
    let other = keyring.seal(&scope, revision(3), &secrets).unwrap();
    let opened = keyring.open(&scope, other.as_bytes()).unwrap();
    assert_ne!(opened.origin(), &origin, "another write of the same revision");
    assert_eq!((opened.template(), opened.author(), opened.time()), (None, None, None));
}

#[test]
fn a_tombstone_says_who_deleted() {
    let (keyring, scope) = (keyring(), version());
    let by = By::author("ada").unwrap();
    let record = keyring.seal_tombstone(&scope, revision(2), by).unwrap();
    let opened = keyring.open(&scope, record.as_bytes()).unwrap();
    assert_eq!((opened.author(), opened.time()), (Some("ada"), None));
    assert_eq!(opened.template(), None);
}

#[test]
fn an_author_is_named_by_the_rules_of_a_component() {
    for (name, message) in [
        ("", "the author is empty"),
        (&"a".repeat(256), "the author has 256 bytes; at most 255 are allowed"),
        ("a\u{1b}b", "the author has a control character"),
        ("ada ", "the author has white space at its start or end"),
    ] {
        assert_eq!(By::author(name).unwrap_err().to_string(), message);
    }
    assert!(By::author(&"a".repeat(255)).is_ok());
    assert_eq!(format!("{:?}", By::author("ada").unwrap()), "By { author: true, time: false }");
}

#[test]
fn the_longest_template_fits() {
    let (keyring, scope, secrets) = (keyring(), version(), secrets());
    let template = Template::parse(&"#".repeat(MAX_TEMPLATE_LEN)).unwrap();
    let contents = Contents::new(&secrets).template(&template);
    let record = keyring.seal(&scope, revision(1), contents).unwrap();
    let opened = keyring.open(&scope, record.as_bytes()).unwrap();
    assert_eq!(opened.template(), Some(template.text()));
}

#[test]
fn only_the_record_of_this_scope_is_rewrapped() {
    let mut keyring = keyring();
    let record = keyring.seal(&install("acme"), revision(1), &secrets()).unwrap();
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    let error = keyring.rewrap(&install("other"), record.as_bytes()).unwrap_err();
    assert!(matches!(error, KeyringError::Open(OpenError::Mismatch)));
}

#[test]
fn a_scope_s_keyring_is_a_snapshot_of_one_scope() {
    let mut keyring = keyring();
    let ours = keyring.for_scope(&install("acme"));
    let seal = |keyring: &Keyring, name| {
        keyring.seal(&install(name), revision(1), &secrets()).unwrap().into_bytes()
    };
    let (acme, other) = (seal(&keyring, "acme"), seal(&keyring, "other"));
    assert_eq!(ours.scope(), &install("acme"));
    assert_eq!(ours.open(&acme).unwrap().expose_text(), Some(TEXT));
    assert_eq!(ours.open(&other).unwrap_err(), OpenError::Mismatch);

    let old = keyring.primary();
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    keyring.disable(&old).unwrap();
    assert!(!ours.open(&acme).unwrap().is_stale(), "the snapshot knows nothing of that");
    let later = seal(&keyring, "acme");
    assert_eq!(ours.open(&later).unwrap_err(), OpenError::UnknownKey(new));
    let ours = keyring.for_scope(&install("acme"));
    assert_eq!(ours.open(&acme).unwrap_err(), OpenError::KeyDisabled(old));
    assert!(ours.open(&later).is_ok());
}

#[test]
fn keys_change_states_by_the_rules() {
    let mut keyring = keyring();
    let first = keyring.primary();
    let second = keyring.add().unwrap();
    let other = Keyring::from_bytes([9; 32]).primary();
    let unknown = format!("key {other} is not in the keyring");
    for error in [keyring.promote(&other), keyring.disable(&other), keyring.enable(&other)] {
        assert_eq!(error.unwrap_err().to_string(), unknown);
    }
    let error = keyring.disable(&first).unwrap_err();
    assert_eq!(error.to_string(), format!("key {first} is the primary one: promote another first"));
    keyring.disable(&second).unwrap();
    keyring.disable(&second).unwrap();
    let error = keyring.promote(&second).unwrap_err();
    assert_eq!(error.to_string(), format!("key {second} is disabled: enable it first"));
    assert_eq!(states(&keyring), [(first, KeyState::Primary), (second, KeyState::Disabled)]);
    keyring.enable(&second).unwrap();
    keyring.enable(&second).unwrap();
    keyring.enable(&first).unwrap();
    keyring.promote(&first).unwrap();
    assert_eq!(states(&keyring), [(first, KeyState::Primary), (second, KeyState::Active)]);
}

#[test]
fn a_keyring_is_full_at_its_limit() {
    let mut keyring = keyring();
    for _ in 1..256 {
        keyring.add().unwrap();
    }
    let error = keyring.add().unwrap_err();
    assert!(matches!(error, KeyringError::Full));
    assert_eq!(error.to_string(), "the keyring has 256 keys, which is the most it can hold");
    assert_eq!(keyring.entries().len(), 256);
}

/// A keyring with two keys, of which the first is disabled, and a record under each.
struct Rotated {
    keyring: Keyring,
    old: KeyId,
    new: KeyId,
    before: Record,
    after: Record,
}

fn rotated() -> Rotated {
    let mut keyring = keyring();
    let old = keyring.primary();
    let before = keyring.seal(&version(), revision(1), &secrets()).unwrap();
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    let after = keyring.rewrap(&version(), before.as_bytes()).unwrap().unwrap();
    keyring.disable(&old).unwrap();
    Rotated { keyring, old, new, before, after }
}

#[test]
fn a_key_that_no_record_needs_is_destroyed_by_its_proof() {
    let Rotated { mut keyring, old, new, after, .. } = rotated();
    let tombstone = keyring.seal_tombstone(&install("acme"), revision(1), None).unwrap();
    let records = [(version(), after.as_bytes()), (install("acme"), tombstone.as_bytes())];
    let unused: Unused = keyring.prove_unused(&old, records).unwrap();
    assert_eq!(unused.key_id(), old);
    keyring.destroy(unused).unwrap();
    assert_eq!(states(&keyring), [(old, KeyState::Destroyed), (new, KeyState::Primary)]);
    assert!(keyring.open(&version(), after.as_bytes()).is_ok());
}

#[test]
fn a_record_that_does_not_open_is_no_proof() {
    let Rotated { keyring, old, before, after, .. } = rotated();
    let mut altered = after.as_bytes().to_vec();
    altered[200] ^= 1;
    let strange = Keyring::from_bytes([9; 32]);
    let theirs = strange.seal(&version(), revision(1), &secrets()).unwrap();
    for (scope, record, expected) in [
        (version(), before.as_bytes(), OpenError::KeyDisabled(old)),
        (install("acme"), after.as_bytes(), OpenError::Mismatch),
        (version(), &altered, OpenError::Tampered),
        (version(), &after.as_bytes()[..1000], OpenError::Truncated),
        (version(), b"", OpenError::NotARecord),
        (version(), theirs.as_bytes(), OpenError::UnknownKey(strange.primary())),
    ] {
        // It is the last of several, and they are read up to the first that fails.
        let records = [(version(), after.as_bytes()), (scope, record)];
        let error = keyring.prove_unused(&old, records).unwrap_err();
        assert!(matches!(&error, KeyringError::Open(found) if *found == expected), "{error}");
    }
}

#[test]
fn only_a_disabled_key_is_proven_unused() {
    let Rotated { mut keyring, old, new, after, .. } = rotated();
    let prove = |keyring: &Keyring, id| keyring.prove_unused(id, [(version(), after.as_bytes())]);
    let absent = Keyring::from_bytes([9; 32]).primary();
    let error = prove(&keyring, &absent).unwrap_err();
    assert!(matches!(error, KeyringError::Unknown(id) if id == absent));
    let error = prove(&keyring, &new).unwrap_err();
    assert!(matches!(error, KeyringError::NotDisabled(id) if id == new), "it is primary");
    keyring.enable(&old).unwrap();
    let error = prove(&keyring, &old).unwrap_err();
    assert!(matches!(error, KeyringError::NotDisabled(id) if id == old), "it is active");
    keyring.disable(&old).unwrap();
    let proof = prove(&keyring, &old).unwrap();

    // A proof that is kept is checked again when it is used.
    keyring.enable(&old).unwrap();
    let error = keyring.destroy(proof).unwrap_err();
    assert!(matches!(error, KeyringError::NotDisabled(id) if id == old));
    keyring.disable(&old).unwrap();
    keyring.destroy(prove(&keyring, &old).unwrap()).unwrap();
    let error = prove(&keyring, &old).unwrap_err();
    assert!(matches!(error, KeyringError::Destroyed(id) if id == old));
}

#[test]
fn a_proof_takes_any_form_of_records() {
    let Rotated { keyring, old, after, .. } = rotated();
    let scope = version();
    assert!(keyring.prove_unused(&old, [(&scope, &after)]).is_ok());
    assert!(keyring.prove_unused(&old, vec![(scope, after.into_bytes())]).is_ok());
    let stored = std::collections::BTreeMap::<Scope, Vec<u8>>::new();
    assert!(keyring.prove_unused(&old, &stored).is_ok(), "a host may have no records");
}

#[test]
fn an_id_is_read_as_it_is_shown() {
    let id = keyring().primary();
    let text = id.to_string();
    assert_eq!(text.parse::<KeyId>().unwrap(), id);
    assert_eq!(text.to_uppercase().parse::<KeyId>().unwrap(), id);
    let last = "f".repeat(31);
    for bad in [
        "",
        &text[1..],
        &format!("{text}0"),
        &format!("0x{}", &text[2..]),
        &format!("+{}", &text[1..]),
        &format!(" {}", &text[1..]),
        &format!("{last}g"),
        &format!("{}é", &last[1..]),
        &"\u{ff11}".repeat(32),
    ] {
        let error = bad.parse::<KeyId>().unwrap_err();
        assert!(matches!(error, KeyringError::MalformedId), "{bad}");
        assert_eq!(error.to_string(), "a key ID consists of 32 hexadecimal digits");
    }
}

#[test]
fn a_header_is_read_without_a_key() {
    let keyring = keyring();
    let record = keyring.seal(&version(), revision(7), &secrets()).unwrap();
    let header = Header::parse(record.as_bytes()).unwrap();
    assert_eq!((header.kind(), header.revision()), (Kind::Document, revision(7)));
    assert_eq!(header.rewraps(), 0);
    assert_eq!(header.key_id(), keyring.primary());
    assert_eq!(header.commitment()[..], record.as_bytes()[72..104]);
    assert_eq!(header.len(), 1144);
    assert_eq!(Header::parse(TEXT.as_bytes()), Err(OpenError::NotARecord));
    let mut altered = record.into_bytes();
    altered[200] ^= 1;
    assert!(Header::parse(&altered).is_ok(), "nothing of it is authenticated");
}

#[test]
fn errors_say_what_failed() {
    let id = keyring().primary();
    let name = id.to_string();
    assert_eq!(
        (name.len(), &name[..8]),
        (32, &format!("{:02x?}", &id.as_bytes()[..4]).replace(['[', ']', ',', ' '], "")[..])
    );
    for (error, message) in [
        (OpenError::NotARecord, "these bytes are not a sealed record".to_owned()),
        (OpenError::Truncated, "the record is cut off".to_owned()),
        (
            OpenError::UnsupportedVersion,
            "the record has a format version that this library does not know".to_owned(),
        ),
        (
            OpenError::UnsupportedSuite,
            "the record has a cipher suite that this library does not know".to_owned(),
        ),
        (
            OpenError::UnknownKind,
            "the record holds another kind of content than is opened here".to_owned(),
        ),
        (OpenError::Malformed, "the record's header is malformed".to_owned()),
        (OpenError::TrailingBytes, "the record is followed by further bytes".to_owned()),
        (
            OpenError::UnknownKey(id),
            format!("the record is under key {name}, which is not in the keyring"),
        ),
        (OpenError::KeyDisabled(id), format!("the record is under key {name}, which is disabled")),
        (
            OpenError::KeyDestroyed(id),
            format!("the record is under key {name}, which was destroyed"),
        ),
        (
            OpenError::Mismatch,
            "the record belongs to another scope, or its header was altered".to_owned(),
        ),
        (OpenError::Tampered, "the record's content was altered".to_owned()),
        (OpenError::BadPayload, "the record was opened, and what it holds is malformed".to_owned()),
        (OpenError::Deleted, "the document was deleted".to_owned()),
    ] {
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn revisions_are_1_to_2_to_the_63_less_1() {
    assert_eq!(Revision::try_from(1), Ok(Revision::FIRST));
    assert_eq!(Revision::FIRST.next(), Revision::try_from(2).ok());
    for number in [0, 1 << 63, u64::MAX] {
        let _: std::num::TryFromIntError = Revision::try_from(number).unwrap_err();
    }
    let last = Revision::try_from((1 << 63) - 1).unwrap();
    assert_eq!((last.next(), last.to_string()), (None, "9223372036854775807".to_owned()));
}

fn states(keyring: &Keyring) -> Vec<(KeyId, KeyState)> {
    keyring.entries().collect()
}
