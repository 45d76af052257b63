//! The limits of a query.

/// The maximum length of a query, in bytes.
///
/// Servers accept request lines of a few KiB, or a few hundred KiB at the most. A longer query is
/// an attack or a mistake.
pub const MAX_QUERY_LEN: usize = 512 * 1024;

/// The maximum number of fields in a query. Fields that are not allowed count, too.
///
/// A form has dozens of fields. Other parsers of queries stop at a thousand, too.
pub const MAX_QUERY_FIELDS: usize = 1000;

/// The maximum length of the decoded value of an allowed parameter, in bytes.
///
/// Tokens are shorter, including signed ones.
pub const MAX_PARAMETER_LEN: usize = 8 * 1024;
