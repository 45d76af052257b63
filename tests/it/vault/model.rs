//! The vault against a map: whatever is done to it, whatever the store fails to do or to tell.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use proptest::prelude::*;
use secrets_toml::seal::{
    KeyState, Keyring, Lock, LockedKeyring, OpenError, Opened, Revision, Scope,
};
use secrets_toml::store::backend::Fetch;
use secrets_toml::store::{MemoryStore, Store};
use secrets_toml::vault::{Expected, Vault, VaultError};

use crate::faulty::{Faulty, Step};
use crate::full::times;
use crate::seal::custody;
use crate::vault::document;

/// How many scopes there are.
const SCOPES: usize = 4;

const KEK: [u8; 32] = [5; 32];

#[derive(Debug, Clone)]
enum Action {
    Put(usize, Expect),
    Delete(usize, Expect),
    Copy(usize, usize, Expect),
    Purge(usize),
    AddKey,
    /// The key that was added last.
    Promote,
    /// Every key but the primary one; and back.
    Disable,
    Enable,
    /// Stopped after so many batches, 0 for none.
    Rewrap(bool),
    /// A new process over the same store, which has seen nothing.
    Reopen,
    /// The outcomes of the next writes.
    Fail(Vec<Fault>),
    /// Late writes are carried out.
    Land,
}

#[derive(Debug, Clone, Copy)]
enum Expect {
    Absent,
    Current,
    Other,
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    Pass,
    Unavailable,
    Lost,
    Done,
    Late,
}

fn action() -> impl Strategy<Value = Action> {
    let expect = || {
        prop_oneof![
            3 => Just(Expect::Absent),
            6 => Just(Expect::Current),
            1 => Just(Expect::Other),
        ]
    };
    let fault = prop_oneof![
        Just(Fault::Pass),
        Just(Fault::Unavailable),
        Just(Fault::Lost),
        Just(Fault::Done),
        Just(Fault::Late),
    ];
    prop_oneof![
        12 => (0..SCOPES, expect()).prop_map(|(scope, expect)| Action::Put(scope, expect)),
        3 => (0..SCOPES, expect()).prop_map(|(scope, expect)| Action::Delete(scope, expect)),
        3 => (0..SCOPES, 0..SCOPES, expect())
            .prop_map(|(from, to, expect)| Action::Copy(from, to, expect)),
        1 => (0..SCOPES).prop_map(Action::Purge),
        1 => Just(Action::AddKey),
        2 => Just(Action::Promote),
        1 => Just(Action::Disable),
        2 => Just(Action::Enable),
        2 => any::<bool>().prop_map(Action::Rewrap),
        1 => Just(Action::Reopen),
        5 => prop::collection::vec(fault, 1..4).prop_map(Action::Fail),
        2 => Just(Action::Land),
    ]
}

fn scope(number: usize) -> Scope {
    Scope::module("chat").unwrap().version(&number.to_string()).unwrap()
}

/// The current record of a scope, its revision, and its text unless it is a tombstone.
type State = Option<(Vec<u8>, Revision, Option<String>)>;

/// The medium of a store, so that the store can be opened again.
trait Medium {
    type Store: Store;
    fn open(&self) -> Self::Store;
}

impl Medium for Arc<MemoryStore> {
    type Store = Self;
    fn open(&self) -> Self {
        self.clone()
    }
}

#[cfg(feature = "redb")]
impl Medium for crate::folder::Folder {
    type Store = secrets_toml::store::RedbStore;
    fn open(&self) -> Self::Store {
        let file = self.join("vault.redb");
        let options = secrets_toml::store::RedbOptions::new().cache_len(1 << 20);
        let opened = if file.exists() { options.open(file) } else { options.create(file) };
        opened.unwrap()
    }
}

#[cfg(feature = "postgres")]
impl Medium for Arc<crate::server::Waiting> {
    type Store = Self;
    fn open(&self) -> Self {
        self.clone()
    }
}

struct Machine<M: Medium> {
    medium: M,
    vault: Option<Vault<Arc<Faulty<M::Store>>>>,
    /// The keys as the host has them.
    keyring: Keyring,
    model: Vec<State>,
    /// The writes that may still land: the scope, the record that each replaces, and its text.
    late: Vec<(usize, Option<Vec<u8>>, Option<String>)>,
    texts: u64,
}

impl<M: Medium> Machine<M> {
    fn new(medium: M) -> Self {
        let model = vec![None; SCOPES];
        let keyring = Keyring::from_bytes([7; 32]);
        let mut machine = Self { medium, vault: None, keyring, model, late: Vec::new(), texts: 0 };
        machine.reopen();
        machine
    }

    fn vault(&self) -> &Vault<Arc<Faulty<M::Store>>> {
        self.vault.as_ref().unwrap()
    }

    fn faulty(&self) -> &Faulty<M::Store> {
        self.vault().store()
    }

    fn reopen(&mut self) {
        // Late writes are lost with the process.
        self.late.clear();
        self.vault = None;
        let store = Arc::new(Faulty::new(self.medium.open()));
        self.vault = Some(Vault::new(store, self.keys()));
    }

