//! The whole pipeline: parses a template, validates an author's text, encrypts it, delivers it as
//! environment variables, applies a visitor's link, and stores it in a vault.
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

/// The template: `.streamlit/secrets.toml` in the module's repository.
const TEMPLATE: &str = r#"
# Your personal access token: Settings, Security, "Create token".
CLARIFAI_PAT = ""

MODEL = "general"
SOMETHING = 123 # @optional

[db_credentials]
username = ""
password = ""
"#;

/// The author's first text. Two values are still blank.
const ENTERED: &str = r#"
CLARIFAI_PAT = ""
MODEL = "general"
SOMETHING = 123

[db_credentials]
username = "my_username"
password = ""
"#;

/// The author's second text.
const FILLED_IN: &str = r#"
CLARIFAI_PAT = "0123456789abcdef"
MODEL = "general"
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
    println!("Variables of the template:");
    let template = Template::parse(TEMPLATE)?;
    for variable in template.variables() {
        let need = if variable.is_required() { "required" } else { "optional" };
        println!("  {} ({}, {need})", variable.path(), variable.kind());
    }

    println!("\nThe first text is rejected:\n");
    let Err(invalid) = template.validate(Document::parse(ENTERED)?) else {
        return Err("a blank token was accepted".into());
    };
    print!("{invalid}");

    // A form would show the text again, from `invalid.into_document()`. The author completes it.
    let secrets = template.validate(Document::parse(FILLED_IN)?)?;

    // Seal the secrets for exactly this version of the module.
    let keyring = Keyring::generate()?;
    let version = Scope::module("chat")?.version("1.0.0")?;
    let record = keyring.seal(&version, Revision::FIRST, &secrets)?;
    println!("\nThe second text is accepted, and sealed for version 1.0.0.");
    let another = Scope::module("chat")?.version("1.0.1")?;
    if let Err(error) = keyring.open(&another, record.as_bytes()) {
        println!("It cannot be opened as version 1.0.1: {error}.");
    }
    let secrets = keyring.open(&version, record.as_bytes())?.into_secrets()?;

    println!("\nEnvironment variables of the module:");
    let env = secrets.env()?;
    for (name, _) in &env {
        println!("  {name}");
    }
    let settings: Settings<'_> = secrets.deserialize()?;
    println!("The user name in its section db_credentials: {}", settings.db_credentials.username);

    println!("\nThe same with a visitor's link, ?user_id=alice:");
    let env = env.override_with(&Overrides::clarifai(), "?user_id=alice")?;
    for explanation in env.explain() {
        println!("  {explanation}");
    }

    let folder = std::env::temp_dir().join(format!("quickstart-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let result = store(&folder, &secrets);
    fs::remove_dir_all(folder)?;
    result
}

/// Stores the secrets in a vault, for one install of the module.
fn store(folder: &Path, secrets: &Secrets) -> Result<(), Box<dyn Error>> {
    let file = folder.join("vault.redb");
    // A real service locks the keyring and saves it: see the example `keys`.
    let vault = Vault::new(RedbStore::create(&file)?, Keyring::generate()?);
    let acme = Scope::module("chat")?.version("1.0.0")?.install("acme")?;
    let revision = vault.put(&acme, secrets, Expected::Absent)?;
    let len = fs::metadata(&file)?.len();
    println!("\nRevision {revision} is stored for {acme:?}, in a file of {len} bytes.");

    let opened = vault.get(&acme)?.ok_or("nothing was stored")?.into_secrets()?;
    println!("Read from the vault, it has {} variables.", opened.env()?.iter().len());
    Ok(())
}
