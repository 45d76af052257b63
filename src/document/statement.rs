//! Splits a text with syntax errors into statements, so that a mistake ends where the author would
//! see its end.
//!
//! A statement is a line, or the lines of a string, array or inline table. If that has no end, the
//! statement ends before the next line that is surely an entry.
//!
//! # Linear time
//!
//! The statements are found in one pass. A search that reaches the end of the text is not repeated:
//! [`Statements::none`] remembers that there are no further triple quotes of a kind.

mod brackets;

use std::ops::Range;

use crate::document::line::{assignment, body, closing, indent, is_entry, is_header, sign};

/// A part of a text that is read on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Its lines, with the line end.
    pub(super) range: Range<usize>,
    pub(super) shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A line that cannot change how the lines after it are read.
    Line,
    /// Strings, arrays or inline tables, all of them closed.
    Closed,
    /// A quote or bracket that is never closed, at this offset.
    Open(usize),
}

/// The statements of a text. Their ranges are adjacent and cover it, except for a byte order mark.
pub(super) struct Statements<'t> {
    text: &'t str,
    at: usize,
    /// The offsets from which on there are no further `"""` and `'''`.
    none: [usize; 2],
}

impl Iterator for Statements<'_> {
    type Item = Statement;

    fn next(&mut self) -> Option<Statement> {
        if self.at == self.text.len() {
            return None;
        }
        let start = self.at;
        let (end, shape) = self.statement(start);
        self.at = end;
        Some(Statement { range: start..end, shape })
    }
}

