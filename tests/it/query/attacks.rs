//! Hostile links: whatever the query, the owner's credentials meet no endpoint but the owner's.

use proptest::prelude::*;
use secrets_toml::{Document, Env, OverrideError, Overrides, Parameter, Source};

/// A part of each of the owner's credentials.
const OWNERS: &str = "owners-credential";

const CREDENTIALS: [&str; 2] = ["CLARIFAI_PAT", "CLARIFAI_SESSION_TOKEN"];

/// What an owner may have entered.
const SECRETS: [&str; 4] = [
    "CLARIFAI_PAT = 'owners-credential-1'\nCLARIFAI_API_BASE = 'https://api.clarifai.com'\n",
    "CLARIFAI_API_BASE = 'https://private.example'\nCLARIFAI_SESSION_TOKEN = 'owners-credential-2'",
    "CLARIFAI_PAT = 'owners-credential-3'\n",
    "CLARIFAI_SESSION_TOKEN = 'owners-credential-4'\nCLARIFAI_UI = 'https://clarifai.com'\n\
     CLARIFAI_PAT = 'owners-credential-5'\nCLARIFAI_USER_ID = 'owner'\n",
];

/// Credentials that are no variables. Whoever gets the document has them.
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

/// The law: an endpoint from the query stands beside no credential from the secrets, it is one of
/// the preset's hosts, every credential that the query does not supply is displaced, even if it is
/// no variable, and a credential never moves to another variable nor goes blank.
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
    /// The owner's credentials are gone.
    Displaced,
    /// Something was overridden, and nobody's credential but the owner's stands there.
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

/// A test for each line: a name, a query, and what becomes of it.
macro_rules! attacks {
    ($($name:ident: $query:expr => $outcome:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_harmless(&$query, &$outcome);
        }
    )*};
}

