//! Tests that no freed block of memory holds a secret.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(all(target_os = "linux", feature = "aws-lc-rs"))]
mod c_heap;
#[cfg(feature = "vault")]
mod custody;
#[cfg(feature = "vault")]
mod derived;
mod document;
#[cfg(feature = "vault")]
#[path = "../support/faulty.rs"]
mod faulty;
#[cfg(feature = "files")]
mod files;
#[path = "../support/folder.rs"]
mod folder;
#[cfg(all(unix, feature = "handover"))]
mod handover;
#[cfg(feature = "mask")]
mod mask;
#[cfg(feature = "mask")]
#[allow(dead_code, reason = "a part of it is used")]
#[path = "../support/masked.rs"]
mod masked;
#[path = "../support/probe.rs"]
mod probe;
mod query;
#[cfg(feature = "vault")]
mod seal;
#[cfg(feature = "vault")]
mod vault;

#[global_allocator]
static PROBE: probe::Probe = probe::Probe::zeroing();

/// Joins the messages of an error and its sources.
#[cfg(feature = "files")]
fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or(error.to_string(), |source| format!("{error}: {}", chain(source)))
}
