//! The values that a form shows: those that are not secret, and do not read like a credential.

use crate::document::Document;
use crate::document::index::Kind;
use crate::marker::{self, Marked};
use crate::role::{self, Elements, Role};
use crate::template::schema::Schema;
use crate::template::tokens::find;

/// Marks the values of `earlier` that a form of the template shows.
pub(super) fn show(marked: &mut Marked<'_>, template: &Schema, earlier: &Document) {
    let counterparts = role::counterparts(earlier, &template.document, Elements::First);
    let is_public = |node: u32| {
        counterparts[node as usize].is_some_and(|counterpart| {
            template.roles[counterpart as usize] == Role::Variable
                && !template.secret[counterpart as usize]
        })
    };
    for (&node, shown) in marked.variables.iter().zip(&mut marked.shown) {
        *shown = is_public(node)
            && !role::is_blank(earlier, node)
            // In the form, it would be read as a marker.
            && !marker::is_marker(earlier, node)
            && !has_credential(earlier, node);
    }
}

/// Returns `true` if a string of the value reads like a credential.
fn has_credential(document: &Document, variable: u32) -> bool {
    let index = document.index();
    // The nodes inside an array have the numbers directly after its own.
    let inside =
        (variable + 1..index.len()).take_while(|&node| index.node(node).parent >= variable);
    [variable]
        .into_iter()
        .chain(inside)
        .filter(|&node| index.node(node).kind == Kind::String)
        .any(|node| is_credential(document.content(node)))
}

/// Returns `true` for a PEM, a well-known token, a JWT, a value of an `Authorization` header, and a
/// connection string or JSON with a password or key in it. Also for a URL that may hold a secret: with
/// a user, a query, a fragment with `=`, or the host or path of a webhook.
fn is_credential(value: &str) -> bool {
    const WEBHOOKS: [&str; 4] =
        ["hooks.slack.com/", "/api/webhooks/", "webhook.office.com/", "maker.ifttt.com/"];
    let starts = |scheme: &str| {
        value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    value.contains("-----BEGIN ")
        || ["bearer ", "basic ", "token "].into_iter().any(starts)
        || value.starts_with("eyJ") && value.matches('.').count() == 2
        || has_named(value.as_bytes())
        || !find(value).is_empty()
        || WEBHOOKS.iter().any(|webhook| holds(value.as_bytes(), webhook))
        || value.split("://").skip(1).any(|rest| {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let fragment = rest.split_once('#').map_or("", |(_, fragment)| fragment);
            authority.contains('@') || rest.contains('?') || fragment.contains('=')
        })
}

/// Returns `true` if a text has a word, in lower or upper case.
fn holds(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// Returns `true` for the name of a secret and its sign: `Password=`, `"private_key":`.
fn has_named(value: &[u8]) -> bool {
    const NAMES: [&str; 7] =
        ["password", "pwd", "accountkey", "accesskey", "private_key", "secret", "token"];
    NAMES.iter().any(|name| {
        value.windows(name.len()).enumerate().any(|(at, part)| {
            let mut rest = value[at + name.len()..].iter().skip_while(|&&b| b == b' ' || b == b'"');
            part.eq_ignore_ascii_case(name.as_bytes()) && matches!(rest.next(), Some(b'=' | b':'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_like_a_credential_is_not_shown() {
        for value in [
            "-----BEGIN PRIVATE KEY-----\nx",
            "Bearer x",
            "basic eDp5",
            "postgres://ada:x@db.example.com/main",
            "postgres://ada:x@localhost",
            "https://x@sentry.example.com/1",
            "a, redis://:x@cache",
            "https://blobs.example.com/main?sig=x",
            "https://hooks.slack.com/services/T/B/x",
            "https://discord.com/api/webhooks/1/x",
            "https://HOOKS.slack.com/services/T/B/x",
            "https://example.com/cb#access_token=x",
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
            "Token x",
            "Server=db;User Id=ada;Password=x;",
            "AccountName=a;AccountKey=eA==",
            "host=db password = x",
            "{\"private_key\": \"x\"}",
        ] {
            assert!(is_credential(value), "{value}");
        }
        for value in [
            "",
            "https://api.example.com/v1",
            "postgres://localhost:5432/main",
            "ada@example.com",
            "https://example.com/@ada",
            "what?",
            "basically",
            "//x@y",
        ] {
            assert!(!is_credential(value), "{value}");
        }
    }
}
