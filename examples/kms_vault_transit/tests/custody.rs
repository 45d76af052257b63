//! The custody of a keyring under a transit key and a passphrase, against a fake of Vault that checks
//! the context.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod fake;

use std::error::Error;
use std::ops::ControlFlow;

use fake::Fake;
use kms_vault_transit::{Transit, create, open, open_in_an_emergency};
use secrets_toml::Document;
use secrets_toml::seal::{Custody, Lock, LockedKeyring, Scope};
use secrets_toml::store::MemoryStore;
use secrets_toml::vault::{Expected, Vault};

const PASSPHRASE: &str = "correct horse battery staple";
const TOKEN: &str = "hvs.the-token-of-the-service";

fn transit(fake: &Fake, key: &str) -> Transit {
    Transit::new(&fake.address(), "transit", key, TOKEN).unwrap()
}

fn chat() -> Scope {
    Scope::module("chat").unwrap()
}

fn put(vault: &Vault<&MemoryStore>) {
    let secrets = Document::parse("CLARIFAI_PAT = 'hunter2'").unwrap().validate().unwrap();
    vault.put(&chat(), &secrets, Expected::Absent).unwrap();
}

#[track_caller]
fn holds(vault: &Vault<&MemoryStore>) {
    let opened = vault.get(&chat()).unwrap().unwrap();
    assert_eq!(opened.expose_text(), Some("CLARIFAI_PAT = 'hunter2'"));
}

/// The message of an error and of its sources, in which there must be no secret.
#[track_caller]
fn message<T>(result: Result<T, Box<dyn Error + Send + Sync>>) -> String {
    let Err(error) = result else { panic!("it must be refused") };
    let (mut text, mut error): (_, &dyn Error) = (error.to_string(), &*error);
    while let Some(source) = error.source() {
        text += &format!(": {source}");
        error = source;
    }
    assert!(!text.contains(TOKEN) && !text.contains(PASSPHRASE), "{text}");
    text
}

#[test]
fn a_store_is_made_and_opened_by_the_key() {
    let (fake, store) = (Fake::start(TOKEN), MemoryStore::new());
    let transit = transit(&fake, "secrets");
    put(&create(&store, "production", &transit, PASSPHRASE).unwrap());
    assert_eq!(fake.calls(), ["datakey/plaintext/secrets"]);
    let vault = open(&store, "production", &transit).unwrap();
    holds(&vault);
    assert_eq!(fake.calls(), ["datakey/plaintext/secrets", "decrypt/secrets"]);
    let text = format!("{transit:?}");
    assert!(text.contains("transit/secrets") && !text.contains("hvs."), "{text}");
}

/// The service keeps what it needs, so Vault may be down from then on.
#[test]
fn a_rotation_calls_nobody() {
    let (fake, store) = (Fake::start(TOKEN), MemoryStore::new());
    let transit = transit(&fake, "secrets");
    let ours = create(&store, "production", &transit, PASSPHRASE).unwrap();
    put(&ours);
    let theirs = open(&store, "production", &transit).unwrap();
    fake.stop();
    for _ in 0..3 {
        ours.rotate(|_| ControlFlow::Continue(())).unwrap();
        holds(&theirs); // it loads the new keyring
        theirs.rotate(|_| ControlFlow::Continue(())).unwrap();
        holds(&ours);
    }
    // A new process needs Vault, or the passphrase.
    let error = message(open(&store, "production", &transit));
    assert!(error.starts_with("Vault did not answer"), "{error}");
    holds(&open_in_an_emergency(&store, "production", PASSPHRASE).unwrap());
}

#[test]
fn the_passphrase_opens_and_another_key_follows() {
    let (lost, store) = (Fake::start(TOKEN), MemoryStore::new());
    put(&create(&store, "production", &transit(&lost, "secrets"), PASSPHRASE).unwrap());
    drop(lost);
    let error = message(open_in_an_emergency(&store, "production", "correct horse"));
    assert_eq!(error, "the passphrase of the lock `break-glass` is wrong");
    let vault = open_in_an_emergency(&store, "production", PASSPHRASE).unwrap();

    let fake = Fake::start(TOKEN);
    let transit = transit(&fake, "second");
    let custody = Custody::new("production").unwrap();
    let key = transit.generate(&custody.context_bytes()).unwrap();
    let custody = custody.lock("vault", Lock::kms(transit.key(), &key.wrapped, &key.kek)).unwrap();
    vault.relock(&custody).unwrap();
    holds(&open(&store, "production", &transit).unwrap());
    let error = message(open_in_an_emergency(&store, "production", PASSPHRASE));
    assert_eq!(error, "the keyring has no lock of this name");
}

#[test]
fn another_key_is_refused_before_any_call() {
    let (fake, store) = (Fake::start(TOKEN), MemoryStore::new());
    put(&create(&store, "production", &transit(&fake, "secrets"), PASSPHRASE).unwrap());
    let theirs = transit(&fake, "theirs");
    let error = message(open(&store, "production", &theirs));
    assert_eq!(error, "the keyring is locked with another KMS key than the expected one");
    assert_eq!(fake.calls(), ["datakey/plaintext/secrets"]);
}

#[test]
fn vault_refuses_another_context_key_or_token() {
    let (fake, store) = (Fake::start(TOKEN), MemoryStore::new());
    let ours = transit(&fake, "secrets");
    create(&store, "production", &ours, PASSPHRASE).unwrap();
    // The deployment of the text is not authenticated yet, and Vault compares the context.
    let error = message(open(&store, "staging", &ours));
    assert_eq!(error, "Vault refused with status 400: cipher: message authentication failed");
    let locked = LockedKeyring::load(&store).unwrap();
    let wrapped = locked.kms("vault", ours.key()).unwrap().wrapped().to_vec();
    let context = Custody::new("production").unwrap().context_bytes();
    assert!(ours.unwrap(&wrapped, &context).is_ok());
    for (transit, wrapped, status) in [
        (transit(&fake, "theirs"), &wrapped[..], 400),
        (Transit::new(&fake.address(), "transit", "secrets", "hvs.other").unwrap(), &wrapped, 403),
        (transit(&fake, "secrets"), b"vault:v1:other", 400),
    ] {
        let error = message(transit.unwrap(wrapped, &context).map_err(Into::into));
        assert!(error.starts_with(&format!("Vault refused with status {status}: ")), "{error}");
    }
    let error = message(ours.unwrap(b"\xFF", &context).map_err(Into::into));
    assert_eq!(error, "Vault's answer is malformed");
}
