//! The vault: what it keeps, refuses, and says when the store does not answer.

mod altered;
mod doubt;
mod forms;
mod history;
mod list;
mod model;
mod newer;
mod observer;
mod order;
mod overlap;
mod parts;
mod rollback;
mod rotation;
mod slices;
mod steps;
mod transfer;

use std::ops::ControlFlow;

use secrets_toml::seal::{
    By, Contents, KeyId, Keyring, KeyringError, Lock, LockedKeyring, OpenError, Revision, Scope,
};
use secrets_toml::store::backend::{Outcome, Write};
use secrets_toml::store::{Blocking, MemoryStore, Store};
use secrets_toml::vault::{AsyncVault, Expected, Scopes, Vault, VaultError};
use secrets_toml::{Document, Secrets, Template};

use crate::faulty::{Faulty, Step};
use crate::seal::{custody, install, keyring, revision, secrets, version};

pub(crate) type Tested = Vault<Faulty<MemoryStore>>;

pub(crate) fn vault() -> Tested {
    Vault::new(Faulty::new(MemoryStore::new()), keyring())
}

/// Another vault over the same store, as another process has one.
pub(crate) fn beside(vault: &Tested) -> Vault<&MemoryStore> {
    Vault::new(&vault.store().store, keyring())
}

pub(crate) fn document(text: &str) -> Secrets {
    Document::parse(text).unwrap().validate().unwrap()
}

/// A keyring that is loaded any number of times, with one or the other key as the primary one.
#[derive(Clone)]
pub(crate) struct Rings {
    locked: String,
    ids: [KeyId; 2],
}

impl Rings {
    pub(crate) fn new() -> Self {
        let mut ring = keyring();
        let ids = [ring.primary(), ring.add().unwrap()];
        Self { locked: ring.lock(&custody(Lock::raw(&[5; 32]))).unwrap(), ids }
    }

    pub(crate) fn load(&self, turn: usize) -> Keyring {
        let locked = LockedKeyring::parse(&self.locked).unwrap();
        let mut ring = locked.unlock(&custody(Lock::raw(&[5; 32]))).unwrap();
        ring.promote(&self.ids[(turn + 1) % 2]).unwrap();
        ring
    }

    /// Seals all records again that are not under the key of this turn, as another process does.
    pub(crate) fn rewrap(&self, store: &impl Store, turn: usize) -> u64 {
        let moved =
            Vault::new(store, self.load(turn)).rewrap(Scopes::All, |_| ControlFlow::Continue(()));
        moved.unwrap().written()
    }
}

#[track_caller]
pub(crate) fn holds(vault: &Tested, scope: &Scope, number: u64, text: &str) {
    let opened = vault.get(scope).unwrap().expect("a record");
    assert_eq!((opened.revision(), opened.expose_text()), (revision(number), Some(text)));
}

#[track_caller]
pub(crate) fn conflicts(result: Result<Revision, VaultError>, now: Option<u64>) {
    match result.unwrap_err() {
        VaultError::Conflict { current } => assert_eq!(current.map(Revision::get), now),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn is_absent(result: Result<Revision, VaultError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, VaultError::Absent), "{error:?}");
    assert_eq!(error.to_string(), "the scope has no document to delete, copy or restore");
}

