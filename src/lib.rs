//! Validates, encrypts and delivers the `secrets.toml` of deployed apps.
//!
//! A platform runs small apps ("modules"), most of them [Streamlit] apps. The repository of a module has a
//! template, `.streamlit/secrets.toml`, with lines such as `CLARIFAI_PAT = ""`. The author enters the values
//! into a form, and the platform starts the module with them. This crate is the part in between:
//!
//! 1. [`Template`] reads the template and describes each variable, for the form.
//! 2. [`Template::validate`] accepts the entered text as [`Secrets`], or returns [`Invalid`]: everything that
//!    is blank, missing or misspelt, with line, column, and what to do.
//! 3. [`vault::Vault`] stores the secrets, encrypted for one module, version or install.
//! 4. [`Document::env`] maps them to environment variables exactly as Streamlit does;
//!    [`Env::override_with`] lets a visitor's query override some of them.
//! 5. [`handover::SecretsFile`] delivers the result to a Streamlit process.
//!
//! ```
//! use secrets_toml::{Document, Template};
//!
//! let template = Template::parse(
//!     r#"CLARIFAI_PAT = ""
//! OPENAI_API_KEY = "dein-openai-key"
//! PORT = 8080 # @port
//! [db]
//! user = ""
//! "#,
//! )?;
//!
//! // The author forgets one value, leaves another as it is, and mistypes a third one.
//! let entered = r#"CLARIFAI_PAT = ""
//! OPENAI_API_KEY = "dein-openai-key"
//! PORT = 80800
//! [db]
//! user = "ada"
//! "#;
//! let invalid = template.validate(Document::parse(entered)?).unwrap_err();
//! assert_eq!(
//!     invalid.to_string(),
//!     r#"error: line 1, column 16: `CLARIFAI_PAT` is blank: the template expects a value
//!   |
//! 1 | CLARIFAI_PAT = ""
//!   |                ^^
//!   = help: write the value between the quotes
//!
//! error: line 2, column 18: `OPENAI_API_KEY` is unchanged: it still has the template's value
//!   |
//! 2 | OPENAI_API_KEY = ••••••••
//!   |                  ^^^^^^^^
//!   = help: replace it with your own value
//!
//! error: line 3, column 8: `PORT` has another format: the template expects a port, from 1 to 65535
//!   |
//! 3 | PORT = ••••••••
//!   |        ^^^^^^^^
//!   = help: write only the number
//! "#,
//! );
//!
//! // Filled in, the text becomes the module's secrets.
//! let entered = entered
//!     .replace("\"\"", "\"hunter2\"")
//!     .replace("dein-openai-key", "hunter3")
//!     .replace("80800", "8080");
//! let secrets = template.validate(Document::parse(entered)?)?;
//! let env = secrets.env()?;
//! assert_eq!(env.get("CLARIFAI_PAT"), Some("hunter2"));
//! assert_eq!(env.get("user"), None, "a section is not mapped to the environment");
//! assert_eq!(secrets.find("db.user").and_then(|value| value.as_str()), Some("ada"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The [`guide`] goes on from here: a form in a web service, running a module, rotating keys, backups, an
//! audit log, and writing a store.
//!
//! # Which type to use
//!
//! | task | use |
//! |---|---|
//! | read the template of a checked-out repository | [`Template::from_repository`] |
//! | show the form | [`Template::text`], [`Template::variables`] |
//! | read the text that was entered | [`Document::parse`], [`Document::from_utf8`] |
//! | check it against the template | [`Template::validate`], which returns [`Secrets`] or [`Invalid`] |
//! | check it without a template | [`Document::validate`] |
//! | fill in the form of a new version with the values of the last one | [`Template::prefill`] |
//! | let an author change secrets without showing them | [`Document::form`], [`Template::validate_update`] |
//! | get the environment variables | [`Document::env`] |
//! | get one value, or all as a type | [`Document::find`], [`Document::deserialize`] |
//! | apply a visitor's query, and explain the result | [`Env::override_with`], [`Env::explain`] |
//! | read several files or a Kubernetes mount, and again when they change | [`files::Files`], [`files::Reload`] |
//! | make the text of a Streamlit module's `secrets.toml` | [`Document::for_streamlit`] |
//! | deliver it in a file, and remove the file afterwards | [`handover::SecretsFile`] |
//! | keep secrets out of a module's log | [`mask::Masker`] |
//! | store secrets | [`vault::Vault`], or [`vault::AsyncVault`] for async code |
//! | choose where they are stored | [`store::RedbStore`], [`store::PostgresStore`], or a [`store::Store`] of your own |
//! | store the keys | [`Keyring::lock`](seal::Keyring::lock), [`seal::LockedKeyring`] |
//! | encrypt without a store | [`Keyring::seal`](seal::Keyring::seal), [`Keyring::open`](seal::Keyring::open) |
//!
//! [`Secrets`] dereferences to [`Document`]: it has all methods that read a document.
//!
//! # How it works
//!
//! A document is one buffer of text and an index of spans into it. Reading copies nothing. A string with
//! escapes is decoded once, into a second buffer that never grows. The index holds no secret. Dropping a
//! document wipes both buffers.
//!
//! # Promises
//!
//! Each has tests that fail if it breaks.
//!
//! - No `Display`, `Debug`, error, chain of sources or panic message holds a value or a key, or any text of
//!   a document except the path of a variable.
//! - A record opens only in its own scope, under its own key, unaltered.
//! - If a query sets an endpoint, the owner's credentials are removed.
//! - This crate frees no plaintext and no key without wiping it. A template is public, so its memory is not
//!   wiped.
//! - The crate does not read or write the process's environment or the clock. Only
//!   [`Template::from_repository`], a store, [`files`] and [`handover`] use files, and only a store that was given a
//!   connection uses the network. Randomness comes from the operating system.
//! - The crate has no `unsafe` code.
//! - No text makes it panic, overflow the stack, or take more than linear time. A text has at most
//!   [`MAX_LEN`] bytes, and a value at most [`MAX_DEPTH`] levels.
//!
//! # Not promised
//!
//! - The crate has not been audited.
//! - Copies in registers and on the stack are not wiped. Neither are copies that the caller, a
//!   [`Command`](std::process::Command) or a deserialized type makes of a value, nor what the operating system
//!   swaps out or writes into a core dump.
//!
//! # Features
//!
//! - `vault` (default): the modules [`seal`], [`store`] and [`vault`], with all of the cryptography.
//! - `redb` (default): [`store::RedbStore`], an embedded database in one file.
//! - `postgres`: [`store::PostgresStore`], for a service that outgrows one machine.
//! - `conformance`: the suite that every store passes, for authors of stores.
//! - `passphrase`: a keyring can be locked with a passphrase, by Argon2id.
//! - `aws-lc-rs`: the same cipher from AWS-LC, which is faster. It alone needs a C compiler.
//! - `files`: [`files::Files`], several files and secret directories as one document, and [`files::Reload`].
//! - `handover` (Unix): [`handover::SecretsFile`], a file that a Streamlit process reads, and that is removed
//!   afterwards.
//! - `mask`: [`mask::Masker`], which masks values and their spellings in what a module prints.
//! - `miette`: [`ParseError`] and [`Invalid`] implement `miette::Diagnostic`, without source text.
//!
//! Without default features, the crate reads, validates and delivers, and has no cryptography.
//!
//! [Streamlit]: https://docs.streamlit.io/develop/concepts/connections/secrets-management

