//! Generated files and secret directories, and what the crate reads of them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use secrets_toml::files::{Files, Layered};
use serde_json::json;

use crate::documents::{Dice, document};
use crate::{Result, canonical, hash};

/// Files and secret directories, in the order in which Streamlit is to read them.
#[derive(Default)]
pub struct Tree {
    files: Files,
    paths: Vec<PathBuf>,
}

impl Tree {
    pub fn file(&mut self, path: PathBuf) {
        self.files = std::mem::take(&mut self.files).file(&path);
        self.paths.push(path);
    }

    pub fn directory(&mut self, path: PathBuf) {
        self.files = std::mem::take(&mut self.files).directory(&path);
        self.paths.push(path);
    }

    /// Returns the paths, and either the root keys or the error: for each key its kind, the hash of
    /// its value, and that of its variable. `variables` are in the order of the environment.
    pub fn row(&self) -> serde_json::Value {
        match self.files.read() {
            Ok(layered) => {
                let env = layered.env();
                let variables: Vec<_> = env.iter().flat_map(|env| env.iter()).collect();
                let variables: Vec<_> =
                    variables.iter().map(|(name, value)| (name, hash(value.as_bytes()))).collect();
                let env_error = env.as_ref().err().map(|error| error.to_string());
                json!({
                    "paths": self.paths, "secrets": secrets(&layered), "variables": variables,
                    "env_error": env_error,
                })
            }
            Err(error) => json!({ "paths": self.paths, "error": error.to_string() }),
        }
    }
}

fn secrets(layered: &Layered) -> Vec<(String, &'static str, String)> {
    let root = layered.document().root().iter();
    let entry = |(key, value): (&str, secrets_toml::Value<'_>)| {
        let mut text = String::new();
        canonical(value, &mut text).expect("a string takes everything");
        (key.to_owned(), value.kind(), hash(text.as_bytes()))
    };
    root.map(entry).collect()
}

/// Generates between one and four files and directories.
pub fn tree(dice: &mut Dice, folder: &Path) -> Result<Tree> {
    fs::create_dir_all(folder)?;
    let mut tree = Tree::default();
    let mut empty = true;
    for number in 0..=dice.below(4) {
        if dice.below(2) == 0 {
            let path = folder.join(format!("{number}.toml"));
            if let Some(text) = text(dice)? {
                fs::write(&path, text)?;
                empty = false;
            }
            tree.file(path);
        } else {
            let path = folder.join(format!("{number}"));
            if dice.below(30) > 0 {
                fs::create_dir(&path)?;
                directory(dice, &path)?;
            }
            tree.directory(path);
            empty = false;
        }
    }
    // Without any file, Streamlit fails: see the list of differences.
    if !empty {
        let path = folder.join("last.toml");
        fs::write(&path, "")?;
        tree.file(path);
    }
    Ok(tree)
}

/// The text of a file that Streamlit reads, too, unless it is broken. `None` for an absent file.
fn text(dice: &mut Dice) -> Result<Option<Vec<u8>>> {
    let (_, document) = document(dice, &mut 0);
    let delivered = document.for_streamlit(&document.env()?)?;
    let mut text = delivered.expose_text().to_owned();
    if dice.below(3) == 0 {
        text = text.replace('\n', "\r\n");
    }
    Ok(match dice.below(40) {
        0..=5 => None,
        6 => Some((text + "A =\n").into_bytes()),
        7 => Some([text.as_bytes(), b"A = '\xFF'\n"].concat()),
        8..=10 => Some(Vec::new()),
        _ => Some(text.into_bytes()),
    })
}

/// Names of folders. The first ones are also keys of the documents.
const FOLDERS: [&str; 16] = [
    "CLARIFAI_PAT",
    "OPENAI_API_KEY",
    "PORT",
    "LIMIT",
    "USERS",
    "passwords",
    "connections",
    "empty",
    "CLARIFAI_USER_ID",
    "a b",
    "a.b",
    "é",
    "it's",
    "back\\slash",
    "\"quoted\"",
    "x.toml",
];

const FILES: [&str; 8] = ["user", "password", "a.b", "key.pem", "é", "a b", "x=y", "Z"];

/// Parts of a file: white space of every kind, line endings, and what TOML has to escape.
const PARTS: [&str; 24] = [
    "hunter2", "x", "1", "0.5", "true", "\n", "\r\n", "\r", " ", "\t", "\u{B}", "\u{C}", "\u{1C}",
    "\u{1F}", "\u{85}", "\u{A0}", "\u{2003}", "\u{2028}", "\u{FEFF}", "\u{200B}", "\"", "'",
    "\\u0041", "😀",
];

fn directory(dice: &mut Dice, path: &Path) -> Result<()> {
    for _ in 0..dice.below(5) {
        let place = path.join(dice.pick(&FOLDERS));
        if place.exists() {
            continue;
        }
        match dice.below(40) {
            0 => fs::write(place, "not a folder")?,
            1..=8 => mount(dice, &place)?,
            _ => {
                fs::create_dir(&place)?;
                let count = dice.below(4);
                files(dice, &place, count)?;
                if dice.below(4) == 0 {
                    fs::create_dir_all(place.join("folder"))?;
                    files(dice, &place.join("folder"), 2)?;
                }
            }
        }
    }
    Ok(())
}

fn files(dice: &mut Dice, path: &Path, count: usize) -> Result<()> {
    let names: BTreeSet<_> = (0..count).map(|_| dice.pick(&FILES)).collect();
    for name in names {
        let parts = dice.below(7);
        let mut text: Vec<u8> = (0..parts).flat_map(|_| dice.pick(&PARTS).bytes()).collect();
        if dice.below(100) == 0 {
            text.push(0xFF);
        }
        fs::write(path.join(name), text)?;
    }
    Ok(())
}

/// A Kubernetes mount.
fn mount(dice: &mut Dice, path: &Path) -> Result<()> {
    let generation = path.join("..2026_11_27_22_21_07.123456789");
    fs::create_dir_all(&generation)?;
    let count = dice.below(4);
    files(dice, &generation, count)?;
    symlink(generation.file_name().ok_or("it has a name")?, path.join("..data"))?;
    for entry in fs::read_dir(&generation)? {
        let name = entry?.file_name();
        symlink(Path::new("..data").join(&name), path.join(name))?;
    }
    Ok(())
}
