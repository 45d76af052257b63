//! Findings are in order and hold no value. An accepted document has no blank required variable, no
//! secret that is still the template's, and no value that breaks its format.

use arbitrary::{Arbitrary, Unstructured};
use secrets_toml::{Document, FindingKind, Format, Template};

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
            for variable in template.variables() {
                let path = variable.path().to_string();
                let value = secrets.find(&path);
                let text = value.and_then(|value| value.as_str());
                let default = variable.default_value().and_then(|value| value.as_str());
                let is_blank = text.is_some_and(|text| text.trim().is_empty());
                // A long path is shown in part, so it cannot be looked up.
                let is_filled_in = path.ends_with('…') || value.is_some() && !is_blank;
                assert!(is_filled_in || !variable.is_required(), "{variable:?}");
                let is_unchanged = text.is_some() && text == default && !is_blank;
                assert!(!is_unchanged || !variable.is_secret(), "{variable:?}");
                // Of a number, the text in the environment is checked.
                let text = secrets.at(&variable.path()).and_then(|value| value.as_str());
                let breaks = |text: &str| !variable.formats().iter().all(|rule| holds(rule, text));
                assert!(!text.is_some_and(|text| !text.trim().is_empty() && breaks(text)));
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
