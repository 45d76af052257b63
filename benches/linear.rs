//! Whether every step takes time and memory in proportion to the text, whatever the text:
//! `cargo bench --bench linear`, with part of a shape's name for that one alone.
//!
//! Each shape is made twice, near the limit of a document (of a template, where one is read) and a
//! small fraction of it. A row gives what a step costs per byte of the large text, and how many
//! times that is of the small one: the median time of rounds that take the two in turns, and the
//! most heap memory at one time. In a round the small text is taken as often as makes up the large
//! one, and everything is kept to the end of it: both run through as much memory, so that neither
//! has the help of the caches. The bench ends with status 1 where a ratio is over [`LIMIT`]. A row
//! that is over is measured again up to twice: where other processes share the caches, times vary.
//!
//! Behind the shapes that were thought of come the [pairs] of faults that were not: thousands, so
//! each is only glanced at, and a row gives the worst of a packing.

#[path = "linear/clock.rs"]
mod clock;
#[path = "linear/pairs.rs"]
mod pairs;
#[path = "../tests/support/probe.rs"]
mod probe;
#[path = "linear/shapes.rs"]
mod shapes;

use std::fmt::{self, Write};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use secrets_toml::{
    Document, Env, Invalid, MAX_LEN, MAX_QUERY_LEN, MAX_TEMPLATE_LEN, Overrides, Parameter,
    Template,
};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use shapes::{QUERIES, SHAPES, Shape};

#[global_allocator]
static PROBE: probe::Probe = probe::Probe;

/// How many times the cost per byte of the small text the large one may take.
const LIMIT: f64 = 3.0;

/// What a step may take whatever the text: nanoseconds per byte of the large text, too few to tell
/// from the clock's, and bytes of heap memory.
const NEGLIGIBLE: f64 = 0.5;
const FIXED: usize = 4096;

/// The lengths of the large and the small text, in bytes.
const DOCUMENT: [usize; 2] = [MAX_LEN - 1000, 10_000];
const DELIVERY: [usize; 2] = [MAX_LEN / 3, 10_000];
const TEMPLATE: [usize; 2] = [MAX_TEMPLATE_LEN - 500, 2_000];
const QUERY: [usize; 2] = [MAX_QUERY_LEN - 1000, 5_000];

/// The same in time for what is only glanced at, where the small text has the help of the caches.
/// What goes over the rest of the text for each fault takes a hundred times.
const GLANCE_LIMIT: f64 = 8.0;

/// The lengths of a pair of faults; at the one between, what is far from linear is known.
const PAIR: [usize; 3] = [MAX_LEN - 1000, 100_000, 10_000];
const PAIR_TEMPLATE: [usize; 3] = [MAX_TEMPLATE_LEN - 500, 20_000, 2_000];

/// How often the small text of a pair is taken.
const GLANCES: usize = 5;

/// How often a row is measured before it counts as over the limit.
const ATTEMPTS: usize = 3;

/// The rounds of a measurement: as many as fit into the time, within these bounds.
const ROUNDS: std::ops::RangeInclusive<usize> = 3..=9;
const TIME: Duration = Duration::from_millis(150);

