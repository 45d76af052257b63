//! The text of a file in a secret directory, as Python reads and strips it.

use std::str::Utf8Error;

use crate::text::python::is_python_space;
use crate::text::wiped::Wiped;

/// Returns the text of a file: with universal newlines, and without white space at both ends.
///
/// It is `open(path, encoding="utf-8").read().strip()` of Python. So a byte order mark stays, since
/// it is not white space.
pub(super) fn text(bytes: &[u8]) -> Result<Wiped, Utf8Error> {
    let stripped = std::str::from_utf8(bytes)?.trim_matches(is_python_space);
    let mut text = Wiped::with_capacity(stripped.len());
    // Universal newlines: `\r\n` and `\r` are read as `\n`.
    for (i, line) in stripped.split('\r').enumerate() {
        if i > 0 && !line.starts_with('\n') {
            text.append("\n");
        }
        text.append(line);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_as_python_reads_them() {
        // `python3 -c 'open(path, "wb").write(bytes); print(ascii(open(path).read().strip()))'`
        for (bytes, expected) in [
            ("", ""),
            ("hunter2", "hunter2"),
            (" hunter2\t\n", "hunter2"),
            ("\r\nhunter2\r\n\r\n", "hunter2"),
            ("a\r\nb\rc\nd", "a\nb\nc\nd"),
            ("a\r\r\n\n\rb", "a\n\n\n\nb"),
            ("a\n\r", "a"),
            ("\u{1C}\u{1D}a b\u{1E}\u{1F}", "a b"),
            ("\u{85}\u{A0}a\u{2003}\u{3000}", "a"),
            ("\u{FEFF}a\u{200B}", "\u{FEFF}a\u{200B}"),
            ("\0a\0", "\0a\0"),
            ("\r\n \u{B}\u{C}", ""),
        ] {
            let found = text(bytes.as_bytes()).unwrap();
            assert_eq!(&*found, expected, "{bytes:?}");
        }
        assert!(text(b"a\xFF").is_err());
    }
}
