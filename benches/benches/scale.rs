//! Measures a vault in one file with 1,000, 100,000 and 1,000,000 scopes of 600 bytes.
//!
//! ```sh
//! cargo bench -p benches --bench scale   # takes minutes, and 3 GB in the temporary folder
//! cargo bench -p benches --bench scale -- 1000 5000
//! ```
//!
//! A `put` is compared with a bare commit of redb: it writes as many bytes under the same key to a
//! database of the same size, with the same durability. The two take turns. So do one thread and 64
//! threads that write: they share commits.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use redb::{Builder, Database, Durability, TableDefinition};
use secrets_toml::seal::{Keyring, Record, Revision, Scope};
use secrets_toml::store::backend::{Outcome, Write, commitment};
use secrets_toml::store::{RedbStore, Store};
use secrets_toml::vault::{Expected, Scopes, Vault};
use secrets_toml::{Document, Secrets};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SIZES: [u64; 3] = [1_000, 100_000, 1_000_000];
const TEXT_LEN: usize = 600;
/// The default cache of a `RedbStore`, in bytes: both databases have the same.
const CACHE_LEN: usize = 16 << 20;
const BARE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("bare");

/// The limit of the median time of `get`, opening, parsing and mapping, in microseconds.
const GET_LIMIT: f64 = 30.0;
/// The limit of that time with the most scopes, divided by the time with the fewest.
const GROWTH_LIMIT: f64 = 2.5;
/// The limit of the time of a `put`, divided by the time of a bare commit.
const PUT_LIMIT: f64 = 1.3;
/// The limit of the time of a lone write of the store, divided by the time of a bare commit.
const LONE_LIMIT: f64 = 1.05;
/// The lower limit of the rate of many threads that write, divided by the rate of one.
const THREADS_LIMIT: f64 = 8.0;
const THREADS: usize = 64;
/// The limit of the time of rewrapping a million records, in seconds; it is proportional for fewer.
const REWRAP_LIMIT: f64 = 45.0;
/// The limit of resident memory, in MiB.
const MEMORY_LIMIT: f64 = 100.0;

fn main() -> Result<()> {
    let sizes: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    let folder = std::env::temp_dir().join(format!("secrets-toml-scale-{}", std::process::id()));
    let mut table = Table::default();
    let mut gets = Vec::new();
    for size in sizes {
        fs::create_dir_all(&folder)?;
        let measured = measure(&folder, size, &mut table);
        fs::remove_dir_all(&folder)?;
        gets.push(measured?);
    }
    if let [first, .., last] = gets[..] {
        table.limited("get, most scopes / fewest scopes", last / first, GROWTH_LIMIT, "x");
    }
    match table.failed {
        true => Err("a limit is exceeded".into()),
        false => {
            println!("all figures are within their limits");
            Ok(())
        }
    }
}

/// Measures one size, and returns the median time of reading, in microseconds.
fn measure(folder: &Path, size: u64, table: &mut Table) -> Result<f64> {
    println!("\n{size} scopes");
    let secrets = secrets()?;
    let keyring = Keyring::from_bytes([7; 32]);
    let file = folder.join("vault.redb");
    let store = RedbStore::create(&file)?;
    let start = Instant::now();
    fill(&store, size, &keyring, &secrets)?;
    table.plain("fill, in batches", start.elapsed().as_secs_f64(), "s");
    table.plain("file", fs::metadata(&file)?.len() as f64 / 1e6, "MB");
    drop(store);

    let start = Instant::now();
    let store = RedbStore::open(&file)?;
    table.plain("open, checks the whole file", start.elapsed().as_secs_f64(), "s");
    let vault = Vault::new(store, keyring);

    let mut picks = Picks(size);
    let get = median(20_001, || {
        let scope = scope(picks.next());
        let start = Instant::now();
        let opened = vault.get(&scope)?.ok_or("no record")?;
        black_box(opened.into_secrets()?.env()?);
        Ok(start.elapsed())
    })?;
    table.limited("get + open + parse + env, median", get * 1e6, GET_LIMIT, "us");

    put(folder, size, &vault, &secrets, table)?;
    writers(vault.store(), table)?;

    let start = Instant::now();
    let listed = vault.scopes(Scopes::All)?.count() as u64;
    table.plain("list all scopes", start.elapsed().as_secs_f64(), "s");
    let start = Instant::now();
    let usage = vault.usage()?;
    table.plain("usage", start.elapsed().as_secs_f64(), "s");
    assert_eq!((listed, usage.by_key().len()), (size, 1));

    let mut keyring = Keyring::from_bytes([7; 32]);
    let new = keyring.add()?;
    keyring.promote(&new)?;
    vault.set_keyring(keyring)?;
    let start = Instant::now();
    let moved = vault.rewrap(Scopes::All, |_| ControlFlow::Continue(()))?;
    let limit = REWRAP_LIMIT * (size as f64 / 1e6).max(0.1);
    table.limited("rewrap", start.elapsed().as_secs_f64(), limit, "s");
    assert_eq!((moved.written(), moved.failed()), (size, 0));
    let start = Instant::now();
    assert_eq!(vault.verify(Scopes::All)?.documents(), size);
    table.plain("verify", start.elapsed().as_secs_f64(), "s");

    table.limited("peak resident memory, with watermarks", peak_memory()?, MEMORY_LIMIT, "MiB");
    Ok(get * 1e6)
}

