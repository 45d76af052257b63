//! Compares this crate with crates that read TOML, and with crates that seal bytes: run `cargo bench`
//! in this folder. It ends with the tables of the README.
//!
//! **Reading** parses a text to values that can be looked up, and frees them. Each reader uses its
//! fastest way to a tree of values of any kind. Ours also wipes the memory that it frees. `boml` and
//! `tomling` accept some texts that are not TOML, and none of the others wipes memory. The bench fails if
//! one is faster than ours with 5 variables, in the README's text or in a shape of the bench `pipeline`.
//!
//! **Sealing** seals and opens one document. The crates make different promises; the times are what a
//! host pays for a document. Keys exist before the clock starts. `age` seals to an X25519 recipient,
//! `orion` uses one key, and `securestore` a key file for the whole store. `cocoon` derives a key from
//! a passphrase for each container. Ours derives a key for each record; `--features aws-lc-rs` selects its
//! other cipher.

#[allow(dead_code, reason = "other benches use the rest")]
#[path = "../../../tests/support/shapes.rs"]
mod shapes;
#[path = "../../src/turns.rs"]
mod turns;

use std::hint::black_box;
use std::process::ExitCode;

use age::x25519::Identity;
use cocoon::Cocoon;
use figment::Figment;
use figment::providers::{Format, Toml};
use secrets_toml::Document;
use secrets_toml::seal::{Keyring, Revision, Scope};
use securestore::{KeySource, SecretsManager};

use crate::shapes::SHAPES;
use crate::turns::{Run, medians};

fn main() -> ExitCode {
    println!("| to read | 5 variables | 48 variables | 1,500 variables |\n|---|---|---|---|");
    let read = [5, 48, 1500].map(|variables| reading(&text(variables)));
    print(&read);
    println!("\n| to seal, to open | 1,000 bytes | | 60,000 bytes | |\n|---|---|---|---|---|");
    let [small, large] =
        [1000, 60_000].map(|len| format!("TOKEN = \"{}\"\n", "x".repeat(len - 11)));
    let ([seal_small, open_small], [seal_large, open_large]) = (sealing(&small), sealing(&large));
    print(&[seal_small, open_small, seal_large, open_large]);
    let shapes = SHAPES.map(|shape| reading(&shape.document(5)));
    println!(
        "\n| to read 5 variables | {} |\n|---|---|---|---|",
        SHAPES.map(|s| s.name()).join(" | ")
    );
    print(&shapes);
    let few = shapes.iter().chain(&read[..1]).flat_map(|times| {
        let ours = times[0].1;
        times.iter().filter(move |(_, time)| *time < ours)
    });
    let faster: Vec<_> = few.map(|(name, _)| *name).collect();
    if faster.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("faster with 5 variables: {}", faster.join(", "));
    ExitCode::FAILURE
}

