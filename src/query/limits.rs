//! The limits on a query.

/// The longest query, in bytes. Servers take request lines of a few KiB, a few hundred at the
/// most: a longer query is an attack or a mistake.
pub const MAX_QUERY_LEN: usize = 512 * 1024;

/// The most fields of a query, allowed or not. A form has dozens; other readers of queries stop at
/// a thousand, too.
pub const MAX_QUERY_FIELDS: usize = 1000;

/// The longest value of an allowed parameter, in bytes once it is decoded. A token, a signed one
/// included, is shorter.
pub const MAX_PARAMETER_LEN: usize = 8 * 1024;
