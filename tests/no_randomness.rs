//! Tests that a missing source of randomness causes an error, and neither a panic nor a record. They
//! need a separate build:
//!
//! ```sh
//! RUSTFLAGS='--cfg getrandom_backend="custom"' cargo test --features passphrase --test no_randomness
//! ```
#![cfg(getrandom_backend = "custom")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::cell::Cell;

use getrandom::Error;
use secrets_toml::Document;
use secrets_toml::seal::{Custody, Keyring, KeyringError, Lock, Revision, Scope};

thread_local! {
    /// The number of calls that still get randomness.
    static LEFT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the signature is the one that `getrandom` documents.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(_: *mut u8, _: usize) -> Result<(), Error> {
    match LEFT.get().checked_sub(1) {
        Some(left) => LEFT.set(left),
        None => return Err(Error::UNSUPPORTED),
    }
    Ok(())
}

const MESSAGE: &str = "the operating system gave no randomness";

fn custody(lock: Lock<'_>) -> Custody<'_> {
    Custody::new("test").and_then(|custody| custody.lock("host", lock)).unwrap()
}

#[test]
fn without_randomness_nothing_is_made() {
    let scope = Scope::module("chat").unwrap();
    let secrets = Document::parse("A = 1").unwrap().validate().unwrap();
    let error = Keyring::generate().unwrap_err();
    assert_eq!(error.to_string(), MESSAGE);
    assert!(std::error::Error::source(&error).is_some());

    let mut keyring = Keyring::from_bytes([1; 32]);
    assert_eq!(keyring.add().unwrap_err().to_string(), MESSAGE);
    assert_eq!(keyring.entries().len(), 1);
    let error = keyring.seal(&scope, Revision::FIRST, &secrets).unwrap_err();
    assert_eq!(error.to_string(), MESSAGE);
    let error = keyring.seal_tombstone(&scope, Revision::FIRST, None).unwrap_err();
    assert_eq!(error.to_string(), MESSAGE);
    let error = keyring.lock(&custody(Lock::raw(&[2; 32]))).unwrap_err();
    assert_eq!((error.to_string().as_str(), keyring.generation()), (MESSAGE, 0));
    #[cfg(feature = "passphrase")]
    for left in [0, 1, 2, 3] {
        LEFT.set(left);
        let error = keyring.lock(&custody(Lock::passphrase("p"))).unwrap_err();
        assert_eq!((error.to_string().as_str(), keyring.generation()), (MESSAGE, 0));
    }

    LEFT.set(3);
    keyring.lock(&custody(Lock::raw(&[2; 32]))).unwrap();
    let error = keyring.lock_again().unwrap_err();
    assert_eq!((error.to_string().as_str(), keyring.generation()), (MESSAGE, 1));

    LEFT.set(1);
    let record = keyring.seal(&scope, Revision::FIRST, &secrets).unwrap();
    LEFT.set(1);
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    let error = keyring.rewrap(&scope, record.as_bytes()).unwrap_err();
    assert!(matches!(error, KeyringError::Randomness(_)));
}
