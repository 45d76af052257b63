//! The whole way: a repository's template, an author's text, a sealed record, the module's variables,
//! a visitor's link, and a vault that keeps it all.
//!
//! `cargo run --example quickstart`

use std::error::Error;
use std::fs;
use std::path::Path;

use secrets_toml::seal::{Keyring, Revision, Scope};
use secrets_toml::store::RedbStore;
use secrets_toml::vault::{Expected, Vault};
use secrets_toml::{Document, Overrides, Secrets, Template};
use serde::Deserialize;

/// What the module's repository carries in `.streamlit/secrets.toml`.
const TEMPLATE: &str = r#"
# Your personal access token: Settings, Security, "Create token".
CLARIFAI_PAT = ""

KEY = "value"
SOMETHING = 123 # @optional

[db_credentials]
username = ""
password = ""
"#;

/// What the author enters first: two values are still blank.
const ENTERED: &str = r#"
CLARIFAI_PAT = ""
KEY = "value"
SOMETHING = 123

[db_credentials]
username = "my_username"
password = ""
"#;

/// What the author enters then.
const FILLED_IN: &str = r#"
CLARIFAI_PAT = "0123456789abcdef"
KEY = "value"
SOMETHING = 123

[db_credentials]
username = "my_username"
password = "correct horse battery staple"
"#;

#[derive(Deserialize)]
struct Settings<'a> {
    #[serde(borrow)]
    db_credentials: Db<'a>,
}

#[derive(Deserialize)]
struct Db<'a> {
    username: &'a str,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("The template asks for:");
    let template = Template::parse(TEMPLATE)?;
    for variable in template.variables() {
        let need = if variable.is_required() { "required" } else { "optional" };
        println!("  {} ({}, {need})", variable.path(), variable.kind());
    }

    println!("\nThe first text is refused:\n");
    let Err(invalid) = template.validate(Document::parse(ENTERED)?) else {
        return Err("a blank token was accepted".into());
    };
    print!("{invalid}");

    // The form shows `invalid.into_document()` again; the author fills in the rest.
    let secrets = template.validate(Document::parse(FILLED_IN)?)?;

    // It is kept sealed, for exactly this version of the module.
    let keyring = Keyring::generate()?;
    let version = Scope::module("chat")?.version("1.0.0")?;
    let record = keyring.seal(&version, Revision::FIRST, &secrets)?;
    println!("\nThe second is accepted, and sealed for version 1.0.0.");
    let another = Scope::module("chat")?.version("1.0.1")?;
    if let Err(error) = keyring.open(&another, record.as_bytes()) {
        println!("As version 1.0.1 it does not open: {error}.");
    }
    let secrets = keyring.open(&version, record.as_bytes())?.into_secrets()?;

    println!("\nThe module sees these variables:");
    let env = secrets.env()?;
    for (name, _) in &env {
        println!("  {name}");
    }
    let settings: Settings<'_> = secrets.deserialize()?;
    println!("Its section db_credentials belongs to {}.", settings.db_credentials.username);

    println!("\nA visitor comes with ?user_id=alice. Then they are:");
    let env = env.override_with(&Overrides::clarifai(), "?user_id=alice")?;
    for explanation in env.explain() {
        println!("  {explanation}");
    }

    let folder = std::env::temp_dir().join(format!("quickstart-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let kept = keep(&folder, &secrets);
    fs::remove_dir_all(folder)?;
    kept
}

/// Keeps the secrets sealed in a file, for one install of the module.
fn keep(folder: &Path, secrets: &Secrets) -> Result<(), Box<dyn Error>> {
    let file = folder.join("vault.redb");
    // A host locks the keyring and keeps it: see the example `keys`.
    let vault = Vault::new(RedbStore::create(&file)?, Keyring::generate()?);
    let acme = Scope::module("chat")?.version("1.0.0")?.install("acme")?;
    let revision = vault.put(&acme, secrets, Expected::Absent)?;
    let len = fs::metadata(&file)?.len();
    println!("\nRevision {revision} is sealed for {acme:?}, in a file of {len} bytes.");

    let opened = vault.get(&acme)?.ok_or("nothing was kept")?.into_secrets()?;
    println!("Opened again, it has {} variables.", opened.env()?.iter().len());
    Ok(())
}
