//! Searches bytes eight at a time, each time as one `u64`.

/// Returns the offset of the first control character or one of two others, from `at` on, or the length.
///
/// A control character is one of U+0000 to U+001F, or U+007F. A tab is one, too, and the caller goes on
/// behind it.
#[inline]
pub(super) fn find_end(bytes: &[u8], mut at: usize, one: u8, other: u8) -> usize {
    // Sixteen bytes at a time compile to SIMD instructions, and say only if there is an end.
    let ends = |byte: u8| (byte < 0x20) | (byte == 0x7F) | (byte == one) | (byte == other);
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        if block.iter().fold(false, |found, &byte| found | ends(byte)) {
            break;
        }
        at += 16;
    }
    while let Some(word) = word(bytes, at) {
        let found = marks(word, one, other);
        if found != 0 {
            // The first byte is in the lowest bits.
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|&byte| ends(byte)).map_or(bytes.len(), |i| at + i)
}

/// Returns the number of line endings.
pub(super) fn count_lines(bytes: &[u8]) -> usize {
    // Sums of one byte each compile to SIMD instructions, and do not overflow in blocks of 255.
    let block = |block: &[u8]| block.iter().map(|&byte| u8::from(byte == b'\n')).sum::<u8>();
    bytes.chunks(255).map(|bytes| usize::from(block(bytes))).sum()
}

#[inline]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Returns a word with the highest bit of each byte that is searched for.
///
/// A subtraction may borrow from the byte above, and so a byte above a mark may be marked wrongly. The
/// lowest mark is always right.
#[inline]
fn marks(word: u64, one: u8, other: u8) -> u64 {
    let less = |word: u64, limit: u8| word.wrapping_sub(all(limit)) & !word;
    let equal = |byte: u8| less(word ^ all(byte), 1);
    (less(word, 0x20) | equal(0x7F) | equal(one) | equal(other)) & all(0x80)
}

/// A word whose bytes are all the same.
#[inline]
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each byte, at each place in texts of each length up to three words.
    #[test]
    fn the_first_end_is_found_wherever_it_is() {
        for len in 0..24 {
            for at in 0..=len {
                for place in at..len {
                    for byte in 0..=255 {
                        let mut bytes = vec![b' '; len];
                        bytes[place] = byte;
                        let ends = byte < 0x20 || [0x7F, b'"', b'\\'].contains(&byte);
                        let end = if ends { place } else { len };
                        assert_eq!(find_end(&bytes, at, b'"', b'\\'), end, "{byte} at {place}");
                        // Whatever follows makes no difference.
                        if ends && place + 1 < len {
                            bytes[place + 1] = byte.wrapping_add(1);
                            assert_eq!(find_end(&bytes, at, b'"', b'\\'), end, "{byte}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn lines_are_counted_in_blocks() {
        for len in [0, 1, 254, 255, 256, 1000] {
            assert_eq!(count_lines(&vec![b'\n'; len]), len);
        }
        assert_eq!(count_lines(b"a\r\nb\nc"), 2);
    }
}