    /// The host's keyring once more.
    fn keys(&mut self) -> Keyring {
        let locked = self.keyring.lock(&custody(Lock::raw(&KEK))).unwrap();
        LockedKeyring::parse(&locked).unwrap().unlock(&custody(Lock::raw(&KEK))).unwrap()
    }

    /// The records in the store, opened with every key.
    fn actual(&mut self) -> Vec<State> {
        let mut keys = self.keys();
        let ids: Vec<_> = keys.entries().map(|(id, _)| id).collect();
        ids.iter().for_each(|id| keys.enable(id).unwrap());
        let rows = self.faulty().store.scan(&[], None, 100, Fetch::Records).unwrap();
        let rows: BTreeMap<_, _> =
            rows.iter().map(|row| (row.scope().to_vec(), row.record().to_vec())).collect();
        let state = |number| {
            let record = rows.get(scope(number).as_bytes())?;
            let opened = keys.open(&scope(number), record).expect("every record authenticates");
            let text = opened.expose_text().map(str::to_owned);
            Some((record.clone(), opened.revision(), text))
        };
        (0..SCOPES).map(state).collect()
    }

    fn expected(&self, scope: usize, expect: Expect) -> Expected {
        let current = self.model[scope].as_ref().map(|(_, revision, _)| *revision);
        match (expect, current) {
            (Expect::Current, Some(revision)) => Expected::Revision(revision),
            (Expect::Other, revision) => Expected::Revision(
                Revision::try_from(revision.map_or(0, Revision::get) + 7).unwrap(),
            ),
            (Expect::Absent | Expect::Current, _) => Expected::Absent,
        }
    }

    /// Returns `true` if a write with this condition would happen if nothing failed.
    fn holds(&self, scope: usize, expected: Expected) -> bool {
        match (expected, &self.model[scope]) {
            (Expected::Absent, state) => state.as_ref().is_none_or(|(_, _, text)| text.is_none()),
            (Expected::Revision(expected), Some((_, revision, _))) => expected == *revision,
            _ => false,
        }
    }

    /// Takes over the records after a write to one scope, and checks that this write can have made them.
    fn settle(&mut self, scope: usize, text: Option<String>, done: Result<Revision, VaultError>) {
        let actual = self.actual();
        for other in (0..SCOPES).filter(|other| *other != scope) {
            assert_eq!(actual[other], self.model[other], "nothing else was changed");
        }
        let before = self.model[scope].clone();
        let next = before.as_ref().map_or(1, |(_, revision, _)| revision.get() + 1);
        let is_next = |state: &State| {
            state
                .as_ref()
                .is_some_and(|(_, revision, found)| revision.get() == next && *found == text)
        };
        let record = before.as_ref().map(|(record, ..)| record.clone());
        self.late.push((scope, record, text.clone()));
        match done {
            Ok(revision) => {
                assert_eq!(revision.get(), next);
                assert!(is_next(&actual[scope]), "a confirmed write is current");
            }
            Err(VaultError::Unknown(_) | VaultError::Superseded { .. }) => {
                assert!(actual[scope] == before || is_next(&actual[scope]), "one or the other");
            }
            Err(VaultError::RolledBack { .. }) => panic!("nothing was rolled back"),
            Err(_) => assert_eq!(actual[scope], before, "nothing was changed"),
        }
        self.model = actual;
    }

    fn step(&mut self, action: &Action) {
        match *action {
            Action::Put(scope_number, expect) => {
                self.texts += 1;
                let text = format!("A = {}", self.texts);
                let expected = self.expected(scope_number, expect);
                let holds = self.holds(scope_number, expected);
                let done = self.vault().put(&scope(scope_number), &document(&text), expected);
                assert!(holds || done.is_err(), "nothing is written over what was not expected");
                self.settle(scope_number, Some(text), done);
            }
            Action::Delete(number, expect) => {
                let Expected::Revision(revision) = self.expected(number, expect) else { return };
                let deleted = matches!(self.model[number], Some((_, _, Some(_))));
                let done = self.vault().delete(&scope(number), revision, None);
                assert!(deleted || done.is_err(), "there was nothing to delete");
                self.settle(number, None, done);
            }
            Action::Copy(from, to, expect) => {
                let expected = self.expected(to, expect);
                let done = self.vault().copy(&scope(from), &scope(to), expected, None);
                match self.model[from].clone() {
                    Some((_, _, Some(text))) => self.settle(to, Some(text), done),
                    _ => assert!(done.is_err(), "there was nothing to copy"),
                }
            }
            Action::Purge(number) => {
                let done = self.vault().purge(&scope(number));
                let actual = self.actual();
                match done {
                    Ok(_) => assert_eq!(actual[number], None),
                    Err(VaultError::Unknown(_)) => {}
                    Err(_) => assert_eq!(actual[number], self.model[number]),
                }
                self.model[number] = actual[number].clone();
                assert_eq!(actual, self.model, "nothing else was purged");
            }
            Action::AddKey if self.keyring.entries().len() < 6 => {
                self.keyring.add().unwrap();
                self.load();
            }
            Action::AddKey => {}
            Action::Promote => {
                let (last, state) = self.keyring.entries().last().unwrap();
                if state == KeyState::Active {
                    self.keyring.promote(&last).unwrap();
                    self.load();
                }
            }
            Action::Disable | Action::Enable => {
                let entries: Vec<_> = self.keyring.entries().collect();
                for (id, _) in entries.iter().filter(|(_, state)| *state != KeyState::Primary) {
                    match action {
                        Action::Disable => self.keyring.disable(id).unwrap(),
                        _ => self.keyring.enable(id).unwrap(),
                    }
                }
                self.load();
            }
            Action::Rewrap(stop) => self.rewrap(stop),
            Action::Reopen => self.reopen(),
            Action::Fail(ref faults) => {
                self.faulty().writes(faults.iter().map(|fault| match fault {
                    Fault::Pass => Step::Pass,
                    Fault::Unavailable => Step::Unavailable,
                    Fault::Lost => Step::Lost,
                    Fault::Done => Step::Done,
                    Fault::Late => Step::Late,
                }));
            }
            Action::Land => self.land(),
        }
    }

