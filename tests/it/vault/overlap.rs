//! A sweep reads and seals the next page while it commits one, and counts what is committed only.

use std::future::poll_fn;
use std::ops::ControlFlow::{Break, Continue};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use secrets_toml::seal::Scope;
use secrets_toml::store::backend::{Fetch, KEYRING_ROW, Outcome, Row, Write};
use secrets_toml::store::{AsyncStore, MemoryStore, Store, StoreError};
use secrets_toml::vault::{AsyncVault, Expected, Report, Scopes, Vault, VaultError};

use crate::custody::{locks, opened};
use crate::faulty::{Faulty, Step};
use crate::seal::{keyring, revision, secrets};
use crate::vault::{Rings, document};

/// A store with pages of two rows, whose commits wait until the vault has asked for more.
struct Ahead {
    store: MemoryStore,
    /// For each commit, the numbers of scans and of single reads that it waits for.
    awaited: Vec<(usize, usize)>,
    /// The numbers of scans, single reads and commits so far.
    counts: Mutex<(usize, usize, usize)>,
    counted: Condvar,
    under_way: AtomicUsize,
}

impl Ahead {
    fn new(store: MemoryStore, awaited: &[(usize, usize)]) -> Self {
        Self {
            store,
            awaited: awaited.to_vec(),
            counts: Mutex::default(),
            counted: Condvar::new(),
            under_way: AtomicUsize::new(0),
        }
    }

    fn count(&self, add: impl FnOnce(&mut (usize, usize, usize))) {
        add(&mut self.counts.lock().unwrap());
        self.counted.notify_all();
    }
}

impl Store for Ahead {
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if scope != KEYRING_ROW {
            self.count(|counts| counts.1 += 1);
        }
        self.store.get(scope)
    }

    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        if writes[0].scope() == KEYRING_ROW {
            return self.store.apply(fence, writes);
        }
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let mut counts = self.counts.lock().unwrap();
        let awaited = self.awaited[counts.2];
        counts.2 += 1;
        // Only a vault that does not ask waits as long.
        let most = Duration::from_secs(60);
        let is_early =
            |counts: &mut (usize, usize, usize)| counts.0 < awaited.0 || counts.1 < awaited.1;
        let (counts, waited) = self.counted.wait_timeout_while(counts, most, is_early).unwrap();
        drop(counts);
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        if waited.timed_out() {
            return Err(StoreError::Unavailable("nothing was asked for during a commit".into()));
        }
        self.store.apply(fence, writes)
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        self.count(|counts| counts.0 += 1);
        self.store.scan(prefix, after, limit.min(2), fetch)
    }

    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        self.store.purge(scope)
    }
}

fn scope(name: &str) -> Scope {
    Scope::module(name).unwrap()
}

/// Two scopes with two past revisions each. To seal a page of past rows, the present is read.
fn fill(vault: &Vault<&MemoryStore>) {
    for name in ["a", "b"] {
        vault.put(&scope(name), &secrets(), Expected::Absent).unwrap();
        for number in 1..3 {
            let at = Expected::Revision(revision(number));
            vault.put(&scope(name), &secrets(), at).unwrap();
        }
    }
}

/// The presents, the past of `a`, and the past of `b`. The last commit waits for the end of the scan.
const AHEAD: [(usize, usize); 3] = [(2, 1), (3, 2), (4, 2)];

#[test]
fn the_next_page_is_sealed_during_a_commit() {
    let store = MemoryStore::new();
    fill(&Vault::new(&store, keyring()).keep_history(5).unwrap());
    let vault = Vault::new(Ahead::new(store, &AHEAD), Rings::new().load(0));
    let mut seen = Vec::new();
    let report = vault
        .rewrap(Scopes::All, |now| {
            assert_eq!(vault.store().under_way.load(Ordering::Relaxed), 0);
            seen.push((now.written(), now.is_complete()));
            Continue(())
        })
        .unwrap();
    assert_eq!((report.written(), report.failed()), (6, 0));
    assert_eq!(seen, [(2, false), (4, false), (6, false), (6, true)]);
}

#[test]
fn a_rotation_seals_the_next_page_during_a_commit() {
    let store = MemoryStore::new();
    fill(&Vault::create(&store, &locks()).unwrap().keep_history(5).unwrap());
    let vault = opened(Ahead::new(store, &AHEAD));
    let report = vault.rotate(|_| Continue(())).unwrap();
    assert_eq!((report.written(), report.documents(), report.past()), (6, 2, 4));
}

