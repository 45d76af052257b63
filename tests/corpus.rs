//! Checks every input in the fuzzer's corpora against its law.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

#[cfg(secrets_toml_readers)]
#[path = "support/dice.rs"]
mod dice;
#[path = "../fuzz/laws/mod.rs"]
mod laws;

use std::fs;
use std::path::Path;

#[track_caller]
fn replay(name: &str, law: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let inputs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(inputs.len() >= 10, "{} inputs for {name}", inputs.len());
    inputs.iter().for_each(|input| law(&fs::read(input).unwrap()));
}

macro_rules! replay {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            replay(stringify!($name), laws::$name::check);
        }
    )*};
}

replay! { document template validate update env query deserialize delivery }
#[cfg(feature = "vault")]
replay! { record keyring }
#[cfg(secrets_toml_readers)]
replay! { readers }

/// Choices at random, many times over.
#[cfg(secrets_toml_readers)]
#[test]
fn readers_agree_on_random_choices() {
    let mut dice = dice::Dice(0x2EAD);
    for _ in 0..20_000 {
        let choices: Vec<u8> = (0..dice.roll(40)).map(|_| dice.roll(256) as u8).collect();
        laws::readers::check(&choices);
    }
}
