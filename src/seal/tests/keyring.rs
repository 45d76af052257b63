//! Cases that only a proof or a made-up payload reaches.

use crate::document::Document;
use crate::seal::derive::Material;
use crate::seal::{KeyState, Keyring, KeyringError, Kind, OpenError, Revision, Scope, Unused};

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
    let again = Keyring::decode(&keyring.encode().0, 5).unwrap();
    assert_eq!(again.entries().collect::<Vec<_>>(), keyring.entries().collect::<Vec<_>>());
}

#[test]
fn the_last_revision_is_not_rewrapped() {
    let scope = Scope::module("m").unwrap();
    let mut keyring = Keyring::from_bytes([1; 32]);
    let last = Revision::try_from(i64::MAX as u64).unwrap();
    let record = keyring.seal_with(Kind::Document, &scope, last, b"A = 1", &[2; 32].into());
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    let error = keyring.rewrap(&scope, record.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the record has the last revision, so no other can follow it");
}

#[test]
fn an_empty_scope_of_a_manifest_is_no_scope_of_a_document() {
    let manifest = Scope::encode(0x7E, &[]);
    let keyring = Keyring::from_bytes([1; 32]);
    let record =
        keyring.seal_with(Kind::Manifest, &manifest, Revision::FIRST, &[0; 40], &[2; 32].into());
    let error = keyring.open(&manifest, record.as_bytes()).unwrap_err();
    assert_eq!(error, OpenError::UnknownKind);
    assert!(Scope::from_bytes(manifest.as_bytes()).is_err());
}

#[test]
fn an_authentic_text_that_is_not_a_document_has_no_secrets() {
    let scope = Scope::module("m").unwrap();
    let keyring = Keyring::from_bytes([1; 32]);
    let random = &[2; 32].into();
    let record = keyring.seal_with(Kind::Document, &scope, Revision::FIRST, b"A = ", random);
    let opened = keyring.open(&scope, record.as_bytes()).unwrap();
    assert_eq!(opened.expose_text(), Some("A = "));
    assert_eq!(opened.into_secrets().unwrap_err(), OpenError::BadPayload);
}
