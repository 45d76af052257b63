//! What criterion measured last.

use std::path::Path;

/// The median of a benchmark in nanoseconds, from what criterion has just written.
pub(crate) fn median(group: &str, what: &str, variables: usize) -> Option<f64> {
    let home = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let path = format!("criterion/{group}/{what}/{variables}/new/estimates.json");
    let path = Path::new(&home).join(path);
    let estimates: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
