//! Checks that every request must pass, and headers of every response.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use axum::body::to_bytes;
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrets_toml::MAX_LEN;
use secrets_toml::seal::Revision;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::web::{App, Failure};

/// The longest body of a request, in bytes.
///
/// A form sends the text and one that was typed before it. Its encoding takes at most three bytes
/// for a byte, and six for a line end, of which a text has few.
pub const MAX_BODY: usize = 8 * MAX_LEN;

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
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
    /// Removes a field and returns its value, or an empty text if the form has no such field.
    pub(super) fn take(&mut self, name: &str) -> Zeroizing<String> {
        match self.0.iter().position(|(other, _)| other == name) {
            Some(i) => self.0.remove(i).1,
            None => Zeroizing::default(),
        }
    }

    /// Takes the values of all fields with a name, without the empty ones.
    pub(super) fn take_all(&mut self, name: &str) -> Vec<Zeroizing<String>> {
        let named = self.0.iter_mut().filter(|(other, value)| other == name && !value.is_empty());
        named.map(|(_, value)| mem::take(value)).collect()
    }

    /// Returns the revision that the form was made from.
    pub(super) fn revision(&self) -> Result<Revision, Failure> {
        let field = self.0.iter().find(|(name, _)| name == "revision");
        field
            .and_then(|(_, number)| Revision::try_from(number.parse::<u64>().ok()?).ok())
            .ok_or(Failure::Refused(StatusCode::BAD_REQUEST, "The form has no revision."))
    }
}

impl FromRequest<Arc<App>> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        let kind = only(request.headers(), &header::CONTENT_TYPE).unwrap_or_default();
        if kind.split(';').next() != Some("application/x-www-form-urlencoded") {
            let why = "The request was not sent by a form.";
            return Err(Failure::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        }
        let body = to_bytes(request.into_body(), MAX_BODY).await.map_err(|_| {
            let why = "The text is too long: at most 8 MB can be sent. Nothing was stored. Go back \
                       to see what you typed.";
            Failure::Refused(StatusCode::PAYLOAD_TOO_LARGE, why)
        })?;
        let fields = form_urlencoded::parse(&body)
            .map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned())));
        let mut fields = Self(fields.collect());
        let token = fields.take("token");
        if !bool::from(token.as_bytes().ct_eq(app.token.as_bytes())) {
            let why = "This form is from before the last start of the server, or from another site. \
                       Nothing was stored. Go back, copy what you typed, and reload the form.";
            return Err(Failure::Refused(StatusCode::FORBIDDEN, why));
        }
        Ok(fields)
    }
}
