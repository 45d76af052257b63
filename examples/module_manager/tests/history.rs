//! Revisions that were replaced or deleted are listed, and can be restored.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use axum::http::StatusCode;
use module_manager::versions::Place;
use secrets_toml::seal::{Keyring, Revision, Scope};
use secrets_toml::store::Store;
use secrets_toml::store::backend::{KEYRING_ROW, Write, commitment, past};

use crate::support::{Page, Site};

const URL: &str = "/modules/chat/1";

/// Opens a site with a module `chat`. Its version 1 has this number of revisions.
fn site(revisions: u64) -> Site {
    let site = Site::with_module("# Yours.\nTOKEN = \"\"\n");
    let text = |revision: u64| format!("TOKEN = \"hunter2-{revision}\"\n");
    site.post("/new/chat", &[("version", "1"), ("text", &text(1))]).is(StatusCode::SEE_OTHER);
    for revision in 1..revisions {
        edit(&site, revision, &text(revision + 1));
    }
    site
}

#[track_caller]
fn edit(site: &Site, revision: u64, text: &str) {
    let fields = [("revision", &*revision.to_string()), ("text", text)];
    site.post(&format!("{URL}/edit"), &fields).is(StatusCode::SEE_OTHER);
}

#[track_caller]
fn restore(site: &Site, past: u64, current: &str) -> Page {
    site.post(&format!("{URL}/restore/{past}"), &[("revision", current)])
}

/// Returns the rows of the history as texts, without the dates.
fn rows(page: &Page) -> Vec<String> {
    let (_, table) = page.body.split_once("id=\"history\"").unwrap();
    let rows = table.split_once("<tbody>").unwrap().1.split_once("</tbody>").unwrap().0;
    let text = |row: &str| {
        let row = row.split_once(", <time").map_or(row.to_owned(), |(before, rest)| {
            format!("{before}{}", rest.split_once("</time>").unwrap().1)
        });
        let cells = row.split("</td>").flat_map(|cell| cell.split("</th>"));
        let cells: Vec<String> = cells
            .map(|cell| {
                cell.split('<').map(|tag| tag.split_once('>').map_or(tag, |(_, text)| text))
            })
            .map(Iterator::collect)
            .filter(|cell: &String| !cell.is_empty())
            .collect();
        cells.join(" | ")
    };
    rows.split("</tr>").map(text).filter(|row| !row.is_empty()).collect()
}

#[test]
fn the_page_lists_who_stored_each_revision() {
    let site = site(2);
    let fields = [("revision", "2"), ("text", "TOKEN = 'hunter2-3'\n"), ("author", "<i>bob")];
    site.post(&format!("{URL}/edit"), &fields).is(StatusCode::SEE_OTHER);
    let page = site.get(URL);
    page.shows_no_value().has("href=\"/modules/chat/1/restore/2\"").lacks("/restore/3");
    let expected = [
        "3 current | stored by &lt;i&gt;bob",
        "2 | stored by ada | Restore revision 2…",
        "1 | stored by ada | Restore revision 1…",
    ];
    assert_eq!(rows(&page), expected);
    page.has("<td>stored by <bdi>ada</bdi>, <time datetime=\"20");

    site.post(&format!("{URL}/installs"), &[("name", "acme")]).is(StatusCode::SEE_OTHER);
    let page = site.get(&format!("{URL}/installs/acme"));
    assert_eq!(rows(&page), ["1 current | stored by ada"], "an install has its own history");
}

#[test]
fn twenty_revisions_are_kept() {
    let site = site(24);
    let page = site.get(URL);
    let rows = rows(page.has("The last 20 revisions before the current one are kept"));
    assert_eq!(rows.len(), 21);
    assert_eq!(rows[20], "4 | stored by ada | Restore revision 4…");
    site.get(&format!("{URL}/restore/3")).is(StatusCode::NOT_FOUND);
    restore(&site, 3, "24").is(StatusCode::NOT_FOUND);
    restore(&site, 4, "24").redirects("/modules/chat/1?stored");
    assert_eq!(site.value("1", None, "TOKEN"), "hunter2-4");
}

#[test]
fn restoring_asks_first_and_stores_a_new_revision() {
    let site = site(2);
    let page = site.get(&format!("{URL}/restore/1"));
    page.is(StatusCode::OK).has("Restore revision 1 of 1?").shows_no_value();
    page.has("The current revision 2 stays in the history.").has("<code>TOKEN</code>");
    page.has("Yours.").has("in the name of <bdi>ada</bdi>").has("stored by <bdi>ada</bdi>");
    assert_eq!((page.field("revision"), page.field("token")), ("2".to_owned(), site.token()));
    site.get(URL).has("Revision 2");

    let fields = [("revision", "2"), ("author", "grace")];
    site.post(&format!("{URL}/restore/1"), &fields).redirects("/modules/chat/1?stored");
    assert_eq!(site.value("1", None, "TOKEN"), "hunter2-1");
    let page = site.get(&format!("{URL}?stored"));
    page.has("as revision 3").has("Revision 3, stored by <bdi>grace</bdi>").has("Yours.");
    assert_eq!(rows(&page)[1], "2 | stored by ada | Restore revision 2…");
}

#[test]
fn a_restore_does_not_overwrite_what_was_stored_meanwhile() {
    let site = site(2);
    edit(&site, 2, "TOKEN = 'hunter2-meanwhile'\n");
    let page = restore(&site, 1, "2");
    page.is(StatusCode::CONFLICT).has("Nothing was restored").has("Somebody stored revision 3");
    assert_eq!(page.field("revision"), "3");
    assert_eq!(site.value("1", None, "TOKEN"), "hunter2-meanwhile");
    site.post(&format!("{URL}/delete"), &[("revision", "3")]).is(StatusCode::SEE_OTHER);
    let page = restore(&site, 1, "3");
    page.is(StatusCode::CONFLICT)
        .has("Somebody deleted the secrets in the meantime, as revision 4");
    restore(&site, 1, &page.field("revision")).redirects("/modules/chat/1?stored");
    assert_eq!(site.value("1", None, "TOKEN"), "hunter2-1");
}

