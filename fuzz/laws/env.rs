//! The environment has the root's strings, integers and floats, formatted as by Python's `str()`.
//! Each is found by name, and a `Command` takes all of them.

use std::process::Command;

use secrets_toml::{Document, Value};

pub(crate) fn check(data: &[u8]) {
    let Ok(document) = Document::from_utf8(data.to_vec()) else { return };
    let expected: Vec<(&str, String)> = document
        .root()
        .iter()
        .filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text.to_owned())),
            Value::Integer(number) => Some((name, number.to_string())),
            Value::Float(number) => Some((name, python(number))),
            _ => None,
        })
        .collect();
    let unmappable = |(name, value): &(&str, String)| {
        name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')
    };
    let Ok(env) = document.env() else {
        return assert!(expected.iter().any(unmappable), "rejected without a reason: {document:?}");
    };
    assert_eq!(env.len(), expected.len());
    for ((name, value), (expected_name, expected)) in env.iter().zip(&expected) {
        assert!(name == *expected_name && is_same(value, expected), "{name}");
        assert!(env.get(name) == Some(value) && env.source(name).is_some(), "{name}");
        let absent = format!("{name}=");
        assert!(env.get(&absent).is_none() && env.source(&absent).is_none(), "{name}");
    }
    let mut command = Command::new("module");
    assert_eq!(command.envs(&env).get_envs().count(), env.len());
}

/// Formats a float as Python does: with a point from 1e-4 up to 1e16, else with an exponent. The
/// digits are those of the standard library, which prints equally many.
fn python(number: f64) -> String {
    if number.is_nan() {
        "nan".to_owned()
    } else if number.is_infinite() {
        format!("{number}")
    } else if number == 0.0 || (1e-4..1e16).contains(&number.abs()) {
        format!("{number:?}")
    } else {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').expect("an exponent");
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
        format!("{digits}e{sign}{exponent:0>2}")
    }
}

/// Returns `true` if two texts are equal, or are the same number with other last digits. If several
/// shortest texts exist, Python and the standard library may choose different ones.
fn is_same(ours: &str, theirs: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    ours == theirs
        || (ours.len() == theirs.len()
            && ours.find(['.', 'e']) == theirs.find(['.', 'e'])
            && number(ours).is_some()
            && number(ours) == number(theirs))
}
