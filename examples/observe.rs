//! Logs each call of a vault with `tracing`, counts it for Prometheus, and lets nothing happen while the
//! audit log is full.
//!
//! ```sh
//! cargo run --example observe
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use secrets_toml::Document;
use secrets_toml::seal::{Keyring, Revision, Scope};
use secrets_toml::store::{Cause, MemoryStore};
use secrets_toml::vault::{End, Event, Expected, Observer, Outcome, Scopes, Vault, VaultError};

/// The bridge from a vault to `tracing` and to counters.
struct Telemetry {
    /// The calls by operation and end.
    calls: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    /// The writes that were sent to the store, and the calls that have not ended.
    writes: AtomicU64,
    running: AtomicU64,
    /// The calls that the audit log still has room for. A real one asks its disk or its service.
    room: AtomicU64,
}

impl Telemetry {
    fn new(room: u64) -> Self {
        Self {
            calls: Mutex::default(),
            writes: AtomicU64::new(0),
            running: AtomicU64::new(0),
            room: AtomicU64::new(room),
        }
    }

    fn count(&self, event: &Event<'_>, end: &'static str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry((event.operation().name(), end)).or_default() += 1;
    }

    /// The page that Prometheus fetches.
    fn metrics(&self) -> String {
        let mut page = "# TYPE vault_calls_total counter\n".to_owned();
        for ((operation, end), count) in &*self.calls.lock().unwrap_or_else(PoisonError::into_inner)
        {
            let labels = format!("operation=\"{operation}\",end=\"{end}\"");
            let _ = writeln!(page, "vault_calls_total{{{labels}}} {count}");
        }
        let (writes, running) = (&self.writes, &self.running);
        let _ = writeln!(page, "# TYPE vault_writes_total counter");
        let _ = writeln!(page, "vault_writes_total {}", writes.load(Ordering::Relaxed));
        let _ = writeln!(page, "# TYPE vault_calls_running gauge");
        let _ = writeln!(page, "vault_calls_running {}", running.load(Ordering::Relaxed));
        page
    }
}

impl Observer for Telemetry {
    fn before(&self, event: &Event<'_>) -> Result<(), Cause> {
        let take = |room: u64| room.checked_sub(1);
        if self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            self.count(event, "refused");
            tracing::error!(number = event.number(), operation = %event.operation(), "refused");
            return Err("the audit log is full".into());
        }
        self.running.fetch_add(1, Ordering::Relaxed);
        tracing::info!(
            number = event.number(),
            operation = %event.operation(),
            scope = event.scope().map(display),
            source = event.source().map(display),
            key = %event.key_id(),
            "begins"
        );
        Ok(())
    }

    fn after(&self, event: &Event<'_>, outcome: &Outcome<'_>) {
        self.running.fetch_sub(1, Ordering::Relaxed);
        self.writes.fetch_add(outcome.attempts().into(), Ordering::Relaxed);
        let end = outcome.end();
        self.count(event, end.name());
        let (number, attempts) = (event.number(), outcome.attempts());
        let revision = outcome.revision().map(Revision::get);
        match end {
            End::Done => tracing::info!(number, revision, attempts, "done"),
            // The message of an error holds no value. Neither do its causes, which are the store's.
            End::Failed(error) => {
                tracing::warn!(number, attempts, error = error as &(dyn Error + 'static), "failed");
            }
            // The write may have happened: somebody has to look.
            _ if attempts > 0 => tracing::error!(number, attempts, "abandoned"),
            _ => tracing::info!(number, "abandoned"),
        }
    }
}

/// The text of the log.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let text = Text::default();
    let writer = text.clone();
    let log = tracing_subscriber::fmt().without_time().with_writer(move || writer.clone()).finish();
    let telemetry = Arc::new(Telemetry::new(6));
    let vault = Vault::new(MemoryStore::new(), Keyring::generate()?).observed_by(telemetry.clone());
    tracing::subscriber::with_default(log, || serve(&vault))?;

    let bytes = text.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (log, metrics) = (String::from_utf8(bytes)?, telemetry.metrics());
    println!("== The log\n{log}\n== The metrics\n{metrics}");
    assert_eq!(log.lines().count(), 6 + 6 + 1);
    assert!(log.contains("scope=chat/2.0.0 source=chat/1.0.0"));
    assert!(!log.contains("hunter2") && !metrics.contains("hunter2"));
    assert_eq!(
        metrics,
        "\
# TYPE vault_calls_total counter
vault_calls_total{operation=\"copy\",end=\"done\"} 1
vault_calls_total{operation=\"get\",end=\"done\"} 1
vault_calls_total{operation=\"purge\",end=\"refused\"} 1
vault_calls_total{operation=\"put\",end=\"done\"} 2
vault_calls_total{operation=\"put\",end=\"failed\"} 1
vault_calls_total{operation=\"scopes\",end=\"abandoned\"} 1
# TYPE vault_writes_total counter
vault_writes_total 3
# TYPE vault_calls_running gauge
vault_calls_running 0
"
    );
    Ok(())
}

/// The work of a service. It knows nothing of the observer.
fn serve(vault: &Vault<MemoryStore>) -> Result<(), Box<dyn Error>> {
    let module = Scope::module("chat")?;
    let (old, new) = (module.version("1.0.0")?, module.version("2.0.0")?);
    let secrets = Document::parse("TOKEN = \"hunter2\"\n")?.validate()?;
    let first = vault.put(&old, &secrets, Expected::Absent)?;
    vault.put(&old, &secrets, Expected::Revision(first))?;
    let conflict = vault.put(&old, &secrets, Expected::Revision(first));
    assert!(matches!(conflict, Err(VaultError::Conflict { .. })));
    vault.copy(&old, &new, Expected::Absent, None)?;
    assert!(vault.get(&new)?.is_some());
    // An iterator that is dropped before its end was abandoned.
    assert_eq!(vault.scopes(Scopes::Versions("chat"))?.take(1).count(), 1);

    // The audit log is full now. What it cannot record does not happen.
    assert!(matches!(vault.purge(&new), Err(VaultError::Refused(_))));
    Ok(())
}
