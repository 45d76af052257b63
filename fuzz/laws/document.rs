//! Below the limits, `Document` accepts exactly the texts that `toml_edit` accepts, with the same
//! paths, kinds and values.

use secrets_toml::Document;

use super::agreement::assert_table;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        assert!(Document::from_utf8(data.to_vec()).is_err(), "invalid UTF-8 is rejected");
        return;
    };
    // In multi-line strings `\r\n` is read as `\n`.
    let unix = text.replace("\r\n", "\n");
    match (Document::parse(text), toml_edit::Document::parse(text)) {
        (Ok(ours), Ok(_)) => {
            assert_eq!(ours.expose_text(), text);
            let theirs = toml_edit::Document::parse(unix.as_str()).expect("it was accepted");
            assert_table(ours.root(), theirs.as_table(), text);
        }
        (Err(ours), Err(_)) => assert!(!ours.errors().is_empty() && !ours.to_string().is_empty()),
        (ours, theirs) => panic!("here: {:?}, toml_edit: {:?}", ours.err(), theirs.err()),
    }
}
