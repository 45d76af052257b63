//! A filter in front of the automaton: it skips bytes at which no pattern begins (Wu and Manber,
//! "A fast algorithm for multi-pattern searching", 1994).
//!
//! It looks at a window as long as the shortest pattern. The last four bytes of the window tell how
//! far the window may move: as far as they are from the end in the beginning of any pattern, or past
//! them if they are in none. If they end the beginning of a pattern, its first four bytes are
//! compared, by a hash. The automaton examines what passes.

use zeroize::Zeroizing;

use crate::mask::patterns::Patterns;

/// The number of bytes that are hashed.
const GRAM: usize = 4;

/// The longest window. A longer one fills the table and moves hardly farther.
const MAX_WINDOW: usize = 16;

/// The most entries that patterns fill in the table of shifts.
const MAX_FILLED: usize = 1 << 14;

pub(super) struct Filter {
    window: usize,
    /// The shift of a window, by the hash of its last bytes.
    shifts: Zeroizing<Vec<u8>>,
    /// A bit for the hash of the first bytes of each pattern.
    begins: Zeroizing<Vec<u8>>,
}

impl Filter {
    pub(super) fn new(patterns: &Patterns) -> Self {
        let shortest = patterns.iter().map(<[u8]>::len).min().unwrap_or(MAX_WINDOW);
        let mut window = shortest.min(MAX_WINDOW);
        while window > 8 && patterns.len() * (window - GRAM + 1) > MAX_FILLED {
            window -= 1;
        }
        let filled = patterns.len() * (window - GRAM + 1);
        let mut filter = Self {
            window,
            shifts: Zeroizing::new(vec![(window - GRAM + 1) as u8; size(filled, 8, 17)]),
            begins: Zeroizing::new(vec![0; size(patterns.len(), 32, 20) / 8]),
        };
        for pattern in patterns.iter() {
            for end in GRAM..=window {
                let place = hash(gram(&pattern[end - GRAM..]), filter.shifts.len());
                let shift = &mut filter.shifts[place];
                *shift = (*shift).min((window - end) as u8);
            }
            let place = hash(!gram(pattern), filter.begins.len() * 8);
            filter.begins[place / 8] |= 1 << (place % 8);
        }
        filter
    }

    /// The length of the window.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// Returns the number of bytes from `begin` on at which no pattern begins, as far as the window
    /// tells. The window must be inside the text.
    #[inline]
    pub(super) fn shift(&self, text: &[u8], begin: usize) -> usize {
        let last = gram(&text[begin + self.window - GRAM..]);
        let shift = self.shifts[hash(last, self.shifts.len())];
        if shift > 0 {
            return usize::from(shift);
        }
        let place = hash(!gram(&text[begin..]), self.begins.len() * 8);
        usize::from(self.begins[place / 8] & (1 << (place % 8)) == 0)
    }
}

/// Returns a power of two that is `times` as large as `count`, of at most `bits` bits.
fn size(count: usize, times: usize, bits: u32) -> usize {
    (count * times).next_power_of_two().clamp(1 << 10, 1 << bits)
}

/// Returns the first bytes as a number.
#[inline]
fn gram(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// Returns a place in a table, whose length is a power of two.
#[inline]
fn hash(gram: u32, len: usize) -> usize {
    // The upper bits of a product depend on all bits of its factors.
    (gram.wrapping_mul(0x9E37_79B1) >> (32 - len.trailing_zeros())) as usize & (len - 1)
}
