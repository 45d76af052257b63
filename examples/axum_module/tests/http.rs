//! Visitors with different links, at the same time. Each secret has `hunter2` in it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum_module::Module;
use secrets_toml::Document;
use secrets_toml::handover::SecretsFile;
use tower::ServiceExt;

const SECRETS: &str = "\
CLARIFAI_PAT = 'hunter2-pat'
CLARIFAI_USER_ID = 'hunter2-owner'
DB_PASSWORD = 'hunter2-password'
[db]
host = 'db.example'
user = 'hunter2-user'
";

/// The number of requests for each endpoint, token and user.
type Sent = Arc<Mutex<BTreeMap<[String; 3], usize>>>;

/// Reads a module from a file that is then removed, and records what it sends.
fn module() -> (Router, Sent) {
    let sent = Sent::default();
    let kept = Arc::clone(&sent);
    let network = Router::new().fallback(async move |request: Request<Body>| {
        tokio::task::yield_now().await;
        let (parts, body) = request.into_parts();
        let token = parts.headers["authorization"].to_str().unwrap().to_owned();
        let user = String::from_utf8(to_bytes(body, 1000).await.unwrap().to_vec()).unwrap();
        *kept.lock().unwrap().entry([parts.uri.to_string(), token, user]).or_default() += 1;
    });
    let delivered = Document::parse(SECRETS).unwrap();
    let file = SecretsFile::create_in(std::env::temp_dir(), &delivered).unwrap();
    let (module, _) = Module::read(file.path(), network).unwrap();
    (module.router(), sent)
}

async fn get(router: &Router, link: &str) -> (StatusCode, String) {
    let request = Request::get(link).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

const OWNER: (&str, &str) = (
    "/",
    "\
CLARIFAI_PAT: secrets.toml line 1
CLARIFAI_USER_ID: secrets.toml line 2
DB_PASSWORD: secrets.toml line 3

API: 200 OK
database: 200 OK
",
);

const ALICE: (&str, &str) = (
    "/?user_id=hunter2-alice&pat=hunter2-alices-pat",
    "\
CLARIFAI_PAT: query parameter `pat`, over secrets.toml line 1
CLARIFAI_USER_ID: query parameter `user_id`, over secrets.toml line 2
DB_PASSWORD: secrets.toml line 3
CLARIFAI_SESSION_TOKEN: displaced by query parameter `pat`

API: 200 OK
database: 200 OK
",
);

/// A link whose endpoint displaces the owner's token.
const BOB: (&str, &str) = (
    "/?user_id=hunter2-bob&base=https://api.clarifai.com/hunter2-bob",
    "\
CLARIFAI_USER_ID: query parameter `user_id`, over secrets.toml line 2
DB_PASSWORD: secrets.toml line 3
CLARIFAI_API_BASE: query parameter `base`
CLARIFAI_PAT: displaced by query parameter `base`
CLARIFAI_SESSION_TOKEN: displaced by query parameter `base`

API: not called without a token
database: 200 OK
",
);

const CAROL: (&str, &str) = (
    "/?token=hunter2-carols-token&base=https://api.clarifai.com/hunter2-carol",
    "\
CLARIFAI_USER_ID: secrets.toml line 2
DB_PASSWORD: secrets.toml line 3
CLARIFAI_SESSION_TOKEN: query parameter `token`
CLARIFAI_API_BASE: query parameter `base`
CLARIFAI_PAT: displaced by query parameter `token`

API: 200 OK
database: 200 OK
",
);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn visitors_at_the_same_time_have_variables_of_their_own() {
    const ROUNDS: usize = 250;
    let (router, sent) = module();
    let visits = [OWNER, ALICE, BOB, CAROL].repeat(ROUNDS);
    let visits: Vec<_> = visits
        .into_iter()
        .map(|(link, page)| {
            let router = router.clone();
            tokio::spawn(async move { (get(&router, link).await, page) })
        })
        .collect();
    for visit in visits {
        let (seen, page) = visit.await.unwrap();
        assert_eq!(seen, (StatusCode::OK, page.to_owned()));
        assert!(!seen.1.contains("hunter2"));
    }
    // No token met another visitor's user or endpoint. Only the database got its password.
    let expected = [
        (["https://api.clarifai.com/", "hunter2-pat", "hunter2-owner"], ROUNDS),
        (["https://api.clarifai.com/", "hunter2-alices-pat", "hunter2-alice"], ROUNDS),
        (
            ["https://api.clarifai.com/hunter2-carol", "hunter2-carols-token", "hunter2-owner"],
            ROUNDS,
        ),
        (["https://db.example/", "hunter2-password", "hunter2-user"], 4 * ROUNDS),
    ];
    let expected = expected.map(|(request, count)| (request.map(str::to_owned), count));
    assert_eq!(*sent.lock().unwrap(), BTreeMap::from(expected));
}

#[tokio::test]
async fn a_hostile_link_is_refused_and_nothing_is_sent() {
    let (router, sent) = module();
    let host = "query parameter `base` is refused: its host is not allowed";
    let refused = [
        ("/?base=https://evil.example", host),
        ("/?user_id=hunter2-eve&base=https%3A%2F%2Fevil.example", host),
        ("/?pat=hunter2-eve&base=https://api.clarifai.com.evil.example", host),
        (
            "/?base=https://hunter2@api.clarifai.com",
            "query parameter `base` is refused: its URL holds a user name",
        ),
        ("/?pat=hunter2%0Aeve", "query parameter `pat` is refused: it holds a control character"),
    ];
    for (link, why) in refused {
        assert_eq!(get(&router, link).await, (StatusCode::BAD_REQUEST, why.to_owned()), "{link}");
    }
    assert!(sent.lock().unwrap().is_empty());
    assert_eq!(get(&router, OWNER.0).await.1, OWNER.1, "the owner's values are unchanged");
}

#[tokio::test]
async fn what_http_cannot_carry_is_an_error_without_a_value() {
    let (router, sent) = module();
    let why = "a request cannot be built: invalid uri character";
    let link = "/?pat=hunter2&base=https://api.clarifai.com/%3Chunter2%3E";
    let seen = get(&router, link).await;
    assert_eq!(seen, (StatusCode::INTERNAL_SERVER_ERROR, why.to_owned()));
    assert!(sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_link_cannot_override_what_was_not_allowed() {
    let (router, _) = module();
    let (_, page) = get(&router, "/?DB_PASSWORD=hunter2-eve&CLARIFAI_PAT=hunter2-eve").await;
    assert_eq!(page, OWNER.1);
}
