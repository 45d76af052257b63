//! Text for display: limited in length, and safe to print to a terminal.

use std::fmt::{self, Write};

use crate::text::bytes::is_bare;

/// The most characters of a path that are shown, including the `…` of a path that is cut.
const MAX_SHOWN: usize = 256;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step<'a> {
    Key(&'a str),
    Position(usize),
}

/// Returns the steps as a path of limited length.
pub(crate) fn display<'a>(steps: impl Iterator<Item = Step<'a>>) -> String {
    let mut path = String::new();
    write_steps(&mut path, steps).expect("a String takes all that is written");
    path
}

/// Writes the steps as a path of limited length.
pub(crate) fn write_steps<'a>(
    f: &mut impl Write,
    steps: impl Iterator<Item = Step<'a>>,
) -> fmt::Result {
    let mut f = Limited::new(f, MAX_SHOWN);
    for (i, step) in steps.enumerate() {
        if f.is_full() {
            break;
        }
        match step {
            Step::Position(position) => write!(f, "[{position}]")?,
            Step::Key(key) => {
                if i > 0 {
                    f.write_char('.')?;
                }
                // A key may be half a megabyte long: cut it before examining it. What is left is
                // still as long as the longest path that is shown.
                let cut = cut(key, MAX_SHOWN);
                if !cut.is_empty() && cut.bytes().all(is_bare) {
                    f.write_str(cut)?;
                } else {
                    f.write_char('"')?;
                    for character in cut.chars() {
                        write_escaped(&mut f, character)?;
                    }
                    f.write_char('"')?;
                }
            }
        }
    }
    Ok(())
}

/// Writes a character of a quoted key. Escapes it if a terminal would interpret it.
pub(crate) fn write_escaped(f: &mut impl Write, character: char) -> fmt::Result {
    match character {
        '"' | '\\' => write!(f, "\\{character}"),
        _ if is_unsafe(character) => match u32::from(character) {
            code @ ..=0xFFFF => write!(f, "\\u{code:04X}"),
            code => write!(f, "\\U{code:08X}"),
        },
        _ => f.write_char(character),
    }
}

/// A text that is displayed as it is, except that what a terminal would interpret is escaped.
pub(crate) struct Safe<'a>(pub(crate) &'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match is_unsafe(character) {
            true => write_escaped(f, character),
            false => f.write_char(character),
        })
    }
}

/// Returns `true` for control characters, line separators, and characters that are invisible or
/// change the direction of text.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}'
        )
}

/// Returns the first `limit` characters.
fn cut(text: &str, limit: usize) -> &str {
    match text.char_indices().nth(limit) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// Writes at most `limit` characters. If there are more, the last one written is `…`.
pub(crate) struct Limited<'f, W> {
    f: &'f mut W,
    left: usize,
}

impl<'f, W: Write> Limited<'f, W> {
    pub(crate) fn new(f: &'f mut W, limit: usize) -> Self {
        Self { f, left: limit }
    }

    /// Returns `true` if the limit is reached, so that further text is dropped.
    pub(crate) fn is_full(&self) -> bool {
        self.left == 0
    }
}

impl<W: Write> Write for Limited<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match self.left {
                0 => break,
                1 => self.f.write_char('…')?,
                _ => self.f.write_char(character)?,
            }
            self.left -= 1;
        }
        Ok(())
    }
}
