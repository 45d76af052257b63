//! The way of a text to the environment, beside what the parser alone takes and beside the other
//! TOML readers: `cargo bench --bench pipeline`. It ends with a table of medians and ratios.

#[path = "support/median.rs"]
mod median;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use secrets_toml::{Document, Template};
use toml_parser::Source;
use toml_parser::parser::parse_document;

use crate::median::median;

/// The sizes, in variables.
const SIZES: [usize; 3] = [5, 48, 1500];

fn main() {
    let mut criterion = Criterion::default().configure_from_args().without_plots();
    for variables in SIZES {
        bench(&mut criterion, variables);
    }
    criterion.final_summary();
    summary();
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

/// A file of secrets: mostly root strings, some numbers, a comment now and then, then sections.
fn document(variables: usize) -> String {
    file(variables, |i| format!("\"9f8e7d6c5b4a39281706f5e4d3c2b1a{i:05}\""))
}

/// The same file with blank strings.
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

/// Prints the medians of this run, and what they have to reach.
fn summary() {
    println!("\n{:>9}  {:>9}  {:>12}  {:>9}  limit", "variables", "what", "median", "ratio");
    for variables in SIZES {
        let median = |what| median("read", what, variables);
        let (Some(floor), Some(parse)) = (median("floor"), median("parse")) else { return };
        let row = |what: &str, time: f64, ratio: f64, limit: &str| {
            let time = format!("{:.2} µs", time / 1000.0);
            // Of a few variables, what every document takes is the most: it is only reported.
            let limit = if variables > 5 { limit } else { "" };
            println!("{variables:>9}  {what:>9}  {time:>12}  {ratio:>8.2}x  {limit}");
        };
        row("floor", floor, 1.0, "");
        row("parse", parse, parse / floor, "of the floor: at most 2.0");
        if let Some(whole) = median("whole") {
            row("whole", whole, whole / floor, "of the floor: at most 3.2");
        }
        for (peer, limit) in [("toml_edit", "2.0"), ("toml", "1.4")] {
            if let Some(time) = median(peer) {
                row(peer, time, time / parse, &format!("of parse: at least {limit}"));
            }
        }
    }
}
