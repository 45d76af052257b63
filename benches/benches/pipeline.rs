//! Compares reading, and the way from text to environment, with the bare parser and with other TOML
//! readers. Then it measures each stage alone.
//!
//! ```text
//! RUSTFLAGS="--cfg secrets_toml_readers" cargo bench -p benches --bench pipeline
//! ```
//!
//! All functions of a text take turns in one process, and a row is the median. The floor is the bare pass
//! of `toml_parser` over a text: tokens, then events that nobody receives. The bench fails if a ratio is
//! over its limit. Without the flag it has no careful reader to compare with, and skips that row. An
//! argument measures the stages with criterion, those whose names contain it.

#[path = "../../tests/support/shapes.rs"]
mod shapes;
#[path = "pipeline/stages.rs"]
mod stages;

use std::hint::black_box;
use std::process::ExitCode;

use benches::limits::Limits;
use benches::turns::{Run, medians};
use secrets_toml::{Document, Template};
use shapes::{SHAPES, Shape};
use toml_parser::Source;
use toml_parser::parser::parse_document;

/// The sizes, in variables.
const SIZES: [usize; 3] = [5, 48, 1500];

fn main() -> ExitCode {
    let mut limits = Limits::from_args();
    if std::env::args().skip(1).any(|argument| argument != "--bench") {
        stages::bench(&SIZES);
        return limits.end();
    }
    println!("{:>9} {:>9}  {:>12}  {:>12}  {:>7}", "shape", "variables", "what", "median", "ratio");
    for shape in SHAPES {
        for variables in SIZES {
            compare(shape, variables, &mut limits);
        }
        length(shape, &mut limits);
        println!();
    }
    limits.end()
}

/// Prints a row: a time, its ratio to another, and the limit.
fn row(shape: Shape, variables: usize, what: &str, seconds: f64, ratio: f64, limit: &str) {
    let time = format!("{:.2} µs", seconds * 1e6);
    println!("{:>9} {variables:>9}  {what:>12}  {time:>12}  {ratio:>6.2}x  {limit}", shape.name());
}

/// Times making and dropping a value.
fn run<'a, T>(name: &'static str, mut make: impl FnMut() -> T + 'a) -> Run<'a> {
    (name, Box::new(move || drop(black_box(make()))))
}

fn compare(shape: Shape, variables: usize, limits: &mut Limits) {
    let text = shape.document(variables);
    let text = text.as_str();
    let template =
        Template::parse(&shape.template(variables)).expect("the template is well-formed");
    // An error at the end, so that the fast reader has worked in vain.
    let refused = format!("{text}\nopen = \"\n");
    let parse = || Document::parse(black_box(text)).expect("well-formed");
    let filled = parse();
    let env = filled.env().expect("mappable");
    let mut runs = vec![
        run("floor", || floor(text)),
        run("parse", parse),
        run("template", || {
            let secrets = template.validate(parse()).expect("filled in");
            secrets.env().expect("mappable")
        }),
        run("no template", || {
            let secrets = parse().validate().expect("filled in");
            secrets.env().expect("mappable")
        }),
        run("streamlit", || black_box(&filled).for_streamlit(&env).expect("short")),
        run("toml_edit", || toml_edit::Document::parse(black_box(text)).expect("well-formed")),
        run("DeTable", || toml::de::DeTable::parse(black_box(text)).expect("well-formed")),
        run("refused", || {
            Document::parse(black_box(refused.as_str())).expect_err("an open string")
        }),
    ];
    #[cfg(secrets_toml_readers)]
    runs.extend([
        run("careful", || secrets_toml::readers::careful(black_box(text)).expect("well-formed")),
        run("explained", || {
            secrets_toml::readers::careful(black_box(refused.as_str())).expect_err("an open string")
        }),
    ]);
    let medians = medians(&mut runs);
    let time = |what: &str| {
        let position = runs.iter().position(|(name, _)| *name == what)?;
        Some(medians[position])
    };
    let [floor, parse] = [medians[0], medians[1]];
    row(shape, variables, "floor", floor, 1.0, "");

    let most = match (shape, variables) {
        (_, 5) => 1.25,
        (Shape::Accounts, _) => 1.5,
        _ => 0.75,
    };
    let limit = limits.at_most(parse / floor, most);
    row(shape, variables, "parse", parse, parse / floor, &format!("of the floor: {limit}"));
    for (what, least) in [("toml_edit", 5.0), ("DeTable", 4.0)] {
        let Some(time) = time(what) else { continue };
        let judged = variables > 5 && shape != Shape::Accounts;
        let limit = if judged { limits.at_least(time / parse, least) } else { String::new() };
        row(shape, variables, what, time, time / parse, &format!("of parse {limit}"));
    }
    let (Some(with), Some(without)) = (time("template"), time("no template")) else { return };
    let most = if shape == Shape::Plain { 1.5 } else { 1.8 };
    let limit = if variables > 5 { limits.at_most(with / floor, most) } else { String::new() };
    row(shape, variables, "template", with, with / floor, &format!("of the floor {limit}"));
    // Some percent are noise.
    let limit = if variables > 5 { limits.at_most(without / with, 1.05) } else { String::new() };
    row(shape, variables, "no template", without, without / with, &format!("of template {limit}"));
    if let Some(time) = time("streamlit") {
        row(shape, variables, "streamlit", time, time / parse, "of parse");
    }
    if let Some(careful) = time("careful") {
        row(shape, variables, "careful", careful, careful / floor, "of the floor");
    }
    if let (Some(refused), Some(explained)) = (time("refused"), time("explained")) {
        let ratio = refused / explained;
        let limit = if variables > 5 { limits.at_most(ratio, 1.4) } else { String::new() };
        row(shape, variables, "refused", refused, ratio, &format!("of the careful reader {limit}"));
    }
}

/// Returns the tokens of a text, after a pass that has received no event.
fn floor(text: &str) -> Vec<toml_parser::lexer::Token> {
    let tokens = Source::new(black_box(text)).lex().into_vec();
    parse_document(&tokens, &mut (), &mut ());
    tokens
}

/// Compares the cost per byte of a long text and a short one.
///
/// Page faults are left out. The C library gives long blocks back to the system each time, until the
/// program has freed a longer one.
fn length(shape: Shape, limits: &mut Limits) {
    drop(black_box(Vec::<u8>::with_capacity(1 << 24)));
    let [short, long] = [10_000, 900_000].map(|len| shape.of_len(len));
    let parse = |text: &str| Document::parse(black_box(text)).expect("well-formed");
    // Turns of the same length, which other load on the machine interrupts as often.
    let times = long.len() / short.len();
    let parse_short = || (0..times).for_each(|_| drop(black_box(parse(&short))));
    let mut runs = [run("short", parse_short), run("long", || parse(&long))];
    let medians = medians(&mut runs);
    let ratio = (medians[1] / long.len() as f64) / (medians[0] / (times * short.len()) as f64);
    let limit = limits.at_most(ratio, 1.5);
    println!(
        "{:>9} {:>9}  {:>12}  {:>9.3} ns/B  {ratio:>6.2}x  of 10 kB: {limit}",
        shape.name(),
        "1 MB",
        "parse",
        medians[1] / long.len() as f64 * 1e9,
    );
}
