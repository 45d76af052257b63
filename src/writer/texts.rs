//! Writes a key with a text, or a table of texts: the contents of a secret directory's folder.

use crate::text::wiped::Wiped;
use crate::writer::{Counter, Dates, Sink, TooLong, Writer};

/// Writes `key` with `text` as its string.
pub(crate) fn write_text(key: &str, text: &str) -> Result<Wiped, TooLong> {
    twice(Pass { key, table: None, text })
}

/// Writes the table `key` with a string for each name. No two names may be the same.
pub(crate) fn write_table(key: &str, texts: &[(&str, &str)]) -> Result<Wiped, TooLong> {
    twice(Pass { key, table: Some(texts), text: "" })
}

/// The contents of one pass.
#[derive(Clone, Copy)]
struct Pass<'a> {
    key: &'a str,
    table: Option<&'a [(&'a str, &'a str)]>,
    text: &'a str,
}

impl Pass<'_> {
    fn write<S: Sink>(self, to: &mut Writer<S>) -> Result<(), TooLong> {
        let Some(texts) = self.table else { return pair(to, self.key, self.text) };
        to.put("[")?;
        to.name_in_header(self.key)?;
        to.put("]\n")?;
        texts.iter().try_for_each(|(name, text)| pair(to, name, text))
    }
}

fn pair<S: Sink>(to: &mut Writer<S>, key: &str, text: &str) -> Result<(), TooLong> {
    to.name(key)?;
    to.put(" = ")?;
    to.string(text)?;
    to.put("\n")
}

/// Counts the bytes, then writes them into a buffer of that size.
fn twice(pass: Pass<'_>) -> Result<Wiped, TooLong> {
    let mut counter = Writer::new(Counter(0), Dates::AsWritten);
    pass.write(&mut counter)?;
    let mut writer = Writer::new(Wiped::with_capacity(counter.sink.0), Dates::AsWritten);
    pass.write(&mut writer)?;
    Ok(writer.sink)
}
