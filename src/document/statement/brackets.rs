//! Finds the end of an array or inline table.

use crate::document::line::{assignment, closing, indent, is_header};
use crate::document::statement::{Shape, Statements, is_triple};

impl Statements<'_> {
    /// Returns the end of an array or inline table.
    pub(super) fn brackets(&mut self, start: usize, open: usize) -> (usize, Shape) {
        let bytes = self.text.as_bytes();
        let depth = indent(&self.text[start..]);
        let mut stack = Vec::new();
        let mut opened = [0_usize; 2];
        let mut quote = None;
        // The last byte that is not blank and not in a comment.
        let mut last = b'[';
        let mut at = open;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'\n' => {
                    let line = &self.text[at..self.line_end(at)];
                    let between = matches!(last, b',' | b'{') && stack.last() == Some(&b'}');
                    let outer = indent(line) <= depth;
                    let entry = assignment(line).is_some() && outer && !between;
                    // `["a"]` may be an element of the array.
                    let name = line.trim_start_matches([' ', '\t', '[']);
                    let element = matches!(last, b',' | b'[') && name.starts_with(['"', '\'']);
                    if entry || is_header(line) && !element {
                        return (at, Shape::Open(quote.unwrap_or(open)));
                    }
                    continue;
                }
                b' ' | b'\t' | b'\r' => continue,
                b'#' => {
                    at = self.before_newline(at);
                    continue;
                }
                b'"' | b'\'' if is_triple(&self.text[at - 1..]) => match self.triple_end(at - 1) {
                    Ok(end) => at = end,
                    Err(end) => return (end, Shape::Open(at - 1)),
                },
                b'"' | b'\'' => match closing(&self.text[at - 1..], 0) {
                    Some(len) => at += len - 1,
                    None => {
                        quote.get_or_insert(at - 1);
                        at = self.before_newline(at);
                    }
                },
                b'[' | b'{' => {
                    stack.push(byte + 2);
                    opened[usize::from(byte == b'{')] += 1;
                }
                b']' | b'}' if opened[usize::from(byte == b'}')] > 0 => {
                    // The pair ends with all that is still open inside it.
                    while let Some(closed) = stack.pop() {
                        opened[usize::from(closed == b'}')] -= 1;
                        if closed == byte {
                            break;
                        }
                    }
                    if stack.is_empty() {
                        return (self.line_end(at), Shape::Closed);
                    }
                }
                _ => {}
            }
            last = byte;
        }
        (bytes.len(), Shape::Open(quote.unwrap_or(open)))
    }

    fn before_newline(&self, at: usize) -> usize {
        let newline = self.text.as_bytes()[at..].iter().position(|&byte| byte == b'\n');
        newline.map_or(self.text.len(), |i| at + i)
    }
}
