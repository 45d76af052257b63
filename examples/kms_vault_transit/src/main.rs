//! Keeps a document in a file, under a key of HashiCorp Vault: `cargo run -p kms-vault-transit`.

use std::error::Error;
use std::io::{Read, stdin};
use std::ops::ControlFlow;
use std::process::ExitCode;

use kms_vault_transit::{Transit, create, open, open_in_an_emergency};
use secrets_toml::Document;
use secrets_toml::seal::Scope;
use secrets_toml::store::{RedbStore, StoreError};
use secrets_toml::vault::{Expected, Scopes};

const USAGE: &str = "\
usage: kms-vault-transit create|show|rotate|break-glass STORE KEY

create       makes the file STORE under the transit key KEY, and a passphrase from standard input
show         opens it by the key, and lists its documents
rotate       opens it by the key, and rotates the keys of the records
break-glass  opens it by the passphrase from standard input, and lists its documents

VAULT_ADDR and VAULT_TOKEN are Vault's own variables. The key must be made with derived=true.";

const DEPLOYMENT: &str = "production";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, store, key] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(command, store, key) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("kms-vault-transit: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, path: &str, key: &str) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let store = match RedbStore::open(path) {
        Err(StoreError::Missing) if command == "create" => RedbStore::create(path)?,
        opened => opened?,
    };
    let transit = || -> Result<_, Box<dyn Error + Send + Sync>> {
        let (address, token) = (std::env::var("VAULT_ADDR")?, std::env::var("VAULT_TOKEN")?);
        Ok(Transit::new(&address, "transit", key, &token)?)
    };
    let vault = match command {
        "create" => {
            let vault = create(store, DEPLOYMENT, &transit()?, &passphrase()?)?;
            let secrets = Document::parse("CLARIFAI_PAT = 'hunter2'")?.validate()?;
            vault.put(&Scope::module("chat")?, &secrets, Expected::Absent)?;
            vault
        }
        "show" => open(store, DEPLOYMENT, &transit()?)?,
        "rotate" => {
            let vault = open(store, DEPLOYMENT, &transit()?)?;
            vault.rotate(|_| ControlFlow::Continue(()))?;
            vault
        }
        "break-glass" => open_in_an_emergency(store, DEPLOYMENT, &passphrase()?)?,
        _ => return Ok(false),
    };
    for listed in vault.scopes(Scopes::All)? {
        println!("{:?}", listed?.scope());
    }
    Ok(true)
}

/// Reads a passphrase, without the end of its line.
fn passphrase() -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut passphrase = String::new();
    stdin().read_to_string(&mut passphrase)?;
    Ok(passphrase.trim_end_matches(['\r', '\n']).to_owned())
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
