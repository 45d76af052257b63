//! Delivers documents and prints what a module must see, as one line of JSON for each delivery.
//!
//! ```text
//! streamlit-driver documents FOLDER SEED COUNT QUERIES     generated documents, QUERIES each
//! streamlit-driver links FOLDER                            the hostile links
//! streamlit-driver trees FOLDER SEED COUNT                 generated files and secret directories
//! streamlit-driver read file|directory PATH...             one result, of pairs of arguments
//! streamlit-driver launch new|old DOCUMENT QUERY FOLDER CHECKOUT PROGRAM [ARGUMENT...]
//! ```
//! `launch` starts a module as the README shows (`new`), or with its environment alone (`old`). It
//! then reads the commands `replace DOCUMENT` and `drop` from its input, and stops the module at the
//! end of the input.
//!
//! All values are made up. The checks compare hashes to keep their output short.

mod documents;
mod trees;

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::{env, fmt};

use documents::Dice;
use secrets_toml::handover::SecretsFile;
use secrets_toml::{Document, Env, Overrides, Value};
use serde_json::{Map, json};
use sha2::{Digest, Sha256};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["documents", folder, seed, count, queries] => {
            documents(Path::new(folder), seed.parse()?, count.parse()?, queries.parse()?)
        }
        ["links", folder] => links(Path::new(folder)),
        ["trees", folder, seed, count] => {
            let mut dice = Dice(seed.parse()?);
            for number in 0..count.parse()? {
                let files = trees::tree(&mut dice, &Path::new(folder).join(format!("{number}")))?;
                print(&files.row())?;
            }
            print(&json!({ "trees": count }))
        }
        ["read", ref paths @ ..] => {
            let mut files = trees::Tree::default();
            for pair in paths.chunks(2) {
                match *pair {
                    ["file", path] => files.file(path.into()),
                    ["directory", path] => files.directory(path.into()),
                    _ => return Err("see the first lines of main.rs".into()),
                }
            }
            print(&files.row())?;
            print(&json!({}))
        }
        ["launch", way, document, query, folder, checkout, program, ref arguments @ ..] => {
            let mut command = Command::new(program);
            let log = File::create(Path::new(checkout).join("module.log"))?;
            command.args(arguments).current_dir(checkout);
            command.stdout(log.try_clone()?).stderr(log);
            launch(way, document, query, folder, command)
        }
        _ => Err("see the first lines of main.rs".into()),
    }
}

/// Delivers generated documents. The first query of each document is empty.
fn documents(folder: &Path, seed: u64, count: usize, queries: usize) -> Result<()> {
    let mut dice = Dice(seed);
    let mut refused = 0;
    for number in 0..count {
        let (text, document) = documents::document(&mut dice, &mut refused);
        let source = folder.join(format!("{number}.toml"));
        fs::write(&source, text)?;
        let mut done = 0;
        while done < queries {
            let query = if done == 0 { String::new() } else { documents::query(&mut dice) };
            // Streamlit checks only deliveries, so skip refused queries.
            let Ok(env) = document.env()?.override_with(&documents::overrides(), &query) else {
                continue;
            };
            let Ok(delivered) = document.for_streamlit(&env) else { continue };
            let file = folder.join(format!("{number}-{done}.toml"));
            fs::write(&file, delivered.expose_text())?;
            print(&row(&document, &env, &query, &file, &source))?;
            done += 1;
        }
    }
    print(&json!({ "documents": count, "refused": refused }))
}

macro_rules! attacks {
    ($($name:ident: $query:expr => $outcome:expr;)*) => {
        fn attacks() -> Vec<String> {
            vec![$($query.to_owned()),*]
        }
    };
}
include!("../../../oracles/src/hostile_links.rs");

/// Delivers with the hostile links of the crate's own tests, each in three spellings.
fn links(folder: &Path) -> Result<()> {
    const OWNERS: [&str; 7] = [
        "CLARIFAI_PAT = 'owners-credential-1'\nCLARIFAI_API_BASE = 'https://api.clarifai.com'\n",
        "CLARIFAI_API_BASE = 'https://private.example'\nCLARIFAI_SESSION_TOKEN = 'owners-credential-2'",
        "CLARIFAI_PAT = 'owners-credential-3'\n",
        "CLARIFAI_SESSION_TOKEN = 'owners-credential-4'\nCLARIFAI_UI = 'https://clarifai.com'\n\
         CLARIFAI_PAT = 'owners-credential-5'\nCLARIFAI_USER_ID = 'owner'\n",
        "CLARIFAI_PAT = ['owners-credential-6']\n",
        "[CLARIFAI_SESSION_TOKEN]\nvalue = 'owners-credential-7'\n",
        "[[CLARIFAI_PAT]]\nvalue = 'owners-credential-8'\n",
    ];
    let (mut links, mut delivered) = (0, 0);
    for query in attacks() {
        for query in [query.clone(), format!("?{query}"), format!("utm=%FF&{query}&x")] {
            links += 1;
            for (owner, text) in OWNERS.iter().enumerate() {
                let source = folder.join(format!("owner-{owner}.toml"));
                fs::write(&source, text)?;
                let document = Document::parse(*text)?;
                let Ok(env) = document.env()?.override_with(&Overrides::clarifai(), &query) else {
                    continue;
                };
                // A variable that is a section in the document is refused.
                let Ok(text) = document.for_streamlit(&env) else { continue };
                let file = folder.join(format!("link-{links}-{owner}.toml"));
                fs::write(&file, text.expose_text())?;
                let mut row = row(&document, &env, "", &file, &source);
                row["owners_base"] = json!(document.env()?.get("CLARIFAI_API_BASE"));
                print(&row)?;
                delivered += 1;
            }
        }
    }
    print(&json!({ "links": links, "delivered": delivered }))
}