/// The current state, the expected one, and the result: the new revision, or the current one.
#[test]
fn a_write_happens_only_over_the_expected_record() {
    enum State {
        Nothing,
        Document,
        Tombstone,
    }
    use Expected::{Absent, Revision as At};
    use State::{Document, Nothing, Tombstone};
    let table = [
        (Nothing, Absent, Ok(1)),
        (Nothing, At(revision(1)), Err(None)),
        (Document, Absent, Err(Some(1))),
        (Document, At(revision(1)), Ok(2)),
        (Document, At(revision(2)), Err(Some(1))),
        (Tombstone, Absent, Ok(3)),
        (Tombstone, At(revision(1)), Err(Some(2))),
        (Tombstone, At(revision(2)), Ok(3)),
        (Tombstone, At(revision(3)), Err(Some(2))),
    ];
    for (state, expected, result) in table {
        for copied in [false, true] {
            let vault = vault();
            let (acme, other) = (install("acme"), install("other"));
            vault.put(&other, &secrets(), Absent).unwrap();
            if !matches!(state, Nothing) {
                vault.put(&acme, &secrets(), Absent).unwrap();
            }
            if matches!(state, Tombstone) {
                vault.delete(&acme, revision(1), None).unwrap();
            }
            let before = vault.store().store.get(acme.as_bytes()).unwrap();
            let written = if copied {
                vault.copy(&other, &acme, expected, None)
            } else {
                vault.put(&acme, &secrets(), expected)
            };
            match result {
                Ok(number) => {
                    assert_eq!(written.unwrap(), revision(number));
                    holds(&vault, &acme, number, crate::seal::TEXT);
                }
                Err(current) => {
                    conflicts(written, current);
                    assert_eq!(vault.store().store.get(acme.as_bytes()).unwrap(), before);
                }
            }
        }
    }
}

#[test]
fn conflicts_read_well() {
    let error = VaultError::Conflict { current: Some(revision(7)) };
    assert_eq!(error.to_string(), "conflict: the current revision is 7, not the expected one");
    let error = VaultError::Conflict { current: None };
    assert_eq!(error.to_string(), "conflict: the scope has no record, but one was expected");
}

#[test]
fn only_a_document_is_deleted() {
    let vault = vault();
    let acme = install("acme");
    is_absent(vault.delete(&acme, revision(1), None));
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    conflicts(vault.delete(&acme, revision(2), None), Some(1));
    assert_eq!(vault.delete(&acme, revision(1), None).unwrap(), revision(2));
    let opened = vault.get(&acme).unwrap().unwrap();
    assert!(opened.is_tombstone() && opened.expose_text().is_none());
    is_absent(vault.delete(&acme, revision(2), None));
    is_absent(vault.copy(&acme, &install("other"), Expected::Absent, None));
    is_absent(vault.copy(&install("never"), &install("other"), Expected::Absent, None));
    assert!(vault.get(&install("other")).unwrap().is_none());
}

#[test]
fn a_copy_is_a_record_of_its_own() {
    let vault = vault();
    let (acme, other) = (install("acme"), install("other"));
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    vault.copy(&acme, &other, Expected::Absent, None).unwrap();
    let [from, to] =
        [&acme, &other].map(|scope| vault.store().store.get(scope.as_bytes()).unwrap().unwrap());
    assert_ne!(from[36..], to[36..], "salt, commitment and ciphertext");
    assert_eq!(keyring().open(&other, &from).unwrap_err(), OpenError::Mismatch);
    assert_eq!(keyring().for_scope(&acme).open(&to).unwrap_err(), OpenError::Mismatch);
    // Onto itself it is one more revision.
    let again = vault.copy(&acme, &acme, Expected::Revision(revision(1)), None).unwrap();
    assert_eq!(again, revision(2));
}

#[test]
fn a_record_says_who_wrote_it_and_keeps_the_template() {
    let vault = vault();
    let (acme, other) = (install("acme"), install("other"));
    let template = Template::parse("CLARIFAI_PAT = ''").unwrap();
    let secrets = secrets();
    let by = |name: &str, seconds| By::author(name).unwrap().time(seconds);
    let contents = Contents::new(&secrets).template(&template).by(by("ada", 1));
    vault.put(&acme, contents, Expected::Absent).unwrap();
    vault.copy(&acme, &other, Expected::Absent, by("grace", 2)).unwrap();
    vault.delete(&acme, revision(1), by("barbara", 3)).unwrap();
    vault.copy(&other, &acme, Expected::Absent, None).unwrap();
    let written = |scope: &Scope| {
        let opened = vault.get(scope).unwrap().unwrap();
        (opened.template().map(str::to_owned), opened.author().map(str::to_owned), opened.time())
    };
    let kept = Some("CLARIFAI_PAT = ''".to_owned());
    assert_eq!(written(&other), (kept.clone(), Some("grace".to_owned()), Some(2)));
    assert_eq!(written(&acme), (kept, None, None));
    vault.delete(&acme, revision(3), by("barbara", 3)).unwrap();
    assert_eq!(written(&acme), (None, Some("barbara".to_owned()), Some(3)));
}

