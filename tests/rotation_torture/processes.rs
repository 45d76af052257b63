//! Processes over PostgreSQL: killed, and stopped over whole rotations.

use std::env;

use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow::Continue;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use secrets_toml::store::{PostgresStore, StoreError};
use secrets_toml::vault::{Vault, VaultError};
use tokio_postgres::NoTls;

use crate::dice::Dice;
use crate::full::times;
use crate::waiting::Waiting;
use crate::{Told, check, custody, tell, work};

/// The variable by which a child gets its connection, and the one by which it gets its dice.
const CONFIG: &str = "SECRETS_TOML_ROTATION";
const DICE: &str = "SECRETS_TOML_DICE";

/// Makes a store whose pages are small, so that much happens between them.
fn waiting(store: impl Future<Output = PostgresStore>) -> Waiting<PostgresStore> {
    let mut waiting = Waiting::over(async { vec![store.await] });
    waiting.page = 100;
    waiting
}

fn connected(config: &str) -> PostgresStore {
    PostgresStore::new(config.parse().unwrap(), NoTls)
}

/// A child, and the thread that reads what it tells.
struct Worker {
    child: Child,
    reader: JoinHandle<()>,
}

impl Worker {
    fn spawn(config: &str, told: &Arc<Mutex<Told>>) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let dice = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["processes::postgres_processes_rotate_and_are_killed", "--exact"])
            .args(["--nocapture", "--test-threads=1"])
            .env(CONFIG, config)
            .env(DICE, dice.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, told) = (BufReader::new(child.stdout.take().unwrap()).lines(), told.clone());
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // The last line may be cut off.
                let parts = line.strip_prefix("wrote ").and_then(|line| line.strip_suffix(" ."));
                if let Some((scope, revision)) = parts.and_then(|parts| parts.split_once(' ')) {
                    let told = &mut told.lock().unwrap();
                    tell(told, scope.parse().unwrap(), revision.parse().unwrap());
                }
            }
        });
        Self { child, reader }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Fails if the process has ended by itself: then it met an error.
    fn check(&mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "a process met an error");
    }

    fn kill(mut self) {
        self.check();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.join().unwrap();
    }
}

#[test]
fn postgres_processes_rotate_and_are_killed() {
    let scopes = times(2000);
    if let Ok(config) = env::var(CONFIG) {
        return work_for_ever(&config, scopes);
    }
    let Ok(server) = env::var("SECRETS_TOML_POSTGRES") else {
        panic!(
            "this test needs a PostgreSQL server: start one by `eval \"$(.ci/postgres start)\"`"
        );
    };
    let schema = format!("rotation_{}", std::process::id());
    let config = format!("{server} options='-c search_path={schema}'");
    let store = waiting(async {
        let (client, connection) = tokio_postgres::connect(&server, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
        let store = connected(&config);
        store.migrate().await.unwrap();
        store
    });
    let vault = Vault::create(&store, &custody()).unwrap();
    let told = Arc::new(Mutex::new(Told::new()));
    let mut workers: Vec<_> = (0..4).map(|_| Worker::spawn(&config, &told)).collect();
    let mut dice = Dice(0xF00D);
    for round in 0..times(200) {
        thread::sleep(Duration::from_millis(50 + dice.roll(400) as u64));
        workers.iter_mut().for_each(Worker::check);
        let victim = dice.roll(workers.len());
        match round % 3 {
            0 => {
                workers.swap_remove(victim).kill();
                workers.push(Worker::spawn(&config, &told));
            }
            // It sleeps over one rotation, or over two.
            rotations => {
                workers[victim].signal("-STOP");
                for _ in 0..rotations {
                    vault.rotate(|_| Continue(())).unwrap();
                }
                workers[victim].signal("-CONT");
            }
        }
    }
    while told.lock().unwrap().len() <= scopes / 20 {
        workers.iter_mut().for_each(Worker::check);
        thread::sleep(Duration::from_millis(10));
    }
    workers.into_iter().for_each(Worker::kill);
    let told = told.lock().unwrap();
    check(&store, &told);
}

fn work_for_ever(config: &str, scopes: usize) {
    let seed: u64 = env::var(DICE).unwrap().parse().unwrap();
    let store = waiting(async { connected(config) });
    let vault = loop {
        match Vault::open(&store, &custody()) {
            // The process was stopped for longer than the store waits.
            Err(VaultError::Store(StoreError::Unavailable(_))) => {}
            opened => break opened.unwrap().keep_history(3).unwrap(),
        }
    };
    let (mut dice, mut out) = (Dice(seed * 0x9E37_79B9), std::io::stdout());
    loop {
        let worked = match work(&vault, &mut dice, scopes) {
            // The process was stopped for longer than the store waits.
            Err(
                VaultError::Unknown(_)
                | VaultError::Superseded { .. }
                | VaultError::Store(StoreError::Unavailable(_)),
            ) => None,
            worked => worked.unwrap(),
        };
        if let Some((number, revision)) = worked {
            // In one call. The end of the process may still cut the line off.
            out.write_all(format!("\nwrote {number} {revision} .\n").as_bytes()).unwrap();
            out.flush().unwrap();
        }
    }
}
