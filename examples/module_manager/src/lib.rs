//! The pages on which people enter a module's secrets: the story that `secrets-toml` was made for.
//!
//! - [`host`] keeps what outlives the process: the keyring, the vault, the list of modules.
//! - [`modules`] is that list: where a module's checkout is, and the template of each version.
//! - [`versions`] is what people do with secrets, in terms of the crate.
//! - [`rotation`] changes the key, in the order that loses nothing.
//! - [`delivery`] keeps the files that Streamlit modules read, as long as the server runs.
//! - [`run`] starts a module under its environment; [`sample`] is the module that is started.
//! - [`web`] is the pages.
//!
//! It is made for one person on one machine: it serves 127.0.0.1, and has no login. What a browser
//! sends and is sent passes through buffers of the web server that are not wiped. It needs Unix, where
//! a file can be for one user alone.

pub mod delivery;
pub mod host;
pub mod modules;
pub mod rotation;
pub mod run;
pub mod sample;
pub mod versions;
pub mod web;
