//! The end of a call is told exactly once, also if the call does not return.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use secrets_toml::seal::{Lock, Scope};
use secrets_toml::store::backend::{Fetch, past};
use secrets_toml::store::{Blocking, Cause, MemoryStore, Store};
use secrets_toml::vault::{AsyncVault, Event, Expected, Observer, Outcome, Scopes, Vault};

use super::{Log, observed, ready};
use crate::faulty::{Faulty, Step};
use crate::paused::Paused;
use crate::seal::{custody, install, keyring, revision, secrets};
use crate::vault::{Tested, beside};

fn faulty() -> (Tested, Arc<Log>) {
    observed(crate::vault::vault())
}

/// A write by another process.
fn write_beside(store: &MemoryStore) {
    Vault::new(store, keyring()).put(&install("acme"), &secrets(), Expected::Absent).unwrap();
}

/// The key of the only past row of a scope.
fn past_key(vault: &Tested, scope: &Scope) -> Vec<u8> {
    let prefix = past(scope.as_bytes()).start[..scope.as_bytes().len()].to_vec();
    let rows = vault.store().store.scan(&prefix, None, 10, Fetch::Heads).unwrap();
    rows[0].scope().to_vec()
}

/// The outcomes of the writes that a put sends, and the line about its end.
#[test]
fn attempts_are_counted() {
    const UNKNOWN: &str = "the store did not confirm the write: it may or may not have happened";
    let table = [
        (vec![Step::Pass], "put done, revision 1, key 1, attempts: 1".to_owned()),
        (
            vec![Step::Unavailable],
            "put failed: the store is unavailable; nothing was changed, attempts: 1".to_owned(),
        ),
        (vec![Step::Lost], "put done, revision 1, key 1, attempts: 2".to_owned()),
        // The first attempt was carried out, so the second one fails, and the record is confirmed.
        (vec![Step::Done], "put done, revision 1, key 1, attempts: 3".to_owned()),
        (vec![Step::Lost, Step::Lost], format!("put failed: {UNKNOWN}, attempts: 2")),
        (vec![Step::Done, Step::Unavailable], format!("put failed: {UNKNOWN}, attempts: 2")),
        (
            vec![Step::after(write_beside)],
            "put failed: conflict: the current revision is 1, not the expected one, attempts: 1"
                .to_owned(),
        ),
    ];
    for (steps, line) in table {
        let (vault, log) = faulty();
        vault.store().writes(steps);
        let _ = vault.put(&install("acme"), &secrets(), Expected::Absent);
        assert_eq!(log.ends(), [line]);
    }
}

/// The same of a purge.
#[test]
fn attempts_to_purge_are_counted() {
    for (steps, line) in [
        (vec![Step::Done], "purge done, attempts: 2"),
        (
            vec![Step::Lost, Step::Lost],
            "purge failed: the store did not confirm the write: it may or may not have happened, \
             attempts: 2",
        ),
    ] {
        let (vault, log) = faulty();
        vault.store().writes(steps);
        let _ = vault.purge(&install("acme"));
        assert_eq!(log.ends(), [line]);
    }
}

/// A call that sends nothing says so.
#[test]
fn errors_before_a_write_have_no_attempts() {
    let (vault, log) = faulty();
    vault.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
    log.take();
    vault.put(&install("acme"), &secrets(), Expected::Absent).unwrap_err();
    vault.delete(&install("other"), revision(1), None).unwrap_err();
    vault.relock(&custody(Lock::raw(&[5; 32]))).unwrap_err();
    vault.store().reads([Step::Unavailable]);
    vault.export(&mut Vec::new()).unwrap_err();
    assert_eq!(
        log.ends(),
        [
            "put failed: conflict: the current revision is 1, not the expected one",
            "delete failed: the scope has no document to delete, copy or restore",
            "relock failed: the vault's keyring is not in its store: put it there with `Vault::adopt`",
            "export failed: the store is unavailable; nothing was changed",
        ]
    );
}

