//! An unchanged form changes no value. However its lines are edited, each kept value is the one that
//! its marker names, from the same path.

use arbitrary::{Arbitrary, Unstructured};
use secrets_toml::{Document, KeyPath, Value};

use super::texts::{CANARY, Text};

pub(crate) fn check(data: &[u8]) {
    let Ok((typed, lines, current)) =
        <(Text, Vec<u8>, Text)>::arbitrary_take_rest(Unstructured::new(data))
    else {
        return;
    };
    let Ok(current) = Document::parse(current.render()) else { return };
    let text = current.form();
    assert!(!text.contains(CANARY), "{text}");
    let form = Document::parse(&*text).expect("the form is well-formed");
    if let Ok(accepted) = Document::parse(current.expose_text()).expect("it was read").validate()
        && accepted.warnings().len() == 0
    {
        let same = form.validate_update(&current).expect("the same has no findings");
        let pairs = same.variables().zip(current.variables());
        assert!(pairs.into_iter().all(|((_, new), (_, old))| is_same(new, old)), "{same:?}");
    }

    // Typed text, then lines of the form in any order.
    let form: Vec<&str> = text.lines().collect();
    let picked = lines.iter().filter_map(|&line| form.get(usize::from(line) % form.len().max(1)));
    let entered = picked.fold(typed.render() + "\n", |text, line| text + line + "\n");
    let Ok(document) = Document::parse(&*entered) else { return };
    let markers: Vec<_> = document.variables().map(|(_, value)| marker(value)).collect();
    match document.validate_update(&current) {
        Ok(secrets) => {
            assert_eq!(secrets.variables().count(), markers.len(), "each keeps its place");
            for ((path, value), marker) in secrets.variables().zip(markers) {
                let source = match marker {
                    None => continue,
                    Some(None) => current.at(&path),
                    Some(Some(number)) => {
                        current.variables().nth(number - 1).map(|(from, source)| {
                            assert_eq!(names(from), names(path));
                            source
                        })
                    }
                };
                assert!(source.is_some_and(|source| is_same(value, source)), "{path}");
            }
        }
        Err(invalid) => {
            let spans: Vec<_> = invalid.findings().filter_map(|found| found.span()).collect();
            assert!(spans.is_sorted_by_key(|span| span.start), "{invalid:?}");
            assert!(spans.iter().all(|span| entered.is_char_boundary(span.end)), "{invalid:?}");
            assert_eq!(invalid.into_document().expose_text(), entered);
        }
    }
}

/// Parses a marker: its number, `Some(None)` without a number, `None` for any other value.
fn marker(value: Value<'_>) -> Option<Option<usize>> {
    match value.as_str()?.strip_prefix("<unchanged")?.strip_suffix('>')? {
        "" => Some(None),
        number => Some(Some(number.trim().parse().ok()?)),
    }
}

/// Returns the keys of a path, with `None` for each position in an array.
fn names(path: KeyPath<'_>) -> Vec<Option<&str>> {
    std::iter::successors(Some(path), KeyPath::parent).map(|path| path.name()).collect()
}

fn is_same(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => {
            a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| is_same(a, b))
        }
        (Value::Table(a), Value::Table(b)) => {
            let pairs = a.iter().zip(b.iter());
            a.len() == b.len() && pairs.into_iter().all(|(a, b)| a.0 == b.0 && is_same(a.1, b.1))
        }
        _ => {
            a.kind() == b.kind()
                && (a.as_str(), a.as_integer(), a.as_bool(), a.as_datetime())
                    == (b.as_str(), b.as_integer(), b.as_bool(), b.as_datetime())
        }
    }
}
