//! A running module asks for a newer revision.

use secrets_toml::seal::OpenError;
use secrets_toml::store::Store;
use secrets_toml::vault::{Expected, Newer, Vault, VaultError};

use crate::seal::{install, keyring, revision, secrets};
use crate::vault::{Rings, document, vault};

/// The revision that the caller has, and the answer about a scope at revision 3.
#[test]
fn only_a_newer_revision_is_returned() {
    let vault = vault();
    let acme = install("acme");
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    vault.put(&acme, &secrets(), Expected::Revision(revision(1))).unwrap();
    vault.put(&acme, &document("A = 3"), Expected::Revision(revision(2))).unwrap();
    let reader = Vault::new(&vault.store().store, keyring());
    let newer = |after| match reader.get_newer(&acme, revision(after)) {
        Ok(Newer::Same) => "same".to_owned(),
        Ok(Newer::Deleted(revision)) => format!("deleted {revision}"),
        Ok(Newer::Opened(opened)) => opened.expose_text().unwrap().to_owned(),
        Err(VaultError::RolledBack { highest, found }) => format!("{highest} {found:?}"),
        other => panic!("{other:?}"),
    };
    assert_eq!([2, 3].map(newer), ["A = 3", "same"]);
    assert_eq!(newer(4), "4 Some(Revision(3))");
    vault.delete(&acme, revision(3), None).unwrap();
    assert_eq!([3, 4].map(newer), ["deleted 4", "same"]);
    vault.store().store.purge(acme.as_bytes()).unwrap();
    reader.accept_restore();
    assert_eq!(newer(4), "4 None");
}

#[test]
fn the_same_revision_is_not_decrypted() {
    let vault = vault();
    let acme = install("acme");
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    let mut record = vault.store().store.get(acme.as_bytes()).unwrap().unwrap();
    record[500] ^= 1;
    vault.store().show(acme.as_bytes(), record);
    assert!(matches!(vault.get_newer(&acme, revision(1)), Ok(Newer::Same)));
    assert!(matches!(vault.get(&acme), Err(VaultError::Open(OpenError::Tampered))));
}

/// The newest record that the vault has seen counts, too.
#[test]
fn a_rollback_and_a_fork_are_no_same() {
    let vault = vault();
    let acme = install("acme");
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    let seal = |number| keyring().seal(&acme, revision(number), &secrets()).unwrap().into_bytes();
    vault.store().show(acme.as_bytes(), seal(1));
    let error = vault.get_newer(&acme, revision(1)).unwrap_err();
    assert!(matches!(error, VaultError::Forked { .. }), "{error:?}");
    vault.store().show_all();
    let first = vault.store().store.get(acme.as_bytes()).unwrap().unwrap();
    let rings = Rings::new();
    vault.set_keyring(rings.load(0)).unwrap();
    rings.rewrap(&vault.store().store, 0);
    assert!(matches!(vault.get_newer(&acme, revision(1)), Ok(Newer::Same)), "after a rewrap");
    vault.store().show(acme.as_bytes(), first);
    let error = vault.get_newer(&acme, revision(1)).unwrap_err();
    assert!(matches!(error, VaultError::RolledBack { .. }), "{error:?}");
    vault.store().show(acme.as_bytes(), seal(9));
    assert!(matches!(vault.get_newer(&acme, revision(1)), Ok(Newer::Opened(_))));
    vault.store().show(acme.as_bytes(), seal(8));
    let error = vault.get_newer(&acme, revision(8)).unwrap_err();
    assert!(matches!(error, VaultError::RolledBack { .. }), "{error:?}");
}
