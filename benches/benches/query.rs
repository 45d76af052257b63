//! Compares applying a query to an environment with collecting the query's fields and copying the
//! variables once: `cargo bench -p benches --bench query`. It ends with a table of medians and ratios.

use std::hint::black_box;
use std::process::ExitCode;

use benches::limits::Limits;
use benches::median::median;
use criterion::{BatchSize, BenchmarkId, Criterion};
use secrets_toml::{Document, Env, Overrides};

/// The sizes, in variables.
const SIZES: [usize; 3] = [6, 48, 480];

/// Six parameters as a browser sends them, two of them with escapes.
const QUERY: &str = "user_id=alice&app_id=main-app&pat=9f8e7d6c5b4a39281706f5e4d3c2b1a0&\
                     token=Zm9v%2BYmFy%2FYmF6%3D%3D-9f8e7d6c5b4a3928&\
                     base=https%3A%2F%2Fapi.clarifai.com&ui=https%3A%2F%2Fclarifai.com";

fn main() -> ExitCode {
    let mut criterion = Criterion::default().configure_from_args().without_plots();
    for variables in SIZES {
        bench(&mut criterion, variables);
    }
    criterion.final_summary();
    summary()
}

fn bench(criterion: &mut Criterion, variables: usize) {
    let overrides = Overrides::clarifai();
    let document = Document::parse(secrets(variables)).expect("well-formed");
    let env = || document.env().expect("mappable");
    assert_eq!(env().len(), variables);
    assert!(env().override_with(&overrides, QUERY).is_ok());
    let bytes: String = env().iter().flat_map(|(name, value)| [name, value]).collect();

    let mut group = criterion.benchmark_group("query");
    group.bench_with_input(BenchmarkId::new("collect", variables), &(), |b, ()| {
        b.iter(|| form_urlencoded::parse(black_box(QUERY).as_bytes()).collect::<Vec<_>>());
    });
    group.bench_with_input(BenchmarkId::new("copy", variables), &(), |b, ()| {
        b.iter(|| black_box(bytes.as_str()).to_owned());
    });
    let apply = |env: Env| env.override_with(&overrides, black_box(QUERY)).expect("accepted");
    group.bench_with_input(BenchmarkId::new("override", variables), &(), |b, ()| {
        // The clock includes dropping and wiping the old environment, and not the new one. Small
        // batches stay in the cache, as the inputs of the other two do.
        b.iter_batched(env, apply, BatchSize::NumIterations(8));
    });
    group.finish();
}

/// Makes a file of secrets with the six variables that the query overrides, among others.
fn secrets(variables: usize) -> String {
    let names = ["USER_ID", "APP_ID", "PAT", "SESSION_TOKEN", "API_BASE", "UI"];
    let every = variables / names.len();
    let line = |i: usize| match names.get(i / every) {
        Some(name) if i.is_multiple_of(every) => {
            format!("CLARIFAI_{name} = \"of the owner {i:05}\"\n")
        }
        _ => format!("SERVICE_TOKEN_{i} = \"9f8e7d6c5b4a39281706f5e4d3c2b1a{i:05}\"\n"),
    };
    (0..variables).map(line).collect()
}

/// Prints the medians of this run, with their limits.
fn summary() -> ExitCode {
    let mut limits = Limits::from_args();
    println!("\n{:>9}  {:>9}  {:>12}  {:>9}  limit", "variables", "what", "median", "ratio");
    for variables in SIZES {
        let median = |what| median("query", what, variables);
        let (Some(collect), Some(copy)) = (median("collect"), median("copy")) else { continue };
        let floor = collect + copy;
        let row = |what: &str, time: f64, limit: &str| {
            let (time, ratio) = (format!("{time:.0} ns"), time / floor);
            println!("{variables:>9}  {what:>9}  {time:>12}  {ratio:>8.2}x  {limit}");
        };
        row("collect", collect, "");
        row("copy", copy, "");
        if let Some(time) = median("override") {
            let limit = match variables {
                48 => format!("of both: {}", limits.at_most(time / floor, 2.0)),
                _ => String::new(),
            };
            row("override", time, &limit);
        }
    }
    limits.end()
}
