//! The findings of a template are in order and in its report. Prefilling puts the values of the earlier document into the template and leaves the rest of its
//! text. The form, when read back, has every value that was carried.

use arbitrary::{Arbitrary, Unstructured};
use secrets_toml::{Document, Template};

use super::texts::Text;

pub(crate) fn check(data: &[u8]) {
    let Ok((template, earlier)) = <(Text, Text)>::arbitrary_take_rest(Unstructured::new(data))
    else {
        return;
    };
    let (Ok(template), Ok(earlier)) =
        (Template::parse(&template.render()), Document::parse(earlier.render()))
    else {
        return;
    };
    let found: Vec<_> = template.findings().map(|finding| finding.span()).collect();
    assert!(found.is_sorted_by_key(|span| span.as_ref().map(|span| span.start)), "{found:?}");
    let blocks = template.report().to_string().matches(" = help: ").count();
    assert_eq!(blocks, found.len(), "the report has a block for each finding");
    assert!(template.json_schema().starts_with("{\"$schema\":"));
    let prefilled = template.prefill(&earlier).expect("the texts are short");
    let was_there = |path: &str| is_cut(path) || earlier.find(path).is_some();
    assert!(
        prefilled.dropped().all(|path| was_there(&path.to_string())),
        "only variables of the earlier document are dropped"
    );
    let form = prefilled.form().to_owned();
    let carried: Vec<_> = prefilled.carried().map(|path| path.to_string()).collect();
    let entered = Document::parse(&*form).expect("the form is well-formed");
    if let Ok(accepted) = entered.validate_update(&earlier) {
        let value = |document: &Document, path: &str| format!("{:?}", document.find(path));
        let same = |path: &String| value(&accepted, path) == value(&earlier, path);
        assert!(carried.iter().all(same), "{carried:?}");
    }
    let filled = prefilled.into_document();
    let comments = |text: &str| text.matches('#').count();
    assert!(comments(filled.expose_text()) >= comments(template.text()), "{filled:?}");
    for variable in template.variables() {
        let path = variable.path().to_string();
        assert!(is_cut(&path) || filled.find(&path).is_some(), "{path} is still there");
    }
    let again = template.prefill(&filled).expect("the texts are short").into_document();
    assert_eq!(again.expose_text(), filled.expose_text(), "prefilling is idempotent");
}

/// Returns `true` if a path was too long to be shown in full, so that it cannot be looked up.
fn is_cut(path: &str) -> bool {
    path.ends_with('…')
}
