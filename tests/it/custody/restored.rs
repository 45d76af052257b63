//! Backups that are put back: of the records, of the keyring, of both, and of a store without its keyring.

use std::collections::BTreeMap;
use std::ops::ControlFlow::Continue;
use std::sync::Mutex;

use secrets_toml::seal::KeyId;
use secrets_toml::store::backend::{Fetch, KEYRING_ROW, Outcome, Row, Write, fence_holds, past};
use secrets_toml::store::{Store, StoreError};
use secrets_toml::vault::{Expected, Vault};

use super::{LOST, fails, keyring_of, locks, opened, other_locks};
use crate::seal::{install, revision, secrets};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A store whose rows can be put back.
#[derive(Default)]
struct Backed(Mutex<Rows>);

impl Backed {
    fn backup(&self) -> Rows {
        self.0.lock().unwrap().clone()
    }

    /// Puts back the records, the keyring, or both.
    fn restore(&self, backup: &Rows, records: bool, keyring: bool) {
        let mut rows = self.0.lock().unwrap();
        let is_of = |key: &[u8]| if key == KEYRING_ROW { keyring } else { records };
        rows.retain(|key, _| !is_of(key));
        let back = backup.iter().filter(|(key, _)| is_of(key));
        rows.extend(back.map(|(key, row)| (key.clone(), row.clone())));
    }
}

impl Store for Backed {
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().unwrap().get(scope).cloned())
    }

    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut rows = self.0.lock().unwrap();
        if !fence_holds(fence, rows.get(KEYRING_ROW).map(Vec::as_slice)) {
            return Ok(vec![Outcome::Fenced; writes.len()]);
        }
        let outcomes = writes.iter().map(|write| {
            if !write.holds(rows.get(write.scope()).map(Vec::as_slice)) {
                return Outcome::Conflict;
            }
            rows.insert(write.scope().to_vec(), write.record().to_vec());
            rows.retain(|key, _| !write.removed().iter().any(|range| range.contains(key)));
            let put = write.past().iter();
            rows.extend(put.map(|row| (row.scope().to_vec(), row.record().to_vec())));
            Outcome::Applied
        });
        Ok(outcomes.collect())
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        let rows = self.0.lock().unwrap();
        let rows = rows.iter().filter(|(key, _)| {
            key.starts_with(prefix) && after.is_none_or(|after| key.as_slice() > after)
        });
        let page = rows.take(limit).map(|(key, row)| Row::new(key.clone(), fetch.of(row).to_vec()));
        Ok(page.collect())
    }

    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        let mut rows = self.0.lock().unwrap();
        rows.retain(|key, _| !past(scope).contains(key));
        Ok(rows.remove(scope).is_some())
    }
}

/// A store with a document of revision 2, the backup of revision 1, and a vault that has seen both. The
/// keys were rotated in between.
fn rotated(store: &Backed) -> (Vault<&Backed>, Rows, [KeyId; 2]) {
    let vault = Vault::create(store, &locks()).unwrap();
    vault.put(&install("a"), &secrets(), Expected::Absent).unwrap();
    let (backup, old) = (store.backup(), keyring_of(store).primary());
    vault.put(&install("a"), &secrets(), Expected::Revision(revision(1))).unwrap();
    vault.rotate(|_| Continue(())).unwrap();
    (vault, backup, [old, keyring_of(store).primary()])
}

#[test]
fn records_alone_are_under_keys_that_are_gone() {
    let store = Backed::default();
    let (vault, backup, [old, _]) = rotated(&store);
    store.restore(&backup, true, false);
    let message = format!("the record is under key {old}, which was destroyed");
    for vault in [&vault, &opened(&store)] {
        fails(vault.get(&install("a")), &message);
        fails(vault.put(&install("a"), &secrets(), Expected::Absent), &message);
        vault.accept_restore();
        fails(vault.get(&install("a")), &message);
        let error = vault.rotate(|_| Continue(())).unwrap_err();
        assert!(matches!(error, secrets_toml::vault::RotateError::Unfinished(_)), "{error:?}");
    }
    // It goes on for all others.
    vault.put(&install("b"), &secrets(), Expected::Absent).unwrap();
    assert!(vault.purge(&install("a")).unwrap());
    vault.rotate(|_| Continue(())).unwrap();
    vault.put(&install("a"), &secrets(), Expected::Absent).unwrap();
}

#[test]
fn records_alone_of_the_same_keys_are_rolled_back() {
    let store = Backed::default();
    let (vault, _, _) = rotated(&store);
    let backup = store.backup();
    vault.put(&install("a"), &secrets(), Expected::Revision(revision(2))).unwrap();
    store.restore(&backup, true, false);
    let message = "rolled back: the scope had revision 3 before; it has revision 2 now";
    fails(vault.get(&install("a")), message);
    vault.accept_restore();
    assert_eq!(vault.get(&install("a")).unwrap().unwrap().revision(), revision(2));
    vault.rotate(|_| Continue(())).unwrap();
}

