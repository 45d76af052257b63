//! The turns of the filter and the automaton.
//!
//! The filter is faster if it skips bytes. In a text in which it skips few, it would only add to the
//! time, so it pauses for a while.

use crate::mask::filter::Filter;

/// After so many questions to the filter, the bytes that it skipped are looked at.
const TRIES: usize = 64;
/// If they are fewer than these, the filter pauses,
const MIN_SKIPPED: usize = 128;
/// for so many bytes.
const PAUSE: usize = 512;

/// The automaton goes on for as many bytes as the filter has compared at the beginning of a pattern.
const BEGINNING: usize = 4;

/// The turns in one piece of text.
#[derive(Default)]
pub(super) struct Pace {
    tries: usize,
    skipped: usize,
    /// The automaton goes on alone up to this place.
    pub(super) alone: usize,
}

impl Pace {
    /// Returns the first place from `i` on at which a pattern may begin. If the filter pauses, or the
    /// piece ends soon, that is another place before it.
    #[inline]
    pub(super) fn skip(&mut self, filter: &Filter, piece: &[u8], mut i: usize) -> usize {
        while i >= self.alone && i + filter.window() <= piece.len() {
            let shift = filter.shift(piece, i);
            self.count(i, shift);
            if shift == 0 {
                self.alone = self.alone.max(i + BEGINNING);
            }
            i += shift;
        }
        i
    }

    /// Asks the filter about the place at which the node begins. Returns a place that is not before
    /// `i` if no pattern begins before it. Returns `Some(begin)` if the filter pauses.
    #[inline]
    pub(super) fn ask(
        &mut self,
        filter: &Filter,
        piece: &[u8],
        begin: usize,
        i: usize,
    ) -> Option<usize> {
        if begin + filter.window() > piece.len() {
            return None;
        }
        let behind = begin + filter.shift(piece, begin);
        let is_free = behind > begin && behind >= i;
        self.count(i, if is_free { behind - i } else { 0 });
        (is_free || self.alone > i).then_some(if is_free { behind } else { begin })
    }

    fn count(&mut self, i: usize, skipped: usize) {
        self.tries += 1;
        self.skipped += skipped;
        if self.tries == TRIES {
            if self.skipped < MIN_SKIPPED {
                self.alone = i + skipped + PAUSE;
            }
            (self.tries, self.skipped) = (0, 0);
        }
    }
}
