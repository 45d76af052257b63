//! The corpus: templates as modules have them, submitted untouched and filled in.
//!
//! `tests/vectors/templates/labels.txt` says of each value if it is a secret, a placeholder or a default.

mod made_up;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use secrets_toml::{Document, Finding, FindingKind, Invalid, Severity, Template};

use made_up::{Letters, collect, made_up, quoted};

/// The untouched templates that are accepted although they have a secret, and why that is so.
const ACCEPTED: &[(&str, &str)] = &[
    ("en-admin-pin-number.toml", "its only secret is a number"),
    ("en-credentials-table.toml", "the names are people's: `@secret` above the header would help"),
    ("en-users-table.toml", "the same"),
];

/// The defaults that an untouched template is refused for, and why that is so.
const REFUSED_DEFAULTS: &[(&str, &str, &str)] = &[
    ("en-tokenizer.toml", "stop_token", "it reads like a mask, and `@public` is missing"),
    ("en-vault-agent.toml", "vault_path_password", "the name ends in `password`"),
];

/// The secrets that `Variable::is_secret` does not know, and why that is so. They may be left as they
/// are.
const MISSED_SECRETS: &[(&str, &str, &str)] = &[
    ("en-admin-pin-number.toml", "kiosk.admin_pin", "it is a number"),
    ("en-credentials-table.toml", "credentials.carol", "the name is a person's"),
    ("en-credentials-table.toml", "credentials.dave", "the name is a person's"),
    ("en-users-table.toml", "users.alice", "the name is a person's"),
    ("en-users-table.toml", "users.bob", "the name is a person's"),
    ("pl-sklep.toml", "przelewy24.crc", "one payment service calls its key so"),
];

