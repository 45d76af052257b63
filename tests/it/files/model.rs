//! A model of a reload: after each of many edits, the present secrets are the last good ones, and
//! the changes are exactly the difference.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use secrets_toml::files::{Changes, Files, Reload};
use secrets_toml::{Document, Value};

use super::write;
use crate::dice::Dice;
use crate::folder::Folder;
use crate::full::times;

/// A root key's value.
#[derive(Clone, PartialEq)]
enum Entry {
    Text(String),
    Number(usize),
    Table(BTreeMap<&'static str, String>),
}

type Root = BTreeMap<String, Entry>;

const KEYS: [&str; 5] = ["A", "B", "C", "D", "E"];

/// The state of one file.
#[derive(Clone)]
enum State {
    Absent,
    Valid(Root),
    /// It cannot be read, for the reason that the last edit has made.
    Bad,
}

/// The files, their states, and the secrets that should be the present ones.
struct Model {
    dice: Dice,
    files: [PathBuf; 2],
    states: [State; 2],
    directory: PathBuf,
    /// The directory's folders.
    folders: Root,
    /// The directory has an entry that is not a folder, or a file that cannot be read.
    is_bad: bool,
    /// The number of edits, so that each makes another value.
    edits: usize,
}

impl Model {
    fn new(folder: &Folder) -> Self {
        let directory = folder.join("d");
        fs::create_dir(&directory).unwrap();
        let files = ["one.toml", "two.toml"].map(|name| folder.join(name));
        let states = [State::Absent, State::Absent];
        let folders = Root::new();
        Self { dice: Dice(0x5EC2), files, states, directory, folders, is_bad: false, edits: 0 }
    }

    /// Returns the merged secrets, or `None` if a read must fail.
    fn expected(&self) -> Option<Root> {
        let mut all = Root::new();
        for state in &self.states {
            match state {
                State::Absent => {}
                State::Valid(root) => all.extend(root.clone()),
                State::Bad => return None,
            }
        }
        all.extend(self.folders.clone());
        let is_blank = |entry: &Entry| match entry {
            Entry::Text(text) => text.is_empty(),
            Entry::Number(_) => false,
            Entry::Table(table) => table.values().any(String::is_empty),
        };
        (!self.is_bad && !all.values().any(is_blank)).then_some(all)
    }

    fn text(&mut self) -> String {
        if self.dice.roll(30) == 0 { String::new() } else { format!("hunter{}", self.edits) }
    }

    fn table(&mut self, least: usize) -> Entry {
        let keys = &["x", "y", "z"][..least + self.dice.roll(2)];
        Entry::Table(keys.iter().map(|&key| (key, self.text())).collect())
    }

    fn entry(&mut self) -> Entry {
        match self.dice.roll(4) {
            0 => Entry::Number(self.edits),
            1 => self.table(1),
            _ => Entry::Text(self.text()),
        }
    }

    fn edit(&mut self) {
        self.edits += 1;
        let bad = self.states.iter().position(|state| matches!(state, State::Bad));
        match (bad, self.dice.roll(4)) {
            // Usually what is bad is corrected.
            (Some(file), 1..) => self.edit_file(file),
            (None, 1..) if self.is_bad => self.edit_directory(),
            (_, 0) => self.edit_directory(),
            (None, roll) => self.edit_file(roll % 2),
        }
    }

    fn edit_file(&mut self, i: usize) {
        let path = self.files[i].clone();
        clear(&path);
        let root = match &self.states[i] {
            State::Valid(root) => root.clone(),
            _ => Root::new(),
        };
        self.states[i] = match self.dice.roll(10) {
            0 => State::Absent,
            1 => {
                fs::create_dir(&path).unwrap();
                State::Bad
            }
            2 => {
                write(&path, toml(&root));
                fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
                State::Bad
            }
            3 => {
                let broken =
                    [&b"A = 'hunter\n"[..], b"A =\n", b"[B\n", b"A = '\xFF'\n", b"A = 1\nA = 2\n"];
                write(&path, broken[self.dice.roll(broken.len())]);
                State::Bad
            }
            _ => {
                let mut root = root;
                for _ in 0..=self.dice.roll(2) {
                    let key = KEYS[self.dice.roll(KEYS.len())].to_owned();
                    if self.dice.roll(4) == 0 {
                        root.remove(&key);
                    } else {
                        let entry = self.entry();
                        root.insert(key, entry);
                    }
                }
                let comment = format!("# {}\n", self.dice.roll(2));
                write(&path, comment + &toml(&root));
                State::Valid(root)
            }
        };
    }

