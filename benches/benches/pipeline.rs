//! Compares the pipeline from text to environment with the parser alone and with other TOML readers,
//! then measures each stage: `cargo bench -p benches --bench pipeline`. It ends with a table of
//! medians and ratios.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;

use benches::limits::Limits;
use benches::median::median;
use benches::turns::{Run, medians};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use secrets_toml::seal::{Keyring, Revision, Scope};
use secrets_toml::{Document, Env, Overrides, Secrets, Template};
use serde::Deserialize;
use toml_parser::Source;
use toml_parser::parser::parse_document;

/// The sizes, in variables.
const SIZES: [usize; 3] = [5, 48, 1500];

/// The query of a visitor's link.
const QUERY: &str = "user_id=alice&app_id=demo&utm_source=mail&base=https%3A%2F%2Fapi.clarifai.com";

fn main() -> ExitCode {
    let mut criterion = Criterion::default().configure_from_args().without_plots();
    for variables in SIZES {
        bench(&mut criterion, variables);
        stages(&mut criterion, variables);
    }
    criterion.final_summary();
    summary()
}

fn bench(criterion: &mut Criterion, variables: usize) {
    let text = document(variables);
    let template = Template::parse(&template(variables)).expect("the template is well-formed");
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_with_input(BenchmarkId::new("floor", variables), &text, |b, text| {
        b.iter(|| {
            let tokens = Source::new(text).lex().into_vec();
            parse_document(&tokens, &mut (), &mut ());
            tokens
        });
    });
    group.bench_with_input(BenchmarkId::new("parse", variables), &text, |b, text| {
        b.iter(|| Document::parse(black_box(text.as_str())).expect("well-formed"));
    });
    group.bench_with_input(BenchmarkId::new("whole", variables), &text, |b, text| {
        b.iter(|| {
            let document = Document::parse(black_box(text.as_str())).expect("well-formed");
            let secrets = template.validate(document).expect("filled in");
            secrets.env().expect("mappable")
        });
    });
    group.bench_with_input(BenchmarkId::new("toml_edit", variables), &text, |b, text| {
        b.iter(|| toml_edit::Document::parse(black_box(text.as_str())).expect("well-formed"));
    });
    group.bench_with_input(BenchmarkId::new("toml", variables), &text, |b, text| {
        b.iter(|| toml::de::DeTable::parse(black_box(text.as_str())).expect("well-formed"));
    });
    group.finish();
}

/// A value of any kind; strings are borrowed.
#[derive(Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "values are deserialized and not read")]
enum Any<'a> {
    String(&'a str),
    Integer(i64),
    Float(f64),
    #[serde(borrow)]
    Table(BTreeMap<&'a str, Self>),
}

/// Measures each stage alone. The clock runs neither while the input is made nor while the result is
/// dropped, which includes wiping. The benchmark `read/parse` above includes the drop.
fn stages(criterion: &mut Criterion, variables: usize) {
    let text = document(variables);
    let template = Template::parse(&template(variables)).expect("the template is well-formed");
    let keyring = Keyring::from_bytes([7; 32]);
    let scope = Scope::module("chat").and_then(|module| module.version("1.2.0")).expect("names");
    let overrides = Overrides::clarifai();
    let parsed = || Document::parse(text.as_str()).expect("well-formed");
    let secrets = parsed().validate().expect("filled in");
    let record = keyring.seal(&scope, Revision::FIRST, &secrets).expect("short");

    let seal = |secrets: &Secrets| keyring.seal(&scope, Revision::FIRST, secrets).expect("short");
    let open = || keyring.open(&scope, black_box(record.as_bytes())).expect("ours");
    let apply = |env: Env| env.override_with(&overrides, black_box(QUERY)).expect("accepted");
    // Small batches stay in the cache.
    let few = BatchSize::NumIterations(8);

    let mut group = criterion.benchmark_group("stage");
    group.throughput(Throughput::Bytes(text.len() as u64));
    let id = |what| BenchmarkId::new(what, variables);
    group.bench_function(id("parse"), |b| {
        b.iter_batched(|| text.clone(), |text| Document::parse(text).expect("well-formed"), few);
    });
    group.bench_function(id("validate"), |b| {
        b.iter_batched(parsed, |document| template.validate(document).expect("filled in"), few);
    });
    group.bench_function(id("env"), |b| {
        b.iter_with_large_drop(|| black_box(&secrets).env().expect("mappable"));
    });
    group.bench_function(id("override"), |b| {
        b.iter_batched(|| secrets.env().expect("mappable"), apply, few);
    });
    group.bench_function(id("deserialize"), |b| {
        b.iter_with_large_drop(|| {
            let values: BTreeMap<&str, Any<'_>> = black_box(&secrets).deserialize().expect("fits");
            values
        });
    });
    group.bench_function(id("seal"), |b| b.iter_with_large_drop(|| seal(black_box(&secrets))));
    group.bench_function(id("open"), |b| b.iter_with_large_drop(open));
    group.bench_function(id("to-store"), |b| {
        let way = |text: String| {
            let document = Document::parse(text).expect("well-formed");
            seal(&template.validate(document).expect("filled in"))
        };
        b.iter_batched(|| text.clone(), way, few);
    });
    group.bench_function(id("to-module"), |b| {
        b.iter_with_large_drop(|| {
            let secrets = open().into_secrets().expect("a document");
            apply(secrets.env().expect("mappable"))
        });
    });
    group.finish();
}

/// Makes a file of secrets: mostly strings at the root, with numbers and comments, then sections.
fn document(variables: usize) -> String {
    file(variables, |i| format!("\"9f8e7d6c5b4a39281706f5e4d3c2b1a{i:05}\""))
}

/// Makes the same file with blank strings.
fn template(variables: usize) -> String {
    file(variables, |_| "\"\"".to_owned())
}

fn file(variables: usize, string: impl Fn(usize) -> String) -> String {
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
            _ => text.push_str(&format!("SERVICE_TOKEN_{i} = {}\n", string(i))),
        }
    }
    text
}

