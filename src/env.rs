//! Types that the methods of [`Env`] return.
//!
//! - [`Iter`]: names and values, from [`Env::iter`].
//! - [`Source`]: the origin of a value, from [`Env::source`].
//! - [`Explanation`]: the origin of a value, and what it replaced, from [`Env::explain`].
//! - [`EnvChanges`]: the names that differ from another environment, from [`Env::changes_since`].

mod changes;
mod difference;
pub(crate) mod environment;
mod mapping;
mod names;
mod provenance;
mod python_str;

pub(crate) use crate::env::changes::Override;
pub use crate::env::difference::EnvChanges;
pub(crate) use crate::env::environment::Env;
pub use crate::env::environment::Iter;
pub(crate) use crate::env::mapping::{
    MAX_VARIABLE_LEN, Unmappable, is_mapped, is_too_long, unmappable, unmappable_name, write_value,
};
pub use crate::env::provenance::{Explanation, Source};
