//! Times of things that are compared with each other: they take turns, so that what else the machine
//! does falls on all alike.

use std::time::{Duration, Instant};

/// How many turns each has, as far as there is time.
const ROUNDS: usize = 301;
/// How long one turn is, about, and all of them together.
const TURN: Duration = Duration::from_micros(500);
const MOST: Duration = Duration::from_secs(20);

/// Something to be timed, and its name.
pub(crate) type Run<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// The median time of each, in seconds a call.
pub(crate) fn medians(runs: &mut [Run<'_>]) -> Vec<f64> {
    let calls: Vec<u32> = runs.iter_mut().map(|(_, run)| calls(run)).collect();
    let mut times = vec![Vec::new(); runs.len()];
    let started = Instant::now();
    for round in 0..ROUNDS {
        // Three at least, however slow they are.
        if round > 2 && started.elapsed() > MOST {
            break;
        }
        for (((_, run), &calls), times) in runs.iter_mut().zip(&calls).zip(&mut times) {
            let start = Instant::now();
            (0..calls).for_each(|_| run());
            times.push(start.elapsed().as_secs_f64() / f64::from(calls));
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

/// How many calls make a turn.
fn calls(run: &mut impl FnMut()) -> u32 {
    let mut calls = 1;
    loop {
        let start = Instant::now();
        (0..calls).for_each(|_| run());
        if start.elapsed() > TURN || calls > 1 << 20 {
            return calls;
        }
        calls *= 2;
    }
}
