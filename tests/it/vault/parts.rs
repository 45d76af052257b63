//! Parts of a store: what belongs to each, in a listing, a rewrap and a verification.

use std::ops::ControlFlow::Continue;
use std::sync::atomic::{AtomicUsize, Ordering};

use secrets_toml::seal::Scope;
use secrets_toml::store::backend::{Fetch, Outcome, Row, Write, past};
use secrets_toml::store::{MemoryStore, Store, StoreError};
use secrets_toml::vault::{Expected, Scopes, Vault, VaultError};

use crate::seal::{keyring, revision, secrets};
use crate::vault::Rings;

/// The scopes of the tests, in the order of a listing. `ch` and `cha` begin like `chat`.
const NAMES: [&str; 12] = [
    "ch",
    "cha",
    "dog",
    "chat",
    "ch/1",
    "ch/2",
    "cha/1",
    "chat/1",
    "chat/10",
    "ch/1/a",
    "chat/1/a",
    "chat/10/b",
];

fn scope(name: &str) -> Scope {
    let mut parts = name.split('/');
    let module = Scope::module(parts.next().unwrap()).unwrap();
    let version = parts.next().map(|name| module.version(name).unwrap());
    let install = parts.next().map(|name| version.as_ref().unwrap().install(name).unwrap());
    install.or(version).unwrap_or(module)
}

/// Each scope has two past revisions. A document of every third was deleted.
fn fill<S: Store>(store: S) -> Vault<S> {
    let vault = Vault::new(store, keyring()).keep_history(5).unwrap();
    for (i, name) in NAMES.iter().enumerate() {
        let scope = scope(name);
        vault.put(&scope, &secrets(), Expected::Absent).unwrap();
        vault.put(&scope, &secrets(), Expected::Revision(revision(1))).unwrap();
        if i % 3 == 0 {
            vault.delete(&scope, revision(2), None).unwrap();
        } else {
            vault.put(&scope, &secrets(), Expected::Revision(revision(2))).unwrap();
        }
    }
    vault
}

fn between<'a>(after: Option<&'a Scope>, through: Option<&'a Scope>) -> Scopes<'a> {
    Scopes::Between { after, through }
}

fn listed(vault: &Vault<impl Store>, scopes: Scopes<'_>) -> Vec<String> {
    vault.scopes(scopes).unwrap().map(|listed| listed.unwrap().scope().to_string()).collect()
}

fn rows(store: &impl Store) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(Row::scope);
        let page = store.scan(&[], after, usize::MAX, Fetch::Records).unwrap();
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}

/// The keys of a scope's rows: the present one, and two past ones.
fn keys(scope: &Scope) -> [Vec<u8>; 3] {
    let past = past(scope.as_bytes()).start;
    let past = |number: u64| [&past[..past.len() - 8], &number.to_be_bytes()].concat();
    [scope.as_bytes().to_vec(), past(1), past(2)]
}

/// Checks which scopes belong to a part: listed, verified, and rewrapped with their past.
#[track_caller]
fn has<S: Store>(store: &S, rings: &Rings, part: Scopes<'_>, names: &[&str]) {
    let vault = Vault::new(store, rings.load(0));
    assert_eq!(listed(&vault, part), names, "{part:?}");

    let verified = vault.verify(part).unwrap();
    let present = verified.documents() + verified.tombstones();
    let count = names.len() as u64;
    assert_eq!((present, verified.past(), verified.failed()), (count, 2 * count, 0), "{part:?}");
    assert!(verified.is_complete());

    // Everything under one key, and then the part under the other one.
    rings.rewrap(&store, 1);
    let before = rows(store);
    let report = vault.rewrap(part, |_| Continue(())).unwrap();
    assert_eq!((report.written(), report.kept(), report.failed()), (3 * count, 0, 0), "{part:?}");
    assert!(report.is_complete());
    let after = rows(store);
    let moved = before.iter().zip(&after).filter(|(before, after)| before != after);
    let moved: Vec<_> = moved.map(|(_, after)| after.scope().to_vec()).collect();
    let mut expected: Vec<_> = names.iter().flat_map(|name| keys(&scope(name))).collect();
    expected.sort();
    assert_eq!(moved, expected, "{part:?}");
}

