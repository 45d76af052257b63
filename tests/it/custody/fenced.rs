//! Writes whose keys are rotated meanwhile: they are planned anew, and take place once.

use std::io::Cursor;
use std::ops::ControlFlow::Continue;
use std::sync::Arc;

use secrets_toml::seal::{By, Revision};
use secrets_toml::store::MemoryStore;
use secrets_toml::vault::{Expected, Scopes, Vault, VaultError};

use super::{RELOCKED, fails, is_rotated, locks, opened, other_locks, rotate};
use crate::faulty::{Faulty, Step};
use crate::seal::{install, revision, secrets};

type Written = Result<u64, VaultError>;

/// A write, by its name, and the revision that it makes.
type Call = (&'static str, fn(&Vault<&Faulty<MemoryStore>>) -> Written, u64);

/// Each write.
fn writes() -> Vec<Call> {
    fn of(revision: Result<Revision, VaultError>) -> Written {
        revision.map(Revision::get)
    }
    vec![
        ("create", |vault| of(vault.put(&install("new"), &secrets(), Expected::Absent)), 1),
        ("create again", |vault| of(vault.put(&install("gone"), &secrets(), Expected::Absent)), 3),
        (
            "replace",
            |vault| of(vault.put(&install("acme"), &secrets(), Expected::Revision(revision(2)))),
            3,
        ),
        (
            "delete",
            |vault| of(vault.delete(&install("acme"), revision(2), By::author("ada").unwrap())),
            3,
        ),
        (
            "copy",
            |vault| of(vault.copy(&install("acme"), &install("new"), Expected::Absent, None)),
            1,
        ),
        (
            "restore",
            |vault| {
                let second = Expected::Revision(revision(2));
                of(vault.restore(&install("acme"), revision(1), second, None))
            },
            3,
        ),
    ]
}

fn filled() -> Faulty<MemoryStore> {
    let store = Faulty::new(MemoryStore::new());
    let vault = Vault::create(&store, &locks()).unwrap().keep_history(5).unwrap();
    for name in ["acme", "gone"] {
        vault.put(&install(name), &secrets(), Expected::Absent).unwrap();
    }
    vault.put(&install("acme"), &secrets(), Expected::Revision(revision(1))).unwrap();
    vault.delete(&install("gone"), revision(1), None).unwrap();
    store
}

#[test]
fn a_writer_that_slept_through_a_rotation_seals_under_the_new_key() {
    type Steps = fn() -> Vec<Step<MemoryStore>>;
    let steps: [Steps; 8] = [
        || vec![Step::after(rotate)],
        || vec![Step::after(|store| [(); 2].iter().for_each(|()| rotate(store)))],
        || vec![Step::after(rotate), Step::after(rotate), Step::after(rotate)],
        || vec![Step::Lost, Step::after(rotate)],
        || vec![Step::Done, Step::after(rotate)],
        || vec![Step::Late, Step::after(rotate)],
        || vec![Step::after(rotate), Step::Done, Step::after(rotate)],
        || vec![Step::Done, Step::after(rotate), Step::after(rotate)],
    ];
    for (name, write, revision) in writes() {
        for (number, steps) in steps.iter().enumerate() {
            let store = filled();
            let vault = opened(&store).keep_history(5).unwrap();
            store.writes(steps());
            let written = write(&vault);
            assert_eq!(written.as_ref().ok(), Some(&revision), "{name} {number}: {written:?}");
            let before = vault.verify(Scopes::All).unwrap();
            store.land();
            is_rotated(&store.store);
            let after = opened(&store.store).verify(Scopes::All).unwrap();
            let counts = |report: &secrets_toml::vault::Report| {
                (report.documents(), report.tombstones(), report.past())
            };
            assert_eq!(counts(&after), counts(&before), "{name} {number}: nothing lands late");
        }
    }
}

/// The vault has loaded the new keyring by then. The write was sealed under the old one all the same.
#[test]
fn another_thread_of_the_vault_may_rotate() {
    for reads in [true, false] {
        for (name, write, revision) in writes() {
            let store: &'static Faulty<MemoryStore> = Box::leak(Box::new(filled()));
            let vault = Arc::new(opened(store).keep_history(5).unwrap());
            let inside = vault.clone();
            let rotation = Step::after(move |_: &MemoryStore| {
                inside.rotate(|_| Continue(())).unwrap();
            });
            if reads {
                store.reads([rotation])
            } else {
                store.writes([rotation])
            }
            assert_eq!(write(&vault).unwrap(), revision, "{name}");
            is_rotated(&store.store);
        }
    }
}

/// Between a rotation's two writes of the keyring, a write is under the new key already.
#[test]
fn a_rotation_that_has_just_begun_counts() {
    for (name, write, revision) in writes() {
        let store = filled();
        let vault = opened(&store).keep_history(5).unwrap();
        store.writes([Step::after(|store: &MemoryStore| {
            opened(store).rotate(|_| std::ops::ControlFlow::Break(())).unwrap_err();
        })]);
        assert_eq!(write(&vault).unwrap(), revision, "{name}");
        rotate(&store.store);
        is_rotated(&store.store);
    }
}

#[test]
fn other_locks_stop_a_write() {
    for (name, write, _) in writes() {
        let store = filled();
        let vault = opened(&store).keep_history(5).unwrap();
        store.writes([Step::after(|store: &MemoryStore| {
            opened(store).relock(&other_locks()).unwrap();
        })]);
        fails(write(&vault), RELOCKED);
        vault.unlock(&other_locks()).unwrap();
        write(&vault).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_sweep_goes_on_under_the_new_key() {
    for steps in [1, 2] {
        let store = filled();
        let vault = opened(&store);
        // A key was added, and its rotation was killed: the sweep has something to do.
        store.writes([Step::Pass, Step::Unavailable]);
        vault.rotate(|_| Continue(())).unwrap_err();
        store.writes((0..steps).map(|_| Step::after(rotate)));
        let report = vault.rewrap(Scopes::All, |_| Continue(())).unwrap();
        assert_eq!(report.failed(), 0, "{:?}", report.failures());
        is_rotated(&store.store);
    }
}

/// The records are present and past. The keys are rotated before each of the import's writes.
#[test]
fn an_import_seals_under_the_new_key() {
    let from = filled();
    let mut export = Vec::new();
    opened(&from).export(&mut export).unwrap();
    for number in 0..6 {
        for doubt in
            [|| Step::Pass as Step<MemoryStore>, || Step::Done, || Step::Lost, || Step::Late]
        {
            let store = Faulty::new(MemoryStore::new());
            let vault = Vault::create(&store, &other_locks()).unwrap();
            vault.relock(&locks()).unwrap();
            store.writes((0..number).map(|_| Step::Pass).chain([doubt(), Step::after(rotate)]));
            let report = vault.import_with(Cursor::new(&export), &locks()).unwrap();
            assert_eq!((report.failed(), report.written() + report.kept()), (0, 4));
            store.land();
            is_rotated(&store.store);
            let verified = vault.verify(Scopes::All).unwrap();
            let found = (verified.documents(), verified.tombstones(), verified.past());
            assert_eq!(found, (1, 1, 2));
        }
    }
}

/// The keys are rotated before each of the import's reads. One of these meets a record under the new key, and
/// so loads the keyring after other records were sealed.
#[test]
fn an_import_that_loads_a_keyring_seals_all_anew() {
    let from = filled();
    let mut export = Vec::new();
    opened(&from).export(&mut export).unwrap();
    for number in 0..12 {
        let store = Faulty::new(MemoryStore::new());
        let vault = Vault::create(&store, &locks()).unwrap();
        vault.put(&install("gone"), &secrets(), Expected::Absent).unwrap();
        store.reads((0..number).map(|_| Step::Pass).chain([Step::after(rotate)]));
        let report = vault.import_with(Cursor::new(&export), &locks()).unwrap();
        assert_eq!((report.failed(), report.written()), (0, 4), "{number}");
        store.reads([]);
        rotate(&store.store);
        is_rotated(&store.store);
    }
}
