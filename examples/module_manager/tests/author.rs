//! Each revision has the name that the visitor gave, and the time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use module_manager::versions::Place;

use crate::support::{Page, Site};

const TYPED: &str = "TOKEN = \"hunter2\"\n";
const NEW: &str = "/new/chat";
const URL: &str = "/modules/chat/1";
const FIELD: &str = "name=\"author\"";

/// Opens a site with a module `chat`, and its version 1 that ada has stored.
fn site() -> Site {
    let site = Site::with_module("TOKEN = \"\"\n");
    site.post(NEW, &[("version", "1"), ("text", TYPED)]).redirects("/modules/chat/1?stored");
    site
}

/// Returns the cookie that a response sets, as a browser sends it.
#[track_caller]
fn cookie(page: &Page) -> String {
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    let (cookie, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax");
    cookie.to_owned()
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[test]
fn what_is_stored_has_a_name_and_a_time() {
    let before = now();
    let site = site();
    let place = Place::version("chat", "1");
    let time_of = |place: &Place, author: &str| {
        let current = site.host.current(place).unwrap().unwrap();
        assert_eq!(current.author.as_deref(), Some(author));
        assert!((before..=now()).contains(&current.time.unwrap()));
    };
    time_of(&place, "ada");
    let stored_by = |author: &str| format!(", stored by <bdi>{author}</bdi>, <time datetime=\"20");
    site.get(URL).has(&format!("Revision 1{}", stored_by("ada"))).has(" UTC</time>");

    let edit = format!("{URL}/edit");
    let fields = [("revision", "1"), ("text", TYPED), ("author", "bob")];
    site.post(&edit, &fields).redirects("/modules/chat/1?stored");
    time_of(&place, "bob");
    site.get(URL).has(&format!("Revision 2{}", stored_by("bob")));

    let installs = format!("{URL}/installs");
    site.post(&installs, &[("name", "acme")]).is(StatusCode::SEE_OTHER);
    time_of(&place.install("acme"), "ada");
    site.get(&format!("{installs}/acme")).has(&format!("Revision 1{}", stored_by("ada")));

    let fields = [("revision", "2"), ("author", "carol")];
    site.post(&format!("{URL}/delete"), &fields).redirects("/modules/chat");
    let tombstone = site.host.vault().get(&place.scope().unwrap()).unwrap().unwrap();
    assert_eq!((tombstone.is_tombstone(), tombstone.author()), (true, Some("carol")));
    assert!((before..=now()).contains(&tombstone.time().unwrap()));
}

#[test]
fn a_name_is_given_once() {
    let site = site();
    // Each form that stores has the field, until the visitor has a name.
    for form in [NEW, URL, "/modules/chat/1/edit", "/modules/chat/1/delete"] {
        site.get_with(&[], form).has(FIELD).lacks("Stored in the name of");
        site.get(form).lacks(FIELD).has("Stored in the name of <bdi>ada</bdi>.");
    }
    for form in ["/", "/keys", "/modules/chat", "/modules/chat/1/run"] {
        site.get_with(&[], form).lacks(FIELD).has("<a href=\"/name\">Your name</a>");
    }

    let fields = [("version", "2"), ("text", TYPED), ("author", " Ada & Söhne; =%+ ")];
    let page = site.post_unsigned(NEW, &fields);
    page.redirects("/modules/chat/2?stored");
    let cookie = cookie(&page);
    assert!(cookie.is_ascii() && cookie.matches([' ', ';', ',']).count() == 0, "{cookie}");
    let shown = "Stored in the name of <bdi>Ada &amp; Söhne; =%+</bdi>";
    site.get_with(&[("cookie", &cookie)], NEW).has(shown).lacks(FIELD);
    let others = format!("a=b; {cookie}; c");
    site.get_with(&[("cookie", "x=y"), ("cookie", &others)], NEW).has(shown);
    site.get("/modules/chat/2").has("<bdi>Ada &amp; Söhne; =%+</bdi>");

    // A rejected form remembers the name, and a form without a new name sets no cookie.
    let fields = [("version", "3"), ("text", "TOKEN = ''\n"), ("author", "bob")];
    let page = site.post_unsigned(NEW, &fields);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("in the name of <bdi>bob</bdi>").lacks(FIELD);
    assert_eq!(self::cookie(&page), "module-manager-author=bob");
    let page = site.post(NEW, &[("version", "3"), ("text", TYPED)]);
    assert!(page.is(StatusCode::SEE_OTHER).headers.get("set-cookie").is_none());
}

#[test]
fn nothing_is_stored_without_a_name() {
    let site = site();
    let long = "x".repeat(256);
    for (name, why) in [
        ("", "Your name is missing"),
        ("\t", "Your name cannot be stored"),
        ("a\nb", "Your name cannot be stored"),
        (&long, "at most 255 bytes"),
    ] {
        for (url, fields) in [
            (NEW, &[("version", "2"), ("text", TYPED)][..]),
            (NEW, &[("version", "2"), ("text", TYPED), ("from", "1"), ("revision", "1")]),
            ("/modules/chat/1/edit", &[("revision", "1"), ("text", TYPED)]),
            ("/modules/chat/1/installs", &[("name", "acme")]),
            ("/modules/chat/1/delete", &[("revision", "1")]),
        ] {
            let page = site.post_unsigned(url, &[fields, &[("author", name)]].concat());
            page.is(StatusCode::UNPROCESSABLE_ENTITY).has(why).has(FIELD).has("role=\"alert\"");
            assert!(page.headers.get("set-cookie").is_none());
            assert_eq!(page.field("author"), name);
            for &(field, value) in fields {
                match field {
                    "text" => assert_eq!(page.text_area(), value),
                    _ => assert_eq!(page.field(field), value),
                }
            }
        }
        let page = site.post_unsigned("/name", &[("author", name)]);
        page.is(StatusCode::UNPROCESSABLE_ENTITY).has(why);
        assert!(page.headers.get("set-cookie").is_none());
    }
    site.get(URL).has("Revision 1").lacks("/installs/acme");
    site.get("/modules/chat/2").is(StatusCode::NOT_FOUND);
    // Another name in the form does not fall back to the cookie.
    let fields = [("revision", "1"), ("text", TYPED), ("author", "a\nb")];
    site.post("/modules/chat/1/edit", &fields).is(StatusCode::UNPROCESSABLE_ENTITY);
}

#[test]
fn a_name_can_be_changed() {
    let site = site();
    site.get("/name").has("value=\"ada\"");
    let page = site.post("/name", &[("author", "grace")]);
    page.is(StatusCode::OK).has("value=\"grace\"").has("remembers the name");
    assert_eq!(cookie(&page), "module-manager-author=grace");
    site.post_with("old", "/name", &[("author", "x")]).is(StatusCode::FORBIDDEN);
}

#[test]
fn a_name_is_no_markup() {
    let site = site();
    let name = "<script>alert(1)</script>\u{202e}\"'";
    let fields = [("revision", "1"), ("text", TYPED), ("author", name)];
    let cookie = cookie(&site.post("/modules/chat/1/edit", &fields));
    let shown = "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;\u{202e}&quot;'</bdi>";
    site.get(URL).has(&format!("stored by {shown}, ")).lacks("<script>");
    site.get_with(&[("cookie", &cookie)], NEW).has(shown).lacks("<script>");
    site.get_with(&[("cookie", &cookie)], "/name").lacks("<script>");
}

/// Another site on this machine can set any cookie for us.
#[test]
fn a_cookie_that_is_not_ours_is_ignored() {
    let site = site();
    let long = format!("module-manager-author={}", "x".repeat(256));
    for cookie in [
        "",
        ";;=;",
        "module-manager-author",
        "module-manager-author=",
        "module-manager-author=%20",
        "module-manager-author=a%0Ab",
        "module-manager-author=a%00",
        "module-manager-author2=ada",
        "author=ada",
        &long,
    ] {
        site.get_with(&[("cookie", cookie)], NEW).is(StatusCode::OK).has(FIELD);
    }
}
