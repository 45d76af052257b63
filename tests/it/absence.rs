//! Checks of the sources: no access to the environment, the clock, the network or a file, except in
//! the listed places; no value in the message of a panic; no unsafe code.

use std::fs;
use std::path::{Path, PathBuf};

/// The names by which the sources would use the outside world.
const WORLD: [&str; 23] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time",
    "std::{",
    " std as ",
    "extern crate",
    // Methods of a path, which need no import.
    "exists()",
    ".metadata(",
    ".read_dir(",
    ".read_link(",
    ".canonicalize(",
    "stdin(",
    "stdout(",
    "stderr(",
    "print!(",
    "println!(",
    "dbg!(",
    "getrandom::",
    "rustix::",
];

/// The allowed names: file, name, and the reason.
const ALLOWED: [(&str, &str); 36] = [
    ("files/contents.rs", "std::fs"),    // the files that the host lists
    ("files/contents.rs", ".metadata("), // the length of an open file
    ("files/folder.rs", "std::fs"),      // the files that the host lists
    ("files/folder.rs", "std::os"),      // names as bytes
    ("files/folder.rs", ".metadata("),   // the type and length of an open file
    ("files/folder.rs", "rustix::"),     // files relative to an open folder
    ("files/folder_by_path.rs", "std::fs"), // the same, on other systems
    ("files/folder_by_path.rs", ".metadata("), // the same
    ("handover.rs", "std::os"),          // the owner of a file
    ("handover.rs", ".metadata("),       // the same
    ("handover.rs", "rustix::"),         // the same, relative to an open folder
    ("handover/error.rs", "rustix::"),   // error numbers
    ("handover/folder.rs", "std::fs"),   // the delivered file
    ("handover/folder.rs", "std::os"),   // the same
    ("handover/folder.rs", ".metadata("), // the same
    ("handover/folder.rs", "rustix::"),  // the same
    ("handover/sweep.rs", "std::os"),    // the same, left by killed processes
    ("handover/sweep.rs", ".metadata("), // the same
    ("handover/sweep.rs", "rustix::"),   // the same
    ("handover/written.rs", "std::fs"),  // the delivered file
    ("handover/written.rs", "std::os"),  // the same
    ("handover/written.rs", ".metadata("), // the same
    ("handover/written.rs", "rustix::"), // the same
    ("handover/written.rs", "std::time"), // modification times, which Streamlit compares
    ("template/repository.rs", "std::fs"), // Template::from_repository
    ("template/repository.rs", "std::os"), // checks that the opened file is the one in the folder
    ("template/repository.rs", ".metadata("), // the same
    ("store/redb.rs", "std::fs"),        // the embedded database
    ("store/redb.rs", "std::os"),        // the mode of the file
    ("store/blocking.rs", "std::thread"), // a thread waits for what another one does
    ("vault/beside.rs", "std::thread"),  // a sweep commits on a second thread
    ("store/postgres/connection.rs", "std::time"), // the same
    ("store/postgres/pool.rs", "std::time"), // the same
    ("store/postgres.rs", "std::time"),  // a time limit, for the runtime's timer
    ("query/https.rs", "std::net"),      // parses addresses; opens no socket
    ("seal/random.rs", "getrandom::"),   // the only source of randomness
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

/// Reads the sources without their tests and comments, with the name of each file.
pub(crate) fn code() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 40, "{} files", files.len());
    let is_test = |file: &Path| file.iter().any(|name| name == "tests" || name == "tests.rs");
    files.retain(|file| !is_test(file.strip_prefix(&root).unwrap()));
    let code = files.iter().map(|file| {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(file).unwrap();
        let code = text.split("\nmod tests {").next().unwrap().lines().map(str::trim);
        (name, code.filter(|line| !line.starts_with("//")).collect::<Vec<_>>().join("\n"))
    });
    code.collect()
}

/// Lists the names that the sources use: (file, name).
fn named() -> Vec<(String, &'static str)> {
    let mut named = Vec::new();
    for (file, code) in code() {
        let found = WORLD.iter().filter(|what| code.contains(*what));
        named.extend(found.map(|what| (file.clone(), *what)));
    }
    named.sort();
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

/// A formatted message may print a value, and a comparison prints both sides.
#[test]
fn the_message_of_a_panic_is_fixed() {
    let mut count = 0;
    for (file, code) in code() {
        for what in ["assert_eq!(", "assert_ne!(", ".unwrap()", ".unwrap_err()", ".expect_err("] {
            assert!(!code.contains(what), "{file}: {what}");
        }
        for what in [".expect(", "panic!(", "unreachable!(", "assert!("] {
            for (place, _) in code.match_indices(what) {
                let rest = &code[place + what.len()..];
                let arguments = rest[..rest.find([';', '?']).unwrap_or(rest.len())].trim_start();
                let fixed = what == "assert!(" || arguments.starts_with('"');
                let message = arguments.split('"').nth(1).unwrap_or_default();
                assert!(fixed && !message.contains('{'), "{file}: {what}{arguments}");
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count} messages");
}
