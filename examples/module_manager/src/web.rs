//! Routes and handlers. The HTML is in [`pages`].

mod editor;
mod guard;
mod pages;
mod visit;

use std::collections::HashSet;
use std::error::Error;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{io, iter, path};

use axum::Router;
use axum::extract::{FromRequestParts, Path, RawQuery};
use axum::http::{StatusCode, header, request};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::Markup;
use secrets_toml::seal::{By, Revision};
use secrets_toml::vault::Scopes;
use secrets_toml::{Overrides, Template};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::delivery::{Deliveries, command};
use crate::host::{self, Host};
use crate::run;
use crate::versions::{Current, Earlier, Place, Refusal, is_name};
use crate::web::editor::Editor;
use crate::web::guard::{Fields, Held, Sent};
pub use crate::web::guard::{MAX_BODY, MAX_READ};
use crate::web::pages::{
    Ask, Conflict, Delete, Done, Edit, File, Installs, NewVersion, Restore, Run, Shown,
};
use crate::web::visit::Visit;

const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/lines.js");

/// The state that all handlers share.
pub struct App {
    host: Arc<Host>,
    deliveries: Mutex<Deliveries>,
    /// The command of the sample module.
    program: PathBuf,
    /// The token that each of our forms sends, and that no page of another site can know.
    token: Zeroizing<String>,
    /// The accepted values of the `Host` header.
    names: [String; 2],
}

/// Builds the router that serves the pages on a port of this machine.
pub fn router(host: Arc<Host>, program: &FilePath, port: u16) -> io::Result<Router> {
    let app = Arc::new(App {
        deliveries: Mutex::new(Deliveries::new(host.folder())),
        host,
        program: program.to_owned(),
        token: host::random_text()?,
        names: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
    });
    let place = Router::new()
        .route("/", get(show))
        .route("/edit", get(edit).post(replace))
        .route("/delete", get(ask).post(delete))
        .route("/restore/{revision}", get(ask_to_restore).post(restore))
        .route("/run", get(explain).post(act));
    Ok(Router::new()
        .route("/", get(home))
        .route("/style.css", get(style))
        .route("/lines.js", get(script))
        .route("/modules", post(add_module))
        .route("/modules/{module}", get(module))
        // Not below the module: `new` can be the name of a version.
        .route("/new/{module}", get(new_version).post(create))
        .route("/modules/{module}/{version}/installs", post(install))
        .nest("/modules/{module}/{version}", place.clone())
        .nest("/modules/{module}/{version}/installs/{install}", place)
        .route("/keys", get(keys))
        .route("/keys/rotate", post(rotate))
        .route("/name", get(name).post(set_name))
        .fallback(async || Failure::NotFound)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app))
}

type Page = Result<Response, Failure>;

/// A response other than the requested page.
#[derive(Debug)]
pub enum Failure {
    NotFound,
    /// The request is not one that our pages send.
    Refused(StatusCode, &'static str),
    /// The request cannot be carried out, for this reason.
    Rejected(StatusCode, String),
    /// The server failed.
    Internal(String),
}

impl Failure {
    /// Logs what the server failed at, and returns the status and the text of the page.
    fn told(self) -> (StatusCode, String) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "There is nothing here.".to_owned()),
            Self::Refused(status, text) => (status, text.to_owned()),
            Self::Rejected(status, text) => (status, text),
            Self::Internal(text) => {
                tracing::error!("{text}");
                (StatusCode::INTERNAL_SERVER_ERROR, text)
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, text) = self.told();
        (status, pages::failure(status, &text)).into_response()
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Absent => Self::NotFound,
            Refusal::Conflict(current) => Self::Rejected(StatusCode::CONFLICT, conflict(current)),
            Refusal::Template(_) => {
                Self::Rejected(StatusCode::UNPROCESSABLE_ENTITY, chain(&refusal))
            }
            refusal => Self::Internal(chain(&refusal)),
        }
    }
}

/// Joins the messages of an error and its sources. No error of the crate holds a value.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

