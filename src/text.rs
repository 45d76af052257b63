//! The ground floor: wiped buffers, places in a text, bytes, and text as it is shown.

pub(crate) mod bytes;
pub(crate) mod places;
pub(crate) mod shown;
pub(crate) mod wiped;
