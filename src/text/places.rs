//! Lines and columns of offsets in a text.

/// Finds lines and columns of ascending offsets in one pass over the text.
pub(crate) struct Places<'t> {
    text: &'t str,
    line: usize,
    /// The column of `offset`.
    column: usize,
    /// The last offset that was looked up.
    offset: usize,
}

impl<'t> Places<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, line: 1, column: 1, offset: start }
    }

    /// Returns the line of `offset`, which must not be before the last offset that was looked up.
    pub(crate) fn line(&mut self, offset: usize) -> usize {
        self.advance(offset);
        self.line
    }

    /// Returns the column of `offset`, which must not be before the last offset that was looked up.
    pub(crate) fn column(&mut self, offset: usize) -> usize {
        self.advance(offset);
        self.column
    }

    fn advance(&mut self, offset: usize) {
        if offset <= self.offset {
            return;
        }
        let passed = &self.text.as_bytes()[self.offset..offset];
        let newlines = passed.iter().filter(|&&byte| byte == b'\n').count();
        if newlines > 0 {
            self.line += newlines;
            self.column = 1;
            self.offset += passed.iter().rposition(|&byte| byte == b'\n').map_or(0, |i| i + 1);
        }
        let passed = &self.text.as_bytes()[self.offset..offset];
        self.column += passed.iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
        self.offset = offset;
    }
}

/// Finds lines of ascending offsets in one pass over the text.
///
/// It computes no columns, which is half the work of [`Places`]. Every document needs it on the way
/// to its environment.
pub(crate) struct Lines<'t> {
    text: &'t str,
    line: usize,
    offset: usize,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, line: 1, offset: 0 }
    }

    /// Returns the line of `offset`, which must not be before the last offset that was looked up.
    pub(crate) fn line(&mut self, offset: usize) -> usize {
        let passed = &self.text.as_bytes()[self.offset..offset];
        // With a counter of one byte, a single instruction adds up sixteen bytes of text; with a
        // `usize`, that takes dozens. A chunk is short enough that the counter cannot overflow.
        for chunk in passed.chunks(usize::from(u8::MAX)) {
            let newlines: u8 = chunk.iter().map(|&byte| u8::from(byte == b'\n')).sum();
            self.line += usize::from(newlines);
        }
        self.offset = offset;
        self.line
    }
}
