//! Each root key of a layered document has the value and the line of the last layer that has it. What
//! differs from the first layer is what the changes list.

use secrets_toml::files::Changes;
use secrets_toml::{Document, KeyPath, Value};

use super::delivered::is_same;

/// Checks the law. The layers are separated by lines of `---`.
pub(crate) fn check(data: &[u8]) {
    let Ok(texts) = std::str::from_utf8(data) else { return };
    let layers: Result<Vec<_>, _> = texts.split("\n---\n").map(Document::parse).collect();
    let Ok(layers) = layers else { return };
    let Ok(layered) = Document::layered((0..).map(|i: usize| i.to_string()).zip(&layers)) else {
        return;
    };
    let document = layered.document();
    assert!(
        layers.iter().flat_map(|layer| layer.root()).all(|(key, _)| document.get(key).is_some())
    );
    for (path, value) in document.variables() {
        let winner = layers
            .iter()
            .rposition(|layer| layer.get(root(path)).is_some())
            .expect("it is a layer's");
        assert!(layers[winner].at(&path).is_some_and(|own| is_same(own, value)), "{path}");
        let origin = layered.origin(&path.to_string());
        let line = origin.and_then(|origin| origin.line()).unwrap_or(1);
        assert!(origin.is_none_or(|origin| origin.layer() == winner.to_string()), "{path}");
        assert!((1..=layers[winner].expose_text().split('\n').count()).contains(&line), "{path}");
    }
    let again = Document::layered([("again", document)]).expect("it is as long as before");
    assert_eq!(again.document().expose_text(), document.expose_text());
    let [first, all] = [&layers[0], document].map(|document| Value::Table(document.root()));
    assert!(!is_same(first, all) || Changes::between(&layers[0], document).is_empty());
}

/// The root key of a path.
fn root<'a>(mut path: KeyPath<'a>) -> &'a str {
    while let Some(parent) = path.parent() {
        path = parent;
    }
    path.name().unwrap_or_default()
}