/// Measures puts and bare commits, which take turns.
fn put(
    folder: &Path,
    size: u64,
    vault: &Vault<RedbStore>,
    secrets: &Secrets,
    table: &mut Table,
) -> Result<()> {
    let value = vec![0xA5; vault.store().get(scope(0).as_bytes())?.ok_or("no record")?.len()];
    let bare = Builder::new().set_cache_size(CACHE_LEN).create(folder.join("bare.redb"))?;
    for from in (0..size).step_by(10_000) {
        commit(&bare, from..size.min(from + 10_000), &value)?;
    }
    let mut picks = Picks(size + 1);
    let (mut puts, mut bares) = (Vec::new(), Vec::new());
    let mut lone = Vec::new();
    for _ in 0..501 {
        let number = picks.next() % size;
        let scope = scope(number);
        let at = vault.get(&scope)?.ok_or("no record")?.revision();
        let start = Instant::now();
        vault.put(&scope, secrets, Expected::Revision(at))?;
        puts.push(start.elapsed());
        let start = Instant::now();
        commit(&bare, number..number + 1, &value)?;
        bares.push(start.elapsed());
        let current = vault.store().get(scope.as_bytes())?.ok_or("no record")?;
        let current = *commitment(&current).ok_or("no record")?;
        let next = at.next().and_then(Revision::next).ok_or("the last")?;
        let record = Keyring::from_bytes([7; 32]).seal(&scope, next, secrets)?;
        let write = [Write::replace(&scope, current, record)];
        let start = Instant::now();
        let outcomes = vault.store().apply(None, &write)?;
        lone.push(start.elapsed());
        assert_eq!(outcomes, [Outcome::Applied]);
    }
    let (put, bare, lone) = (middle(puts), middle(bares), middle(lone));
    table.plain("bare commit, median", bare * 1e6, "us");
    table.plain("put, median", put * 1e6, "us");
    table.limited("put / bare commit", put / bare, PUT_LIMIT, "x");
    table.limited("lone write / bare commit", lone / bare, LONE_LIMIT, "x");
    Ok(())
}

