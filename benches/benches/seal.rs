//! Compares sealing and opening with their lower bound, one bare ChaCha20-Poly1305 pass over the same
//! padded plaintext: `cargo bench -p benches --bench seal`.
//!
//! The times include randomness and wiping. They do not include parsing the text.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use benches::limits::Limits;
use benches::turns::{Run, medians};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use criterion::{Criterion, Throughput};
use secrets_toml::Document;
use secrets_toml::seal::{Keyring, Revision, Scope};

/// A constant nonce: no ciphertext leaves this bench.
const NONCE: [u8; 12] = [1; 12];

fn main() -> ExitCode {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut limits = Limits::from_args();
    for (len, seal, open) in [(1024, 2.8, 2.0), (60 * 1024, 2.2, 1.5)] {
        compare(&mut criterion, len, &mut limits, [seal, open]);
    }
    criterion.final_summary();
    limits.end()
}

/// Measures a document of one length. The limits are numbers of bare passes.
fn compare(
    criterion: &mut Criterion,
    len: usize,
    limits: &mut Limits,
    [most_seal, most_open]: [f64; 2],
) {
    let text = format!("TOKEN = \"{}\"\n", "x".repeat(len - 11));
    let secrets = Document::parse(text).expect("TOML").validate().expect("valid");
    let scope = Scope::module("chat").and_then(|m| m.version("1.2.0")).expect("names");
    let keyring = Keyring::generate().expect("randomness");
    let record = keyring.seal(&scope, Revision::FIRST, &secrets).expect("sealed");
    let scope_keyring = keyring.for_scope(&scope);

    let padded = (len + 4).next_power_of_two();
    let mut buffer = vec![0_u8; padded];
    let bare = || {
        let cipher = ChaCha20Poly1305::new(black_box(&[7; 32].into()));
        let tag = cipher.encrypt_inout_detached(&NONCE.into(), b"", buffer.as_mut_slice().into());
        let _ = black_box(tag);
    };
    let seal = || drop(black_box(keyring.seal(&scope, Revision::FIRST, &secrets)));
    let open = || drop(black_box(keyring.open(&scope, record.as_bytes())));
    let open_scoped = || drop(black_box(scope_keyring.open(record.as_bytes())));
    let mut runs: [Run<'_>; 4] = [
        ("bare pass", Box::new(bare)),
        ("seal", Box::new(seal)),
        ("open", Box::new(open)),
        ("open with a scope's keyring", Box::new(open_scoped)),
    ];

    let mut group = criterion.benchmark_group(format!("{len} bytes"));
    group.throughput(Throughput::Bytes(len as u64));
    for (name, run) in &mut runs {
        group.bench_function(*name, |bencher| bencher.iter(&mut *run));
    }
    group.finish();
    let times = medians(&mut runs);
    for ((name, _), time) in runs.iter().zip(&times).skip(1) {
        let (micros, ratio) = (time * 1e6, time / times[0]);
        let limit = match *name {
            "seal" => limits.at_most(ratio, most_seal),
            "open" => limits.at_most(ratio, most_open),
            _ => String::new(),
        };
        println!("{len} bytes: {name}: {micros:.2} µs, {ratio:.2} bare passes (medians) {limit}");
    }
    println!();
}
