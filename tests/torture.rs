//! What happens to the store in a file when the power is cut, the process killed or the file
//! damaged: no acknowledged write is lost, and nothing wrong is read.

#![cfg(feature = "redb")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/folder.rs"]
mod folder;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use disk::{Cuts, Dice, Disk};
use folder::Folder;
use secrets_toml::seal::{KeyState, Keyring, LockedKeyring, Protection, Revision, Scope, Unlock};
use secrets_toml::store::{Fetch, RedbOptions, RedbStore, Store, StoreError};
use secrets_toml::vault::{Expected, Vault};
use secrets_toml::{Document, Secrets};

/// What the parent tells a child: what to do, and the file to do it with.
const TASK: &str = "SECRETS_TOML_TORTURE";

const KEK: [u8; 32] = [3; 32];

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

/// The same keys in another keyring, which is locked for it and unlocked again.
fn copy(keyring: &mut Keyring) -> Keyring {
    let locked = keyring.lock(Protection::raw(&KEK)).unwrap();
    LockedKeyring::parse(&locked).unwrap().unlock(Unlock::Kek(&KEK)).unwrap()
}

/// A workload on a disk that remembers it.
struct Tape {
    start: Vec<u8>,
    steps: Vec<disk::Step>,
    /// After how many steps each operation was acknowledged, and what stood then.
    acknowledged: Vec<(usize, Records)>,
}

