//! Hostile links: no query combines the owner's credentials with an endpoint of a visitor.

use proptest::prelude::*;
use secrets_toml::env::Source;
use secrets_toml::{Document, Env, OverrideError, Overrides, Parameter};

/// A part of each of the owner's credentials.
const OWNERS: &str = "owners-credential";

const CREDENTIALS: [&str; 2] = ["CLARIFAI_PAT", "CLARIFAI_SESSION_TOKEN"];

/// Texts that an owner may have entered.
const SECRETS: [&str; 4] = [
    "CLARIFAI_PAT = 'owners-credential-1'\nCLARIFAI_API_BASE = 'https://api.clarifai.com'\n",
    "CLARIFAI_API_BASE = 'https://private.example'\nCLARIFAI_SESSION_TOKEN = 'owners-credential-2'",
    "CLARIFAI_PAT = 'owners-credential-3'\n",
    "CLARIFAI_SESSION_TOKEN = 'owners-credential-4'\nCLARIFAI_UI = 'https://clarifai.com'\n\
     CLARIFAI_PAT = 'owners-credential-5'\nCLARIFAI_USER_ID = 'owner'\n",
];

/// Texts whose credentials are not variables, but are in the document that is delivered.
const NO_VARIABLES: [&str; 3] = [
    "CLARIFAI_PAT = ['owners-credential-6']\nCLARIFAI_USER_ID = 'owner'\n\
     [CLARIFAI_SESSION_TOKEN]\nvalue = 'owners-credential-7'\n",
    "CLARIFAI_SESSION_TOKEN.x = 'owners-credential-8'\nCLARIFAI_PAT = 'owners-credential-9'\n",
    "",
];

fn env(secrets: &str) -> Env {
    Document::parse(secrets).unwrap().env().unwrap()
}

fn from_query(env: &Env, name: &str) -> bool {
    matches!(env.source(name), Some(Source::Query { .. }))
}

fn is_displaced(env: &Env, name: &str) -> bool {
    env.explain().any(|one| one.variable() == name && one.displaced_by().is_some())
}

/// Returns `true` if:
///
/// - an endpoint from the query is not combined with a credential of the owner, and has a host of
///   the preset;
/// - then, every credential that the query does not set is displaced, even if it was not a
///   variable;
/// - no credential moves to another variable or becomes blank.
fn holds(before: &Env, after: &Env) -> bool {
    let base = after.get("CLARIFAI_API_BASE");
    let owners = |(name, value): (&str, &str)| value.contains(OWNERS) && !from_query(after, name);
    if from_query(after, "CLARIFAI_API_BASE") {
        let host = url::Url::parse(base.unwrap_or_default()).unwrap();
        if host.host_str() != Some("api.clarifai.com") || after.iter().any(owners) {
            return false;
        }
        if !CREDENTIALS.iter().all(|name| from_query(after, name) || is_displaced(after, name)) {
            return false;
        }
    } else if base != before.get("CLARIFAI_API_BASE") {
        return false;
    }
    after.iter().all(|(name, value)| {
        let moved = value.contains(OWNERS) && before.get(name) != Some(value);
        let blanked = CREDENTIALS.contains(&name) && value.trim().is_empty();
        !moved && !blanked
    })
}

#[derive(Debug, PartialEq)]
enum Outcome {
    /// Nothing changed.
    Unchanged,
    /// Refused because of this parameter.
    Refused(Option<String>),
    /// The owner's credentials were removed.
    Displaced,
    /// Something was overridden, and the owner's credentials are still present.
    Overridden,
}

fn refused(parameter: &str) -> Outcome {
    Outcome::Refused(Some(parameter.to_owned()))
}

fn outcome(before: &Env, after: &Result<Env, OverrideError>) -> Outcome {
    let after = match after {
        Ok(after) => after,
        Err(error) => return Outcome::Refused(error.parameter().map(str::to_owned)),
    };
    if after.iter().eq(before) {
        Outcome::Unchanged
    } else if after.iter().any(|(_, value)| value.contains(OWNERS)) {
        Outcome::Overridden
    } else {
        Outcome::Displaced
    }
}

#[track_caller]
fn assert_harmless(query: &str, expected: &Outcome) {
    for secrets in SECRETS {
        for query in [query.to_owned(), format!("?{query}"), format!("utm=%FF&{query}&x")] {
            let after = env(secrets).override_with(&Overrides::clarifai(), &query);
            assert_eq!(&outcome(&env(secrets), &after), expected, "{query} on {secrets}");
            if let Ok(after) = after {
                assert!(holds(&env(secrets), &after), "{query} on {secrets}");
            }
        }
    }
}

