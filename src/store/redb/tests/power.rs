//! Cuts of the power: every acknowledged write survives, and nothing else appears.

use std::collections::BTreeMap;
use std::env;
use std::ops::ControlFlow;
use std::process::{Command, Stdio};

use crate::dice::Dice;
use crate::seal::{Custody, KeyState, Keyring, Lock, LockedKeyring, Scope};
use crate::store::backend::Fetch;
use crate::store::redb::tests::disk::{Cuts, Disk, Step};
use crate::store::redb::tests::full::times;
use crate::store::redb::tests::store_on;
use crate::store::{RedbOptions, Store, StoreError};
use crate::vault::{Expected, Scopes, Vault};
use crate::{Document, Secrets};

const KEK: [u8; 32] = [3; 32];

fn custody(lock: Lock<'_>) -> Custody<'_> {
    Custody::new("test").and_then(|custody| custody.lock("host", lock)).unwrap()
}

fn keyring() -> Keyring {
    Keyring::from_bytes([7; 32])
}

fn scope(number: usize) -> Scope {
    Scope::module("chat").unwrap().version(&number.to_string()).unwrap()
}

fn secrets(text: &str) -> Secrets {
    Document::parse(text).unwrap().validate().unwrap()
}

/// Every record of a store, by its scope.
type Records = BTreeMap<Vec<u8>, Vec<u8>>;

fn records(store: &impl Store) -> Result<Records, StoreError> {
    let mut records = Records::new();
    loop {
        let after = records.keys().next_back().cloned();
        let page = store.scan(&[], after.as_deref(), 1000, Fetch::Records)?;
        if page.is_empty() {
            return Ok(records);
        }
        records.extend(page.iter().map(|row| (row.scope().to_vec(), row.record().to_vec())));
    }
}

/// Copies a keyring by locking and unlocking it.
fn copy(keyring: &mut Keyring) -> Keyring {
    let locked = keyring.lock(&custody(Lock::raw(&KEK))).unwrap();
    LockedKeyring::parse(&locked).unwrap().unlock(&custody(Lock::raw(&KEK))).unwrap()
}

/// The record of a workload.
struct Tape {
    start: Vec<u8>,
    steps: Vec<Step>,
    /// For each operation, the number of steps when it was acknowledged, and the records then.
    acknowledged: Vec<(usize, Records)>,
}

impl Tape {
    fn record(operations: usize) -> Self {
        let mut dice = Dice(0x5EED);
        let disk = Disk::default();
        let backend = disk.clone();
        let options = RedbOptions::new().cache_len(1 << 20);
        let store = store_on(&options, move || Ok(backend.clone())).unwrap();
        let mut keyring = keyring();
        let vault = Vault::new(store, copy(&mut keyring)).keep_history(3).unwrap();
        let start = disk.record();
        let mut acknowledged = vec![(0, Records::new())];
        for operation in 0..operations {
            let scope = scope(dice.roll(12));
            let current = vault.get(&scope).unwrap();
            let expected = current
                .as_ref()
                .map_or(Expected::Absent, |opened| Expected::Revision(opened.revision()));
            match dice.roll(12) {
                0 if current.as_ref().is_some_and(|opened| !opened.is_tombstone()) => {
                    vault.delete(&scope, current.unwrap().revision(), None).unwrap();
                }
                1 => _ = vault.purge(&scope).unwrap(),
                // A batch of all records.
                2 => {
                    let new = keyring.add().unwrap();
                    keyring.promote(&new).unwrap();
                    vault.set_keyring(copy(&mut keyring)).unwrap();
                    vault.rewrap(Scopes::All, |_| ControlFlow::Continue(())).unwrap();
                }
                // A large document, so that the file grows.
                3 => {
                    let text = format!("A = '{}'", "x".repeat(dice.roll(20_000)));
                    vault.put(&scope, &secrets(&text), expected).unwrap();
                }
                4 if current.is_some() => {
                    let past = vault.history(&scope).unwrap().map(Result::unwrap);
                    let past = past.filter(|entry| !entry.is_tombstone()).last().unwrap();
                    vault.restore(&scope, past.revision(), expected, None).unwrap();
                }
                _ => {
                    let text = format!("A = {operation}");
                    vault.put(&scope, &secrets(&text), expected).unwrap();
                }
            }
            acknowledged.push((disk.steps(), records(vault.store()).unwrap()));
        }
        // Each of them is what the vault can open, under some key of the ring.
        let states = keyring.entries().filter(|(_, state)| *state != KeyState::Destroyed).count();
        assert!(states > 1, "keys were added");
        for (_, records) in &acknowledged {
            for (scope, record) in records {
                match Scope::of_past(scope) {
                    Some((scope, past)) => keyring.open_past(&scope, past, record).unwrap(),
                    None => keyring.open(&Scope::from_bytes(scope).unwrap(), record).unwrap(),
                };
            }
        }
        drop(vault);
        Self { start, steps: disk.into_steps(), acknowledged }
    }

    /// Cuts the power `images` times. Counts the images with other records than those acknowledged, or
    /// those of the operation that was under way.
    fn replay(&self, images: usize, skipped: Option<usize>) -> usize {
        let mut dice = Dice(0xC0FFEE);
        let mut cuts = Cuts::new(self.start.clone(), &self.steps, skipped);
        let last = self.acknowledged.last().unwrap().0;
        let mut ats: Vec<usize> = (0..images).map(|_| dice.roll(last + 1)).collect();
        ats.sort_unstable();
        let (mut operation, mut failures) = (0, 0);
        for (i, at) in ats.into_iter().enumerate() {
            while self.acknowledged.get(operation + 1).is_some_and(|(end, _)| *end <= at) {
                operation += 1;
            }
            let image = Disk::new(cuts.image(at, &mut dice));
            let options = RedbOptions::new().cache_len(1 << 20);
            let opened = store_on(&options, move || Ok(image.clone()));
            let found = opened.and_then(|store| {
                let found = records(&store)?;
                if i % 100 == 0 {
                    // The store can be written to.
                    let vault = Vault::new(store, keyring());
                    let new = Scope::module("new").unwrap();
                    vault
                        .put(&new, &secrets("A = 1"), Expected::Absent)
                        .expect("it can be written");
                }
                Ok(found)
            });
            let is_known = |found: &Records| {
                let under_way = self.acknowledged.get(operation + 1);
                *found == self.acknowledged[operation].1
                    || under_way.is_some_and(|(_, records)| found == records)
            };
            if !found.as_ref().is_ok_and(is_known) {
                failures += 1;
                if skipped.is_none() {
                    panic!("image {i} after {at} steps: {:?}", found.map(|found| found.len()));
                }
            }
        }
        failures
    }
}

#[test]
fn a_cut_of_the_power_loses_nothing_that_was_acknowledged() {
    let tape = Tape::record(150);
    assert!(tape.steps.len() > 1000, "{} steps", tape.steps.len());
    assert_eq!(tape.replay(times(20_000), None), 0);
}

/// The harness notices a disk that reports every fifth sync as done without doing it. Runs in a
/// process of its own, since a damaged database may abort it.
#[test]
fn a_disk_that_lies_is_found_out() {
    const CHILD: &str = "SECRETS_TOML_LYING_DISK";
    if env::var_os(CHILD).is_some() {
        println!("failures: {}", Tape::record(60).replay(times(2_000), Some(5)));
        return;
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["store::redb::tests::power::a_disk_that_lies_is_found_out", "--exact"]);
    child.args(["--nocapture", "--test-threads=1"]).env(CHILD, "").stderr(Stdio::null());
    let child = child.output().unwrap();
    let told = String::from_utf8_lossy(&child.stdout).into_owned();
    let count = told.lines().find_map(|line| line.split_once("failures: "));
    let count = count.and_then(|(_, count)| count.parse::<usize>().ok());
    assert!(!child.status.success() || count.is_some_and(|count| count > 0), "{told}");
}
