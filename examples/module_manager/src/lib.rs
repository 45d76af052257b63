//! A web application in which people enter the secrets of their modules.
//!
//! - [`host`] stores the keyring, the vault and the list of modules in one folder.
//! - [`modules`] is the list: the folder of each module's checkout.
//! - [`versions`] creates, replaces, copies, deletes and restores secrets. Their template is stored
//!   with them.
//! - [`author`] is the name that a visitor stores under, and the time.
//! - [`rotation`] rotates the key.
//! - [`delivery`] writes the files that Streamlit modules read, and removes them.
//! - [`run`] starts a module with its environment; [`sample`] is the module that it starts.
//! - [`web`] is the pages.
//!
//! It is made for one person on one machine: it serves 127.0.0.1 and has no login. So nobody checks
//! the names of authors. The web server does not wipe its buffers, so they can keep what a browser
//! sent. It needs Unix, for files that only one user can read.

pub mod author;
pub mod delivery;
pub mod host;
pub mod modules;
pub mod rotation;
pub mod run;
pub mod sample;
pub mod versions;
pub mod web;
