//! The steps of rotation in the real code: writers, readers, an import and rotators, in every order of their calls
//! to the store with few interruptions, and in random orders.
//!
//! `tests/rotation` is the model of the same. After each call, every record in the store must be under
//! a key that the store's keyring has.

use std::cell::RefCell;
use std::ops::ControlFlow::Continue;

use secrets_toml::seal::{Custody, Header, KeyId, KeyState, Keyring, Lock, LockedKeyring, Scope};
use secrets_toml::store::backend::Fetch;
use secrets_toml::store::{MemoryStore, Store};
use secrets_toml::vault::{AsyncVault, Expected, Scopes, Vault, VaultError};

use crate::full::times;
use crate::paused::{Paused, Process, Schedule, run};
use crate::seal::{custody, revision};
use crate::vault::document;

const KEK: [u8; 32] = [5; 32];

fn host() -> Custody<'static> {
    custody(Lock::raw(&KEK))
}

fn scope(name: &str) -> Scope {
    Scope::module(name).unwrap()
}

/// The processes that take part.
#[derive(Clone, Copy, Default)]
struct Cast {
    /// Each writer replaces a document and creates one, the same as the others.
    writers: usize,
    readers: usize,
    rotators: usize,
    importers: usize,
}

/// The store, and what its processes were told.
struct Stage {
    store: MemoryStore,
    first: KeyId,
    export: Vec<u8>,
    /// The keyring that was read last, and its row.
    seen: RefCell<(Vec<u8>, Keyring)>,
    written: RefCell<Vec<(&'static str, u64)>>,
}

impl Stage {
    fn new() -> Self {
        let store = MemoryStore::new();
        let vault = Vault::create(&store, &host()).unwrap();
        vault.put(&scope("x"), &document("A = 0"), Expected::Absent).unwrap();
        let row = store.get(&[0x7D]).unwrap().unwrap();
        let keyring = unlock(&row);
        let first = keyring.primary();
        // An export without the keyring, from before all rotations.
        let (other, mut export) = (Vault::new(MemoryStore::new(), unlock(&row)), Vec::new());
        other.put(&scope("z"), &document("A = 2"), Expected::Absent).unwrap();
        other.export(&mut export).unwrap();
        let seen = RefCell::new((row, keyring));
        Self { store, first, export, seen, written: RefCell::default() }
    }

    /// Fails if a record in the store is under a key that the store's keyring does not open.
    fn check(&self) {
        let row = self.store.get(&[0x7D]).unwrap().unwrap();
        let mut seen = self.seen.borrow_mut();
        if seen.0 != row {
            *seen = (row.clone(), unlock(&row));
        }
        for row in self.store.scan(&[], None, usize::MAX, Fetch::Records).unwrap() {
            if row.scope() != [0x7D] {
                let id = Header::parse(row.record()).unwrap().key_id();
                let state =
                    seen.1.entries().find(|(found, _)| *found == id).map(|(_, state)| state);
                assert!(
                    matches!(state, Some(KeyState::Primary | KeyState::Active)),
                    "a record is lost: {:?} is under {id}, which is {state:?}",
                    row.scope(),
                );
            }
        }
    }

    fn processes(&self, cast: &Cast) -> Vec<Process<'_>> {
        let mut processes: Vec<Process<'_>> = Vec::new();
        // All of them load the keyring before anybody rotates.
        let open = || ready(AsyncVault::open(Paused(&self.store), &host())).unwrap();
        for _ in 0..cast.writers {
            let vault = open();
            processes.push(Box::pin(async move {
                for (name, expected) in
                    [("x", Expected::Revision(revision(1))), ("y", Expected::Absent)]
                {
                    match vault.put(&scope(name), &document("A = 1"), expected).await {
                        Ok(revision) => self.written.borrow_mut().push((name, revision.get())),
                        Err(VaultError::Conflict { .. }) => {}
                        Err(error) => panic!("a writer is told: {error}"),
                    }
                }
            }));
        }
        for _ in 0..cast.readers {
            let vault = open();
            processes.push(Box::pin(async move {
                assert!(vault.get(&scope("x")).await.unwrap().is_some());
                let report = vault.verify(Scopes::All).await.unwrap();
                assert_eq!(report.failed(), 0, "{:?}", report.failures());
            }));
        }
        for _ in 0..cast.importers {
            let vault = open();
            processes.push(Box::pin(async move {
                let report =
                    vault.import_blocking(std::io::Cursor::new(&self.export)).await.unwrap();
                // A failure is true if the key of the file is destroyed.
                if report.failed() == 0 {
                    self.written.borrow_mut().push(("z", 1));
                }
            }));
        }
        for _ in 0..cast.rotators {
            let vault = open();
            processes.push(Box::pin(async move {
                vault.rotate(|_| Continue(())).await.unwrap();
                let keyring = unlock(&self.store.get(&[0x7D]).unwrap().unwrap());
                let state = keyring.entries().find(|(id, _)| *id == self.first).unwrap().1;
                assert_eq!(state, KeyState::Destroyed);
            }));
        }
        processes
    }

