//! The life of keys and records.

use secrets_toml::seal::{
    self, ContentError, KeyState, Keyring, KeyringError, Kind, MAX_KEYS, OpenError, Revision,
};

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
    let record = keyring.seal_tombstone(&scope, revision(2)).unwrap();
    let opened = keyring.open(&scope, record.as_bytes()).unwrap();
    assert!(opened.is_tombstone());
    assert_eq!(opened.expose_text(), None);
    let error = opened.into_secrets().unwrap_err();
    assert!(matches!(error, ContentError::Deleted));
    assert_eq!(error.to_string(), "the document was deleted");
}

#[test]
fn sealing_twice_gives_two_records() {
    let (keyring, scope) = (keyring(), version());
    let seal = || keyring.seal(&scope, Revision::FIRST, &secrets()).unwrap();
    let (first, second) = (seal(), seal());
    let commitment =
        |record: &seal::Record| *seal::inspect(record.as_bytes()).unwrap().commitment();
    assert_ne!(commitment(&first), commitment(&second));
    assert_ne!(first, second);
}

#[test]
fn the_size_tells_the_class_only() {
    let (keyring, scope) = (keyring(), version());
    for (len, size) in [(2, 1024), (1020, 1024), (1021, 2048), (2044, 2048), (2045, 4096)] {
        let text = format!("#{}", " ".repeat(len - 1));
        let secrets = secrets_toml::Document::parse(text).unwrap().validate().unwrap();
        let record = keyring.seal(&scope, Revision::FIRST, &secrets).unwrap();
        assert_eq!(record.as_bytes().len(), 100 + size + 16, "{len} bytes");
        assert_eq!(seal::inspect(record.as_bytes()).unwrap().len(), 100 + size + 16);
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
    assert_eq!(keyring.rewrap(&scope, before.as_bytes()), Ok(None));

    keyring.promote(&new).unwrap();
    assert_eq!(states(&keyring), [(old, KeyState::Active), (new, KeyState::Primary)]);
    assert!(keyring.open(&scope, before.as_bytes()).unwrap().is_stale());
    let after = keyring.rewrap(&scope, before.as_bytes()).unwrap().unwrap();
    let opened = keyring.open(&scope, after.as_bytes()).unwrap();
    assert_eq!((opened.revision(), opened.key_id()), (revision(2), new));
    assert_eq!(opened.expose_text(), Some(TEXT));
    assert_eq!(keyring.rewrap(&scope, after.as_bytes()), Ok(None));

    keyring.disable(&old).unwrap();
    let error = keyring.open(&scope, before.as_bytes()).unwrap_err();
    assert_eq!(error, OpenError::KeyDisabled(old));
    assert_eq!(keyring.rewrap(&scope, before.as_bytes()), Err(OpenError::KeyDisabled(old)));
    keyring.enable(&old).unwrap();
    assert!(keyring.open(&scope, before.as_bytes()).is_ok());
}

#[test]
fn a_rewrapped_tombstone_is_a_tombstone() {
    let (mut keyring, scope) = (keyring(), version());
    let record = keyring.seal_tombstone(&scope, revision(4)).unwrap();
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    let record = keyring.rewrap(&scope, record.as_bytes()).unwrap().unwrap();
    let header = seal::inspect(record.as_bytes()).unwrap();
    assert_eq!((header.kind(), header.revision()), (Kind::Tombstone, revision(5)));
    assert!(keyring.open(&scope, record.as_bytes()).unwrap().is_tombstone());
}

#[test]
fn only_the_record_of_this_scope_is_rewrapped() {
    let mut keyring = keyring();
    let record = keyring.seal(&install("acme"), revision(1), &secrets()).unwrap();
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    let refused = keyring.rewrap(&install("other"), record.as_bytes());
    assert_eq!(refused, Err(OpenError::Mismatch));
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
    for _ in 1..MAX_KEYS {
        keyring.add().unwrap();
    }
    let error = keyring.add().unwrap_err();
    assert_eq!(error, KeyringError::Full);
    assert_eq!(error.to_string(), "the keyring has 256 keys, which is as many as it holds");
    assert_eq!(keyring.entries().len(), 256);
}

#[test]
fn inspecting_shows_the_header_of_any_kind() {
    let keyring = keyring();
    let record = keyring.seal(&version(), revision(7), &secrets()).unwrap();
    let header = seal::inspect(record.as_bytes()).unwrap();
    assert_eq!((header.kind(), header.revision()), (Kind::Document, revision(7)));
    assert_eq!(header.key_id(), keyring.primary());
    assert_eq!(header.commitment()[..], record.as_bytes()[68..100]);
    assert_eq!(header.len(), 1140);
    assert_eq!(seal::inspect(TEXT.as_bytes()), Err(OpenError::NotARecord));
    let mut altered = record.into_bytes();
    altered[200] ^= 1;
    assert!(seal::inspect(&altered).is_ok(), "nothing of it is authenticated");
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
    ] {
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn revisions_are_1_to_2_to_the_63_less_1() {
    assert_eq!(Revision::new(0), None);
    assert_eq!(Revision::new(1), Some(Revision::FIRST));
    assert_eq!(Revision::FIRST.next(), Revision::new(2));
    assert_eq!(Revision::new(1 << 63), None);
    let last = Revision::new((1 << 63) - 1).unwrap();
    assert_eq!((last.next(), last.to_string()), (None, "9223372036854775807".to_owned()));
}

fn states(keyring: &Keyring) -> Vec<(seal::KeyId, KeyState)> {
    keyring.entries().collect()
}