/// Runs a handler on a thread that may wait for the disk. The response remembers the name that the
/// visitor typed.
async fn blocking(visit: Visit, work: impl FnOnce(&Visit) -> Page + Send + 'static) -> Page {
    let cookie = visit.cookie();
    let mut page = match tokio::task::spawn_blocking(move || work(&visit)).await {
        Ok(page) => page?,
        // The panic hook has printed the message.
        Err(_) => return Err(Failure::Internal("the page could not be built".to_owned())),
    };
    if let Some(cookie) = cookie {
        page.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(page)
}

/// Runs a handler of a form in which somebody typed. If it fails, the page has what was typed, in a
/// form that is sent to the same URL.
async fn keeping(
    visit: Visit,
    sent: Sent,
    work: impl FnOnce(&Visit, &Fields, Option<Held>) -> Page + Send + 'static,
) -> Page {
    let Sent { fields, held } = sent;
    let visit = visit.sign(&fields);
    let kept = Arc::new(fields);
    let fields = Arc::clone(&kept);
    let failure = match blocking(visit.clone(), move |visit| work(visit, &fields, held)).await {
        Ok(page) => return Ok(page),
        Err(failure) => failure,
    };
    let (status, why) = failure.told();
    refused(status, pages::retry(&visit, status, &why, &kept))
}

fn html(page: Markup) -> Page {
    Ok(page.into_response())
}

fn refused(status: StatusCode, page: Markup) -> Page {
    Ok((status, page).into_response())
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT)
}

async fn home(visit: Visit) -> Page {
    blocking(visit, |visit| visit.home(None)).await
}

async fn add_module(visit: Visit, sent: Sent) -> Page {
    keeping(visit, sent, |visit, fields, held| {
        let (name, folder) = (fields.get("name"), fields.get("folder"));
        let refuse_as = |status: StatusCode, why: String| {
            let page = visit.home(Some((why, name, folder)))?;
            Ok((status, page).into_response())
        };
        let refuse = |why| refuse_as(StatusCode::UNPROCESSABLE_ENTITY, why);
        if let Some(Held { status, why }) = held {
            return refuse_as(status, why.to_owned());
        }
        if !is_name(name) {
            return refuse(format!("“{name}” cannot be the name of a module"));
        }
        let folder = Some(folder.trim()).filter(|folder| !folder.is_empty()).map(PathBuf::from);
        if let Some(folder) = &folder {
            if !folder.is_dir() {
                return refuse("this folder does not exist on this machine".to_owned());
            }
            if let Err(error) = Template::from_repository(folder) {
                return refuse(chain(&error));
            }
        }
        let added = visit.host.modules().add(name, folder);
        match added {
            Ok(true) => Ok(Redirect::to(&format!("/modules/{name}")).into_response()),
            Ok(false) => refuse(format!("the module {name} exists already")),
            Err(error) => Err(Refusal::from(error).into()),
        }
    })
    .await
}

async fn module(visit: Visit, Path(module): Path<String>) -> Page {
    blocking(visit, move |visit| {
        let entry = visit.module(&module)?;
        let mut versions = Vec::new();
        for name in visit.host.names(Scopes::Versions(&module))? {
            let place = Place::version(&module, &name);
            let revision = visit.host.current(&place)?.map(|current| current.revision);
            let installs = visit.host.names(Scopes::Installs(&module, &name))?.len();
            versions.push((name, revision, installs));
        }
        let template = entry.template();
        let mut deleted = Vec::new();
        for name in visit.host.deleted(Scopes::Versions(&module))? {
            let installs = visit.host.names(Scopes::Installs(&module, &name))?;
            deleted.push((name, installs));
        }
        html(pages::module(&module, &entry, &template, &versions, &deleted))
    })
    .await
}

async fn new_version(visit: Visit, Path(module): Path<String>, RawQuery(query): RawQuery) -> Page {
    blocking(visit, move |visit| {
        let from = query.as_deref().and_then(|query| query.strip_prefix("from="));
        if from.is_some_and(|from| !is_name(from)) {
            return Err(Failure::NotFound);
        }
        visit.new_version(&module, from, None)
    })
    .await
}

