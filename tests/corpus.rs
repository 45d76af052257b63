//! Checks every input in the fuzzer's corpora against its law.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

#[path = "../fuzz/laws/mod.rs"]
mod laws;

#[cfg(secrets_toml_readers)]
#[path = "corpus/readers.rs"]
mod readers;

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
#[cfg(feature = "files")]
replay! { files }
#[cfg(feature = "vault")]
replay! { record keyring }
#[cfg(feature = "mask")]
replay! { mask }
