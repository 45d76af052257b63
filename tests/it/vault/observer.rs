//! An observer is told of each call once before and once after, and refuses what it does not permit.

mod ends;
mod refused;

use std::io::Cursor;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use secrets_toml::seal::{KeyId, Keyring, Lock, Revision};
use secrets_toml::store::{Blocking, Cause, MemoryStore, Store};
use secrets_toml::vault::{
    AsyncVault, End, Event, Expected, Newer, Observer, Outcome, Scopes, Vault, VaultError,
};

use crate::seal::{custody, install, keyring, revision, secrets, version};

/// Writes a line for each event and outcome. The keys are named in the order in which they appear.
#[derive(Default)]
pub(crate) struct Log(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    keys: Vec<KeyId>,
    debug: String,
}

impl Lines {
    fn key(&mut self, id: KeyId) -> String {
        let known = self.keys.iter().position(|key| *key == id);
        let index = known.unwrap_or_else(|| {
            self.keys.push(id);
            self.keys.len() - 1
        });
        format!("key {}", index + 1)
    }
}

impl Log {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap()
    }

    /// Takes the lines so far.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines().lines)
    }

    /// Takes the lines so far, without the numbers and without what is told before.
    pub(crate) fn ends(&self) -> Vec<String> {
        let lines = self.take().into_iter().filter(|line| !line.contains('?'));
        lines.map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }
}

impl Observer for Log {
    fn before(&self, event: &Event<'_>) -> Result<(), Cause> {
        let mut lines = self.lines();
        lines.debug += &format!("{event:?} {event:#?}");
        let mut line = format!("{} {}?", event.number(), event.operation());
        if let Some(source) = event.source() {
            line += &format!(" {source} to");
        }
        if let Some(scope) = event.scope() {
            line += &format!(" {scope}");
        }
        line += &format!(", {}", lines.key(event.key_id()));
        lines.lines.push(line);
        Ok(())
    }

    fn after(&self, event: &Event<'_>, outcome: &Outcome<'_>) {
        let mut lines = self.lines();
        lines.debug += &format!("{outcome:?} {outcome:#?}");
        let mut line = format!("{} {} {}", event.number(), event.operation(), outcome.end().name());
        if let End::Failed(error) = outcome.end() {
            line += &format!(": {error}");
        }
        if let Some(revision) = outcome.revision() {
            line += &format!(", revision {revision}");
        }
        if let Some(id) = outcome.key_id() {
            line += &format!(", {}", lines.key(id));
        }
        if outcome.attempts() > 0 {
            line += &format!(", attempts: {}", outcome.attempts());
        }
        lines.lines.push(line);
    }
}

/// A vault with an observer, and the lines that it writes.
pub(crate) fn observed<S: Store>(vault: Vault<S>) -> (Vault<S>, Arc<Log>) {
    let log = Arc::new(Log::default());
    (vault.observed_by(log.clone()), log)
}

/// Polls a future over a store that does not wait.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the store waits"),
    }
}

