//! A fake of the transit engine: two calls, a token, and a context that has to be the same.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

/// A data key that was handed out, by its wrapped text: key name, context, and the key.
type Wrapped = HashMap<String, (String, String, String)>;

#[derive(Default)]
struct State {
    wrapped: Wrapped,
    calls: Vec<String>,
}

pub(crate) struct Fake {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// It answers nobody, and it has ended.
    stopped: Arc<[AtomicBool; 2]>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// Starts a server on a free port. It takes one connection after the other.
    pub(crate) fn start(token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, token) = (listener.local_addr().unwrap(), token.to_owned());
        let (state, stopped) = (
            Arc::new(Mutex::new(State::default())),
            Arc::new([(); 2].map(|()| AtomicBool::new(false))),
        );
        let (ours, is_stopped) = (state.clone(), stopped.clone());
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                let [is_silent, has_ended] =
                    is_stopped.each_ref().map(|it| it.load(Ordering::SeqCst));
                if has_ended {
                    return;
                }
                if !is_silent {
                    let _ = serve(stream.unwrap(), &token, &ours);
                }
            }
        });
        Self { address, state, stopped, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The paths of all calls so far, below the engine's.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Hangs up on everybody from now on. The port stays taken: the server of another test could get it.
    pub(crate) fn stop(&self) {
        self.stopped[0].store(true, Ordering::SeqCst);
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stopped[1].store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|ended| ended.is_ok()) || thread::panicking());
    }
}

/// Answers one request.
fn serve(mut stream: TcpStream, token: &str, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let headers = lines.iter().filter_map(|line| line.split_once(": "));
        headers.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    };
    let mut body = vec![0; header("content-length").unwrap_or("0").parse().unwrap()];
    reader.read_exact(&mut body)?;
    let path = lines[0].split(' ').nth(1).unwrap().to_owned();
    let (status, answer) = match header("x-vault-token") {
        Some(given) if given == token => answer(&path, &body, &mut state.lock().unwrap()),
        _ => refusal(403, "permission denied"),
    };
    let answer = answer.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{answer}",
        answer.len()
    )
}

fn refusal(status: u16, reason: &str) -> (u16, Value) {
    (status, json!({ "errors": [reason] }))
}

fn answer(path: &str, body: &[u8], state: &mut State) -> (u16, Value) {
    let path = path.strip_prefix("/v1/transit/").unwrap();
    state.calls.push(path.to_owned());
    let (call, name) = path.rsplit_once('/').unwrap();
    let body: Value = serde_json::from_slice(body).unwrap();
    let Some(context) = body["context"].as_str().filter(|context| !context.is_empty()) else {
        return refusal(
            400,
            "missing 'context' for key derivation; the key was created using a derived key",
        );
    };
    if call == "datakey/plaintext" {
        assert_eq!(body["bits"], 256);
        let count = state.wrapped.len() as u8;
        let plaintext = Base64::encode_string(&[0xA0 + count; 32]);
        let ciphertext = format!("vault:v1:{}", Base64::encode_string(&[count; 60]));
        let held = (name.to_owned(), context.to_owned(), plaintext.clone());
        state.wrapped.insert(ciphertext.clone(), held);
        return (200, json!({ "data": { "plaintext": plaintext, "ciphertext": ciphertext } }));
    }
    assert_eq!(call, "decrypt");
    match state.wrapped.get(body["ciphertext"].as_str().unwrap()) {
        Some((key, bound, plaintext)) if key == name && bound == context => {
            (200, json!({ "data": { "plaintext": plaintext } }))
        }
        Some(_) => refusal(400, "cipher: message authentication failed"),
        None => refusal(400, "invalid ciphertext: no prefix"),
    }
}
