//! Searches bytes eight at a time, each time as one `u64`.

use crate::text::bytes::is_bare;

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

/// Returns the offset of the first byte that a bare key may not contain, from `at` on, or the length.
#[inline]
pub(super) fn find_not_bare(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = word(bytes, at) {
        let found = !bare_marks(word) & all(0x80);
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|&byte| !is_bare(byte)).map_or(bytes.len(), |i| at + i)
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

/// Returns a word with the highest bit of each byte that a bare key may contain. Other bits are any.
#[inline]
fn bare_marks(word: u64) -> u64 {
    // Without their highest bits, bytes are added without a carry to the next.
    let ascii = word & all(0x7F);
    let at_least = |word: u64, least: u8| word + all(0x80 - least);
    let among = |word: u64, first: u8, last: u8| at_least(word, first) & !at_least(word, last + 1);
    // This makes capital letters small, and no other byte a letter.
    let letter = among(ascii | all(0x20), b'a', b'z');
    let other = among(ascii, b'0', b'9') | among(ascii, b'_', b'_') | among(ascii, b'-', b'-');
    (letter | other) & !word
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

    /// Each byte, at each place in a text of two words and a rest, beside the least and the greatest.
    #[test]
    fn the_first_byte_that_is_not_bare_is_found() {
        for place in 0..20 {
            for byte in 0..=255 {
                for beside in [b'-', b'z'] {
                    let mut bytes = vec![beside; 20];
                    bytes[place] = byte;
                    let end = if is_bare(byte) { 20 } else { place };
                    assert_eq!(find_not_bare(&bytes, 0), end, "{byte} at {place}");
                    assert_eq!(find_not_bare(&bytes, place), end, "{byte} at {place}");
                    bytes[place..].fill(byte);
                    assert_eq!(find_not_bare(&bytes, 0), end, "{byte} from {place}");
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
