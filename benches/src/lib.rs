//! Code that several benches share: limits, criterion's results, and timing in rotation.

pub mod limits;
pub mod median;
pub mod turns;
