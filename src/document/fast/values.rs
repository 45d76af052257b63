//! Values.

use toml_parser::Span as ParserSpan;

use crate::document::fast::Reader;
use crate::document::index::{Kind, Slice, Span};

/// The most arrays and inline tables that are open at a time. Each recurses.
const MOST_NESTED: usize = 16;

/// The most digits of an integer that always fits into 64 bits, and the most characters of a float
/// without an exponent that is always finite.
const INTEGER_DIGITS: usize = 18;
const FLOAT_LEN: usize = 200;

impl Reader<'_, '_> {
    /// `val = string / boolean / array / inline-table / date-time / float / integer`
    #[inline(always)]
    pub(super) fn val(&mut self, node: u32) -> Option<()> {
        let start = self.at;
        match self.peek() {
            b'"' | b'\'' => {
                let content = self.string()?;
                self.set(node, Kind::String, start, content);
                Some(())
            }
            b'[' => self.array(node),
            b'{' => self.inline_table(node),
            b'0'..=b'9' => self.number(node),
            _ => self.other_scalar(node),
        }
    }

    /// Sets the value of a node, from `start` up to here.
    #[inline]
    fn set(&mut self, node: u32, kind: Kind, start: usize, content: Slice) {
        let span = self.span_from(start);
        let node = self.tree.node_mut(node);
        node.kind = kind;
        node.span = span;
        node.inside = content;
    }

    /// `unsigned-dec-int = DIGIT / digit1-9 1*( DIGIT / underscore DIGIT )`, without underscores
    ///
    /// `float = float-int-part frac`, without a sign, underscores and an exponent
    #[inline]
    fn number(&mut self, node: u32) -> Option<()> {
        let start = self.at;
        self.digits();
        let mut kind = Kind::Integer;
        let mut is_plain = self.at - start <= INTEGER_DIGITS;
        let has_leading_zero = self.bytes.get(start) == Some(&b'0') && self.at - start > 1;
        if self.take(b'.').is_some() {
            let point = self.at;
            self.digits();
            kind = Kind::Float;
            is_plain = self.at > point && self.at - start <= FLOAT_LEN;
        }
        let ends = matches!(self.peek(), b'\n' | b'\r' | b' ' | b'\t' | b'#' | b',' | b']' | b'}')
            || self.at == self.bytes.len();
        if !is_plain || has_leading_zero || !ends {
            self.at = start;
            return self.other_scalar(node);
        }
        self.set(node, kind, start, Slice::in_text(start, self.at));
        Some(())
    }

    #[inline]
    fn digits(&mut self) {
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
    }

    /// `boolean`, `date-time`, or a `float` or `integer` that is not plain. The decoder checks it.
    fn other_scalar(&mut self, node: u32) -> Option<()> {
        let start = self.at;
        self.scalar_chars();
        // `full-date time-delim partial-time`, in which `time-delim` may be a space.
        let is_date = self.at - start == 10 && self.bytes.get(start + 4) == Some(&b'-');
        if is_date
            && self.peek() == b' '
            && self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit)
        {
            self.at += 1;
            self.scalar_chars();
        }
        if self.at == start {
            return None;
        }
        let span = ParserSpan::new_unchecked(start, self.at);
        let (kind, content) = self.decoder.scalar(span, None);
        if self.errors.len() > 0 {
            return None;
        }
        self.set(node, kind, start, content);
        Some(())
    }

    /// The characters of every value without quotes and brackets.
    fn scalar_chars(&mut self) {
        while matches!(
            self.peek(),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'+' | b'-' | b'_' | b'.' | b':'
        ) {
            self.at += 1;
        }
    }

    /// `array = %x5B [ array-values ] ws-comment-newline %x5D`
    ///
    /// `array-values = ws-comment-newline val ws-comment-newline [ array-sep [ array-values ] ]`
    fn array(&mut self, node: u32) -> Option<()> {
        self.open(node, Kind::Array)?;
        self.ws_comment_newline()?;
        while self.take(b']').is_none() {
            // The span of a bracket or of a scalar: it is set when the value is read.
            let span = Span { start: self.at as u32, end: self.at as u32 + 1 };
            let element = self.tree.add_element(node, span, Kind::String).ok()?;
            self.nested_val(element)?;
            let element = self.tree.node_mut(element);
            if !element.has_children() {
                element.key_span = element.span;
            }
            self.separator(b']')?;
        }
        self.close(node);
        Some(())
    }

    /// `inline-table = %x7B [ inline-table-keyvals ] ws-comment-newline %x7D`
    ///
    /// `inline-table-keyvals = ws-comment-newline keyval ws-comment-newline
    /// [ inline-table-sep [ inline-table-keyvals ] ]`
    fn inline_table(&mut self, node: u32) -> Option<()> {
        self.open(node, Kind::InlineTable)?;
        self.ws_comment_newline()?;
        while self.take(b'}').is_none() {
            self.nested_keyval(node)?;
            self.separator(b'}')?;
        }
        self.close(node);
        Some(())
    }

    /// Same as [`keyval`](Self::keyval), which is compiled into the loop over the lines.
    #[inline(never)]
    fn nested_keyval(&mut self, node: u32) -> Option<()> {
        self.keyval(node)
    }

    /// Same as [`val`](Self::val).
    #[inline(never)]
    fn nested_val(&mut self, node: u32) -> Option<()> {
        self.val(node)
    }

    fn open(&mut self, node: u32, kind: Kind) -> Option<()> {
        self.nested += 1;
        if self.nested > MOST_NESTED {
            return None;
        }
        let start = self.at;
        self.at += 1;
        self.set(node, kind, start, Slice::default());
        Some(())
    }

    fn close(&mut self, node: u32) {
        self.nested -= 1;
        self.tree.node_mut(node).span.end = self.at as u32;
    }

    /// `ws-comment-newline [ array-sep ws-comment-newline ]`. Without a separator, the bracket must
    /// follow.
    fn separator(&mut self, bracket: u8) -> Option<()> {
        self.ws_comment_newline()?;
        if self.take(b',').is_some() {
            return self.ws_comment_newline();
        }
        (self.peek() == bracket).then_some(())
    }

    /// `ws-comment-newline = *( wschar / [ comment ] newline )`
    fn ws_comment_newline(&mut self) -> Option<()> {
        loop {
            self.ws();
            match self.peek() {
                b'\n' | b'\r' => self.newline()?,
                b'#' => {
                    self.comment();
                    self.newline()?;
                }
                _ => return Some(()),
            }
        }
    }
}
