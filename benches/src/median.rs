//! Reading criterion's results.

use std::path::Path;

/// Returns the median time of a benchmark in nanoseconds, from the file that criterion wrote last.
pub fn median(group: &str, what: &str, variables: usize) -> Option<f64> {
    // Cargo runs a bench in the folder of its package, and criterion writes to the workspace's target.
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../target");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| target.into());
    let path = format!("criterion/{group}/{what}/{variables}/new/estimates.json");
    let path = Path::new(&target).join(path);
    let estimates: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
