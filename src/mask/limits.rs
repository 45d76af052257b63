//! The limits of a masker.

/// The minimum length of a masked value, in bytes.
///
/// A shorter one would be found by chance: a log in which each `1` is masked shows the place of each `1`.
pub const MIN_MASKED_LEN: usize = 6;

/// The maximum length of all patterns together, in bytes: 4 MiB.
///
/// A masker takes many times as much memory.
pub const MAX_PATTERNS_LEN: usize = 4 * 1024 * 1024;
