//! Findings are in order and hold no value, and an accepted document has no blank required variable.

use arbitrary::{Arbitrary, Unstructured};
use secrets_toml::{Document, FindingKind, Template};

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
        }
        Err(invalid) => {
            assert!(!format!("{invalid} {invalid:?}").contains(CANARY), "{invalid}");
            let placed = invalid.findings().filter(|found| found.kind() != FindingKind::Missing);
            let spans: Vec<_> = placed.map(|found| found.span().map(|span| span.start)).collect();
            assert!(spans.is_sorted() && spans.iter().all(Option::is_some), "{invalid}");
        }
    }
}
