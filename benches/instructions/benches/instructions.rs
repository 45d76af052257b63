//! Counts the instructions of the three functions of the reader, for a document of 48 variables. Unlike
//! times, counts do not depend on the load of the machine. `.ci/instructions` compares them with
//! `baseline.txt`.
//!
//! Sealing and opening are left out. Under valgrind, SHA-256 has no hardware instructions, and most of
//! the count would be theirs. A unit test counts the compressions of SHA-256 instead.

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use secrets_toml::{Document, Env, Secrets, Template};

fn text(value: &str) -> String {
    let mut text = String::new();
    for i in 0..48 {
        if i == 36 {
            text.push_str("[section]\n");
        }
        match i % 10 {
            8 => text.push_str(&format!("PORT_{i} = {}\n", 8000 + i)),
            9 => text.push_str(&format!("RATE_{i} = {i}.5\n")),
            _ => text.push_str(&format!(
                "# What the service gave us.\nSERVICE_TOKEN_{i} = \"{value}\"\n"
            )),
        }
    }
    text
}

fn filled() -> String {
    text("9f8e7d6c5b4a39281706f5e4d3c2b1a0")
}

fn document() -> Document {
    Document::parse(filled()).expect("it is well-formed")
}

fn template() -> (Template, Document) {
    (Template::parse(&text("")).expect("it is well-formed"), document())
}

// The functions return their results, so that dropping them is not counted.

#[library_benchmark]
#[bench::small(setup = filled)]
fn parse(text: String) -> Document {
    Document::parse(black_box(text)).expect("it is well-formed")
}

#[library_benchmark]
#[bench::small(setup = template)]
fn validate((template, document): (Template, Document)) -> (Template, Secrets) {
    let secrets = template.validate(black_box(document)).expect("it is filled in");
    (template, secrets)
}

#[library_benchmark]
#[bench::small(setup = document)]
fn env(document: Document) -> (Document, Env) {
    let env = black_box(&document).env().expect("it is mappable");
    (document, env)
}

library_benchmark_group!(name = functions, benchmarks = [parse, validate, env]);
main!(library_benchmark_groups = functions);
