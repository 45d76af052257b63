//! A query is read as `form_urlencoded` reads it, and an endpoint that comes from it never stands
//! beside a credential that does not.

use secrets_toml::{Document, Env, Overrides, Parameter, Source};

const SECRETS: &str = "CLARIFAI_PAT = 'owner'\nCLARIFAI_SESSION_TOKEN = 'owner'\n";

pub(crate) fn check(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    let env = || Document::parse(SECRETS).expect("well-formed").env().expect("mappable");
    if let Ok(after) = env().override_with(&Overrides::clarifai(), query) {
        let of_owner = |name| after.get(name).is_some() && !is_from_query(&after, name);
        let credential = of_owner("CLARIFAI_PAT") || of_owner("CLARIFAI_SESSION_TOKEN");
        assert!(!is_from_query(&after, "CLARIFAI_API_BASE") || !credential, "{query}");
    }
    let overrides = Overrides::new().allow(Parameter::new("a", "A"));
    let fields = query.strip_prefix('?').unwrap_or(query);
    let last = form_urlencoded::parse(fields.as_bytes()).filter(|(name, _)| name == "a").last();
    let value = last.map(|(_, value)| value.into_owned()).unwrap_or_default();
    let is_clean =
        !value.contains(char::is_control) && !value.contains(char::REPLACEMENT_CHARACTER);
    match env().override_with(&overrides, query) {
        Ok(after) if value.trim().is_empty() => assert_eq!(after.get("A"), None, "{query}"),
        Ok(after) => assert_eq!(after.get("A"), Some(value.as_str()), "{query}"),
        Err(error) if error.parameter().is_none() => assert!(fields.split('&').count() > 1000),
        Err(_) => assert!(!is_clean || value.len() > 8192, "{query}"),
    }
}

fn is_from_query(env: &Env, name: &str) -> bool {
    matches!(env.source(name), Some(Source::Query { .. }))
}
