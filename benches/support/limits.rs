//! What a bench has to reach, and what comes of it.

use std::process::ExitCode;

/// Which limits were kept. They are judged only where every benchmark was run.
pub(crate) struct Limits {
    judged: bool,
    broken: bool,
}

impl Limits {
    pub(crate) fn new() -> Self {
        // Cargo says `--bench`; whoever says more wants a part, or a test run.
        let judged = std::env::args().skip(1).all(|argument| argument == "--bench");
        Self { judged, broken: false }
    }

    pub(crate) fn at_most(&mut self, ratio: f64, most: f64) -> String {
        self.note(ratio <= most, format!("at most {most:.1}"))
    }

    #[allow(dead_code, reason = "not every bench has such a limit")]
    pub(crate) fn at_least(&mut self, ratio: f64, least: f64) -> String {
        self.note(ratio >= least, format!("at least {least:.1}"))
    }

    fn note(&mut self, kept: bool, limit: String) -> String {
        self.broken |= !kept;
        if kept { limit } else { format!("{limit}: BROKEN") }
    }

    pub(crate) fn end(self) -> ExitCode {
        if self.judged && self.broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
