//! All stories, by the requests that a browser sends.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::fs::Permissions;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use module_manager::delivery::MAX_FILES;
use module_manager::host::Host;
use module_manager::rotation::Status;
use module_manager::run;
use module_manager::versions::Place;
use module_manager::web::MAX_BODY;
use secrets_toml::seal::Scope;
use secrets_toml::store::backend::KEYRING_ROW;
use secrets_toml::store::{RedbStore, Store};
use secrets_toml::vault::{Expected, RotateError, Scopes};
use secrets_toml::{Document, MAX_LEN, Overrides, Parameter};

use crate::support::{CANARY, PROGRAM, Page, Site};

const TEMPLATE: &str = "\
# Your token.
TOKEN = \"\"
MODEL = \"small\" # which one @optional

[db_credentials]
username = \"\"
";

const FILLED: &str = "\
# Your token.
TOKEN = \"hunter2-token\"
MODEL = \"large\" # which one @optional

[db_credentials]
username = \"ada\"
";

/// Opens a site with a module `chat` and its version 1.0.0.
fn site_with_version() -> Site {
    let site = Site::with_module(TEMPLATE);
    site.post("/new/chat", &[("version", "1.0.0"), ("text", FILLED)])
        .redirects("/modules/chat/1.0.0?stored");
    site
}

#[test]
fn a_module_is_a_folder_or_none() {
    let site = Site::with_module(TEMPLATE);
    site.get("/").has("/modules/sample").has("/modules/chat");
    site.get("/modules/chat").has("Your token.").has("No versions yet");
    site.post("/modules", &[("name", "bare"), ("folder", " ")]).redirects("/modules/bare");
    site.get("/modules/bare").has("No checkout");
    let refused = [
        ("chat", "", "the module chat exists already"),
        ("../up", "", "“../up” cannot be the name"),
        ("<b>", "", "“&lt;b&gt;” cannot be the name"),
        ("other", "/nowhere/at/all", "this folder does not exist"),
    ];
    for (name, folder, why) in refused {
        let page = site.post("/modules", &[("name", name), ("folder", folder)]);
        page.is(StatusCode::UNPROCESSABLE_ENTITY).has(why);
    }
    let broken = site.checkout("broken", "TOKEN = \nTOKEN = hunter2\n");
    site.post("/modules", &[("name", "broken"), ("folder", &broken)])
        .is(StatusCode::UNPROCESSABLE_ENTITY)
        .has("not well-formed")
        .has("line 1, column 9");
}

#[test]
fn the_form_has_the_template_as_it_is() {
    let site = Site::with_module(TEMPLATE);
    let page = site.get("/new/chat");
    assert_eq!(page.text_area(), TEMPLATE);
    page.has("<code>db_credentials.username</code>").has("<p>which one</p>").has("optional");
}