/// Makes each call once, on a vault or, with `.await`, on an async one.
macro_rules! every_call {
    ($manifest:ident $verify_against:ident $export:ident $import:ident $import_with:ident;
     $vault:ident $($await:tt)*) => {{
        let (acme, other) = (install("acme"), install("other"));
        let (first, second) = (revision(1), revision(2));
        let go_on = |_: &_| ControlFlow::Continue(());
        let lock = custody(Lock::raw(&[5; 32]));
        $vault.put(&acme, &secrets(), Expected::Absent)$($await)*.unwrap();
        $vault.get(&acme)$($await)*.unwrap();
        $vault.get(&other)$($await)*.unwrap();
        assert!(matches!($vault.get_newer(&acme, first)$($await)*, Ok(Newer::Same)));
        $vault.put(&acme, &secrets(), Expected::Revision(first))$($await)*.unwrap();
        $vault.get_newer(&acme, first)$($await)*.unwrap();
        $vault.copy(&acme, &other, Expected::Absent, None)$($await)*.unwrap();
        $vault.delete(&acme, second, None)$($await)*.unwrap();
        assert!(matches!($vault.get_newer(&acme, second)$($await)*, Ok(Newer::Deleted(_))));
        $vault.get_at(&acme, first)$($await)*.unwrap().unwrap();
        $vault.restore(&acme, second, Expected::Absent, None)$($await)*.unwrap();
        let mut history = $vault.history(&acme)$($await)*.unwrap();
        while let Some(entry) = history.next()$($await)* {
            entry.unwrap();
        }
        let mut listing = $vault.scopes(Scopes::Installs("chat", "1.2.0")).unwrap();
        while let Some(listed) = listing.next()$($await)* {
            listed.unwrap();
        }
        $vault.usage()$($await)*.unwrap();
        $vault.verify(Scopes::Module("chat"))$($await)*.unwrap();
        let (mut export, mut manifest) = (Vec::new(), Vec::new());
        $vault.$manifest(Revision::FIRST, &mut manifest)$($await)*.unwrap();
        $vault.$verify_against(&manifest[..])$($await)*.unwrap();
        $vault.$export(&mut export)$($await)*.unwrap();
        $vault.rotate(go_on)$($await)*.unwrap();
        $vault.rewrap(Scopes::All, go_on)$($await)*.unwrap();
        assert!($vault.purge(&other)$($await)*.unwrap());
        $vault.$import(Cursor::new(&export))$($await)*.unwrap();
        $vault.$import_with(Cursor::new(&export), &lock)$($await)*.unwrap();
        $vault.relock(&lock)$($await)*.unwrap();
        $vault.unlock(&lock)$($await)*.unwrap();
        $vault.get(&acme)$($await)*.unwrap();
    }};
}

/// One event for each call, whatever steps it takes.
const EVERY_CALL: &str = "\
0 put? chat/1.2.0/acme, key 1
0 put done, revision 1, key 1, attempts: 1
1 get? chat/1.2.0/acme, key 1
1 get done, revision 1, key 1
2 get? chat/1.2.0/other, key 1
2 get done
3 get_newer? chat/1.2.0/acme, key 1
3 get_newer done, revision 1
4 put? chat/1.2.0/acme, key 1
4 put done, revision 2, key 1, attempts: 1
5 get_newer? chat/1.2.0/acme, key 1
5 get_newer done, revision 2, key 1
6 copy? chat/1.2.0/acme to chat/1.2.0/other, key 1
6 copy done, revision 1, key 1, attempts: 1
7 delete? chat/1.2.0/acme, key 1
7 delete done, revision 3, key 1, attempts: 1
8 get_newer? chat/1.2.0/acme, key 1
8 get_newer done, revision 3
9 get_at? chat/1.2.0/acme, key 1
9 get_at done, revision 1, key 1
10 restore? chat/1.2.0/acme, key 1
10 restore done, revision 4, key 1, attempts: 1
11 history? chat/1.2.0/acme, key 1
11 history done
12 scopes? chat/1.2.0, key 1
12 scopes done
13 usage?, key 1
13 usage done
14 verify? chat, key 1
14 verify done
15 manifest?, key 1
15 manifest done
16 verify_against?, key 1
16 verify_against done
17 export?, key 1
17 export done
18 rotate?, key 1
18 rotate done, attempts: 3
19 rewrap?, key 2
19 rewrap done
20 purge? chat/1.2.0/other, key 2
20 purge done, attempts: 1
21 import?, key 2
21 import done, attempts: 1
22 import?, key 2
22 import done
23 relock?, key 2
23 relock done, attempts: 1
24 unlock?, key 2
24 unlock done
25 get? chat/1.2.0/acme, key 2
25 get done, revision 4, key 2";

#[test]
fn each_call_is_one_event() {
    let lock = custody(Lock::raw(&[5; 32]));
    let vault = Vault::create(MemoryStore::new(), &lock).unwrap().keep_history(20).unwrap();
    let (vault, log) = observed(vault);
    every_call!(manifest verify_against export import import_with; vault);
    assert_eq!(log.take(), EVERY_CALL.lines().collect::<Vec<_>>());
    let debug = std::mem::take(&mut log.lines().debug);
    assert!(debug.contains("\"acme\"") && !debug.contains("hunter2"), "{debug}");

    let log = Arc::new(Log::default());
    ready(async {
        let store = Blocking(MemoryStore::new());
        let vault = AsyncVault::create(store, &lock).await.unwrap().keep_history(20).unwrap();
        let vault = vault.observed_by(log.clone());
        every_call!(manifest_blocking verify_against_blocking export_blocking import_blocking import_with_blocking; vault.await);
    });
    assert_eq!(log.take(), EVERY_CALL.lines().collect::<Vec<_>>());
}

