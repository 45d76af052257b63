//! A text of fixed capacity that is zeroized before its memory is freed.
//!
//! `Zeroizing<String>` would not do, for two reasons:
//!
//! - A `String` that grows frees its old allocation without zeroizing it. [`Wiped`] never grows: it
//!   refuses text that does not fit.
//! - `Zeroizing<String>` overwrites byte by byte. Zeroizing a slice of bytes compiles to SIMD
//!   instructions.

use std::fmt;
use std::ops::{Deref, Range};

use zeroize::Zeroize;

/// Text in one allocation that never moves and is zeroized on drop.
#[derive(Default)]
pub(crate) struct Wiped(String);

impl Wiped {
    /// Takes over the string's buffer, including its spare capacity.
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Allocates a buffer of `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self::new(String::with_capacity(capacity))
    }

    /// Concatenates the pieces.
    pub(crate) fn concat(pieces: &[&str]) -> Self {
        let mut text = Self::with_capacity(pieces.iter().map(|piece| piece.len()).sum());
        for piece in pieces {
            text.append(piece);
        }
        text
    }

    /// Appends `text`. If it does not fit, changes nothing and returns `false`.
    #[must_use]
    pub(crate) fn push_str(&mut self, text: &str) -> bool {
        let fits = text.len() <= self.0.capacity() - self.0.len();
        if fits {
            self.0.push_str(text);
        }
        fits
    }

    /// Appends a character. If it does not fit, changes nothing and returns `false`.
    #[must_use]
    pub(crate) fn push(&mut self, character: char) -> bool {
        self.push_str(character.encode_utf8(&mut [0; 4]))
    }

    /// Appends `text` and returns its range in the buffer.
    ///
    /// # Panics
    ///
    /// If it does not fit, since the caller has computed the capacity for it.
    pub(crate) fn append(&mut self, text: &str) -> Range<usize> {
        let start = self.0.len();
        assert!(self.push_str(text), "the capacity was computed for all that is appended");
        start..self.0.len()
    }

    /// Shortens the text to `len` bytes. The bytes that are cut off stay in the buffer until they
    /// are overwritten, or zeroized on drop.
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