#[test]
fn secrets_go_along_to_the_next_version() {
    let vault = vault();
    let next = Scope::module("chat").unwrap().version("1.3.0").unwrap();
    vault.put(&version(), &document("PAT = 'a'\nOLD = 'b'\n"), Expected::Absent).unwrap();
    let earlier = vault.get(&version()).unwrap().unwrap().into_secrets().unwrap();
    let template = Template::parse("PAT = \"\"\nNEW = \"\"\n").unwrap();
    let form = template.prefill(&earlier).unwrap().into_document();
    assert_eq!(form.expose_text(), "PAT = 'a'\nNEW = \"\"\n");
    let filled_in = Document::parse(form.expose_text().replace("NEW = \"\"", "NEW = 'c'"));
    let secrets = template.validate(filled_in.unwrap()).unwrap();
    vault.put(&next, &secrets, Expected::Absent).unwrap();
    holds(&vault, &next, 1, "PAT = 'a'\nNEW = 'c'\n");
    holds(&vault, &version(), 1, "PAT = 'a'\nOLD = 'b'\n");
}

/// Nothing is read, replaced, deleted or copied that does not open, and the errors differ.
#[test]
fn the_current_record_is_authenticated_first() {
    let vault = vault();
    let (acme, other) = (install("acme"), install("other"));
    for scope in [&acme, &other] {
        vault.put(scope, &secrets(), Expected::Absent).unwrap();
    }
    let record = vault.store().store.get(acme.as_bytes()).unwrap().unwrap();
    let change = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut record = record.clone();
        change(&mut record);
        record
    };
    let strange = Keyring::from_bytes([9; 32]);
    let strange_id = strange.primary();
    let cases = [
        (change(&|record| record[20] ^= 1), None),
        (change(&|record| record[15] = 9), Some(OpenError::Mismatch)),
        (change(&|record| record[500] ^= 1), Some(OpenError::Tampered)),
        (change(&|record| record.truncate(60)), Some(OpenError::Truncated)),
        (change(&|record| record.clear()), Some(OpenError::NotARecord)),
        (vault.store().store.get(other.as_bytes()).unwrap().unwrap(), Some(OpenError::Mismatch)),
        (
            strange.seal(&acme, revision(1), &secrets()).unwrap().into_bytes(),
            Some(OpenError::UnknownKey(strange_id)),
        ),
    ];
    for (shown, expected) in cases {
        vault.store().show(acme.as_bytes(), shown);
        let at = Expected::Revision(revision(1));
        let errors = [
            vault.get(&acme).map(drop).unwrap_err(),
            vault.put(&acme, &secrets(), at).unwrap_err(),
            vault.put(&acme, &secrets(), Expected::Absent).unwrap_err(),
            vault.delete(&acme, revision(1), None).unwrap_err(),
            vault.copy(&acme, &other, at, None).unwrap_err(),
            vault.copy(&other, &acme, at, None).unwrap_err(),
        ];
        for error in errors {
            match (&error, &expected) {
                (VaultError::Open(OpenError::UnknownKey(_)), None) => {}
                (VaultError::Open(found), Some(expected)) => assert_eq!(found, expected),
                _ => panic!("{error:?}"),
            }
        }
        assert!(vault.purge(&install("nobody")).is_ok_and(|purged| !purged));
    }
    vault.store().show_all();
    holds(&vault, &acme, 1, crate::seal::TEXT);
    assert_eq!(vault.store().store.get(acme.as_bytes()).unwrap().unwrap(), record);
}

