//! The limits of a bench, and its exit status.

use std::process::ExitCode;

/// Checks ratios against limits, and remembers if one is exceeded.
pub struct Limits {
    /// `true` if all benchmarks run: only then does an exceeded limit fail the bench.
    judged: bool,
    broken: bool,
}

impl Limits {
    /// Reads the arguments: limits count unless there is a filter or an option.
    pub fn from_args() -> Self {
        // Cargo passes `--bench`. Any other argument selects some benchmarks, or a test run.
        let judged = std::env::args().skip(1).all(|argument| argument == "--bench");
        Self { judged, broken: false }
    }

    /// Checks that a ratio is at most `most`, and returns the text to print.
    pub fn at_most(&mut self, ratio: f64, most: f64) -> String {
        self.note(ratio <= most, format!("at most {most}"))
    }

    /// Checks that a ratio is at least `least`, and returns the text to print.
    pub fn at_least(&mut self, ratio: f64, least: f64) -> String {
        self.note(ratio >= least, format!("at least {least}"))
    }

    fn note(&mut self, kept: bool, limit: String) -> String {
        self.broken |= !kept;
        if kept { limit } else { format!("{limit}: EXCEEDED") }
    }

    /// Returns the exit status of the bench.
    pub fn end(self) -> ExitCode {
        if self.judged && self.broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
