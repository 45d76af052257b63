//! Serves the module on this machine: `cargo run -p axum-module -- FILE [PORT]`.
//!
//! See the library for how visitors are kept apart, and why.

use std::error::Error;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use axum_module::{Module, poll, pretended_network};
use tokio::net::TcpListener;

const USAGE: &str = "\
usage: axum-module FILE [PORT]

Serves the module with the secrets in FILE on http://127.0.0.1:PORT. Without PORT, or if it is 0, takes
any free port. Prints the address. Reads FILE again every second.";

const EVERY: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (file, port) = match arguments.as_slice() {
        [file] => (file, Some(0)),
        [file, port] => (file, port.to_str().and_then(|port| port.parse().ok())),
        _ => (&OsString::new(), None),
    };
    let Some(port) = port else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    tracing_subscriber::fmt().with_target(false).with_writer(std::io::stderr).init();
    let served = Module::read(Path::new(file), pretended_network()).and_then(|(module, reload)| {
        thread::spawn(move || poll(reload, EVERY));
        serve(module, port)
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The source has the places in the file, and how to fix each of them.
            let source = error.source().map(|source| format!("\n{source}")).unwrap_or_default();
            eprintln!("axum-module: {error}{source}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(module: Module, port: u16) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("http://{}", listener.local_addr()?);
    let interrupted = async || tokio::signal::ctrl_c().await.unwrap_or(());
    axum::serve(listener, module.router()).with_graceful_shutdown(interrupted()).await?;
    Ok(())
}