/// A write that the keyring of the store permits ends the time in which an older keyring is accepted.
#[test]
fn an_older_keyring_is_not_accepted_for_ever() {
    let store = Backed::default();
    let (vault, backup, _) = rotated(&store);
    vault.accept_restore();
    vault.put(&install("b"), &secrets(), Expected::Absent).unwrap();
    store.restore(&backup, false, true);
    fails(
        vault.put(&install("c"), &secrets(), Expected::Absent),
        "the keyring is older than before: it has set 1, generation 1, after set 1, generation 3",
    );
}

/// After a restore, another process rotates to the generation that this one has seen.
#[test]
fn a_keyring_of_the_same_generation_is_a_fork() {
    let store = Backed::default();
    let (vault, backup, _) = rotated(&store);
    store.restore(&backup, true, true);
    opened(&store).rotate(|_| Continue(())).unwrap();
    let message =
        "forked: set 1, generation 3 of the keyring was written by another write than before";
    fails(vault.get(&install("a")), message);
    fails(vault.put(&install("b"), &secrets(), Expected::Absent), message);
    fails(vault.unlock(&locks()), message);
    vault.accept_restore();
    assert_eq!(vault.get(&install("a")).unwrap().unwrap().revision(), revision(1));
    vault.put(&install("b"), &secrets(), Expected::Absent).unwrap();
}

#[test]
fn a_keyring_alone_is_older_than_before() {
    let store = Backed::default();
    let (vault, backup, [_, new]) = rotated(&store);
    store.restore(&backup, false, true);
    assert!(vault.get(&install("a")).unwrap().is_some(), "its key is in memory");
    let message = "the keyring is older than before: it has set 1, generation 1, after set 1, \
                   generation 3";
    let second = Expected::Revision(revision(2));
    fails(vault.put(&install("a"), &secrets(), second), message);
    fails(vault.put(&install("b"), &secrets(), Expected::Absent), message);
    fails(vault.relock(&locks()), message);
    fails(vault.unlock(&locks()), message);
    let unknown = format!("the record is under key {new}, which is not in the keyring");
    fails(opened(&store).get(&install("a")), &unknown);

    // It goes on, under the keys that were restored.
    vault.accept_restore();
    vault.put(&install("b"), &secrets(), Expected::Absent).unwrap();
    fails(vault.get(&install("a")), &unknown);
    assert!(vault.purge(&install("a")).unwrap());
    vault.rotate(|_| Continue(())).unwrap();
    vault.accept_restore_of(&install("a"));
    assert!(opened(&store).get(&install("b")).unwrap().is_some());
}

#[test]
fn both_are_accepted_together() {
    let store = Backed::default();
    let (vault, backup, _) = rotated(&store);
    let sleeping = opened(&store);
    store.restore(&backup, true, true);
    let message = "the keyring is older than before: it has set 1, generation 1, after set 1, \
                   generation 3";
    for vault in [&vault, &sleeping] {
        fails(vault.get(&install("a")), message);
        vault.accept_restore();
        assert_eq!(vault.get(&install("a")).unwrap().unwrap().revision(), revision(1));
    }
    vault.put(&install("a"), &secrets(), Expected::Revision(revision(1))).unwrap();
    vault.rotate(|_| Continue(())).unwrap();
    assert!(sleeping.get(&install("a")).unwrap().is_some());

    // Accepted once: the next older one is refused again.
    store.restore(&backup, true, true);
    for vault in [&vault, &sleeping] {
        let refused = vault.get(&install("a"));
        assert!(refused.unwrap_err().to_string().starts_with("the keyring is older than before"));
    }
}

#[test]
fn an_older_set_of_locks_is_unlocked_after_it_was_accepted() {
    let store = Backed::default();
    let vault = Vault::create(&store, &locks()).unwrap();
    vault.put(&install("a"), &secrets(), Expected::Absent).unwrap();
    let backup = store.backup();
    vault.relock(&other_locks()).unwrap();
    vault.rotate(|_| Continue(())).unwrap();
    store.restore(&backup, true, true);
    let message = "the keyring is older than before: it has set 1, generation 1, after set 2, \
                   generation 4";
    fails(vault.get(&install("a")), message);
    fails(vault.unlock(&locks()), message);
    vault.accept_restore();
    fails(vault.get(&install("a")), super::RELOCKED);
    vault.unlock(&locks()).unwrap();
    assert!(vault.get(&install("a")).unwrap().is_some());
    vault.rotate(|_| Continue(())).unwrap();
}

#[test]
fn a_store_that_has_lost_its_keyring_says_what_to_restore() {
    let store = Backed::default();
    let (vault, _, _) = rotated(&store);
    let backup = store.backup();
    assert!(store.purge(KEYRING_ROW).unwrap());
    assert!(vault.get(&install("a")).unwrap().is_some(), "its key is in memory");
    fails(vault.put(&install("a"), &secrets(), Expected::Revision(revision(2))), LOST);
    fails(vault.relock(&locks()), LOST);
    fails(Vault::open(&store, &locks()), LOST);
    fails(Vault::create(&store, &locks()), LOST);
    store.restore(&backup, false, true);
    vault.put(&install("a"), &secrets(), Expected::Revision(revision(2))).unwrap();
}