/// A call on some scopes names the module or the version that they belong to.
#[test]
fn a_call_on_some_scopes_names_their_module() {
    let (vault, log) = observed(Vault::new(MemoryStore::new(), keyring()));
    let acme = install("acme");
    for (scopes, scope) in [
        (Scopes::All, ""),
        (Scopes::Modules, ""),
        (Scopes::Between { after: Some(&acme), through: None }, ""),
        (Scopes::Module("chat"), " chat"),
        (Scopes::Versions("chat"), " chat"),
        (Scopes::Installs("chat", "1.2.0"), " chat/1.2.0"),
    ] {
        assert_eq!(vault.scopes(scopes).unwrap().count(), 0);
        vault.verify(scopes).unwrap();
        vault.rewrap(scopes, |_| ControlFlow::Continue(())).unwrap();
        let lines = log.take().into_iter().filter(|line| line.contains('?'));
        let asked = lines.map(|line| line.split_once(' ').unwrap().1.to_owned());
        let expected = ["scopes", "verify", "rewrap"].map(|name| format!("{name}?{scope}, key 1"));
        assert_eq!(asked.collect::<Vec<_>>(), expected);
    }
    assert!(matches!(vault.scopes(Scopes::Versions("")), Err(VaultError::Scope(_))));
    assert!(matches!(vault.verify(Scopes::Versions("")), Err(VaultError::Scope(_))));
    assert_eq!(
        log.ends(),
        ["scopes failed: the module is empty", "verify failed: the module is empty"]
    );
}

/// The outcome has the key of the record, and the event the key that seals.
#[test]
fn a_record_may_be_under_another_key() {
    let mut rotated = keyring();
    let id = rotated.add().unwrap();
    rotated.promote(&id).unwrap();
    let (vault, log) = observed(Vault::new(MemoryStore::new(), keyring()));
    vault.put(&version(), &secrets(), Expected::Absent).unwrap();
    vault.set_keyring(rotated).unwrap();
    log.take();
    vault.get(&version()).unwrap();
    vault.put(&version(), &secrets(), Expected::Revision(revision(1))).unwrap();
    assert_eq!(
        log.take(),
        [
            "1 get? chat/1.2.0, key 2",
            "1 get done, revision 1, key 1",
            "2 put? chat/1.2.0, key 2",
            "2 put done, revision 2, key 2, attempts: 1",
        ]
    );
}

/// The last observer replaces the one before it.
#[test]
fn a_vault_has_one_observer() {
    let (vault, earlier) = observed(Vault::new(MemoryStore::new(), keyring()));
    let (vault, log) = observed(vault);
    vault.get(&version()).unwrap();
    assert!(earlier.take().is_empty());
    assert_eq!(log.take(), ["0 get? chat/1.2.0, key 1", "0 get done"]);
}

#[test]
fn futures_with_an_observer_are_sent_to_other_threads() {
    fn is_send(_: impl Send) {}
    let vault = AsyncVault::new(Blocking(MemoryStore::new()), Keyring::generate().unwrap());
    let (vault, acme, secrets) = (vault.observed_by(Log::default()), version(), secrets());
    is_send(vault.get(&acme));
    is_send(vault.put(&acme, &secrets, Expected::Absent));
    is_send(vault.copy(&acme, &acme, Expected::Absent, None));
    is_send(vault.restore(&acme, revision(1), Expected::Absent, None));
    is_send(vault.purge(&acme));
    is_send(vault.history(&acme));
    is_send(vault.scopes(Scopes::All));
    is_send(vault.rewrap(Scopes::All, |_| ControlFlow::Continue(())));
    is_send(vault.verify(Scopes::All));
    is_send(vault.rotate(|_| ControlFlow::Continue(())));
}
