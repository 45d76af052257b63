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
                let value = secrets.at(&variable.path());
                // Of a number, the text in the environment is checked.
                let text = value.and_then(|value| value.as_str());
                let is_blank = text.is_some_and(|text| text.trim().is_empty());
                let is_filled_in = value.is_some() && !is_blank;
                assert!(is_filled_in || !variable.is_required(), "{variable:?}");
                let text = text.filter(|_| !is_blank);
                let default = variable.default_value().and_then(|value| value.as_str());
                let is_unchanged = text.is_some() && text == default;
                assert!(!is_unchanged || !variable.is_secret(), "{variable:?}");
                let breaks = |rule: &Format| text.is_some_and(|text| !holds(rule, text));
                assert!(!variable.formats().iter().any(breaks), "{variable:?}");
            }
        }
        Err(invalid) => {
            // A rule is shown, since a template is public.
            let shows = |rule: &Format| rule.to_string().contains(CANARY);
            let is_in_rule =
                template.variables().any(|variable| variable.formats().iter().any(shows));
            let is_shown = format!("{invalid} {invalid:?}").contains(CANARY);
            assert!(is_in_rule || !is_shown, "{invalid}");
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
