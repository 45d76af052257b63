//! Lines and columns.

/// Lines and columns of ascending offsets, in one pass over the text.
pub(crate) struct Places<'t> {
    text: &'t str,
    line: usize,
    /// The column of the offset that was asked for last.
    column: usize,
    offset: usize,
}

impl<'t> Places<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, line: 1, column: 1, offset: start }
    }

    /// The line of `offset`, which is not before any that was asked for.
    pub(crate) fn line(&mut self, offset: usize) -> usize {
        self.advance(offset);
        self.line
    }

    /// The column of `offset`, which is not before any that was asked for.
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

/// Lines of ascending offsets, in one pass over the text that leaves columns aside: half the work
/// of [`Places`], on the way of every document to its environment.
pub(crate) struct Lines<'t> {
    text: &'t str,
    line: usize,
    offset: usize,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, line: 1, offset: 0 }
    }

    /// The line of `offset`, which is not before any that was asked for.
    pub(crate) fn line(&mut self, offset: usize) -> usize {
        let passed = &self.text.as_bytes()[self.offset..offset];
        // Counted in bytes, a chunk of sixteen takes one instruction; in words, it takes dozens.
        for chunk in passed.chunks(usize::from(u8::MAX)) {
            let newlines: u8 = chunk.iter().map(|&byte| u8::from(byte == b'\n')).sum();
            self.line += usize::from(newlines);
        }
        self.offset = offset;
        self.line
    }
}
