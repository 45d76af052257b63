//! The HTML of the pages. They show no secrets, except those that were just typed and rejected.

mod history;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use axum::http::StatusCode;
use maud::{DOCTYPE, Markup, html};
use secrets_toml::env::{Explanation, Source};
use secrets_toml::seal::{KeyState, Keyring, Revision};
use secrets_toml::vault::Report;
use secrets_toml::{Env, OverrideError, Prefilled, Secrets, Template, TemplateError, Variable};
use zeroize::Zeroizing;

use crate::author::{Author, date};
use crate::delivery::DeliverError;
use crate::modules::Module;
use crate::rotation::Status;
use crate::run::{Ran, RunError};
use crate::versions::{Current, MAX_NAME, Place};
use crate::web::chain;
use crate::web::editor::{self, Editor, Note, capital, code};
use crate::web::guard::Fields;
use crate::web::pages::history::Entries;
pub(super) use crate::web::pages::history::{Restore, deleted, restore};
use crate::web::visit::{FIELD, Visit};

/// The pattern of a name, which the browser checks. The same rule as `versions::is_name`.
const NAME: &str = "[A-Za-z0-9][A-Za-z0-9._\\-]*";

/// Returns the URL of a version or an install.
pub(super) fn url(place: &Place) -> String {
    let Place { module, version, install } = place;
    match install {
        Some(install) => format!("/modules/{module}/{version}/installs/{install}"),
        None => format!("/modules/{module}/{version}"),
    }
}

/// Returns the URL that also says that the secrets were stored.
pub(super) fn stored_url(place: &Place) -> String {
    format!("{}?stored", url(place))
}

fn layout(title: &str, trail: &[(&str, &str)], main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Module manager" }
                link rel="stylesheet" href="/style.css";
                script src="/lines.js" defer {}
            }
            body {
                a .skip href="#main" { "Skip to the content" }
                header {
                    a .brand href="/" { "Module manager" }
                    nav aria-label="Pages" {
                        a href="/" { "Modules" }
                        a href="/keys" { "Keys" }
                        a href="/name" { "Your name" }
                    }
                }
                main #main {
                    @if !trail.is_empty() {
                        nav .trail aria-label="Breadcrumb" {
                            @for (i, (name, url)) in trail.iter().enumerate() {
                                @if i > 0 { span aria-hidden="true" { "/" } }
                                a href=(url) { (name) }
                            }
                        }
                    }
                    (main)
                }
                footer {
                    "Values are encrypted before they are stored. Secrets are never shown again."
                }
            }
        }
    }
}

/// The pages above a version or an install.
struct Trail(Vec<(String, String)>);

impl Trail {
    fn to(place: &Place, itself: bool) -> Self {
        let mut trail = vec![
            ("Modules".to_owned(), "/".to_owned()),
            (place.module.clone(), format!("/modules/{}", place.module)),
        ];
        let version = Place::version(&place.module, &place.version);
        if place.install.is_some() || itself {
            trail.push((place.version.clone(), url(&version)));
        }
        if let (Some(install), true) = (&place.install, itself) {
            trail.push((install.clone(), url(place)));
        }
        Self(trail)
    }

    fn layout(&self, title: &str, main: &Markup) -> Markup {
        let trail: Vec<_> =
            self.0.iter().map(|(name, url)| (name.as_str(), url.as_str())).collect();
        layout(title, &trail, main)
    }
}

fn token(visit: &Visit) -> Markup {
    html! { input type="hidden" name="token" value=(*visit.token); }
}

/// Renders the name that a form stores under, or the field for it if the visitor has given none.
fn signature(visit: &Visit) -> Markup {
    html! {
        @match visit.author() {
            Some(author) => p .path { "Stored in the name of " bdi { (author.name()) } "." },
            None => (author_field(visit.typed())),
        }
    }
}

/// Renders the field for the name of the visitor.
fn author_field(value: &str) -> Markup {
    html! {
        label for=(FIELD) { "Your name" }
        input #(FIELD) name=(FIELD) value=(value) required maxlength="255" autocomplete="name"
            aria-describedby="author-help";
        small #author-help {
            "It is stored with the secrets, and their page shows it. This browser remembers it."
        }
    }
}

/// Renders who did something, and when.
fn written(what: &str, author: Option<&str>, time: Option<i64>) -> Markup {
    html! {
        @if author.is_some() || time.is_some() { (what) }
        @if let Some(author) = author { " by " bdi { (author) } }
        @if let Some((day, time)) = time.map(date) {
            @if author.is_some() { "," } " "
            time datetime={ (day) "T" (time) "Z" } { (day) " " (time) " UTC" }
        }
    }
}

