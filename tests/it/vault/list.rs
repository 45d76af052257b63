//! Listings and counts.

use std::ops::ControlFlow::Continue;

use secrets_toml::seal::{KeyId, Keyring, Kind, OpenError, Scope};
use secrets_toml::store::backend::Row;
use secrets_toml::store::{MemoryStore, StoreError};
use secrets_toml::vault::{Expected, Scopes, Vault, VaultError};

use crate::faulty::Step;
use crate::seal::{install, keyring, revision, secrets};
use crate::vault::altered::Altered;
use crate::vault::vault;

fn names(vault: &Vault<MemoryStore>, scopes: Scopes<'_>) -> Vec<String> {
    let name = |listed: Result<secrets_toml::vault::Listed, VaultError>| {
        let listed = listed.unwrap();
        let name = listed.scope().components().collect::<Vec<_>>().join("/");
        if listed.is_tombstone() { format!("({name})") } else { name }
    };
    vault.scopes(scopes).unwrap().map(name).collect()
}

#[test]
fn scopes_are_listed_by_kind_in_the_order_of_their_encoding() {
    let vault = Vault::new(MemoryStore::new(), keyring());
    for (module, versions) in [("chat", ["1", "10", "2"]), ("cha", ["1", "2", "3"])] {
        let module = Scope::module(module).unwrap();
        vault.put(&module, &secrets(), Expected::Absent).unwrap();
        for version in versions {
            let version = module.version(version).unwrap();
            vault.put(&version, &secrets(), Expected::Absent).unwrap();
            for install in ["bob", "al"] {
                let install = version.install(install).unwrap();
                vault.put(&install, &secrets(), Expected::Absent).unwrap();
            }
        }
    }
    let deleted = Scope::module("chat").unwrap().version("2").unwrap();
    vault.delete(&deleted, revision(1), None).unwrap();

    assert_eq!(names(&vault, Scopes::Modules), ["cha", "chat"]);
    assert_eq!(names(&vault, Scopes::Versions("chat")), ["chat/1", "(chat/2)", "chat/10"]);
    assert_eq!(names(&vault, Scopes::Versions("cha")), ["cha/1", "cha/2", "cha/3"]);
    assert_eq!(names(&vault, Scopes::Installs("chat", "1")), ["chat/1/al", "chat/1/bob"]);
    assert_eq!(names(&vault, Scopes::Installs("chat", "3")), [""; 0]);
    assert_eq!(names(&vault, Scopes::Versions("ch")), [""; 0]);
    let all = names(&vault, Scopes::All);
    assert_eq!(all.len(), 2 + 6 + 12);
    assert_eq!(all[..3], ["cha", "chat", "cha/1"]);
    let error = vault.scopes(Scopes::Versions(" chat")).unwrap_err();
    assert_eq!(error.to_string(), "the module has white space at its start or end");
}

#[test]
fn a_listing_shows_the_header() {
    let vault = Vault::new(MemoryStore::new(), keyring());
    let acme = install("acme");
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    let listed = vault.scopes(Scopes::All).unwrap().next().unwrap().unwrap();
    let header = listed.header().unwrap();
    assert_eq!(listed.scope(), &acme);
    assert_eq!((header.kind(), header.revision()), (Kind::Document, revision(1)));
    assert_eq!((header.key_id(), header.len()), (keyring().primary(), 1144));
    assert!(!format!("{listed:?}").contains("CLARIFAI"));
}

/// More than a page, and every one of them once.
#[test]
fn a_long_listing_goes_on_from_page_to_page() {
    let vault = Vault::new(MemoryStore::new(), keyring());
    let module = Scope::module("chat").unwrap();
    for number in 0..4097 {
        let version = module.version(&number.to_string()).unwrap();
        vault.put(&version, &secrets(), Expected::Absent).unwrap();
    }
    let listing = vault.scopes(Scopes::Versions("chat")).unwrap();
    let scopes: Vec<_> = listing.map(|listed| listed.unwrap().scope().clone()).collect();
    assert_eq!(scopes.len(), 4097);
    assert!(scopes.is_sorted_by(|a, b| a < b));
    let usage = vault.usage().unwrap();
    assert_eq!(usage.records(&keyring().primary()), 4097);
}

#[test]
fn a_bad_record_is_listed_and_a_failing_store_ends_the_list() {
    let vault = vault();
    for name in ["a", "b", "c"] {
        vault.put(&install(name), &secrets(), Expected::Absent).unwrap();
    }
    vault.store().show(install("b").as_bytes(), b"no record".to_vec());
    let listed: Vec<_> = vault.scopes(Scopes::All).unwrap().map(Result::unwrap).collect();
    let errors: Vec<_> = listed.iter().map(|listed| listed.header().err()).collect();
    assert_eq!(errors, [None, Some(&OpenError::NotARecord), None]);
    assert!(!listed[1].is_tombstone());
    let usage = vault.usage().unwrap();
    assert_eq!((usage.records(&keyring().primary()), usage.unreadable()), (2, 1));
    vault.store().show(install("c").as_bytes(), b"none either".to_vec());
    let usage = vault.usage().unwrap();
    assert_eq!((usage.records(&keyring().primary()), usage.unreadable()), (1, 2));
    vault.store().show_all();
    assert_eq!(vault.usage().unwrap().unreadable(), 0);

    vault.store().reads([Step::Unavailable]);
    let mut listing = vault.scopes(Scopes::All).unwrap();
    let error = listing.next().unwrap().unwrap_err();
    assert!(matches!(error, VaultError::Store(StoreError::Unavailable(_))), "{error:?}");
    assert!(listing.next().is_none());
}

#[test]
fn usage_counts_by_key() {
    let vault = vault();
    let old = keyring().primary();
    let mut ring = Keyring::from_bytes([0x11; 32]);
    let new = ring.add().unwrap();
    ring.promote(&new).unwrap();
    vault.put(&install("a"), &secrets(), Expected::Absent).unwrap();
    vault.put(&install("b"), &secrets(), Expected::Absent).unwrap();
    vault.delete(&install("b"), revision(1), None).unwrap();
    vault.set_keyring(ring).unwrap();
    vault.put(&install("c"), &secrets(), Expected::Absent).unwrap();
    let mut expected: [(KeyId, u64); 2] = [(old, 2), (new, 1)];
    expected.sort();
    let usage = vault.usage().unwrap();
    assert_eq!(usage.by_key().collect::<Vec<_>>(), expected);
    assert_eq!((usage.records(&old), usage.records(&new)), (2, 1));
}

#[test]
fn a_row_with_a_malformed_scope_is_reported() {
    let strange = Altered::pages(|_, after, page| {
        if after.is_none() {
            page.insert(0, Row::new(b"\0no scope".to_vec(), b"no record".to_vec()));
        }
    });
    let vault = Vault::new(strange, keyring());
    vault.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
    let told = "these bytes are not the encoding of a scope";
    let mut listing = vault.scopes(Scopes::All).unwrap();
    assert_eq!(listing.next().unwrap().unwrap_err().to_string(), told);
    assert_eq!(listing.next().unwrap().unwrap().scope(), &install("acme"));

    let moved = vault.rewrap(Scopes::All, |_| Continue(())).unwrap();
    assert_eq!((moved.written(), moved.kept(), moved.failed()), (0, 1, 1));
    let found = vault.verify(Scopes::All).unwrap();
    assert_eq!((found.documents(), found.failed()), (1, 1));
    for failure in [&moved.failures()[0], &found.failures()[0]] {
        assert_eq!(failure.scope(), None);
        assert_eq!(failure.to_string(), format!("a row with a malformed scope: {told}"));
    }
}