/// Measures the rates of one thread and of many, which take turns.
fn writers(store: &RedbStore, table: &mut Table) -> Result<()> {
    let keyring = Keyring::from_bytes([7; 32]);
    let secrets = secrets()?;
    // Each thread writes two records over each other, under a scope that nobody else uses.
    let scopes = (0..THREADS).map(|thread| Scope::module("writers")?.version(&thread.to_string()));
    let scopes = scopes.collect::<std::result::Result<Vec<_>, _>>()?;
    let mut pairs = Vec::new();
    for scope in &scopes {
        let first = keyring.seal(scope, revision(1), &secrets)?;
        let second = keyring.seal(scope, revision(2), &secrets)?;
        let outcomes = store.apply(None, &[Write::create(scope, first.clone())])?;
        assert_eq!(outcomes, [Outcome::Applied]);
        let of = |record: &Record| *commitment(record.as_bytes()).expect("a record");
        pairs.push([
            Write::replace(scope, of(&first), second.clone()),
            Write::replace(scope, of(&second), first),
        ]);
    }
    let rate = |threads: usize| {
        let applied = AtomicUsize::new(0);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for pair in &pairs[..threads] {
                let applied = &applied;
                scope.spawn(move || {
                    while start.elapsed() < Duration::from_millis(700) {
                        for write in pair {
                            let outcomes = store.apply(None, std::slice::from_ref(write));
                            assert_eq!(outcomes.expect("it is written"), [Outcome::Applied]);
                            applied.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        applied.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
    };
    let (mut ones, mut manies) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ones.push(rate(1));
        manies.push(rate(THREADS));
    }
    for scope in &scopes {
        store.purge(scope.as_bytes())?;
    }
    ones.sort_by(f64::total_cmp);
    manies.sort_by(f64::total_cmp);
    table.plain("writes of one thread", ones[1], "/s");
    table.plain("writes of 64 threads", manies[1], "/s");
    table.at_least("64 threads / one thread", manies[1] / ones[1], THREADS_LIMIT, "x");
    Ok(())
}

fn revision(number: u64) -> Revision {
    Revision::try_from(number).expect("it is small")
}

fn commit(database: &Database, numbers: std::ops::Range<u64>, value: &[u8]) -> Result<()> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_quick_repair(true);
    let mut table = transaction.open_table(BARE)?;
    for number in numbers {
        table.insert(scope(number).as_bytes(), value)?;
    }
    drop(table);
    transaction.commit()?;
    Ok(())
}

fn fill(store: &RedbStore, size: u64, keyring: &Keyring, secrets: &Secrets) -> Result<()> {
    for from in (0..size).step_by(10_000) {
        let mut writes = Vec::new();
        for number in from..size.min(from + 10_000) {
            let scope = scope(number);
            let record = keyring.seal(&scope, Revision::FIRST, secrets)?;
            writes.push(Write::create(&scope, record));
        }
        let outcomes = store.apply(None, &writes)?;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Applied));
    }
    Ok(())
}

/// Returns the scope of a number: ten installs of each version, ten versions of each module.
fn scope(number: u64) -> Scope {
    let module = Scope::module(&format!("module-{:06}", number / 100));
    let version = module.and_then(|module| module.version(&format!("1.{}.0", number / 10 % 10)));
    version.and_then(|version| version.install(&format!("install-{}", number % 10))).expect("names")
}

fn secrets() -> Result<Secrets> {
    let mut text = String::from("MODEL = \"large\"\nPORT = 8080\n[db]\nuser = \"ada\"\n");
    let rest = TEXT_LEN - text.len() - "TOKEN = \"\"\n".len();
    text.insert_str(0, &format!("TOKEN = \"{}\"\n", "x".repeat(rest)));
    assert_eq!(text.len(), TEXT_LEN);
    Ok(Document::parse(text)?.validate()?)
}

/// Pseudorandom numbers below the given one, uniformly distributed.
struct Picks(u64);

impl Picks {
    fn next(&mut self) -> u64 {
        thread_local!(static STATE: std::cell::Cell<u64> = const { std::cell::Cell::new(1) });
        let state = STATE.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
        STATE.set(state);
        (state >> 33) % self.0
    }
}

fn median(rounds: usize, mut run: impl FnMut() -> Result<Duration>) -> Result<f64> {
    Ok(middle((0..rounds).map(|_| run()).collect::<Result<_>>()?))
}

/// Returns the median, in seconds.
fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

/// Returns the peak resident memory of this process in MiB, or 0 if the system does not report it.
fn peak_memory() -> Result<f64> {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return Ok(0.0) };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line.and_then(|line| line.split_whitespace().next()).unwrap_or("0").parse()?;
    Ok(kib / 1024.0)
}

#[derive(Default)]
struct Table {
    failed: bool,
}

impl Table {
    fn plain(&self, name: &str, figure: f64, unit: &str) {
        println!("  {name:<46}{figure:>10.2} {unit}");
    }

    fn limited(&mut self, name: &str, figure: f64, limit: f64, unit: &str) {
        let exceeded = figure > limit;
        self.failed |= exceeded;
        let word = if exceeded { "EXCEEDED" } else { "" };
        println!("  {name:<46}{figure:>10.2} {unit:<4} limit {limit:>7.2} {word}");
    }

    fn at_least(&mut self, name: &str, figure: f64, limit: f64, unit: &str) {
        let is_short = figure < limit;
        self.failed |= is_short;
        let word = if is_short { "TOO FEW" } else { "" };
        println!("  {name:<46}{figure:>10.2} {unit:<4} least {limit:>7.2} {word}");
    }
}