fn name_field(label: &str, name: &str, value: &str, example: &str) -> Markup {
    html! {
        label for=(name) { (label) }
        input #(name) name=(name) value=(value) required pattern=(NAME) maxlength=(MAX_NAME)
            autocomplete="off" spellcheck="false" autocapitalize="off" aria-describedby={ (name) "-help" };
        small #{ (name) "-help" } { "Letters, digits, " code { ". _ -" } ", such as " code { (example) } "." }
    }
}

pub(super) fn failure(status: StatusCode, text: &str) -> Markup {
    let title = status.canonical_reason().unwrap_or("Something went wrong");
    layout(
        title,
        &[],
        &html! {
            h1 { (title) }
            p role="alert" { (text) }
            p { a href="/" { "Back to the modules" } }
        },
    )
}

/// Renders what was typed into a form that failed, as a form that is sent to the same URL.
pub(super) fn retry(visit: &Visit, status: StatusCode, why: &str, fields: &Fields) -> Markup {
    let title = status.canonical_reason().unwrap_or("Something went wrong");
    layout(
        title,
        &[],
        &html! {
            h1 { (title) }
            div #problems .problems role="alert" tabindex="-1" autofocus {
                h2 { "Nothing was stored" }
                p { (code(why)) }
                p { "What you typed is below. You can copy it, or send it again." }
            }
            form method="post" {
                (token(visit))
                @for (name, value) in fields.iter() {
                    @match name {
                        "token" | "text" | "typed" => {},
                        FIELD => (author_field(value)),
                        "version" => (name_field("Version", "version", value, "1.0.0")),
                        "name" => (name_field("Name", "name", value, "chat")),
                        "folder" => {
                            label for="folder" { "Checkout" }
                            input #folder name="folder" value=(value);
                        },
                        _ => input type="hidden" name=(name) value=(value);,
                    }
                }
                @if fields.iter().any(|(name, _)| name == "text") {
                    label for="text" { "Secrets" }
                    small #text-help { "Exactly what you typed." }
                    (Editor::of(fields.get("text")).area())
                }
                button { "Send again" }
                (editor::typed(&fields.all("typed")))
            }
            p { a href="/" { "Back to the modules" } }
        },
    )
}

/// Renders the reason why a form was not carried out, above the same form with what was typed.
fn held(why: Option<&str>) -> Markup {
    html! {
        @if let Some(why) = why {
            div #problems .problems role="alert" tabindex="-1" autofocus {
                h2 { "Nothing was stored" }
                p { (why) }
            }
        }
    }
}

pub(super) fn home(
    visit: &Visit,
    modules: &[(String, Option<PathBuf>, usize)],
    wrong: Option<(String, &str, &str)>,
) -> Markup {
    let (why, name, folder) = match &wrong {
        Some((why, name, folder)) => (Some(why), *name, *folder),
        None => (None, "", ""),
    };
    layout(
        "Modules",
        &[],
        &html! {
            h1 { "Modules" }
            p .lead {
                "A module is a small app. Its checkout has a template of the secrets that it needs. "
                "Each version of a module has its own secrets."
            }
            ul .cards {
                @for (name, folder, versions) in modules {
                    li {
                        a href={ "/modules/" (name) } { strong { (name) } }
                        span { @match versions { 1 => "1 version", n => { (n) " versions" } } }
                        @match folder {
                            Some(folder) => span .path { (folder.display()) },
                            None => span .path { "no checkout, no template" },
                        }
                    }
                }
            }
            section {
                h2 { "Add a module" }
                form method="post" action="/modules" {
                    (token(visit))
                    @if let Some(why) = why { p .problems role="alert" #problems { (code(why)) } }
                    (name_field("Name", "name", name, "chat"))
                    label for="folder" { "Checkout " span .optional { "optional" } }
                    input #folder name="folder" value=(folder) autocomplete="off" spellcheck="false"
                        aria-describedby="folder-help";
                    small #folder-help {
                        "A folder on this machine with " code { ".streamlit/secrets.toml" }
                        " in it. Without one, the module has no template."
                    }
                    button { "Add" }
                }
            }
        },
    )
}