fn launch(
    way: &str,
    document: &str,
    query: &str,
    folder: &str,
    mut command: Command,
) -> Result<()> {
    let read = |path: &str| -> Result<Document> { Ok(Document::from_utf8(fs::read(path)?)?) };
    let secrets = read(document)?;
    let env = secrets.env()?.override_with(&documents::overrides(), query)?;
    let mut file = None;
    if way == "new" {
        let delivered = file.insert(SecretsFile::create_in(folder, &secrets.for_streamlit(&env)?)?);
        command
            .env_clear()
            .envs(["PATH", "HOME"].map(|name| (name, env::var_os(name).unwrap_or_default())));
        command.envs(delivered.env());
    } else {
        command.envs(&env);
    }
    let _module = Module(command.spawn()?);
    let path = file.as_ref().map_or(Path::new(""), SecretsFile::path).to_owned();
    print(&row(&secrets, &env, query, &path, Path::new(document)))?;
    for line in io::stdin().lock().lines() {
        match (line?.split_once(' '), &mut file) {
            (Some(("replace", path)), Some(file)) => {
                let secrets = read(path)?;
                let env = secrets.env()?;
                file.replace(&secrets.for_streamlit(&env)?)?;
                print(&row(&secrets, &env, "", file.path(), Path::new(path)))?;
            }
            _ => {
                file = None;
                print(&json!({ "dropped": true }))?;
            }
        }
    }
    Ok(())
}

/// A module that is stopped on drop.
struct Module(Child);

impl Drop for Module {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns what a module must see of `document`:
/// - `env`: each variable with the hash of its value;
/// - `kept`: the keys whose values the delivery must not change, with the hash of the value;
/// - `absent`: the displaced names.
fn row(
    document: &Document,
    env: &Env,
    query: &str,
    file: &Path,
    source: &Path,
) -> serde_json::Value {
    let own = document.env().expect("the document has one");
    let (mut variables, mut kept, mut absent) = (Map::new(), Map::new(), Vec::new());
    for explanation in env.explain() {
        let name = explanation.variable();
        match env.get(name) {
            Some(value) if explanation.winner().is_some() => {
                variables.insert(name.to_owned(), json!(hash(value.as_bytes())));
            }
            _ => absent.push(name),
        }
    }
    for (key, value) in document.root().iter() {
        let overridden = env.get(key) != own.get(key);
        if !overridden && !absent.contains(&key) {
            let mut text = String::new();
            canonical(value, &mut text).expect("a string takes everything");
            kept.insert(key.to_owned(), json!(hash(text.as_bytes())));
        }
    }
    json!({
        "file": file, "source": source, "query": query,
        "env": variables, "kept": kept, "absent": absent,
    })
}

/// Formats a value in the same way as `canonical` in `seen.py`.
fn canonical(value: Value<'_>, to: &mut impl fmt::Write) -> fmt::Result {
    match value {
        Value::String(text) => write!(to, "s{}:{text}", text.len()),
        Value::Integer(number) => write!(to, "i{number};"),
        Value::Float(number) if number.is_nan() => write!(to, "fnan;"),
        Value::Float(number) => write!(to, "f{:016x};", number.to_bits()),
        Value::Boolean(truth) => write!(to, "b{};", u8::from(truth)),
        Value::Datetime(datetime) => {
            write!(to, "d")?;
            if let Some(date) = datetime.date {
                write!(to, "{date}")?;
            }
            if let Some(time) = datetime.time {
                // Python keeps microseconds.
                let (second, micro) =
                    (time.second.unwrap_or(0), time.nanosecond.unwrap_or(0) / 1000);
                write!(to, "T{:02}:{:02}:{second:02}.{micro:06}", time.hour, time.minute)?;
            }
            match datetime.offset.map(|offset| offset.to_string()) {
                Some(offset) => {
                    write!(to, "{};", offset.replace('Z', "+00:00").replace("-00:00", "+00:00"))
                }
                None => write!(to, ";"),
            }
        }
        Value::Array(array) => {
            write!(to, "[")?;
            array.iter().try_for_each(|element| canonical(element, to))?;
            write!(to, "]")
        }
        Value::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_unstable_by_key(|&(key, _)| key);
            write!(to, "{{")?;
            for (key, value) in entries {
                write!(to, "{}:{key}", key.len())?;
                canonical(value, to)?;
            }
            write!(to, "}}")
        }
        _ => Err(fmt::Error),
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn print(row: &serde_json::Value) -> Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{row}")?;
    Ok(output.flush()?)
}