#[test]
fn the_last_revision_has_no_next() {
    let vault = vault();
    let acme = install("acme");
    let last = revision(i64::MAX as u64);
    let record = keyring().seal(&acme, last, &secrets()).unwrap();
    vault.store().store.apply(None, &[Write::create(&acme, record)]).unwrap();
    for result in [
        vault.put(&acme, &secrets(), Expected::Revision(last)),
        vault.delete(&acme, last, None),
        vault.copy(&acme, &acme, Expected::Revision(last), None),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, VaultError::Keyring(KeyringError::LastRevision)), "{error:?}");
    }
}

#[test]
fn purging_needs_no_key() {
    let vault = vault();
    let acme = install("acme");
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    let lost = keyring().primary();
    vault.set_keyring_without(Keyring::from_bytes([9; 32]), &[lost]).unwrap();
    assert!(vault.get(&acme).is_err());
    assert!(vault.purge(&acme).unwrap());
    assert!(!vault.purge(&acme).unwrap());
    assert_eq!(vault.put(&acme, &secrets(), Expected::Absent).unwrap(), revision(1));
}

#[test]
fn each_operation_works_on_one_keyring() {
    let vault = vault();
    let acme = install("acme");
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    assert!(!vault.get(&acme).unwrap().unwrap().is_stale());
    let mut keyring = keyring();
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    vault.set_keyring(keyring).unwrap();
    assert!(vault.get(&acme).unwrap().unwrap().is_stale());
    vault.put(&acme, &secrets(), Expected::Revision(revision(1))).unwrap();
    assert_eq!(vault.get(&acme).unwrap().unwrap().key_id(), new);
}

#[test]
fn threads_share_a_vault() {
    fn shared<T: Send + Sync>(_: &T) {}
    let vault: Vault<Box<dyn Store>> = Vault::new(Box::new(MemoryStore::new()), keyring());
    shared(&vault);
    let acme = install("acme");
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..25 {
                    loop {
                        let at = vault.get(&acme).unwrap().unwrap().revision();
                        match vault.put(&acme, &secrets(), Expected::Revision(at)) {
                            Ok(_) => break,
                            Err(VaultError::Conflict { .. }) => {}
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                }
            });
        }
    });
    assert_eq!(vault.get(&acme).unwrap().unwrap().revision(), revision(101));
}

#[test]
fn nothing_printed_holds_a_value_or_a_name() {
    let vault = vault();
    vault.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
    let id = keyring().primary();
    assert_eq!(
        format!("{vault:?}"),
        format!(
            "Vault {{ keyring: Keyring {{ generation: 0, entries: [KeyId({id}): Primary] }}, .. }}"
        )
    );
    let listing = format!("{:?}", vault.scopes(Scopes::All).unwrap());
    assert_eq!(listing, "AsyncListing { .. }");
    let asynchronous = AsyncVault::new(Blocking(MemoryStore::new()), keyring());
    assert_eq!(format!("{asynchronous:?}"), format!("{vault:?}").replace("Vault", "AsyncVault"));
    vault.store().writes([Step::Lost, Step::Lost]);
    let at = Expected::Revision(revision(1));
    let unknown = vault.put(&install("acme"), &secrets(), at).unwrap_err();
    let shown = format!("{unknown} {unknown:?} {:?}", vault.store().store);
    assert!(!shown.contains("hunter2") && !shown.contains("CLARIFAI"), "{shown}");
    let writes = [Write::create(
        &install("x"),
        keyring().seal(&install("x"), revision(1), &secrets()).unwrap(),
    )];
    assert_eq!(vault.store().apply(None, &writes).unwrap(), [Outcome::Applied]);
    assert!(!format!("{writes:?}").contains("hunter2"));
}