#[test]
fn what_is_not_filled_in_is_refused_beside_its_line() {
    let site = Site::with_module(TEMPLATE);
    let typed = TEMPLATE.replace("username = \"\"", "username = \"ada\"");
    let page = site.post("/new/chat", &[("version", "1.0.0"), ("text", &typed)]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("Not stored. Fix 1 problem<");
    page.has("<a href=\"#line-2\">Line 2</a>: <code>TOKEN</code> is blank");
    page.has("<div id=\"line-2\" class=\"error\">2</div>").has("value=\"1.0.0\"");
    assert_eq!(page.text_area(), typed);
    page.without_text_area().shows_no_value();
    assert_eq!(site.host.names(Scopes::All).unwrap(), [""; 0]);

    let missing = typed.replace("TOKEN = \"\"\n", "");
    let page = site.post("/new/chat", &[("version", "1.0.0"), ("text", &missing)]);
    page.has("Missing</span>: <code>TOKEN</code>. Line 2 of the template expects it");

    let broken = "TOKEN = hunter2\nMODEL = \"hunter2\n";
    let page = site.post("/new/chat", &[("version", "1.0.0"), ("text", broken)]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("Fix 2 problems").has("Line 2");
    assert_eq!(page.text_area(), broken);
    page.without_text_area().shows_no_value();
    assert_eq!(site.host.names(Scopes::All).unwrap(), [""; 0]);
}

#[test]
fn what_is_filled_in_is_stored_and_not_shown() {
    let site = site_with_version();
    let page = site.get("/modules/chat/1.0.0?stored");
    page.has("Stored, encrypted, as revision 1").has("environment, from secrets.toml line 2");
    page.has("section <code>db_credentials</code>").shows_no_value();
    site.get("/modules/chat").has("/modules/chat/1.0.0").shows_no_value();
    assert_eq!(site.value("1.0.0", None, "TOKEN"), "hunter2-token");

    let page = site.post("/new/chat", &[("version", "1.0.0"), ("text", FILLED)]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("the version 1.0.0 exists already");
    assert_eq!(page.text_area(), FILLED);
    // The existing version keeps its own template.
    site.checkout("chat", "OTHER = \"\"\n");
    site.post("/new/chat", &[("version", "1.0.0"), ("text", "OTHER = 'hunter2'")])
        .is(StatusCode::UNPROCESSABLE_ENTITY)
        .has("the version 1.0.0 exists already");
    site.get("/modules/chat/1.0.0").has("Your token.");
    let page = site.post("/new/chat", &[("version", "a/b"), ("text", FILLED)]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("“a/b” cannot be the name of a version");
}

#[test]
fn crlf_and_markup_come_back_as_they_were_typed() {
    let site = Site::with_module(TEMPLATE);
    let typed = "\r\nTOKEN = \"\"\r\n# </textarea><script>&amp;\r\n";
    let page = site.post("/new/chat", &[("version", "1"), ("text", typed)]);
    assert_eq!(page.text_area(), typed);
    page.has("Line 2").lacks("<script>");
}

#[test]
fn the_next_version_keeps_values_that_it_does_not_show() {
    let site = site_with_version();
    let next = TEMPLATE.replace("[db", "BUCKET = \"\"\n[db").replace("MODEL", "ENGINE");
    site.checkout("chat", &next);
    let page = site.get("/new/chat?from=1.0.0");
    let form = next
        .replace("TOKEN = \"\"", "TOKEN = \"<unchanged>\"")
        .replace("username = \"\"", "username = \"ada\"");
    assert_eq!(page.text_area(), form);
    page.has("their values are not kept: <code>MODEL</code>").has("kept from 1.0.0").has("new");
    page.has("to keep the value from 1.0.0").lacks("A marker with a number");
    page.shows_no_value();
    assert_eq!((page.field("from"), page.field("revision")), ("1.0.0".into(), "1".into()));

    let post = |fields: &[(&str, &str)]| {
        let from = [("from", "1.0.0"), ("revision", "1")];
        site.post("/new/chat", &[&from, fields].concat())
    };
    let page = post(&[("version", "2.0.0"), ("text", &form)]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY)
        .has("Fix 1 problem<")
        .has("<code>BUCKET</code> is blank");
    page.has("kept from 1.0.0").shows_no_value();
    let page = post(&[("version", "a/b"), ("text", &form)]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("“a/b” cannot be the name of a version");
    assert_eq!(page.field("revision"), "1");

    let text = form.replace("BUCKET = \"\"", "BUCKET = \"hunter2-bucket\"");
    post(&[("version", "2.0.0"), ("text", &text)]).redirects("/modules/chat/2.0.0?stored");
    assert_eq!(site.value("2.0.0", None, "TOKEN"), "hunter2-token");
    assert_eq!(site.value("2.0.0", None, "db_credentials.username"), "ada");
    assert_eq!(site.value("2.0.0", None, "ENGINE"), "small");
    assert_eq!(site.value("1.0.0", None, "MODEL"), "large");
    site.get("/new/chat?from=9").is(StatusCode::NOT_FOUND);
    let fields = [("version", "3.0.0"), ("from", "1.0.0"), ("text", text.as_str())];
    site.post("/new/chat", &fields).is(StatusCode::BAD_REQUEST).has("has no revision");
    // Without an earlier version, a marker keeps nothing and is rejected.
    let page = site.post("/new/chat", &[("version", "3.0.0"), ("text", &text)]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("<code>TOKEN</code> keeps a value that does not");
}

const USERS: &str = "\
[[users]]
name = \"alice\"
password = \"hunter2-alice\"
[[users]]
name = \"bob\"
password = \"hunter2-bob\"
";

const NEW_USER: &str = "[[users]]\nname = \"carol\"\npassword = \"hunter2-carol\"\n";

/// Opens a site with a module `chat` without a template. Its version 1 has two users.
fn site_with_users() -> Site {
    let site = Site::new();
    site.post("/modules", &[("name", "chat"), ("folder", "")]).redirects("/modules/chat");
    let fields = [("version", "1"), ("text", USERS)];
    site.post("/new/chat", &fields).redirects("/modules/chat/1?stored");
    site
}

/// Splits the form of two users into their blocks.
fn blocks(form: &str) -> (&str, &str) {
    let (alice, bob) = form.split_at(form.rfind("[[users]]").unwrap());
    assert_eq!(alice, "[[users]]\nname = \"<unchanged 1>\"\npassword = \"<unchanged 2>\"\n");
    assert_eq!(bob, "[[users]]\nname = \"<unchanged 3>\"\npassword = \"<unchanged 4>\"\n");
    (alice, bob)
}

#[test]
fn a_block_keeps_its_own_values() {
    let site = site_with_users();
    let url = "/modules/chat/1/edit";
    let page = site.get(url);
    page.has("Leave <code>&quot;&lt;unchanged&gt;&quot;</code> to keep the value that is stored");
    page.has("A marker with a number").shows_no_value();
    let form = page.text_area();
    let (alice, bob) = blocks(&form);

    // Markers that keep nothing and blanks are reported beside their lines.
    let typed = format!("{alice}{bob}{alice}")
        .replacen("<unchanged 2>", "", 1)
        .replacen("<unchanged 4>", "<unchanged 3>", 1)
        .replacen("<unchanged 1>", "<unchanged 99>", 1);
    let page = site.post(url, &[("revision", "1"), ("text", &typed)]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("Fix 3 problems");
    let unkept = |path| format!("<code>{path}</code> keeps a value that does not exist");
    for (line, message) in [
        (2, unkept("users[0].name")),
        (3, "<code>users[0].password</code> is blank".to_owned()),
        (6, unkept("users[1].password")),
    ] {
        page.has(&format!("<a href=\"#line-{line}\">Line {line}</a>: {message}"));
        page.has(&format!("<div id=\"line-{line}\" class=\"error\">{line}</div>"));
        page.has(&format!("<span class=\"sr\">Line {line}: </span>{message}"));
    }
    assert_eq!((page.text_area(), page.field("revision")), (typed, "1".to_owned()));
    page.shows_no_value();

    // Without alice's block, bob keeps his values.
    site.post(url, &[("revision", "1"), ("text", bob)]).redirects("/modules/chat/1?stored");
    assert_eq!(site.value("1", None, "users[0].name"), "bob");
    assert_eq!(site.value("1", None, "users[0].password"), "hunter2-bob");
}

/// The numbers of markers are valid only for the revision of the form.
#[test]
fn a_form_of_an_earlier_revision_is_made_anew() {
    let site = site_with_users();
    let url = "/modules/chat/1/edit";
    let form = site.get(url).text_area();
    let (alice, bob) = blocks(&form);
    // The two blocks are swapped, so that every number now belongs to another value.
    let text = format!("{bob}{alice}");
    site.post(url, &[("revision", "1"), ("text", &text)]).is(StatusCode::SEE_OTHER);

    // The conflict is reported before any other error.
    let page = site.post(url, &[("revision", "1"), ("text", "TOKEN = hunter2")]);
    page.is(StatusCode::CONFLICT);
    assert_eq!(page.typed(), ["TOKEN = hunter2"]);

    let late = format!("{form}{NEW_USER}");
    let page = site.post(url, &[("revision", "1"), ("text", &late)]);
    page.is(StatusCode::CONFLICT).has("Somebody saved other secrets");
    page.has("Your form was made from revision 1; the current one is revision 2")
        .has("<title>Error");
    page.has("Do not copy a marker with a number");
    assert_eq!((page.text_area(), page.field("revision")), (form.clone(), "2".to_owned()));
    let marked = |form: &str| form.replace(">\"", " of revision 1>\"");
    let shown = format!("{}{NEW_USER}", marked(&form));
    assert_eq!(page.typed(), [shown.as_str()]);
    page.without_text_area().shows_no_value();

    // The new form sends the typed text again, so it is still shown after a rejection.
    let post = |revision: &str, text: &str, typed: &[String]| {
        let mut fields = vec![("revision", revision), ("text", text)];
        fields.extend(typed.iter().map(|typed| ("typed", typed.as_str())));
        site.post(url, &fields)
    };
    let page = post("2", &shown, &page.typed());
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("Fix 4 problems");
    page.has("<code>users[0].password</code> keeps a value that does not exist");
    assert_eq!((page.text_area(), page.typed()), (shown.clone(), vec![shown.clone()]));
    assert_eq!(site.value("1", None, "users[1].password"), "hunter2-alice");
    // After another conflict, both texts are shown.
    site.post(url, &[("revision", "2"), ("text", &form)]).is(StatusCode::SEE_OTHER);
    let page = post("2", &late, &page.typed());
    page.is(StatusCode::CONFLICT).has("What you typed before that");
    assert_eq!(page.typed(), [shown.replace("revision 1", "revision 2"), shown]);

    let text = format!("{}{NEW_USER}", page.text_area());
    post(&page.field("revision"), &text, &page.typed()).redirects("/modules/chat/1?stored");
    for (i, name) in ["bob", "alice", "carol"].iter().enumerate() {
        assert_eq!(site.value("1", None, &format!("users[{i}].name")), *name);
        let password = site.value("1", None, &format!("users[{i}].password"));
        assert_eq!(password, format!("hunter2-{name}"));
    }
    site.post(url, &[("revision", "x"), ("text", &text)]).is(StatusCode::BAD_REQUEST);
}

#[test]
fn what_was_typed_for_a_place_that_is_gone_is_shown() {
    let site = site_with_users();
    let url = "/modules/chat/1/edit";
    let form = site.get(url).text_area();
    site.post("/modules/chat/1/delete", &[("revision", "1")]).redirects("/modules/chat");
    let page = site.post(url, &[("revision", "1"), ("text", &format!("{form}{NEW_USER}"))]);
    page.is(StatusCode::CONFLICT).has("Somebody deleted the secrets").lacks("name=\"text\"");
    let shown = format!("{}{NEW_USER}", form.replace(">\"", " of revision 1>\""));
    assert_eq!(page.typed(), [shown]);
    page.without_text_area().shows_no_value();
    assert_eq!(site.host.names(Scopes::All).unwrap(), [""; 0]);
    let other = "/modules/nobody/1/edit";
    site.post(other, &[("revision", "1"), ("text", &form)]).is(StatusCode::NOT_FOUND);
}

#[test]
fn the_next_version_is_made_from_the_revision_that_its_form_shows() {
    let site = site_with_users();
    let page = site.get("/new/chat?from=1");
    let form = page.text_area();
    let (alice, bob) = blocks(&form);
    assert_eq!(page.field("revision"), "1");
    let text = format!("{bob}{alice}");
    site.post("/modules/chat/1/edit", &[("revision", "1"), ("text", &text)])
        .is(StatusCode::SEE_OTHER);

    let post = |revision: &str, version: &str, text: &str| {
        let from = [("from", "1"), ("revision", revision), ("version", version), ("text", text)];
        site.post("/new/chat", &from)
    };
    let late = format!("{form}{NEW_USER}");
    let shown = format!("{}{NEW_USER}", form.replace(">\"", " of revision 1>\""));
    // The conflict is reported before any other error.
    for (version, text, shown) in [
        ("2", &*late, &*shown),
        ("a/b", &late, &shown),
        ("1", &late, &shown),
        ("2", "TOKEN = hunter2", "TOKEN = hunter2"),
    ] {
        let page = post("1", version, text);
        page.is(StatusCode::CONFLICT)
            .has("Somebody changed 1 in the meantime. Yours were not stored");
        page.has("Your form was made from revision 1 of 1; the current one is revision 2");
        assert_eq!((page.text_area(), page.field("revision")), (form.clone(), "2".to_owned()));
        assert_eq!(page.typed(), [shown]);
        page.has(&format!("name=\"version\" value=\"{version}\""));
        page.without_text_area().shows_no_value();
    }
    post("2", "2", &late).redirects("/modules/chat/2?stored");
    assert_eq!(site.value("2", None, "users[0].name"), "bob");
    assert_eq!(site.value("2", None, "users[0].password"), "hunter2-bob");

    site.post("/modules/chat/1/delete", &[("revision", "2")]).redirects("/modules/chat");
    let page = post("2", "3", &late);
    page.is(StatusCode::CONFLICT).has("Somebody deleted 1 in the meantime. Yours were not stored");
    assert_eq!(page.text_area(), "");
    assert_eq!(page.typed(), [shown.replace("revision 1", "revision 2")]);
    page.lacks("name=\"from\"").lacks("name=\"revision\"");
    assert_eq!(site.host.names(Scopes::Versions("chat")).unwrap(), ["2"]);
}

#[test]
fn an_install_is_independent() {
    let site = site_with_version();
    site.post("/modules/chat/1.0.0/installs", &[("name", "acme")])
        .redirects("/modules/chat/1.0.0/installs/acme?stored");
    site.get("/modules/chat/1.0.0").has("/modules/chat/1.0.0/installs/acme");
    site.post("/modules/chat/1.0.0/installs", &[("name", "acme")]).is(StatusCode::CONFLICT);

    let url = "/modules/chat/1.0.0/installs/acme";
    let form = site.get(&format!("{url}/edit")).text_area();
    assert_eq!(
        form,
        "# Your token.\nTOKEN = \"<unchanged>\"\nMODEL = \"large\" # which one @optional\n\n\
         [db_credentials]\nusername = \"ada\"\n",
    );
    let text = form.replace("TOKEN = \"<unchanged>\"", "TOKEN = \"hunter2-acme\"");
    site.post(&format!("{url}/edit"), &[("revision", "1"), ("text", &text)])
        .redirects(&format!("{url}?stored"));
    site.get(url).has("Revision 2").shows_no_value();
    assert_eq!(site.value("1.0.0", Some("acme"), "TOKEN"), "hunter2-acme");
    assert_eq!(site.value("1.0.0", Some("acme"), "MODEL"), "large");
    assert_eq!(site.value("1.0.0", None, "TOKEN"), "hunter2-token");

    site.post("/modules/chat/1.0.0/delete", &[("revision", "1")]).redirects("/modules/chat");
    site.get("/modules/chat").has("No versions yet").has("Deleted versions");
    site.get(url).has("Revision 2");
    site.post(&format!("{url}/delete"), &[("revision", "2")]).redirects("/modules/chat");
    site.get(url).is(StatusCode::GONE);
    site.get("/modules/chat/1.0.0").is(StatusCode::GONE);
}

/// The template of a version is the one that was in the checkout when it was created.
#[test]
fn a_template_is_stored_with_the_secrets() {
    let site = site_with_version();
    site.checkout("chat", "OTHER = \"\"\n");
    site.post("/modules/chat/1.0.0/installs", &[("name", "acme")]).is(StatusCode::SEE_OTHER);
    let list = fs::read_to_string(site.host.folder().join("modules.json")).unwrap();
    assert!(!list.contains("Your token") && !list.contains("template"), "{list}");

    for url in ["/modules/chat/1.0.0", "/modules/chat/1.0.0/installs/acme"] {
        for revision in ["1", "2"] {
            let page = site.get(&format!("{url}/edit"));
            page.has("<p>which one</p>").lacks("OTHER");
            let form = page.text_area();
            assert!(form.starts_with("# Your token.\nTOKEN = \"<unchanged>\""), "{form}");
            // Also what is rejected is shown beside that template.
            let fields = [("revision", revision), ("text", "OTHER = 'hunter2'\n")];
            let page = site.post(&format!("{url}/edit"), &fields);
            page.has("Missing</span>: <code>TOKEN</code>").has("<p>which one</p>");
            let fields = [("revision", revision), ("text", &*form)];
            site.post(&format!("{url}/edit"), &fields).is(StatusCode::SEE_OTHER);
        }
        site.get(url).has("Your token.").has("Revision 3");
    }
    site.get("/new/chat?from=1.0.0").has("<code>OTHER</code>");
}

#[test]
fn a_second_tab_is_told_of_the_conflict() {
    let site = site_with_version();
    let url = "/modules/chat/1.0.0/edit";
    let form = site.get(url).text_area();
    let [first, second] =
        ["hunter2-first", "hunter2-second"].map(|value| form.replacen("<unchanged>", value, 1));
    site.post(url, &[("revision", "1"), ("text", &first)]).is(StatusCode::SEE_OTHER);
    let page = site.post(url, &[("revision", "1"), ("text", &second)]);
    page.is(StatusCode::CONFLICT).has("Yours were not stored");
    page.lacks("Do not copy a marker");
    assert_eq!((page.text_area(), page.typed()), (form, vec![second.clone()]));
    page.without_text_area().shows_no_value();
    assert_eq!(site.value("1.0.0", None, "TOKEN"), "hunter2-first");

    assert_eq!(page.field("revision"), "2");
    site.post(url, &[("revision", "2"), ("text", &second)]).is(StatusCode::SEE_OTHER);
    assert_eq!(site.value("1.0.0", None, "TOKEN"), "hunter2-second");
    site.post("/modules/chat/1.0.0/delete", &[("revision", "1")]).is(StatusCode::CONFLICT);
    site.get("/modules/chat/1.0.0").has("Revision 3");
}

#[test]
fn a_replacement_that_is_refused_comes_back() {
    let site = site_with_version();
    let url = "/modules/chat/1.0.0/edit";
    for (text, why) in [
        (
            "TOKEN = \"\"\n[db_credentials]\nusername = \"\"\nADDED = \"\"\nX = \"hunter2\"\n",
            "Line 4",
        ),
        ("TOKEN = hunter2\n", "Line 1"),
        ("[db_credentials]\nusername = \"\"\n", "Missing</span>: <code>TOKEN</code>. "),
    ] {
        let page = site.post(url, &[("revision", "1"), ("text", text)]);
        page.is(StatusCode::UNPROCESSABLE_ENTITY).has(why);
        assert_eq!(page.text_area(), text);
        page.without_text_area().shows_no_value();
    }
    site.get("/modules/chat/1.0.0").has("Revision 1");
    site.post(url, &[("text", FILLED)]).is(StatusCode::BAD_REQUEST);
    site.post(url, &[("revision", "0"), ("text", FILLED)]).is(StatusCode::BAD_REQUEST);
}

#[test]
fn a_module_without_a_template_takes_what_is_written() {
    let site = Site::new();
    site.post("/modules", &[("name", "bare"), ("folder", "")]).redirects("/modules/bare");
    assert_eq!(site.get("/new/bare").text_area(), "");
    let page = site.post("/new/bare", &[("version", "1"), ("text", "A = ''")]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has("<code>A</code> is blank");
    let fields = [("version", "1"), ("text", "A = 'hunter2-a'\nB = true\n")];
    site.post("/new/bare", &fields).redirects("/modules/bare/1?stored");
    site.get("/modules/bare/1").has("typed access only").shows_no_value();
    let form = site.get("/new/bare?from=1").text_area();
    assert_eq!(form, "A = \"<unchanged>\"\nB = \"<unchanged>\"\n");
    let fields = [("version", "2"), ("from", "1"), ("revision", "1"), ("text", form.as_str())];
    site.post("/new/bare", &fields).redirects("/modules/bare/2?stored");
    let two = site.host.current(&Place::version("bare", "2")).unwrap().unwrap();
    assert_eq!(two.secrets.expose_text(), "A = 'hunter2-a'\nB = true\n");
}

const AUTH: &str = "\
CLARIFAI_PAT = \"hunter2-pat\"
CLARIFAI_USER_ID = \"hunter2-owner\"
PORT = 8080
DEBUG = true
[db_credentials]
username = \"hunter2-user\"
port = 5432
";

#[test]
fn a_run_has_exactly_its_environment() {
    let site = Site::new();
    site.post("/modules", &[("name", "auth"), ("folder", "")]).redirects("/modules/auth");
    site.post("/new/auth", &[("version", "1"), ("text", AUTH)]).is(StatusCode::SEE_OTHER);
    let url = "/modules/auth/1/run";
    site.get(url).has("CLARIFAI_PAT").has("secrets.toml line 1").lacks("<h2>Output");
    let printed = site.post(url, &[]).shows_no_value().pre();
    assert_eq!(
        printed,
        "3 environment variables\n  CLARIFAI_PAT: 11 bytes\n  CLARIFAI_USER_ID: 13 bytes\n  \
         PORT: 4 bytes\n1 strings in the section db_credentials\n  username: 12 bytes\n",
    );

    // A visitor's link sets the user. Its value is nowhere on the page.
    let link = format!("{url}?user_id=hunter2-visitor");
    let page = site.get(&link);
    page.has("query parameter <code>user_id</code>").has("\"Instead of\">secrets.toml line 2");
    page.shows_no_value();
    let page = site.post(&link, &[]);
    page.shows_no_value();
    assert!(page.pre().contains("CLARIFAI_USER_ID: 15 bytes"), "{}", page.pre());

    // With another endpoint, the owner's credentials are removed.
    let link = format!("{url}?base=https://api.clarifai.com");
    let page = site.get(&link);
    page.has("displaced by query parameter <code>base</code>");
    // Also those that the secrets do not have as a variable.
    page.has("<code>CLARIFAI_SESSION_TOKEN</code>");
    let printed = site.post(&link, &[]).pre();
    assert!(!printed.contains("CLARIFAI_PAT") && printed.contains("CLARIFAI_API_BASE: 24 bytes"));

    // A hostile endpoint is refused, and nothing runs.
    let link = format!("{url}?base=https://evil.example");
    for page in [site.get(&link), site.post(&link, &[])] {
        page.is(StatusCode::BAD_REQUEST);
        page.has("query parameter <code>base</code> is refused: its host is not allowed");
        page.lacks("<h2>Output").lacks("CLARIFAI_PAT</code>");
    }
}

/// Returns the path in the command that a page shows.
fn delivered(page: &Page) -> PathBuf {
    let command = page.pre();
    let (_, rest) = command.split_once("STREAMLIT_SECRETS_FILES='").unwrap();
    PathBuf::from(rest.split_once('\'').unwrap().0)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_streamlit_app_gets_a_file_until_the_server_ends() {
    let site = Site::new();
    let folder = site.checkout("it's here", "CLARIFAI_PAT = \"\"\n");
    site.post("/modules", &[("name", "auth"), ("folder", &folder)]).redirects("/modules/auth");
    site.post("/new/auth", &[("version", "1"), ("text", AUTH)]).is(StatusCode::SEE_OTHER);
    let url = "/modules/auth/1/run";
    site.get(url).has("Deliver a file").lacks("env -i").lacks("Remove the file");

    let page = site.post(url, &[("action", "deliver")]);
    page.is(StatusCode::OK).has("The file was written").lacks("<h2>Output").shows_no_value();
    let file = delivered(&page);
    assert_eq!(
        page.pre(),
        format!(
            "env -i PATH=\"$PATH\" HOME=\"$HOME\" STREAMLIT_SECRETS_FILES='{}' streamlit run \
             --server.address 127.0.0.1 '{}/app.py'",
            file.display(),
            folder.replace('\'', "'\\''"),
        ),
    );
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    // Without a link, the file has all secrets.
    assert_eq!(fs::read_to_string(&file).unwrap(), AUTH);
    site.get(url).has("Remove the file").lacks("was written<").has(file.to_str().unwrap());
    // A run does not change the file.
    let page = site.post(url, &[]);
    assert!(page.pre().starts_with("3 environment variables"), "{}", page.pre());
    page.has(file.to_str().unwrap());

    // A link has its own file, with its overrides and without the values that it displaces.
    let link =
        format!("{url}?base=https://api.clarifai.com&user_id=hunter2-visitor&pat=hunter2-own");
    let links = delivered(site.post(&link, &[("action", "deliver")]).shows_no_value());
    assert_ne!(links, file);
    let text = fs::read_to_string(&links).unwrap();
    let document = Document::parse(&*text).unwrap();
    let variables: Vec<_> =
        document.env().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        variables,
        [
            "CLARIFAI_PAT=hunter2-own",
            "CLARIFAI_USER_ID=hunter2-visitor",
            "PORT=8080",
            "CLARIFAI_API_BASE=https://api.clarifai.com",
        ],
    );
    assert!(!text.contains("hunter2-pat") && !text.contains("hunter2-owner"), "{text}");
    let base = format!("{url}?base=https://api.clarifai.com");
    let bases = delivered(&site.post(&base, &[("action", "deliver")]));
    assert!(!fs::read_to_string(bases).unwrap().contains("CLARIFAI_PAT"), "displaced");

    // After a replacement, the file is delivered to the same path again.
    let text = AUTH.replace("hunter2-pat", "hunter2-new");
    site.post("/modules/auth/1/edit", &[("revision", "1"), ("text", &text)])
        .redirects("/modules/auth/1?stored");
    site.get(url).has("The secrets were replaced after this file was written").shows_no_value();
    let page = site.post(url, &[("action", "deliver")]);
    page.lacks("The secrets were replaced").shows_no_value();
    assert_eq!(delivered(&page), file);
    assert_eq!((fs::read_to_string(&file).unwrap(), mode(&file)), (text, 0o600));

    // One file is removed; the link's file exists until the server ends.
    site.post(url, &[("action", "remove")]).has("The file was removed").has("Deliver a file");
    assert!(!file.parent().unwrap().exists() && links.exists());
    site.post(url, &[("action", "remove")]).is(StatusCode::OK);
    let folder = site.stop();
    assert!(!links.exists() && folder.path().join("data/vault.redb").exists());
}

#[test]
fn a_file_goes_with_the_secrets_that_it_has() {
    let site = site_with_version();
    site.post("/modules/chat/1.0.0/installs", &[("name", "acme")]).is(StatusCode::SEE_OTHER);
    let [version, install] = ["/modules/chat/1.0.0", "/modules/chat/1.0.0/installs/acme"];
    let deliver = |url: &str, query: &str| {
        delivered(&site.post(&format!("{url}/run{query}"), &[("action", "deliver")]))
    };
    let files = [deliver(version, ""), deliver(version, "?user_id=a"), deliver(install, "")];
    site.post(&format!("{version}/delete"), &[("revision", "1")]).redirects("/modules/chat");
    assert_eq!(files.each_ref().map(|file| file.exists()), [false, false, true]);
    let page = site.post(&format!("{version}/run"), &[("action", "deliver")]);
    page.is(StatusCode::NOT_FOUND);
}

#[test]
fn what_cannot_be_delivered_is_said() {
    let site = site_with_version();
    let url = "/modules/chat/1.0.0/run";
    // Neither another site's form nor a link delivers a file.
    let form = [("host", "127.0.0.1:8501"), ("content-type", "application/x-www-form-urlencoded")];
    site.send("POST", url, &form, Some("action=deliver")).is(StatusCode::FORBIDDEN);
    site.get(&format!("{url}?action=deliver")).lacks("env -i");
    site.post(url, &[("action", "burn")]).is(StatusCode::BAD_REQUEST);
    let hostile = format!("{url}?base=https://evil.example");
    site.post(&hostile, &[("action", "deliver")]).has("The link was refused").lacks("env -i");

    let mut folders = fs::read_dir(site.host.folder()).unwrap();
    assert!(folders.all(|entry| entry.unwrap().file_type().unwrap().is_file()), "none yet");
    fs::set_permissions(site.host.folder(), Permissions::from_mode(0o777)).unwrap();
    let page = site.post(url, &[("action", "deliver")]);
    page.has("could not be written").has("others can write to this folder").lacks("env -i");
    fs::set_permissions(site.host.folder(), Permissions::from_mode(0o700)).unwrap();

    // The number of files is limited. Removing one makes room.
    let deliver =
        |i: usize, action: &str| site.post(&format!("{url}?user_id={i}"), &[("action", action)]);
    (0..MAX_FILES).for_each(|i| drop(delivered(&deliver(i, "deliver"))));
    deliver(MAX_FILES, "deliver").has("100 files are delivered already").lacks("env -i");
    deliver(0, "deliver").has("The file was written");
    deliver(0, "remove");
    deliver(MAX_FILES, "deliver").has("The file was written");

    // Python cannot read the year 0000, so nothing is run or delivered.
    site.post("/modules", &[("name", "old"), ("folder", "")]).redirects("/modules/old");
    let fields = [("version", "1"), ("text", "BORN = 0000-01-01\n")];
    site.post("/new/old", &fields).redirects("/modules/old/1?stored");
    for (fields, what) in [(&[][..], "be run"), (&[("action", "deliver")], "be written")] {
        site.post("/modules/old/1/run", fields).has(what).has("line 1: <code>BORN</code>");
    }
}

#[test]
fn a_start_removes_what_a_killed_server_left() {
    let site = site_with_version();
    let file = delivered(&site.post("/modules/chat/1.0.0/run", &[("action", "deliver")]));
    // As a killed server leaves them: no process holds the lock.
    let left = file.parent().unwrap().with_file_name("secrets-toml-0123456789abcdef");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("lock"), "").unwrap();
    fs::copy(&file, left.join("secrets.toml")).unwrap();
    let site = site.restart(None).unwrap();
    assert!(!left.exists() && site.host.folder().exists());
}

/// A query can displace any name, also that of a section.
#[test]
fn a_run_has_no_section_that_a_query_displaced() {
    let secrets = Document::parse(AUTH).unwrap();
    let overrides = Overrides::new()
        .allow(Parameter::new("base", "BASE").displaces(["db_credentials", "CLARIFAI_PAT"]));
    let printed = |query: &str| {
        let env = secrets.env().unwrap().override_with(&overrides, query).unwrap();
        run::run(Path::new(PROGRAM), &secrets, &env).unwrap().output
    };
    assert!(
        printed("").ends_with("1 strings in the section db_credentials\n  username: 12 bytes\n")
    );
    assert_eq!(
        printed("?base=elsewhere"),
        "3 environment variables\n  BASE: 9 bytes\n  CLARIFAI_USER_ID: 13 bytes\n  PORT: 4 bytes\n\
         0 strings in the section db_credentials\n",
    );
}

/// The page of a run shows what the module prints, but for the values.
#[test]
fn values_are_masked_in_the_output_of_a_module() {
    let site = site_with_version();
    let [text, module] = ["module.txt", "module.sh"].map(|name| site.host.folder().join(name));
    let script = "#!/bin/sh\necho \"token $CLARIFAI_PAT, $(printf %s \"$USER\" | od -An -tx1 | tr -d ' \\n')\"\n\
                  printf 'link %s' \"$LINK\"\n";
    fs::write(&text, script).unwrap();
    // Copied by another process. A file that is open for writing cannot be run, and a process that
    // another test is starting would hold it open.
    assert!(Command::new("cp").arg(&text).arg(&module).status().unwrap().success());
    fs::set_permissions(&module, Permissions::from_mode(0o700)).unwrap();
    let secrets =
        Document::parse("CLARIFAI_PAT = 'hunter2-token'\nUSER = 'hunter2-user'\n").unwrap();
    let overrides = Overrides::new().allow(Parameter::new("link", "LINK"));
    let env = secrets.env().unwrap().override_with(&overrides, "?link=hunter2-link").unwrap();
    let ran = run::run(&module, &secrets, &env).unwrap();
    assert_eq!(ran.output, "token ***, ***\nlink ***");
}

#[test]
fn keys_are_rotated_and_what_was_sealed_stays() {
    let site = site_with_version();
    let page = site.get("/keys");
    page.has("primary").lacks("destroyed").lacks("Rotating: ");
    let old = site.host.keyring().unwrap().primary().to_string();
    site.post("/keys/rotate", &[]).redirects("/keys");
    while let Status::Running { .. } = site.host.rotation() {
        site.get("/keys").shows_no_value();
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let page = site.get("/keys");
    page.has("Done: 1 records were encrypted with the new key, and the old keys are destroyed");
    page.has(&format!("<code>{old}</code></th><td>destroyed</td><td>0</td>"));
    // The revision counts what people store.
    site.get("/modules/chat/1.0.0").has("Revision 1").lacks(&old);
    assert_eq!(site.value("1.0.0", None, "TOKEN"), "hunter2-token");
}

/// Returns the step of the rotation, the records that are done, and all of them.
fn progress(site: &Site) -> (&'static str, u64, u64) {
    match site.host.rotation() {
        Status::Running { step, done, total } => (step, done, total),
        _ => panic!("no rotation is running"),
    }
}

/// A batch has 4 MiB at most, so only three of these documents are in the first one. What is stored during the
/// rotation is a record, too: there are never more done than there are.
#[test]
fn the_bar_moves_after_each_batch_of_a_rotation() {
    let site = Site::new();
    let put = |module: &str, len: usize| {
        let secrets = Document::parse(format!("TOKEN = '{CANARY}'\n#{}", "-".repeat(len))).unwrap();
        let (scope, secrets) = (Scope::module(module).unwrap(), secrets.validate().unwrap());
        site.host.vault().put(&scope, &secrets, Expected::Absent).unwrap();
    };
    for module in ["a", "b", "c", "d"] {
        put(module, MAX_LEN * 9 / 10); // 1 MiB as it is stored
    }
    assert!(site.host.begin_rotation());
    assert_eq!(progress(&site), ("adding a key", 0, 0));
    let mut seen = Vec::new();
    site.host.rotate_watched(|| {
        if seen.is_empty() {
            let page = site.get("/keys");
            page.has("Rotating: encrypting").has("<progress value=\"3\" max=\"4\"");
            page.has("<p>3 of 4 records.</p>").shows_no_value();
            put("e", 0);
        }
        seen.push(progress(&site));
    });
    seen.dedup();
    let opening = "opening what was encrypted";
    let expected = [("encrypting", 3, 4), ("encrypting", 4, 4), (opening, 3, 4), (opening, 5, 5)];
    assert_eq!(seen, expected);
    site.get("/keys").has("Done: 4 records").lacks("<progress");
}

/// Nobody else stored anything, so nobody is told of a conflict.
#[test]
fn a_rotation_disturbs_no_open_form() {
    let site = site_with_version();
    let form = site.get("/modules/chat/1.0.0/edit");
    let next = site.get("/new/chat?from=1.0.0");
    assert!(site.host.begin_rotation());
    site.host.rotate();
    site.get("/keys").has("Done: 1 records");

    let (text, revision) = (next.text_area(), next.field("revision"));
    let fields = [("version", "2"), ("from", "1.0.0"), ("revision", &*revision), ("text", &*text)];
    site.post("/new/chat", &fields).redirects("/modules/chat/2?stored");
    let (text, revision) = (form.text_area(), form.field("revision"));
    site.post("/modules/chat/1.0.0/edit", &[("revision", &*revision), ("text", &*text)])
        .redirects("/modules/chat/1.0.0?stored");
    site.get("/modules/chat/1.0.0").has("Revision 2, stored by <bdi>ada</bdi>");
    for version in ["1.0.0", "2"] {
        assert_eq!(site.value(version, None, "TOKEN"), "hunter2-token");
    }

    // The page that asks before it deletes is a form, too. The author is still the one who stored.
    let ask = site.get("/modules/chat/2/delete");
    assert!(site.host.begin_rotation());
    site.host.rotate();
    site.get("/modules/chat/2").has("Revision 1, stored by <bdi>ada</bdi>").has("Your token.");
    site.post("/modules/chat/2/delete", &[("revision", &ask.field("revision"))])
        .redirects("/modules/chat");
}

#[test]
fn what_is_saved_during_rotations_is_stored() {
    let site = site_with_version();
    let url = "/modules/chat/1.0.0/edit";
    let (host, ended) = (Arc::clone(&site.host), Arc::new(AtomicBool::new(false)));
    let is_ended = Arc::clone(&ended);
    let rotations = std::thread::spawn(move || {
        while !is_ended.load(Ordering::Relaxed) {
            assert!(host.begin_rotation());
            host.rotate();
            assert!(matches!(host.rotation(), Status::Done { .. }));
        }
    });
    let saved = 6;
    for _ in 0..saved {
        let form = site.get(url);
        let fields = [("revision", &*form.field("revision")), ("text", &*form.text_area())];
        site.post(url, &fields).redirects("/modules/chat/1.0.0?stored");
    }
    ended.store(true, Ordering::Relaxed);
    rotations.join().unwrap();
    site.get("/modules/chat/1.0.0").has(&format!("Revision {}, stored by", saved + 1));
    assert_eq!(site.value("1.0.0", None, "TOKEN"), "hunter2-token");
}

#[test]
fn a_rotation_that_was_cut_short_is_completed_by_the_next() {
    let site = site_with_version();
    let stopped = site.host.vault().rotate(|_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(RotateError::Unfinished(_))));
    site.get("/keys").has("A rotation was interrupted.").has("<button>Go on</button>");
    let site = site.restart(None).unwrap();
    site.get("/keys").has("A rotation was interrupted.").has("<button>Go on</button>");

    assert!(site.host.begin_rotation() && !site.host.begin_rotation(), "one at a time");
    site.host.rotate();
    site.get("/keys").has("Done: 1 records").has("<button>Rotate</button>").lacks("interrupted");
    assert_eq!(site.value("1.0.0", None, "TOKEN"), "hunter2-token");
}

#[test]
fn a_restart_finds_everything() {
    let site = site_with_version();
    let site = site.restart(None).unwrap();
    assert_eq!(site.value("1.0.0", None, "TOKEN"), "hunter2-token");
    site.checkout("chat", "OTHER = \"\"\n");
    site.get("/modules/chat/1.0.0").has("Your token.").lacks("OTHER");

    let folder = site.stop();
    let folder = folder.path().join("data");
    let error = |passphrase: Option<&str>| {
        let error = Host::open(&folder, passphrase.map(str::to_owned)).err().unwrap();
        std::error::Error::source(&error).unwrap().to_string()
    };
    assert_eq!(error(Some("wrong")), "the passphrase of the lock `operator` is wrong");

    // A backup of the records alone.
    let store = RedbStore::open(folder.join("vault.redb")).unwrap();
    store.purge(KEYRING_ROW).unwrap();
    drop(store);
    assert!(error(None).contains("its keyring is missing: restore the row"), "{}", error(None));
}

#[test]
fn what_is_lost_is_said() {
    let folder = support::Folder::new();
    drop(Host::open(folder.path(), Some("hunter2-passphrase".to_owned())).unwrap());
    assert!(!folder.path().join("passphrase").exists(), "the caller's passphrase is not written");
    let error = |passphrase: Option<&str>| {
        let opened = Host::open(folder.path(), passphrase.map(str::to_owned));
        opened.err().unwrap().to_string()
    };
    assert_eq!(
        error(None),
        "the keyring is locked with your own passphrase: set MODULE_MANAGER_PASSPHRASE",
    );
}

#[test]
fn every_response_is_guarded() {
    let site = site_with_version();
    for url in ["/", "/style.css", "/lines.js", "/keys", "/nowhere", "/new/chat", "/modules/%00"] {
        let page = site.get(url);
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(page.headers[name], value, "{url}");
        }
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let scripts = page.body.matches("<script").count();
        assert_eq!(scripts, page.body.matches("<script src=\"/lines.js\" defer></script>").count());
        page.lacks("style=").lacks("onclick");
    }
}

#[test]
fn what_others_send_is_refused() {
    let site = Site::with_module(TEMPLATE);
    let hosts =
        ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost:85010", "127.0.0.1:8501.evil"];
    for host in hosts {
        site.send("GET", "/", &[("host", host)], None).is(StatusCode::MISDIRECTED_REQUEST);
    }
    let host = ("host", "LOCALHOST:8501");
    site.send("GET", "/", &[host], None).is(StatusCode::OK);
    site.send("GET", "/", &[host, ("host", "evil.example")], None)
        .is(StatusCode::MISDIRECTED_REQUEST);

    let token = site.token();
    let body = format!("token={token}&name=new&folder=");
    let post = |headers: &[(&str, &str)], body: &str| {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let headers: Vec<_> = [host, form].iter().chain(headers).copied().collect();
        site.send("POST", "/modules", &headers, Some(body)).status
    };
    for headers in [
        &[("origin", "http://evil.example")][..],
        &[("origin", "https://127.0.0.1:8501")],
        &[("origin", "null")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("origin", "http://127.0.0.1:8501"), ("origin", "http://127.0.0.1:8501")],
    ] {
        assert_eq!(post(headers, &body), StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert_eq!(post(&[], "token=&name=new"), StatusCode::FORBIDDEN);
    assert_eq!(post(&[], "name=new"), StatusCode::FORBIDDEN);
    assert_eq!(post(&[], &format!("token={token}0&name=new")), StatusCode::FORBIDDEN);
    assert!(!site.get("/").body.contains("/modules/new"));
    assert_eq!(
        post(&[("origin", "null"), ("sec-fetch-site", "same-origin")], &body),
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        post(&[("origin", "http://localhost:8501")], &body.replace("new", "newer")),
        StatusCode::SEE_OTHER,
    );

    let plain = [host, ("content-type", "text/plain")];
    site.send("POST", "/modules", &plain, Some(&body)).is(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    site.send("GET", "/modules", &[host], None).is(StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn a_body_has_its_limit() {
    let site = Site::with_module(TEMPLATE);
    let room = MAX_BODY - format!("token={}&version=1&text=", site.token()).len();
    let post = |len: usize| {
        let text = format!("{}{}", "TOKEN%3D1%0A".replace('%', "x"), "a".repeat(len));
        site.post("/new/chat", &[("version", "1"), ("text", &text[..len])]).status
    };
    assert_eq!(post(room), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(post(room + 1), StatusCode::PAYLOAD_TOO_LARGE);
}

/// Markers are longer than the values that they hide.
#[test]
fn the_form_of_a_long_document_can_be_sent() {
    let site = Site::new();
    site.post("/modules", &[("name", "chat"), ("folder", "")]).redirects("/modules/chat");
    // The form has 24 bytes a line.
    let lines = MAX_LEN / 24;
    let text: String = (0..lines).map(|i| format!("k{i:05} = 1\r\n")).collect();
    let fields = [("version", "1"), ("text", &*text)];
    site.post("/new/chat", &fields).redirects("/modules/chat/1?stored");
    let url = "/modules/chat/1/edit";
    let form = site.get(url).text_area();
    assert_eq!(form.len(), lines * 24);
    // The same text again, as one that was typed into an outdated form.
    let fields = [("revision", "1"), ("text", &*form), ("typed", &*form)];
    site.post(url, &fields).redirects("/modules/chat/1?stored");
    let current = site.host.current(&Place::version("chat", "1")).unwrap().unwrap();
    assert!(current.secrets.expose_text() == text);

    // Every line has an error, and each error is shown beside its line.
    let blank = form.replace("<unchanged>", "");
    let page = site.post(url, &[("revision", "2"), ("text", &blank)]);
    page.is(StatusCode::UNPROCESSABLE_ENTITY).has(&format!("Line {lines}: "));
}

#[test]
fn a_template_that_breaks_is_shown_as_such() {
    let site = site_with_version();
    site.checkout("chat", "TOKEN = \"hunter2\n");
    site.get("/modules/chat").has("not well-formed").shows_no_value();
    site.get("/new/chat").is(StatusCode::UNPROCESSABLE_ENTITY).has("not well-formed");
    site.get("/modules/chat/1.0.0").has("Your token.");
}

#[test]
fn names_lead_nowhere_else() {
    let site = site_with_version();
    for url in [
        "/modules/..",
        "/modules/%2e%2e",
        "/modules/chat/..%2f..",
        "/modules/chat/1.0.0%00",
        "/modules/nobody",
        "/modules/chat/9",
        "/modules/chat/1.0.0/installs/nobody",
        "/new/nobody",
        "/new/chat?from=../x",
        "/modules/chat/1.0.0/nothing",
    ] {
        site.get(url).is(StatusCode::NOT_FOUND).has("There is nothing here");
    }
}

#[test]
fn the_log_has_routes_and_no_values() {
    let site = site_with_version();
    site.get("/modules/chat/1.0.0/run?user_id=hunter2-visitor&token=hunter2");
    site.get("/hunter2-nowhere");
    let log = support::log();
    assert!(log.contains("POST /new/{module} 303"), "{log}");
    assert!(log.contains("GET /modules/{module}/{version}/run 200"), "{log}");
    assert!(!log.contains(CANARY), "{log}");
}
