//! Async code never holds a worker for long: a call returns to its runtime after each slice of records.

use std::io::Cursor;
use std::ops::ControlFlow::Continue;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use secrets_toml::seal::{Revision, Scope};
use secrets_toml::store::{Blocking, MemoryStore};
use secrets_toml::vault::{AsyncVault, Expected, Scopes, Vault};

use crate::custody::locks;
use crate::vault::document;

/// Runs a future over a store that blocks, and counts how often it returns before it is done.
fn pauses<T>(future: impl Future<Output = T>) -> (T, usize) {
    let mut future = pin!(future);
    let mut count = 0;
    loop {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => return (result, count),
            Poll::Pending => count += 1,
        }
    }
}

/// A store with so many documents of so many bytes.
fn filled(count: usize, len: usize) -> MemoryStore {
    let store = MemoryStore::new();
    let vault = Vault::create(&store, &locks()).unwrap();
    let document = document(&format!("A = '{}'", "x".repeat(len)));
    for number in 0..count {
        let scope = Scope::module(&number.to_string()).unwrap();
        vault.put(&scope, &document, Expected::Absent).unwrap();
    }
    store
}

type Vaults<'a> = AsyncVault<Blocking<&'a MemoryStore>>;

fn open(store: &MemoryStore) -> Vaults<'_> {
    pauses(AsyncVault::open(Blocking(store), &locks())).0.unwrap()
}

#[test]
fn each_call_that_visits_records_pauses_after_each_slice() {
    // Slices end by their number of records, or by their bytes.
    for (count, len, slices) in [(640, 10, 10), (6400, 10, 100), (12, 300_000, 12)] {
        let store = filled(count, len);
        let vault = open(&store);
        let total = count as u64;
        let least = |(counted, paused): (u64, usize), passes: usize, what: &str| {
            assert_eq!(counted, total, "{what}");
            assert!(paused >= passes * slices, "{what}: {paused} pauses of {count}");
        };
        let mut file = Vec::new();
        pauses(vault.export_blocking(&mut file)).0.unwrap();
        let mut manifest = Vec::new();
        let (written, paused) = pauses(vault.manifest_blocking(Revision::FIRST, &mut manifest));
        least((written.unwrap(), paused), 1, "manifest");
        let (report, paused) = pauses(vault.verify_against_blocking(&manifest[..]));
        least((report.unwrap().unchanged(), paused), 1, "verify_against");
        let (report, paused) = pauses(vault.verify(Scopes::All));
        least((report.unwrap().documents(), paused), 1, "verify");

        let (report, paused) = pauses(vault.rotate(|_| Continue(())));
        least((report.unwrap().documents(), paused), 2, "rotate");
        let (report, paused) = pauses(vault.rewrap(Scopes::All, |_| Continue(())));
        least((report.unwrap().kept(), paused), 1, "rewrap");

        let empty = MemoryStore::new();
        drop(Vault::create(&empty, &locks()).unwrap());
        let vault = open(&empty);
        let custody = locks();
        let (report, paused) = pauses(vault.import_with_blocking(Cursor::new(&file), &custody));
        // A commit has 1,000 records, and its last slice may be shorter.
        let paused = paused + count.div_ceil(1000);
        least((report.unwrap().written(), paused), 1, "import");
    }
}

/// A call of one record has nothing to share.
#[test]
fn a_call_of_one_record_does_not_pause() {
    let store = filled(3, 10);
    let vault = open(&store);
    let scope = Scope::module("1").unwrap();
    assert_eq!(pauses(vault.get(&scope)).1, 0);
    let written = pauses(vault.put(&scope, &document("A = 2"), Expected::Absent));
    assert!(written.0.is_err() && written.1 == 0);
}

/// The futures of sweeps run as tasks of any runtime.
#[test]
fn a_sweep_is_a_task() {
    fn is_a_task<T: Send>(_: impl Future<Output = T> + Send) {}
    let store = filled(1, 10);
    let vault = open(&store);
    is_a_task(vault.rewrap(Scopes::Module("chat"), |_| Continue(())));
    is_a_task(vault.rotate(|_| Continue(())));
    is_a_task(vault.verify(Scopes::All));
}
