//! The integration tests: a module for each arrow of the way from a text to a module's variables.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod bad_input;
mod deserialize;
mod document;
mod env;
mod nothing_printed;
mod query;
mod seal;
mod stack;
mod template;
mod toml_suite;
mod validate;
