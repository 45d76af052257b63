//! What sealing and opening cost against the least that they could: one bare ChaCha20-Poly1305
//! pass over the same padded plaintext, in the same run.
//!
//! Randomness and wiping are included; parsing the text is not.

use std::hint::black_box;
use std::time::{Duration, Instant};

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use criterion::{Criterion, Throughput};
use secrets_toml::Document;
use secrets_toml::seal::{Keyring, Revision, Scope};

/// A nonce is used once; here nothing is kept.
const NONCE: [u8; 12] = [1; 12];

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for len in [1024, 60 * 1024] {
        compare(&mut criterion, len);
    }
    criterion.final_summary();
}

fn compare(criterion: &mut Criterion, len: usize) {
    let text = format!("TOKEN = \"{}\"\n", "x".repeat(len - 11));
    let secrets = Document::parse(text).expect("TOML").validate().expect("valid");
    let scope = Scope::module("chat").and_then(|m| m.version("1.2.0")).expect("names");
    let keyring = Keyring::generate().expect("randomness");
    let record = keyring.seal(&scope, Revision::FIRST, &secrets).expect("sealed");
    let scope_keyring = keyring.for_scope(&scope);

    let padded = (len + 4).next_power_of_two();
    let mut buffer = vec![0_u8; padded];
    let mut bare = || {
        let cipher = ChaCha20Poly1305::new(black_box(&[7; 32].into()));
        let tag = cipher.encrypt_inout_detached(&NONCE.into(), b"", buffer.as_mut_slice().into());
        let _ = black_box(tag);
    };
    let mut seal = || drop(black_box(keyring.seal(&scope, Revision::FIRST, &secrets)));
    let mut open = || drop(black_box(keyring.open(&scope, record.as_bytes())));
    let mut open_scoped = || drop(black_box(scope_keyring.open(record.as_bytes())));
    let mut runs: [(&str, &mut dyn FnMut()); 4] = [
        ("bare pass", &mut bare),
        ("seal", &mut seal),
        ("open", &mut open),
        ("open with a scope's keyring", &mut open_scoped),
    ];

    let mut group = criterion.benchmark_group(format!("{len} bytes"));
    group.throughput(Throughput::Bytes(len as u64));
    for (name, run) in &mut runs {
        group.bench_function(*name, |bencher| bencher.iter(&mut *run));
    }
    group.finish();
    let [bare, times @ ..] = medians(&mut runs);
    for ((name, _), time) in runs[1..].iter().zip(times) {
        let micros = time * 1e6;
        println!("{len} bytes: {name}: {micros:.2} µs, {:.2} bare passes (medians)", time / bare);
    }
    println!();
}

/// The median time of each, in seconds. They take turns, so that what else the machine does falls
/// on all alike.
fn medians<const N: usize>(runs: &mut [(&str, &mut dyn FnMut()); N]) -> [f64; N] {
    const ROUNDS: usize = 501;
    const CALLS: u32 = 50;

    let mut times = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for ((_, run), times) in runs.iter_mut().zip(&mut times) {
            let start = Instant::now();
            (0..CALLS).for_each(|_| run());
            times.push(start.elapsed().as_secs_f64() / f64::from(CALLS));
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    })
}
