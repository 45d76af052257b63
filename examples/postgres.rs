//! Stores secrets in PostgreSQL: two installs of one version, a conflict, a key rotation, and an
//! import from a file.
//!
//! ```sh
//! eval "$(.ci/postgres start)"     # or your own server
//! cargo run --example postgres --features postgres -- "$SECRETS_TOML_POSTGRES"
//! ```

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::Path;

use secrets_toml::Document;
use secrets_toml::seal::{Custody, Keyring, Lock, LockError, LockedKeyring, Revision, Scope};
use secrets_toml::store::{PostgresStore, RedbStore};
use secrets_toml::vault::{AsyncVault, Expected, Scopes, Vault};
use tokio_postgres::NoTls;

/// The key that locks the keyring. A real service keeps it apart from the database, or has a key
/// management service unwrap it.
const KEK: [u8; 32] = *b"what locks the keyring: 32 bytes";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(config) = env::args().nth(1) else {
        eprintln!("usage: postgres CONNECTION_STRING");
        std::process::exit(2);
    };
    // A schema of its own, so that the example can be run again.
    let schema = format!("secrets_toml_example_{}", std::process::id());
    let (admin, connection) = tokio_postgres::connect(&config, NoTls).await?;
    tokio::spawn(connection);
    admin.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
    let result = run(format!("{config} options='-c search_path={schema}'")).await;
    admin.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await?;
    result
}

async fn run(config: String) -> Result<(), Box<dyn Error>> {
    let store = PostgresStore::new(config.parse()?, NoTls);
    store.migrate().await?;
    let mut keyring = Keyring::generate()?;
    let vault = AsyncVault::new(store, copy(&mut keyring)?);

    let version = Scope::module("chat")?.version("1.2.0")?;
    let (acme, initech) = (version.install("acme")?, version.install("initech")?);
    let secrets = Document::parse("CLARIFAI_PAT = 'a token'")?.validate()?;
    let first = vault.put(&acme, &secrets, Expected::Absent).await?;
    vault.copy(&acme, &initech, Expected::Absent, None).await?;
    println!("Two installs have their own secrets, at revision {first}.");

    let second = vault.put(&acme, &secrets, Expected::Revision(first)).await?;
    if let Err(error) = vault.put(&acme, &secrets, Expected::Revision(first)).await {
        println!("Replacing revision {first} fails, since {second} is stored: {error}.");
    }

    let new = keyring.add()?;
    keyring.promote(&new)?;
    vault.set_keyring(copy(&mut keyring)?)?;
    let moved = vault.rewrap(Scopes::All, |_| ControlFlow::Continue(())).await?;
    println!("{} records were rewrapped under key {new}.", moved.written());

    let folder = env::temp_dir().join(format!("secrets-toml-postgres-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let export = export(&folder, copy(&mut keyring)?);
    let export = export.and_then(|()| Ok(File::open(folder.join("export"))?));
    fs::remove_dir_all(&folder)?;
    let imported = vault.import_blocking(export?).await?;
    println!("{} records were imported from a file.", imported.written());

    let mut listing = vault.scopes(Scopes::Installs("chat", "1.2.0"))?;
    while let Some(listed) = listing.next().await {
        let listed = listed?;
        println!(
            "  {}, revision {}",
            listed.scope(),
            listed.header().map_err(Clone::clone)?.revision()
        );
    }
    let mut manifest = Vec::new();
    let listed = vault.manifest_blocking(Revision::FIRST, &mut manifest).await?;
    let found = vault.verify_against_blocking(&manifest[..]).await?;
    println!("A manifest lists {listed} records; {} are unchanged.", found.unchanged());
    Ok(())
}

/// Creates a vault in a file and exports all of its records to another file.
fn export(folder: &Path, keyring: Keyring) -> Result<(), Box<dyn Error>> {
    let vault = Vault::new(RedbStore::create(folder.join("vault.redb"))?, keyring);
    let secrets = Document::parse("CLARIFAI_PAT = 'another token'")?.validate()?;
    let version = Scope::module("chat")?.version("1.2.0")?;
    for install in ["hooli", "umbrella"] {
        vault.put(&version.install(install)?, &secrets, Expected::Absent)?;
    }
    vault.export(File::create(folder.join("export"))?)?;
    Ok(())
}

/// Copies a keyring by locking and unlocking it, as if another process had loaded it.
fn copy(keyring: &mut Keyring) -> Result<Keyring, Box<dyn Error>> {
    let locked = LockedKeyring::parse(&keyring.lock(&custody()?)?)?;
    Ok(locked.unlock(&custody()?)?)
}

/// The deployment that the keyring belongs to, and the lock that opens it.
fn custody() -> Result<Custody<'static>, LockError> {
    Custody::new("example")?.lock("host", Lock::raw(&KEK))
}
