//! Checks that every request must pass, and headers of every response.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrets_toml::MAX_LEN;
use secrets_toml::seal::Revision;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::web::{App, Failure};

/// The longest body of a request that is carried out, in bytes.
///
/// A form sends the text and one that was typed before it. Its encoding takes at most three bytes
/// for a byte, and six for a line end, of which a text has few.
pub const MAX_BODY: usize = 8 * MAX_LEN;

/// The longest body that is read, in bytes. Of a body between the two limits, the text is shown
/// again and nothing is stored.
pub const MAX_READ: usize = 4 * MAX_BODY;

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Accepts requests from our own pages and from the address bar, and rejects all others.
pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    // Log the route and not the URL, whose query can hold a secret.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match check(&app, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let status = response.status().as_u16();
    tracing::info!("{method} {route} {status} in {:?}", started.elapsed());
    response
}

fn check(app: &App, headers: &HeaderMap) -> Result<(), Failure> {
    let forbidden = |why| Err(Failure::Refused(StatusCode::FORBIDDEN, why));
    let ours = |host: &str| app.names.iter().any(|name| name.eq_ignore_ascii_case(host));
    // Against DNS rebinding: another site's name may resolve to this machine.
    if !only(headers, &header::HOST).is_some_and(ours) {
        return Err(Failure::Refused(StatusCode::MISDIRECTED_REQUEST, "This is another host."));
    }
    if headers.contains_key(header::ORIGIN) {
        let origin = only(headers, &header::ORIGIN).unwrap_or_default();
        // Our `Referrer-Policy` makes browsers send the origin "null" with a form. `Sec-Fetch-Site`
        // then tells the site of the form.
        let site = only(headers, &HeaderName::from_static("sec-fetch-site"));
        let same = match origin {
            "null" => site == Some("same-origin"),
            origin => origin.strip_prefix("http://").is_some_and(ours),
        };
        if !same {
            return forbidden("This was sent from another site.");
        }
    }
    Ok(())
}

/// Returns the value of a header that is present exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// The fields of one of our forms, whose token was checked.
pub(super) struct Fields(Vec<(String, Zeroizing<String>)>);

impl Fields {
    /// Returns the value of a field, or an empty text if the form has no such field.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    /// Returns the values of all fields with a name, without the empty ones.
    pub(super) fn all(&self, name: &str) -> Vec<Zeroizing<String>> {
        let named = self.0.iter().filter(|(other, value)| other == name && !value.is_empty());
        named.map(|(_, value)| value.clone()).collect()
    }

    /// Iterates over the names and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the revision that the form was made from.
    pub(super) fn revision(&self) -> Result<Revision, Failure> {
        Revision::try_from(self.get("revision").parse().unwrap_or(0))
            .map_err(|_| Failure::Refused(StatusCode::BAD_REQUEST, "The form has no revision."))
    }
}

impl FromRequest<Arc<App>> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        match Sent::from_request(request, app).await? {
            Sent { fields, held: None } => Ok(fields),
            Sent { held: Some(Held { status, why }), .. } => Err(Failure::Refused(status, why)),
        }
    }
}

/// The fields of a form in which somebody typed. If nothing may be done with them, they are shown
/// again, so that the text is not lost.
pub(super) struct Sent {
    pub(super) fields: Fields,
    /// The reason why nothing may be done.
    pub(super) held: Option<Held>,
}

/// A reason why nothing may be done with a form.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) status: StatusCode,
    pub(super) why: &'static str,
}

impl FromRequest<Arc<App>> for Sent {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        let headers = request.headers();
        let kind = only(headers, &header::CONTENT_TYPE).unwrap_or_default();
        if kind.split(';').next() != Some("application/x-www-form-urlencoded") {
            let why = "The request was not sent by a form.";
            return Err(Failure::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        }
        // `check` accepts no origin but ours.
        let from_our_page = headers.contains_key(header::ORIGIN);
        let Some(body) = read(request.into_body()).await else {
            let why = "More than 32 MB were sent, so the text cannot be shown again. Nothing was \
                       stored.";
            return Err(Failure::Refused(StatusCode::PAYLOAD_TOO_LARGE, why));
        };
        let fields = form_urlencoded::parse(&body)
            .map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned())));
        let fields = Fields(fields.collect());
        let is_ours = bool::from(fields.get("token").as_bytes().ct_eq(app.token.as_bytes()));
        let held = if body.len() > MAX_BODY {
            let why = "The text is too long: at most 8 MB can be sent. Make it shorter.";
            Some(Held { status: StatusCode::PAYLOAD_TOO_LARGE, why })
        } else if !is_ours {
            let why = "The form was from before the last start of the server. This one is new and \
                       has what you typed. Check it, and send it again.";
            Some(Held { status: StatusCode::FORBIDDEN, why })
        } else {
            None
        };
        // Another site must not fill in a form of ours.
        if !is_ours && !from_our_page {
            let why = "This form is from before the last start of the server, or from another site. \
                       Nothing was stored. Reload the form.";
            return Err(Failure::Refused(StatusCode::FORBIDDEN, why));
        }
        Ok(Self { fields, held })
    }
}

/// Reads a body of at most [`MAX_READ`] bytes, or returns `None`.
///
/// A longer body is received and dropped: a browser shows no answer before it has sent everything.
async fn read(mut body: Body) -> Option<Vec<u8>> {
    let mut read = Some(Vec::new());
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        match &mut read {
            Some(bytes) if bytes.len() + data.len() <= MAX_READ => bytes.extend_from_slice(&data),
            _ => read = None,
        }
    }
    read
}