/// Returns the times of parsing a text and of delivering the document, in nanoseconds.
fn delivery(variables: usize) -> [f64; 2] {
    let text = document(variables);
    let parse = || Document::parse(black_box(text.as_str())).expect("well-formed");
    let read = parse();
    let env = read.env().expect("mappable");
    let deliver = || black_box(&read).for_streamlit(&env).expect("short");
    let mut runs: [Run<'_>; 2] = [
        ("parse", Box::new(|| drop(black_box(parse())))),
        ("streamlit", Box::new(|| drop(black_box(deliver())))),
    ];
    let medians = medians(&mut runs);
    [medians[0] * 1e9, medians[1] * 1e9]
}

/// Prints the medians of this run, with their limits.
fn summary() -> ExitCode {
    let mut limits = Limits::from_args();
    println!("\n{:>9}  {:>11}  {:>12}  {:>9}  limit", "variables", "what", "median", "ratio");
    for variables in SIZES {
        let read = |what| median("read", what, variables);
        let (Some(floor), Some(parse)) = (read("floor"), read("parse")) else { continue };
        let row = |what: &str, time: f64, ratio: f64, limit: &str| {
            let time = format!("{:.2} µs", time / 1000.0);
            println!("{variables:>9}  {what:>11}  {time:>12}  {ratio:>8.2}x  {limit}");
        };
        // With few variables the fixed cost of a document dominates, so no limit applies.
        let judged = variables > 5;
        row("floor", floor, 1.0, "");
        for (what, most) in [("parse", 2.0), ("whole", 3.2)] {
            let Some(time) = read(what) else { continue };
            let limit = match judged {
                true => format!("of the floor: {}", limits.at_most(time / floor, most)),
                false => "of the floor".to_owned(),
            };
            row(what, time, time / floor, &limit);
        }
        let [in_turns, time] = delivery(variables);
        let limit = match judged {
            true => format!("of parse: {}", limits.at_most(time / in_turns, 1.6)),
            false => "of parse".to_owned(),
        };
        row("streamlit", time, time / in_turns, &limit);
        for (peer, least) in [("toml_edit", 2.0), ("toml", 1.4)] {
            let Some(time) = read(peer) else { continue };
            let limit = match judged {
                true => format!("of parse: {}", limits.at_least(time / parse, least)),
                false => "of parse".to_owned(),
            };
            row(peer, time, time / parse, &limit);
        }
        println!();
        let stages = [
            "parse",
            "validate",
            "env",
            "override",
            "deserialize",
            "seal",
            "open",
            "to-store",
            "to-module",
        ];
        for what in stages {
            if let Some(time) = median("stage", what, variables) {
                row(what, time, time / parse, "of parse");
            }
        }
        println!();
    }
    limits.end()
}
