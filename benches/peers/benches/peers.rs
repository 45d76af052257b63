//! One document of 1 KiB, sealed and opened by this crate and by its peers, in one run: `age` to
//! an X25519 recipient, `cocoon` with a passphrase, `securestore` with a key file.
//!
//! They promise different things; what is compared is what a host pays for a document. Keys are at
//! hand before the clock starts. `cocoon` derives its key for every container.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use cocoon::Cocoon;
use criterion::Criterion;
use secrets_toml::Document;
use secrets_toml::seal::{Keyring, Revision, Scope};
use securestore::{KeySource, SecretsManager};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let text = format!("TOKEN = \"{}\"\n", "x".repeat(1024 - 11));
    let bytes = text.as_bytes();

    let keyring = Keyring::generate().expect("randomness");
    let scope = Scope::module("chat").and_then(|m| m.version("1.2.0")).expect("names");
    let secrets = Document::parse(text.as_str()).expect("TOML").validate().expect("valid");
    let sealed = keyring.seal(&scope, Revision::FIRST, &secrets).expect("sealed");
    let opened = keyring.open(&scope, sealed.as_bytes()).expect("opened");
    assert_eq!(opened.expose_text(), Some(text.as_str()));
    let seal = || keyring.seal(&scope, Revision::FIRST, &secrets);
    let ours = [
        median(&mut criterion, "seal/secrets-toml", seal),
        median(&mut criterion, "open/secrets-toml", || keyring.open(&scope, sealed.as_bytes())),
    ];

    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();
    let sealed = age::encrypt(&recipient, bytes).expect("sealed");
    assert_eq!(age::decrypt(&identity, &sealed).expect("opened"), bytes);
    let age = [
        median(&mut criterion, "seal/age", || age::encrypt(&recipient, bytes)),
        median(&mut criterion, "open/age", || age::decrypt(&identity, &sealed)),
    ];

    let mut container = Cocoon::new(b"correct horse battery staple");
    let sealed = container.wrap(bytes).expect("sealed");
    assert_eq!(container.unwrap(&sealed).expect("opened"), bytes);
    let cocoon = [
        median(&mut criterion, "seal/cocoon", || container.wrap(bytes)),
        median(&mut criterion, "open/cocoon", || {
            Cocoon::parse_only(b"correct horse battery staple").unwrap(&sealed)
        }),
    ];

    let file = std::env::temp_dir().join(format!("securestore-{}.key", std::process::id()));
    let manager = SecretsManager::new(KeySource::Csprng).expect("a new store");
    manager.export_key(&file).expect("a key file");
    let mut manager = SecretsManager::new(KeySource::Path(&file)).expect("a store");
    std::fs::remove_file(&file).expect("the key file");
    manager.set("document", text.as_str());
    assert_eq!(manager.get("document").expect("opened"), text);
    let securestore = [
        median(&mut criterion, "seal/securestore", || manager.set("document", text.as_str())),
        median(&mut criterion, "open/securestore", || manager.get("document")),
    ];
    criterion.final_summary();

    for (peer, times) in [("age", age), ("cocoon", cocoon), ("securestore", securestore)] {
        for (what, time, ours) in [("seal", times[0], ours[0]), ("open", times[1], ours[1])] {
            println!("{peer} takes {:.1} times as long to {what} (medians)", time / ours);
        }
    }
}

/// Runs a benchmark and returns the median of its samples, in nanoseconds a call.
fn median<T>(criterion: &mut Criterion, name: &str, mut run: impl FnMut() -> T) -> f64 {
    let samples = RefCell::new(Vec::new());
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|calls| {
            let start = Instant::now();
            for _ in 0..calls {
                drop(black_box(run()));
            }
            let elapsed = start.elapsed();
            samples.borrow_mut().push(elapsed.as_nanos() as f64 / calls as f64);
            elapsed
        });
    });
    let mut samples = samples.into_inner();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}
