//! Concurrent calls over several stores, with connections cut at random: each history of a scope is
//! that of a single register, and the past row of a record is the one that was written with it.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrets_toml::seal::{Record, Revision, Scope};
use secrets_toml::store::backend::{Outcome, Write, commitment};
use secrets_toml::store::{AsyncStore, PostgresStore, StoreError};
use tokio::task::JoinSet;

use super::{block_on, scope};
use crate::chain;
use crate::dice::Dice;
use crate::full::times;
use crate::seal::{keyring, revision};
use crate::server::Schema;

const TASKS: usize = 16;
/// The scopes of one round. The next round has other ones, so that histories stay short.
const SCOPES: usize = 4;
const CALLS: usize = 25;

/// The number of a record, in the order in which they were sealed.
type Value = u32;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Call {
    Get(Option<Value>),
    /// Over a value or over none, and whether it applied. A restore is one of an old value's content.
    Put(Option<Value>, Value, bool),
    /// `true` if there was a record.
    Purge(bool),
}

impl Call {
    /// The state after the call, if the call returns this in a state.
    fn step(self, state: Option<Value>) -> Option<Option<Value>> {
        match self {
            Self::Get(found) => (found == state).then_some(state),
            Self::Put(over, value, applied) => match (over == state, applied) {
                (true, true) => Some(Some(value)),
                (false, false) => Some(state),
                _ => None,
            },
            Self::Purge(was) => (was == state.is_some()).then_some(None),
        }
    }
}

/// A call, the moment when it began, and the one when it was answered. Without an answer it may have
/// had its effect at any later time, or never; `call` is the effect.
#[derive(Debug, Clone, Copy)]
struct Entry {
    call: Call,
    began: u64,
    answered: Option<u64>,
}

/// Returns `true` if the calls can be put in an order that respects time, in which each returns what a
/// register returns. It searches by depth, and visits no pair of calls done and state twice.
fn is_linearizable(entries: &[Entry]) -> bool {
    let all_answered: HashSet<_> =
        (0..entries.len()).filter(|i| entries[*i].answered.is_some()).collect();
    let words = entries.len().div_ceil(64);
    let mut seen = HashSet::new();
    let mut stack = vec![(vec![0_u64; words], None::<Value>)];
    let has = |done: &[u64], i: usize| done[i / 64] >> (i % 64) & 1 == 1;
    while let Some((done, state)) = stack.pop() {
        if all_answered.iter().all(|i| has(&done, *i)) {
            return true;
        }
        // A call that was answered before another one began comes before it.
        let first_answer = (0..entries.len())
            .filter(|i| !has(&done, *i))
            .filter_map(|i| entries[i].answered)
            .min()
            .unwrap_or(u64::MAX);
        for (i, entry) in entries.iter().enumerate() {
            if has(&done, i) || entry.began > first_answer {
                continue;
            }
            let Some(next) = entry.call.step(state) else { continue };
            let mut done = done.clone();
            done[i / 64] |= 1 << (i % 64);
            if seen.insert((done.clone(), next)) {
                stack.push((done, next));
            }
        }
    }
    false
}

#[test]
fn the_checker_tells_registers_from_others() {
    let entry = |call, began, answered| Entry { call, began, answered };
    let put = |over, value| Call::Put(over, value, true);
    let ok: [&[Entry]; 5] = [
        &[entry(put(None, 1), 0, Some(3)), entry(Call::Get(None), 1, Some(2))],
        &[entry(put(None, 1), 0, Some(3)), entry(Call::Get(Some(1)), 1, Some(2))],
        &[
            entry(put(None, 1), 0, None),
            entry(Call::Get(None), 1, Some(2)),
            entry(Call::Get(Some(1)), 3, Some(4)),
        ],
        &[entry(put(None, 1), 0, None), entry(Call::Get(None), 1, Some(2))],
        &[
            entry(put(None, 1), 0, Some(1)),
            entry(Call::Purge(true), 2, Some(5)),
            entry(put(None, 2), 3, Some(4)),
        ],
    ];
    let bad: [&[Entry]; 6] = [
        // A stale read, a lost write, two writes over one, a read of what was never written, a purge of
        // nothing, and a conflict with nothing.
        &[entry(put(None, 1), 0, Some(1)), entry(Call::Get(None), 2, Some(3))],
        &[
            entry(put(None, 1), 0, Some(1)),
            entry(put(Some(1), 2), 2, Some(3)),
            entry(Call::Get(Some(1)), 4, Some(5)),
        ],
        &[entry(put(None, 1), 0, Some(3)), entry(put(None, 2), 1, Some(2))],
        &[entry(Call::Get(Some(1)), 0, Some(1))],
        &[entry(Call::Purge(true), 0, Some(1))],
        &[entry(Call::Put(None, 1, false), 0, Some(1))],
    ];
    assert!(ok.iter().all(|history| is_linearizable(history)));
    assert!(bad.iter().all(|history| !is_linearizable(history)));
}

