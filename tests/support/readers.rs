//! The law of the two readers, for one text.

use secrets_toml::readers::{careful, decoded, fast, look_ups, nodes};

/// Checks that the fast reader gives nothing or exactly what the careful reader gives: the same nodes,
/// children, decoded bytes and look-ups, and no error. Returns `true` if it gives something.
pub(crate) fn agree(text: &str) -> bool {
    let Some(fast) = fast(text) else { return false };
    let careful = careful(text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    assert_eq!(nodes(&fast), nodes(&careful), "{text:?}");
    assert_eq!(decoded(&fast), decoded(&careful), "{text:?}");
    assert_eq!(look_ups(&fast), look_ups(&careful), "{text:?}");
    true
}
