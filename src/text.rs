//! The lowest layer: wiped buffers, lines and columns, tests on bytes, and text for display.

pub(crate) mod bytes;
pub(crate) mod places;
#[cfg(any(feature = "files", all(unix, feature = "handover")))]
pub(crate) mod python;
pub(crate) mod shown;
pub(crate) mod wiped;
