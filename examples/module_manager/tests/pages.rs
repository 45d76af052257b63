//! Pages lead to each other, and say what happens.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;

use axum::http::StatusCode;
use module_manager::versions::Place;
use secrets_toml::{Document, Value};

use crate::support::Site;

const TEMPLATE: &str = "TOKEN = \"\"\nPORT = 80\n";
const FILLED: &str = "TOKEN = \"hunter2\"\nPORT = 80\n";

#[test]
fn every_name_can_be_opened() {
    let site = Site::new();
    for name in ["new", "edit", "run", "delete", "installs", "keys", "modules", "style.css", "a"] {
        let module = format!("/modules/{name}");
        site.post("/modules", &[("name", name), ("folder", "")]).redirects(&module);
        site.get(&module)
            .is(StatusCode::OK)
            .has(&format!("<a class=\"button\" href=\"/new/{name}\""));
        let version = format!("{module}/{name}");
        let fields = [("version", name), ("text", FILLED)];
        site.post(&format!("/new/{name}"), &fields).redirects(&format!("{version}?stored"));
        site.get(&module).has(&format!("<a href=\"{version}\">"));
        let installs = format!("{version}/installs");
        let install = format!("{installs}/{name}");
        site.post(&installs, &[("name", name)]).redirects(&format!("{install}?stored"));
        for place in [&version, &install] {
            site.get(place).is(StatusCode::OK).has("Revision 1");
            for page in ["edit", "run", "delete"] {
                site.get(&format!("{place}/{page}")).is(StatusCode::OK).has("<form");
            }
        }
        site.get(&format!("/new/{name}?from={name}")).is(StatusCode::OK).has("&lt;unchanged&gt;");
    }
}

#[test]
fn deleting_asks_first_and_what_stays_is_linked_to() {
    let site = Site::with_module(TEMPLATE);
    let version = "/modules/chat/1";
    site.post("/new/chat", &[("version", "1"), ("text", FILLED)]).is(StatusCode::SEE_OTHER);
    for name in ["acme", "other"] {
        site.post(&format!("{version}/installs"), &[("name", name)]).is(StatusCode::SEE_OTHER);
    }
    site.post(&format!("{version}/run"), &[("action", "deliver")]).is(StatusCode::OK);
    site.get(version)
        .has("href=\"/modules/chat/1/delete\"")
        .lacks("action=\"/modules/chat/1/delete\"");
    let page = site.get(&format!("{version}/delete"));
    page.has("Delete the version 1?").has("The secrets of this version, revision 1.");
    page.has("The file that was delivered with them")
        .has("2 installs, with its own")
        .shows_no_value();
    page.has("href=\"/modules/chat/1/installs/acme\"").has("href=\"/modules/chat/1\">Keep it");
    assert_eq!(page.field("revision"), "1");

    // Somebody stores another revision while the page asks.
    site.post(&format!("{version}/edit"), &[("revision", "1"), ("text", FILLED)])
        .is(StatusCode::SEE_OTHER);
    let page = site.post(&format!("{version}/delete"), &[("revision", "1")]);
    page.is(StatusCode::CONFLICT).has("Nothing was deleted").has("Somebody stored revision 2");
    assert_eq!(page.field("revision"), "2");
    site.post(&format!("{version}/delete"), &[("revision", "2")]).redirects("/modules/chat");

    let page = site.get("/modules/chat");
    page.has("Deleted versions")
        .has("<a href=\"/modules/chat/1\">1</a>, whose installs still have");
    page.has("href=\"/modules/chat/1/installs/acme\"");
    site.get(version).is(StatusCode::GONE).has("href=\"/modules/chat/1/installs/other\"");
    for (name, linked) in [("acme", true), ("other", false)] {
        let install = format!("{version}/installs/{name}");
        let page = site.get(&format!("{install}/delete"));
        page.has(&format!("Delete the install {name}?")).lacks("This stays");
        site.post(&format!("{install}/delete"), &[("revision", "1")]).redirects("/modules/chat");
        let page = site.get("/modules/chat");
        assert_eq!(page.body.contains("whose installs still have"), linked);
    }
    site.get(version).is(StatusCode::GONE).has("Deleted: ");
}

