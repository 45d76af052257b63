//! For every text, the fast reader gives nothing or exactly what the careful reader gives, which then
//! reports no error.

use super::agree::agree;
use super::nearly;

pub(crate) fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        agree(text);
    }
    agree(&nearly::text(data));
}
