//! Secrets of small deployed apps, from the template in their repository to the variables they see.
//!
//! The repository of a module carries a template, `.streamlit/secrets.toml`, with lines such as
//! `CLARIFAI_PAT = ""`. A form shows it; its author enters the values. This crate is what the
//! platform behind that form needs:
//!
//! 1. show the template, with what it says about each variable ([`Template`]);
//! 2. refuse what is not filled in, and say where and what to do ([`Template::validate`],
//!    [`Invalid`]);
//! 3. hand what was accepted to the module: in a file that Streamlit reads
//!    ([`Document::for_streamlit`], feature `handover`), as environment variables exactly as Streamlit
//!    maps them ([`Env`]), as sections and values ([`Document::find`]), or as types of yours
//!    ([`Document::deserialize`]);
//! 4. let a visitor's query override what it may, and steal nothing ([`Env::override_with`],
//!    [`Overrides`]);
//! 5. keep each text encrypted for exactly its module, version or install, in a file or a database
//!    ([`vault`], [`store`], [`seal`]);
//! 6. carry the values over when the template changes ([`Template::prefill`]), and change them by forms
//!    that show none ([`Template::validate_update`]).
//!
//! ```
//! use secrets_toml::{Document, Template};
//!
//! let template = Template::parse("CLARIFAI_PAT = \"\"\n[db]\nuser = \"\"\n")?;
//!
//! // An author sends the form with a value left blank.
//! let entered = Document::parse("CLARIFAI_PAT = \"\"\n[db]\nuser = \"ada\"\n")?;
//! let invalid = template.validate(entered).unwrap_err();
//! let message = invalid.findings().next().unwrap().to_string();
//! assert_eq!(
//!     message,
//!     "line 1, column 16: `CLARIFAI_PAT` is blank: the template expects a value",
//! );
//!
//! // Filled in, it becomes the module's secrets.
//! let entered = Document::parse("CLARIFAI_PAT = \"hunter2\"\n[db]\nuser = \"ada\"\n")?;
//! let secrets = template.validate(entered)?;
//! let env = secrets.env()?;
//! assert_eq!(env.get("CLARIFAI_PAT"), Some("hunter2"));
//! assert_eq!(env.get("user"), None, "a section is no environment variable");
//! assert_eq!(secrets.find("db.user").and_then(|value| value.as_str()), Some("ada"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which type when
//!
//! | you have | you want | use |
//! |---|---|---|
//! | a checked-out repository | its template | [`Template::from_repository`] |
//! | a template | its variables, for a form | [`Template::variables`], [`Template::text`] |
//! | a text that was entered | to read it | [`Document::parse`], [`Document::from_utf8`] |
//! | a template and a document | to know whether it will do | [`Template::validate`]: [`Secrets`] or [`Invalid`] |
//! | a document without a template | the same | [`Document::validate`] |
//! | secrets | what the module sees | [`Document::env`], [`Document::find`], [`Document::deserialize`] |
//! | an environment and a visitor's query | what the module sees then, and why | [`Env::override_with`], [`Env::explain`] |
//! | a document | it in a file that Streamlit reads, as long as the module runs | [`handover::SecretsFile`] |
//! | an environment for a Streamlit module | the text of its `secrets.toml` | [`Document::for_streamlit`] |
//! | secrets to be kept | them sealed, for a version or an install | [`vault::Vault`], [`vault::AsyncVault`] |
//! | a place to keep them | in a file, in a database, or of your own | [`store::RedbStore`], [`store::PostgresStore`], [`store::Store`] |
//! | secrets, a scope and a keyring | a record to keep, and the secrets again | [`Keyring::seal`](seal::Keyring::seal), [`Keyring::open`](seal::Keyring::open) |
//! | a keyring | to keep it | [`Keyring::lock`](seal::Keyring::lock), [`LockedKeyring`](seal::LockedKeyring) |
//! | an earlier document and a newer template | the form, filled in | [`Template::prefill`] |
//! | secrets that stand | them changed by a form that shows none | [`Document::form`], [`Template::validate_update`] |
//!
//! [`Secrets`] dereferences to [`Document`], so that everything which reads a document reads
//! secrets.
//!
//! # Running a module
//!
//! A Streamlit module gets its secrets in a file, and no secret in its environment:
//!
#![cfg_attr(all(unix, feature = "handover"), doc = "```no_run")]
#![cfg_attr(not(all(unix, feature = "handover")), doc = "```ignore")]
//! use std::process::Command;
//!
//! use secrets_toml::handover::SecretsFile;
//! use secrets_toml::{Document, Overrides};
//!
//! let secrets = Document::parse("CLARIFAI_PAT = \"hunter2\"\n")?.validate()?;
//! let env = secrets.env()?.override_with(&Overrides::clarifai(), "?user_id=alice")?;
//!
//! let file = SecretsFile::create_in("/run/modules", &secrets.for_streamlit(&env)?)?;
//! Command::new("streamlit")
//!     .args(["run", "app.py"])
//!     .env_clear()
//!     .env("PATH", "/srv/venv/bin:/usr/bin:/bin")
//!     .env("HOME", "/srv/module")
//!     .envs(file.env()) // STREAMLIT_SECRETS_FILES, and nothing else
//!     .status()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The environment alone does not reach such a module, as [`Env`] explains. A module that is not
//! Streamlit's is started with `Command::new("module").env_clear().envs(&env)`. In both cases the
//! inherited environment is cleared, and what the module needs of it is passed by name: otherwise a
//! variable that a query displaced comes from the launcher.
//!
//! # The one idea
//!
//! A document is one wiped buffer of text and an index of spans into it. Reading copies nothing; a
//! string with escapes stands decoded in a second wiped buffer that never grows; the index holds
//! no secret; wiping is dropping.
//!
//! # Promises
//!
//! Each has tests that fail when it breaks.
//!
//! - No `Display`, `Debug`, error, chain of sources or panic message holds a value or a key, or any
//!   text of a document but the path of a variable.
//! - A record opens only in its own scope, under its own key, unaltered.
//! - An endpoint that a query supplies never stands beside a credential that it does not.
//! - No plaintext and no key is freed unwiped by this crate. (A template is public: what is freed
//!   of one is not wiped.)
//! - Nothing reads or writes the process's environment or the clock, nothing but
//!   [`Template::from_repository`], a [store] and [`handover`] a file, and nothing but a store that was
//!   given a connection the network. Randomness comes from the operating system alone.
//! - There is no `unsafe`.
//! - No text makes it panic, overflow the stack, or take more than linear time. A text is read
//!   up to [`MAX_LEN`] bytes, and a value up to [`MAX_DEPTH`] levels.
//!
//! What is *not* promised: copies in registers and on the stack are not wiped, nor what the caller,
//! a [`Command`](std::process::Command) or a deserialized type makes of a value, nor what the
//! operating system swaps out or writes into a core dump.
//!
//! # Features
//!
//! - `redb`, a default one: [`store::RedbStore`], a store in one file.
//! - `postgres`: [`store::PostgresStore`], a store in a PostgreSQL database.
//! - `passphrase`: a keyring can be locked with a passphrase ([`seal::Protection`]), by Argon2id.
//! - `handover`, on Unix: [`handover::SecretsFile`], a file of secrets that a Streamlit process is told
//!   of, and that is removed after it.
//! - `miette`: [`ParseError`] and [`Invalid`] implement `miette::Diagnostic`, with code, severity,
//!   help and related findings, and without source text.

