//! A query is decoded as by `form_urlencoded`. If it sets the endpoint, the owner's credentials are
//! removed, even those that are not variables.

use secrets_toml::env::{Explanation, Source};
use secrets_toml::{Document, Env, Overrides, Parameter};

const SECRETS: &str = "CLARIFAI_PAT = 'owner'\nCLARIFAI_SESSION_TOKEN = 'owner'\n";
const NO_VARIABLES: &str = "CLARIFAI_SESSION_TOKEN = ['owner']\n[CLARIFAI_PAT]\nx = 'owner'\n";

pub(crate) fn check(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    let env = |secrets| Document::parse(secrets).expect("well-formed").env().expect("mappable");
    for secrets in [SECRETS, NO_VARIABLES] {
        let Ok(after) = env(secrets).override_with(&Overrides::clarifai(), query) else { continue };
        let of_query = |name| is_from_query(&after, name) != is_displaced(&after, name);
        let credentials = of_query("CLARIFAI_PAT") && of_query("CLARIFAI_SESSION_TOKEN");
        assert!(!is_from_query(&after, "CLARIFAI_API_BASE") || credentials, "{query}");
    }
    let overrides = Overrides::new().allow(Parameter::new("a", "A"));
    let fields = query.strip_prefix('?').unwrap_or(query);
    let last = form_urlencoded::parse(fields.as_bytes()).filter(|(name, _)| name == "a").last();
    let value = last.map(|(_, value)| value.into_owned()).unwrap_or_default();
    let is_clean =
        !value.contains(char::is_control) && !value.contains(char::REPLACEMENT_CHARACTER);
    match env(SECRETS).override_with(&overrides, query) {
        Ok(after) if value.trim().is_empty() => assert_eq!(after.get("A"), None, "{query}"),
        Ok(after) => assert_eq!(after.get("A"), Some(value.as_str()), "{query}"),
        Err(error) if error.parameter().is_none() => assert!(fields.split('&').count() > 1000),
        Err(_) => assert!(!is_clean || value.len() > 8192, "{query}"),
    }
}

fn is_from_query(env: &Env, name: &str) -> bool {
    matches!(env.source(name), Some(Source::Query { .. }))
}

fn is_displaced(env: &Env, name: &str) -> bool {
    let is_it = |one: &Explanation<'_>| one.variable() == name && one.displaced_by().is_some();
    env.get(name).is_none() && env.explain().filter(is_it).count() == 1
}
