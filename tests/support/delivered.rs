//! Checks that apply to every document that is delivered to Streamlit.

use std::collections::HashSet;

use secrets_toml::{Document, Env, Value};

/// Checks a delivered document against the document and the variables that it was made from.
#[track_caller]
pub(crate) fn assert_delivered(delivered: &Document, document: &Document, env: &Env) {
    let text = delivered.expose_text();
    let seen = delivered.env().expect("it was mapped before");
    assert!(seen.iter().eq(env.iter()), "{text}");
    let own = document.env().expect("it was mapped before");
    let names: HashSet<_> = env.explain().map(|explanation| explanation.variable()).collect();
    for (key, value) in document.root().iter() {
        let now = delivered.get(key);
        let is_as_before = || now.is_some_and(|now| is_same(now, value));
        let is_right = match (own.get(key), env.get(key)) {
            (Some(before), Some(after)) if before == after => is_as_before(),
            // The variables were compared above.
            (_, Some(_)) => now.is_some(),
            (Some(_), None) => now.is_none(),
            // A variable with an explanation and no value was displaced.
            (None, None) if names.contains(key) => now.is_none(),
            (None, None) => is_as_before(),
        };
        assert!(is_right, "{key} in {text}");
    }
    let is_known = |key| document.get(key).is_some() || names.contains(key);
    assert!(delivered.root().iter().all(|(key, _)| is_known(key)), "{text}");
    assert!(!text.contains('\r') && !text.starts_with('\u{feff}'), "{text}");
    let again = delivered.for_streamlit(&seen).expect("it was delivered before");
    assert_eq!(again.expose_text(), text, "delivering a delivered document changes its text");
}

/// Returns `true` if two values are equal, including nested ones. A time without seconds equals one
/// with the second 0. Fractions of a second are compared in microseconds.
pub(crate) fn is_same(one: Value<'_>, other: Value<'_>) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one == other,
        (Value::Integer(one), Value::Integer(other)) => one == other,
        (Value::Float(one), Value::Float(other)) => one.to_bits() == other.to_bits(),
        (Value::Boolean(one), Value::Boolean(other)) => one == other,
        (Value::Datetime(one), Value::Datetime(other)) => {
            let [one, other] = [one, other].map(|mut datetime| {
                if let Some(time) = &mut datetime.time {
                    time.second.get_or_insert(0);
                    let nanosecond = time.nanosecond.unwrap_or(0);
                    time.nanosecond = Some(nanosecond - nanosecond % 1000);
                }
                datetime
            });
            one == other
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other.iter()).all(|(one, other)| is_same(one, other))
        }
        (Value::Table(one), Value::Table(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| is_same(value, other)))
        }
        _ => false,
    }
}