impl<'t> Statements<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at, none: [usize::MAX; 2] }
    }

    fn statement(&mut self, start: usize) -> (usize, Shape) {
        let end = self.line_end(start);
        let line = &self.text[start..end];
        if line[body(line)..].starts_with("/*") && !line.contains("*/") {
            return (self.comment(end), Shape::Open(start + body(line)));
        }
        let value = start + value(line);
        if self.text[value..end].trim_end().is_empty() && assignment(line).is_some() {
            // The value may be on the next line.
            let next = &self.text[end..self.line_end(end)];
            let below = end + body(next);
            if is_value(next) && !is_entry(next) {
                let end = match next.trim_end().ends_with(',') {
                    true => self.closing_line(end, "]"),
                    false => self.value(start, below, self.line_end(end)).0,
                };
                return (end, Shape::Open(below));
            }
        }
        self.value(start, value, end)
    }

    /// Returns the end of a statement and its shape. `end` is the end of the line of its value.
    fn value(&mut self, start: usize, value: usize, end: usize) -> (usize, Shape) {
        let rest = &self.text[value..end];
        match rest.chars().next() {
            Some('"' | '\'') if is_triple(rest) => return self.triple_quoted(value),
            Some('"' | '\'') if closing(rest, 0).is_none() => {
                return (self.closing_line(end, rest), Shape::Open(value));
            }
            Some('|' | '>') if matches!(rest.trim_end(), "|" | "|-" | "|+" | ">" | ">-" | ">+") => {
                return (self.indented(end, indent(&self.text[start..])), Shape::Open(value));
            }
            Some('[' | '{') => return self.brackets(start, value),
            Some('-') if rest.starts_with("-----BEGIN ") && !rest.contains("-----END ") => {
                return (self.closing_line(end, rest), Shape::Open(value));
            }
            Some(open @ ('`' | '\u{201c}' | '\u{201e}' | '\u{201d}' | '\u{ab}')) => {
                let inner = &rest[open.len_utf8()..];
                if !inner.contains(['`', '\u{201c}', '\u{201d}', '\u{bb}', '"']) {
                    return (self.closing_line(end, rest), Shape::Open(value));
                }
            }
            _ => {}
        }
        // Whatever may begin a string of several lines, an array or an inline table.
        let line = &self.text[start..end];
        let leaks = line.contains("\"\"\"") || line.contains("'''") || rest.contains(['[', '{']);
        (end, if leaks { Shape::Closed } else { Shape::Line })
    }

    /// Returns the offset after the line end.
    fn line_end(&self, at: usize) -> usize {
        let newline = self.text.as_bytes()[at..].iter().position(|&byte| byte == b'\n');
        newline.map_or(self.text.len(), |i| at + i + 1)
    }

    fn triple_quoted(&mut self, open: usize) -> (usize, Shape) {
        match self.triple_end(open) {
            Ok(end) => (self.line_end(end), Shape::Closed),
            Err(end) => (end, Shape::Open(open)),
        }
    }

    /// Returns the offset after the triple quotes that close those at `open`. If they are never
    /// closed, returns the start of the next entry.
    fn triple_end(&mut self, open: usize) -> Result<usize, usize> {
        let bytes = self.text.as_bytes();
        let quote = bytes[open];
        let none = &mut self.none[usize::from(quote == b'\'')];
        let mut at = if *none <= open { bytes.len() } else { open + 3 };
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if quote == b'"' => at += 1,
                byte if byte == quote && bytes[at..].starts_with(&[quote; 3]) => {
                    let more =
                        bytes[at..].iter().take(5).take_while(|&&byte| byte == quote).count();
                    return match self.opens_another(open, at) {
                        Some(line) => Err(line),
                        None => Ok(at + more),
                    };
                }
                _ => {}
            }
            at += 1;
        }
        if *none > open {
            *none = open;
        }
        Err(self.next_entry(self.line_end(open)))
    }

    /// Returns the start of the line of the triple quotes at `quotes` if they open the value of that
    /// line, and so are not the end of those at `open`.
    ///
    /// If the line ends after them, they may be either. What comes next decides.
    fn opens_another(&self, open: usize, quotes: usize) -> Option<usize> {
        let newline = self.text.as_bytes()[open..quotes].iter().rposition(|&byte| byte == b'\n')?;
        let start = open + newline + 1;
        let end = self.line_end(quotes);
        if assignment(&self.text[start..end]) != Some(quotes - start) {
            return None;
        }
        let rest = self.text[quotes + 3..end].trim();
        if !rest.is_empty() {
            return (!rest.starts_with('#')).then_some(start);
        }
        let next = self.text.len() - self.text[end..].trim_start().len();
        let line = &self.text[next..self.line_end(next)];
        (!line.is_empty() && !line.starts_with('#') && !is_entry(line)).then_some(start)
    }

    /// Returns the end of a text of several lines whose first line ends at `at`: after the line with
    /// its closing quote or the `END` of a PEM block, or before the next entry.
    fn closing_line(&self, mut at: usize, first: &str) -> usize {
        let pem = first.contains("-----BEGIN ");
        let open = first.chars().next().unwrap_or(' ');
        while at < self.text.len() {
            let end = self.line_end(at);
            let line = &self.text[at..end];
            if is_entry(line) {
                return at;
            }
            let trimmed = line.trim_end();
            let closes = match open {
                '"' => trimmed.matches('"').count() % 2 == 1,
                '\'' => trimmed.ends_with('\''),
                '`' => trimmed.contains('`'),
                '-' => false,
                ']' => trimmed.trim_start().starts_with(']'),
                _ => trimmed.contains(['\u{201c}', '\u{201d}', '\u{bb}', '"']),
            };
            at = end;
            if pem && line.contains("-----END ") {
                // The closing quote may be on a line of its own.
                let end = self.line_end(at);
                let alone = self.text[at..end].trim() == &first[..open.len_utf8()];
                return if alone && !closes { end } else { at };
            }
            if closes {
                break;
            }
        }
        at
    }

    /// Returns the end of a comment `/* … */` whose first line ends at `at`.
    fn comment(&self, mut at: usize) -> usize {
        while at < self.text.len() && !is_entry(&self.text[at..self.line_end(at)]) {
            let end = self.line_end(at);
            let closes = self.text[at..end].contains("*/");
            at = end;
            if closes {
                break;
            }
        }
        at
    }

    /// Returns the end of the lines from `at` that are indented by more than `depth`.
    fn indented(&self, mut at: usize, depth: usize) -> usize {
        while at < self.text.len() {
            let end = self.line_end(at);
            let line = &self.text[at..end];
            if indent(line) <= depth && !line.trim().is_empty() {
                break;
            }
            at = end;
        }
        at
    }

    /// Returns the start of the next line that is surely an entry.
    fn next_entry(&self, mut at: usize) -> usize {
        while at < self.text.len() {
            let end = self.line_end(at);
            if is_entry(&self.text[at..end]) {
                break;
            }
            at = end;
        }
        at
    }
}

fn is_triple(text: &str) -> bool {
    text.starts_with("\"\"\"") || text.starts_with("'''")
}

/// Returns the offset of what may be a value: after the sign, or at the start of a line that has no
/// key. Returns the length if there is none.
fn value(line: &str) -> usize {
    let start = body(line);
    let rest = &line[start..];
    let keyless = match rest.as_bytes().first() {
        Some(b'{') => true,
        Some(b'[') => {
            let inner = rest.trim_start_matches('[').trim_start();
            inner.is_empty() || inner.starts_with('{') || rest.trim_end().ends_with(',')
        }
        Some(b'-') => rest.starts_with("-----BEGIN "),
        _ => is_triple(rest),
    };
    if keyless {
        return start;
    }
    sign(line).map_or(line.len(), |sign| sign.end + body(&line[sign.end..]))
}

/// Returns `true` if a line begins with a value, and not with a header.
fn is_value(line: &str) -> bool {
    let line = &line[body(line)..];
    match line.as_bytes().first() {
        Some(b'"' | b'\'' | b'{') => sign(line).is_none() || line.starts_with('{'),
        Some(b'[') => !is_header(line),
        _ => false,
    }
}
