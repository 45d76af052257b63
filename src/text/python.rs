//! White space as Python has it.

/// Returns `true` for a character at which Python's `str.split()` splits and which `str.strip()`
/// removes: Unicode white space and the four separators of ASCII.
pub(crate) fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1C}'..='\u{1F}').contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected list is that of `[c for c in map(chr, range(0x110000)) if c.isspace()]`.
    #[test]
    fn white_space_is_that_of_python() {
        let spaces: Vec<u32> =
            ('\0'..=char::MAX).filter(|&c| is_python_space(c)).map(u32::from).collect();
        let mut expected: Vec<u32> = (0x9..=0xD).chain(0x1C..=0x20).chain([0x85, 0xA0]).collect();
        expected.push(0x1680);
        expected.extend(0x2000..=0x200A);
        expected.extend([0x2028, 0x2029, 0x202F, 0x205F, 0x3000]);
        assert_eq!(spaces, expected);
    }
}