fn every_part_has_its_scopes(store: impl Store) {
    fill(&store);
    let rings = Rings::new();
    let has = |part: Scopes<'_>, names: &[&str]| has(&store, &rings, part, names);
    let [cha, chat, ch2, zoo] = ["cha", "chat", "ch/2", "zebra/1/z"].map(scope);
    has(Scopes::All, &NAMES);
    has(Scopes::Modules, &["ch", "cha", "dog", "chat"]);
    has(Scopes::Versions("chat"), &["chat/1", "chat/10"]);
    has(Scopes::Versions("c"), &[]);
    has(Scopes::Installs("chat", "1"), &["chat/1/a"]);
    has(Scopes::Module("chat"), &["chat", "chat/1", "chat/10", "chat/1/a", "chat/10/b"]);
    has(Scopes::Module("cha"), &["cha", "cha/1"]);
    has(Scopes::Module("ch"), &["ch", "ch/1", "ch/2", "ch/1/a"]);
    has(Scopes::Module("c"), &[]);
    has(between(None, None), &NAMES);
    has(between(None, Some(&cha)), &["ch", "cha"]);
    has(between(Some(&cha), Some(&ch2)), &["dog", "chat", "ch/1", "ch/2"]);
    has(between(Some(&ch2), None), &NAMES[6..]);
    has(between(Some(&chat), Some(&chat)), &[]);
    has(between(Some(&ch2), Some(&cha)), &[]);
    // Ends that do not exist.
    has(between(Some(&scope("d")), Some(&scope("ci"))), &["ch"]);
    has(between(Some(&scope("chb")), Some(&scope("dof"))), &[]);
    has(between(None, Some(&zoo)), &NAMES);
    has(between(Some(&zoo), None), &[]);
}

#[test]
fn in_memory_every_part_has_its_scopes() {
    every_part_has_its_scopes(MemoryStore::new());
}

#[cfg(feature = "redb")]
#[test]
fn in_redb_every_part_has_its_scopes() {
    let folder = crate::folder::Folder::new();
    let file = folder.join("vault.redb");
    every_part_has_its_scopes(secrets_toml::store::RedbStore::create(file).unwrap());
}

#[cfg(feature = "postgres")]
#[test]
fn in_postgres_every_part_has_its_scopes() {
    every_part_has_its_scopes(crate::waiting::Waiting::new());
}

/// Cuts at every scope, in two and in three.
#[test]
fn the_parts_of_a_partition_are_the_whole() {
    let filled = fill(MemoryStore::new());
    let scopes = NAMES.map(scope);
    for first in &scopes {
        for second in &scopes {
            let cuts = [Some(first), Some(second).filter(|second| *second > first)];
            let ends = [None, cuts[0], cuts[1], None];
            let parts = ends.windows(2).map(|ends| between(ends[0], ends[1]));
            // If there is one cut only, the second part goes to the end.
            let parts: Vec<_> = parts.take(if cuts[1].is_some() { 3 } else { 2 }).collect();
            let all = parts.iter().flat_map(|part| listed(&filled, *part)).collect::<Vec<_>>();
            assert_eq!(all, NAMES, "{parts:?}");
            let past = parts.iter().map(|part| filled.verify(*part).unwrap().past()).sum::<u64>();
            assert_eq!(past, 24, "{parts:?}");
        }
    }
    let modules = ["ch", "cha", "chat", "dog"].map(Scopes::Module);
    let verified = modules.map(|module| filled.verify(module).unwrap());
    assert_eq!(verified.iter().map(|report| report.past()).sum::<u64>(), 24);
}

#[test]
fn a_name_that_is_no_name_is_refused() {
    let vault = fill(MemoryStore::new());
    for part in [Scopes::Module(" chat"), Scopes::Versions(""), Scopes::Installs("chat", "\0")] {
        let errors = [
            vault.scopes(part).map(drop).unwrap_err(),
            vault.verify(part).map(drop).unwrap_err(),
            vault.rewrap(part, |_| Continue(())).map(drop).unwrap_err(),
        ];
        assert!(errors.iter().all(|error| matches!(error, VaultError::Scope(_))), "{errors:?}");
    }
}

