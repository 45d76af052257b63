//! Starts a module with its own environment and nothing else.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use secrets_toml::mask::{Masker, MaskerError};
use secrets_toml::{DeliveryError, Document, Env};

/// The section that the sample module reads.
const SECTION: &str = "db_credentials";

/// The longest run of a module; after that it is killed.
const TIME: Duration = Duration::from_secs(10);
/// The most bytes of its output that are read.
const OUTPUT: u64 = 64 * 1024;

/// The result of a run.
pub struct Ran {
    /// The output, in which the values are masked.
    pub output: String,
    pub status: ExitStatus,
}

/// An error from starting a module.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    #[error(transparent)]
    Masker(#[from] MaskerError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Runs the sample module, which is this `program` with another first argument. Its environment is
/// `env` and nothing else; its standard input is one section of the secrets.
///
/// The section comes from the delivered document, which lacks the values that a query displaced.
pub fn run(program: &Path, secrets: &Document, env: &Env) -> Result<Ran, RunError> {
    let delivered = secrets.for_streamlit(env)?;
    let section: BTreeMap<&str, &str> = delivered
        .get(SECTION)
        .and_then(|section| section.as_table())
        .into_iter()
        .flat_map(|section| section.iter())
        .filter_map(|(key, value)| Some((key, value.as_str()?)))
        .collect();
    // The owner's values, and those of the visitor's link.
    let masker = Masker::new(&[secrets, &delivered])?;
    let mut child = Command::new(program)
        .arg("sample-module")
        .env_clear()
        .envs(env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    thread::scope(|scope| {
        scope.spawn(|| match input {
            Some(input) => serde_json::to_writer(input, &section).ok(),
            None => None,
        });
        let output = scope.spawn(|| {
            let mut masked = masker.writer(Vec::new());
            output.map(|output| io::copy(&mut output.take(OUTPUT), &mut masked)).transpose()?;
            Ok::<_, io::Error>(String::from_utf8_lossy(&masked.finish()?).into_owned())
        });
        let started = Instant::now();
        while child.try_wait()?.is_none() {
            if started.elapsed() > TIME {
                child.kill()?;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let status = child.wait()?;
        let output =
            output.join().unwrap_or_else(|_| Err(io::Error::other("the output is lost")))?;
        Ok(Ran { output, status })
    })
}
