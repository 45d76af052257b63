//! What the sources do not do: read the environment, the clock, the network or a file, but where it
//! is said that they do; and nothing that the compiler does not vouch for.

use std::fs;
use std::path::{Path, PathBuf};

/// The world outside, as the sources would name it.
const WORLD: [&str; 15] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time",
    "std::{",
    "stdin(",
    "stdout(",
    "stderr(",
    "print!(",
    "println!(",
    "dbg!(",
    "getrandom::",
];

/// Where what is named, and why.
const ALLOWED: [(&str, &str); 6] = [
    ("template.rs", "std::fs"),         // Template::from_repository
    ("store/redb.rs", "std::fs"),       // the embedded database
    ("store/redb.rs", "std::os"),       // the mode of its file
    ("store/postgres.rs", "std::time"), // a limit, given to the runtime's timer
    ("query/https.rs", "std::net"),     // how addresses are written, and no socket
    ("seal.rs", "getrandom::"),         // the one place
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What is named outside of comments: (file, name).
fn named() -> Vec<(String, &'static str)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 40, "{} files", files.len());
    let mut named = Vec::new();
    for file in files.iter().filter(|file| !file.starts_with(root.join("seal/tests"))) {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap();
        let text = fs::read_to_string(file).unwrap();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            named.extend(
                WORLD
                    .iter()
                    .filter(|what| line.contains(*what))
                    .map(|what| (name.to_owned(), *what)),
            );
        }
    }
    named.sort();
    named.dedup();
    named
}

#[test]
fn nothing_but_what_is_listed_touches_the_world() {
    let mut allowed = ALLOWED.map(|(file, what)| (file.to_owned(), what)).to_vec();
    allowed.sort();
    assert_eq!(named(), allowed);
}

#[test]
fn there_is_no_unsafe() {
    let front = include_str!("../../src/lib.rs");
    assert!(front.lines().any(|line| line == "#![forbid(unsafe_code)]"));
}
