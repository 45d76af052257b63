//! The vectors of authors' mistakes in `tests/vectors/mistakes`.

use std::fs;
use std::path::Path;

/// A text with a mistake.
pub(crate) struct Mistake {
    pub(crate) title: String,
    pub(crate) text: String,
    /// The whole output.
    pub(crate) output: String,
}

/// Reads all vectors. A file has blocks of a line `%% title`, the text, a line `%%`, the output and
/// an empty line. A character that cannot be seen is written as `⟨U+00A0⟩`.
pub(crate) fn all() -> Vec<Mistake> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/mistakes");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.flat_map(|text| text.split("%% ").skip(1).map(parse).collect::<Vec<_>>()).collect()
}

fn parse(block: &str) -> Mistake {
    let (title, rest) = block.split_once('\n').unwrap();
    let (text, output) = rest.split_once("%%\n").unwrap();
    let output = output.strip_suffix('\n').unwrap();
    Mistake { title: title.to_owned(), text: unescape(text), output: output.to_owned() }
}

fn unescape(text: &str) -> String {
    let mut pieces = text.split("⟨U+");
    let mut unescaped = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_once('⟩').unwrap();
        unescaped.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
        unescaped.push_str(rest);
    }
    unescaped
}
