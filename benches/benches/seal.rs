//! Compares sealing and opening with two crates that seal bytes: `cargo bench -p benches --bench seal`,
//! and the same with `--features aws-lc-rs`.
//!
//! `orion::aead` uses XChaCha20-Poly1305 under one key, and `securestore` AES-128-CBC and HMAC-SHA-1 under
//! one key. Keys exist before the clock starts. The times include randomness and wiping. They do not
//! include parsing the text.

use std::hint::black_box;
use std::process::ExitCode;

use benches::limits::Limits;
use benches::turns::{Run, medians};
use secrets_toml::Document;
use secrets_toml::seal::{Keyring, Revision, Scope};
use securestore::{KeySource, SecretsManager};

/// The length of a document, and the limits of sealing and of opening it: multiples of the times of orion,
/// and of `securestore`'s time for opening.
struct Row {
    len: usize,
    seal: Option<f64>,
    open: Option<f64>,
    to_securestore: Option<f64>,
}

const fn row(len: usize, both: Option<[f64; 2]>, to_securestore: Option<f64>) -> Row {
    match both {
        Some([seal, open]) => Row { len, seal: Some(seal), open: Some(open), to_securestore },
        None => Row { len, seal: None, open: None, to_securestore },
    }
}

const FASTER: Option<[f64; 2]> = Some([1.0, 1.0]);

const ROWS: [Row; 4] = if cfg!(feature = "aws-lc-rs") {
    [
        row(300, Some([1.5, 1.4]), None),
        row(1000, FASTER, Some(1.5)),
        row(4000, FASTER, None),
        row(60_000, FASTER, None),
    ]
} else {
    [
        row(300, None, None),
        row(1000, Some([1.45, 1.3]), None),
        row(4000, FASTER, None),
        row(60_000, FASTER, None),
    ]
};

fn main() -> ExitCode {
    let mut limits = Limits::from_args();
    for row in &ROWS {
        compare(row, &mut limits);
    }
    limits.end()
}

/// Measures a document of one length.
fn compare(row: &Row, limits: &mut Limits) {
    let text = format!("TOKEN = \"{}\"\n", "x".repeat(row.len - 11));
    let secrets = Document::parse(text.as_str()).expect("TOML").validate().expect("valid");
    let scope = Scope::module("chat").and_then(|m| m.version("1.2.0")).expect("names");
    let keyring = Keyring::generate().expect("randomness");
    let record = keyring.seal(&scope, Revision::FIRST, &secrets).expect("sealed");
    let scope_keyring = keyring.for_scope(&scope);

    let key = orion::aead::SecretKey::default();
    let orion = orion::aead::seal(&key, text.as_bytes()).expect("sealed");

    let file = std::env::temp_dir().join(format!("seal-bench-{}.key", std::process::id()));
    let manager = SecretsManager::new(KeySource::Csprng).expect("a new store");
    manager.export_key(&file).expect("a key file");
    let store = || SecretsManager::new(KeySource::Path(&file)).expect("a store");
    let (mut writer, mut reader) = (store(), store());
    std::fs::remove_file(&file).expect("the key file");
    reader.set("document", text.as_str());

    let mut runs: [Run<'_>; 7] = [
        ("seal", Box::new(|| drop(black_box(keyring.seal(&scope, Revision::FIRST, &secrets))))),
        ("orion seals", Box::new(|| drop(black_box(orion::aead::seal(&key, text.as_bytes()))))),
        ("securestore seals", Box::new(|| writer.set("document", text.as_str()))),
        ("open", Box::new(|| drop(black_box(keyring.open(&scope, record.as_bytes()))))),
        ("orion opens", Box::new(|| drop(black_box(orion::aead::open(&key, &orion))))),
        ("securestore opens", Box::new(|| drop(black_box(reader.get("document"))))),
        ("a scope's keyring", Box::new(|| drop(black_box(scope_keyring.open(record.as_bytes()))))),
    ];
    let times = medians(&mut runs);
    let [seal, orion_seal, store_seal, open, orion_open, store_open, scoped] = times[..] else {
        unreachable!("a time for each function")
    };
    let mut print = |what, ours: f64, (orion, most), (store, most_to_store)| {
        let mut ratio = |theirs: f64, most: Option<f64>| {
            let ratio = ours / theirs;
            let limit = most.map(|most| format!(" ({})", limits.at_most(ratio, most)));
            format!("{ratio:.2}{}", limit.unwrap_or_default())
        };
        let (to_orion, to_store) = (ratio(orion, most), ratio(store, most_to_store));
        let (len, micros) = (row.len, ours * 1e6);
        println!(
            "{len:>6} bytes, {what:<20}{micros:>7.2} µs: {to_orion} of orion, {to_store} of securestore"
        );
    };
    print("seal", seal, (orion_seal, row.seal), (store_seal, None));
    print("open", open, (orion_open, row.open), (store_open, row.to_securestore));
    print("open by scope's keys", scoped, (orion_open, None), (store_open, None));
}