#[test]
fn when_it_is_stopped_nothing_is_under_way() {
    let rings = Rings::new();
    for stop in 1..5 {
        let store = MemoryStore::new();
        fill(&Vault::new(&store, keyring()).keep_history(5).unwrap());
        let vault = Vault::new(Ahead::new(store, &AHEAD), rings.load(0));
        let mut calls = 0;
        let report = vault.rewrap(Scopes::All, |now| {
            calls += 1;
            let new = vault.usage().unwrap().records(&rings.load(0).primary());
            assert_eq!(new, now.written(), "what is written is reported");
            if calls == stop { Break(()) } else { Continue(()) }
        });
        let report = report.unwrap();
        assert_eq!((calls, report.written()), (stop, 2 * stop.min(3)));
        assert_eq!(report.is_complete(), stop == 4);
        let new = vault.usage().unwrap().records(&rings.load(0).primary());
        assert_eq!(new, report.written());
    }
}

/// A commit or a scan that panics.
#[test]
fn a_store_that_panics_does_not_hang_it() {
    for reads in [true, false] {
        for number in 0..3 {
            let store = Faulty::new(Ahead::new(MemoryStore::new(), &[(0, 0); 9]));
            fill(&Vault::new(&store.store.store, keyring()).keep_history(5).unwrap());
            let panic = Step::after(|_: &Ahead| panic!("requested"));
            let steps = (0..number).map(|_| Step::Pass).chain([panic]);
            if reads {
                store.reads(steps)
            } else {
                store.writes(steps)
            }
            let vault = Vault::new(store, Rings::new().load(0));
            let ended = catch_unwind(AssertUnwindSafe(|| {
                drop(vault.rewrap(Scopes::All, |_| Continue(())));
            }));
            let told = ended.unwrap_err();
            assert_eq!(told.downcast_ref::<&str>(), Some(&"requested"), "{number}");
        }
    }
}

type Steps = fn() -> Vec<Step<Ahead>>;

/// A fault of one commit, while the next page is sealed: what the call returns, and the pages that it
/// then has committed.
#[test]
fn a_fault_stops_the_pages_behind_it() {
    const FAULTS: [(&str, Steps, bool); 7] = [
        ("unavailable", || vec![Step::Unavailable], false),
        ("lost", || vec![Step::Lost], true),
        ("done", || vec![Step::Done], true),
        ("late", || vec![Step::Late], true),
        ("lost twice", || vec![Step::Lost, Step::Lost], false),
        ("done, then unavailable", || vec![Step::Done, Step::Unavailable], false),
        ("late, then done", || vec![Step::Late, Step::Done], false),
    ];
    let rings = Rings::new();
    for (what, steps, goes_on) in FAULTS {
        for page in 0..3 {
            let store = Faulty::new(Ahead::new(MemoryStore::new(), &[(0, 0); 9]));
            fill(&Vault::new(&store.store.store, keyring()).keep_history(5).unwrap());
            store.writes((0..page).map(|_| Step::Pass).chain(steps()));
            let vault = Vault::new(&store, rings.load(0));
            let new = || vault.usage().unwrap().records(&rings.load(0).primary());
            let mut told = 0;
            let ended = vault.rewrap(Scopes::All, |now| {
                told = now.written() + now.kept();
                // A write that was done and not confirmed counts as kept.
                assert!(told <= new() + now.kept(), "{what} {page}");
                Continue(())
            });
            match ended {
                Ok(report) => {
                    assert!(goes_on, "{what} {page}");
                    assert_eq!(report.written() + report.kept(), 6, "{what} {page}");
                    assert_eq!((new(), report.failed()), (6, 0), "{what} {page}");
                }
                Err(error) => {
                    assert!(!goes_on, "{what} {page}: {error:?}");
                    let unknown = matches!(error, VaultError::Unknown(_));
                    assert_eq!(unknown, what != "unavailable", "{what} {page}");
                    assert_eq!(told, 2 * page, "{what} {page}: the pages before");
                    store.land();
                    assert!(new() <= 2 * page + 2, "{what} {page}: no page behind it");
                }
            }
            store.land();
            vault.rewrap(Scopes::All, |_| Continue(())).unwrap();
            let verified = vault.verify(Scopes::All).unwrap();
            assert_eq!((new(), verified.documents(), verified.past()), (6, 2, 4), "{what} {page}");
        }
    }
}

