//! Strings. One without escapes is a slice of the text. Any other is copied piece by piece into the
//! second buffer.

use crate::document::fast::Reader;
use crate::document::fast::words::find_end;
use crate::document::index::Slice;

/// How a string is written.
#[derive(Clone, Copy)]
struct Form {
    quote: u8,
    /// The backslash, or the quote again if there are no escapes.
    escape: u8,
    /// The number of quotes at each end. With three, the string may have several lines.
    quotes: usize,
}

const BASIC: Form = Form { quote: b'"', escape: b'\\', quotes: 1 };
const LITERAL: Form = Form { quote: b'\'', escape: b'\'', quotes: 1 };
const ML_BASIC: Form = Form { quote: b'"', escape: b'\\', quotes: 3 };
const ML_LITERAL: Form = Form { quote: b'\'', escape: b'\'', quotes: 3 };

/// The content of a string that is being read.
struct Content {
    start: usize,
    /// Its start in the second buffer, if it differs from the text.
    copied: Option<usize>,
    /// The text before this offset is copied.
    rest: usize,
}

impl Reader<'_, '_> {
    /// `string = ml-basic-string / basic-string / ml-literal-string / literal-string`
    #[inline(always)]
    pub(super) fn string(&mut self) -> Option<Slice> {
        let rest = self.bytes.get(self.at..)?;
        if rest.starts_with(b"\"\"\"") {
            self.ml_string(ML_BASIC)
        } else if rest.starts_with(b"'''") {
            self.ml_string(ML_LITERAL)
        } else if self.peek() == b'"' {
            self.basic_string()
        } else {
            self.literal_string()
        }
    }

    /// `basic-string = quotation-mark *basic-char quotation-mark`
    #[inline]
    pub(super) fn basic_string(&mut self) -> Option<Slice> {
        self.one_line(BASIC)
    }

    /// `literal-string = apostrophe *literal-char apostrophe`
    #[inline]
    pub(super) fn literal_string(&mut self) -> Option<Slice> {
        self.one_line(LITERAL)
    }

    #[inline(always)]
    fn one_line(&mut self, form: Form) -> Option<Slice> {
        let start = self.at + 1;
        self.at = find_end(self.bytes, start, form.quote, form.escape);
        if self.take(form.quote).is_some() {
            return Some(Slice::in_text(start, self.at - 1));
        }
        self.content(Content { start, copied: None, rest: start }, form)
    }

    /// `ml-basic-string = 3quotation-mark [ newline ] ml-basic-body 3quotation-mark`
    ///
    /// `ml-literal-string = 3apostrophe [ newline ] ml-literal-body 3apostrophe`
    #[inline(never)]
    fn ml_string(&mut self, form: Form) -> Option<Slice> {
        self.at += 3;
        let mut content = Content { start: self.at, copied: None, rest: self.at };
        match self.peek() {
            b'\n' => {
                self.at += 1;
                content.start += 1;
                content.rest += 1;
            }
            // This string is copied, as any with CRLF.
            b'\r' => {
                self.copy(&mut content)?;
                self.newline()?;
                content.rest = self.at;
            }
            _ => {}
        }
        self.content(content, form)
    }

    /// `*basic-char quotation-mark`, `ml-basic-body 3quotation-mark`, and the same of literal strings.
    #[inline(never)]
    fn content(&mut self, mut content: Content, form: Form) -> Option<Slice> {
        loop {
            self.at = find_end(self.bytes, self.at, form.quote, form.escape);
            match self.peek() {
                b'\t' => self.at += 1,
                b'\n' if form.quotes == 3 => self.at += 1,
                // CRLF is read as `\n`.
                b'\r' if form.quotes == 3 => {
                    self.copy(&mut content)?;
                    content.rest = self.at + 1;
                    self.newline()?;
                }
                b'\\' if form.escape == b'\\' => {
                    self.copy(&mut content)?;
                    self.escaped(form)?;
                    content.rest = self.at;
                }
                quote if quote == form.quote => {
                    // `mlb-quotes = 1*2quotation-mark` may be before the three at the end.
                    let most = if form.quotes == 3 { 5 } else { 1 };
                    let rest = self.bytes.get(self.at..)?.iter();
                    let quotes = rest.take(most).take_while(|&&byte| byte == quote).count();
                    if quotes < form.quotes {
                        self.at += quotes;
                        continue;
                    }
                    self.at += quotes - form.quotes;
                    let end = self.at;
                    if content.copied.is_some() {
                        self.copy(&mut content)?;
                    }
                    self.at += form.quotes;
                    return Some(match content.copied {
                        Some(start) => Slice::decoded(start, self.decoder.decoded().len()),
                        None => Slice::in_text(content.start, end),
                    });
                }
                _ => return None,
            }
        }
    }

    /// Copies the content up to here.
    fn copy(&mut self, content: &mut Content) -> Option<()> {
        content.copied.get_or_insert(self.decoder.decoded().len());
        let piece = self.text.get(content.rest..self.at)?;
        self.decoder.append(content.start, piece)
    }

    /// `escaped = escape escape-seq-char`, and `mlb-escaped-nl` in a string of several lines
    fn escaped(&mut self, form: Form) -> Option<()> {
        let start = self.at;
        self.at += 2;
        let character = match self.bytes.get(start + 1)? {
            b'"' => '"',
            b'\\' => '\\',
            b'b' => '\u{8}',
            b'e' => '\u{1B}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'x' => self.hexdig(2)?,
            b'u' => self.hexdig(4)?,
            b'U' => self.hexdig(8)?,
            _ if form.quotes == 3 => return self.escaped_newline(start + 1),
            _ => return None,
        };
        self.decoder.append(start, character.encode_utf8(&mut [0; 4]))
    }

    /// `2HEXDIG`, `4HEXDIG` or `8HEXDIG`
    fn hexdig(&mut self, len: usize) -> Option<char> {
        let digits = self.bytes.get(self.at..self.at + len)?;
        self.at += len;
        let digit = |code, &digit: &u8| Some(code << 4 | char::from(digit).to_digit(16)?);
        char::from_u32(digits.iter().try_fold(0, digit)?)
    }

    /// `mlb-escaped-nl = escape ws newline *( wschar / newline )`
    fn escaped_newline(&mut self, after_escape: usize) -> Option<()> {
        self.at = after_escape;
        self.ws();
        self.newline()?;
        loop {
            self.ws();
            match self.peek() {
                b'\n' | b'\r' => self.newline()?,
                _ => return Some(()),
            }
        }
    }
}
