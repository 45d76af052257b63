//! Whatever goes wrong, the next page has the text that somebody typed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::ops::ControlFlow;

use axum::http::StatusCode;
use module_manager::web::{MAX_BODY, MAX_READ};
use secrets_toml::seal::{Custody, Lock};
use secrets_toml::vault::{Scopes, Vault};

use crate::support::{Page, Site};

const TEMPLATE: &str = "# Your token.\nTOKEN = \"\"\n";
const TYPED: &str = "TOKEN = \"hunter2-token\"\n# </textarea>\n";
const NEW: &str = "/new/chat";
const EDIT: &str = "/modules/chat/1/edit";

/// Opens a site with a module `chat` and its version 1.
fn site() -> Site {
    let site = Site::with_module(TEMPLATE);
    let fields = [("version", "1"), ("text", "TOKEN = \"hunter2-first\"\n")];
    site.post(NEW, &fields).redirects("/modules/chat/1?stored");
    site
}

/// The forms with what was typed into them: for a new version, for one after another, and to
/// replace values.
const FORMS: [(&str, &[(&str, &str)]); 3] = [
    (NEW, &[("version", "2"), ("text", TYPED)]),
    (NEW, &[("version", "2"), ("from", "1"), ("revision", "1"), ("text", TYPED)]),
    (EDIT, &[("revision", "1"), ("text", TYPED), ("typed", "hunter2-before")]),
];

/// Checks that a page has all that was typed, in a form with the token of this server.
#[track_caller]
fn assert_kept(site: &Site, page: &Page, fields: &[(&str, &str)]) {
    assert_eq!(page.field("token"), site.token());
    for &(name, value) in fields {
        match name {
            "text" => assert_eq!(page.text_area(), value),
            "typed" => assert_eq!(page.typed(), [value]),
            _ => assert_eq!(page.field(name), value),
        }
    }
    page.has("Nothing was stored").without_text_area().shows_no_value();
}

/// Sends what a page has in its form.
fn send_again(site: &Site, url: &str, page: &Page, fields: &[(&str, &str)]) -> Page {
    let text = page.text_area();
    let mut fields = fields.to_vec();
    fields.iter_mut().filter(|(name, _)| *name == "text").for_each(|(_, value)| *value = &text);
    site.post_with(&page.field("token"), url, &fields)
}

#[test]
fn a_form_from_before_a_restart_is_shown_again_with_a_fresh_token() {
    for (url, fields) in FORMS {
        let site = site();
        let page = site.post_with("old", url, fields);
        page.is(StatusCode::FORBIDDEN).has("from before the last start of the server");
        page.has("<title>Error").has("Your token.");
        assert_kept(&site, &page, fields);
        assert_eq!(site.host.names(Scopes::Versions("chat")).unwrap(), ["1"]);
        assert_eq!(site.value("1", None, "TOKEN"), "hunter2-first");
        // The form that was typed before it comes along, and the new form is accepted.
        send_again(&site, url, &page, fields).is(StatusCode::SEE_OTHER);
    }
    // If the secrets were replaced, too, the form is outdated.
    for (url, fields) in &FORMS[1..] {
        let site = site();
        let fields_of_another = [("revision", "1"), ("text", "TOKEN = 'hunter2-second'\n")];
        site.post(EDIT, &fields_of_another).is(StatusCode::SEE_OTHER);
        let page = site.post_with("old", url, fields);
        page.is(StatusCode::CONFLICT).has("Yours were not stored");
        assert_eq!(page.typed()[0], TYPED);
        assert_eq!(page.field("token"), site.token());
    }
}

#[test]
fn names_and_folders_are_kept_as_well() {
    let site = site();
    let fields = [("name", "other"), ("folder", "/some/where")];
    let page = site.post_with("old", "/modules", &fields);
    page.is(StatusCode::FORBIDDEN).has("from before the last start");
    page.has("value=\"other\"").has("value=\"/some/where\"");

    let url = "/modules/chat/1/installs";
    let page = site.post_with("old", url, &[("name", "acme")]);
    page.is(StatusCode::FORBIDDEN).has("from before the last start").has("value=\"acme\"");
    site.post(url, &[("name", "acme")]).is(StatusCode::SEE_OTHER);
    for (name, status, why) in [
        ("acme", StatusCode::CONFLICT, "the install acme exists already"),
        ("a b", StatusCode::UNPROCESSABLE_ENTITY, "“a b” cannot be the name of an install"),
    ] {
        let page = site.post(url, &[("name", name)]);
        page.is(status).has(why).has(&format!("value=\"{name}\"")).has("Revision 1");
    }
}

