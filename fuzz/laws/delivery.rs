//! A delivered document has the variables of its `Env`, in order, and every other value of the
//! source unchanged. Displaced names are absent, whatever their kind.

use secrets_toml::{Document, Overrides, Parameter};

use super::delivered::assert_delivered;

/// Checks the law. The first line of `data` is a query, the rest a document.
pub(crate) fn check(data: &[u8]) {
    let Some((query, text)) = std::str::from_utf8(data).ok().and_then(|all| all.split_once('\n'))
    else {
        return;
    };
    let overrides = Overrides::new()
        .allow(Parameter::new("a", "a").displaces(["b", "t"]))
        .allow(Parameter::new("b", "b"))
        .allow(Parameter::new("n", "\"new\" \\ key"));
    let Ok(document) = Document::parse(text) else { return };
    let Ok(env) = document.env() else { return };
    let Ok(env) = env.override_with(&overrides, query) else { return };
    match document.for_streamlit(&env) {
        Ok(delivered) => assert_delivered(&delivered, &document, &env),
        Err(error) => assert_eq!(error.line().is_some(), error.path().is_some(), "{error}"),
    }
}
