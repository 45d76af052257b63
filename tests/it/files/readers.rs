//! Readers beside a reload: none waits for a read or a validation.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use secrets_toml::files::{Files, Reload};

use super::write;
use crate::folder::Folder;
use crate::full::times;

const READERS: usize = 50;

/// A document that takes long to read and to validate. All values are of one edit.
fn text(edit: usize) -> String {
    (0..4_000).map(|key| format!("KEY_{key} = 'of edit {edit}'\n")).collect()
}

#[test]
fn no_reader_waits_for_a_poll() {
    let folder = Folder::new();
    let path = folder.join("secrets.toml");
    write(&path, text(0));
    let mut reload = Reload::new(Files::new().file(&path), None).unwrap();
    let (polling, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let beside = AtomicUsize::new(0);
    let edits = times(100);
    thread::scope(|scope| {
        for _ in 0..READERS {
            let current = reload.reader();
            let (polling, stop, beside) = (&polling, &stop, &beside);
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    // The poll has begun before, and ends after.
                    let begun = polling.load(Ordering::SeqCst);
                    let secrets = current.get();
                    if begun && polling.load(Ordering::SeqCst) {
                        beside.fetch_add(1, Ordering::SeqCst);
                    }
                    let value = |key| secrets.get(key).unwrap().as_str().unwrap();
                    assert_eq!(value("KEY_0"), value("KEY_3999"));
                    thread::sleep(Duration::from_millis(1));
                }
            });
        }
        for edit in 1..=edits {
            let next = path.with_extension("next");
            write(&next, text(edit));
            std::fs::rename(next, &path).unwrap();
            polling.store(true, Ordering::SeqCst);
            let changes = reload.poll().unwrap().unwrap();
            polling.store(false, Ordering::SeqCst);
            assert_eq!(changes.changed().len(), 4_000);
        }
        stop.store(true, Ordering::SeqCst);
    });
    let beside = beside.into_inner();
    println!("{edits} polls, {beside} reads beside them");
    // If a poll held the lock, each thread could only finish what it has begun.
    assert!(beside > 2 * READERS * edits, "{beside} reads beside {edits} polls");
}