async fn create(visit: Visit, Path(module): Path<String>, sent: Sent) -> Page {
    keeping(visit, sent, move |visit, fields, held| {
        let [version, text, from] = ["version", "text", "from"].map(|name| fields.get(name));
        let earlier = match from {
            "" => None,
            from => Some(Earlier { version: from, revision: fields.revision()? }),
        };
        let place = Place::version(&module, version);
        let created = match held.map_or_else(|| visit.by(), Err) {
            Err(held) => Err(Problem::Held(held)),
            Ok(by) => visit.create(&place, text, earlier, by)?,
        };
        let problem = match created {
            Ok(()) => return Ok(Redirect::to(&pages::stored_url(&place)).into_response()),
            Err(problem) => problem,
        };
        let read = earlier.map(|earlier| earlier.revision);
        let typed = Typed { version, text, read, before: fields.all("typed"), problem };
        visit.new_version(&module, earlier.map(|earlier| earlier.version), Some(typed))
    })
    .await
}

async fn show(visit: Visit, In(place): In, RawQuery(query): RawQuery) -> Page {
    blocking(visit, move |visit| {
        visit.module(&place.module)?;
        if visit.host.current(&place)?.is_none() {
            let history = visit.host.history(&place)?;
            if history.is_empty() {
                return Err(Failure::NotFound);
            }
            let page = pages::deleted(&place, &history, &visit.installs(&place)?);
            return refused(StatusCode::GONE, page);
        }
        let stored = query.as_deref() == Some("stored");
        html(visit.place_page(&place, stored, None)?)
    })
    .await
}

async fn edit(visit: Visit, In(place): In) -> Page {
    blocking(visit, move |visit| {
        let current = visit.current(&place)?;
        let form = Editor::of(&form_of(&current));
        let edit = Edit::of(&place, Some((&current, &form)));
        html(pages::edit(visit, &edit))
    })
    .await
}

async fn replace(visit: Visit, In(place): In, sent: Sent) -> Page {
    keeping(visit, sent, move |visit, fields, held| {
        let text = fields.get("text");
        let before = fields.all("typed");
        let read = fields.revision()?;
        visit.module(&place.module)?;
        let by = held.map_or_else(|| visit.by(), Err);
        let held = by.as_ref().err().copied();
        let replaced = match by {
            // The form may be outdated, too.
            Err(_) => match visit.host.current(&place)?.map(|now| now.revision) {
                Some(now) if now == read => Ok(read),
                now => Err(Refusal::Conflict(now)),
            },
            Ok(by) => visit.host.replace(&place, text, read, by),
        };
        let editor = match replaced {
            Ok(_) if held.is_some() => Editor::of(text),
            Ok(_) => return Ok(Redirect::to(&pages::stored_url(&place)).into_response()),
            Err(Refusal::Conflict(_)) => {
                let now = visit.host.current(&place)?;
                let form = now.as_ref().map(|now| (now, Editor::of(&form_of(now))));
                let form = form.as_ref().map(|(now, editor)| (*now, editor));
                let current = now.as_ref().map(|now| now.revision);
                let conflict = Some(Conflict { from: None, read, current });
                let typed = &outdated(text, read, before);
                let edit = Edit { conflict, typed, ..Edit::of(&place, form) };
                return refused(StatusCode::CONFLICT, pages::edit(visit, &edit));
            }
            Err(Refusal::Syntax(error)) => Editor::syntax(text, &error),
            Err(Refusal::Invalid(invalid)) => Editor::invalid(text, &invalid),
            Err(refusal) => return Err(refusal.into()),
        };
        let current = visit.host.current(&place)?;
        let edit = Edit {
            template: current.as_ref().and_then(|current| current.template.as_ref()),
            form: Some((read, &editor)),
            held: held.map(|held| held.why),
            typed: &before,
            ..Edit::of(&place, None)
        };
        let status = held.map_or(StatusCode::UNPROCESSABLE_ENTITY, |held| held.status);
        refused(status, pages::edit(visit, &edit))
    })
    .await
}

