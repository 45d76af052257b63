//! The site without a socket, and assertions on its pages.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use module_manager::host::Host;
use module_manager::versions::Place;
use module_manager::web;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// A part of every value.
pub(crate) const CANARY: &str = "hunter2";

/// The cookie of a visitor who has given a name.
const ADA: (&str, &str) = ("cookie", "module-manager-author=ada");

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_module-manager");

/// The log of all tests of this process.
static LOG: LazyLock<Arc<Mutex<Vec<u8>>>> = LazyLock::new(|| {
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&log);
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || Log(Arc::clone(&written)))
        .init();
    log
});

pub(crate) fn log() -> String {
    String::from_utf8(LOG.lock().unwrap().clone()).unwrap()
}

/// A folder that is removed after the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("module-manager-test-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) struct Site {
    pub(crate) host: Arc<Host>,
    router: Router,
    runtime: Runtime,
    folder: Folder,
}

impl Site {
    pub(crate) fn new() -> Self {
        LazyLock::force(&LOG);
        Self::open(Folder::new(), None).map_err(|(_, error)| error).unwrap()
    }

    fn open(folder: Folder, passphrase: Option<&str>) -> Result<Self, (Folder, String)> {
        let opened = Host::open(&folder.path().join("data"), passphrase.map(str::to_owned));
        let host = match opened {
            Ok(host) => Arc::new(host),
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                return Err((folder, format!("{error}: {source:?}")));
            }
        };
        let router = web::router(Arc::clone(&host), Path::new(PROGRAM), 8501).unwrap();
        Ok(Self { host, router, runtime: Runtime::new().unwrap(), folder })
    }

    /// Opens a site with a module `chat` whose checkout has this template.
    pub(crate) fn with_module(template: &str) -> Self {
        let site = Self::new();
        let folder = site.checkout("chat", template);
        site.post("/modules", &[("name", "chat"), ("folder", &folder)]).redirects("/modules/chat");
        site
    }

    /// Stops the site and opens it again.
    pub(crate) fn restart(self, passphrase: Option<&str>) -> Result<Self, String> {
        Self::open(self.stop(), passphrase).map_err(|(_, error)| error)
    }

    /// Stops the site.
    pub(crate) fn stop(self) -> Folder {
        let Self { host, router, runtime, folder } = self;
        drop((router, runtime, host));
        folder
    }

    /// Writes the template of a checkout and returns its folder.
    pub(crate) fn checkout(&self, name: &str, template: &str) -> String {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(folder.join(".streamlit")).unwrap();
        fs::write(folder.join(".streamlit/secrets.toml"), template).unwrap();
        folder.to_str().unwrap().to_owned()
    }

    /// Opens a page as the visitor ada does.
    pub(crate) fn get(&self, url: &str) -> Page {
        self.get_with(&[ADA], url)
    }

    /// Opens a page with further headers.
    pub(crate) fn get_with(&self, headers: &[(&str, &str)], url: &str) -> Page {
        self.send("GET", url, &[&[("host", "127.0.0.1:8501")], headers].concat(), None)
    }

    /// Sends a form as one of our pages does.
    pub(crate) fn post(&self, url: &str, fields: &[(&str, &str)]) -> Page {
        self.post_with(&self.token(), url, fields)
    }

    /// Sends a form as a page with another token does.
    pub(crate) fn post_with(&self, token: &str, url: &str, fields: &[(&str, &str)]) -> Page {
        self.post_from(&[ADA], token, url, fields)
    }

    /// Sends a form as a visitor does who has given no name.
    pub(crate) fn post_unsigned(&self, url: &str, fields: &[(&str, &str)]) -> Page {
        self.post_from(&[], &self.token(), url, fields)
    }

    fn post_from(
        &self,
        more: &[(&str, &str)],
        token: &str,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Page {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("token", token).extend_pairs(fields);
        let headers = [
            ("host", "127.0.0.1:8501"),
            ("origin", "null"),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.send("POST", url, &[&headers, more].concat(), Some(&body.finish()))
    }

    pub(crate) fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Page {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_owned()));
        let request = request.body(body).unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            Page {
                status: parts.status,
                headers: parts.headers,
                body: String::from_utf8(body.to_vec()).unwrap(),
            }
        })
    }

    /// Returns the token that every form sends.
    pub(crate) fn token(&self) -> String {
        self.get("/").field("token")
    }

    /// Reads a stored value from the vault directly.
    pub(crate) fn value(&self, version: &str, install: Option<&str>, path: &str) -> String {
        let place = Place::version("chat", version);
        let place = install.map_or(place.clone(), |install| place.install(install));
        let current = self.host.current(&place).unwrap().unwrap();
        current.secrets.find(path).unwrap().as_str().unwrap().to_owned()
    }
}

pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Page {
    #[track_caller]
    pub(crate) fn is(&self, status: StatusCode) -> &Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn redirects(&self, to: &str) {
        self.is(StatusCode::SEE_OTHER);
        assert_eq!(self.headers["location"], to);
    }

    #[track_caller]
    pub(crate) fn has(&self, part: &str) -> &Self {
        assert!(self.body.contains(part), "no {part:?} in {}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn lacks(&self, part: &str) -> &Self {
        assert!(!self.body.contains(part), "{part:?} in {}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn shows_no_value(&self) -> &Self {
        self.lacks(CANARY)
    }

    /// Returns the content of an element, unescaped.
    #[track_caller]
    fn content(&self, tag: &str) -> String {
        let (_, rest) = self.body.split_once(&format!("<{tag} ")).expect("an element");
        unescaped(rest.split_once('>').unwrap().1, tag)
    }

    /// Returns the text in the text area, as a browser shows it.
    #[track_caller]
    pub(crate) fn text_area(&self) -> String {
        self.content("textarea").strip_prefix('\n').unwrap().to_owned()
    }

    /// Returns the texts that were typed into outdated forms, the latest first.
    #[track_caller]
    pub(crate) fn typed(&self) -> Vec<String> {
        let areas = self.body.split("<textarea class=\"typed\"").skip(1);
        areas
            .map(|area| unescaped(area.split_once('>').unwrap().1, "textarea")[1..].into())
            .collect()
    }

    /// Returns the output or the command that the page shows.
    #[track_caller]
    pub(crate) fn pre(&self) -> String {
        self.content("pre")
    }

    /// The value of a hidden field.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.body.split_once(&start).expect("there is such a field");
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// The page but for the author's own text.
    pub(crate) fn without_text_area(&self) -> Self {
        let mut parts: VecDeque<_> = self.body.split("<textarea").collect();
        let mut body = parts.pop_front().unwrap_or_default().to_owned();
        for part in parts {
            body.push_str(part.split_once("</textarea>").unwrap().1);
        }
        Self { status: self.status, headers: self.headers.clone(), body }
    }
}

/// The text to the end of an element.
fn unescaped(html: &str, tag: &str) -> String {
    let (content, _) = html.split_once(&format!("</{tag}>")).unwrap();
    let mut text = content.to_owned();
    for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")] {
        text = text.replace(entity, character);
    }
    text
}