/// A record, and the past row that is written with it.
struct Sealed {
    value: Value,
    record: Record,
    past: Option<Record>,
}

/// The effect of a write on the past row of its scope.
#[derive(Clone, Copy)]
enum Past {
    /// It becomes the record that is replaced.
    Put,
    Remove,
}

enum Action {
    Get,
    Purge,
    Write(Option<Vec<u8>>, Past),
}

/// The records and the calls of all rounds.
struct Recorder {
    clock: AtomicU64,
    sealed: AtomicU32,
    values: Mutex<BTreeMap<Vec<u8>, Sealed>>,
    entries: Mutex<BTreeMap<Vec<u8>, Vec<Entry>>>,
    unknown: AtomicUsize,
    unavailable: AtomicUsize,
}

impl Recorder {
    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Seals a record, and makes the write that puts it over another one, or over none.
    fn write(&self, scope: &Scope, over: Option<&[u8]>, past: Past) -> (Value, Write) {
        let value = self.sealed.fetch_add(1, Ordering::SeqCst);
        let record = keyring().seal_tombstone(scope, revision(1), None).unwrap();
        let (key, copy) = (record.as_bytes().to_vec(), record.clone());
        let values = &mut self.values.lock().unwrap();
        let (write, past) = match (over, past) {
            (None, _) => (Write::create(scope, record), None),
            (Some(over), Past::Put) => {
                let past = values[over].record.clone();
                let write = Write::replace(scope, *commitment(over).unwrap(), record);
                (write.put_past(Revision::FIRST, past.clone()), Some(past))
            }
            (Some(over), Past::Remove) => {
                let write = Write::replace(scope, *commitment(over).unwrap(), record);
                (write.remove_past(1..2), None)
            }
        };
        values.insert(key, Sealed { value, record: copy, past });
        (value, write)
    }

    fn value(&self, found: &[u8]) -> Value {
        self.values.lock().unwrap()[found].value
    }

    /// Checks that the past row of a scope was written with its record. Without a record there is none.
    async fn check_past(&self, store: &PostgresStore, scope: &Scope) {
        let record = keyring().seal_tombstone(scope, revision(1), None).unwrap();
        let write = Write::replace(scope, [0; 32], record.clone());
        let key = write.put_past(Revision::FIRST, record).past()[0].scope().to_vec();
        loop {
            let present = store.get(scope.as_bytes()).await.unwrap();
            let past = store.get(&key).await.unwrap();
            // A write whose connection was cut may be carried out in between.
            if store.get(scope.as_bytes()).await.unwrap() == present {
                let values = self.values.lock().unwrap();
                let sealed = present.as_deref().map(|present| &values[present]);
                let expected = sealed.and_then(|sealed| sealed.past.as_ref());
                assert_eq!(past.as_deref(), expected.map(Record::as_bytes), "{scope:?}");
                return;
            }
        }
    }