#![forbid(unsafe_code)]

// Read.
mod document;
mod text;

mod path;
mod role;
mod value;

mod de;

// Deliver.
mod delivery;
mod env;
#[cfg(all(unix, feature = "handover"))]
pub mod handover;
mod query;
mod writer;

// Check.
mod marker;
mod template;
mod update;
mod validate;

// Seal and keep.
#[cfg(feature = "vault")]
pub mod seal;
#[cfg(feature = "vault")]
pub mod store;
#[cfg(feature = "vault")]
pub mod vault;

pub use de::DeserializeError;
pub use delivery::DeliveryError;
pub use document::error::{ParseError, SyntaxError};
pub use document::{Document, MAX_DEPTH, MAX_LEN};
pub use env::{Env, EnvError, Explanation, Iter, Source};
pub use path::KeyPath;
pub use query::{
    MAX_PARAMETER_LEN, MAX_QUERY_FIELDS, MAX_QUERY_LEN, OverrideError, Overrides, Parameter,
};
pub use template::repository::TemplateError;
pub use template::{MAX_TEMPLATE_LEN, Template, Variable};
/// The crate whose [`Datetime`](toml_datetime::Datetime) is a kind of [`Value`].
pub use toml_datetime;
pub use update::Prefilled;
pub use validate::{Finding, FindingKind, Invalid, Secrets, Severity};
pub use value::{Array, ArrayIter, Table, TableIter, Value};

/// The README's example is a test.
#[cfg(all(doctest, unix, feature = "handover"))]
#[doc = include_str!("../README.md")]
struct Readme;