pub(super) fn module(
    name: &str,
    module: &Module,
    template: &Result<Option<Template>, TemplateError>,
    versions: &[(String, Option<Revision>, usize)],
    deleted: &[(String, Vec<String>)],
) -> Markup {
    layout(
        name,
        &[("Modules", "/")],
        &html! {
            h1 { (name) }
            @match (&module.folder, template) {
                (_, Err(error)) => p .problems role="alert" { (chain(error)) },
                (Some(folder), Ok(Some(_))) => p .path { (folder.display()) },
                (Some(folder), Ok(None)) => p .path { (folder.display()) ", which has no template" },
                (None, _) => p .path { "No checkout, no template" },
            }
            p { a .button href={ "/new/" (name) } { "Create a version" } }
            section {
                h2 { "Versions" }
                @if versions.is_empty() { p { "No versions yet." } }
                @else {
                    table {
                        thead { tr { th scope="col" { "Version" } th scope="col" { "Revision" } th scope="col" { "Installs" } th scope="col" { span .sr { "Next" } } } }
                        tbody {
                            @for (version, revision, installs) in versions {
                                tr {
                                    th scope="row" { a href={ "/modules/" (name) "/" (version) } { (version) } }
                                    td { @match revision { Some(revision) => (revision), None => "–" } }
                                    td { (installs) }
                                    td { a href={ "/new/" (name) "?from=" (version) } { "Next version from " (version) } }
                                }
                            }
                        }
                    }
                }
            }
            @if !deleted.is_empty() {
                section {
                    h2 { "Deleted versions" }
                    @for (version, installs) in deleted {
                        @let version = Place::version(name, version);
                        p {
                            a href=(url(&version)) { (version.version) }
                            @if !installs.is_empty() { ", whose installs still have their secrets:" }
                        }
                        @if !installs.is_empty() { (install_cards(&version, installs)) }
                    }
                }
            }
            @if let Ok(Some(template)) = template {
                section {
                    h2 { "Required secrets" }
                    (template_findings(template))
                    (variables(template, None))
                }
            }
        },
    )
}

/// Lists the installs of a version as links.
fn install_cards(version: &Place, installs: &[String]) -> Markup {
    html! {
        ul .cards {
            @for install in installs {
                li { a href=(url(&version.install(install))) { strong { (install) } } }
            }
        }
    }
}

/// The names of the installs of a version.
#[derive(Default)]
pub(super) struct Installs {
    pub(super) stored: Vec<String>,
    pub(super) deleted: Vec<String>,
}

impl Installs {
    fn is_empty(&self) -> bool {
        self.stored.is_empty() && self.deleted.is_empty()
    }
}

/// Lists the installs of a version as links, and the deleted ones below.
fn install_lists(version: &Place, installs: &Installs) -> Markup {
    html! {
        @if !installs.stored.is_empty() { (install_cards(version, &installs.stored)) }
        @if !installs.deleted.is_empty() {
            p .path {
                "Deleted: "
                @for (i, install) in installs.deleted.iter().enumerate() {
                    @if i > 0 { ", " }
                    a href=(url(&version.install(install))) { (install) }
                }
            }
        }
    }
}

/// Lists the findings about a template, which only its maintainer can fix.
fn template_findings(template: &Template) -> Markup {
    html! {
        @if template.findings().len() > 0 {
            div .note #template {
                h3 { "The module's template has mistakes" }
                ul { @for finding in template.findings() { (Note::of_template(finding)) } }
            }
        }
    }
}

/// Renders a link to documentation. It comes from the module's repository, so its host is shown, and
/// the other site is not told where the visitor comes from.
fn docs(url: Option<&str>) -> Markup {
    // The crate returns no other URLs. A link is the one place where a wrong scheme would run code.
    let url = url.and_then(|url| Some((url, url.strip_prefix("https://")?)));
    html! {
        @if let Some((url, rest)) = url {
            p .docs {
                "The module's authors refer to "
                a href=(url) rel="noopener noreferrer nofollow" {
                    (rest.split(['/', '?', '#']).next().unwrap_or(rest))
                }
            }
        }
    }
}