    /// Makes one call, and returns what a get found.
    async fn call(&self, store: &PostgresStore, scope: &Scope, action: Action) -> Option<Vec<u8>> {
        let began = self.now();
        let mut found = None;
        // The effect of the call if it was answered, and the one that it may have had.
        let (done, effect) = match action {
            Action::Get => {
                let got = store.get(scope.as_bytes()).await;
                let call = got.map(|record| {
                    found = record;
                    Call::Get(found.as_deref().map(|record| self.value(record)))
                });
                (call, Call::Get(None))
            }
            Action::Purge => {
                let purged = store.purge(scope.as_bytes()).await;
                (purged.map(Call::Purge), Call::Purge(true))
            }
            Action::Write(over, past) => {
                let (value, write) = self.write(scope, over.as_deref(), past);
                let over = over.map(|over| self.value(&over));
                let applied = store.apply(None, &[write]).await;
                let call =
                    applied.map(|outcome| Call::Put(over, value, outcome == [Outcome::Applied]));
                (call, Call::Put(over, value, true))
            }
        };
        let answered = self.now();
        let entry = match done {
            Ok(call) => Entry { call, began, answered: Some(answered) },
            Err(StoreError::Unknown(_)) => {
                self.unknown.fetch_add(1, Ordering::SeqCst);
                Entry { call: effect, began, answered: None }
            }
            // Nothing was done, and nothing will be.
            Err(StoreError::Unavailable(_)) => {
                self.unavailable.fetch_add(1, Ordering::SeqCst);
                return None;
            }
            Err(error) => panic!("{}", chain(&error)),
        };
        self.entries.lock().unwrap().entry(scope.as_bytes().to_vec()).or_default().push(entry);
        found
    }
}

async fn run(schema: Schema, calls: usize) {
    schema.store().migrate().await.unwrap();
    let mut proxies = Vec::new();
    for _ in 0..3 {
        proxies.push(schema.proxy().await);
    }
    let proxies = Arc::new(proxies);
    let stores: Vec<_> =
        proxies.iter().map(|proxy| Arc::new(schema.store_through(proxy))).collect();
    let undisturbed = schema.store();
    let recorder = Arc::new(Recorder {
        clock: AtomicU64::new(0),
        sealed: AtomicU32::new(0),
        values: Mutex::default(),
        entries: Mutex::default(),
        unknown: AtomicUsize::new(0),
        unavailable: AtomicUsize::new(0),
    });
    let (cutting, counted) = (proxies.clone(), recorder.clone());
    let cutter = tokio::spawn(async move {
        let (mut dice, mut next) = (Dice(7), 0);
        loop {
            // After so many calls, however long they take: each cut leaves calls of unknown outcome, and
            // there may not be too many in one round for the search.
            next += 100 + dice.roll(300) as u64;
            while counted.clock.load(Ordering::SeqCst) < next {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            cutting[dice.roll(3)].cut();
        }
    });
    for round in 0..calls / (TASKS * CALLS) {
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let (store, recorder) = (stores[task % 3].clone(), recorder.clone());
            tasks.spawn(async move {
                let mut dice =
                    Dice(((round * TASKS + task + 1) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
                let mut last = vec![None; SCOPES];
                for _ in 0..CALLS {
                    let number = dice.roll(SCOPES);
                    let scope = scope(&format!("{round}-{number}"));
                    let past = if dice.roll(3) == 0 { Past::Remove } else { Past::Put };
                    let action = match dice.roll(8) {
                        0 => Action::Purge,
                        1 => Action::Write(None, past),
                        2 => {
                            last[number] = recorder.call(&store, &scope, Action::Get).await;
                            continue;
                        }
                        // Over what it has read last, which others may have replaced.
                        3 => Action::Write(last[number].clone(), past),
                        _ => Action::Write(recorder.call(&store, &scope, Action::Get).await, past),
                    };
                    drop(recorder.call(&store, &scope, action).await);
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        for number in 0..SCOPES {
            recorder.check_past(&undisturbed, &scope(&format!("{round}-{number}"))).await;
        }
    }
    cutter.abort();
    let entries = std::mem::take(&mut *recorder.entries.lock().unwrap());
    let mut applied = 0;
    for (scope, entries) in &entries {
        assert!(is_linearizable(entries), "{scope:?}: {entries:#?}");
        applied += entries.iter().filter(|one| matches!(one.call, Call::Put(_, _, true))).count();
    }
    let unknown = recorder.unknown.load(Ordering::SeqCst);
    println!("{applied} of {calls} applied, {unknown} unknown");
    assert!(applied > calls / 10 && unknown > 0, "{applied} applied, {unknown} unknown");
}

#[test]
fn histories_over_three_stores_are_those_of_registers() {
    block_on(async { run(Schema::new().await, times(100_000)).await });
}

#[test]
fn histories_through_a_pooler_are_those_of_registers() {
    block_on(async { run(Schema::pooled().await, times(100_000)).await });
}