/// A form of another site could be filled in by that site.
#[test]
fn nothing_is_shown_again_that_may_be_another_sites() {
    let site = site();
    let host = ("host", "127.0.0.1:8501");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for headers in [&[host, form][..], &[host, form, ("origin", "http://evil.example")]] {
        let page = site.send("POST", NEW, headers, Some("version=2&text=evil-text"));
        page.is(StatusCode::FORBIDDEN).lacks("evil-text").lacks("<form");
    }
}

#[test]
fn a_text_that_is_too_long_is_shown_again() {
    let site = site();
    // Longer than a document may be, and longer than what is carried out.
    for (len, status, why) in [
        (1_000_001, StatusCode::UNPROCESSABLE_ENTITY, "Fix 1 problem"),
        (MAX_BODY, StatusCode::PAYLOAD_TOO_LARGE, "at most 8 MB can be sent"),
    ] {
        let text = format!("A = '{}'", "x".repeat(len - 6));
        for (url, fields) in FORMS {
            let fields: Vec<_> = fields
                .iter()
                .map(|&(name, value)| (name, if name == "text" { &*text } else { value }))
                .collect();
            let page = site.post(url, &fields);
            page.is(status).has(why);
            assert_eq!(page.field("token"), site.token());
            assert!(page.text_area() == text, "{len}");
        }
    }
    let page = site.post(NEW, &[("version", "2"), ("text", &"x".repeat(MAX_READ))]);
    page.is(StatusCode::PAYLOAD_TOO_LARGE).has("the text cannot be shown again");
}

/// Another process locks the keyring under a lock that the site does not have, and rotates the keys.
fn relock(site: &Site) -> Custody<'static> {
    let passphrase = fs::read_to_string(site.host.folder().join("passphrase")).unwrap();
    let operator = Custody::new("module-manager").unwrap();
    let operator = operator.lock("operator", Lock::passphrase(&passphrase)).unwrap();
    let outside = Vault::open(site.host.vault().store(), &operator).unwrap();
    let other = Custody::new("module-manager").unwrap();
    let other = other.lock("other", Lock::raw(&[7; 32])).unwrap();
    outside.relock(&other).unwrap();
    outside.rotate(|_| ControlFlow::Continue(())).unwrap();
    other
}

#[test]
fn a_failure_of_the_server_keeps_what_was_typed() {
    for (url, fields) in FORMS {
        let site = site();
        if url == NEW {
            // The template in the checkout is broken.
            site.checkout("chat", "TOKEN = \"\n");
            let page = site.post(url, fields);
            page.is(StatusCode::UNPROCESSABLE_ENTITY).has("not well-formed");
            assert_kept(&site, &page, fields);
            site.checkout("chat", TEMPLATE);
        }
        // The vault cannot be read: neither to store, nor to build the form again.
        let other = relock(&site);
        let needs_vault = fields.iter().any(|(name, _)| *name == "revision");
        for token in [site.token(), "old".to_owned()] {
            let page = site.post_with(&token, url, fields);
            if needs_vault {
                page.is(StatusCode::INTERNAL_SERVER_ERROR);
                assert_kept(&site, &page, fields);
            }
        }
        site.host.vault().unlock(&other).unwrap();
        site.post(url, fields).lacks("cannot");
    }
}

#[test]
fn what_was_typed_for_a_module_that_is_gone_is_kept() {
    let site = site();
    for (url, fields) in FORMS {
        let page = site.post(&url.replace("chat", "nobody"), fields);
        page.is(StatusCode::NOT_FOUND);
        assert_kept(&site, &page, fields);
    }
    let page = site.post("/modules/chat/9/installs", &[("name", "acme")]);
    page.is(StatusCode::NOT_FOUND).has("value=\"acme\"");
}
