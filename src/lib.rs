//! # secrets-toml
#![forbid(unsafe_code)]

mod de;
#[cfg(feature = "miette")]
mod diagnostic;
mod document;
mod env;
mod path;
mod shape;
mod template;
mod validate;
mod value;

pub use de::DeserializeError;
pub use document::error::{ParseError, SyntaxError};
pub use document::{Document, MAX_DEPTH, MAX_LEN};
pub use env::{Env, EnvError, Iter};
pub use path::KeyPath;
pub use template::{MAX_TEMPLATE_LEN, Prefilled, Template, TemplateError, Variable};
pub use toml_datetime;
pub use validate::{Finding, FindingKind, Invalid, Secrets, Severity};
pub use value::{Array, Table, Value};