type Times = Vec<(&'static str, f64)>;

/// Prints a row for each crate: ours in microseconds, the others as multiples of it.
fn print(columns: &[Times]) {
    for row in 0..columns[0].len() {
        print!("| {} |", columns[0][row].0);
        for column in columns {
            let (ours, time) = (column[0].1, column[row].1);
            match row {
                0 => print!(" {:.1} µs |", time * 1e6),
                _ if time / ours < 10.0 => print!(" × {:.2} |", time / ours),
                _ => print!(" × {:.0} |", time / ours),
            }
        }
        println!();
    }
}

fn times(mut runs: Vec<Run<'_>>) -> Times {
    let times = medians(&mut runs);
    runs.into_iter().map(|(name, _)| name).zip(times).collect()
}

/// Times making and dropping a value.
fn run<'a, T>(name: &'static str, mut make: impl FnMut() -> T + 'a) -> Run<'a> {
    (name, Box::new(move || drop(black_box(make()))))
}

fn reading(text: &str) -> Times {
    times(vec![
        run("**secrets-toml**", || Document::parse(text).expect("TOML")),
        run("`toml_edit::Document`", || toml_edit::Document::parse(text).expect("TOML")),
        run("`toml::de::DeTable`", || toml::de::DeTable::parse(text).expect("TOML")),
        run("`toml::Table`", || text.parse::<toml::Table>().expect("TOML")),
        run("`basic-toml`", || basic_toml::from_str::<serde_json::Value>(text).expect("TOML")),
        run("`boml`", || boml::parse(text).expect("TOML")),
        run("`tomling`", || tomling::parse(text).expect("TOML")),
        run("`taplo`", || taplo::parser::parse(text).into_dom()),
        run("`toml-span`", || toml_span::parse(text).expect("TOML")),
        run("`config`", || {
            let file = config::File::from_str(text, config::FileFormat::Toml);
            config::Config::builder().add_source(file).build().expect("TOML")
        }),
        run("`figment`", || {
            let figment = Figment::from(Toml::string(text));
            figment.extract::<figment::value::Dict>().expect("TOML")
        }),
    ])
}

/// Returns the times of sealing and of opening.
fn sealing(text: &str) -> [Times; 2] {
    let bytes = text.as_bytes();

    let keyring = Keyring::generate().expect("randomness");
    let scope = Scope::module("chat").and_then(|m| m.version("1.2.0")).expect("names");
    let secrets = Document::parse(text).expect("TOML").validate().expect("valid");
    let ours = keyring.seal(&scope, Revision::FIRST, &secrets).expect("sealed");
    let opened = keyring.open(&scope, ours.as_bytes()).expect("opened");
    assert_eq!(opened.expose_text(), Some(text));

    let identity = Identity::generate();
    let recipient = identity.to_public();
    let age = age::encrypt(&recipient, bytes).expect("sealed");
    assert_eq!(age::decrypt(&identity, &age).expect("opened"), bytes);

    let secret_key = orion::aead::SecretKey::default();
    let orion = orion::aead::seal(&secret_key, bytes).expect("sealed");
    assert_eq!(orion::aead::open(&secret_key, &orion).expect("opened"), bytes);

    let file = std::env::temp_dir().join(format!("securestore-{}.key", std::process::id()));
    let manager = SecretsManager::new(KeySource::Csprng).expect("a new store");
    manager.export_key(&file).expect("a key file");
    let mut writer = SecretsManager::new(KeySource::Path(&file)).expect("a store");
    let mut reader = SecretsManager::new(KeySource::Path(&file)).expect("a store");
    std::fs::remove_file(&file).expect("the key file");
    reader.set("document", text);
    assert_eq!(reader.get("document").expect("opened"), text);

    const PASSPHRASE: &[u8] = b"correct horse battery staple";
    let mut container = Cocoon::new(PASSPHRASE);
    let cocoon = container.wrap(bytes).expect("sealed");
    assert_eq!(container.unwrap(&cocoon).expect("opened"), bytes);

    let seal = vec![
        run("**secrets-toml**", || keyring.seal(&scope, Revision::FIRST, &secrets)),
        run("`orion::aead`", || orion::aead::seal(&secret_key, bytes)),
        run("`securestore`", move || writer.set("document", text)),
        run("`age`", || age::encrypt(&recipient, bytes)),
        run("`cocoon`", move || container.wrap(bytes)),
    ];
    let open = vec![
        run("**secrets-toml**", || keyring.open(&scope, ours.as_bytes())),
        run("`orion::aead`", || orion::aead::open(&secret_key, &orion)),
        run("`securestore`", || reader.get("document")),
        run("`age`", || age::decrypt(&identity, &age)),
        run("`cocoon`", || Cocoon::parse_only(PASSPHRASE).unwrap(&cocoon)),
    ];
    [times(seal), times(open)]
}

/// Makes a file of secrets: mostly strings at the root, with numbers and comments, then sections.
fn text(variables: usize) -> String {
    let mut text = String::new();
    for i in 0..variables {
        if i % 8 == 0 {
            text.push_str("\n# What the service gave us.\n");
        }
        if i >= variables * 3 / 4 && i % 12 == 0 {
            text.push_str(&format!("[section_{i}]\n"));
        }
        match i % 10 {
            8 => text.push_str(&format!("PORT_{i} = {}\n", 8000 + i)),
            9 => text.push_str(&format!("RATE_{i} = {i}.5\n")),
            _ => text.push_str(&format!("TOKEN_{i} = \"9f8e7d6c5b4a39281706f5e4d3c2b1a{i:05}\"\n")),
        }
    }
    text
}
