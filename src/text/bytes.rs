//! Tests on bytes.

/// Returns `true` if any byte has the property.
///
/// Works in blocks of one size and has no early exit inside a block, so that it compiles to SIMD
/// instructions. This pays off because nearly every text has no such byte. The last block overlaps
/// the one before it.
pub(crate) fn any(bytes: &[u8], property: impl Fn(u8) -> bool + Copy) -> bool {
    fn block<const N: usize>(bytes: &[u8; N], property: impl Fn(u8) -> bool) -> bool {
        bytes.iter().fold(0, |found, &byte| found | u8::from(property(byte))) != 0
    }

    let mut rest = bytes;
    while let Some((first, behind)) = rest.split_first_chunk::<16>() {
        if block(first, property) {
            return true;
        }
        rest = behind;
    }
    if rest.is_empty() {
        false
    } else if let Some(last) = bytes.last_chunk::<16>() {
        block(last, property)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        block(first, property) || block(last, property)
    } else {
        rest.iter().any(|&byte| property(byte))
    }
}

/// Returns `true` if any byte and the one after it have the property together. Works as [`any`] does:
/// the property should have no branches.
pub(crate) fn any_pair(bytes: &[u8], property: impl Fn(u8, u8) -> bool + Copy) -> bool {
    fn block<const N: usize>(
        (firsts, seconds): (&[u8; N], &[u8; N]),
        property: impl Fn(u8, u8) -> bool,
    ) -> bool {
        let pairs = firsts.iter().zip(seconds);
        pairs.fold(0, |found, (&first, &second)| found | u8::from(property(first, second))) != 0
    }

    let (Some(firsts), Some(seconds)) = (bytes.split_last(), bytes.split_first()) else {
        return false;
    };
    let (firsts, seconds) = (firsts.1, seconds.1);
    let mut rest = (firsts, seconds);
    while let Some((first, before)) = rest.0.split_first_chunk::<16>()
        && let Some((second, behind)) = rest.1.split_first_chunk::<16>()
    {
        if block((first, second), property) {
            return true;
        }
        rest = (before, behind);
    }
    if let Some(last) = firsts.last_chunk::<16>().zip(seconds.last_chunk::<16>()) {
        block(last, property)
    } else if let Some(first) = firsts.first_chunk::<8>().zip(seconds.first_chunk::<8>())
        && let Some(last) = firsts.last_chunk::<8>().zip(seconds.last_chunk::<8>())
    {
        block(first, property) || block(last, property)
    } else {
        firsts.iter().zip(seconds).any(|(&first, &second)| property(first, second))
    }
}

/// Returns `true` if a bare key may contain this byte.
pub(crate) fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_and_a_pair_are_found_at_every_place() {
        for len in 0..70 {
            let mut bytes = vec![b'a'; len];
            assert!(!any(&bytes, |byte| byte == b'!'));
            assert!(!any_pair(&bytes, |first, second| first == b'!' || second == b'!'));
            for place in 0..len {
                bytes[place] = b'!';
                assert!(any(&bytes, |byte| byte == b'!'), "{place} of {len}");
                let is_first = any_pair(&bytes, |first, second| (first == b'!') & (second == b'a'));
                assert_eq!(is_first, place + 1 < len, "{place} of {len}");
                let is_second =
                    any_pair(&bytes, |first, second| (first == b'a') & (second == b'!'));
                assert_eq!(is_second, place > 0, "{place} of {len}");
                bytes[place] = b'a';
            }
        }
    }
}
