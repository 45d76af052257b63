//! Stores the secrets of two versions of a module and of two installs of one version, shows a write
//! conflict, and rotates the key.
//!
//! ```sh
//! cargo run --example vault
//! ```

use std::error::Error;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use secrets_toml::seal::{Custody, Keyring, Lock, LockError, LockedKeyring, Scope};
use secrets_toml::store::RedbStore;
use secrets_toml::vault::{Expected, Scopes, Vault, VaultError};
use secrets_toml::{Document, Secrets, Template};

/// The templates in the module's repository, at its first and at its second version.
const TEMPLATE_1: &str = "TOKEN = \"\"\nMODEL = \"small\" # @optional\n";
const TEMPLATE_2: &str = "TOKEN = \"\"\nMODEL = \"small\" # @optional\nBUCKET = \"\"\n";

/// The key that locks the keyring. A real service keeps it apart from the files, or has a key
/// management service unwrap it.
const KEK: [u8; 32] = *b"what locks the keyring: 32 bytes";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("secrets-toml-vault-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let result = run(&folder);
    fs::remove_dir_all(folder)?;
    result
}

fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    let host = Host { keyring: folder.join("keyring.toml") };
    host.save(Keyring::generate()?)?;
    let vault = Vault::new(RedbStore::create(folder.join("vault.redb"))?, host.load()?);
    let module = Scope::module("chat")?;
    let (first, second) = (module.version("1.0.0")?, module.version("2.0.0")?);

    println!("== Two versions");
    let entered = Document::parse("TOKEN = \"of version one\"\nMODEL = \"large\"\n")?;
    let secrets = Template::parse(TEMPLATE_1)?.validate(entered)?;
    vault.put(&first, &secrets, Expected::Absent)?;
    println!("the secrets of 1.0.0 are stored");

    let template = Template::parse(TEMPLATE_2)?;
    let earlier = read(&vault, &first)?;
    let form = template.prefill(&earlier)?.into_document();
    println!("2.0.0 has one more variable; its form keeps the values of 1.0.0:");
    for variable in template.variables() {
        let path = variable.path().to_string();
        let filled = form.find(&path).and_then(|value| value.as_str()) != Some("");
        println!("  {path}: {}", if filled { "filled in" } else { "blank" });
    }
    let entered = form.expose_text().replace("BUCKET = \"\"", "BUCKET = \"answers\"");
    let secrets = template.validate(Document::parse(entered)?)?;
    vault.put(&second, &secrets, Expected::Absent)?;
    println!("1.0.0 still has {:?}", names(&read(&vault, &first)?)?);
    println!("2.0.0 has       {:?}", names(&read(&vault, &second)?)?);

    println!("\n== Two installs of one version");
    let (acme, initech) = (second.install("acme")?, second.install("initech")?);
    vault.copy(&second, &acme, Expected::Absent, None)?;
    let own = Document::parse("TOKEN = \"initech's own\"\nBUCKET = \"theirs\"\n")?;
    vault.put(&initech, &template.validate(own)?, Expected::Absent)?;
    // The process that runs acme gets only the keys of acme's scope.
    let runner = host.load()?.for_scope(&acme);
    for install in [&acme, &initech] {
        let record = secrets_toml::store::Store::get(vault.store(), install.as_bytes())?;
        match runner.open(&record.ok_or("no record")?) {
            Ok(_) => println!("acme's runner opens {install}"),
            Err(error) => println!("acme's runner and {install}: {error}"),
        }
    }
    for number in 0..200 {
        vault.copy(&second, &second.install(&format!("{number:03}"))?, Expected::Absent, None)?;
    }
    let installs = vault.scopes(Scopes::Installs("chat", "2.0.0"))?.count();
    println!("2.0.0 has {installs} installs now");

    println!("\n== Two people with the same form");
    let seen = vault.get(&acme)?.ok_or("no record")?.revision();
    let secrets = read(&vault, &acme)?;
    println!("the first saves revision {}", vault.put(&acme, &secrets, Expected::Revision(seen))?);
    match vault.put(&acme, &secrets, Expected::Revision(seen)) {
        Err(error @ VaultError::Conflict { .. }) => println!("the second gets an error: {error}"),
        other => return Err(format!("an update was lost: {other:?}").into()),
    }

    println!("\n== A new key");
    let mut keyring = host.load()?;
    let (old, new) = (keyring.primary(), keyring.add()?);
    host.save(keyring)?;
    vault.set_keyring(host.load()?)?;
    println!("1. added and saved; every process that loads the keyring can open with it");

    let mut keyring = host.load()?;
    keyring.promote(&new)?;
    host.save(keyring)?;
    vault.set_keyring(host.load()?)?;
    println!("2. promoted and saved; it seals everything from now on");

    let bar = ProgressBar::new(vault.usage()?.records(&old));
    let moved = vault.rewrap(Scopes::All, |now| {
        bar.set_position(now.written());
        ControlFlow::Continue(())
    })?;
    bar.finish();
    println!("3. rewrapped {} records, {} failed", moved.written(), moved.failed());

    println!("4. {} records need the old key; disabling it", vault.usage()?.records(&old));
    let mut keyring = host.load()?;
    keyring.disable(&old)?;
    host.save(keyring)?;
    vault.set_keyring(host.load()?)?;

    let verified = vault.verify(Scopes::All)?;
    let proof = verified.unused(&old).ok_or("a record needs the old key")?;
    println!("5. all {} documents open without it", verified.documents());

    let mut keyring = host.load()?;
    keyring.destroy(proof)?;
    host.save(keyring)?;
    vault.set_keyring(host.load()?)?;
    println!("6. destroyed the old key; acme still has {:?}", names(&read(&vault, &acme)?)?);
    Ok(())
}

fn read(vault: &Vault<RedbStore>, scope: &Scope) -> Result<Secrets, Box<dyn Error>> {
    Ok(vault.get(scope)?.ok_or("no record")?.into_secrets()?)
}

fn names(secrets: &Secrets) -> Result<Vec<String>, Box<dyn Error>> {
    Ok(secrets.env()?.iter().map(|(name, _)| name.to_owned()).collect())
}

/// Stores the locked keyring in a file.
struct Host {
    keyring: PathBuf,
}

impl Host {
    /// Locks the keyring and replaces the file atomically.
    fn save(&self, mut keyring: Keyring) -> Result<(), Box<dyn Error>> {
        let new = self.keyring.with_extension("new");
        write_synced(&new, &keyring.lock(&custody()?)?)?;
        fs::rename(new, &self.keyring)?;
        Ok(())
    }

    fn load(&self) -> Result<Keyring, Box<dyn Error>> {
        let locked = LockedKeyring::parse(&fs::read_to_string(&self.keyring)?)?;
        Ok(locked.unlock(&custody()?)?)
    }
}

fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.sync_all()
}

/// The deployment that the keyring belongs to, and the lock that opens it.
fn custody() -> Result<Custody<'static>, LockError> {
    Custody::new("example")?.lock("host", Lock::raw(&KEK))
}
