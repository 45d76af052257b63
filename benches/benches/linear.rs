//! Checks that each step takes time and memory in proportion to the text: `cargo bench -p benches
//! --bench linear`. An argument selects the shapes whose names contain it.
//!
//! The bench makes two texts of each shape. One is near the length limit of a document or template,
//! the other a small fraction of it. A row shows the cost of a step per byte of the large text, and
//! the ratio of that cost to the cost per byte of the small text. Time is the median of rounds in
//! which the two texts take turns; memory is the peak of allocated bytes.
//!
//! A round repeats the small text until it has processed as many bytes as the large text has, and
//! frees nothing before its end. Both texts thus touch as much memory, and the caches help neither.
//!
//! The bench ends with status 1 if a ratio is over [`LIMIT`]. It measures such a row again up to
//! twice, because times vary if other processes share the caches.
//!
//! After the shapes, which are written by hand, come [pairs] of faults. There are thousands of them,
//! so each is measured only once, and a row shows the worst pair of a packing.
//!
//! Every eighth pair is measured, and each packing begins with another one. If `SECRETS_TOML_FULL` is
//! set, or if an argument selects some of them, all pairs are measured.

#[path = "linear/clock.rs"]
mod clock;
#[path = "linear/pairs.rs"]
mod pairs;
#[path = "../../tests/support/probe.rs"]
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
static PROBE: probe::Probe = probe::Probe::new();

/// The limit of the cost per byte of the large text, divided by that of the small text.
const LIMIT: f64 = 3.0;

/// The limit of a step that only looks names up, in any order: the names of the small text are in
/// the caches, and those of the large one are not. A step that is not linear has a ratio of 100.
const LOOKUP_LIMIT: f64 = 6.0;

/// Costs that are ignored: nanoseconds per byte of the large text below the clock's resolution, and
/// bytes of memory that do not depend on the text.
const NEGLIGIBLE: f64 = 0.5;
const FIXED: usize = 4096;

/// The lengths of the large and the small text, in bytes.
const DOCUMENT: [usize; 2] = [MAX_LEN - 1000, 10_000];
const DELIVERY: [usize; 2] = [MAX_LEN / 3, 10_000];
const TEMPLATE: [usize; 2] = [MAX_TEMPLATE_LEN - 500, 2_000];
const QUERY: [usize; 2] = [MAX_QUERY_LEN - 1000, 5_000];

/// The limit of the time of a pair, which is higher because the caches help the small text. A step
/// that scans the rest of the text for each fault has a ratio of about 100.
const GLANCE_LIMIT: f64 = 8.0;

/// The lengths of the texts of a pair. A step that is far from linear fails at the middle one.
const PAIR: [usize; 3] = [MAX_LEN - 1000, 100_000, 10_000];
const PAIR_TEMPLATE: [usize; 3] = [MAX_TEMPLATE_LEN - 500, 20_000, 2_000];

/// One of this number of pairs is measured.
const SHARE: usize = 8;

/// The number of times that a step processes the small text of a pair.
const GLANCES: usize = 5;

/// The number of attempts before a row counts as over the limit.
const ATTEMPTS: usize = 3;

