//! Stores a keyring in a file, locked with a passphrase; adds a second key, and rewraps a record
//! under it.
//!
//! ```sh
//! cargo run --example keys --features passphrase
//! ```

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use secrets_toml::Document;
use secrets_toml::seal::{Custody, Keyring, Lock, LockError, LockedKeyring, Revision, Scope};

/// The passphrase. A real service asks for it, or reads it from a file that only it can read.
const PASSPHRASE: &str = "correct horse battery staple";

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::temp_dir().join(format!("keyring-{}.toml", std::process::id()));
    let acme = Scope::module("chat")?.version("1.2.0")?.install("acme")?;
    let secrets = Document::parse("CLARIFAI_PAT = 'a token'")?.validate()?;

    let mut keyring = Keyring::generate()?;
    save(&file, &mut keyring)?;
    let old = keyring.primary();
    let record = keyring.seal(&acme, Revision::FIRST, &secrets)?;
    println!("sealed revision 1 under key {old}");

    // Save the new key before it seals anything. Once every process has loaded the file, each can
    // open what the new key seals, so the key can be promoted.
    let new = keyring.add()?;
    save(&file, &mut keyring)?;
    let mut keyring = load(&file)?;
    keyring.promote(&new)?;
    save(&file, &mut keyring)?;
    println!("promoted key {new}");

    let keyring = load(&file)?;
    println!("the file has generation {}:", keyring.generation());
    for (id, state) in keyring.entries() {
        println!("  {id} {state:?}");
    }

    let opened = keyring.open(&acme, record.as_bytes())?;
    println!("revision {} still opens; stale: {}", opened.revision(), opened.is_stale());
    if let Some(record) = keyring.rewrap(&acme, record.as_bytes())? {
        let opened = keyring.open(&acme, record.as_bytes())?;
        println!("rewrapped as revision {} under key {}", opened.revision(), opened.key_id());
    }

    let other = Scope::module("chat")?.version("1.2.0")?.install("other")?;
    let theirs = keyring.seal(&other, Revision::FIRST, &secrets)?;
    match keyring.open(&acme, theirs.as_bytes()) {
        Ok(_) => return Err("a record opened in another install".into()),
        Err(error) => println!("the record of another install: {error}"),
    }
    fs::remove_file(file)?;
    Ok(())
}

/// Locks the keyring and replaces the file atomically, so that a crash leaves the old or the new one.
fn save(file: &Path, keyring: &mut Keyring) -> Result<(), Box<dyn Error>> {
    let text = keyring.lock(&custody()?)?;
    let new = file.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&new)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    fs::rename(new, file)?;
    // Sync the folder too: nothing may be sealed under a new key before its file is durable.
    #[cfg(unix)]
    fs::File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

fn load(file: &Path) -> Result<Keyring, Box<dyn Error>> {
    let locked = LockedKeyring::parse(&fs::read_to_string(file)?)?;
    Ok(locked.unlock(&custody()?)?)
}

/// The deployment that the keyring belongs to, and the lock that opens it.
fn custody() -> Result<Custody<'static>, LockError> {
    Custody::new("example")?.lock("operator", Lock::passphrase(PASSPHRASE))
}