    /// Fails unless whoever starts now reads everything that was acknowledged.
    fn end(&self) {
        let vault = Vault::open(&self.store, &host()).unwrap();
        for (name, number) in self.written.borrow().iter() {
            let opened = vault.get(&scope(name)).unwrap().expect("it was acknowledged");
            assert!(opened.revision() >= revision(*number));
        }
        assert_eq!(vault.verify(Scopes::All).unwrap().failed(), 0);
    }
}

fn unlock(row: &[u8]) -> Keyring {
    let text = std::str::from_utf8(&row[104..]).unwrap();
    LockedKeyring::parse(text).unwrap().unlock(&host()).unwrap()
}

/// Runs a future to its end, whatever it pauses at.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        if let std::task::Poll::Ready(result) = future.as_mut().poll(context) {
            return result;
        }
    }
}

/// Runs a cast in every order with at most so many interruptions. Returns how many there were.
fn every_order(cast: &Cast, interruptions: usize) -> usize {
    let mut schedule = Schedule::first(interruptions);
    for count in 1.. {
        let stage = Stage::new();
        run(stage.processes(cast), &mut schedule, || stage.check());
        stage.end();
        if !schedule.next() {
            return count;
        }
    }
    unreachable!("there are finitely many")
}

fn random_orders(cast: &Cast, count: usize) {
    for seed in 1..=count as u64 {
        let stage = Stage::new();
        run(stage.processes(cast), &mut Schedule::random(seed), || stage.check());
        stage.end();
    }
}

#[test]
fn nothing_is_lost_in_any_order_of_calls() {
    let pair = Cast { writers: 1, rotators: 1, ..Cast::default() };
    for (cast, interruptions) in [
        (pair, 3),
        (Cast { writers: 2, ..pair }, 2),
        (Cast { rotators: 2, ..pair }, 2),
        (Cast { readers: 1, rotators: 2, ..Cast::default() }, 2),
        (Cast { importers: 1, rotators: 1, ..Cast::default() }, 3),
    ] {
        // One interruption less by default, which is a tenth of the orders and less.
        let fewer = usize::from(times(10) < 10);
        let count = every_order(&cast, interruptions - fewer);
        println!("{count} orders");
    }
}

#[test]
fn nothing_is_lost_in_random_orders() {
    let cast = Cast { writers: 2, readers: 1, rotators: 2, importers: 1 };
    random_orders(&cast, times(1_000));
}

/// The same orders, with a keyring that the host keeps: a key is added as the primary one, all records
/// are moved to it, and the old key is proven unused and destroyed. A writer that slept meanwhile
/// seals under it.
#[test]
fn without_a_fence_a_record_is_lost() {
    let mut schedule = Schedule::first(1);
    let mut lost = 0;
    loop {
        let (store, mut keyring) = (MemoryStore::new(), crate::seal::keyring());
        let text = keyring.lock(&host()).unwrap();
        let load = || LockedKeyring::parse(&text).unwrap().unlock(&host()).unwrap();
        let writer = AsyncVault::new(Paused(&store), load());
        let rotator = AsyncVault::new(Paused(&store), load());
        let end = RefCell::new(None);
        let processes: Vec<Process<'_>> = vec![
            Box::pin(async {
                writer.put(&scope("y"), &document("A = 1"), Expected::Absent).await.unwrap();
            }),
            Box::pin(async {
                let (mut keyring, old) = (load(), load().primary());
                let new = keyring.add().unwrap();
                keyring.promote(&new).unwrap();
                let text = keyring.lock_again().unwrap();
                let load = || LockedKeyring::parse(&text).unwrap().unlock(&host()).unwrap();
                rotator.set_keyring(load()).unwrap();
                rotator.rewrap(Scopes::All, |_| Continue(())).await.unwrap();
                keyring.disable(&old).unwrap();
                let text = keyring.lock_again().unwrap();
                rotator
                    .set_keyring(LockedKeyring::parse(&text).unwrap().unlock(&host()).unwrap())
                    .unwrap();
                if let Some(unused) = rotator.verify(Scopes::All).await.unwrap().unused(&old) {
                    keyring.destroy(unused).unwrap();
                }
                *end.borrow_mut() = Some(keyring);
            }),
        ];
        run(processes, &mut schedule, || ());
        let keyring = end.take().unwrap();
        let record = store.get(scope("y").as_bytes()).unwrap().unwrap();
        lost += usize::from(keyring.open(&scope("y"), &record).is_err());
        if !schedule.next() {
            break;
        }
    }
    assert!(lost > 0);
}
