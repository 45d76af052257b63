//! The counts of the long tests: all of them in `.ci/run long`, else a tenth.

/// Returns `full` if `SECRETS_TOML_FULL` is set, else a tenth of it.
pub(crate) fn count(full: u32) -> u32 {
    if std::env::var_os("SECRETS_TOML_FULL").is_some() { full } else { full / 10 }
}
