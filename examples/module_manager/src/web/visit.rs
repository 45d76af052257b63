//! The visitor of a page: the state of the server, and the name that the visitor gave.
//!
//! The name is in a cookie. The server has no sessions and no login, so anybody can give any name.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request};
use secrets_toml::seal::By;

use crate::author::Author;
use crate::web::App;
use crate::web::guard::{Fields, Held};

/// The cookie with the name, and the field of a form. Sites on other ports of this machine get our
/// cookies too, so its name says whose it is.
const COOKIE: &str = "module-manager-author";
pub(super) const FIELD: &str = "author";

/// A request of a visitor.
#[derive(Clone)]
pub(super) struct Visit {
    app: Arc<App>,
    author: Option<Author>,
    /// The name as it was typed, if the form of this request has one.
    typed: Option<String>,
}

impl Visit {
    /// Takes over the name that was typed into a form. A name that cannot be stored is kept to be
    /// shown again, and the visitor has no name until then.
    pub(super) fn sign(self, fields: &Fields) -> Self {
        match fields.get(FIELD) {
            "" => self,
            typed => {
                Self { author: Author::new(typed).ok(), typed: Some(typed.to_owned()), ..self }
            }
        }
    }

    /// Returns the name of the visitor, if it is known.
    pub(super) fn author(&self) -> Option<&Author> {
        self.author.as_ref()
    }

    /// Returns the name as it was typed.
    pub(super) fn typed(&self) -> &str {
        self.typed.as_deref().unwrap_or_default()
    }

    /// Signs a write that happens now. Without a name, nothing may be done.
    pub(super) fn by(&self) -> Result<By, Held> {
        let why = match self.typed {
            None => "Your name is missing. Write it into the form, and send it again.",
            Some(_) => {
                "Your name cannot be stored. It may have at most 255 bytes, and no control \
                 characters. Shorten it, and send the form again."
            }
        };
        let held = Held { status: StatusCode::UNPROCESSABLE_ENTITY, why };
        self.author.as_ref().and_then(|author| author.by().ok()).ok_or(held)
    }

    /// Returns the cookie that remembers a name for a year, if it was typed into this form.
    pub(super) fn cookie(&self) -> Option<HeaderValue> {
        let author = self.author.as_ref().filter(|_| self.typed.is_some())?;
        let value: String = form_urlencoded::byte_serialize(author.name().as_bytes()).collect();
        let attributes = "Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax";
        HeaderValue::try_from(format!("{COOKIE}={value}; {attributes}")).ok()
    }
}

impl Deref for Visit {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut request::Parts,
        app: &Arc<App>,
    ) -> Result<Self, Infallible> {
        Ok(Self { app: Arc::clone(app), author: remembered(&parts.headers), typed: None })
    }
}

/// Returns the name in the cookie. A cookie that is not as [`Visit::cookie`] makes it is ignored.
fn remembered(headers: &HeaderMap) -> Option<Author> {
    let headers = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    headers.flat_map(|value| value.split(';')).find_map(|pair| {
        let (name, value) = form_urlencoded::parse(pair.trim().as_bytes()).next()?;
        Author::new(&value).ok().filter(|_| name == COOKIE)
    })
}
