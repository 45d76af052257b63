//! Laws that hold for every input, one in each file. The fuzz targets search for inputs that break
//! them; an ordinary test replays the inputs in `corpus/`.

#[cfg(secrets_toml_readers)]
#[path = "../../tests/support/readers.rs"]
pub(crate) mod agree;
#[path = "../../tests/support/agreement.rs"]
mod agreement;
#[path = "../../tests/support/delivered.rs"]
mod delivered;
pub(crate) mod delivery;
#[allow(dead_code, reason = "only read into")]
pub(crate) mod deserialize;
pub(crate) mod document;
pub(crate) mod env;
#[cfg(feature = "files")]
pub(crate) mod files;
#[cfg(feature = "vault")]
pub(crate) mod keyring;
#[cfg(feature = "mask")]
pub(crate) mod mask;
#[cfg(feature = "mask")]
#[path = "../../tests/support/masked.rs"]
pub(crate) mod masked;
#[cfg(secrets_toml_readers)]
mod nearly;
pub(crate) mod query;
#[cfg(secrets_toml_readers)]
pub(crate) mod readers;
#[cfg(feature = "vault")]
pub(crate) mod record;
pub(crate) mod template;
pub(crate) mod texts;
pub(crate) mod update;
pub(crate) mod validate;
