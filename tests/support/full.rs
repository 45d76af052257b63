//! How often a long test repeats.

/// Returns `full` if `SECRETS_TOML_FULL` is set, and otherwise a tenth of it.
pub(crate) fn times(full: usize) -> usize {
    if std::env::var_os("SECRETS_TOML_FULL").is_some() { full } else { full / 10 }
}
