//! A killed process loses no acknowledged write, and a damaged file yields an error or the truth.
//!
//! Cuts of the power are unit tests in `src/store/redb/tests`, since they replace the file. Both run
//! a tenth of their counts, or all if the variable `SECRETS_TOML_FULL` is set.

#![cfg(feature = "redb")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/dice.rs"]
mod dice;
#[path = "support/folder.rs"]
mod folder;
#[path = "support/full.rs"]
mod full;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dice::Dice;
use folder::Folder;
use full::times;
use secrets_toml::seal::{Keyring, Revision, Scope};
use secrets_toml::store::{RedbStore, StoreError};
use secrets_toml::vault::{Expected, Scopes, Vault};
use secrets_toml::{Document, Secrets};

/// The number of past revisions that the child keeps.
const KEPT: u64 = 3;

/// The variable by which a child gets the file to write to.
const FILE: &str = "SECRETS_TOML_TORTURE";

fn keyring() -> Keyring {
    Keyring::from_bytes([7; 32])
}

fn scope(number: usize) -> Scope {
    Scope::module("chat").unwrap().version(&number.to_string()).unwrap()
}

fn secrets(text: &str) -> Secrets {
    Document::parse(text).unwrap().validate().unwrap()
}

#[test]
fn a_killed_process_loses_no_acknowledged_revision() {
    match env::var_os(FILE) {
        Some(file) => write_for_ever(Path::new(&file)),
        None => kill_and_open(Duration::MAX),
    }
}

#[test]
#[ignore = "a busy machine takes longer"]
fn the_store_of_a_killed_process_opens_within_a_second() {
    kill_and_open(Duration::from_secs(1));
}

/// Kills a process that writes as fast as it can, again and again. Each time, opening its store takes
/// at most `longest`.
fn kill_and_open(longest: Duration) {
    let folder = Folder::new();
    let file = folder.join("vault.redb");
    drop(RedbStore::create(&file).unwrap());
    let mut dice = Dice(0xDEAD);
    let mut written = 0;
    let rounds = times(50);
    for round in 0..rounds {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["a_killed_process_loses_no_acknowledged_revision", "--exact"])
            .args(["--nocapture", "--test-threads=1"])
            .env(FILE, &file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        // The child is killed after a few writes, however slow the machine is.
        let mut acknowledged = BTreeMap::new();
        let mut read = |line: String| {
            let number = |part: Option<&str>| part.and_then(|part| part.parse::<u64>().ok());
            // The last line may be cut off.
            let line = line.strip_prefix("wrote ").and_then(|line| line.strip_suffix(" ."));
            let mut parts = line.unwrap_or_default().split(' ');
            if let (Some(scope), Some(revision)) = (number(parts.next()), number(parts.next())) {
                acknowledged.insert(scope as usize, revision);
                written += 1;
                return true;
            }
            false
        };
        for _ in 0..2 + dice.roll(4) {
            while !read(told.next().expect("the child has ended").unwrap()) {}
        }
        std::thread::sleep(Duration::from_millis(dice.roll(40) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        told.map_while(Result::ok).for_each(|line| _ = read(line));

        let started = Instant::now();
        let vault = Vault::new(RedbStore::open(&file).unwrap(), keyring());
        assert!(started.elapsed() <= longest, "{:?}", started.elapsed());
        for (number, revision) in acknowledged {
            let found = vault.get(&scope(number)).unwrap().unwrap().revision().get();
            // The write that was under way may have happened.
            assert!(
                found == revision || found == revision + 1,
                "round {round}: {found}, {revision}"
            );
            let history = vault.history(&scope(number)).unwrap();
            let history: Vec<_> = history.map(|entry| entry.unwrap().revision().get()).collect();
            let oldest = found.saturating_sub(KEPT).max(1);
            assert!(history.into_iter().eq((oldest..=found).rev()), "round {round}: the past");
        }
        assert_eq!(vault.verify(Scopes::All).unwrap().failed(), 0);
    }
    assert!(written >= 2 * rounds, "{written} revisions were acknowledged");
}

fn write_for_ever(file: &Path) {
    let vault = Vault::new(RedbStore::open(file).unwrap(), keyring()).keep_history(KEPT).unwrap();
    let mut out = std::io::stdout();
    for i in 0.. {
        let number = i % 4;
        let current = vault.get(&scope(number)).unwrap();
        let expected = current.map_or(Expected::Absent, |one| Expected::Revision(one.revision()));
        let revision = vault.put(&scope(number), &secrets("A = 1"), expected).unwrap();
        // In one call. The end of the process may still cut the line off.
        out.write_all(format!("\nwrote {number} {revision} .\n").as_bytes()).unwrap();
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

/// Opens a file and reads all records: each is an error or the truth. Returns `true` if it opened.
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
    let damages = times(600);
    for i in 0..damages {
        let mut damaged = intact.clone();
        // Half of the changes are in the first pages, which hold the structure of the file.
        let at = dice.roll(if i % 2 == 0 { 8192 } else { damaged.len() });
        damaged[at] ^= 1 + dice.roll(255) as u8;
        opened += usize::from(holds_nothing_wrong(&folder, &damaged, &format!("byte {at}")));
    }
    assert!(
        (1..damages).contains(&opened),
        "{opened} of {damages} opened: some bytes mean something"
    );
    for _ in 0..times(100) {
        let len = dice.roll(intact.len());
        holds_nothing_wrong(&folder, &intact[..len], &format!("cut at {len}"));
    }
    for multiple in 0..intact.len() / 4096 {
        let len = multiple * 4096;
        holds_nothing_wrong(&folder, &intact[..len], &format!("cut at {len}"));
    }
}