/// Renders the variables of a template, and marks those that keep a value of an earlier version.
fn variables(template: &Template, from: Option<(&str, &Prefilled)>) -> Markup {
    let carried: HashSet<_> = from
        .into_iter()
        .flat_map(|(_, prefilled)| prefilled.carried())
        .map(|path| path.to_string())
        .collect();
    // A section that says something about itself is shown above its first variable.
    let mut sections: HashMap<_, _> = template
        .sections()
        .filter(|section| section.description().is_some() || section.docs().is_some())
        .map(|section| (section.path().to_string(), section))
        .collect();
    let mut section_above = |variable: &Variable<'_>| {
        variable.path().parent().and_then(|parent| sections.remove(&parent.to_string()))
    };
    html! {
        table .variables {
            thead { tr { th scope="col" { "Variable" } th scope="col" { "Kind" } th scope="col" { "Needed" } } }
            tbody {
                @for variable in template.variables() {
                    @let path = variable.path().to_string();
                    @if let Some(section) = section_above(&variable) {
                        tr {
                            th .section scope="rowgroup" colspan="3" {
                                "Section " code { (section.path().to_string()) }
                                @if let Some(description) = section.description() { p { (description) } }
                                (docs(section.docs()))
                            }
                        }
                    }
                    tr {
                        th scope="row" {
                            code { (path) }
                            @if let Some(description) = variable.description() { p { (description) } }
                            @for format in variable.formats() {
                                p .format { (code(&capital(&format.to_string()))) "." }
                            }
                            (docs(variable.docs()))
                        }
                        td data-label="Kind" {
                            (variable.kind()) @if variable.is_secret() { ", secret" }
                        }
                        td data-label="Needed" {
                            @if variable.is_required() { "required" } @else { span .optional { "optional" } }
                            @if let Some((from, _)) = from {
                                @if carried.contains(&path) {
                                    span .kept { "kept from " (from) }
                                } @else {
                                    span .new { "new" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A change of the secrets that a form was made from, after it was made.
#[derive(Clone, Copy)]
pub(super) struct Conflict<'a> {
    /// The earlier version that the form starts from; `None` if the form replaces secrets.
    pub(super) from: Option<&'a str>,
    /// The revision that the typed form was made from.
    pub(super) read: Revision,
    /// The revision that is stored now; `None` if the secrets were deleted.
    pub(super) current: Option<Revision>,
}

/// Renders the message at the top of a page after a conflict.
fn conflict(conflict: Conflict<'_>, typed: &[Zeroizing<String>]) -> Markup {
    let Conflict { from, read, current } = conflict;
    html! {
        div #problems .problems role="alert" tabindex="-1" autofocus {
            h2 {
                @match (from, current) {
                    (Some(from), Some(_)) => { "Somebody changed " (from) " in the meantime" },
                    (Some(from), None) => { "Somebody deleted " (from) " in the meantime" },
                    (None, Some(_)) => "Somebody saved other secrets in the meantime",
                    (None, None) => "Somebody deleted the secrets in the meantime",
                }
                ". Yours were not stored"
            }
            p {
                "Your form was made from revision " (read) @if let Some(from) = from { " of " (from) }
                @match current {
                    Some(current) => {
                        "; the current one is revision " (current) ". The new form below is made from "
                        "revision " (current) ". Copy your changes into it from “What you typed”, "
                        "which is below it, and save again."
                    },
                    None if from.is_some() => {
                        ". The new form below keeps no values. Copy what you need into it from “What "
                        "you typed”, which is below it, and enter the other values."
                    },
                    None => ". You can copy what you typed from below.",
                }
            }
            @if current.is_some() && typed.first().is_some_and(|typed| editor::is_numbered(typed)) {
                p {
                    "Do not copy a marker with a number: the new form numbers its markers differently. "
                    "Use its own markers."
                }
            }
        }
    }
}

/// The page on which a version is created.
#[derive(Clone, Copy)]
pub(super) struct NewVersion<'a> {
    pub(super) module: &'a str,
    pub(super) template: Option<&'a Template>,
    /// The earlier version that the form starts from, and its revision.
    pub(super) from: Option<(&'a str, Revision)>,
    pub(super) prefilled: Option<&'a Prefilled<'a>>,
    /// The name that was typed.
    pub(super) version: &'a str,
    /// The reason why the name was rejected.
    pub(super) wrong_name: Option<&'a str>,
    pub(super) conflict: Option<Conflict<'a>>,
    /// The reason why the form was not carried out.
    pub(super) held: Option<&'a str>,
    /// The texts that were typed into outdated forms.
    pub(super) typed: &'a [Zeroizing<String>],
}

pub(super) fn new_version(visit: &Visit, new: &NewVersion<'_>, editor: &Editor) -> Markup {
    let NewVersion { module, template, from, prefilled, version, .. } = *new;
    let NewVersion { wrong_name, conflict, held, typed, .. } = *new;
    let revision = from.map(|(_, revision)| revision);
    let from = from.map(|(from, _)| from);
    let refused = wrong_name.is_some() || conflict.is_some() || held.is_some();
    let wrong = refused || editor.errors() > 0;
    let title = if wrong { "Error: create a version" } else { "Create a version" };
    layout(
        title,
        &[("Modules", "/"), (module, &format!("/modules/{module}"))],
        &html! {
            h1 { @match from { Some(from) => { "Next version after " (from) }, None => "Create a version" } }
            (editor.summary())
            (self::held(held))
            @if let Some(conflict) = conflict { (self::conflict(conflict, typed)) }
            @if let Some(prefilled) = prefilled {
                @if prefilled.dropped().len() > 0 {
                    p .note {
                        "The template no longer has these variables, so their values are not kept: "
                        @for (i, path) in prefilled.dropped().enumerate() {
                            @if i > 0 { ", " } code { (path.to_string()) }
                        }
                        "."
                    }
                }
            }
            div .beside {
                form method="post" action={ "/new/" (module) } {
                    (token(visit))
                    @if let Some(from) = from { input type="hidden" name="from" value=(from); }
                    @if let Some(revision) = revision { input type="hidden" name="revision" value=(revision); }
                    @if let Some(why) = wrong_name { p .problems role="alert" #problems { (why) } }
                    (name_field("Version", "version", version, "1.0.0"))
                    label for="text" { "Secrets" }
                    small #text-help {
                        @match (from, template) {
                            (Some(from), _) => (editor.help(&format!("the value from {from}"))),
                            (None, Some(_)) => "Write each value between the quotes.",
                            (None, None) => {
                                "The module has no template. Write a line for each variable, such as "
                                code { "TOKEN = \"…\"" } "."
                            },
                        }
                    }
                    (editor.area())
                    (signature(visit))
                    button { "Create" }
                    (editor::typed(typed))
                }
                @if let Some(template) = template {
                    section .side {
                        h2 { "Variables" }
                        (template_findings(template))
                        (variables(template, from.zip(prefilled)))
                    }
                }
            }
        },
    )
}

/// The page of a version or an install.
pub(super) struct Shown<'a> {
    pub(super) place: &'a Place,
    pub(super) current: &'a Current,
    pub(super) history: &'a Entries,
    pub(super) installs: &'a Installs,
    pub(super) warnings: Vec<Note>,
    /// The secrets were just stored.
    pub(super) stored: bool,
    /// The reason why an install was not made, and its name.
    pub(super) wrong: Option<(&'a str, &'a str)>,
}

pub(super) fn place(visit: &Visit, shown: &Shown<'_>) -> Markup {
    let Shown { place, current, history, installs, warnings, stored, wrong } = shown;
    let url = url(place);
    let Current { secrets, template, revision, author, time, key } = current;
    let name = place.install.as_deref().unwrap_or(&place.version);
    let what = if place.install.is_some() { "install" } else { "version" };
    Trail::to(place, false).layout(name, &html! {
        h1 { (name) " " small { (what) " of " (place.module) } }
        @if *stored {
            p .good role="status" { "Stored, encrypted, as revision " (revision) "." }
        }
        p .path {
            "Revision " (revision) ", " (written("stored", author.as_deref(), *time)) br;
            "Encrypted with key " (key)
        }
        div .actions {
            a .button href={ (url) "/run" } { "Run" }
            a .button .quiet href={ (url) "/edit" } { "Replace values" }
            @if place.install.is_none() {
                a .button .quiet href={ "/new/" (place.module) "?from=" (place.version) } { "Next version" }
            }
        }
        @if !warnings.is_empty() {
            section .note {
                h2 { "Warnings" }
                ul { @for note in warnings { (note.without_line()) } }
            }
        }
        section {
            h2 { "Variables" }
            (contents(secrets, template.as_ref()))
        }
        @if place.install.is_none() {
            section {
                h2 { "Installs" }
                p { "An install starts with a copy of these secrets. Later changes do not affect it." }
                (install_lists(place, installs))
                form method="post" action={ (url) "/installs" } {
                    (token(visit))
                    @if let Some((why, _)) = wrong { p .problems role="alert" #problems { (why) } }
                    (name_field("Name of the install", "name", wrong.map_or("", |(_, name)| name), "acme"))
                    (signature(visit))
                    button { "Install" }
                }
            }
        }
        (history::history(place, history))
        p { a .button .danger href={ (url) "/delete" } { "Delete…" } }
    })
}

/// The page that asks before it deletes.
pub(super) struct Delete<'a> {
    pub(super) place: &'a Place,
    pub(super) revision: Revision,
    pub(super) installs: &'a [String],
    /// The number of delivered files.
    pub(super) files: usize,
    pub(super) ask: Ask,
}

/// The occasion on which a page asks before it does something.
#[derive(Clone, Copy)]
pub(super) enum Ask {
    First,
    /// The secrets were replaced since the page asked before.
    Again,
    /// The visitor has no name, for this reason.
    Unsigned(&'static str),
}

pub(super) fn delete(visit: &Visit, delete: &Delete<'_>) -> Markup {
    let Delete { place, revision, installs, files, ask } = *delete;
    let name = place.install.as_deref().unwrap_or(&place.version);
    let what = if place.install.is_some() { "install" } else { "version" };
    Trail::to(place, true).layout(
        &format!("Delete {name}"),
        &html! {
            h1 { "Delete the " (what) " " (name) "?" }
            (asked(ask, "Nothing was deleted", &html! {
                "Somebody stored revision " (revision) " in the meantime. Delete that one?"
            }))
            h2 { "This goes" }
            ul {
                li {
                    "The secrets of this " (what) ", revision " (revision) ". The history keeps them, "
                    "encrypted, and they can be restored."
                }
                @match files {
                    0 => {},
                    1 => li { "The file that was delivered with them." },
                    n => li { "The " (n) " files that were delivered with them." },
                }
            }
            @if !installs.is_empty() {
                h2 { "This stays" }
                p {
                    @match installs.len() { 1 => "1 install", n => { (n) " installs" } }
                    ", with its own secrets. The page of " (place.module) " links to it:"
                }
                (install_cards(place, installs))
            }
            form method="post" action={ (url(place)) "/delete" } {
                (token(visit))
                input type="hidden" name="revision" value=(revision);
                (signature(visit))
                div .actions {
                    button .danger { "Delete " (name) }
                    a .button .quiet href=(url(place)) { "Keep it" }
                }
            }
        },
    )
}

/// Renders the reason why a page asks again.
fn asked(ask: Ask, nothing: &str, again: &Markup) -> Markup {
    let why = match ask {
        Ask::First => return Markup::default(),
        Ask::Again => again,
        Ask::Unsigned(why) => &html! { (why) },
    };
    html! {
        div #problems .problems role="alert" tabindex="-1" autofocus {
            h2 { (nothing) }
            p { (why) }
        }
    }
}

/// Renders the variables of secrets: their kinds, and how the module reads them.
fn contents(secrets: &Secrets, template: Option<&Template>) -> Markup {
    let env = secrets.env().ok();
    let described: HashMap<_, _> = template
        .into_iter()
        .flat_map(Template::variables)
        .filter_map(|variable| Some((variable.path().to_string(), variable.description()?)))
        .collect();
    html! {
        table .variables {
            thead { tr { th scope="col" { "Variable" } th scope="col" { "Kind" } th scope="col" { "Read from" } } }
            tbody {
                @for (path, value) in secrets.variables() {
                    @let shown = path.to_string();
                    tr {
                        th scope="row" {
                            code { (shown) }
                            @if let Some(description) = described.get(&shown) { p { (description) } }
                        }
                        td data-label="Kind" { (value.kind()) }
                        td data-label="Read from" {
                            @match (path.parent(), path.name().zip(env.as_ref())) {
                                (Some(section), _) => { "section " code { (section) } },
                                (None, Some((name, env))) => @match env.source(name) {
                                    Some(source) => { "environment, from " (source) },
                                    None => "typed access only",
                                },
                                _ => "typed access only",
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The page on which the secrets of a place are replaced.
#[derive(Clone, Copy)]
pub(super) struct Edit<'a> {
    pub(super) place: &'a Place,
    pub(super) template: Option<&'a Template>,
    /// The form and the revision that it was made from; `None` if the secrets were deleted.
    pub(super) form: Option<(Revision, &'a Editor)>,
    pub(super) conflict: Option<Conflict<'a>>,
    /// The reason why the form was not carried out.
    pub(super) held: Option<&'a str>,
    /// The texts that were typed into outdated forms.
    pub(super) typed: &'a [Zeroizing<String>],
}

impl<'a> Edit<'a> {
    /// The page with a form that was made from the current secrets, or without a form.
    pub(super) fn of(place: &'a Place, form: Option<(&'a Current, &'a Editor)>) -> Self {
        Self {
            place,
            template: form.and_then(|(current, _)| current.template.as_ref()),
            form: form.map(|(current, editor)| (current.revision, editor)),
            conflict: None,
            held: None,
            typed: &[],
        }
    }
}

pub(super) fn edit(visit: &Visit, edit: &Edit<'_>) -> Markup {
    let Edit { place, template, form, conflict, held, typed } = *edit;
    let errors = form.map_or(0, |(_, editor)| editor.errors());
    let title = match conflict.is_some() || held.is_some() || errors > 0 {
        true => "Error: replace values",
        false => "Replace values",
    };
    Trail::to(place, true).layout(
        title,
        &html! {
            h1 { "Replace values" }
            @if let Some((_, editor)) = form { (editor.summary()) }
            (self::held(held))
            @if let Some(conflict) = conflict { (self::conflict(conflict, typed)) }
            div .beside {
                @match form {
                    Some((revision, editor)) => form method="post" action={ (url(place)) "/edit" } {
                        (token(visit))
                        input type="hidden" name="revision" value=(revision);
                        label for="text" { "Secrets" }
                        small #text-help { (editor.help("the value that is stored")) }
                        (editor.area())
                        (signature(visit))
                        button { "Save" }
                        (editor::typed(typed))
                    },
                    None => div {
                        p { a href={ "/modules/" (place.module) } { "Back to " (place.module) } }
                        (editor::typed(typed))
                    },
                }
                @if let Some(template) = template {
                    section .side { h2 { "Variables" } (variables(template, None)) }
                }
            }
        },
    )
}

fn run_layout(place: &Place, body: &Markup) -> Markup {
    Trail::to(place, true).layout("Run", &html! {
        h1 { "Run " (place.install.as_deref().unwrap_or(&place.version)) }
        p .lead {
            "The module runs as a separate process with these variables and no others. A query in the "
            "address of this page overrides some of them, as a visitor's link would:"
        }
        ul {
            @for query in ["?user_id=visitor", "?base=https://api.clarifai.com", "?base=https://evil.example"] {
                li { a href=(query) { code { (query) } } }
            }
        }
        (body)
    })
}

pub(super) fn run_refused(place: &Place, error: &OverrideError) -> Markup {
    let page = html! {
        div .problems role="alert" {
            h2 { "The link was refused, so nothing was run" }
            p { (code(&error.to_string())) }
            p {
                "If a link breaks one rule, the module does not run at all, not even with the "
                "owner's variables alone."
            }
        }
    };
    run_layout(place, &page)
}

/// The page on which a module is run.
pub(super) struct Run<'a> {
    pub(super) place: &'a Place,
    pub(super) env: &'a Env,
    /// The address of the page has a query.
    pub(super) query: bool,
    pub(super) done: Done,
    pub(super) file: Option<File>,
}

/// The action that was just done.
pub(super) enum Done {
    Nothing,
    Ran(Result<Ran, RunError>),
    Delivered(Result<(), DeliverError>),
    Removed,
}

/// A delivered file.
pub(super) struct File {
    /// The command that starts the module with it.
    pub(super) command: String,
    /// The secrets were replaced after the file was written.
    pub(super) outdated: bool,
    /// The module has one.
    pub(super) checkout: bool,
}

pub(super) fn run(visit: &Visit, run: &Run<'_>) -> Markup {
    let Run { place, env, query, done, file } = run;
    let page = html! {
        section {
            h2 { "Environment" @if *query { " with this link" } }
            table .variables {
                thead { tr { th scope="col" { "Variable" } th scope="col" { "Value from" } th scope="col" { "Instead of" } } }
                tbody { @for explanation in env.explain() { (explained(&explanation)) } }
            }
        }
        // Without an `action`, the form is sent to this URL, query included, and the page need not
        // show the query.
        form method="post" { (token(visit)) button { "Run" } }
        @match done {
            Done::Ran(Ok(Ran { output, status })) => section #output {
                h2 { "Output" }
                pre tabindex="0" role="status" { (output) }
                p .path { "The module ended with " (status) "." }
            },
            Done::Ran(Err(error)) => p .problems role="alert" { "The module could not be run: " (code(&chain(error))) },
            _ => {},
        }
        (streamlit(visit, done, file.as_ref()))
    };
    run_layout(place, &page)
}

/// Renders the section that delivers a file and shows how to start the Streamlit app with it.
fn streamlit(visit: &Visit, done: &Done, file: Option<&File>) -> Markup {
    // Also without an `action`, so that the file has the overrides of this URL.
    let form = |action: &str, class: &str, text: &str| {
        html! {
            form method="post" {
                (token(visit))
                input type="hidden" name="action" value=(action);
                button class=(class) { (text) }
            }
        }
    };
    html! {
        section #streamlit {
            h2 { "Start it as a Streamlit app" }
            p .lead {
                "A Streamlit app reads its secrets from a file. This server can write the file and show "
                "the command that starts the app with it. The file has the variables above and the "
                "sections, without those that the link displaced. It is not encrypted, but only the "
                "user who runs this server can read it. The server removes it when it ends."
            }
            @match done {
                Done::Delivered(Ok(())) => p .good role="status" { "The file was written." },
                Done::Delivered(Err(error)) => p .problems role="alert" { "The file could not be written: " (code(&chain(error))) },
                Done::Removed => p .good role="status" { "The file was removed. A running app keeps its values until it ends." },
                Done::Nothing | Done::Ran(_) => {},
            }
            @match file {
                Some(File { command, outdated, checkout }) => {
                    @if *outdated {
                        p .note {
                            "The secrets were replaced after this file was written. Deliver it again: "
                            "a running app sees the new values within a few seconds."
                        }
                    }
                    p {
                        "Copy this command into a terminal"
                        @if !checkout { " in the folder of the app" }
                        ". " code { "streamlit" } " must be installed there. Streamlit prints the app's address."
                    }
                    pre .command tabindex="0" { (command) }
                    p .path {
                        "If the app's file has another name, change " code { "app.py" } ". The command "
                        "clears the environment, so variables of your terminal do not reach the app. If "
                        "the app needs one of them, add it after " code { "HOME" } "."
                    }
                    div .actions {
                        (form("deliver", "quiet", "Deliver again"))
                        (form("remove", "danger", "Remove the file"))
                    }
                },
                None => (form("deliver", "", "Deliver a file")),
            }
        }
    }
}

fn explained(explanation: &Explanation<'_>) -> Markup {
    let source = |source: Option<&Source>| {
        html! {
            @match source { Some(source) => (code(&source.to_string())), None => "–" }
        }
    };
    html! {
        tr .gone[explanation.winner().is_none()] {
            th scope="row" { code { (explanation.variable()) } }
            td data-label="Value from" {
                @match explanation.displaced_by() {
                    Some(by) => { "displaced by " (code(&by.to_string())) },
                    None => (source(explanation.winner())),
                }
            }
            td data-label="Instead of" { (source(explanation.replaced())) }
        }
    }
}

/// The page on which a visitor gives a name. `given` is the result, if one was sent.
pub(super) fn name(visit: &Visit, given: Option<Result<(), &str>>) -> Markup {
    let author = visit.author().map(Author::name);
    layout(
        "Your name",
        &[],
        &html! {
            h1 { "Your name" }
            @match given {
                None => {},
                Some(Ok(())) => p .good role="status" { "This browser remembers the name." },
                Some(Err(why)) => p #problems .problems role="alert" { (why) },
            }
            p .lead {
                "Each revision of secrets has the name of the person who stored it. Nobody checks the "
                "names: this server has no login."
            }
            form method="post" action="/name" {
                (token(visit))
                (author_field(author.unwrap_or_else(|| visit.typed())))
                button { "Remember" }
            }
        },
    )
}

pub(super) fn keys(visit: &Visit, keyring: &Keyring, usage: &Report, status: &Status) -> Markup {
    let interrupted = keyring.entries().any(|(_, state)| state == KeyState::Active);
    let page = html! {
        h1 { "Keys" }
        p .lead {
            "All secrets are encrypted with the primary key of the keyring. Rotating adds a key, "
            "encrypts everything with it, and then destroys the old keys."
        }
        @match status {
            Status::Idle if interrupted => p .note role="status" {
                "A rotation was interrupted. All secrets can be opened, some of them with an old key. Go "
                "on to encrypt them, too."
            },
            Status::Idle => {},
            Status::Running { step, done, total } => div .note role="status" {
                h2 { "Rotating: " (step) }
                progress value=(done) max=(total.max(&1)) aria-label="Records" {}
                p { (done) " of " (total) " records." }
            },
            Status::Done { moved } => p .good role="status" {
                "Done: " (moved) " records were encrypted with the new key, and the old keys are destroyed."
            },
            Status::Failed(why) => p .problems role="alert" {
                "The rotation stopped: " (why) ". All secrets can still be opened. Rotate again to "
                "finish."
            },
        }
        table {
            thead { tr { th scope="col" { "Key" } th scope="col" { "State" } th scope="col" { "Records" } } }
            tbody {
                @for (id, state) in keyring.entries() {
                    tr .gone[state == KeyState::Destroyed] {
                        th scope="row" { code { (id) } }
                        td { (state_name(state)) }
                        td { (usage.records(&id)) }
                    }
                }
            }
        }
        form method="post" action="/keys/rotate" {
            (token(visit))
            button disabled[matches!(status, Status::Running { .. })] {
                @if interrupted { "Go on" } @else { "Rotate" }
            }
        }
    };
    let page = layout("Keys", &[], &page);
    match status {
        // The page reloads itself during a rotation.
        Status::Running { .. } => maud::PreEscaped(page.into_string().replacen(
            "<head>",
            "<head><meta http-equiv=\"refresh\" content=\"1\">",
            1,
        )),
        _ => page,
    }
}

fn state_name(state: KeyState) -> &'static str {
    match state {
        KeyState::Primary => "primary: encrypts and decrypts",
        KeyState::Active => "active: decrypts",
        KeyState::Disabled => "disabled",
        KeyState::Destroyed => "destroyed",
        _ => "unknown",
    }
}
