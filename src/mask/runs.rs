//! The parts of a text that are masked, and what is written of it.

use std::collections::VecDeque;
use std::ops::Range;

/// The parts that are masked and not yet written. They are in order and do not touch.
///
/// A place is the number of bytes of the text before it.
#[derive(Default)]
pub(super) struct Runs {
    runs: VecDeque<Range<u64>>,
    /// The text before this place is written, or it belongs to the first of the runs.
    written: u64,
}

impl Runs {
    /// Adds a part that ends at `end`. No part that was added ends behind it.
    #[inline]
    pub(super) fn add(&mut self, end: u64, len: usize) {
        let mut start = end - len as u64;
        while let Some(last) = self.runs.back()
            && last.end >= start
        {
            start = start.min(last.start);
            self.runs.pop_back();
        }
        self.runs.push_back(start..end);
    }

    /// Writes the text up to `place`, with a mask for each run. A run that reaches `place` may go on,
    /// so it is not written. If `place` is behind the end, all runs are written.
    ///
    /// `parts` are the end of the text: `parts[1]` ends at `end`, and `parts[0]` is before it.
    pub(super) fn write(
        &mut self,
        place: u64,
        parts: [&[u8]; 2],
        end: u64,
        mask: &str,
        out: &mut Vec<u8>,
    ) {
        while let Some(run) = self.runs.front()
            && run.end < place
        {
            let run = run.clone();
            self.copy(run.start, parts, end, out);
            out.extend_from_slice(mask.as_bytes());
            self.written = run.end;
            self.runs.pop_front();
        }
        let place = self.runs.front().map_or(place, |run| run.start.min(place));
        self.copy(place.min(end), parts, end, out);
    }

    fn copy(&mut self, to: u64, [first, second]: [&[u8]; 2], end: u64, out: &mut Vec<u8>) {
        let Some(len) = to.checked_sub(self.written) else { return };
        if len == 0 {
            return;
        }
        // Offsets from the end, which is near.
        let (from, to) = ((end - self.written) as usize, (end - to) as usize);
        if from > second.len() {
            let behind = to.saturating_sub(second.len());
            out.extend_from_slice(&first[first.len() + second.len() - from..first.len() - behind]);
        }
        if to < second.len() {
            out.extend_from_slice(
                &second[second.len() - from.min(second.len())..second.len() - to],
            );
        }
        self.written += len;
    }
}
