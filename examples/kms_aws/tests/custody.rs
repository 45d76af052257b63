//! The custody of a keyring under a KMS key and a passphrase, against `moto_server`, which encrypts and checks
//! the context.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod moto;

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::thread;

use kms_aws::{Credentials, DataKey, Kms, KmsError, create, open, open_in_an_emergency};
use moto::Moto;
use secrets_toml::Document;
use secrets_toml::seal::{Custody, Lock, LockedKeyring, Scope};
use secrets_toml::store::MemoryStore;
use secrets_toml::vault::{Expected, Vault};
use zeroize::Zeroizing;

const PASSPHRASE: &str = "correct horse battery staple";
const SECRET: &str = "the secret access key of a test";

fn kms(endpoint: &str, arn: &str) -> Kms {
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: Zeroizing::new(SECRET.to_owned()),
        session_token: Some(Zeroizing::new("a session token".to_owned())),
    };
    Kms::new(endpoint, "eu-west-1", arn, credentials).unwrap()
}

fn chat() -> Scope {
    Scope::module("chat").unwrap()
}

fn put(vault: &Vault<&MemoryStore>) {
    let secrets = Document::parse("CLARIFAI_PAT = 'hunter2'").unwrap().validate().unwrap();
    vault.put(&chat(), &secrets, Expected::Absent).unwrap();
}

#[track_caller]
fn holds(vault: &Vault<&MemoryStore>) {
    let opened = vault.get(&chat()).unwrap().unwrap();
    assert_eq!(opened.expose_text(), Some("CLARIFAI_PAT = 'hunter2'"));
}

/// The message of an error and of its sources, in which there must be no secret.
#[track_caller]
fn message<T>(result: Result<T, Box<dyn Error + Send + Sync>>) -> String {
    let Err(error) = result else { panic!("it must be refused") };
    let (mut text, mut error): (_, &dyn Error) = (error.to_string(), &*error);
    while let Some(source) = error.source() {
        text += &format!(": {source}");
        error = source;
    }
    assert!(!text.contains(SECRET) && !text.contains(PASSPHRASE), "{text}");
    text
}

/// One server for all, since it takes seconds to start.
#[test]
fn a_keyring_under_kms_and_a_passphrase() {
    let moto = Moto::start();
    let (ours, theirs) =
        (kms(moto.endpoint(), &moto.create_key()), kms(moto.endpoint(), &moto.create_key()));
    let store = MemoryStore::new();
    put(&create(&store, "production", &ours, PASSPHRASE).unwrap());
    holds(&open(&store, "production", &ours).unwrap());
    let text = format!("{ours:?}");
    assert!(text.contains("arn:aws:kms") && !text.contains("secret access"), "{text}");

    // A wrong context.
    let error = message(open(&store, "staging", &ours));
    assert_eq!(error, "KMS refused with status 400: InvalidCiphertextException");
    let locked = LockedKeyring::load(&store).unwrap();
    let wrapped = locked.kms("aws", ours.key()).unwrap().wrapped().to_vec();
    let custody = Custody::new("production").unwrap();
    assert!(ours.unwrap(&wrapped, custody.context()).is_ok());
    let changed = [("deployment", "production"), ("secrets-toml", "v2")];
    assert!(matches!(ours.unwrap(&wrapped, changed), Err(KmsError::Refused { status: 400, .. })));

    // A foreign key: refused before any call, and by KMS.
    let error = message(open(&store, "production", &theirs));
    assert_eq!(error, "the keyring is locked with another KMS key than the expected one");
    let foreign = theirs.generate(custody.context()).unwrap();
    let error = message(ours.unwrap(&foreign.wrapped, custody.context()).map_err(Into::into));
    // AWS says `IncorrectKeyException`.
    assert_eq!(error, "KMS refused with status 400: AccessDeniedException");
    let mut broken = wrapped.clone();
    *broken.last_mut().unwrap() ^= 1;
    let error = message(ours.unwrap(&broken, custody.context()).map_err(Into::into));
    assert!(error.starts_with("KMS refused with status 400: "), "{error}");
    let absent = kms(moto.endpoint(), "arn:aws:kms:eu-west-1:123456789012:key/absent");
    let error = message(absent.generate(custody.context()).map_err(Into::into));
    assert_eq!(error, "KMS refused with status 400: NotFoundException");

    // KMS is down: who is running goes on, and rotates.
    let [first, second] = [0; 2].map(|_| open(&store, "production", &ours).unwrap());
    let (next, key) = create_next(&moto);
    drop(moto);
    for _ in 0..3 {
        first.rotate(|_| ControlFlow::Continue(())).unwrap();
        holds(&second); // it loads the new keyring
        second.rotate(|_| ControlFlow::Continue(())).unwrap();
        holds(&first);
    }
    let error = message(ours.generate(custody.context()).map_err(Into::into));
    assert!(error.starts_with("KMS did not answer"), "{error}");

    // The passphrase opens, and another key follows.
    let error = message(open_in_an_emergency(&store, "production", "correct horse"));
    assert_eq!(error, "the passphrase of the lock `break-glass` is wrong");
    let vault = open_in_an_emergency(&store, "production", PASSPHRASE).unwrap();
    let lock = Lock::kms(next.key(), &key.wrapped, &key.kek);
    vault.relock(&custody.lock("aws", lock).unwrap()).unwrap();
    holds(&vault);
    let error = message(open_in_an_emergency(&store, "production", PASSPHRASE));
    assert_eq!(error, "the keyring has no lock of this name");
}

/// A key that follows a lost one, and a data key under it.
fn create_next(moto: &Moto) -> (Kms, DataKey) {
    let next = kms(moto.endpoint(), &moto.create_key());
    let generated = next.generate(Custody::new("production").unwrap().context()).unwrap();
    (next, generated)
}

/// Starts a server that answers one request, and returns its address.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut line, mut len) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
            let header = line.to_ascii_lowercase();
            len = header
                .strip_prefix("content-length:")
                .map_or(len, |len| len.trim().parse().unwrap());
        }
        reader.read_exact(&mut vec![0; len]).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())
            .unwrap();
    });
    endpoint
}

#[test]
fn an_answer_by_another_key_is_refused() {
    let custody = Custody::new("production").unwrap();
    let key = "EhISEhISEhISEhISEhISEhISEhISEhISEhISEhISEhI=";
    let answer = |id: &str, plaintext: &str| {
        format!(r#"{{"KeyId":"{id}","Plaintext":"{plaintext}","CiphertextBlob":"AA=="}}"#).leak()
            as &'static str
    };
    let ask = |answer: &'static str| kms(&answering(answer), "ours").generate(custody.context());
    assert_eq!(*ask(answer("ours", key)).unwrap().kek, [0x12; 32]);
    // The longest answer that is read, and one that is a byte longer.
    let padded = |len| {
        let answer = answer("ours", key);
        format!("{answer}{}", " ".repeat(len - answer.len())).leak() as &'static str
    };
    assert_eq!(*ask(padded(65536)).unwrap().kek, [0x12; 32]);
    let error = message(ask(padded(65537)).map_err(Into::into));
    assert_eq!(error, "KMS did not answer: the response body is larger than request limit: 65536");
    let other = "KMS has used another key than the pinned one";
    let malformed = "the answer of KMS is malformed";
    for (answer, expected) in [
        (answer("theirs", key), other),
        (answer("ours", &key[4..]), malformed),
        (answer("ours", "?"), malformed),
        (r#"{"KeyId":"ours"}"#, malformed),
        ("", malformed),
    ] {
        assert_eq!(message(ask(answer).map_err(Into::into)), expected);
    }
}
