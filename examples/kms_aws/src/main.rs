//! Keeps a document in a file, under a key of AWS KMS: `cargo run -p kms-aws --features tls`.

use std::error::Error;
use std::io::{Read, stdin};
use std::ops::ControlFlow;
use std::process::ExitCode;

use kms_aws::{Credentials, Kms, create, open, open_in_an_emergency};
use secrets_toml::Document;
use secrets_toml::seal::Scope;
use secrets_toml::store::{RedbStore, StoreError};
use secrets_toml::vault::{Expected, Scopes};
use zeroize::Zeroizing;

const USAGE: &str = "\
usage: kms-aws create|show|rotate|break-glass STORE KEY

create       makes the file STORE under the KMS key KEY, and a passphrase from standard input
show         opens it by the key, and lists its documents
rotate       opens it by the key, and rotates the keys of the records
break-glass  opens it by the passphrase from standard input, and lists its documents

KEY is the ARN of a symmetric key. AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and
AWS_ENDPOINT_URL_KMS are the variables of the AWS command line; the last two may be absent.";

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
            eprintln!("kms-aws: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, path: &str, key: &str) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let store = match RedbStore::open(path) {
        Err(StoreError::Missing) if command == "create" => RedbStore::create(path)?,
        opened => opened?,
    };
    let kms = || -> Result<_, Box<dyn Error + Send + Sync>> {
        let region = var("AWS_REGION")?;
        let credentials = Credentials {
            access_key_id: var("AWS_ACCESS_KEY_ID")?,
            secret_access_key: Zeroizing::new(var("AWS_SECRET_ACCESS_KEY")?),
            session_token: var("AWS_SESSION_TOKEN").ok().map(Zeroizing::new),
        };
        let endpoint = var("AWS_ENDPOINT_URL_KMS");
        let endpoint = endpoint.unwrap_or_else(|_| format!("https://kms.{region}.amazonaws.com"));
        Ok(Kms::new(&endpoint, &region, key, credentials)?)
    };
    let vault = match command {
        "create" => {
            let vault = create(store, DEPLOYMENT, &kms()?, &passphrase()?)?;
            let secrets = Document::parse("CLARIFAI_PAT = 'hunter2'")?.validate()?;
            vault.put(&Scope::module("chat")?, &secrets, Expected::Absent)?;
            vault
        }
        "show" => open(store, DEPLOYMENT, &kms()?)?,
        "rotate" => {
            let vault = open(store, DEPLOYMENT, &kms()?)?;
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

fn var(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("the variable {name} is not set"))
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
