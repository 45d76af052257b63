//! Tests that compare the crate with other implementations: `toml_edit`, `url`, and the TOML
//! project's own suite. `cargo test -p oracles` runs them.
#![cfg(test)]

mod attacks;
#[path = "../../support/delivered.rs"]
mod delivered;
#[path = "../../support/dice.rs"]
mod dice;
mod https_host;
mod toml_suite;
