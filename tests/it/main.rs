//! The integration tests, one module for each step from a text to a module's variables.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod absence;
mod bad_input;
#[cfg(feature = "vault")]
mod custody;
#[path = "../support/delivered.rs"]
mod delivered;
mod delivery;
mod deserialize;
#[cfg(any(feature = "files", feature = "mask", feature = "vault"))]
#[path = "../support/dice.rs"]
mod dice;
mod document;
mod env;
#[cfg(feature = "vault")]
#[path = "../support/faulty.rs"]
mod faulty;
#[cfg(feature = "files")]
mod files;
#[path = "../support/folder.rs"]
mod folder;
#[cfg(any(feature = "files", feature = "mask", feature = "vault"))]
#[path = "../support/full.rs"]
mod full;
#[cfg(all(unix, feature = "handover"))]
mod handover;
mod layers;
#[cfg(feature = "mask")]
mod mask;
#[cfg(feature = "mask")]
#[path = "../support/masked.rs"]
mod masked;
mod mistakes;
mod nothing_printed;
#[cfg(feature = "vault")]
#[path = "../support/paused.rs"]
mod paused;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
#[path = "../support/proxy.rs"]
mod proxy;
mod query;
mod report;
#[cfg(feature = "vault")]
mod seal;
#[cfg(feature = "postgres")]
#[path = "../support/server.rs"]
mod server;
#[cfg(feature = "vault")]
mod store;
mod template;
mod templates;
mod update;
mod validate;
#[cfg(feature = "vault")]
mod vault;
#[path = "../support/mistakes.rs"]
mod vectors;
#[cfg(any(feature = "postgres", feature = "tokio"))]
#[path = "../support/waiting.rs"]
mod waiting;

/// Joins the messages of an error and its sources, each once.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