fn main() -> ExitCode {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let filter = filter.unwrap_or_default();
    println!(
        "{:<36} {:<12} {:>10} {:>6} {:>12} {:>6}",
        "text", "step", "ns/byte", "x", "bytes/byte", "x"
    );
    let started = Instant::now();
    let (mut rows, mut over) = (0, 0);
    let groups = [
        (SHAPES, DOCUMENT_STEPS, DOCUMENT),
        (SHAPES, DELIVERY_STEPS, DELIVERY),
        (SHAPES, TEMPLATE_STEPS, TEMPLATE),
        (QUERIES, QUERY_STEPS, QUERY),
    ];
    let mut show = |name: &str, step: &str, row: &Row| {
        let mark = if row.is_over() { "  over the limit" } else { "" };
        println!("{name:<36} {step:<12} {row}{mark}");
        rows += 1;
        over += usize::from(row.is_over());
    };
    for (shapes, steps, lengths) in groups {
        for shape in shapes.iter().filter(|shape| shape.name.contains(&filter)) {
            let texts = lengths.map(|len| Text::of_shape(shape, len));
            for &(step, run) in steps {
                if let Some(row) = attempt(|| measure(run, texts.each_ref())) {
                    show(shape.name, step, &row);
                }
            }
        }
    }
    for (steps, lengths) in [(PAIR_STEPS, PAIR), (TEMPLATE_STEPS, PAIR_TEMPLATE)] {
        for pairs in pairs::packed() {
            let mut worst: Vec<Option<(String, Row)>> = steps.iter().map(|_| None).collect();
            for pair in pairs.filter(|pair| pair.name().contains(&filter)) {
                // No template is needed for what is refused anyway.
                let accepted = Document::parse(pair.text(lengths[2])).is_ok();
                let texts = lengths.map(|len| {
                    let template = accepted.then(|| pair.template(len / 16));
                    Text::new(&pair.name(), pair.text(len), template, len)
                });
                for (&(step, run), worst) in steps.iter().zip(&mut worst) {
                    let Some(row) = attempt(|| glance(run, &texts)) else { continue };
                    if row.is_over() {
                        show(&pair.name(), step, &row);
                    } else if worst.as_ref().is_none_or(|(_, worst)| row.worse_than(worst)) {
                        *worst = Some((pair.name(), row));
                    }
                }
            }
            for ((step, _), worst) in steps.iter().zip(worst) {
                if let Some((name, row)) = worst {
                    show(&name, step, &row);
                }
            }
        }
    }
    let seconds = started.elapsed().as_secs();
    println!("{rows} rows in {seconds} s, {over} of them over the limit");
    if over == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures a row again where it is over the limit.
fn attempt(mut measure: impl FnMut() -> Option<Row>) -> Option<Row> {
    let mut row = measure()?;
    for _ in 1..ATTEMPTS {
        if row.is_over() {
            row = measure().expect("it was measured before");
        }
    }
    Some(row)
}

/// What a step takes of a text, so many times over.
struct Cost {
    time: Duration,
    peak: usize,
}

/// The cost per byte of the large and the small text.
struct Row {
    /// How many times the cost in time of the small text is over the limit.
    limit: f64,
    time: [f64; 2],
    memory: [f64; 2],
}

impl Row {
    fn ratios(&self) -> [f64; 2] {
        [self.time, self.memory]
            .map(|[large, small]| if large == 0.0 { 0.0 } else { large / small })
    }

    fn worse_than(&self, other: &Self) -> bool {
        let worst = |row: &Self| row.ratios().into_iter().fold(0.0, f64::max);
        worst(self) > worst(other)
    }

    fn is_over(&self) -> bool {
        let [time, memory] = self.ratios();
        (time > self.limit && self.time[0] > NEGLIGIBLE) || memory > LIMIT
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [time, memory] = self.ratios();
        write!(f, "{:>10.2} {time:>6.2} {:>12.2} {memory:>6.2}", self.time[0], self.memory[0])
    }
}

/// Takes a step over the large and the small text in turns. `None` where the text has no such step.
fn measure(run: Step, [large, small]: [&Text; 2]) -> Option<Row> {
    let times = large.text.len() / small.text.len();
    let bytes = [large.text.len() as f64, (small.text.len() * times) as f64];
    let (mut large_times, mut small_times) = (Vec::new(), Vec::new());
    let started = Instant::now();
    for round in 0..*ROUNDS.end() {
        // What is far from linear need not be waited for.
        let limit = if round < *ROUNDS.start() { 20 * TIME } else { TIME };
        if round > 0 && started.elapsed() > limit {
            break;
        }
        small_times.push(run(small, times)?.time);
        large_times.push(run(large, 1).expect("what a small text has, the large one has").time);
    }
    let time = [median(large_times) / bytes[0], median(small_times) / bytes[1]];
    let [large_peak, small_peak] = [run(large, 1)?.peak, run(small, 1)?.peak];
    let memory = [
        large_peak.saturating_sub(FIXED) as f64 / large.text.len() as f64,
        small_peak as f64 / small.text.len() as f64,
    ];
    Some(Row { limit: LIMIT, time, memory })
}

/// Takes a step over each of three texts once, over the small one a few times.
fn glance(run: Step, [large, middle, small]: &[Text; 3]) -> Option<Row> {
    let len = |text: &Text| text.text.len() as f64;
    let small_peak = run(small, 1)?.peak as f64 / len(small);
    let small_time = run(small, GLANCES)?.time.as_nanos() as f64 / (len(small) * GLANCES as f64);
    let row = |text: &Text| {
        let Cost { time, peak } = run(text, 1)?;
        Some(Row {
            limit: GLANCE_LIMIT,
            time: [time.as_nanos() as f64 / len(text), small_time],
            memory: [peak.saturating_sub(FIXED) as f64 / len(text), small_peak],
        })
    };
    // What is far from linear need not be waited for.
    row(middle).filter(Row::is_over).or_else(|| row(large))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_nanos() as f64
}

/// Takes a step with each of the inputs, and drops what it gave.
fn cost<I, T>(inputs: Vec<I>, run: impl FnMut(I) -> T) -> Option<Cost> {
    let mut results = Vec::with_capacity(inputs.len());
    let started = clock::now();
    let ((), report) = probe::during(|| {
        results.extend(inputs.into_iter().map(run));
        drop(black_box(results));
    });
    Some(Cost { time: clock::now() - started, peak: report.peak })
}

/// A text of some length, with the template that it is held against.
struct Text {
    text: String,
    template: Option<Template>,
}

impl Text {
    fn of_shape(shape: &Shape, len: usize) -> Self {
        let template = shape.template.map(|template| template(len / 16));
        Self::new(shape.name, (shape.text)(len), template, len)
    }

    fn new(name: &str, text: String, template: Option<String>, len: usize) -> Self {
        assert!((len * 9 / 10..=len).contains(&text.len()), "{name}: {} bytes", text.len());
        // As a template's limit is to a document's.
        let template = template
            .map(|template| Template::parse(&template).expect("the template is well-formed"));
        Self { text, template }
    }

    fn documents(&self, times: usize) -> Option<Vec<Document>> {
        (0..times).map(|_| Document::parse(self.text.as_str()).ok()).collect()
    }

    /// Its variables; `None` if there are only a few.
    fn envs(&self, times: usize) -> Option<Vec<Env>> {
        let envs = self.documents(times)?;
        let envs = envs.iter().map(|document| document.env().ok().filter(|env| env.len() > 100));
        envs.collect()
    }

    /// Two parameters that each displace a quarter of its variables, and as many names that are
    /// none.
    fn displacing(&self) -> Option<Overrides> {
        let envs = self.envs(1)?;
        let variables = || envs[0].iter().step_by(4);
        let names = || variables().flat_map(|(name, _)| [name.to_owned(), format!("{name}_")]);
        let parameter = |name| Parameter::new(name, format!("{name}{name}")).displaces(names());
        Some(Overrides::new().allow(parameter("a")).allow(parameter("b")))
    }

    fn validated(&self, document: Document) -> Result<secrets_toml::Secrets, Invalid> {
        match &self.template {
            Some(template) => template.validate(document),
            None => document.validate(),
        }
    }
}

/// A step, taken so many times; `None` where the text has no such step.
type Step = fn(&Text, usize) -> Option<Cost>;

const DOCUMENT_STEPS: &[(&str, Step)] = &[
    ("parse", |text, times| cost(vec![text.text.as_str(); times], Document::parse)),
    ("refusal", |text, times| {
        let errors = (0..times).map(|_| Document::parse(text.text.as_str()).err());
        cost(errors.collect::<Option<_>>()?, |error| write!(Void, "{error}"))
    }),
    ("debug", |text, times| {
        cost(text.documents(times)?.iter().collect(), |document| write!(Void, "{document:?}"))
    }),
    ("env", |text, times| cost(text.documents(times)?.iter().collect(), |document| document.env())),
    ("env by name", |text, times| {
        let envs = text.envs(times)?;
        cost(envs.iter().collect(), |env| {
            let found = |name| env.get(name).is_some() && env.source(name).is_some();
            assert!(env.iter().all(|(name, _)| found(name)));
        })
    }),
    ("displace", |text, times| {
        let overrides = text.displacing()?;
        cost(text.envs(times)?, |env| {
            // Twice: the second time all of them are displaced already.
            let env = env.override_with(&overrides, "a=x&b=x").expect("accepted");
            env.override_with(&overrides, "b=y&a=y").expect("accepted")
        })
    }),
    ("deserialize", |text, times| {
        cost(text.documents(times)?.iter().collect(), |document| {
            document.deserialize::<IgnoredAny>()
        })
    }),
    ("lenient", |text, times| {
        cost(text.documents(times)?.iter().collect(), |document| document.deserialize::<Lenient>())
    }),
    ("validate", |text, times| cost(text.documents(times)?, |document| text.validated(document))),
    ("findings", |text, times| {
        let invalid = text.documents(times)?.into_iter().map(|document| text.validated(document));
        let invalid: Vec<Invalid> = invalid.map(Result::err).collect::<Option<_>>()?;
        cost(invalid.iter().collect(), |invalid| write!(Void, "{invalid}"))
    }),
];

/// What is delivered is longer than a text without blanks: it must fit, too.
const DELIVERY_STEPS: &[(&str, Step)] = &[("delivery", |text, times| {
    let documents = text.documents(times)?;
    let envs: Vec<Env> = documents.iter().map(Document::env).collect::<Result<_, _>>().ok()?;
    cost(documents.iter().zip(&envs).collect(), |(document, env)| document.for_streamlit(env))
})];

const TEMPLATE_STEPS: &[(&str, Step)] = &[
    ("template", |text, times| {
        text.documents(1)?;
        cost(vec![text.text.as_str(); times], Template::parse)
    }),
    ("prefill", |text, times| {
        let template = Template::parse(&text.text).ok()?;
        cost(text.documents(times)?.iter().collect(), |earlier| template.prefill(earlier))
    }),
];

const QUERY_STEPS: &[(&str, Step)] = &[("override", |text, times| {
    let env = || Document::parse("CLARIFAI_PAT = 'x'").ok()?.env().ok();
    let env: Vec<Env> = (0..times).map(|_| env()).collect::<Option<_>>()?;
    let overrides = Overrides::clarifai();
    cost(env, |env| env.override_with(&overrides, &text.text))
})];

const PAIR_STEPS: &[(&str, Step)] = &[
    ("read", |text, times| {
        cost(vec![text.text.as_str(); times], |text| {
            Document::parse(text).map_err(|error| write!(Void, "{error}"))
        })
    }),
    ("check", |text, times| {
        cost(text.documents(times)?, |document| text.validated(document).inspect_err(shown))
    }),
    ("check alone", |text, times| {
        cost(text.documents(times)?, |document| document.validate().inspect_err(shown))
    }),
    ("update", |text, times| {
        cost(text.documents(times)?.iter().collect(), |current| {
            Document::parse(current.form())
                .map(|entered| entered.validate_update(current).inspect_err(shown))
        })
    }),
];

fn shown(invalid: &Invalid) {
    let _ = write!(Void, "{invalid}");
}

/// A table of small numbers, or of anything else: a type that goes on after an error.
struct Lenient;

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for Lenient {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            let _ = map.next_value::<u8>();
        }
        Ok(self)
    }
}

/// Takes what is written and keeps nothing of it.
struct Void;

impl Write for Void {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        Ok(())
    }
}