#[test]
fn warnings_have_their_own_heading_and_no_dead_link() {
    let site = Site::with_module(TEMPLATE);
    let text = "TOKEN = \"\"\nPORT = true\nMORE = 1\n";
    let page = site.post("/new/chat", &[("version", "1"), ("text", text)]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("Fix 1 problem</h2>").has("<h3>2 warnings</h3>");
    let (errors, warnings) = page.body.split_once("<h3>2 warnings").unwrap();
    assert!(errors.contains("<code>TOKEN</code> is blank") && !errors.contains("#line-2"));
    assert!(warnings.contains("<a href=\"#line-2\">Line 2</a>: <code>PORT</code> is a boolean"));

    let text = text.replace("\"\"", "\"hunter2\"");
    site.post("/new/chat", &[("version", "1"), ("text", &text)]).is(StatusCode::SEE_OTHER);
    let page = site.get("/modules/chat/1?stored");
    page.has("Warnings").has("<code>PORT</code> is a boolean").lacks("#line-").lacks("Line 2");
}

/// In each row: the lines with errors, and the number of lines that each note may cover.
#[test]
fn a_note_covers_the_free_lines_below_it() {
    let site = Site::new();
    site.post("/modules", &[("name", "chat"), ("folder", "")]).is(StatusCode::SEE_OTHER);
    for (blank, rooms) in [
        (&[1, 2, 3][..], &["1", "1", "6"][..]),
        (&[1, 3, 8], &["2", "5", "6"]),
        (&[2, 11], &["6", "6"]),
    ] {
        let lines = (1..=12).map(|line| {
            let value = if blank.contains(&line) { "" } else { "x" };
            format!("K{line} = \"{value}\"\n")
        });
        let text: String = lines.collect();
        let page = site.post("/new/chat", &[("version", "1"), ("text", &text)]);
        let found = page.body.split("<div class=\"room-").skip(1).map(|at| &at[..1]);
        assert_eq!(found.collect::<Vec<_>>(), rooms);
    }
}

#[test]
fn breadcrumbs_end_in_a_name() {
    let site = Site::with_module(TEMPLATE);
    site.post("/new/chat", &[("version", "1"), ("text", FILLED)]).is(StatusCode::SEE_OTHER);
    site.post("/modules/chat/1/installs", &[("name", "acme")]).is(StatusCode::SEE_OTHER);
    for (url, trail) in [
        ("/modules/chat", "Modules"),
        ("/new/chat", "Modules/chat"),
        ("/modules/chat/1", "Modules/chat"),
        ("/modules/chat/1/edit", "Modules/chat/1"),
        ("/modules/chat/1/installs/acme", "Modules/chat/1"),
        ("/modules/chat/1/installs/acme/run", "Modules/chat/1/acme"),
    ] {
        let page = site.get(url);
        let (_, rest) = page.body.split_once("aria-label=\"Breadcrumb\">").unwrap();
        let html = rest.split_once("</nav>").unwrap().0;
        let text: String = html.split('<').filter_map(|tag| Some(tag.split_once('>')?.1)).collect();
        assert_eq!(text, trail, "{url}");
    }
}

#[test]
fn a_refused_link_is_no_success() {
    let site = Site::with_module(TEMPLATE);
    site.post("/new/chat", &[("version", "1"), ("text", FILLED)]).is(StatusCode::SEE_OTHER);
    let url = "/modules/chat/1/run?base=https://evil.example";
    for page in [
        site.get(url),
        site.post(url, &[]),
        site.post(url, &[("action", "deliver")]),
        site.post(url, &[("action", "remove")]),
    ] {
        page.is(StatusCode::BAD_REQUEST).has("The link was refused");
    }
}

/// A list that cannot be written does not change.
#[test]
fn the_list_of_modules_is_the_one_on_the_disk() {
    let site = Site::with_module(TEMPLATE);
    let obstacle = site.host.folder().join("modules.new");
    fs::create_dir(&obstacle).unwrap();
    let page = site.post("/modules", &[("name", "more"), ("folder", "")]);
    page.is(StatusCode::INTERNAL_SERVER_ERROR).has("the list of modules cannot be written");
    page.has("value=\"more\"");
    site.get("/").lacks("/modules/more");
    site.get("/modules/more").is(StatusCode::NOT_FOUND);
    // A version is not in the list, so it can be stored.
    let fields = [("version", "1"), ("text", FILLED)];
    site.post("/new/chat", &fields).is(StatusCode::SEE_OTHER);

    fs::remove_dir(&obstacle).unwrap();
    site.post("/modules", &[("name", "more"), ("folder", "")]).redirects("/modules/more");
}

#[test]
fn what_the_template_says_is_beside_each_variable() {
    let template = "\
# Where it is. @url @docs https://docs.example.com/where?a=1&b=2
URL = \"\"
TOKEN = \"\" # @prefix sk- @min-length 20
# <b>The database.</b> @docs https://db.example.com
[db]
user = \"\"
mode = \"\" # @one-of dry|wet @docs http://plain.example.com
";
    let site = Site::with_module(template);
    for url in ["/modules/chat", "/new/chat"] {
        let page = site.get(url);
        page.has(
            "<p class=\"format\">Expects a URL, such as <code>https://example.com</code>.</p>",
        );
        page.has("Expects one of <code>dry</code>, <code>wet</code>.").has("<code>sk-</code>");
        page.has(
            "<a href=\"https://docs.example.com/where?a=1&amp;b=2\" \
             rel=\"noopener noreferrer nofollow\">docs.example.com</a>",
        );
        page.has("Section <code>db</code><p>&lt;b&gt;The database.&lt;/b&gt;</p>");
        page.has(">db.example.com</a>").lacks("href=\"http:").has("string, secret");
        // Of the template, not of what is typed.
        page.has("The module's template has mistakes").has("<li>Line 7: <code>db.mode</code>");
    }
    let text = "URL = \"elsewhere\"\nTOKEN = \"hunter2\"\n[db]\nuser = \"a\"\nmode = \"dry\"\n";
    let page = site.post("/new/chat", &[("version", "1"), ("text", text)]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("<code>URL</code> has another format");
    page.without_text_area().shows_no_value();

    site.checkout("chat", TEMPLATE);
    site.get("/modules/chat").lacks("template has mistakes").lacks("class=\"format\"");
}

#[test]
fn the_form_shows_what_is_no_secret_if_it_changes_nothing() {
    let template = "# Yours.\nTOKEN = \"\"\nPORT = 80 # @optional\nNOTE = \"\" # @optional\n";
    let hidden = |text: &str| {
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some((name, "\"\"")) => format!("{name} = \"\"\n"),
            Some((name, _)) => format!("{name} = \"<unchanged>\"\n"),
            None => format!("{line}\n"),
        });
        lines.collect::<String>()
    };
    for (text, form) in [
        (
            "TOKEN = \"hunter2\"\nPORT = 0x1F\nNOTE = \"\"\n",
            Some(template.replacen("\"\"", "\"<unchanged>\"", 1).replace("80", "0x1F")),
        ),
        // The template's text would add a variable, or remove one.
        ("TOKEN = \"hunter2\"\nNOTE = \"x\"\n", None),
        ("TOKEN = \"hunter2\"\nPORT = 81\n", None),
        ("TOKEN = \"hunter2\"\nPORT = 81\nNOTE = \"x\"\nMORE = \"hunter2\"\n", None),
    ] {
        let site = Site::with_module(template);
        site.post("/new/chat", &[("version", "1"), ("text", text)]).is(StatusCode::SEE_OTHER);
        let url = "/modules/chat/1/edit";
        let page = site.get(url);
        page.shows_no_value();
        assert_eq!(page.text_area(), form.unwrap_or_else(|| hidden(text)));
        let fields = [("revision", "1"), ("text", &*page.text_area())];
        site.post(url, &fields).is(StatusCode::SEE_OTHER);
        let place = Place::version("chat", "1");
        let now = site.host.current(&place).unwrap().unwrap().secrets;
        let values = |document: &Document| -> Vec<_> {
            let shown = |value: Value<'_>| format!("{:?} {:?}", value.as_str(), value.as_integer());
            document.variables().map(|(path, value)| (path.to_string(), shown(value))).collect()
        };
        assert_eq!(values(&now), values(&Document::parse(text).unwrap()));
    }
}
