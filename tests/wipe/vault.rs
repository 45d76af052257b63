//! Keeping secrets in a vault: put, get, copy, rewrap, and refused calls.

use std::ops::ControlFlow;
use std::sync::Once;

use secrets_toml::seal::{By, Contents, Custody, Keyring, Lock, LockedKeyring, Revision, Scope};
use secrets_toml::store::{MemoryStore, Store};
use secrets_toml::vault::{Expected, Scopes, Vault, VaultError};
use secrets_toml::{Document, Secrets, Template};

use crate::probe;

const TEXT: &str = "TOKEN = 'CANARYvaults'\nESCAPED = \"CANARYvaults\\u0041\"\n";
const KEY: [u8; 32] = *b"CANARYkey of the vault: 32 bytes";
const KEK: [u8; 32] = *b"CANARYkek of the vault: 32 bytes";

fn custody(lock: Lock<'_>) -> Custody<'_> {
    Custody::new("test").and_then(|custody| custody.lock("host", lock)).unwrap()
}

/// Watches values and keys.
fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        probe::watch([
            b"CANARYvaults".to_vec(),
            b"CANARYkey of".to_vec(),
            b"CANARYkek of".to_vec(),
        ]);
    });
}

fn scope(name: &str) -> Scope {
    Scope::module("chat").and_then(|module| module.version(name)).unwrap()
}

fn secrets() -> Secrets {
    Document::parse(TEXT).unwrap().validate().unwrap()
}

/// Makes a vault, runs a step, drops everything, and checks that no freed block holds a secret.
#[track_caller]
fn assert_wiped<S: Store, T>(store: S, run: impl FnOnce(&Vault<S>) -> T) {
    watch();
    let (_, report) = probe::during(|| {
        let vault = Vault::new(store, Keyring::from_bytes(KEY)).keep_history(5).unwrap();
        vault.put(&scope("1"), &secrets(), Expected::Absent).unwrap();
        drop(run(&vault));
        drop(vault);
    });
    assert_eq!(report.hits, 0, "{report:?}");
}

/// Calls everything that writes to a store or reads from it.
fn all_of_it<S: Store>(vault: &Vault<S>) {
    let [one, two] = ["1", "2"].map(scope);
    let opened = vault.get(&one).unwrap().unwrap();
    let at = Expected::Revision(opened.revision());
    let secrets = opened.into_secrets().unwrap();
    assert_eq!(secrets.env().unwrap().get("ESCAPED"), Some("CANARYvaultsA"));
    let by = || By::author("CANARYvaults, the author").unwrap().time(1);
    // A template is public, so it holds no canary, and its copies are not wiped.
    let template = Template::parse("TOKEN = ''\nESCAPED = ''\n").unwrap();
    let contents = Contents::new(&secrets).template(&template).by(by());
    let second = vault.put(&one, contents, at).unwrap();
    let opened = vault.get(&one).unwrap().unwrap();
    assert_eq!(opened.template(), Some(template.text()));
    drop(opened);
    drop(vault.get_newer(&one, Revision::FIRST).unwrap());
    drop(vault.get_at(&one, Revision::FIRST).unwrap());
    vault.restore(&one, Revision::FIRST, Expected::Revision(second), by()).unwrap();
    let authors = vault.history(&one).unwrap().map(|entry| entry.unwrap().author().is_some());
    assert_eq!(authors.collect::<Vec<_>>(), [true, true, false]);
    let mut export = Vec::new();
    assert_eq!(vault.export(&mut export).unwrap(), 3);
    let imported = vault.import(std::io::Cursor::new(export)).unwrap();
    assert_eq!((imported.kept(), imported.failed()), (3, 0));
    vault.copy(&one, &two, Expected::Absent, None).unwrap();

    let conflict = vault.put(&two, &secrets, Expected::Absent).unwrap_err();
    assert!(matches!(conflict, VaultError::Conflict { .. }));
    drop((conflict.to_string(), format!("{conflict:?} {vault:?}")));
    assert!(vault.copy(&one, &two, Expected::Absent, None).is_err());

    let mut keyring = Keyring::from_bytes(KEY);
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    let locked = keyring.lock(&custody(Lock::raw(&KEK))).unwrap();
    vault.set_keyring(keyring).unwrap();
    let moved = vault.rewrap(Scopes::All, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((moved.written(), moved.failed()), (4, 0));

    let mut keyring =
        LockedKeyring::parse(&locked).unwrap().unlock(&custody(Lock::raw(&KEK))).unwrap();
    let old = Keyring::from_bytes(KEY).primary();
    keyring.disable(&old).unwrap();
    vault.set_keyring(keyring).unwrap();
    let proof = vault.verify(Scopes::All).unwrap().unused(&old).unwrap();
    let mut keyring =
        LockedKeyring::parse(&locked).unwrap().unlock(&custody(Lock::raw(&KEK))).unwrap();
    keyring.disable(&old).unwrap();
    keyring.destroy(proof).unwrap();
    vault.set_keyring(keyring).unwrap();

    let opened = vault.get(&two).unwrap().unwrap();
    assert_eq!(opened.expose_text(), Some(TEXT));
    vault.delete(&two, opened.revision(), None).unwrap();
    let foreign = Vault::new(vault.store(), Keyring::generate().unwrap());
    assert!(foreign.get(&one).is_err(), "under another key");
    vault.purge(&one).unwrap();
}

#[test]
fn the_probe_is_alive() {
    watch();
    let hits = probe::during(|| drop(secrets().expose_text().to_owned())).1.hits;
    assert!(hits > 0, "a copy of the text");
    let hits = probe::during(|| drop(Box::new(KEY))).1.hits;
    assert!(hits > 0, "a copy of the key");
}

#[test]
fn in_memory() {
    assert_wiped(MemoryStore::new(), all_of_it);
}

#[cfg(feature = "redb")]
#[test]
fn in_a_file() {
    let folder = crate::folder::Folder::new();
    let file = folder.join("vault.redb");
    assert_wiped(secrets_toml::store::RedbStore::create(file).unwrap(), all_of_it);
}

#[test]
fn reading_alone() {
    assert_wiped(MemoryStore::new(), |vault| vault.get(&scope("1")).unwrap());
    assert_wiped(MemoryStore::new(), |vault| vault.get(&scope("2")).unwrap());
}
