//! The environment has the root's strings, integers and floats, as Python's `str()` writes them,
//! each is found by its name, and a `Command` takes all of it.

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
        return assert!(expected.iter().any(unmappable), "nothing is wrong with {document:?}");
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

/// Python's rule, from the standard library's digits, which are as many: a point from 1e-4 up to
/// 1e16, else an exponent.
fn python(number: f64) -> String {
    if number.is_nan() {
        "nan".to_owned()
    } else if number.is_infinite() {
        format!("{number}")
    } else if number == 0.0 || (1e-4..1e16).contains(&number.abs()) {
        format!("{number:?}")
    } else {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').expect("it was asked for");
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
        format!("{digits}e{sign}{exponent:0>2}")
    }
}

/// Whether two texts are the same, or the same number with other last digits: of several that are
/// equally short, Python and the standard library may take another.
fn is_same(ours: &str, theirs: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    ours == theirs
        || (ours.len() == theirs.len()
            && ours.find(['.', 'e']) == theirs.find(['.', 'e'])
            && number(ours).is_some()
            && number(ours) == number(theirs))
}