/// A key that is disabled, and that no record needs: only the whole proves it.
#[test]
fn a_part_proves_nothing() {
    let rings = Rings::new();
    let store = fill(MemoryStore::new());
    let old = keyring().primary();
    rings.rewrap(store.store(), 0);
    let mut disabled = rings.load(0);
    disabled.disable(&old).unwrap();
    let vault = Vault::new(store.store(), disabled);
    for part in [Scopes::Modules, Scopes::Module("chat"), between(None, None)] {
        let verified = vault.verify(part).unwrap();
        assert_eq!(verified.failed(), 0);
        assert!(verified.is_complete() && verified.unused(&old).is_none(), "{part:?}");
    }
    assert!(vault.verify(Scopes::All).unwrap().unused(&old).is_some());
}

/// A store that counts scans, and returns pages of two rows. It may have more rows than were written.
#[derive(Default)]
struct Paged {
    store: MemoryStore,
    more: Vec<Row>,
    scans: AtomicUsize,
}

impl Store for Paged {
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(scope)
    }

    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        self.store.apply(fence, writes)
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        self.scans.fetch_add(1, Ordering::Relaxed);
        let mut page = self.store.scan(prefix, after, 2, fetch)?;
        let more = self.more.iter().filter(|row| row.scope().starts_with(prefix));
        page.extend(more.filter(|row| Some(row.scope()) > after).cloned());
        page.sort_by(|a, b| a.scope().cmp(b.scope()));
        page.truncate(limit.min(2));
        Ok(page)
    }

    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        self.store.purge(scope)
    }
}

#[test]
fn no_page_is_fetched_behind_the_end_of_a_part() {
    let store = Paged::default();
    fill(&store);
    let vault = Vault::new(&store, keyring());
    let [cha, dog, ch2] = ["cha", "dog", "ch/2"].map(scope);
    for (part, pages) in [
        // Of present rows `ch` and `cha`, then a page behind the end; of past ones four in two pages, and
        // one behind.
        (between(None, Some(&cha)), 2 + 3),
        // `dog` and one behind it; two past rows, and a page behind them.
        (between(Some(&cha), Some(&dog)), 1 + 2),
        (between(Some(&ch2), Some(&cha)), 0),
        // Two versions and the end, four past rows and the end.
        (Scopes::Versions("ch"), 2 + 3),
    ] {
        let calls: [&dyn Fn(); 2] = [&|| drop(vault.verify(part).unwrap()), &|| {
            drop(vault.rewrap(part, |_| Continue(())).unwrap());
        }];
        for call in calls {
            store.scans.store(0, Ordering::Relaxed);
            call();
            assert_eq!(store.scans.load(Ordering::Relaxed), pages, "{part:?}");
        }
    }
}

/// Rows with malformed keys before, among and after those of scopes.
#[test]
fn malformed_keys_belong_to_the_whole_only() {
    let keys: [&[u8]; 7] =
        [b"\0", b"\x01\0\x03chax", b"\x02\0\x03cha", b"\x11", b"\x11\0\x03cha", b"\x13\0", b"\xff"];
    let more = keys.map(|key| Row::new(key.to_vec(), b"no record".to_vec())).to_vec();
    let store = Paged { more, ..Paged::default() };
    fill(&store);
    let vault = Vault::new(&store, keyring());
    let cha = scope("cha");
    for (part, failures) in [
        (Scopes::All, [7, 7, 3]),
        (between(None, None), [0; 3]),
        (between(None, Some(&cha)), [0; 3]),
        (between(Some(&cha), None), [0; 3]),
        (Scopes::Modules, [0; 3]),
        (Scopes::Module("cha"), [0; 3]),
    ] {
        let verified = vault.verify(part).unwrap().failed();
        let rewrapped = vault.rewrap(part, |_| Continue(())).unwrap().failed();
        let listed = vault.scopes(part).unwrap().filter(Result::is_err).count() as u64;
        assert_eq!([verified, rewrapped, listed], failures, "{part:?}");
    }
}
