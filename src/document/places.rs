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
