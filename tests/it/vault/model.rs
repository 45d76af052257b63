//! The vault against a plain model of revisions, rewraps, origins and history: whatever is done to it,
//! whatever the store fails to do or to tell.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::Arc;

use proptest::prelude::*;
use secrets_toml::seal::{
    KeyState, Keyring, Lock, LockedKeyring, OpenError, Opened, Revision, Scope,
};
use secrets_toml::store::backend::{Fetch, past};
use secrets_toml::store::{MemoryStore, Store};
use secrets_toml::vault::{Expected, Scopes, Vault, VaultError};

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
    /// So many revisions back.
    Restore(usize, u64, Expect),
    Purge(usize),
    Export,
    /// The last export.
    Import,
    AddKey,
    /// The key that was added last.
    Promote,
    /// Every key but the primary one; and back.
    Disable,
    Enable,
    /// Stopped after so many batches, 0 for none.
    Rewrap(bool),
    /// A new process over the same store, which has seen nothing, and keeps so many past revisions.
    Reopen(u64),
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
        4 => (0..SCOPES, 0..5_u64, expect())
            .prop_map(|(scope, back, expect)| Action::Restore(scope, back, expect)),
        1 => (0..SCOPES).prop_map(Action::Purge),
        1 => Just(Action::Export),
        1 => Just(Action::Import),
        1 => Just(Action::AddKey),
        2 => Just(Action::Promote),
        1 => Just(Action::Disable),
        2 => Just(Action::Enable),
        2 => any::<bool>().prop_map(Action::Rewrap),
        1 => (0..4_u64).prop_map(Action::Reopen),
        5 => prop::collection::vec(fault, 1..4).prop_map(Action::Fail),
        2 => Just(Action::Land),
    ]
}

fn scope(number: usize) -> Scope {
    Scope::module("chat").unwrap().version(&number.to_string()).unwrap()
}

/// A record, its place in the order, the write that made it, and its text unless it is a tombstone.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    record: Vec<u8>,
    revision: u64,
    rewraps: u32,
    origin: [u8; 32],
    text: Option<String>,
}

impl Kept {
    fn of(record: &[u8], opened: &Opened) -> Self {
        Self {
            record: record.to_vec(),
            revision: opened.revision().get(),
            rewraps: opened.rewraps(),
            origin: *opened.origin(),
            text: opened.expose_text().map(str::to_owned),
        }
    }

    /// The same write, however it is sealed.
    fn is(&self, other: &Self) -> bool {
        (self.revision, self.origin, &self.text) == (other.revision, other.origin, &other.text)
    }

    /// The same record, or the next sealing of it.
    fn is_or_rewraps(&self, before: &Self) -> bool {
        self == before || self.is(before) && self.rewraps == before.rewraps + 1
    }
}

/// The present of a scope, and its past by revisions.
#[derive(Debug, Clone, PartialEq, Default)]
struct State {
    present: Option<Kept>,
    past: BTreeMap<u64, Kept>,
}

impl State {
    fn revision(&self) -> Option<u64> {
        self.present.as_ref().map(|present| present.revision)
    }

    fn at(&self, revision: u64) -> Option<&Kept> {
        self.past.get(&revision).or(self.present.as_ref()).filter(|kept| kept.revision == revision)
    }

    /// Returns `true` if a write of this text over `before` makes this state, keeping so many past
    /// revisions.
    fn is_next(&self, before: &Self, text: &Option<String>, keep: u64) -> bool {
        let next = before.revision().map_or(1, |revision| revision + 1);
        let mut past = before.past.clone();
        if let Some(replaced) = before.present.as_ref().filter(|_| keep > 0) {
            past.insert(replaced.revision, replaced.clone());
            past.retain(|revision, _| *revision >= next.saturating_sub(keep));
        }
        let same = |(found, expected): (&Kept, &Kept)| {
            let sealed_now = before.revision() == Some(expected.revision);
            found.is(expected)
                && (found.record == expected.record || sealed_now && found.rewraps == 0)
        };
        self.present.as_ref().is_some_and(|present| {
            let is_new = before.present.as_ref().is_none_or(|old| old.origin != present.origin);
            (present.revision, present.rewraps, &present.text) == (next, 0, text) && is_new
        }) && self.past.len() == past.len()
            && self.past.values().zip(past.values()).all(same)
    }

