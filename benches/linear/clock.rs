//! The time that this thread has run.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The processor time of the thread, so that a busy machine makes nothing slow; where the system
/// does not tell it, the time since the start.
pub(crate) fn now() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    // Linux brings the figure up to date when the thread gives way to others.
    std::thread::yield_now();
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = figures.split(' ').next().and_then(|figure| figure.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}
