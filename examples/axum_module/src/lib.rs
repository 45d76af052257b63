//! A module written in Rust: one process, many visitors, and an [`Env`] for each request.
//!
//! For each request, the module makes the variables anew from its `secrets.toml` and applies the query
//! of that visitor's link to them. No request changes anything that another one reads.
//!
//! # Reload
//!
//! The platform may replace the file at any time. [`poll`] reads it again: [`Reload`] compares the
//! content, validates it, and puts it in the place of the present secrets. If the new file is broken,
//! requests go on with the last good secrets. Each request takes the present secrets once, so that all
//! its values are of one file.
//!
//! # Why not the environment of the process
//!
//! A process has one environment, and every visitor shares it. If a request wrote its overrides
//! there, the last link would win for all visitors:
//!
//! - a request would run with another visitor's user ID, or with another visitor's token;
//! - a token that one visitor's endpoint displaces would be missing for every visitor;
//! - one visitor's endpoint and another's token could meet, which [`Overrides`] exists to prevent.
//!
//! No lock helps, since a request reads its variables over time. An [`Env`] is a value: each request
//! owns one, and it is zeroized when the request ends.
//!
//! # What follows for Streamlit modules
//!
//! Streamlit, too, serves all its sessions from one process. `os.environ` and `st.secrets` are the same
//! for every session. So a file with a visitor's overrides, made by [`Document::for_streamlit`], serves
//! one visitor's process. There are two ways:
//!
//! - Start a process for each visitor, each with a file of its own.
//! - Share one process, and deliver the owner's values only, without any visitor's overrides.
//!
//! # What no link can override
//!
//! [`Settings`] is read from the document, so it holds the owner's values. It has no field for a
//! variable that a link can override or displace: the owner's token would reach the visitor's endpoint.
//! Such variables are read from the request's [`Env`], and from nowhere else.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue, REFERRER_POLICY};
use axum::http::{self, HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use secrecy::{ExposeSecret, SecretString};
use secrets_toml::files::{Current, Files, Reload};
use secrets_toml::{DeserializeError, Env, EnvError, OverrideError, Overrides, Template};
use serde::Deserialize;
use tower::ServiceExt;

/// The default endpoint of the API, for when neither the owner nor a link sets one.
const API_BASE: &str = "https://api.clarifai.com";

/// The variables that a file must have. Others are allowed.
const TEMPLATE: &str = "DB_PASSWORD = ''\n[db]\nhost = ''\nuser = ''\n";

/// The state that all requests share. No request changes it.
pub struct Module {
    secrets: Current,
    overrides: Overrides,
    network: Router,
}

/// The owner's settings. No link can override them.
#[derive(Deserialize)]
pub struct Settings {
    #[serde(rename = "DB_PASSWORD")]
    db_password: SecretString,
    db: Database,
}

/// The section `[db]`, which is not part of the environment.
#[derive(Deserialize)]
struct Database {
    host: String,
    user: SecretString,
}

impl Module {
    /// Reads the delivered file. Pass the [`Reload`] to [`poll`], or poll it yourself.
    ///
    /// `network` answers the requests that the module sends.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not a well-formed document, lacks a variable, or does not fit
    /// [`Settings`].
    pub fn read(file: &Path, network: Router) -> Result<(Self, Reload), Box<dyn Error>> {
        let reload = Reload::new(Files::new().file(file), Template::parse(TEMPLATE)?)?;
        let secrets = reload.reader();
        secrets.get().deserialize::<Settings>()?; // now, not at the first request
        Ok((Self { secrets, overrides: Overrides::clarifai(), network }, reload))
    }

    /// Returns the page of the module: `/`, with the parameters of a visitor's link.
    pub fn router(self) -> Router {
        Router::new().route("/", get(page)).with_state(Arc::new(self))
    }

    /// Sends a request, and returns the status of the response.
    async fn send(&self, request: Request<Body>) -> StatusCode {
        let Ok(response) = self.network.clone().oneshot(request).await;
        response.status()
    }
}

/// Reads the file again and again, until the process ends. Run it in a thread of its own.
///
/// The log has the names of what has changed, or the error. It never has a value.
pub fn poll(mut reload: Reload, every: Duration) {
    loop {
        std::thread::sleep(every);
        match reload.poll() {
            Ok(None) => {}
            Ok(Some(changes)) => tracing::info!("the secrets have changed: {changes:?}"),
            Err(error) => tracing::warn!("the secrets stay as they are: {error}"),
        }
    }
}

/// Shows the source of each variable for this visitor, but no value.
async fn page(
    State(module): State<Arc<Module>>,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, Failure> {
    let query = query.as_deref().unwrap_or_default();
    let secrets = module.secrets.get();
    let env = secrets.env()?.override_with(&module.overrides, query)?;
    let mut page = String::new();
    for explanation in env.explain() {
        _ = writeln!(page, "{explanation}"); // a `String` takes any text
    }
    let api = match api_request(&env)? {
        Some(request) => module.send(request).await.to_string(),
        None => "not called without a token".to_owned(),
    };
    let database = module.send(database_request(&secrets.deserialize()?)?).await;
    _ = writeln!(page, "\nAPI: {api}\ndatabase: {database}");
    tracing::info!("API: {api}, database: {database}");
    // The link may hold a token, so keep it out of caches and out of `Referer` headers.
    let headers = [(CACHE_CONTROL, "no-store"), (REFERRER_POLICY, "no-referrer")];
    Ok((headers, page))
}

/// Returns the request to the API with the token that this visitor may use, or `None` without one.
fn api_request(env: &Env) -> Result<Option<Request<Body>>, http::Error> {
    let token = env.get("CLARIFAI_PAT").or_else(|| env.get("CLARIFAI_SESSION_TOKEN"));
    let Some(token) = token else { return Ok(None) };
    let base = env.get("CLARIFAI_API_BASE").unwrap_or(API_BASE);
    let user = env.get("CLARIFAI_USER_ID").unwrap_or_default();
    request(base, token, user).map(Some)
}

/// Returns the request to the database's API, which is the same for every visitor.
fn database_request(settings: &Settings) -> Result<Request<Body>, http::Error> {
    let Settings { db_password, db } = settings;
    let base = format!("https://{}", db.host);
    request(&base, db_password.expose_secret(), db.user.expose_secret())
}

/// Builds a request. The HTTP library's copies of the secrets are not zeroized.
fn request(base: &str, token: &str, user: &str) -> Result<Request<Body>, http::Error> {
    let mut token = HeaderValue::try_from(token)?;
    token.set_sensitive(true); // `Debug` does not show it
    let body = Body::from(user.to_owned());
    Request::post(base).header(AUTHORIZATION, token).body(body)
}

/// Simulates the network, so that no request leaves the process. A request needs a token.
pub fn pretended_network() -> Router {
    Router::new().fallback(async |headers: HeaderMap| {
        if headers.contains_key(AUTHORIZATION) { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
    })
}

/// An error page. Its text holds no value.
struct Failure(StatusCode, String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(status, text) = self;
        tracing::warn!("{status}: {text}");
        (status, text).into_response()
    }
}

/// Reports a refused link. None of its overrides was applied.
impl From<OverrideError> for Failure {
    fn from(error: OverrideError) -> Self {
        Self(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<EnvError> for Failure {
    fn from(error: EnvError) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

/// Reports a file that was replaced by one with values of other kinds.
impl From<DeserializeError> for Failure {
    fn from(error: DeserializeError) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

/// Reports a token or an endpoint that cannot be part of an HTTP request.
impl From<http::Error> for Failure {
    fn from(error: http::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, format!("a request cannot be built: {error}"))
    }
}