    fn load(&mut self) {
        let keys = self.keys();
        self.vault().set_keyring(keys);
    }

    fn rewrap(&mut self, stop: bool) {
        let flow = if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let done = self.vault().rewrap_all(|_| flow);
        let actual = self.actual();
        for (number, (before, after)) in self.model.iter().zip(&actual).enumerate() {
            let Some((record, revision, text)) = before else {
                assert_eq!(after, before);
                continue;
            };
            let moved =
                after.as_ref().is_some_and(|(_, now, same)| now == revision && same == text);
            assert!(moved || after == before, "the same revision of the same text");
            self.late.push((number, Some(record.clone()), text.clone()));
        }
        if done.is_ok_and(|done| done.is_complete() && done.failed() == 0) {
            let usage = self.vault().usage().unwrap();
            let count = actual.iter().flatten().count() as u64;
            assert_eq!(usage.records(&self.keyring.primary()), count, "all under the primary key");
        }
        self.model = actual;
    }

    /// One after the other, since what lands may be what the next one is written over.
    fn land(&mut self) {
        while self.faulty().land_next() {
            self.landed();
        }
    }

    fn landed(&mut self) {
        let actual = self.actual();
        for (number, (before, after)) in self.model.iter().zip(&actual).enumerate() {
            if before == after {
                continue;
            }
            let current = before.as_ref().map(|(record, ..)| record);
            let (_, revision, text) = after.as_ref().expect("what lands is a record");
            let next = before.as_ref().map_or(1, |(_, revision, _)| revision.get() + 1);
            let was_late = self.late.iter().any(|(scope, over, late)| {
                *scope == number && over.as_ref() == current && late == text
            });
            let is_rewrap =
                before.as_ref().is_some_and(|(_, before, same)| before == revision && same == text);
            assert!(
                was_late && (revision.get() == next || is_rewrap),
                "a write that lands was sent, over the current record"
            );
        }
        self.model = actual;
    }

    /// The vault reads the current records, or names the key that is missing.
    fn check(&mut self) {
        for number in 0..SCOPES {
            let read = self.vault().get(&scope(number));
            match (read, &self.model[number]) {
                (Err(VaultError::Open(OpenError::KeyDisabled(id))), Some(_)) => {
                    let state = self.keyring.entries().find(|(other, _)| *other == id);
                    assert_eq!(state.map(|(_, state)| state), Some(KeyState::Disabled));
                }
                (Ok(read), state) => {
                    let seen = |opened: &Opened| {
                        (opened.revision(), opened.expose_text().map(str::to_owned))
                    };
                    let state = state.as_ref().map(|(_, revision, text)| (*revision, text.clone()));
                    assert_eq!(read.as_ref().map(seen), state);
                }
                (Err(error), _) => panic!("{error:?}"),
            }
        }
    }
}

fn run<M: Medium>(medium: M, actions: &[Action]) {
    let mut machine = Machine::new(medium);
    for action in actions {
        machine.step(action);
        machine.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(times(1_600) as u32) })]

    #[test]
    fn in_memory(actions in prop::collection::vec(action(), 1..60)) {
        run(Arc::new(MemoryStore::new()), &actions);
    }
}

/// A write that lands after a purge, and one over it.
#[test]
fn what_lands_may_be_written_over_by_what_lands_next() {
    let actions = [
        Action::Fail(vec![Fault::Late]),
        Action::Put(2, Expect::Absent),
        Action::Fail(vec![Fault::Late]),
        Action::Delete(2, Expect::Current),
        Action::Purge(2),
        Action::Land,
    ];
    run(Arc::new(MemoryStore::new()), &actions);
}

#[cfg(feature = "redb")]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(times(400) as u32) })]

    #[test]
    fn in_redb(actions in prop::collection::vec(action(), 1..60)) {
        run(crate::folder::Folder::new(), &actions);
    }
}

#[cfg(feature = "postgres")]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(times(300) as u32) })]

    #[test]
    fn in_postgres(actions in prop::collection::vec(action(), 1..60)) {
        run(Arc::new(crate::server::Waiting::new()), &actions);
    }
}
