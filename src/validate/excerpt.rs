//! The report of findings for an author: source lines with every value and comment masked.

use std::fmt::{self, Write};

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use crate::document::Document;
use crate::text::shown::{Limited, is_unsafe};
use crate::validate::finding::Finding;

/// The mask of a value or a comment. Its width is fixed, so that it does not show a length.
const MASK: &str = "••••••••";

/// The maximum length of a shown line, in characters. A line may be a megabyte long.
const MAX_SHOWN: usize = 100;

/// Writes a block for each finding.
pub(super) fn write<'a>(
    f: &mut fmt::Formatter<'_>,
    document: &Document,
    findings: impl Iterator<Item = Finding<'a>>,
) -> fmt::Result {
    // In the order of the text.
    let leaves: Vec<u32> = document.leaves().collect();
    for (i, finding) in findings.enumerate() {
        if i > 0 {
            f.write_char('\n')?;
        }
        writeln!(f, "{}: {finding}", finding.severity())?;
        let mut indent = 1;
        if let (Some(line), Some(span)) = (finding.line(), finding.span()) {
            let number = line.to_string();
            indent = number.len();
            writeln!(f, "{:indent$} |", "")?;
            write!(f, "{number} | ")?;
            write_line(f, document, &leaves, span.start)?;
            writeln!(f, "\n{:indent$} |", "")?;
        }
        writeln!(f, "{:indent$} = help: {}", "", finding.help())?;
    }
    Ok(())
}

/// Writes the line around an offset. A long line is shown from the end of the value before the
/// offset, or from [`MAX_SHOWN`] bytes before it.
fn write_line(
    f: &mut fmt::Formatter<'_>,
    document: &Document,
    leaves: &[u32],
    offset: usize,
) -> fmt::Result {
    let text = document.expose_text();
    let span = |leaf: u32| document.index().node(leaf).span.range();
    let near = offset.saturating_sub(MAX_SHOWN);
    let near = (0..=near).rev().find(|&near| text.is_char_boundary(near)).unwrap_or(0);
    let start = text.as_bytes()[near..offset].iter().rposition(|&byte| byte == b'\n');
    let next = leaves.partition_point(|&leaf| span(leaf).end <= offset);
    let before = next.checked_sub(1).map_or(0, |i| span(leaves[i]).end);
    let mut shown = Limited::new(f, MAX_SHOWN);
    let mut at = match start {
        Some(i) => near + i + 1,
        None if near == 0 => 0,
        None => {
            shown.write_str("… ")?;
            before.max(near)
        }
    };
    // The line may begin inside a multi-line value.
    let mut next = leaves.partition_point(|&leaf| span(leaf).end <= at);
    loop {
        let value = leaves.get(next).map(|&leaf| span(leaf)).unwrap_or(text.len()..text.len());
        if let Some(gap) = text.get(at..value.start)
            && !write_gap(&mut shown, gap)?
        {
            return Ok(());
        }
        if value.is_empty() {
            return Ok(());
        }
        shown.write_str(MASK)?;
        if text[value.start.max(at)..value.end].contains('\n') {
            return Ok(());
        }
        at = value.end;
        next += 1;
    }
}

/// Writes the text between two values: keys and punctuation as they are, comments masked. Returns
/// `false` if the line ends in it.
fn write_gap(shown: &mut Limited<'_, fmt::Formatter<'_>>, gap: &str) -> Result<bool, fmt::Error> {
    let source = Source::new(gap);
    for token in source.lex() {
        let text = &gap[token.span().start()..token.span().end()];
        match token.kind() {
            TokenKind::Newline => return Ok(false),
            TokenKind::Comment => shown.write_str(MASK)?,
            _ => text.chars().try_for_each(|character| shown.write_char(visible(character)))?,
        }
        if shown.is_full() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Replaces a character that a terminal would act on.
fn visible(character: char) -> char {
    if is_unsafe(character) && character != '\t' { '\u{FFFD}' } else { character }
}