    /// Returns `true` if this is the same state, or some records were sealed again.
    fn is_or_rewraps(&self, before: &Self) -> bool {
        let pairs = || self.past.values().zip(before.past.values());
        let present = match (&self.present, &before.present) {
            (Some(now), Some(before)) => now.is_or_rewraps(before),
            (now, before) => now == before,
        };
        present
            && self.past.len() == before.past.len()
            && pairs().all(|(now, before)| now.is_or_rewraps(before))
    }

    /// The state after an import without failures.
    fn imported(&self, export: &Self) -> Self {
        let mut state = self.clone();
        if export.revision() > self.revision() {
            state.present = export.present.clone();
            state.past.clear();
        }
        let Some(exported) = &export.present else { return state };
        if state.at(exported.revision).is_some_and(|ours| ours.is(exported)) {
            for (revision, kept) in export.past.range(..exported.revision) {
                state.past.entry(*revision).or_insert_with(|| kept.clone());
            }
        }
        state
    }

    /// Returns `true` if an import without failures makes this state of `before`.
    ///
    /// An imported record may be sealed again, under the primary key. One that was there is as it was.
    fn is_imported(&self, before: &Self, export: &Self) -> bool {
        let full = before.imported(export);
        let pair = |now: &Kept, full: &Kept, before: Option<&Kept>| {
            now == full || before != Some(full) && now.is_or_rewraps(full)
        };
        let present = match (&self.present, &full.present) {
            (Some(now), Some(full)) => pair(now, full, before.present.as_ref()),
            (now, full) => now == full,
        };
        present
            && self.past.len() == full.past.len()
            && self.past.iter().all(|(revision, now)| {
                let full = full.past.get(revision);
                full.is_some_and(|full| pair(now, full, before.past.get(revision)))
            })
    }

    /// Returns `true` if a part of an import makes this state of `before`.
    fn is_partly_imported(&self, before: &Self, export: &Self) -> bool {
        let replaced = self.present != before.present;
        let is_of_export =
            |now: &Kept, exported: Option<&Kept>| exported.is_some_and(|it| now.is_or_rewraps(it));
        let present = self.present.as_ref();
        let by_export = present.is_some_and(|now| is_of_export(now, export.present.as_ref()));
        (!replaced || by_export && export.revision() > before.revision())
            && self.past.iter().all(|(revision, kept)| {
                let ours = before.past.get(revision) == Some(kept);
                ours && !replaced || is_of_export(kept, export.past.get(revision))
            })
            && before
                .past
                .iter()
                .all(|(revision, kept)| replaced || self.past.get(revision) == Some(kept))
    }
}

/// A write that may still land.
enum Late {
    /// Over a record, the text, and how many past revisions are kept.
    Write(usize, Option<Vec<u8>>, Option<String>, u64),
    /// Over a record.
    Rewrap(usize),
    Import(usize, State),
}

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
impl Medium for Arc<crate::waiting::Waiting<secrets_toml::store::PostgresStore>> {
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
    keep: u64,
    model: Vec<State>,
    late: Vec<Late>,
    exported: Option<(Vec<u8>, Vec<State>)>,
    texts: u64,
}

impl<M: Medium> Machine<M> {
    fn new(medium: M) -> Self {
        let model = vec![State::default(); SCOPES];
        let keyring = Keyring::from_bytes([7; 32]);
        let (late, exported) = (Vec::new(), None);
        let mut machine =
            Self { medium, vault: None, keyring, keep: 3, model, late, exported, texts: 0 };
        machine.reopen(3);
        machine
    }

    fn vault(&self) -> &Vault<Arc<Faulty<M::Store>>> {
        self.vault.as_ref().unwrap()
    }

    fn faulty(&self) -> &Faulty<M::Store> {
        self.vault().store()
    }

