//! Serves the pages on this machine: `cargo run -p module-manager`.

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use module_manager::host::{Host, PASSPHRASE};
use module_manager::{sample, web};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
usage: module-manager [--data FOLDER] [--port PORT]

Serves the pages on http://127.0.0.1:PORT. The default port is 8501; 0 takes any free port.

The secrets are stored encrypted in FOLDER (default: `data` beside the example). The passphrase in
MODULE_MANAGER_PASSPHRASE locks their keys. A file that is delivered to a Streamlit app is also in
FOLDER, not encrypted, until it is removed or the server ends.";

/// The default folder for data.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    if arguments.peek().is_some_and(|first| first == "sample-module") {
        return report(sample::main().map_err(Into::into));
    }
    let (mut folder, mut port) = (PathBuf::from(DATA), 8501_u16);
    while let Some(option) = arguments.next() {
        let value = arguments.next();
        match (option.to_str(), value) {
            (Some("--data"), Some(value)) => folder = PathBuf::from(value),
            (Some("--port"), Some(value)) => match value.to_str().map(str::parse) {
                Some(Ok(number)) => port = number,
                _ => return usage(),
            },
            _ => return usage(),
        }
    }
    tracing_subscriber::fmt().with_target(false).init();
    report(serve(folder, port))
}

#[tokio::main]
async fn serve(folder: PathBuf, port: u16) -> Result<(), Box<dyn Error>> {
    let passphrase = match std::env::var(PASSPHRASE) {
        Ok(passphrase) => Some(passphrase),
        Err(std::env::VarError::NotPresent) => None,
        Err(error) => return Err(format!("{PASSPHRASE}: {error}").into()),
    };
    let host = Arc::new(Host::open(&folder, passphrase)?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    let router = web::router(host, &std::env::current_exe()?, address.port())?;
    println!("http://{address}");
    // Also end on SIGTERM, which `kill` and systemd send, so that delivered files are removed.
    let mut terminated = signal(SignalKind::terminate())?;
    let ended = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
    };
    axum::serve(listener, router).with_graceful_shutdown(ended).await?;
    Ok(())
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

/// Prints an error with its sources.
fn report(result: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprint!("module-manager: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        eprint!(": {error}");
        source = error.source();
    }
    eprintln!();
    ExitCode::FAILURE
}
