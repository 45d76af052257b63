//! For every text, the fast reader gives nothing or exactly what the careful reader gives: the same nodes,
//! children, decoded bytes and look-ups, and no error.

use secrets_toml::readers::{careful, decoded, fast, look_ups, nodes};

use super::nearly;

pub(crate) fn check(data: &[u8]) {
    let texts = [std::str::from_utf8(data).ok().map(str::to_owned), Some(nearly::text(data))];
    texts.iter().flatten().for_each(|text| check_text(text));
}

/// Returns `true` if the fast reader reads the text.
pub(crate) fn check_text(text: &str) -> bool {
    let Some(fast) = fast(text) else { return false };
    let careful = careful(text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    assert_eq!(nodes(&fast), nodes(&careful), "{text:?}");
    assert_eq!(decoded(&fast), decoded(&careful), "{text:?}");
    assert_eq!(look_ups(&fast), look_ups(&careful), "{text:?}");
    true
}
