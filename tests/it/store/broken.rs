//! A store with one fault at a time. The suite of `store::conformance` finds each of them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::Duration;

use secrets_toml::store::backend::{
    Fetch, HEAD_LEN, KEYRING_ROW, MAX_PAGE_LEN, Outcome, Row, Write, fence_holds, past,
};
use secrets_toml::store::conformance::{CASES, run};
use secrets_toml::store::{MemoryStore, Store, StoreError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    CreatesOverARecord,
    ReplacesAnyRecord,
    ReplacesNoRecord,
    ReplacesNothing,
    RefusesCallsAtOneTime,
    DecidesBeforeItWrites,
    ReadsTheRecordBefore,
    CutsLongRecords,
    StopsAtAConflict,
    IsAllOrNothing,
    CommitsOneByOne,
    TakesAScopeTwice,
    TellsAnotherCallsOutcomes,
    HasNoFence,
    FencesNothingWithoutAKeyring,
    DecidesTheFenceBeforeItWrites,
    TellsConflictsBehindAFence,
    WritesThePastOfAConflict,
    RemovesThePastOfAConflict,
    KeepsAPastRow,
    PutsBeforeItRemoves,
    RemovesTheEndOfARange,
    RemovesOneRange,
    PurgesThePresentAlone,
    PurgesThePastFirst,
    PurgesWhatBeginsWithTheScope,
    SaysThatItPurged,
    ScansBeyondThePrefix,
    ScansFromAfter,
    ScansBackwards,
    HasNoLimit,
    HasPagesOfAnyLength,
    HasWholeHeads,
    HasHeadsForRecords,
}

use Fault::*;

/// The faults, each with a case that finds it.
const FOUND: &[(Fault, &str)] = &[
    (CreatesOverARecord, "a_write_is_decided_on_its_condition"),
    (ReplacesAnyRecord, "a_write_is_decided_on_its_condition"),
    (ReplacesNoRecord, "a_write_is_decided_on_its_condition"),
    (ReplacesNothing, "no_increment_is_lost"),
    (ReplacesNothing, "two_writers_leave_one_past"),
    (RefusesCallsAtOneTime, "no_write_passes_a_keyring_that_was_replaced"),
    (RefusesCallsAtOneTime, "a_purge_leaves_no_past_of_a_write"),
    (RefusesCallsAtOneTime, "a_batch_commits_together"),
    (DecidesBeforeItWrites, "no_increment_is_lost"),
    (DecidesBeforeItWrites, "there_is_one_creator"),
    (DecidesBeforeItWrites, "there_is_one_keyring"),
    (DecidesBeforeItWrites, "two_writers_leave_one_past"),
    (ReadsTheRecordBefore, "a_write_is_decided_on_its_condition"),
    (CutsLongRecords, "records_of_any_size_come_back"),
    (StopsAtAConflict, "of_a_batch_what_holds_is_written"),
    (IsAllOrNothing, "of_a_batch_what_holds_is_written"),
    (CommitsOneByOne, "a_batch_commits_together"),
    (TakesAScopeTwice, "a_batch_names_a_scope_once"),
    (TakesAScopeTwice, "a_batch_names_a_past_row_once"),
    (TellsAnotherCallsOutcomes, "concurrent_calls_are_told_their_own_outcomes"),
    (HasNoFence, "a_batch_is_fenced_whole"),
    (HasNoFence, "the_keyrings_row_is_replaced_by_who_read_it"),
    (HasNoFence, "concurrent_calls_are_told_their_own_outcomes"),
    (FencesNothingWithoutAKeyring, "a_batch_is_fenced_whole"),
    (DecidesTheFenceBeforeItWrites, "no_write_passes_a_keyring_that_was_replaced"),
    (DecidesTheFenceBeforeItWrites, "no_write_without_a_keyring_passes_a_new_one"),
    (TellsConflictsBehindAFence, "a_batch_is_fenced_whole"),
    (WritesThePastOfAConflict, "a_conflict_leaves_the_past_alone"),
    (WritesThePastOfAConflict, "a_planned_write_fails_whole_after_a_purge"),
    (RemovesThePastOfAConflict, "a_conflict_leaves_the_past_alone"),
    (RemovesThePastOfAConflict, "of_a_batch_each_group_is_whole"),
    (ReplacesAnyRecord, "a_past_row_is_replaced_on_its_own_condition"),
    (KeepsAPastRow, "a_past_row_is_put_with_its_record"),
    (PutsBeforeItRemoves, "ranges_are_removed_first"),
    (RemovesTheEndOfARange, "ranges_are_removed_first"),
    (RemovesOneRange, "ranges_are_removed_first"),
    (PurgesThePresentAlone, "past_and_present_are_purged_together"),
    (PurgesThePastFirst, "a_purge_leaves_no_past_of_a_write"),
    (PurgesWhatBeginsWithTheScope, "past_and_present_are_purged_together"),
    (SaysThatItPurged, "purging_needs_no_condition"),
    (ScansBeyondThePrefix, "a_scan_keeps_to_its_prefix"),
    (ScansFromAfter, "pages_join_to_the_whole"),
    (ScansBackwards, "a_scan_keeps_to_its_prefix"),
    (HasNoLimit, "pages_join_to_the_whole"),
    (HasPagesOfAnyLength, "a_page_ends_at_its_length"),
    (HasWholeHeads, "heads_are_the_first_bytes"),
    (HasHeadsForRecords, "heads_are_the_first_bytes"),
];

