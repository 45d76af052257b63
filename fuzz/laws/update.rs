//! A form without values, sent back as it is, changes none; and what is refused shows nothing but
//! what was entered.

use arbitrary::{Arbitrary, Unstructured};
use secrets_toml::Document;

use super::texts::{CANARY, Text};

pub(crate) fn check(data: &[u8]) {
    let Ok((entered, current)) = <(Text, Text)>::arbitrary_take_rest(Unstructured::new(data))
    else {
        return;
    };
    let (entered, Ok(current)) = (entered.render(), Document::parse(current.render())) else {
        return;
    };
    let form = Document::parse(current.form()).expect("what is left is well-formed");
    assert!(!form.expose_text().contains(CANARY), "{form:?}");
    assert!(form.variables().all(|(_, value)| value.as_str() == Some("")), "{form:?}");
    if let Ok(same) = form.validate_update(&current) {
        assert_eq!(format!("{same:?}"), format!("{:?}", current.validate().expect("the same")));
        return;
    }
    if let Ok(Err(invalid)) = Document::parse(&*entered).map(|new| new.validate_update(&current)) {
        assert!(
            invalid.findings().all(|found| found.span().is_some_and(|at| at.end <= entered.len()))
        );
        assert_eq!(invalid.into_document().expose_text(), entered);
    }
}