/// The next page cannot be read. The commit under way is waited for, and reported.
#[test]
fn a_page_that_cannot_be_read_stops_it_after_the_commit() {
    let rings = Rings::new();
    // The reads are three scans, and in between the presents of the past rows.
    for (read, pages) in [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3)] {
        let store = Faulty::new(Ahead::new(MemoryStore::new(), &[(0, 0); 9]));
        fill(&Vault::new(&store.store.store, keyring()).keep_history(5).unwrap());
        store.reads((0..read).map(|_| Step::Pass).chain([Step::Unavailable]));
        let vault = Vault::new(&store, rings.load(0));
        let mut told = 0;
        let error = vault.rewrap(Scopes::All, |now| {
            told = now.written();
            Continue(())
        });
        let error = error.unwrap_err();
        assert!(matches!(error, VaultError::Store(StoreError::Unavailable(_))), "{error:?}");
        let new = vault.usage().unwrap().records(&rings.load(0).primary());
        assert_eq!((told, new), (2 * pages, 2 * pages), "{read}");
    }
}

/// The keys are rotated before one of the commits, or two. What was sealed ahead is sealed anew.
#[test]
fn a_rotation_in_between_seals_all_anew() {
    let rotate = || {
        Step::after(|store: &Ahead| {
            opened(&store.store).rotate(|_| Continue(())).unwrap();
        })
    };
    for first in 0..3 {
        for second in [false, true] {
            let store = Faulty::new(Ahead::new(MemoryStore::new(), &[(0, 0); 99]));
            fill(&Vault::create(&store.store.store, &locks()).unwrap().keep_history(5).unwrap());
            let vault = opened(&store);
            // A key was added, and its rotation was killed.
            store.writes([Step::Pass, Step::Unavailable]);
            vault.rotate(|_| Continue(())).unwrap_err();
            let steps = (0..first).map(|_| Step::Pass).chain([rotate()]);
            store.writes(steps.chain(second.then(rotate)));
            let mut seen = Vec::new();
            let count = |report: &Report| report.written() + report.kept();
            let report = vault.rewrap(Scopes::All, |now| {
                seen.push(count(now));
                Continue(())
            });
            let report = report.unwrap();
            assert_eq!((report.failed(), &seen[..]), (0, &[2, 4, 6, 6][..]), "{first} {second}");
            vault.rotate(|_| Continue(())).unwrap();
            let verified = opened(&store.store.store).verify(Scopes::All).unwrap();
            assert_eq!((verified.documents(), verified.past(), verified.failed()), (2, 4, 0));
        }
    }
}

/// A store whose commits are not done before they are let go.
struct Closed {
    store: MemoryStore,
    is_open: AtomicBool,
    scans: AtomicUsize,
    commits: AtomicUsize,
}

impl AsyncStore for Closed {
    async fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(scope)
    }

    async fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        let is_open = || self.is_open.load(Ordering::Relaxed);
        poll_fn(|_| if is_open() { Poll::Ready(()) } else { Poll::Pending }).await;
        self.store.apply(fence, writes)
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        self.scans.fetch_add(1, Ordering::Relaxed);
        self.store.scan(prefix, after, limit.min(256), fetch)
    }

    async fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        self.store.purge(scope)
    }
}

/// Remembers if a task was woken since it was polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn one_task_seals_the_next_page_during_a_commit() {
    let store = MemoryStore::new();
    let filled = Vault::new(&store, keyring());
    for number in 0..768 {
        let scope = scope(&number.to_string());
        filled.put(&scope, &document("A = 1"), Expected::Absent).unwrap();
    }
    drop(filled);
    let (scans, commits) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let store = Closed { store, is_open: AtomicBool::new(false), scans, commits };
    let vault = AsyncVault::new(store, Rings::new().load(0));
    let mut rewrap = pin!(vault.rewrap(Scopes::All, |_| Continue(())));
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    let mut slices = 0;
    // It is polled while it goes on: it seals the first page, and then the second one.
    while woken.0.swap(false, Ordering::Relaxed) {
        assert!(rewrap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        if count(&vault.store().commits) == 1 {
            slices += 1;
        }
        assert!(slices < 100, "it ends");
    }
    // The second page has four slices. No third one is in memory.
    assert!(slices >= 4, "{slices}");
    let store = vault.store();
    assert_eq!(store.scans.load(Ordering::Relaxed), 2);
    assert_eq!(store.commits.load(Ordering::Relaxed), 1);
    store.is_open.store(true, Ordering::Relaxed);
    let report = loop {
        if let Poll::Ready(report) = rewrap.as_mut().poll(&mut Context::from_waker(&waker)) {
            break report.unwrap();
        }
    };
    assert_eq!((report.written(), report.failed()), (768, 0));
}
