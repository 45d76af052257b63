//! Masking a stream, without I/O.

use std::fmt;
use std::sync::Arc;

use crate::mask::automaton::{Automaton, MATCH, SHALLOW};
use crate::mask::filter::Filter;
use crate::mask::limits::MIN_MASKED_LEN;
use crate::mask::pace::Pace;
use crate::mask::patterns::Patterns;
use crate::mask::runs::Runs;
use crate::mask::tree::ROOT;

/// The most bytes that are searched before what is complete is written.
const PIECE: usize = 32 * 1024;

/// The parts that a masker and its streams share.
pub(super) struct Search {
    pub(super) patterns: Patterns,
    pub(super) automaton: Automaton,
    pub(super) filter: Filter,
    pub(super) mask: String,
}

/// Masks one text that comes in pieces, without I/O.
///
/// [`Masker::masking`](crate::mask::Masker::masking) makes it. The output does not depend on the pieces.
///
/// # Bytes that wait
///
/// [`push`](Self::push) writes all that can no longer be part of a masked value. Two parts wait for
/// more text, or for [`finish`](Self::finish):
///
/// - The longest end of the text with which a pattern begins. A prompt such as `> ` is written at once,
///   unless a value or one of its spellings begins with `> `, with the space, or with more of the end
///   of the text.
/// - A masked run that the text ends with: it may become longer, and has one mask.
///
/// None of these bytes are kept in memory: they are those of a pattern.
///
/// # Examples
///
/// ```
/// use secrets_toml::Document;
/// use secrets_toml::mask::Masker;
///
/// let masker = Masker::new(&[&Document::parse("PAT = 'hunter2-hunter3'")?])?;
/// let (mut masking, mut out) = (masker.masking(), Vec::new());
/// masking.push(b"the token is hunter2-", &mut out);
/// assert_eq!(out, b"the token is ");
/// masking.push(b"hunter3\n> ", &mut out);
/// assert_eq!(out, b"the token is ***\n> ");
///
/// // The text ends with most of the value: that is masked, too.
/// masking.push(b"again: hunter2-hun", &mut out);
/// masking.finish(&mut out);
/// assert_eq!(out, b"the token is ***\n> again: ***");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Masking {
    search: Arc<Search>,
    /// The longest beginning of a pattern that the text ends with.
    node: u32,
    /// The length of the text.
    len: u64,
    runs: Runs,
}

impl Masking {
    pub(super) fn new(search: Arc<Search>) -> Self {
        Self { search, node: ROOT, len: 0, runs: Runs::default() }
    }

    /// Takes more of the text, and appends to `out` what is complete of the output.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for piece in bytes.chunks(PIECE) {
            let before = self.node;
            self.search(piece);
            self.len += piece.len() as u64;
            let waiting = self.search.automaton.depth(self.node) as u64;
            self.write(self.len - waiting, before, piece, out);
        }
    }

    /// Ends the text, and appends the rest of the output to `out`.
    ///
    /// If the text ends with the beginning of a pattern, and that has at least
    /// [`MIN_MASKED_LEN`] bytes, it is masked. What is pushed afterwards is a new text.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let waiting = self.search.automaton.depth(self.node);
        if waiting >= MIN_MASKED_LEN {
            self.runs.add(self.len, waiting);
        }
        // A place behind the end, so that no run waits.
        self.write(self.len + 1, self.node, &[], out);
        self.node = ROOT;
    }

    /// Writes the text up to a place. The node is that before the piece.
    fn write(&mut self, place: u64, before: u32, piece: &[u8], out: &mut Vec<u8>) {
        let search = &self.search;
        let parts = [search.automaton.bytes(before, &search.patterns), piece];
        self.runs.write(place, parts, self.len, &search.mask, out);
    }

    /// Finds the patterns that end in a piece.
    fn search(&mut self, piece: &[u8]) {
        let Search { automaton, filter, .. } = &*self.search;
        let (mut node, mut i, mut pace) = (self.node, 0, Pace::default());
        while i < piece.len() {
            if node == ROOT {
                i = pace.skip(filter, piece, i);
            }
            let alone = pace.alone.min(piece.len());
            while i < alone {
                node = automaton.next(node, piece[i]);
                i += 1;
                if automaton.flags(node) & MATCH != 0 {
                    self.runs.add(self.len + i as u64, automaton.longest(node));
                }
            }
            while i < piece.len() {
                node = automaton.next(node, piece[i]);
                i += 1;
                let flags = automaton.flags(node);
                if flags & (MATCH | SHALLOW) == 0 {
                    continue;
                }
                if flags & MATCH != 0 {
                    self.runs.add(self.len + i as u64, automaton.longest(node));
                }
                // All that begins before this place is known to end in the node.
                let begin = i.checked_sub(automaton.depth(node));
                if flags & SHALLOW != 0
                    && let Some(begin) = begin
                    && let Some(behind) = pace.ask(filter, piece, begin, i)
                {
                    if behind >= i {
                        (node, i) = (ROOT, behind);
                    }
                    break;
                }
            }
        }
        self.node = node;
    }
}

impl fmt::Debug for Masking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masking").finish_non_exhaustive()
    }
}
