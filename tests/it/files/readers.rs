//! Readers beside a reload: each gets the secrets of one edit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use secrets_toml::files::{Changes, Files, Reload};

use super::write;
use crate::folder::Folder;
use crate::full::times;

const READERS: usize = 50;

/// A document that takes long to read and to validate.
fn text(edit: usize) -> String {
    (0..4_000).map(|key| format!("KEY_{key} = 'of edit {edit}'\n")).collect()
}

#[test]
fn readers_beside_polls_get_the_values_of_one_edit() {
    let folder = Folder::new();
    let path = folder.join("secrets.toml");
    write(&path, text(0));
    let mut reload = Reload::new(Files::new().file(&path), None).unwrap();
    let stop = AtomicBool::new(false);
    let (edits, mut polled) = (times(100), Vec::new());
    thread::scope(|scope| {
        for _ in 0..READERS {
            let current = reload.reader();
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let secrets = current.get();
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
            polled.push(reload.poll());
        }
        stop.store(true, Ordering::SeqCst);
    });
    let changed = |polled: Result<Option<Changes>, _>| polled.unwrap().unwrap().changed().len();
    assert!(polled.into_iter().all(|polled| changed(polled) == 4_000));
}
