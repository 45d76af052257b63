//! Secrets that change while visitors are served: the platform's sources, the file that it delivers, and
//! the module that reads it. Each secret has `hunter2` in it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum_module::Module;
use secrets_toml::Document;
use secrets_toml::files::{Files, Reload};
use secrets_toml::handover::SecretsFile;
use tower::ServiceExt;

const VISITORS: usize = 8;
const EDITS: usize = 200;

/// The author's secrets of one edit: the token, the user and the password have its number.
fn secrets(edit: usize) -> String {
    format!(
        "CLARIFAI_PAT = 'hunter2-{edit}'\nCLARIFAI_USER_ID = 'hunter2-{edit}'\n\
         DB_PASSWORD = 'hunter2-{edit}'\n[db]\nhost = 'db.example'\nuser = 'hunter2-{edit}'\n"
    )
}

/// Edits the platform's source. Every third edit is broken, each in another way. Returns `true` if it is
/// not.
fn edit(path: &Path, number: usize) -> bool {
    let good = secrets(number);
    let text = match number % 9 {
        2 => good.replace("'hunter2", "hunter2"),
        5 => good.replace("[db]", "[db"),
        8 => good.replace(&format!("'hunter2-{number}'"), "''"),
        _ => good.clone(),
    };
    let next = path.with_extension("next");
    fs::write(&next, &text).unwrap();
    fs::rename(next, path).unwrap();
    text == good
}

/// Delivers what the platform reads. Returns `true` if there was a change.
fn deliver(platform: &mut Reload, file: &mut SecretsFile) -> bool {
    let Ok(Some(_)) = platform.poll() else { return false };
    let secrets = platform.reader().get();
    let env = secrets.env().unwrap();
    file.replace(&secrets.for_streamlit(&env).unwrap()).unwrap();
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_request_has_secrets_of_one_edit() {
    let folder = std::env::temp_dir().join(format!("axum-module-reload-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let source = folder.join("secrets.toml");
    edit(&source, 0);
    let mut platform = Reload::new(Files::new().file(&source), None).unwrap();
    let delivered = Document::parse(secrets(0)).unwrap();
    let mut file = SecretsFile::create_in(std::env::temp_dir(), &delivered).unwrap();

    // The network records the tokens and users of the requests.
    let sent = Arc::new(Mutex::new(BTreeSet::new()));
    let kept = Arc::clone(&sent);
    let network = Router::new().fallback(async move |request: Request<Body>| {
        let (parts, body) = request.into_parts();
        let token = parts.headers["authorization"].to_str().unwrap().to_owned();
        let user = String::from_utf8(to_bytes(body, 1000).await.unwrap().to_vec()).unwrap();
        kept.lock().unwrap().insert((token, user));
    });
    let (module, mut reload) = Module::read(file.path(), network).unwrap();
    let router = module.router();
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let visitors: Vec<_> = (0..VISITORS)
        .map(|_| {
            let (router, stop, served) = (router.clone(), Arc::clone(&stop), Arc::clone(&served));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let request = Request::get("/").body(Body::empty()).unwrap();
                    let response = router.clone().oneshot(request).await.unwrap();
                    assert_eq!(response.status(), StatusCode::OK);
                    served.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();

    // The first secrets are used, too.
    while served.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (mut good, mut last) = (0, 0);
    for number in 1..=EDITS {
        let is_good = edit(&source, number);
        assert_eq!(deliver(&mut platform, &mut file), is_good, "edit {number}");
        assert_eq!(reload.poll().unwrap().is_some(), is_good, "edit {number}");
        (good, last) = if is_good { (good + 1, number) } else { (good, last) };
        // One request of each visitor may be older than the poll.
        let before = served.load(Ordering::Relaxed);
        while served.load(Ordering::Relaxed) < before + 2 * VISITORS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for visitor in visitors {
        visitor.await.unwrap();
    }
    fs::remove_dir_all(folder).unwrap();

    let sent = sent.lock().unwrap();
    for (token, user) in sent.iter() {
        assert_eq!(token, user, "values of two edits met");
    }
    assert_eq!(sent.len(), good + 1, "each good edit was used, and none of the others");
    assert!(sent.contains(&(format!("hunter2-{last}"), format!("hunter2-{last}"))));
    println!("{} requests beside {good} good edits", served.load(Ordering::Relaxed));
}
