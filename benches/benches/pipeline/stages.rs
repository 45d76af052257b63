//! Each stage alone, measured by criterion.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use secrets_toml::seal::{Keyring, Revision, Scope};
use secrets_toml::{Document, Env, Overrides, Secrets, Template};
use serde::Deserialize;

use crate::shapes::Shape;

/// The query of a visitor's link.
const QUERY: &str = "user_id=alice&app_id=demo&utm_source=mail&base=https%3A%2F%2Fapi.clarifai.com";

/// Measures the stages that the arguments select.
pub(crate) fn bench(sizes: &[usize]) {
    let mut criterion = Criterion::default().configure_from_args().without_plots();
    sizes.iter().for_each(|&variables| stages(&mut criterion, variables));
    criterion.final_summary();
}

/// A value of any kind; strings are borrowed.
#[derive(Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "values are deserialized and not read")]
enum Any<'a> {
    String(&'a str),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    #[serde(borrow)]
    Table(BTreeMap<&'a str, Self>),
}

/// Measures each stage alone. The clock runs neither while the input is made nor while the result is
/// dropped, which includes wiping. The benchmark `read/parse` above includes the drop.
fn stages(criterion: &mut Criterion, variables: usize) {
    let text = Shape::Sections.document(variables);
    let template =
        Template::parse(&Shape::Sections.template(variables)).expect("the template is well-formed");
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
