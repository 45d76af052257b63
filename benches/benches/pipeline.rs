//! Compares reading, and the way from text to environment, with the bare parser and with other TOML
//! readers. Then it measures each stage alone.
//!
//! ```text
//! RUSTFLAGS="--cfg secrets_toml_readers" cargo bench -p benches --bench pipeline
//! ```
//!
//! All functions of a text take turns in one process. A row is the median of a function's times, and a
//! ratio the median of the ratios of all rounds. The floor is the bare pass of `toml_parser` over a text:
//! tokens, then events that nobody receives. The bench fails if a ratio is over its limit. Without the
//! flag it has no careful reader to compare with, and skips those rows. An argument measures the stages
//! with criterion, those whose names contain it.

#[path = "pipeline/length.rs"]
mod length;
#[path = "../../tests/support/shapes.rs"]
mod shapes;
#[path = "pipeline/stages.rs"]
mod stages;

use std::hint::black_box;
use std::process::ExitCode;

use benches::limits::Limits;
use benches::turns::{Run, median, rounds};
use secrets_toml::{Document, Template};
use shapes::{SHAPES, Shape};
use toml_parser::Source;
use toml_parser::parser::parse_document;

/// The sizes, in variables.
const SIZES: [usize; 3] = [5, 48, 1500];

fn main() -> ExitCode {
    if length::is_child() {
        return ExitCode::SUCCESS;
    }
    let mut limits = Limits::from_args();
    if std::env::args().skip(1).any(|argument| argument != "--bench") {
        stages::bench(&SIZES);
        return limits.end();
    }
    println!("{:>9} {:>9}  {:>11}  {:>12}  {:>7}", "shape", "variables", "what", "median", "ratio");
    for shape in SHAPES {
        for variables in SIZES {
            compare(shape, variables, &mut limits);
        }
        length::compare(shape, &mut limits);
        println!();
    }
    limits.end()
}

/// Times making and dropping a value.
fn run<'a, T>(name: &'static str, mut make: impl FnMut() -> T + 'a) -> Run<'a> {
    (name, Box::new(move || drop(black_box(make()))))
}

/// The times of some functions, each with its name.
struct Times(Vec<(&'static str, Vec<f64>)>);

impl Times {
    fn measure(mut runs: Vec<Run<'_>>) -> Self {
        let rounds = rounds(&mut runs);
        Self(runs.into_iter().map(|(name, _)| name).zip(rounds).collect())
    }

    fn of(&self, what: &str) -> Option<&[f64]> {
        Some(&self.0.iter().find(|(name, _)| *name == what)?.1)
    }

    /// Returns the median time of a function, and its ratio to another.
    fn ratio(&self, what: &str, to: &str) -> Option<(f64, f64)> {
        let (time, other) = (self.of(what)?, self.of(to)?);
        let ratios = time.iter().zip(other).map(|(time, other)| time / other);
        Some((median(time.to_vec()), median(ratios.collect())))
    }
}

fn compare(shape: Shape, variables: usize, limits: &mut Limits) {
    let times = measure(shape, variables);
    let row = |what: &str, to: &str, limit: &mut dyn FnMut(f64) -> String| {
        if let Some((seconds, ratio)) = times.ratio(what, to) {
            let time = format!("{:.2} µs", seconds * 1e6);
            let (name, limit) = (shape.name(), limit(ratio));
            println!(
                "{name:>9} {variables:>9}  {what:>11}  {time:>12}  {ratio:>6.2}x  of {to:<11}  {limit}"
            );
        }
    };
    let few = variables == 5;
    let accounts = shape == Shape::Accounts;
    let most = match (few, accounts) {
        (true, _) => 1.25,
        (false, true) => 1.5,
        (false, false) => 0.75,
    };
    row("floor", "floor", &mut |_| String::new());
    row("parse", "floor", &mut |ratio| limits.at_most(ratio, most));
    for (what, least) in [("toml_edit", 5.0), ("DeTable", 4.0)] {
        row(what, "parse", &mut |ratio| {
            if few || accounts { String::new() } else { limits.at_least(ratio, least) }
        });
    }
    let most = if shape == Shape::Plain { 1.5 } else { 1.8 };
    row("template", "floor", &mut |ratio| {
        if few { String::new() } else { limits.at_most(ratio, most) }
    });
    row("no template", "template", &mut |ratio| limits.at_most(ratio, 1.0));
    row("streamlit", "parse", &mut |_| String::new());
    row("careful", "floor", &mut |_| String::new());
    row("refused", "explained", &mut |ratio| limits.at_most(ratio, 1.4));
    row("given up", "read on", &mut |_| String::new());
}

/// Measures the functions over one text. Those whose ratio is of interest are beside each other.
fn measure(shape: Shape, variables: usize) -> Times {
    let text = shape.document(variables);
    let text = text.as_str();
    let template =
        Template::parse(&shape.template(variables)).expect("the template is well-formed");
    // An error at the end, or a key with too many parts, so that the fast reader has worked in vain.
    #[cfg(secrets_toml_readers)]
    let [refused, given_up] =
        ["open = \"", "[a.b.c.d.e.f.g.h.i]"].map(|end| format!("{text}\n{end}\n"));
    let parse = || Document::parse(black_box(text)).expect("well-formed");
    let filled = parse();
    let env = filled.env().expect("mappable");
    #[cfg_attr(not(secrets_toml_readers), expect(unused_mut, reason = "nothing is added"))]
    let mut runs = vec![
        run("toml_edit", || toml_edit::Document::parse(black_box(text)).expect("well-formed")),
        run("DeTable", || toml::de::DeTable::parse(black_box(text)).expect("well-formed")),
        run("parse", parse),
        run("floor", || floor(text)),
        run("template", || {
            let secrets = template.validate(parse()).expect("filled in");
            secrets.env().expect("mappable")
        }),
        run("no template", || {
            let secrets = parse().validate().expect("filled in");
            secrets.env().expect("mappable")
        }),
        run("streamlit", || black_box(&filled).for_streamlit(&env).expect("short")),
    ];
    #[cfg(secrets_toml_readers)]
    {
        use secrets_toml::readers::careful;
        runs.extend([
            run("careful", || careful(black_box(text)).expect("well-formed")),
            run("refused", || {
                Document::parse(black_box(refused.as_str())).expect_err("an open string")
            }),
            run("explained", || careful(black_box(&refused)).expect_err("an open string")),
            run("given up", || Document::parse(black_box(given_up.as_str())).expect("well-formed")),
            run("read on", || careful(black_box(&given_up)).expect("well-formed")),
        ]);
    }
    Times::measure(runs)
}

/// Returns the tokens of a text, after a pass that has received no event.
fn floor(text: &str) -> Vec<toml_parser::lexer::Token> {
    let tokens = Source::new(black_box(text)).lex().into_vec();
    parse_document(&tokens, &mut (), &mut ());
    tokens
}
