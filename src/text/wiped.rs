//! A text of fixed capacity that is overwritten before its memory is freed.
//!
//! Written here, over the `zeroize` crate, for two reasons. A `String` that grows leaves its old
//! block behind unwiped: this one refuses what does not fit instead of growing. And
//! `Zeroizing<String>` overwrites byte by byte, where the slices of a `Vec` are overwritten by
//! wide instructions.

use std::fmt;
use std::ops::{Deref, Range};

use zeroize::Zeroize;

/// Text in one allocation that never moves and is wiped on drop.
#[derive(Default)]
pub(crate) struct Wiped(String);

impl Wiped {
    /// Takes a string's own buffer, its spare capacity included.
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Allocates once, for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self::new(String::with_capacity(capacity))
    }

    /// The pieces, one behind the other.
    pub(crate) fn concat(pieces: &[&str]) -> Self {
        let mut text = Self::with_capacity(pieces.iter().map(|piece| piece.len()).sum());
        for piece in pieces {
            text.append(piece);
        }
        text
    }

    /// Appends `text`, or changes nothing and returns `false` where it does not fit.
    #[must_use]
    pub(crate) fn push_str(&mut self, text: &str) -> bool {
        let fits = text.len() <= self.0.capacity() - self.0.len();
        if fits {
            self.0.push_str(text);
        }
        fits
    }

    /// Appends a character, or changes nothing and returns `false` where it does not fit.
    #[must_use]
    pub(crate) fn push(&mut self, character: char) -> bool {
        self.push_str(character.encode_utf8(&mut [0; 4]))
    }

    /// Appends `text` and returns where it stands.
    ///
    /// # Panics
    ///
    /// Where it does not fit: the caller computed the capacity.
    pub(crate) fn append(&mut self, text: &str) -> Range<usize> {
        let start = self.0.len();
        assert!(self.push_str(text), "the capacity was computed for all that is appended");
        start..self.0.len()
    }

    /// Cuts the text back to `len` bytes; what is cut is overwritten later or wiped on drop.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl Deref for Wiped {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0).into_bytes();
        bytes.spare_capacity_mut().zeroize();
        bytes.as_mut_slice().zeroize();
    }
}

impl fmt::Write for Wiped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.push_str(text) { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_moves() {
        let mut text = Wiped::with_capacity(4);
        let place = text.as_ptr();
        assert!(text.push_str("ab") && !text.push_str("cde") && text.push('c'));
        assert!(!text.push('é'), "two bytes do not fit into one");
        assert_eq!((&*text, text.as_ptr()), ("abc", place));
        text.truncate(1);
        assert_eq!((&*text, text.capacity()), ("a", 4));
    }
}
