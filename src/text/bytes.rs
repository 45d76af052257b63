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

/// Returns `true` if a bare key may contain this byte.
pub(crate) fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}
