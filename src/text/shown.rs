//! Text as it is shown: cut to a length, and with nothing in it that a terminal acts on.

use std::fmt::{self, Write};

use crate::text::bytes::is_bare;

/// How much of a path is shown, in characters, with the `…` of one that is cut.
const MAX_SHOWN: usize = 256;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step<'a> {
    Key(&'a str),
    Position(usize),
}

/// The steps as a path of limited length.
pub(crate) fn display<'a>(steps: impl Iterator<Item = Step<'a>>) -> String {
    let mut path = String::new();
    write_steps(&mut path, steps).expect("a String takes all that is written");
    path
}

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
                // A key is cut before it is looked at: it may be half a megabyte. What is left of
                // it is as much as is shown at all.
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

/// Writes a character of a quoted key so that no terminal acts on it.
fn write_escaped(f: &mut impl Write, character: char) -> fmt::Result {
    match character {
        '"' | '\\' => write!(f, "\\{character}"),
        _ if is_unsafe(character) => match u32::from(character) {
            code @ ..=0xFFFF => write!(f, "\\u{code:04X}"),
            code => write!(f, "\\U{code:08X}"),
        },
        _ => f.write_char(character),
    }
}

/// Control characters, line separators, and what changes the direction or hides in a text.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}'
        )
}

/// The first `limit` characters.
fn cut(text: &str, limit: usize) -> &str {
    match text.char_indices().nth(limit) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// Writes a number of characters, the last of which is `…` if there are more.
pub(crate) struct Limited<'f, W> {
    f: &'f mut W,
    left: usize,
}

impl<'f, W: Write> Limited<'f, W> {
    pub(crate) fn new(f: &'f mut W, limit: usize) -> Self {
        Self { f, left: limit }
    }

    /// Returns `true` if nothing more is written.
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