/// Makes a test of each line: a name, a query, and its outcome.
macro_rules! attacks {
    ($($name:ident: $query:expr => $outcome:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_harmless(&$query, &$outcome);
        }
    )*};
}

include!("hostile_links.rs");

#[test]
fn what_is_no_variable_is_displaced_all_the_same() {
    for secrets in NO_VARIABLES {
        for (query, displaced) in [
            ("base=https://api.clarifai.com", &CREDENTIALS[..]),
            ("base=https://api.clarifai.com&pat=mine", &CREDENTIALS[1..]),
            ("pat=mine", &CREDENTIALS[1..]),
            ("token=mine", &CREDENTIALS[..1]),
            ("token=mine&pat=mine", &[]),
            ("user_id=alice", &[]),
            ("base=", &[]),
        ] {
            let after = env(secrets).override_with(&Overrides::clarifai(), query).unwrap();
            assert!(holds(&env(secrets), &after), "{query} on {secrets}");
            for name in CREDENTIALS {
                let is = is_displaced(&after, name);
                assert_eq!(is, displaced.contains(&name), "{name}: {query} on {secrets}");
            }
        }
    }
}

#[test]
fn the_law_can_fail() {
    let careless = Overrides::new()
        .allow(Parameter::new("base", "CLARIFAI_API_BASE"))
        .allow(Parameter::new("user_id", "CLARIFAI_USER_ID"));
    let hosted = Overrides::new()
        .allow(Parameter::new("base", "CLARIFAI_API_BASE").https_host(["api.clarifai.com"]));
    let displacing =
        Overrides::new().allow(Parameter::new("base", "CLARIFAI_API_BASE").displaces(CREDENTIALS));
    let broken = |overrides: &Overrides, query: &str| {
        let after = env(SECRETS[0]).override_with(overrides, query).unwrap();
        !holds(&env(SECRETS[0]), &after)
    };
    assert!(broken(&careless, "base=https://evil.example"));
    assert!(broken(&hosted, "base=https://api.clarifai.com"));
    assert!(broken(&displacing, "base=https://evil.example"));
    assert!(!broken(&careless, "user_id=alice"));
}

/// Names and values of fields, and characters that may be between them.
fn query() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "user_id",
        "app_id",
        "pat",
        "token",
        "base",
        "ui",
        "b%61se",
        "p%61t",
        "%74oken",
        "utm",
        "CLARIFAI_API_BASE",
        "CLARIFAI_PAT",
        "BASE",
        "base[]",
        "",
    ]);
    let value = prop_oneof![
        4 => prop::sample::select(vec![
            "", "+", "mine", "%C3%A9", "https://api.clarifai.com", "HTTPS://API.clarifai.com:443/v2",
            "https%3A%2F%2Fapi.clarifai.com%2F", "https://clarifai.com", "https://private.example",
        ]),
        1 => prop::sample::select(vec![
            "%FF", "%00", "https://evil.example", "https://api.clarifai.com@evil.example",
            "http://api.clarifai.com", "https://api.clarifai.com.evil.example",
        ]),
    ];
    let field = (name, prop::sample::select(vec!["=", "=", "=", "", "%3D"]), value)
        .prop_map(|(name, equals, value)| format!("{name}{equals}{value}"));
    let fields = prop::collection::vec(field, 0..7).prop_map(|fields| fields.join("&"));
    prop_oneof![9 => fields, 1 => "[?&=%+a-z0-9:/@.]{0,60}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn no_query_brings_the_owners_credential_to_the_visitors_endpoint(
        secrets in prop::sample::select([&SECRETS[..], &NO_VARIABLES].concat()),
        queries in prop::collection::vec(query(), 1..4),
    ) {
        let mut env = env(secrets);
        for query in &queries {
            let Ok(after) = env.override_with(&Overrides::clarifai(), query) else { return Ok(()) };
            prop_assert!(holds(&self::env(secrets), &after), "{queries:?} on {secrets}");
            prop_assert!(!from_query(&after, "CLARIFAI_API_BASE")
                || CREDENTIALS.iter().all(|name| after.get(name).is_none() || from_query(&after, name)));
            env = after;
        }
    }
}
