//! What only a proof or a made-up payload can reach.

use crate::document::Document;
use crate::seal::derive::Material;
use crate::seal::keyring::{KeyState, Keyring, KeyringError, Unused};
use crate::seal::record::{Kind, OpenError, Revision};
use crate::seal::scope::Scope;

#[test]
fn a_destroyed_key_opens_nothing_and_keeps_its_name() {
    let scope = Scope::module("m").unwrap();
    let secrets = Document::parse("A = 1").unwrap().validate().unwrap();
    let mut keyring = Keyring::from_bytes([1; 32]);
    let old = keyring.primary();
    let record = keyring.seal(&scope, Revision::FIRST, &secrets).unwrap();
    let new = keyring.add().unwrap();

    let error = keyring.destroy(&old, Unused::of(old)).unwrap_err();
    assert_eq!(error, KeyringError::NotDisabled(old));
    keyring.promote(&new).unwrap();
    assert_eq!(keyring.destroy(&old, Unused::of(old)), Err(KeyringError::NotDisabled(old)));
    keyring.disable(&old).unwrap();
    assert_eq!(keyring.destroy(&old, Unused::of(new)), Err(KeyringError::OtherKey(new)));
    let absent = Material::copy_of(&[9; 32]).key_id();
    assert_eq!(keyring.destroy(&absent, Unused::of(absent)), Err(KeyringError::Unknown(absent)));

    let snapshot = keyring.for_scope(&scope);
    keyring.destroy(&old, Unused::of(old)).unwrap();
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
        keyring.destroy(&old, Unused::of(old)),
    ] {
        assert_eq!(refused, Err(KeyringError::Destroyed(old)));
    }
    let again = Keyring::decode(&keyring.encode().0, 5).unwrap();
    assert_eq!(again.entries().collect::<Vec<_>>(), keyring.entries().collect::<Vec<_>>());
}

#[test]
fn the_last_revision_is_not_rewrapped() {
    let scope = Scope::module("m").unwrap();
    let mut keyring = Keyring::from_bytes([1; 32]);
    let last = Revision::new(i64::MAX as u64).unwrap();
    let record =
        keyring.seal_with(Kind::Document, &scope, last, b"A = 1", &[2; 32].into()).unwrap();
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    let error = keyring.rewrap(&scope, record.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the record was opened, and could not be sealed again");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "the record stands at the last revision");
}

#[test]
fn an_empty_scope_of_a_manifest_is_no_scope_of_a_document() {
    let manifest = Scope::encode(0x7E, &[]);
    let keyring = Keyring::from_bytes([1; 32]);
    let record =
        keyring.seal_with(Kind::Manifest, &manifest, Revision::FIRST, &[0; 40], &[2; 32].into());
    let record = record.unwrap();
    let error = keyring.open(&manifest, record.as_bytes()).unwrap_err();
    assert_eq!(error, OpenError::UnknownKind);
    assert!(Scope::from_bytes(manifest.as_bytes()).is_err());
}