impl Tape {
    fn record(operations: usize) -> Self {
        let mut dice = Dice(0x5EED);
        let disk = Disk::default();
        let backend = disk.clone();
        let options = RedbOptions::new().cache_len(1 << 20);
        let store = RedbStore::with_backend(&options, move || Ok(backend.clone())).unwrap();
        let mut keyring = keyring();
        let vault = Vault::new(store, copy(&mut keyring));
        let start = disk.record();
        let mut acknowledged = vec![(0, Records::new())];
        for operation in 0..operations {
            let scope = scope(dice.roll(12));
            let standing = vault.get(&scope).unwrap();
            let expected = standing
                .as_ref()
                .map_or(Expected::Absent, |opened| Expected::Revision(opened.revision()));
            match dice.roll(12) {
                0 if standing.as_ref().is_some_and(|opened| !opened.is_tombstone()) => {
                    vault.delete(&scope, standing.unwrap().revision()).unwrap();
                }
                1 => _ = vault.purge(&scope).unwrap(),
                // A batch of all records.
                2 => {
                    let new = keyring.add().unwrap();
                    keyring.promote(&new).unwrap();
                    vault.set_keyring(copy(&mut keyring));
                    vault.rewrap_all(|_| ControlFlow::Continue(())).unwrap();
                }
                // A large one, so that the file grows.
                3 => {
                    let text = format!("A = '{}'", "x".repeat(dice.roll(20_000)));
                    vault.put(&scope, &secrets(&text), expected).unwrap();
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
                keyring.open(&Scope::from_bytes(scope).unwrap(), record).unwrap();
            }
        }
        drop(vault);
        Self { start, steps: disk.into_steps(), acknowledged }
    }

    /// Cuts the power so many times, and counts the images that show neither what was acknowledged
    /// nor what was under way.
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
            let opened = RedbStore::with_backend(&options, move || Ok(image.clone()));
            let found = opened.and_then(|store| {
                let found = records(&store)?;
                if i % 100 == 0 {
                    // It goes on from there.
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
    assert_eq!(tape.replay(20_000, None), 0);
}

/// The same, on a disk that says of every fifth sync that it was done, which it was not: the
/// harness would notice. In a process of its own, which a damaged database may end.
#[test]
fn a_disk_that_lies_is_found_out() {
    if task().is_some_and(|(task, _)| task == "lies") {
        println!("failures: {}", Tape::record(60).replay(2_000, Some(5)));
        return;
    }
    let child = child("a_disk_that_lies_is_found_out", "lies", "").output().unwrap();
    let told = String::from_utf8_lossy(&child.stdout).into_owned();
    let count = told.lines().find_map(|line| line.split_once("failures: "));
    let count = count.and_then(|(_, count)| count.parse::<usize>().ok());
    assert!(!child.status.success() || count.is_some_and(|count| count > 0), "{told}");
}

/// A process that writes as fast as it can is killed, again and again.
#[test]
fn a_killed_process_loses_no_acknowledged_revision() {
    if let Some(("writes", file)) = task().as_ref().map(|(task, file)| (task.as_str(), file)) {
        return write_for_ever(file);
    }
    let folder = Folder::new();
    let file = folder.join("vault.redb");
    drop(RedbStore::create(&file).unwrap());
    let mut dice = Dice(0xDEAD);
    let mut written = 0;
    for round in 0..50 {
        let mut child = child(
            "a_killed_process_loses_no_acknowledged_revision",
            "writes",
            file.to_str().unwrap(),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed from its first write on.
        let mut acknowledged = BTreeMap::new();
        let mut read = |line: String| {
            let number = |part: Option<&str>| part.and_then(|part| part.parse::<u64>().ok());
            let mut parts = line.strip_prefix("wrote ").unwrap_or_default().split(' ');
            if let (Some(scope), Some(revision)) = (number(parts.next()), number(parts.next())) {
                acknowledged.insert(scope as usize, revision);
                written += 1;
                return true;
            }
            false
        };
        while !told.next().is_some_and(|line| read(line.unwrap())) {}
        std::thread::sleep(Duration::from_millis(dice.roll(40) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        // The last line may be cut off.
        told.map_while(Result::ok).for_each(|line| _ = read(line));

        let started = Instant::now();
        let vault = Vault::new(RedbStore::open(&file).unwrap(), keyring());
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        for (number, revision) in acknowledged {
            let found = vault.get(&scope(number)).unwrap().unwrap().revision().get();
            // The one that was under way may have been written.
            assert!(
                found == revision || found == revision + 1,
                "round {round}: {found}, {revision}"
            );
        }
        assert_eq!(vault.verify().unwrap().failed(), 0);
    }
    assert!(written > 100, "{written} revisions were acknowledged");
}

fn write_for_ever(file: &str) {
    let vault = Vault::new(RedbStore::open(file).unwrap(), keyring());
    let mut out = std::io::stdout();
    for i in 0.. {
        let number = i % 4;
        let standing = vault.get(&scope(number)).unwrap();
        let expected = standing.map_or(Expected::Absent, |one| Expected::Revision(one.revision()));
        let revision = vault.put(&scope(number), &secrets("A = 1"), expected).unwrap();
        // Whole, though the line may be cut off by the end of the process.
        out.write_all(format!("\nwrote {number} {revision} \n").as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

fn text(number: usize) -> String {
    format!("A = 'the value of {number}'")
}

/// A file with forty records.
fn intact(folder: &Folder) -> Vec<u8> {
    let file = folder.join("intact.redb");
    let vault = Vault::new(RedbStore::create(&file).unwrap(), keyring());
    for number in 0..40 {
        vault.put(&scope(number), &secrets(&text(number)), Expected::Absent).unwrap();
    }
    drop(vault);
    fs::read(file).unwrap()
}

/// Opens a file and reads all of it: an error somewhere, or the true content. Tells whether it opened.
fn holds_nothing_wrong(folder: &Folder, bytes: &[u8], what: &str) -> bool {
    let file = folder.join("damaged.redb");
    fs::write(&file, bytes).unwrap();
    let store = match RedbStore::open(&file) {
        Ok(store) => store,
        Err(error) => {
            let clear = matches!(
                error,
                StoreError::Corrupt(_) | StoreError::Foreign(_) | StoreError::Missing
            );
            assert!(clear, "{what}: {error:?}");
            return false;
        }
    };
    let vault = Vault::new(store, keyring());
    for number in 0..40 {
        if let Ok(opened) = vault.get(&scope(number)) {
            let opened = opened.unwrap_or_else(|| panic!("{what}: {number} is gone"));
            assert_eq!(opened.expose_text(), Some(text(number).as_str()), "{what}");
            assert_eq!(opened.revision(), Revision::FIRST, "{what}");
        }
    }
    true
}

#[test]
fn a_damaged_file_gives_an_error_or_the_truth() {
    let folder = Folder::new();
    let intact = intact(&folder);
    assert!(holds_nothing_wrong(&folder, &intact, "intact"));
    let mut dice = Dice(0xBAD);
    let mut opened = 0;
    for i in 0..600 {
        let mut damaged = intact.clone();
        // The first pages have the structure of the file; half of the bytes are changed there.
        let at = dice.roll(if i % 2 == 0 { 8192 } else { damaged.len() });
        damaged[at] ^= 1 + dice.roll(255) as u8;
        opened += usize::from(holds_nothing_wrong(&folder, &damaged, &format!("byte {at}")));
    }
    assert!((1..600).contains(&opened), "{opened} of 600 opened: some bytes mean something");
    for _ in 0..100 {
        let len = dice.roll(intact.len());
        holds_nothing_wrong(&folder, &intact[..len], &format!("cut at {len}"));
    }
    for multiple in 0..intact.len() / 4096 {
        let len = multiple * 4096;
        holds_nothing_wrong(&folder, &intact[..len], &format!("cut at {len}"));
    }
}

/// What this process was started for by another of these tests.
fn task() -> Option<(String, String)> {
    let task = env::var(TASK).ok()?;
    let (task, file) = task.split_once(' ')?;
    Some((task.to_owned(), file.to_owned()))
}

/// This program again, for one test and one task.
fn child(test: &str, task: &str, file: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(TASK, format!("{task} {file}")).stderr(Stdio::null());
    command
}