#[test]
fn nothing_is_restored_by_others_or_without_a_name() {
    let site = site(2);
    let url = format!("{URL}/restore/1");
    site.post_with("old", &url, &[("revision", "2")]).is(StatusCode::FORBIDDEN);
    let form = [("host", "127.0.0.1:8501"), ("content-type", "application/x-www-form-urlencoded")];
    site.send("POST", &url, &form, Some("revision=2")).is(StatusCode::FORBIDDEN);
    let page = site.post_unsigned(&url, &[("revision", "2")]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("Nothing was restored").has("name=\"author\"");
    site.post(&url, &[]).is(StatusCode::BAD_REQUEST).has("has no revision");
    for past in ["0", "3", "9", "x", "-1", "1x", "99999999999999999999"] {
        let url = format!("{URL}/restore/{past}");
        site.get(&url).is(StatusCode::NOT_FOUND);
        site.post(&url, &[("revision", "2")]).is(StatusCode::NOT_FOUND);
    }
    for url in ["/modules/chat/9/restore/1", "/modules/nobody/1/restore/1"] {
        site.get(url).is(StatusCode::NOT_FOUND);
        site.post(url, &[("revision", "2")]).is(StatusCode::NOT_FOUND);
    }
    site.get(URL).has("Revision 2");
    assert_eq!(site.value("1", None, "TOKEN"), "hunter2-2");
}

#[test]
fn what_was_deleted_is_brought_back() {
    let site = site(1);
    let install = format!("{URL}/installs/acme");
    site.post(&format!("{URL}/installs"), &[("name", "acme")]).is(StatusCode::SEE_OTHER);
    site.get(&format!("{URL}/delete")).has("they can be restored");
    for place in [&install, URL] {
        site.post(&format!("{place}/delete"), &[("revision", "1")]).is(StatusCode::SEE_OTHER);
        let page = site.get(place);
        page.is(StatusCode::GONE).has("An earlier revision can be restored").shows_no_value();
        let expected = ["2 current | deleted by ada", "1 | stored by ada | Restore revision 1…"];
        assert_eq!(rows(&page), expected);
        for action in ["edit", "run", "delete", "restore/2"] {
            site.get(&format!("{place}/{action}")).is(StatusCode::NOT_FOUND);
        }
        site.post(&format!("{place}/restore/2"), &[("revision", "2")]).is(StatusCode::NOT_FOUND);
    }
    // Links lead to both.
    site.get("/modules/chat").has("Deleted versions").has("<a href=\"/modules/chat/1\">1</a>");
    site.get(URL).has("Deleted: <a href=\"/modules/chat/1/installs/acme\">acme</a>");

    for place in [URL, &install] {
        let url = format!("{place}/restore/1");
        site.get(&url).has("They are deleted now, as revision 2").shows_no_value();
        site.post(&url, &[("revision", "2")]).redirects(&format!("{place}?stored"));
        site.get(place).is(StatusCode::OK).has("Revision 3, stored by <bdi>ada</bdi>");
    }
    site.get("/modules/chat").lacks("Deleted versions");
    site.get(URL).lacks("Deleted: ");
    assert_eq!(site.value("1", None, "TOKEN"), "hunter2-1");
    assert_eq!(site.value("1", Some("acme"), "TOKEN"), "hunter2-1");
    let place = Place::version("chat", "1");
    assert!(site.host.current(&place).unwrap().unwrap().template.is_some());
}

/// The old key is destroyed, so the past must be under the new one.
#[test]
fn the_history_outlives_a_rotation() {
    let site = site(3);
    let ask = site.get(&format!("{URL}/restore/1"));
    assert!(site.host.begin_rotation());
    site.host.rotate();
    site.get("/keys").has("Done: 3 records were encrypted").has("the old keys are destroyed");
    assert_eq!(rows(&site.get(URL)).len(), 3);
    restore(&site, 1, &ask.field("revision")).redirects("/modules/chat/1?stored");
    assert_eq!(site.value("1", None, "TOKEN"), "hunter2-1");
}

#[test]
fn a_revision_that_does_not_open_is_listed_as_such() {
    let site = site(3);
    let (store, scope) =
        (site.host.vault().store(), Scope::module("chat").unwrap().version("1").unwrap());
    let row = |key: &[u8]| *commitment(&store.get(key).unwrap().unwrap()).unwrap();
    let first = Revision::FIRST;
    let mut key = past(scope.as_bytes()).start;
    let number = key.len() - 8;
    key[number..].copy_from_slice(&first.get().to_be_bytes());
    // A record of another kind takes the place of the first revision.
    let strange = Keyring::generate().unwrap().seal_tombstone(&scope, first, None).unwrap();
    let write = Write::replace_past(&scope, first, row(&key), strange);
    store.apply(Some(&row(KEYRING_ROW)), &[write]).unwrap();
    let rows = rows(&site.get(URL));
    assert_eq!(rows[0], "3 current | stored by ada");
    assert_eq!(rows[1], "2 | stored by ada | Restore revision 2…");
    assert!(rows[2].starts_with("– | cannot be opened: "), "{}", rows[2]);
    site.get(&format!("{URL}/restore/1")).is(StatusCode::INTERNAL_SERVER_ERROR);
}