attacks! {
    endpoint_of_a_stranger: "base=https://evil.example" => refused("base");
    endpoint_encoded: "base=https%3A%2F%2Fevil.example" => refused("base");
    endpoint_name_encoded: "%62ase=https://evil.example" => refused("base");
    endpoint_name_wholly_encoded: "%62%61%73%65=https://evil.example" => refused("base");
    endpoint_behind_the_good_one: "base=https://api.clarifai.com&base=https://evil.example" => refused("base");
    endpoint_before_the_good_one: "base=https://evil.example&base=https://api.clarifai.com" => Outcome::Displaced;
    endpoint_before_a_blank: "base=https://evil.example&base=" => Outcome::Unchanged;
    endpoint_with_a_user_id: "user_id=alice&base=https://evil.example" => refused("base");
    endpoint_with_a_blank_token: "pat=&base=https://evil.example" => refused("base");
    endpoint_with_own_token: "pat=mine&base=https://evil.example" => refused("base");
    endpoint_good_with_a_blank_token: "pat=&base=https://api.clarifai.com" => Outcome::Displaced;
    endpoint_good_with_a_space_for_a_token: "pat=+&base=https://api.clarifai.com" => Outcome::Displaced;
    endpoint_good_alone: "base=https://api.clarifai.com" => Outcome::Displaced;
    endpoint_good_with_own_token: "base=https://api.clarifai.com&pat=mine" => Outcome::Displaced;
    endpoint_good_with_own_session: "token=mine&base=https://api.clarifai.com" => Outcome::Displaced;
    endpoint_good_with_a_token_taken_back: "base=https://api.clarifai.com&pat=mine&pat=" => Outcome::Displaced;
    endpoint_in_plain_http: "base=http://api.clarifai.com" => refused("base");
    endpoint_without_a_scheme: "base=api.clarifai.com" => refused("base");
    endpoint_relative_to_a_scheme: "base=//evil.example" => refused("base");
    endpoint_of_another_scheme: "base=javascript:alert(1)" => refused("base");
    endpoint_in_a_file: "base=file:///etc/passwd" => refused("base");
    host_as_a_subdomain: "base=https://api.clarifai.com.evil.example" => refused("base");
    host_as_a_suffix: "base=https://xapi.clarifai.com" => refused("base");
    host_in_the_path: "base=https://evil.example/.clarifai.com" => refused("base");
    host_as_a_user: "base=https://api.clarifai.com@evil.example" => refused("base");
    host_as_a_user_encoded: "base=https://api.clarifai.com%40evil.example" => refused("base");
    host_as_a_user_with_a_port: "base=https://api.clarifai.com:443@evil.example" => refused("base");
    host_before_a_fragment: "base=https://api.clarifai.com#@evil.example" => refused("base");
    host_before_a_query: "base=https://api.clarifai.com?@evil.example" => refused("base");
    host_before_a_backslash: "base=https://api.clarifai.com\\@evil.example" => refused("base");
    host_behind_a_backslash: "base=https://evil.example%5C@api.clarifai.com" => refused("base");
    host_with_a_dot: "base=https://api.clarifai.com." => refused("base");
    host_with_another_port: "base=https://api.clarifai.com:8443" => refused("base");
    host_with_a_tab: "base=https://api.clarifai.com%09.evil.example" => refused("base");
    host_with_a_line_end: "base=https://api.clarifai.com%0D%0AHost:+evil.example" => refused("base");
    host_with_a_nul: "base=https://api.clarifai.com%00.evil.example" => refused("base");
    host_with_a_full_width_dot: "base=https://api.clarifai.com%EF%BC%8Eevil.example" => refused("base");
    host_with_a_slash_that_is_none: "base=https://evil.example%E2%88%95.clarifai.com" => refused("base");
    host_that_looks_alike: "base=https://api.cl%D0%B0rifai.com" => refused("base");
    host_of_the_metadata_service: "base=https://169.254.169.254/latest" => refused("base");
    host_encoded_twice: "base=https://evil%252eexample" => refused("base");
    host_of_the_ui: "base=https://clarifai.com" => refused("base");
    host_that_is_not_utf8: "base=https://evil.example/%FF" => refused("base");
    host_overlong: "base=https://evil.example%C0%AE" => refused("base");
    token_blank: "pat=" => Outcome::Unchanged;
    token_without_a_value: "pat" => Outcome::Unchanged;
    token_of_spaces: "pat=%20+%20&token=+" => Outcome::Unchanged;
    token_of_wide_spaces: "pat=%E3%80%80" => Outcome::Unchanged;
    token_of_a_tab: "pat=%09" => Outcome::Unchanged;
    token_with_a_tab: "pat=a%09b" => refused("pat");
    token_taken_back: "pat=mine&pat=" => Outcome::Unchanged;
    token_own: "pat=mine" => Outcome::Displaced;
    session_own: "token=mine" => Outcome::Displaced;
    session_beside_a_token: "token=mine&pat=mine" => Outcome::Displaced;
    token_with_a_header: "pat=x%0D%0AX-Evil:+1" => refused("pat");
    token_that_is_not_utf8: "pat=%FF" => refused("pat");
    token_half_a_character: "pat=%F0%9F" => refused("pat");
    token_of_a_surrogate: "pat=%ED%A0%80" => refused("pat");
    token_too_long: format!("pat={}", "x".repeat(8193)) => refused("pat");
    token_with_an_escape: "pat=%1B[2J" => refused("pat");
    variable_by_name: "CLARIFAI_API_BASE=https://evil.example" => Outcome::Unchanged;
    variable_of_the_token_by_name: "CLARIFAI_PAT=" => Outcome::Unchanged;
    variable_of_the_loader: "LD_PRELOAD=/tmp/evil.so&PYTHONPATH=/tmp" => Outcome::Unchanged;
    variable_of_a_proxy: "HTTPS_PROXY=https://evil.example&https_proxy=https://evil.example" => Outcome::Unchanged;
    name_in_capitals: "BASE=https://evil.example&Base=https://evil.example" => Outcome::Unchanged;
    name_as_an_array: "base[]=https://evil.example&base.0=https://evil.example" => Outcome::Unchanged;
    name_with_a_space: "base+=https://evil.example&%20base=https://evil.example" => Outcome::Unchanged;
    name_with_a_nul: "base%00=https://evil.example" => Outcome::Unchanged;
    name_encoded_twice: "%2562ase=https://evil.example" => Outcome::Unchanged;
    name_with_a_bom: "%EF%BB%BFbase=https://evil.example" => Outcome::Unchanged;
    name_behind_a_semicolon: "x=y;base=https://evil.example" => Outcome::Unchanged;
    value_with_a_field_in_it: "user_id=alice%26base=https://evil.example" => Outcome::Overridden;
    ui_of_a_stranger: "ui=https://evil.example" => refused("ui");
    ui_of_the_api: "ui=https://api.clarifai.com" => refused("ui");
    ui_as_a_script: "ui=javascript:alert(1)" => refused("ui");
    fields_beyond_the_limit: "x&".repeat(1001) + "base=https://evil.example" => Outcome::Refused(None);
    fields_by_the_million: "&".repeat(1_000_000) => Outcome::Refused(None);
    query_beyond_the_limit: format!("{}&base=https://evil.example", "x".repeat(600_000)) => Outcome::Refused(None);
}

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

/// Names and values of fields, and what may stand between them.
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