async fn ask(visit: Visit, In(place): In) -> Page {
    blocking(visit, move |visit| html(visit.delete_page(&place, Ask::First)?)).await
}

async fn delete(visit: Visit, In(place): In, fields: Fields) -> Page {
    blocking(visit.sign(&fields), move |visit| {
        let read = fields.revision()?;
        let by = match visit.by() {
            Ok(by) => by,
            Err(Held { status, why }) => {
                return refused(status, visit.delete_page(&place, Ask::Unsigned(why))?);
            }
        };
        match visit.host.delete(&place, read, by) {
            Ok(_) => visit.deliveries().remove_all(&place),
            Err(Refusal::Conflict(Some(_))) => {
                return refused(StatusCode::CONFLICT, visit.delete_page(&place, Ask::Again)?);
            }
            Err(refusal) => return Err(refusal.into()),
        }
        let version = Place::version(&place.module, &place.version);
        let up = match &place.install {
            Some(_) if visit.host.current(&version)?.is_some() => pages::url(&version),
            _ => format!("/modules/{}", place.module),
        };
        Ok(Redirect::to(&up).into_response())
    })
    .await
}

async fn ask_to_restore(visit: Visit, In(place): In, Past(past): Past) -> Page {
    blocking(visit, move |visit| html(visit.restore_page(&place, past, Ask::First)?)).await
}

async fn restore(visit: Visit, In(place): In, Past(past): Past, fields: Fields) -> Page {
    blocking(visit.sign(&fields), move |visit| {
        visit.module(&place.module)?;
        let read = fields.revision()?;
        let by = match visit.by() {
            Ok(by) => by,
            Err(Held { status, why }) => {
                return refused(status, visit.restore_page(&place, past, Ask::Unsigned(why))?);
            }
        };
        match visit.host.restore(&place, past, read, by) {
            Ok(_) => Ok(Redirect::to(&pages::stored_url(&place)).into_response()),
            Err(Refusal::Conflict(Some(_))) => {
                refused(StatusCode::CONFLICT, visit.restore_page(&place, past, Ask::Again)?)
            }
            Err(refusal) => Err(refusal.into()),
        }
    })
    .await
}

async fn install(visit: Visit, In(place): In, sent: Sent) -> Page {
    keeping(visit, sent, move |visit, fields, held| {
        let name = fields.get("name");
        let (status, why) = match held.map_or_else(|| visit.by(), Err) {
            Err(Held { status, why }) => (status, why.to_owned()),
            Ok(_) if !is_name(name) => {
                let why = format!("“{name}” cannot be the name of an install");
                (StatusCode::UNPROCESSABLE_ENTITY, why)
            }
            Ok(by) => match visit.host.install(&place, name, by) {
                Ok(_) => {
                    let url = pages::stored_url(&place.install(name));
                    return Ok(Redirect::to(&url).into_response());
                }
                Err(Refusal::Conflict(_)) => {
                    (StatusCode::CONFLICT, format!("the install {name} exists already"))
                }
                Err(refusal) => return Err(refusal.into()),
            },
        };
        refused(status, visit.place_page(&place, false, Some((&why, name)))?)
    })
    .await
}

async fn explain(visit: Visit, In(place): In, RawQuery(query): RawQuery) -> Page {
    blocking(visit, move |visit| visit.run_page(&place, query.as_deref(), Action::Show)).await
}

async fn act(visit: Visit, In(place): In, RawQuery(query): RawQuery, fields: Fields) -> Page {
    blocking(visit, move |visit| {
        let action = match fields.get("action") {
            "" => Action::Run,
            "deliver" => Action::Deliver,
            "remove" => Action::Remove,
            _ => {
                let why = "The form asks for an unknown action.";
                return Err(Failure::Refused(StatusCode::BAD_REQUEST, why));
            }
        };
        visit.run_page(&place, query.as_deref(), action)
    })
    .await
}

async fn keys(visit: Visit) -> Page {
    blocking(visit, |visit| {
        let keyring = visit.host.keyring().map_err(Refusal::from)?;
        let usage = visit.host.vault().usage().map_err(Refusal::from)?;
        html(pages::keys(visit, &keyring, &usage, &visit.host.rotation()))
    })
    .await
}