    fn reopen(&mut self, keep: u64) {
        self.keep = keep;
        // Late writes are lost with the process.
        self.late.clear();
        self.vault = None;
        let store = Arc::new(Faulty::new(self.medium.open()));
        self.vault = Some(Vault::new(store, self.keys()).keep_history(keep).unwrap());
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
            let scope = scope(number);
            let range = past(scope.as_bytes());
            let present = rows.get(scope.as_bytes()).map(|record| {
                Kept::of(record, &keys.open(&scope, record).expect("every record authenticates"))
            });
            let past: BTreeMap<_, _> = rows
                .range(range)
                .map(|(key, record)| {
                    let number = u64::from_be_bytes(*key.last_chunk().unwrap());
                    let revision = Revision::try_from(number).unwrap();
                    let opened = keys.open_past(&scope, revision, record);
                    (number, Kept::of(record, &opened.expect("every past record, too")))
                })
                .collect();
            let state = State { present, past };
            let below = state.past.keys().all(|past| Some(*past) < state.revision());
            assert!(below, "the past is below the present");
            state
        };
        (0..SCOPES).map(state).collect()
    }

    fn expected(&self, scope: usize, expect: Expect) -> Expected {
        let at = |number| Expected::Revision(Revision::try_from(number).unwrap());
        match (expect, self.model[scope].revision()) {
            (Expect::Current, Some(revision)) => at(revision),
            (Expect::Other, revision) => at(revision.unwrap_or(0) + 7),
            (Expect::Absent | Expect::Current, _) => Expected::Absent,
        }
    }

    /// Returns `true` if a write with this condition would happen if nothing failed.
    fn holds(&self, scope: usize, expected: Expected) -> bool {
        let present = self.model[scope].present.as_ref();
        match expected {
            Expected::Absent => present.is_none_or(|present| present.text.is_none()),
            Expected::Revision(revision) => {
                present.is_some_and(|present| present.revision == revision.get())
            }
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
        let record = before.present.as_ref().map(|present| present.record.clone());
        let is_next = actual[scope].is_next(&before, &text, self.keep);
        self.late.push(Late::Write(scope, record, text, self.keep));
        match done {
            Ok(revision) => {
                assert_eq!(actual[scope].revision(), Some(revision.get()));
                assert!(is_next, "a confirmed write is current: {:?}", actual[scope]);
            }
            Err(VaultError::Unknown(_) | VaultError::Superseded { .. }) => {
                assert!(actual[scope] == before || is_next, "one or the other");
            }
            Err(VaultError::Forked { .. }) => panic!("nothing was forked"),
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
                let present = self.model[number].present.as_ref();
                let deleted = present.is_some_and(|present| present.text.is_some());
                let done = self.vault().delete(&scope(number), revision, None);
                assert!(deleted || done.is_err(), "there was nothing to delete");
                self.settle(number, None, done);
            }
            Action::Copy(from, to, expect) => {
                let expected = self.expected(to, expect);
                let done = self.vault().copy(&scope(from), &scope(to), expected, None);
                match self.model[from].present.clone().and_then(|present| present.text) {
                    Some(text) => self.settle(to, Some(text), done),
                    None => assert!(done.is_err(), "there was nothing to copy"),
                }
            }
            Action::Restore(number, back, expect) => {
                let expected = self.expected(number, expect);
                let revision = self.model[number].revision().unwrap_or(1).saturating_sub(back);
                let Ok(at) = Revision::try_from(revision) else { return };
                let holds = self.holds(number, expected);
                let done = self.vault().restore(&scope(number), at, expected, None);
                assert!(holds || done.is_err(), "nothing is restored over what was not expected");
                match self.model[number].at(revision).and_then(|kept| kept.text.clone()) {
                    Some(text) => self.settle(number, Some(text), done),
                    None => assert!(done.is_err(), "there was nothing to restore"),
                }
            }
            Action::Export => {
                let mut file = Vec::new();
                let count = self.vault().export(&mut file).unwrap();
                let rows = |state: &State| state.past.len() + state.present.iter().len();
                assert_eq!(count as usize, self.model.iter().map(rows).sum::<usize>());
                self.exported = Some((file, self.model.clone()));
            }
            Action::Import => self.import(),
            Action::Purge(number) => {
                let done = self.vault().purge(&scope(number));
                let actual = self.actual();
                match done {
                    Ok(_) => assert_eq!(actual[number], State::default()),
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
            Action::Reopen(keep) => self.reopen(keep),
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
        self.vault().set_keyring(keys).unwrap();
    }

    fn rewrap(&mut self, stop: bool) {
        let flow = if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let done = self.vault().rewrap(Scopes::All, |_| flow);
        let actual = self.actual();
        for (number, (before, after)) in self.model.iter().zip(&actual).enumerate() {
            assert!(after.is_or_rewraps(before), "the same revisions of the same texts");
            self.late.push(Late::Rewrap(number));
        }
        if done.is_ok_and(|done| done.is_complete() && done.failed() == 0) {
            let usage = self.vault().usage().unwrap();
            let count = actual.iter().map(|state| state.past.len() + state.present.iter().len());
            let count: usize = count.sum();
            let primary = usage.records(&self.keyring.primary());
            assert_eq!(primary, count as u64, "all under the primary key");
        }
        self.model = actual;
    }

    fn import(&mut self) {
        let Some((file, exported)) = self.exported.clone() else { return };
        let done = self.vault().import(Cursor::new(file));
        let actual = self.actual();
        let is_whole = done.is_ok_and(|done| done.failed() == 0);
        for (number, export) in exported.into_iter().enumerate() {
            let (before, after) = (&self.model[number], &actual[number]);
            if is_whole {
                assert!(after.is_imported(before, &export), "{before:?} {after:?} {export:?}");
            }
            assert!(after.is_partly_imported(before, &export), "{before:?} {after:?} {export:?}");
            self.late.push(Late::Import(number, export));
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
            let current = before.present.as_ref().map(|present| &present.record);
            let was_late = self.late.iter().any(|late| match late {
                Late::Write(scope, over, text, keep) => {
                    *scope == number
                        && over.as_ref() == current
                        && after.is_next(before, text, *keep)
                }
                Late::Rewrap(scope) => *scope == number && after.is_or_rewraps(before),
                Late::Import(scope, export) => {
                    *scope == number && after.is_partly_imported(before, export)
                }
            });
            assert!(was_late, "a write that lands was sent, over the current record");
        }
        self.model = actual;
    }

    /// The vault reads the current records, or names the key that is missing.
    fn check(&mut self) {
        for number in 0..SCOPES {
            let read = self.vault().get(&scope(number));
            let state = &self.model[number];
            let disabled = |error| {
                let VaultError::Open(OpenError::KeyDisabled(id)) = error else {
                    panic!("{error:?}");
                };
                let found = self.keyring.entries().find(|(other, _)| *other == id);
                assert_eq!(found.map(|(_, state)| state), Some(KeyState::Disabled));
            };
            match read {
                Err(error) => disabled(error),
                Ok(read) => {
                    let read = read.map(|opened| {
                        let text = opened.expose_text().map(str::to_owned);
                        (opened.revision().get(), opened.rewraps(), *opened.origin(), text)
                    });
                    let present = state.present.clone();
                    let present =
                        present.map(|one| (one.revision, one.rewraps, one.origin, one.text));
                    assert_eq!(read, present);
                    let mut history = state.present.iter().chain(state.past.values().rev());
                    for entry in self.vault().history(&scope(number)).unwrap() {
                        let kept = history.next().expect("no more than the past");
                        match entry {
                            Err(error) => disabled(error),
                            Ok(entry) => {
                                let found = (entry.revision().get(), entry.is_tombstone());
                                assert_eq!(found, (kept.revision, kept.text.is_none()));
                                let opened = self.vault().get_at(&scope(number), entry.revision());
                                let opened = opened.unwrap().unwrap();
                                assert_eq!(opened.expose_text(), kept.text.as_deref());
                                assert_eq!(*opened.origin(), kept.origin);
                            }
                        }
                    }
                    assert_eq!(history.next(), None, "all of the past");
                }
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
        run(Arc::new(crate::waiting::Waiting::new()), &actions);
    }
}

// Each case makes a database.
#[cfg(feature = "postgres")]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(times(100) as u32) })]

    #[test]
    fn in_postgres_through_a_pooler(actions in prop::collection::vec(action(), 1..60)) {
        run(Arc::new(crate::waiting::Waiting::pooled()), &actions);
    }
}
