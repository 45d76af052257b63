//! Compares a vault in PostgreSQL with bare writes to the same server, in one run:
//!
//! ```sh
//! eval "$(.ci/postgres start)"
//! cargo bench -p benches --bench postgres
//! .ci/postgres stop
//! ```
//!
//! It ends with status 1 if a figure exceeds its limit. It rewraps 100,000 records, or as many as the
//! argument says.

use std::error::Error;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use secrets_toml::seal::{Keyring, Record, Revision, Scope};
use secrets_toml::store::backend::{Outcome, Write, commitment};
use secrets_toml::store::{AsyncStore, PostgresStore};
use secrets_toml::vault::{AsyncVault, Expected, Scopes};
use secrets_toml::{Document, Secrets};
use tokio_postgres::{Client, NoTls};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The limit of the time of a `put`, divided by the time of a bare read and a bare conditional update.
const PUT_LIMIT: f64 = 2.5;
/// The lower limit of the time of rewrapping a record alone, divided by its time in a batch.
const REWRAP_LIMIT: f64 = 20.0;

/// The lower limit of the rate of many tasks that write, divided by the rate of one.
const TASKS_LIMIT: f64 = 6.0;
const TASKS: usize = 64;

const ROUNDS: usize = 400;
const RECORDS: usize = 100_000;
/// The number of records that are rewrapped one by one. The time of each does not depend on it.
const SINGLY: usize = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let config = std::env::var("SECRETS_TOML_POSTGRES")
        .map_err(|_| "SECRETS_TOML_POSTGRES is not set: start a server with .ci/postgres")?;
    let records = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(RECORDS);
    let schema = format!("secrets_toml_bench_{}", std::process::id());
    let admin = connect(&config).await?;
    admin.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
    let measured = measure(format!("{config} options='-c search_path={schema}'"), records).await;
    admin.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await?;
    Ok(if measured? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn connect(config: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(config, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn secrets() -> Result<Secrets> {
    Ok(Document::parse(format!("TOKEN = '{}'", "x".repeat(588)))?.validate()?)
}

fn scope(number: usize) -> Result<Scope> {
    Ok(Scope::module("chat")?.version("1.2.0")?.install(&format!("install-{number}"))?)
}

async fn measure(config: String, records: usize) -> Result<bool> {
    let bare = connect(&config).await?;
    // The bare client prepares its statements, too.
    let store = PostgresStore::new(config.parse()?, NoTls).with_named_statements();
    let store = store.deadline(Duration::from_secs(60));
    store.migrate().await?;
    let vault = AsyncVault::new(store, Keyring::from_bytes([7; 32]));
    let put = put_over_bare(&vault, &bare).await?;
    let good = put <= PUT_LIMIT;
    println!(
        "put: {put:.2} times a bare read and a bare conditional update (medians of {ROUNDS}; limit \
         {PUT_LIMIT})"
    );

    let (one, many) = writers(vault.store()).await?;
    println!(
        "one task: {one:.0} writes/s; {TASKS} tasks: {many:.0} writes/s, {:.1} times as many (at least \
         {TASKS_LIMIT})",
        many / one
    );
    let good = good && many / one >= TASKS_LIMIT;

    fill(&vault, records).await?;
    let (batches, singly) = rewrap(&vault, records).await?;
    let times = singly / batches;
    println!(
        "rewrap: {records} records in {:.1} s; one by one takes {times:.1} times as long (at least \
         {REWRAP_LIMIT})",
        batches * records as f64,
    );
    Ok(good && times >= REWRAP_LIMIT)
}

/// Returns the median time of a `put`, divided by that of a prepared read and a prepared conditional update
/// of as many bytes. The two take turns.
async fn put_over_bare(vault: &AsyncVault<PostgresStore>, bare: &Client) -> Result<f64> {
    let table = "CREATE TABLE bare (scope bytea PRIMARY KEY, record bytea, commitment bytea);
                 ALTER TABLE bare ALTER COLUMN record SET STORAGE EXTERNAL";
    bare.batch_execute(table).await?;
    let update =
        "UPDATE bare SET record = $2, commitment = $3 WHERE scope = $1 AND commitment = $4";
    let update = bare.prepare(update).await?;
    let read = bare.prepare("SELECT record FROM bare WHERE scope = $1").await?;
    let (scope, secrets) = (Scope::module("put")?, secrets()?);
    let mut revision = vault.put(&scope, &secrets, Expected::Absent).await?;
    let record = vault.store().get(scope.as_bytes()).await?.ok_or("it was put")?;
    let mut current = commitment(&record).ok_or("a record")?.to_vec();
    let insert = "INSERT INTO bare VALUES ($1, $2, $3)";
    bare.execute(insert, &[&scope.as_bytes(), &record, &current]).await?;

    let (mut puts, mut updates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        revision = vault.put(&scope, &secrets, Expected::Revision(revision)).await?;
        puts.push(started.elapsed());

        let record = vault.store().get(scope.as_bytes()).await?.ok_or("it was put")?;
        let next = commitment(&record).ok_or("a record")?.to_vec();
        let started = Instant::now();
        bare.query_one(&read, &[&scope.as_bytes()]).await?;
        let written = bare.execute(&update, &[&scope.as_bytes(), &record, &next, &current]).await?;
        updates.push(started.elapsed());
        assert_eq!(written, 1, "the condition holds");
        current = next;
    }
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    Ok(median(puts) / median(updates))
}

/// Returns the rates of one task and of many, which take turns. Each task writes two records over each
/// other.
async fn writers(store: &PostgresStore) -> Result<(f64, f64)> {
    let (keyring, secrets) = (Keyring::from_bytes([7; 32]), secrets()?);
    let mut pairs = Vec::new();
    for number in 0..TASKS {
        let scope = Scope::module("writer")?.version(&number.to_string())?;
        let [first, second] = [1, 2].map(|number| {
            keyring.seal(&scope, Revision::try_from(number).expect("small"), &secrets)
        });
        let (first, second) = (first?, second?);
        store.apply(None, &[Write::create(&scope, first.clone())]).await?;
        let of = |record: &Record| *commitment(record.as_bytes()).expect("a record");
        pairs.push([
            Write::replace(&scope, of(&first), second.clone()),
            Write::replace(&scope, of(&second), first),
        ]);
    }
    let (mut ones, mut manies) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ones.push(rate(store, &pairs[..1]).await);
        manies.push(rate(store, &pairs).await);
    }
    ones.sort_by(f64::total_cmp);
    manies.sort_by(f64::total_cmp);
    Ok((ones[1], manies[1]))
}

async fn rate(store: &PostgresStore, pairs: &[[Write; 2]]) -> f64 {
    let started = Instant::now();
    let write = async |pair: &[Write; 2]| {
        let mut applied = 0;
        while started.elapsed() < Duration::from_secs(1) {
            for write in pair {
                let outcomes = store.apply(None, std::slice::from_ref(write)).await;
                assert_eq!(outcomes.expect("it is written"), [Outcome::Applied]);
                applied += 1;
            }
        }
        applied
    };
    let applied: usize = join_all(pairs.iter().map(write)).await.into_iter().sum();
    applied as f64 / started.elapsed().as_secs_f64()
}

async fn fill(vault: &AsyncVault<PostgresStore>, records: usize) -> Result<()> {
    let (keyring, secrets) = (Keyring::from_bytes([7; 32]), secrets()?);
    for start in (0..records).step_by(2000) {
        let mut writes = Vec::new();
        for number in start..records.min(start + 2000) {
            let scope = scope(number)?;
            let record = keyring.seal(&scope, Revision::FIRST, &secrets)?;
            writes.push(Write::create(&scope, record));
        }
        vault.store().apply(None, &writes).await?;
    }
    Ok(())
}

/// Returns the seconds that rewrapping takes for each record: in batches, and one by one.
async fn rewrap(vault: &AsyncVault<PostgresStore>, records: usize) -> Result<(f64, f64)> {
    let mut keyring = Keyring::from_bytes([7; 32]);
    let new = keyring.add()?;
    keyring.promote(&new)?;
    let singly = SINGLY.min(records / 2);
    let started = Instant::now();
    for number in 0..singly {
        let scope = scope(number)?;
        let record = vault.store().get(scope.as_bytes()).await?.ok_or("it was filled")?;
        let current = *commitment(&record).ok_or("a record")?;
        let moved = keyring.rewrap(&scope, &record)?.ok_or("it is stale")?;
        vault.store().apply(None, &[Write::replace(&scope, current, moved)]).await?;
    }
    let one_by_one = started.elapsed().as_secs_f64() / singly as f64;

    vault.set_keyring(keyring)?;
    let started = Instant::now();
    let moved = vault.rewrap(Scopes::All, |_| ControlFlow::Continue(())).await?;
    let batches = started.elapsed().as_secs_f64() / moved.written() as f64;
    assert_eq!(
        moved.kept() + moved.written(),
        (records + TASKS + 1) as u64,
        "all filled records, those of the tasks, and the one that was put"
    );
    Ok((batches, one_by_one))
}
