//! Cases that only a proof or a made-up payload reaches.

use crate::document::Document;
use crate::seal::derive::Material;
use crate::seal::format::TAG_ORIGIN;
use crate::seal::tests::{Sealer, document};
use crate::seal::{
    Header, KeyState, Keyring, KeyringError, Kind, OpenError, Revision, Scope, Unused,
};

#[test]
fn a_destroyed_key_opens_nothing_and_keeps_its_name() {
    let scope = Scope::module("m").unwrap();
    let secrets = Document::parse("A = 1").unwrap().validate().unwrap();
    let mut keyring = Keyring::from_bytes([1; 32]);
    let old = keyring.primary();
    let record = keyring.seal(&scope, Revision::FIRST, &secrets).unwrap();
    let new = keyring.add().unwrap();

    let error = keyring.destroy(Unused::of(old)).unwrap_err();
    assert!(matches!(error, KeyringError::NotDisabled(id) if id == old));
    keyring.promote(&new).unwrap();
    let error = keyring.destroy(Unused::of(old)).unwrap_err();
    assert!(matches!(error, KeyringError::NotDisabled(id) if id == old));
    keyring.disable(&old).unwrap();
    let error = keyring.destroy(Unused::of(new)).unwrap_err();
    assert!(matches!(error, KeyringError::NotDisabled(id) if id == new), "the proof names the key");
    let absent = Material::copy_of(&[9; 32]).key_id();
    let error = keyring.destroy(Unused::of(absent)).unwrap_err();
    assert!(matches!(error, KeyringError::Unknown(id) if id == absent));

    let snapshot = keyring.for_scope(&scope);
    keyring.destroy(Unused::of(old)).unwrap();
    assert_eq!(
        keyring.entries().collect::<Vec<_>>(),
        [(old, KeyState::Destroyed), (new, KeyState::Primary)]
    );
    let error = keyring.open(&scope, record.as_bytes()).unwrap_err();
    assert_eq!(error, OpenError::KeyDestroyed(old));
    let error = keyring.for_scope(&scope).open(record.as_bytes()).unwrap_err();
    assert_eq!(error, OpenError::KeyDestroyed(old));
    assert_eq!(snapshot.open(record.as_bytes()).unwrap_err(), OpenError::KeyDisabled(old));
    for refused in [
        keyring.promote(&old),
        keyring.enable(&old),
        keyring.disable(&old),
        keyring.destroy(Unused::of(old)),
    ] {
        assert!(matches!(refused, Err(KeyringError::Destroyed(id)) if id == old));
    }
    let again = Keyring::decode(&keyring.encode().0).unwrap();
    assert_eq!(again.entries().collect::<Vec<_>>(), keyring.entries().collect::<Vec<_>>());
}

#[test]
fn the_last_rewrap_is_the_last() {
    let scope = Scope::module("m").unwrap();
    let mut keyring = Keyring::from_bytes([1; 32]);
    let sealer = Sealer::new([1; 32], scope.as_bytes());
    let past = Sealer::new([1; 32], &scope.past(Revision::FIRST));
    let fields = document(b"A = 1").with(TAG_ORIGIN, &[9; 32][..]);
    let record = |rewraps| sealer.seal(Kind::Document, (1, rewraps), &fields, [2; 32]);
    let old = |rewraps| past.seal(Kind::PastDocument, (1, rewraps), &fields, [2; 32]);
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    let rewrapped = keyring.rewrap(&scope, &record(u32::MAX - 1)).unwrap().unwrap();
    assert_eq!(Header::parse(rewrapped.as_bytes()).unwrap().rewraps(), u32::MAX);
    let rewrapped = keyring.rewrap_past(&scope, Revision::FIRST, &old(u32::MAX - 1)).unwrap();
    assert_eq!(Header::parse(rewrapped.unwrap().as_bytes()).unwrap().rewraps(), u32::MAX);
    for error in [
        keyring.rewrap(&scope, &record(u32::MAX)).unwrap_err(),
        keyring.rewrap_past(&scope, Revision::FIRST, &old(u32::MAX)).unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "the record has the last revision, so no other can follow it"
        );
    }
    // Kept as a past revision, it is counted anew.
    let kept = keyring.seal_past(&scope, &record(u32::MAX)).unwrap();
    assert_eq!(Header::parse(kept.as_bytes()).unwrap().rewraps(), 0);
}

#[test]
fn an_authentic_text_that_is_not_a_document_has_no_secrets() {
    let scope = Scope::module("m").unwrap();
    let keyring = Keyring::from_bytes([1; 32]);
    let sealer = Sealer::new([1; 32], scope.as_bytes());
    let record = sealer.seal(Kind::Document, (1, 0), &document(b"A = "), [2; 32]);
    let opened = keyring.open(&scope, &record).unwrap();
    assert_eq!(opened.expose_text(), Some("A = "));
    assert_eq!(opened.into_secrets().unwrap_err(), OpenError::BadPayload);
}

#[test]
fn of_many_destroyed_keys_the_last_are_written() {
    let entry = |state: u8, i: u8| {
        let material = [i; 32];
        let id = *Material::copy_of(&material).key_id().as_bytes();
        let material = if state == 4 { [0; 32] } else { material };
        [&[state], &id[..], &material].concat()
    };
    // Other keys are between the destroyed ones, and stay where they are.
    let state = |i: u8| match i {
        3 => 1,
        5 | 140 => 2,
        _ => 4,
    };
    let entries: Vec<_> = (0..=255).map(|i| entry(state(i), i)).collect();
    let doc = [&256_u16.to_be_bytes()[..], &entries.concat()].concat();
    let keyring = Keyring::decode(&doc).unwrap();
    assert_eq!(keyring.entries().len(), 256, "a reader accepts any number");
    let again = Keyring::decode(&keyring.encode().0).unwrap();
    let destroyed = again.entries().filter(|(_, state)| *state == KeyState::Destroyed).count();
    assert_eq!((again.entries().len(), destroyed), (131, 128));
    let ids: Vec<_> = again.entries().map(|(id, _)| id).collect();
    let all: Vec<_> = keyring.entries().map(|(id, _)| id).collect();
    assert_eq!((ids[0], ids[1]), (all[3], all[5]));
    assert_eq!(ids[2..], all[127..]);
}