/// Values that meet the formats of variables whose comments ask for one.
const FORMATTED: &[(&str, &str, &str)] = &[
    ("en-mixed-markers.toml", "OPENAI_API_KEY", "sk-q7Rb2LmZt4WnV8cYp3Kd"),
    ("en-mixed-markers.toml", "TENANT_ID", "7d444840-9dc0-11d1-b245-5ffdce74fad2"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Secret,
    Placeholder,
    Default,
}

struct Entry {
    file: String,
    text: String,
    template: Template,
    labels: BTreeMap<String, Label>,
}

impl Entry {
    fn submit(&self, text: &str) -> Result<secrets_toml::Secrets, Invalid> {
        self.template.validate(Document::parse(text).unwrap())
    }

    fn has(&self, label: Label) -> bool {
        self.labels.values().any(|&other| other == label)
    }

    fn has_blank(&self) -> bool {
        self.template.variables().any(|v| v.is_required() && v.default_value().is_none())
    }

    /// Returns the paths of the values with a label in all elements of arrays of tables.
    fn labelled(&self, label: Label) -> Vec<String> {
        let document = toml_edit::Document::parse(&*self.text).unwrap();
        let mut values = Vec::new();
        collect(document.as_table(), "", &mut values);
        let paths = values.into_iter().map(|(path, _)| path);
        paths.filter(|path| self.labels.get(&first_element(path)) == Some(&label)).collect()
    }

    /// Returns the text with a value for each variable that is not a default, except for `left`.
    fn filled(&self, left: Option<&str>) -> String {
        let document = toml_edit::Document::parse(&*self.text).unwrap();
        let mut values = Vec::new();
        collect(document.as_table(), "", &mut values);
        values.sort_by_key(|(_, value)| std::cmp::Reverse(value.span().unwrap().start));
        let mut text = self.text.clone();
        for (path, value) in values {
            let is_default = self.labels.get(&first_element(&path)) == Some(&Label::Default);
            if is_default || left == Some(&*path) {
                continue;
            }
            let span = value.span().unwrap();
            let fixed = FORMATTED.iter().find(|(file, at, _)| *file == self.file && *at == path);
            let seed = format!("{} {path}", self.file);
            let written = match fixed {
                Some((_, _, fixed)) => quoted(fixed),
                None => made_up(value, &mut Letters::new(&seed)),
            };
            text.replace_range(span, &written);
        }
        text
    }
}

#[test]
fn untouched_templates_are_refused() {
    let mut accepted = Vec::new();
    let mut for_other_reasons = Vec::new();
    for entry in corpus() {
        if !entry.has(Label::Secret) && !entry.has_blank() {
            continue;
        }
        match entry.submit(&entry.text) {
            Ok(_) => accepted.push(entry.file),
            Err(invalid) if !errors(&invalid).any(|(_, kind)| is_about_filling_in(kind)) => {
                for_other_reasons.push(entry.file);
            }
            Err(_) => {}
        }
    }
    let expected: Vec<_> = ACCEPTED.iter().map(|(file, _)| *file).collect();
    assert_eq!(accepted, expected, "{} accepted", accepted.len());
    assert_eq!(for_other_reasons, [""; 0]);
}

/// Every other variable is filled in, so each secret is refused for its own sake.
#[test]
fn one_secret_that_is_left_is_refused() {
    let mut accepted = Vec::new();
    for entry in corpus() {
        for path in entry.labelled(Label::Secret) {
            let text = entry.filled(Some(&path));
            for text in [text.replace('\n', "\r\n"), text] {
                match entry.submit(&text) {
                    Ok(_) => accepted.push((entry.file.clone(), path.clone())),
                    Err(invalid) => {
                        let found = errors(&invalid).map(|(path, _)| path);
                        let found: Vec<_> = found
                            .filter(|path| !is_listed(REFUSED_DEFAULTS, &entry.file, path))
                            .collect();
                        if found.is_empty() {
                            accepted.push((entry.file.clone(), path.clone()));
                        } else {
                            assert_eq!(found, [first_element(&path)], "{}", entry.file);
                        }
                    }
                }
            }
        }
    }
    accepted.dedup();
    assert_eq!(accepted, places(MISSED_SECRETS), "{} accepted", accepted.len());
}

#[test]
fn defaults_are_accepted() {
    let mut defaults = 0;
    let mut refused = Vec::new();
    for entry in corpus() {
        defaults += entry.labels.values().filter(|&&label| label == Label::Default).count();
        let Err(invalid) = entry.submit(&entry.text) else { continue };
        for (path, _) in errors(&invalid) {
            if entry.labels.get(&path) == Some(&Label::Default) {
                refused.push((entry.file.clone(), path));
            }
        }
    }
    assert_eq!(refused, places(REFUSED_DEFAULTS));
    assert!(refused.len() * 100 <= defaults, "{} of {defaults}", refused.len());
}

/// Nothing is found but the defaults that are refused untouched, too: no error and no warning.
#[test]
fn templates_that_are_filled_in_are_accepted() {
    let mut found = Vec::new();
    for entry in corpus() {
        let path = |finding: Finding<'_>| (entry.file.clone(), finding.path().to_string());
        match entry.submit(&entry.filled(None)) {
            Ok(secrets) => found.extend(secrets.warnings().map(path)),
            Err(invalid) => found.extend(invalid.findings().map(path)),
        }
    }
    assert_eq!(found, places(REFUSED_DEFAULTS));
}

#[test]
fn is_secret_agrees_with_the_labels() {
    let mut missed = Vec::new();
    let mut figures: BTreeMap<_, usize> = BTreeMap::new();
    for entry in corpus() {
        for variable in entry.template.variables() {
            let path = variable.path().to_string();
            let Some(&label) = entry.labels.get(&path) else { continue };
            *figures.entry((label, variable.is_secret())).or_insert(0) += 1;
            if label == Label::Secret && !variable.is_secret() {
                missed.push((entry.file.clone(), path));
            }
        }
    }
    assert_eq!(missed, places(MISSED_SECRETS));
    let expected = [
        ((Label::Secret, false), 6),
        ((Label::Secret, true), 390),
        // An unchanged placeholder is refused rightly, too.
        ((Label::Placeholder, false), 156),
        ((Label::Placeholder, true), 5),
        ((Label::Default, false), 463),
        ((Label::Default, true), 1),
    ];
    assert_eq!(figures, BTreeMap::from(expected));
}

#[test]
fn the_templates_themselves_are_in_order() {
    let mut found = Vec::new();
    for entry in corpus() {
        found.extend(entry.template.findings().map(|finding| format!("{}: {finding}", entry.file)));
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn each_value_has_one_label() {
    for entry in corpus() {
        let found: Vec<_> = entry
            .template
            .variables()
            .filter(|variable| variable.default_value().is_some())
            .map(|variable| variable.path().to_string())
            .collect();
        let mut sorted = found.clone();
        sorted.sort();
        let labelled: Vec<_> = entry.labels.keys().cloned().collect();
        assert_eq!(sorted, labelled, "{}", entry.file);
    }
}

#[test]
fn the_corpus_is_large_and_speaks_many_languages() {
    let corpus = corpus();
    let mut languages: Vec<_> =
        corpus.iter().map(|entry| entry.file.split('-').next().unwrap().to_owned()).collect();
    languages.dedup();
    assert!(corpus.len() >= 100, "{} templates", corpus.len());
    assert!(languages.len() >= 12, "{languages:?}");
}

/// Returns the paths and kinds of the errors. Of an array of tables, each element counts as the first.
fn errors(invalid: &Invalid) -> impl Iterator<Item = (String, FindingKind)> {
    invalid
        .findings()
        .filter(|finding| finding.severity() == Severity::Error)
        .map(|finding| (first_element(&finding.path().to_string()), finding.kind()))
}

fn is_about_filling_in(kind: FindingKind) -> bool {
    matches!(kind, FindingKind::Blank | FindingKind::Placeholder | FindingKind::Unchanged)
}

fn places(explained: &[(&str, &str, &str)]) -> Vec<(String, String)> {
    explained.iter().map(|(file, path, _)| ((*file).to_owned(), (*path).to_owned())).collect()
}

fn is_listed(explained: &[(&str, &str, &str)], file: &str, path: &str) -> bool {
    explained.iter().any(|(other, at, _)| *other == file && *at == path)
}

fn corpus() -> Vec<Entry> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/templates");
    let mut labels: BTreeMap<String, BTreeMap<String, Label>> = BTreeMap::new();
    for line in fs::read_to_string(folder.join("labels.txt")).unwrap().lines() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (file, rest) = line.split_once(' ').unwrap();
        let (path, label) = rest.rsplit_once(' ').unwrap();
        let label = match label {
            "secret" => Label::Secret,
            "placeholder" => Label::Placeholder,
            "default" => Label::Default,
            _ => panic!("{line}"),
        };
        labels.entry(file.to_owned()).or_default().insert(path.to_owned(), label);
    }
    let mut corpus: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let file = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let template = Template::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
            let labels = labels.remove(&file).unwrap_or_default();
            Entry { file, text, template, labels }
        })
        .collect();
    corpus.sort_by(|a, b| a.file.cmp(&b.file));
    corpus
}

/// Replaces each position in an array by 0: the labels are of first elements.
fn first_element(path: &str) -> String {
    let mut first = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('[') {
        let (position, after) = after.split_once(']').unwrap();
        assert!(position.bytes().all(|byte| byte.is_ascii_digit()), "{path}");
        first.push_str(before);
        first.push_str("[0]");
        rest = after;
    }
    first + rest
}