async fn rotate(visit: Visit, _: Fields) -> Page {
    if visit.host.begin_rotation() {
        let host = Arc::clone(&visit.host);
        tokio::task::spawn_blocking(move || host.rotate());
    }
    Ok(Redirect::to("/keys").into_response())
}

async fn name(visit: Visit) -> Page {
    html(pages::name(&visit, None))
}

async fn set_name(visit: Visit, fields: Fields) -> Page {
    blocking(visit.sign(&fields), |visit| match visit.by() {
        Ok(_) => html(pages::name(visit, Some(Ok(())))),
        Err(Held { status, why }) => refused(status, pages::name(visit, Some(Err(why)))),
    })
    .await
}

/// An action of the run page.
#[derive(Clone, Copy)]
enum Action {
    Show,
    Run,
    Deliver,
    Remove,
}

/// The rejected input of the form for a version.
struct Typed<'a> {
    version: &'a str,
    text: &'a str,
    /// The revision of the earlier version that the form was made from.
    read: Option<Revision>,
    /// The texts that were typed into earlier forms that were out of date.
    before: Vec<Zeroizing<String>>,
    problem: Problem,
}

/// The reason why a version was not created.
enum Problem {
    Name(String),
    Text(Editor),
    Outdated,
    Held(Held),
}

/// Lists the texts that were typed into outdated forms, the latest first.
fn outdated(text: &str, read: Revision, before: Vec<Zeroizing<String>>) -> Vec<Zeroizing<String>> {
    iter::once(editor::outdated(text, read)).chain(before).collect()
}

impl Visit {
    fn module(&self, name: &str) -> Result<crate::modules::Module, Failure> {
        self.host.modules().get(name).cloned().ok_or(Failure::NotFound)
    }

    fn current(&self, place: &Place) -> Result<Current, Failure> {
        self.module(&place.module)?;
        self.host.current(place)?.ok_or(Failure::NotFound)
    }

