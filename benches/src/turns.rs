//! Timing in rotation: functions that are compared take turns in one process, so that other load on
//! the machine affects all of them alike.

use std::time::{Duration, Instant};

/// The number of turns of each function, if there is time for them.
const ROUNDS: usize = 301;
/// The approximate time of one turn, and the time after which the rotation ends.
const TURN: Duration = Duration::from_micros(500);
const MOST: Duration = Duration::from_secs(20);

/// A function to time, and its name.
pub type Run<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// Returns the median time of each function, in seconds a call.
pub fn medians(runs: &mut [Run<'_>]) -> Vec<f64> {
    rounds(runs).into_iter().map(median).collect()
}

/// Returns the time of each function in each round, in seconds a call.
pub fn rounds(runs: &mut [Run<'_>]) -> Vec<Vec<f64>> {
    let calls: Vec<u32> = runs.iter_mut().map(|(_, run)| calls(run)).collect();
    let mut times = vec![Vec::new(); runs.len()];
    let started = Instant::now();
    for round in 0..ROUNDS {
        // Slow functions have three rounds as well.
        if round > 2 && started.elapsed() > MOST {
            break;
        }
        for (((_, run), &calls), times) in runs.iter_mut().zip(&calls).zip(&mut times) {
            let start = Instant::now();
            (0..calls).for_each(|_| run());
            times.push(start.elapsed().as_secs_f64() / f64::from(calls));
        }
    }
    times
}

/// Returns the median of some numbers, of which there is at least one.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Returns the number of calls in a turn.
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