/// The number of polls before the future is dropped, and the line about its end.
#[test]
fn a_dropped_future_is_told() {
    for (polls, lines) in [
        (0, &[][..]),
        (1, &["put abandoned"][..]),
        (2, &["put abandoned, attempts: 1"]),
        (3, &["put done, revision 1, key 1, attempts: 1"]),
    ] {
        let log = Arc::new(Log::default());
        let vault = AsyncVault::new(Paused(MemoryStore::new()), keyring()).observed_by(log.clone());
        {
            let (acme, secrets) = (install("acme"), secrets());
            let mut put = pin!(vault.put(&acme, &secrets, Expected::Absent));
            for _ in 0..polls {
                let _ = put.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
        }
        assert_eq!(log.ends(), lines, "after {polls} polls");
    }
}

#[test]
fn an_iterator_is_told_at_its_end() {
    let vault = Vault::new(Faulty::new(MemoryStore::new()), keyring()).keep_history(5).unwrap();
    let (vault, log) = observed(vault);
    let acme = install("acme");
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    vault.put(&acme, &secrets(), Expected::Revision(revision(1))).unwrap();
    log.take();

    let mut history = vault.history(&acme).unwrap();
    assert!(history.next().is_some() && history.next().is_some());
    assert!(log.ends().is_empty());
    assert!(history.next().is_none() && history.next().is_none());
    assert_eq!(log.ends(), ["history done"]);
    drop(history);

    drop(vault.history(&acme).unwrap());
    assert_eq!(vault.history(&acme).unwrap().take(1).count(), 1);
    assert_eq!(vault.scopes(Scopes::All).unwrap().take(1).count(), 1);
    assert_eq!(log.ends(), ["history abandoned", "history abandoned", "scopes abandoned"]);

    // An error ends it, unless it is about one item.
    let mut history = vault.history(&acme).unwrap();
    history.next().unwrap().unwrap();
    vault.store().reads([Step::Unavailable]);
    assert!(history.next().unwrap().is_err() && history.next().is_none());
    let mut listing = vault.scopes(Scopes::All).unwrap();
    vault.store().reads([Step::Unavailable]);
    assert!(listing.next().unwrap().is_err() && listing.next().is_none());
    vault.store().reads([Step::Unavailable]);
    assert!(vault.history(&acme).is_err());
    let mut history = vault.history(&acme).unwrap();
    history.next().unwrap().unwrap();
    vault.store().show(&past_key(&vault, &acme), vec![0; 60]);
    assert!(history.next().unwrap().is_err() && history.next().is_none());
    let unavailable = "the store is unavailable; nothing was changed";
    assert_eq!(
        log.ends(),
        [
            &format!("history failed: {unavailable}"),
            &format!("scopes failed: {unavailable}"),
            &format!("history failed: {unavailable}"),
            "history done",
        ]
    );
}

/// Polls a future until it is done.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
    }
}

/// Drops a future that waits for the store.
fn drop_started(future: impl Future) {
    assert!(pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// If the future of an item is dropped, the next one reads that item.
#[test]
fn an_iterator_goes_on_after_a_dropped_future() {
    let store = MemoryStore::new();
    let acme = install("acme");
    let writer = Vault::new(&store, keyring()).keep_history(5).unwrap();
    writer.put(&acme, &secrets(), Expected::Absent).unwrap();
    writer.put(&acme, &secrets(), Expected::Revision(revision(1))).unwrap();
    let log = Arc::new(Log::default());
    let vault = AsyncVault::new(Paused(&store), keyring()).observed_by(log.clone());

    let mut listing = vault.scopes(Scopes::All).unwrap();
    drop_started(listing.next());
    assert_eq!(*finish(listing.next()).unwrap().unwrap().scope(), acme);
    assert!(finish(listing.next()).is_none());
    assert_eq!(log.ends(), ["scopes done"]);

    let mut history = finish(vault.history(&acme)).unwrap();
    assert_eq!(finish(history.next()).unwrap().unwrap().revision(), revision(2));
    drop_started(history.next());
    assert_eq!(finish(history.next()).unwrap().unwrap().revision(), revision(1));
    assert!(finish(history.next()).is_none());
    assert_eq!(log.ends(), ["history done"]);
}

/// Panics at each end.
struct Broken;

impl Observer for Broken {
    fn before(&self, _: &Event<'_>) -> Result<(), Cause> {
        Ok(())
    }

    fn after(&self, _: &Event<'_>, _: &Outcome<'_>) {
        panic!("the observer is broken");
    }
}

fn message(result: std::thread::Result<()>) -> String {
    (*result.unwrap_err().downcast::<&str>().unwrap()).to_owned()
}

#[test]
fn a_panic_of_the_store_is_told() {
    let (vault, log) = faulty();
    let put = |vault: &Tested| {
        catch_unwind(AssertUnwindSafe(|| {
            vault.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
        }))
    };
    vault.store().writes([Step::after(|_| panic!("the store is broken"))]);
    assert_eq!(message(put(&vault)), "the store is broken");
    assert_eq!(log.ends(), ["put abandoned, attempts: 1"]);

    // If the observer panics, too, the first panic goes on.
    let vault = vault.observed_by(Broken);
    vault.store().writes([Step::after(|_| panic!("the store is broken"))]);
    assert_eq!(message(put(&vault)), "the store is broken");

    // Nor does a dropped iterator panic.
    drop(vault.scopes(Scopes::All).unwrap());

    // A panic of the observer alone is the caller's, and the write stays.
    assert_eq!(message(put(&vault)), "the observer is broken");
    assert_eq!(beside(&vault).get(&install("acme")).unwrap().unwrap().revision(), revision(1));
    let (vault, log) = observed(vault);
    vault.get(&install("acme")).unwrap();
    assert_eq!(log.ends(), ["get done, revision 1, key 1"], "no lock is poisoned");
}

#[test]
fn a_panic_of_the_hosts_function_is_told() {
    let log = Arc::new(Log::default());
    let vault = AsyncVault::new(Blocking(MemoryStore::new()), keyring()).observed_by(log.clone());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        ready(vault.rewrap(Scopes::All, |_| panic!("the page is gone"))).unwrap();
    }));
    assert_eq!(message(panicked), "the page is gone");
    assert_eq!(log.ends(), ["rewrap abandoned"]);
}
