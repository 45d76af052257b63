//! A proxy before a PostgreSQL server or a pooler: it counts what clients send, holds answers back, and
//! cuts connections.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

/// The messages that went through the proxy. A client's message counts if it is not of a connect.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// The times of connections that were tried, and the number of those that the server accepted.
    pub(crate) attempts: Mutex<Vec<Instant>>,
    pub(crate) connects: AtomicUsize,
    /// `Parse` messages, and how many of them named a statement.
    pub(crate) parsed: AtomicUsize,
    pub(crate) named: AtomicUsize,
    /// `Query` messages.
    pub(crate) queries: AtomicUsize,
    /// `Sync` and `Query` messages: each asks for an answer.
    pub(crate) round_trips: AtomicUsize,
}

impl Counts {
    /// The numbers of statements, named statements, and round trips, which are zero from then on.
    pub(crate) fn take(&self) -> [usize; 3] {
        let take = |count: &AtomicUsize| count.swap(0, Ordering::SeqCst);
        [take(&self.parsed) + take(&self.queries), take(&self.named), take(&self.round_trips)]
    }
}

/// The proxy. It listens on a port of the loopback interface, and ends when it is dropped.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) counts: Arc<Counts>,
    open: Arc<Mutex<Vec<AbortHandle>>>,
    held: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy to the socket of a server.
    pub(crate) async fn start(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (counts, open) = (Arc::new(Counts::default()), Arc::new(Mutex::new(Vec::new())));
        let (counted, opened) = (counts.clone(), open.clone());
        let (held, holding) = watch::channel(false);
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                counted.attempts.lock().unwrap().push(Instant::now());
                let Ok(server) = UnixStream::connect(&socket).await else { continue };
                let (counts, holding) = (counted.clone(), holding.clone());
                let run = tokio::spawn(async move {
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    let answers = tokio::spawn(copy(from_server, to_client, holding));
                    let _abort = Abort(answers.abort_handle());
                    messages(from_client, to_server, &counts).await;
                });
                opened.lock().unwrap().push(run.abort_handle());
            }
        });
        Self { port, counts, open, held, accepting }
    }

    /// Holds back what the server answers.
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Passes on what it held back, and what the server answers from then on.
    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    /// Cuts all connections.
    pub(crate) fn cut(&self) {
        self.open.lock().unwrap().drain(..).for_each(|task| task.abort());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

struct Abort(AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut holding: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(len @ 1..) = from.read(&mut buffer).await {
        if holding.wait_for(|held| !held).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
}

/// Passes a client's messages on, and counts them.
async fn messages(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    counts: &Counts,
) {
    // The first message has no kind. A cancellation is one, too.
    let mut kind = None;
    loop {
        let mut message = Vec::new();
        if let Some(kind) = kind {
            message.push(kind);
        }
        let Ok(len) = from.read_u32().await else { return };
        message.extend(len.to_be_bytes());
        let body = message.len();
        message.resize(body + len as usize - 4, 0);
        if from.read_exact(&mut message[body..]).await.is_err() {
            return;
        }
        let add = |count: &AtomicUsize| count.fetch_add(1, Ordering::SeqCst);
        match kind {
            // Protocol 3.0: not a cancellation.
            None if message[4..8] == [0, 3, 0, 0] => _ = add(&counts.connects),
            Some(b'P') => {
                add(&counts.parsed);
                if message[body] != 0 {
                    add(&counts.named);
                }
            }
            Some(b'Q') => {
                add(&counts.queries);
                add(&counts.round_trips);
            }
            Some(b'S') => _ = add(&counts.round_trips),
            _ => {}
        }
        if to.write_all(&message).await.is_err() {
            return;
        }
        let Ok(next) = from.read_u8().await else { return };
        kind = Some(next);
    }
}
