//! Compares the cost per byte of a text of 1 MB with one of 10 kB.
//!
//! A text of 1 MB and its index are 2 MB of memory, and the system provides them page by page. How often
//! it does is up to the C library, so there are three rows:
//!
//! - `first`: the first parse of a process, with the pages that it needs. A short text pays for pages and
//!   for loading the code, too.
//! - `again`: parsing when the process has that memory. This is the reader alone.
//! - `new pages`: parsing again, when the C library gives the memory back after each text and gets it
//!   anew. glibc does if the texts are the longest that the process has freed. This row has no limit: it
//!   compares 400 page faults with none, and a page fault takes 0.2 µs on some machines and 4 on others.

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use benches::limits::Limits;
use benches::turns::{median, rounds};
use secrets_toml::Document;

use crate::run;
use crate::shapes::{SHAPES, Shape};

const SHORT: usize = 10_000;
/// Some texts are longer than asked for, by up to a tenth.
const LONG: usize = 900_000;

/// The argument of a child process. It is followed by a shape and a length.
const CHILD: &str = "parse-in-a-new-process";

pub(crate) fn compare(shape: Shape, limits: &mut Limits) {
    let mut print = |what: &str, [short, long]: [f64; 2], limit: Option<f64>| {
        let ratio = long / short;
        let limit = limit.map_or(String::new(), |most| limits.at_most(ratio, most));
        println!(
            "{:>9} {:>9}  {what:>11}  {:>7.3} ns/B  {ratio:>6.2}x  of {:<11}  {limit}",
            shape.name(),
            "1 MB",
            long * 1e9,
            "10 kB",
        );
    };
    let [short, long] = children(shape);
    print("first", [short[0], long[0]], Some(1.5));
    print("new pages", [short[1], long[1]], None);
    print("again", again(shape), Some(1.5));
}

/// Returns the times per byte of a short text and a long one in new processes: first and again.
fn children(shape: Shape) -> [[f64; 2]; 2] {
    let program = std::env::current_exe().expect("this program");
    let mut times = [const { [Vec::new(), Vec::new()] }; 2];
    for _ in 0..21 {
        for (len, times) in [SHORT, LONG].into_iter().zip(&mut times) {
            let mut child = Command::new(&program);
            let child = child.args([CHILD, shape.name(), &len.to_string()]);
            let output = child.output().expect("this program").stdout;
            let output = String::from_utf8(output).expect("numbers");
            for (time, times) in output.split_whitespace().zip(times) {
                times.push(time.parse().expect("a number"));
            }
        }
    }
    times.map(|times| times.map(median))
}

/// Does what a child process does, and returns `false` in any other process.
pub(crate) fn is_child() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [child, shape, len] = &arguments[..] else { return false };
    if child != CHILD {
        return false;
    }
    let shape = SHAPES.into_iter().find(|known| known.name() == shape).expect("a shape");
    let text = shape.of_len(len.parse().expect("a length"));
    let parse = || {
        let start = Instant::now();
        drop(black_box(Document::parse(black_box(text.as_str())).expect("well-formed")));
        start.elapsed().as_secs_f64() / text.len() as f64
    };
    let first = parse();
    println!("{first} {}", median((0..11).map(|_| parse()).collect()));
    true
}

/// Returns the times per byte of a short text and a long one, without page faults.
fn again(shape: Shape) -> [f64; 2] {
    // The C library keeps the memory once the program has freed a longer block.
    drop(black_box(Vec::<u8>::with_capacity(1 << 24)));
    let [short, long] = [SHORT, LONG].map(|len| shape.of_len(len));
    let parse = |text: &str| Document::parse(black_box(text)).expect("well-formed");
    // Turns of the same length, which other load on the machine interrupts as often.
    let times = long.len() / short.len();
    let parse_short = || (0..times).for_each(|_| drop(black_box(parse(&short))));
    let [short_times, long_times] = {
        let runs = &mut [run("short", parse_short), run("long", || parse(&long))];
        let mut rounds = rounds(runs).into_iter().map(median);
        std::array::from_fn(|_| rounds.next().expect("two functions"))
    };
    [short_times / (times * short.len()) as f64, long_times / long.len() as f64]
}