/// The bounds of the number of rounds, and the time after which no round begins.
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
                let limit = if step == "displace" { LOOKUP_LIMIT } else { LIMIT };
                if let Some(row) = attempt(|| measure(run, texts.each_ref(), limit)) {
                    show(shape.name, step, &row);
                }
            }
        }
    }
    let shapes_took = started.elapsed().as_secs();
    let share = match std::env::var_os("SECRETS_TOML_FULL") {
        None if filter.is_empty() => SHARE,
        _ => 1,
    };
    for (steps, lengths) in [(PAIR_STEPS, PAIR), (TEMPLATE_STEPS, PAIR_TEMPLATE)] {
        for (first, pairs) in pairs::packed().enumerate() {
            let mut worst: Vec<Option<(String, Row)>> = steps.iter().map(|_| None).collect();
            let pairs = pairs.skip(first % share).step_by(share);
            for pair in pairs.filter(|pair| pair.name().contains(&filter)) {
                // Only a document that parses is validated against a template.
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
    println!("{rows} rows in {seconds} s, of which the shapes took {shapes_took} s");
    println!("{over} over the limit");
    if over == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures a row, and measures it again if it is over the limit.
fn attempt(mut measure: impl FnMut() -> Option<Row>) -> Option<Row> {
    let mut row = measure()?;
    for _ in 1..ATTEMPTS {
        if row.is_over() {
            row = measure().expect("it was measured before");
        }
    }
    Some(row)
}

/// The time and the peak memory of a step over a text, repeated.
struct Cost {
    time: Duration,
    peak: usize,
}

/// The cost per byte of the large and the small text.
struct Row {
    /// The limit of the ratio of times.
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

/// Runs a step over the large and the small text in turns. `None` if the step does not apply.
fn measure(run: Step, [large, small]: [&Text; 2], limit: f64) -> Option<Row> {
    let times = large.text.len() / small.text.len();
    let bytes = [large.text.len() as f64, (small.text.len() * times) as f64];
    let (mut large_times, mut small_times) = (Vec::new(), Vec::new());
    let started = Instant::now();
    for round in 0..*ROUNDS.end() {
        // A step that is far from linear has fewer rounds.
        let longest = if round < *ROUNDS.start() { 20 * TIME } else { TIME };
        if round > 0 && started.elapsed() > longest {
            break;
        }
        small_times.push(run(small, times)?.time);
        large_times.push(
            run(large, 1)
                .expect("a step that applies to the small text applies to the large one")
                .time,
        );
    }
    let time = [median(large_times) / bytes[0], median(small_times) / bytes[1]];
    let [large_peak, small_peak] = [run(large, 1)?.peak, run(small, 1)?.peak];
    let memory = [
        large_peak.saturating_sub(FIXED) as f64 / large.text.len() as f64,
        small_peak as f64 / small.text.len() as f64,
    ];
    Some(Row { limit, time, memory })
}

/// Runs a step once over the middle and the large text, and a few times over the small one.
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
    // A step that is far from linear does not reach the large text.
    row(middle).filter(Row::is_over).or_else(|| row(large))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_nanos() as f64
}

/// Runs a step with each input, and then drops the results.
fn cost<I, T>(inputs: Vec<I>, run: impl FnMut(I) -> T) -> Option<Cost> {
    let mut results = Vec::with_capacity(inputs.len());
    let started = clock::now();
    let ((), report) = probe::during(|| {
        results.extend(inputs.into_iter().map(run));
        drop(black_box(results));
    });
    Some(Cost { time: clock::now() - started, peak: report.peak })
}

/// A text of some length, and the template that it is validated against.
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
        let template = template
            .map(|template| Template::parse(&template).expect("the template is well-formed"));
        Self { text, template }
    }

    fn documents(&self, times: usize) -> Option<Vec<Document>> {
        (0..times).map(|_| Document::parse(self.text.as_str()).ok()).collect()
    }

    /// Returns its variables, or `None` if it has at most 100.
    fn envs(&self, times: usize) -> Option<Vec<Env>> {
        let envs = self.documents(times)?;
        let envs = envs.iter().map(|document| document.env().ok().filter(|env| env.len() > 100));
        envs.collect()
    }

    /// Returns two parameters. Each displaces a quarter of the variables, and as many names of no
    /// variable.
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

/// A step, repeated as often as the number says. `None` if it does not apply to the text.
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
            // The second query finds all of them displaced.
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

/// Delivery has shorter texts, because the delivered text is longer and must fit as well.
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
    ("findings of a template", |text, times| {
        let template = Template::parse(&text.text).ok()?;
        cost(vec![&template; times], |template| {
            (template.findings().len(), write!(Void, "{}", template.report()))
        })
    }),
    ("json schema", |text, times| {
        let template = Template::parse(&text.text).ok()?;
        cost(vec![&template; times], Template::json_schema)
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

/// A type that reads each value as a small number, and continues after an error.
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

/// A writer that keeps nothing.
struct Void;

impl Write for Void {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        Ok(())
    }
}