/// Long enough for calls of other threads.
const A_WHILE: Duration = Duration::from_micros(100);

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A store that keeps the contract but for its fault.
#[derive(Default)]
struct Broken {
    fault: Option<Fault>,
    rows: Mutex<Rows>,
    /// The rows before the last commit, for what reads too early.
    before: Mutex<Rows>,
    /// The outcomes of the last call, for what tells those of another.
    last: Mutex<Vec<Outcome>>,
}

impl Broken {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn lock(&self) -> Result<MutexGuard<'_, Rows>, StoreError> {
        match self.rows.try_lock() {
            Ok(rows) => {
                if self.has(RefusesCallsAtOneTime) {
                    thread::sleep(A_WHILE);
                }
                Ok(rows)
            }
            Err(TryLockError::WouldBlock) if self.has(RefusesCallsAtOneTime) => {
                Err(StoreError::Unavailable("another call is under way".into()))
            }
            Err(_) => Ok(self.rows.lock().unwrap()),
        }
    }

    /// Lets other calls in if the store has this fault.
    fn let_in<'a>(&'a self, fault: Fault, rows: MutexGuard<'a, Rows>) -> MutexGuard<'a, Rows> {
        if !self.has(fault) {
            return rows;
        }
        drop(rows);
        thread::sleep(A_WHILE);
        self.rows.lock().unwrap()
    }

    fn decides(&self, write: &Write, current: Option<&[u8]>) -> bool {
        match (write.expected(), current) {
            (None, Some(_)) if self.has(CreatesOverARecord) => true,
            (Some(_), Some(_)) if self.has(ReplacesAnyRecord) => true,
            (Some(_), None) if self.has(ReplacesNoRecord) => true,
            (Some(_), Some(_)) if self.has(ReplacesNothing) => false,
            _ => write.holds(current),
        }
    }

    fn remove(&self, rows: &mut Rows, write: &Write) {
        let ranges = if self.has(RemovesOneRange) { 1 } else { usize::MAX };
        for range in write.removed().iter().take(ranges) {
            let ends_with = |key: &Vec<u8>| self.has(RemovesTheEndOfARange) && *key == range.end;
            rows.retain(|key, _| !range.contains(key) && !ends_with(key));
        }
    }

    fn put(&self, rows: &mut Rows, write: &Write) {
        for past in write.past() {
            if !self.has(KeepsAPastRow) || !rows.contains_key(past.scope()) {
                rows.insert(past.scope().to_vec(), past.record().to_vec());
            }
        }
    }

    fn write(&self, rows: &mut Rows, write: &Write) {
        let cut = if self.has(CutsLongRecords) { 65_535 } else { usize::MAX };
        let record = &write.record()[..write.record().len().min(cut)];
        rows.insert(write.scope().to_vec(), record.to_vec());
        if self.has(PutsBeforeItRemoves) {
            self.put(rows, write);
            self.remove(rows, write);
        } else {
            self.remove(rows, write);
            self.put(rows, write);
        }
    }

    fn conflicts(&self, rows: &mut Rows, write: &Write) -> Outcome {
        if self.has(RemovesThePastOfAConflict) {
            self.remove(rows, write);
        }
        if self.has(WritesThePastOfAConflict) {
            self.put(rows, write);
        }
        Outcome::Conflict
    }

    /// Decides a part of a batch, of which every condition was found to hold or not.
    fn commit(&self, rows: &mut Rows, writes: &[Write], held: &[bool]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for (write, held_alone) in writes.iter().zip(held) {
            let is_over = self.has(StopsAtAConflict) && outcomes.contains(&Outcome::Conflict)
                || self.has(IsAllOrNothing) && held.contains(&false);
            outcomes.push(if *held_alone && !is_over {
                self.write(rows, write);
                Outcome::Applied
            } else {
                self.conflicts(rows, write)
            });
        }
        outcomes
    }
}