    /// Creates a version. Fails if what was typed cannot be shown in the form with a problem.
    fn create(
        &self,
        place: &Place,
        text: &str,
        earlier: Option<Earlier<'_>>,
        by: By,
    ) -> Result<Result<(), Problem>, Failure> {
        let version = &place.version;
        let name = |why| Ok(Err(Problem::Name(why)));
        match self.host.create(place, text, earlier, by) {
            Ok(_) => Ok(Ok(())),
            Err(Refusal::Outdated) => Ok(Err(Problem::Outdated)),
            Err(Refusal::Name) => name(format!("“{version}” cannot be the name of a version")),
            Err(Refusal::Conflict(_)) => name(format!("the version {version} exists already")),
            Err(Refusal::Syntax(error)) => Ok(Err(Problem::Text(Editor::syntax(text, &error)))),
            Err(Refusal::Invalid(invalid)) => {
                Ok(Err(Problem::Text(Editor::invalid(text, &invalid))))
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Lists the installs of a version. An install has none.
    fn installs(&self, place: &Place) -> Result<Installs, Failure> {
        let scopes = Scopes::Installs(&place.module, &place.version);
        match place.install {
            Some(_) => Ok(Installs::default()),
            None => Ok(Installs {
                stored: self.host.names(scopes)?,
                deleted: self.host.deleted(scopes)?,
            }),
        }
    }

    /// Builds the page of a version or an install. `wrong` is the name of an install that was not
    /// made, with the reason.
    fn place_page(
        &self,
        place: &Place,
        stored: bool,
        wrong: Option<(&str, &str)>,
    ) -> Result<Markup, Failure> {
        let current = self.current(place)?;
        // Validated again to list the warnings. The secrets stay accepted.
        let warnings = editor::warnings(current.template.as_ref(), current.secrets.expose_text());
        let (history, installs) = (&self.host.history(place)?, &self.installs(place)?);
        let shown = Shown { place, current: &current, history, installs, warnings, stored, wrong };
        Ok(pages::place(self, &shown))
    }

    /// Builds the page that asks before it deletes.
    fn delete_page(&self, place: &Place, ask: Ask) -> Result<Markup, Failure> {
        let revision = self.current(place)?.revision;
        let installs = &self.installs(place)?.stored;
        let files = self.deliveries().count(place);
        Ok(pages::delete(self, &Delete { place, revision, installs, files, ask }))
    }

    /// Builds the page that asks before it restores a revision.
    fn restore_page(&self, place: &Place, past: Revision, ask: Ask) -> Result<Markup, Failure> {
        self.module(&place.module)?;
        let earlier = &self.host.at(place, past)?.ok_or(Failure::NotFound)?;
        let current = self.host.newest(place)?.ok_or(Failure::NotFound)?;
        let (current, deleted) = (current.revision(), current.is_tombstone());
        Ok(pages::restore(self, &Restore { place, earlier, current, deleted, ask }))
    }

    /// Locks the delivered files.
    fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn home(&self, wrong: Option<(String, &str, &str)>) -> Page {
        let mut modules = Vec::new();
        let listed: Vec<_> = self
            .host
            .modules()
            .iter()
            .map(|(name, module)| (name.to_owned(), module.folder.clone()))
            .collect();
        for (name, folder) in listed {
            let versions = self.host.names(Scopes::Versions(&name))?.len();
            modules.push((name, folder, versions));
        }
        html(pages::home(self, &modules, wrong))
    }

    /// Builds the form for a version: a new one, or one with the rejected input and the reason.
    fn new_version(&self, module: &str, from: Option<&str>, typed: Option<Typed<'_>>) -> Page {
        let template = self.module(module)?.template().map_err(Refusal::from)?;
        let earlier = match from.map(|from| Place::version(module, from)) {
            // It may have been deleted since. Show what was typed even so.
            Some(from) if typed.is_some() => self.host.current(&from)?,
            Some(from) => Some(self.current(&from)?),
            None => None,
        };
        let revision = earlier.as_ref().map(|earlier| earlier.revision);
        let prefilled = match (&template, &earlier) {
            (Some(template), Some(earlier)) => {
                let prefilled = template.prefill(&earlier.secrets);
                Some(prefilled.map_err(|error| Failure::Internal(chain(&error)))?)
            }
            _ => None,
        };
        let form = match (&prefilled, &template, &earlier) {
            (Some(prefilled), ..) => prefilled.form().to_owned(),
            (None, Some(template), _) => template.text().to_owned(),
            (None, None, Some(earlier)) => earlier.secrets.form(),
            (None, None, None) => String::new(),
        };
        let new = NewVersion {
            module,
            template: template.as_ref(),
            from: from.zip(revision),
            prefilled: prefilled.as_ref(),
            version: "",
            wrong_name: None,
            held: None,
            conflict: None,
            typed: &[],
        };
        let Some(Typed { version, text, read, before, problem }) = typed else {
            return html(pages::new_version(self, &new, &Editor::of(&form)));
        };
        let new = NewVersion { version, ..new };
        // The earlier version may have changed, whatever the problem was.
        if let Some((from, read)) = from.zip(read).filter(|_| revision != read) {
            let conflict = Some(Conflict { from: Some(from), read, current: revision });
            let typed = outdated(text, read, before);
            let new = NewVersion { conflict, typed: &typed, ..new };
            let page = pages::new_version(self, &new, &Editor::of(&form));
            return refused(StatusCode::CONFLICT, page);
        }
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        let mut new = NewVersion { typed: &before, ..new };
        let editor = match &problem {
            Problem::Text(editor) => editor,
            _ => &Editor::of(text),
        };
        match &problem {
            Problem::Name(why) => new.wrong_name = Some(why),
            Problem::Held(held) => {
                status = held.status;
                new.held = Some(held.why);
            }
            Problem::Text(_) | Problem::Outdated => {}
        }
        refused(status, pages::new_version(self, &new, editor))
    }

    fn run_page(&self, place: &Place, query: Option<&str>, action: Action) -> Page {
        let checkout = self.module(&place.module)?.folder;
        // Locked while the secrets are read, since deleting secrets removes their files afterwards.
        let mut deliveries = self.deliveries();
        let Current { secrets, revision, .. } = self.current(place)?;
        let env = secrets.env().map_err(|error| Failure::Internal(error.to_string()))?;
        let text = query.unwrap_or_default();
        let env = match env.override_with(&Overrides::clarifai(), text) {
            Ok(env) => env,
            // A refused link runs nothing, not even with the owner's variables.
            Err(error) => {
                return refused(StatusCode::BAD_REQUEST, pages::run_refused(place, &error));
            }
        };
        let mut done = Done::Nothing;
        match action {
            Action::Show | Action::Run => {}
            Action::Deliver => {
                done = Done::Delivered(deliveries.deliver(place, text, (&secrets, revision), &env));
            }
            Action::Remove => {
                deliveries.remove(place, text);
                done = Done::Removed;
            }
        }
        let delivered = deliveries.get(place, text);
        drop(deliveries);
        if let Action::Run = action {
            done = Done::Ran(run::run(&self.program, &secrets, &env));
        }
        // The command may be run in another folder than this process.
        let checkout = checkout.map(|folder| path::absolute(&folder).unwrap_or(folder));
        let command = delivered.as_ref().map(|file| command(file, checkout.as_deref()));
        let file = delivered.zip(command).map(|(file, command)| File {
            command,
            outdated: file.revision != revision,
            checkout: checkout.is_some(),
        });
        html(pages::run(self, &Run { place, env: &env, query: query.is_some(), done, file }))
    }
}

/// The place that a URL names. A name that [`is_name`] rejects is "not found".
struct In(Place);

#[derive(Deserialize)]
struct Segments {
    module: String,
    version: String,
    install: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for In {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<Segments>::from_request_parts(parts, state).await;
        let Ok(Path(Segments { module, version, install })) = path else {
            return Err(Failure::NotFound);
        };
        let names = [Some(&module), Some(&version), install.as_ref()];
        if names.into_iter().flatten().all(|name| is_name(name)) {
            Ok(Self(Place { module, version, install }))
        } else {
            Err(Failure::NotFound)
        }
    }
}

/// The earlier revision that a URL names. Any other text is "not found".
struct Past(Revision);

impl<S: Send + Sync> FromRequestParts<S> for Past {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<Named>::from_request_parts(parts, state).await;
        let number = path.ok().and_then(|Path(Named { revision })| revision.parse().ok());
        let revision = number.and_then(|number: u64| Revision::try_from(number).ok());
        revision.map(Self).ok_or(Failure::NotFound)
    }
}

#[derive(Deserialize)]
struct Named {
    revision: String,
}

/// Returns the text of the form that replaces secrets.
///
/// It is the template's, with the values that are not secret, if saving it as it is would change
/// nothing. If the secrets have other variables than the template, it is their own text, with all
/// values hidden.
fn form_of(current: &Current) -> String {
    let Current { secrets, template, .. } = current;
    let prefilled = template.as_ref().and_then(|template| template.prefill(secrets).ok());
    let Some(prefilled) = prefilled else { return secrets.form() };
    let carried: HashSet<_> = prefilled.carried().map(|path| path.to_string()).collect();
    let blank: HashSet<_> = secrets
        .variables()
        .filter(|(_, value)| value.as_str() == Some(""))
        .map(|(path, _)| path.to_string())
        .collect();
    let is_same = prefilled.document().variables().all(|(path, value)| {
        let path = path.to_string();
        carried.contains(&path) || blank.contains(&path) && value.as_str() == Some("")
    });
    match is_same && prefilled.dropped().len() == 0 {
        true => prefilled.form().to_owned(),
        false => secrets.form(),
    }
}

fn conflict(current: Option<Revision>) -> String {
    match current {
        Some(revision) => format!(
            "Somebody stored revision {revision} in the meantime. Nothing was changed: go back, \
             reload, and try again."
        ),
        None => "Somebody deleted it in the meantime. Nothing was changed.".to_owned(),
    }
}