#![cfg_attr(docsrs, feature(doc_cfg))]
// The pages link to what a feature adds. They are built with all features.
#![cfg_attr(
    not(all(
        unix,
        feature = "files",
        feature = "handover",
        feature = "mask",
        feature = "postgres",
        feature = "redb"
    )),
    allow(rustdoc::broken_intra_doc_links)
)]
#![forbid(unsafe_code)]

#[cfg(all(doc, feature = "redb"))]
pub mod guide;

// Read.
mod document;
mod text;

mod path;
mod role;
mod value;

mod de;

// Deliver.
mod delivery;
pub mod env;
#[cfg(feature = "files")]
pub mod files;
#[cfg(all(unix, feature = "handover"))]
pub mod handover;
mod query;
mod writer;

// Check.
mod marker;
mod template;
mod update;
mod validate;

// Mask.
#[cfg(feature = "mask")]
pub mod mask;

// Seal and keep.
#[cfg(feature = "vault")]
pub mod seal;
#[cfg(feature = "vault")]
pub mod store;
#[cfg(feature = "vault")]
pub mod vault;

#[cfg(test)]
#[path = "../tests/support/dice.rs"]
mod dice;

pub use de::DeserializeError;
pub use delivery::DeliveryError;
pub use document::error::{ParseError, SyntaxError};
#[cfg(secrets_toml_readers)]
#[doc(hidden)]
pub use document::readers;
pub use document::{Document, MAX_DEPTH, MAX_LEN};
pub use env::environment::{Env, EnvError};
pub use path::KeyPath;
pub use query::{
    MAX_PARAMETER_LEN, MAX_QUERY_FIELDS, MAX_QUERY_LEN, OverrideError, Overrides, Parameter,
};
pub use template::format::Format;
pub use template::repository::TemplateError;
pub use template::{MAX_TEMPLATE_LEN, Section, Template, Variable};
/// The crate whose [`Datetime`](toml_datetime::Datetime) is a kind of [`Value`].
pub use toml_datetime;
pub use update::Prefilled;
pub use validate::{Finding, FindingKind, Invalid, Secrets, Severity};
pub use value::{Array, ArrayIter, Table, TableIter, Value};

/// The README's example is a test.
#[cfg(all(doctest, unix, feature = "handover", feature = "redb"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// The README's report is a test.
///
/// ```
/// use secrets_toml::{Document, Template};
///
/// let text = "CLARIFAI_PAT = \"\"\nOPENAI_API_KEY = \"dein-openai-key\"\nPORT = 8080 # @port\n";
/// let entered = Document::parse(text.replace("8080 # @port", "80800"))?;
/// let report = Template::parse(text)?.validate(entered).unwrap_err().to_string();
/// let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
/// assert!(readme.contains(&format!("text\n{report}")), "{report}");
/// # Ok::<(), secrets_toml::ParseError>(())
/// ```
#[cfg(doctest)]
struct ReadmeReport;
