//! Findings are in order and hold no value. An accepted document has no blank required variable, and
//! breaks no format.

use arbitrary::{Arbitrary, Unstructured};
use secrets_toml::{Document, FindingKind, Format, Template, Value};

use super::texts::{CANARY, Text};

pub(crate) fn check(data: &[u8]) {
    let Ok((template, text)) = <(Text, Text)>::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let (Ok(template), Ok(document)) =
        (Template::parse(&template.render()), Document::parse(text.render()))
    else {
        return;
    };
    match template.validate(document) {
        Ok(secrets) => {
            for variable in template.variables().filter(|variable| variable.is_required()) {
                let path = variable.path().to_string();
                let value = secrets.find(&path);
                // A long path is shown in part, so it cannot be looked up.
                assert!(
                    path.ends_with('…') || value.is_some_and(|value| value.as_str() != Some("")),
                    "{variable:?}"
                );
            }
            for variable in template.variables() {
                // Of a number, the text in the environment is checked.
                let value = secrets.at(&variable.path());
                let Some(Value::String(text)) = value else { continue };
                let holds = |format: &Format| holds(format, text);
                assert!(text.trim().is_empty() || variable.formats().iter().all(holds));
            }
        }
        Err(invalid) => {
            assert!(!format!("{invalid} {invalid:?}").contains(CANARY), "{invalid}");
            let placed = invalid.findings().filter(|found| found.kind() != FindingKind::Missing);
            let spans: Vec<_> = placed.map(|found| found.span().map(|span| span.start)).collect();
            assert!(spans.is_sorted() && spans.iter().all(Option::is_some), "{invalid}");
        }
    }
}

fn holds(format: &Format, text: &str) -> bool {
    match format {
        Format::Port => text.parse::<u16>().is_ok_and(|port| port > 0),
        Format::OneOf(options) => options.iter().any(|option| option == text),
        Format::Prefix(prefix) => text.get(..prefix.len()) == Some(prefix),
        Format::MinLength(least) => text.chars().count() >= *least,
        Format::Range { min, max } => {
            text.parse::<f64>().is_ok_and(|number| number >= *min && number <= *max)
        }
        // Of the others, what every text has.
        Format::Url => text.contains("://"),
        Format::Email => text.contains('@'),
        Format::Uuid => text.len() == 36,
        Format::Pem => text.contains("-----END "),
        _ => true,
    }
}