    fn edit_directory(&mut self) {
        if self.is_bad {
            fs::remove_file(self.directory.join("file")).unwrap();
            self.is_bad = false;
        }
        let key = KEYS[self.dice.roll(KEYS.len())];
        let place = self.directory.join(key);
        match self.dice.roll(6) {
            0 => {
                write(self.directory.join("file"), "hunter2");
                self.is_bad = true;
            }
            1 => {
                clear(&place);
                self.folders.remove(key);
            }
            // Nothing changes but what is ignored.
            2 => write(self.directory.join(".hidden"), format!("{}", self.edits)),
            roll => {
                clear(&place);
                let entry = if roll == 3 { self.table(2) } else { Entry::Text(self.text()) };
                match &entry {
                    Entry::Table(table) => {
                        table.iter().for_each(|(name, text)| write(place.join(name), text));
                    }
                    Entry::Text(text) => write(place.join("value"), format!(" {text}\r\n")),
                    Entry::Number(_) => unreachable!("a file is a string"),
                }
                self.folders.insert(key.to_owned(), entry);
            }
        }
    }
}

/// Removes whatever is at a path.
fn clear(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
}

fn toml(root: &Root) -> String {
    let entry = |(key, entry): (&String, &Entry)| match entry {
        Entry::Text(text) => format!("{key} = '{text}'\n"),
        Entry::Number(number) => format!("{key} = {number}\n"),
        Entry::Table(table) => {
            table.iter().map(|(name, text)| format!("{key}.{name} = '{text}'\n")).collect()
        }
    };
    root.iter().map(entry).collect()
}

/// The variables, by path.
fn flat(root: &Root) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    for (key, entry) in root {
        match entry {
            Entry::Text(text) => drop(flat.insert(key.clone(), format!("{text:?}"))),
            Entry::Number(number) => drop(flat.insert(key.clone(), format!("{number}"))),
            Entry::Table(table) => flat.extend(
                table.iter().map(|(name, text)| (format!("{key}.{name}"), format!("{text:?}"))),
            ),
        }
    }
    flat
}

fn flat_of(document: &Document) -> BTreeMap<String, String> {
    let shown = |value: Value<'_>| match value {
        Value::String(text) => format!("{text:?}"),
        Value::Integer(number) => format!("{number}"),
        other => panic!("{other:?}"),
    };
    document.variables().map(|(path, value)| (path.to_string(), shown(value))).collect()
}

/// The paths that are added, removed, changed, and of another kind.
fn difference(old: &Root, new: &Root) -> [Vec<String>; 4] {
    let kind = |entry: &Entry| std::mem::discriminant(entry);
    let is_other_kind = |key: &String| match (old.get(key), new.get(key)) {
        (Some(old), Some(new)) => kind(old) != kind(new),
        _ => false,
    };
    let root_of = |path: &String| path.split('.').next().unwrap().to_owned();
    let kinds: Vec<_> = new.keys().filter(|key| is_other_kind(key)).cloned().collect();
    let [old, new] = [old, new].map(|root| {
        let mut flat = flat(root);
        flat.retain(|path, _| !kinds.contains(&root_of(path)));
        flat
    });
    let added = new.keys().filter(|path| !old.contains_key(*path)).cloned().collect();
    let removed = old.keys().filter(|path| !new.contains_key(*path)).cloned().collect();
    let is_changed =
        |(path, value): &(&String, &String)| old.get(*path).is_some_and(|old| old != *value);
    let changed = new.iter().filter(is_changed).map(|(path, _)| path.clone()).collect();
    [added, removed, changed, kinds]
}

fn paths(changes: Option<&Changes>) -> [Vec<String>; 4] {
    let Some(changes) = changes else { return Default::default() };
    assert!(!changes.is_empty());
    let list = |paths: Vec<&str>| {
        let mut paths: Vec<_> = paths.into_iter().map(str::to_owned).collect();
        paths.sort();
        paths
    };
    [
        list(changes.added().collect()),
        list(changes.removed().collect()),
        list(changes.changed().collect()),
        list(changes.kind_changed().collect()),
    ]
}

fn run() {
    let folder = Folder::new();
    let mut model = Model::new(&folder);
    let files =
        Files::new().file(&model.files[0]).file(&model.files[1]).directory(&model.directory);
    let mut reload = Reload::new(files, None).unwrap();
    let reader = reload.reader();
    let mut good = Root::new();
    let (mut refused, mut none, mut some) = (0, 0, 0);
    for _ in 0..times(10_000) {
        model.edit();
        let before = reader.get();
        match (reload.poll(), model.expected()) {
            (Ok(changes), Some(expected)) => {
                assert_eq!(paths(changes.as_ref()), difference(&good, &expected));
                let both = Changes::between(&before, &reader.get());
                assert_eq!(both, changes.clone().unwrap_or_default());
                *(if changes.is_some() { &mut some } else { &mut none }) += 1;
                good = expected;
            }
            (Err(_), None) => refused += 1,
            (polled, expected) => {
                panic!("{polled:?}, but {}", if expected.is_some() { "valid" } else { "bad" })
            }
        }
        assert_eq!(flat_of(&reader.get()), flat(&good));
    }
    println!("{some} changes, {none} polls without one, {refused} refused");
    assert!(some > times(2_000) && none > times(100) && refused > times(2_000));
}

/// Root reads everything, so the model runs in a thread without root's rights.
#[test]
fn the_present_secrets_are_the_last_good_ones() {
    let model = thread::spawn(|| {
        #[cfg(target_os = "linux")]
        if rustix::process::geteuid().is_root() {
            let nobody = rustix::process::Uid::from_raw(65_534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        }
        run();
    });
    model.join().unwrap();
}