impl Store for Broken {
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.lock()?;
        let before = self.before.lock().unwrap();
        let rows = if self.has(ReadsTheRecordBefore) { &*before } else { &*rows };
        Ok(rows.get(scope).cloned())
    }

    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        if !self.has(TakesAScopeTwice) {
            // A store without rows refuses it, too.
            MemoryStore::new().apply(None, writes)?;
        }
        let mut rows = self.lock()?;
        *self.before.lock().unwrap() = rows.clone();
        let keyring = rows.get(KEYRING_ROW).map(Vec::as_slice);
        let passes = fence_holds(fence, keyring)
            || self.has(HasNoFence)
            || self.has(FencesNothingWithoutAKeyring) && fence.is_none();
        rows = self.let_in(DecidesTheFenceBeforeItWrites, rows);
        let held: Vec<_> = writes
            .iter()
            .map(|write| self.decides(write, rows.get(write.scope()).map(Vec::as_slice)))
            .collect();
        if !passes {
            let outcome = |held: &bool| match held {
                false if self.has(TellsConflictsBehindAFence) => Outcome::Conflict,
                _ => Outcome::Fenced,
            };
            return Ok(held.iter().map(outcome).collect());
        }
        rows = self.let_in(DecidesBeforeItWrites, rows);
        let parts = if self.has(CommitsOneByOne) { 1 } else { writes.len().max(1) };
        let mut outcomes = Vec::new();
        for (writes, held) in writes.chunks(parts).zip(held.chunks(parts)) {
            outcomes.extend(self.commit(&mut rows, writes, held));
            rows = self.let_in(CommitsOneByOne, rows);
        }
        *self.last.lock().unwrap() = outcomes.clone();
        let _rows = self.let_in(TellsAnotherCallsOutcomes, rows);
        let last = self.last.lock().unwrap().clone();
        Ok(if self.has(TellsAnotherCallsOutcomes) { last } else { outcomes })
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        let rows = self.lock()?;
        let start = match after {
            Some(after) if after >= prefix && self.has(ScansFromAfter) => Bound::Included(after),
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let limit = if self.has(HasNoLimit) { usize::MAX } else { limit };
        let max_len = if self.has(HasPagesOfAnyLength) { usize::MAX } else { MAX_PAGE_LEN };
        let (mut page, mut len) = (Vec::new(), 0);
        for (key, record) in rows.range::<[u8], _>((start, Bound::Unbounded)) {
            if page.len() == limit || !key.starts_with(prefix) && !self.has(ScansBeyondThePrefix) {
                break;
            }
            let is_head = match fetch {
                Fetch::Heads => !self.has(HasWholeHeads),
                _ => self.has(HasHeadsForRecords),
            };
            let record = if is_head { &record[..record.len().min(HEAD_LEN)] } else { record };
            len += key.len() + record.len();
            if len > max_len && !page.is_empty() {
                break;
            }
            page.push(Row::new(key.clone(), record.to_vec()));
        }
        if self.has(ScansBackwards) {
            page.reverse();
        }
        Ok(page)
    }

    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        let mut rows = self.lock()?;
        if self.has(PurgesWhatBeginsWithTheScope) {
            let len = rows.len();
            rows.retain(|key, _| !key.starts_with(scope));
            return Ok(rows.len() < len);
        }
        if !self.has(PurgesThePresentAlone) {
            let past = past(scope);
            rows.retain(|key, _| !past.contains(key));
        }
        rows = self.let_in(PurgesThePastFirst, rows);
        Ok(rows.remove(scope).is_some() || self.has(SaysThatItPurged))
    }
}

#[test]
fn without_a_fault_the_suite_passes() {
    run(Broken::default);
}

#[test]
fn every_fault_is_found() {
    for (fault, name) in FOUND {
        let (_, case) = CASES.iter().find(|(case, _)| case == name).unwrap();
        let store = Broken { fault: Some(*fault), ..Broken::default() };
        let result = catch_unwind(AssertUnwindSafe(|| case(&store)));
        assert!(result.is_err(), "{name} does not find a store that {fault:?}");
    }
}

#[test]
fn every_case_finds_a_fault() {
    let blind = CASES.iter().filter(|(case, _)| !FOUND.iter().any(|(_, name)| name == case));
    assert_eq!(blind.map(|(case, _)| case).collect::<Vec<_>>(), Vec::<&&str>::new());
}
