//! Applying a query to an environment, and refusing it.

use std::sync::Once;

use secrets_toml::{Document, Env, MAX_PARAMETER_LEN, OverrideError, Overrides, Parameter};
use zeroize::Zeroizing;

use crate::probe;

const SECRETS: &str = "\
CLARIFAI_PAT = 'CANARYownerspat'
CLARIFAI_USER_ID = 'CANARYownersuser'
CLARIFAI_API_BASE = 'https://CANARYownersbase'
OTHER = \"CANARYowners\\u006fther\"
";

/// A query with secrets in plain values, in values with escapes, and in values that are not ASCII.
const QUERY: &str = "user_id=CANARYvisitorsuser&pat=CANARYvisitors%70at&app_id=CANARYvisitors+%C3%A9\
                     &base=https://api.clarifai.com/CANARYvisitorsbase&utm=CANARYvisitorsutm";

/// Watches the owner's and the visitor's secrets.
fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| probe::watch(["CANARYowners", "CANARYvisitors"].map(|text| text.into())));
}

/// Makes an environment, runs a step with it, drops the result, and returns the number of freed blocks
/// that held a secret.
fn hits<T>(run: impl FnOnce(Env) -> T) -> usize {
    watch();
    probe::during(|| drop(run(Document::parse(SECRETS).unwrap().env().unwrap()))).1.hits
}

/// Applies a query, checks the result, and checks that no freed block holds a secret.
#[track_caller]
fn assert_wiped(query: &str, check: impl FnOnce(&Result<Env, OverrideError>) -> bool) {
    let overrides = Overrides::clarifai();
    let hits = hits(|env| {
        let result = env.override_with(&overrides, query);
        assert!(check(&result), "{result:?}");
        result
    });
    assert_eq!(hits, 0, "freed blocks hold a secret after {query:.80}");
}

#[test]
fn the_probe_is_alive() {
    watch();
    let hits_of = |run: fn() -> Vec<String>| probe::during(|| drop(run())).1.hits;
    assert!(hits_of(|| vec![QUERY.to_owned()]) > 0, "a String that is dropped");
    let collected = hits_of(|| {
        form_urlencoded::parse(QUERY.as_bytes()).map(|(_, value)| value.into_owned()).collect()
    });
    assert!(collected > 0, "the result of another decoder");
    assert!(hits(|env| env.get("CLARIFAI_PAT").map(str::to_owned)) > 0, "a copy of a value");
}

#[test]
fn applying() {
    assert_wiped(QUERY, Result::is_ok);
    assert_wiped("", Result::is_ok);
    assert_wiped("utm=CANARYvisitorsutm", Result::is_ok);
    assert_wiped("pat=CANARYvisitorspat&pat=", Result::is_ok);
    assert_wiped("base=https://api.clarifai.com", |result| {
        result.as_ref().is_ok_and(|env| env.get("CLARIFAI_PAT").is_none())
    });
}

#[test]
fn applying_again() {
    let overrides = Overrides::clarifai();
    let again = hits(|env| {
        let env = env.override_with(&overrides, QUERY).unwrap();
        let env = env.override_with(&overrides, "token=CANARYvisitorstoken").unwrap();
        let env = env.override_with(&overrides, QUERY).unwrap();
        assert_eq!(env.get("CLARIFAI_APP_ID"), Some("CANARYvisitors é"));
        let log: Vec<_> = env.explain().map(|explanation| explanation.to_string()).collect();
        (format!("{env:?}"), log, env)
    });
    assert_eq!(again, 0);
}

#[test]
fn displacing_names_of_no_variable() {
    let names = |count| (0..count).map(|i| format!("CLARIFAI_{i}")).chain(["OTHER".to_owned()]);
    for count in [3, 300] {
        let overrides = Overrides::clarifai()
            .allow(Parameter::new("a", "A").displaces(names(count)))
            .allow(Parameter::new("b", "CLARIFAI_1").displaces(names(count)).displaces(["NEW"]));
        let hits = hits(|env| {
            let env = env.override_with(&overrides, "a=CANARYvisitorsa").unwrap();
            assert_eq!((env.get("OTHER"), env.explain().count()), (None, 4 + count + 1));
            let env = env.override_with(&overrides, "b=CANARYvisitorsb&a=CANARYvisitors").unwrap();
            assert_eq!(env.get("CLARIFAI_1"), Some("CANARYvisitorsb"));
            assert_eq!(env.explain().count(), 4 + count + 2);
            env.override_with(&overrides, QUERY).unwrap()
        });
        assert_eq!(hits, 0);
    }
}

#[test]
fn refusing() {
    let long = Zeroizing::new("CANARYvisitors".repeat(MAX_PARAMETER_LEN));
    for refused in [
        "ui=https://CANARYvisitorsui",
        "ui=http://clarifai.com/CANARYvisitorsui",
        "ui=CANARYvisitorsui",
        "ui=https://clarifai.com/CANARYvisitors%FF",
        "ui=CANARYvisitors%F0%9F%98",
        "ui=CANARYvisitors%00",
        "ui=CANARYvisitors%F0%9Fmore",
        &format!("ui={}", *long),
        &format!("ui={}", "CANARYvisitors%41".repeat(600)),
        &"CANARYvisitors&".repeat(1001),
    ] {
        for query in [format!("{QUERY}&{refused}"), format!("{refused}&{QUERY}")] {
            let query = Zeroizing::new(query);
            assert_wiped(&query, Result::is_err);
        }
    }
    let rule = |_: &str| false;
    let overrides = Overrides::new().allow(Parameter::new("pat", "CLARIFAI_PAT").accept(rule));
    let refused = hits(|env| {
        let error = env.override_with(&overrides, QUERY).unwrap_err();
        (error.to_string(), format!("{error:?}"), error)
    });
    assert_eq!(refused, 0);
}

#[test]
fn a_rule_that_panics() {
    let rule = |_: &str| std::panic::resume_unwind(Box::new(()));
    let overrides = Overrides::new().allow(Parameter::new("pat", "CLARIFAI_PAT").accept(rule));
    let unwound = hits(|env| {
        let run = std::panic::AssertUnwindSafe(|| env.override_with(&overrides, QUERY));
        assert!(std::panic::catch_unwind(run).is_err());
    });
    assert_eq!(unwound, 0);
}

#[test]
fn nothing_that_holds_a_value_is_resized() {
    // The new buffer has its final size from the beginning.
    let env = Document::parse(SECRETS).unwrap().env().unwrap();
    let overrides = Overrides::clarifai();
    let (env, report) = probe::during(|| env.override_with(&overrides, QUERY));
    assert!(env.is_ok() && report.hits == 0, "{report:?}");
}
