//! Tests that compare the crate with other implementations: `toml_edit`, `url`, `jsonschema`, and the TOML
//! project's own suite. `cargo test -p oracles` runs them.
#![cfg(test)]

mod attacks;
#[path = "../../support/delivered.rs"]
mod delivered;
#[path = "../../support/dice.rs"]
mod dice;
mod https_host;
mod json_schema;
#[cfg(secrets_toml_readers)]
#[path = "../../support/readers.rs"]
mod readers;
mod toml_suite;
