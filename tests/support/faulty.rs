//! A wrapper around a store that injects failures.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use secrets_toml::store::backend::{Fetch, Outcome, Row, Write};
use secrets_toml::store::{Store, StoreError};

/// The outcome of one call.
pub(crate) enum Step<S> {
    /// The call succeeds.
    Pass,
    /// The call fails, and changes nothing.
    Unavailable,
    /// The outcome is unknown, and the call changed nothing.
    Lost,
    /// The outcome is unknown, and the call was carried out.
    Done,
    /// The outcome is unknown, and [`Faulty::land`] carries out the call later.
    Late,
    /// A function runs first, and then the call succeeds.
    After(Box<dyn FnOnce(&S) + Send>),
}

impl<S> Step<S> {
    pub(crate) fn after(run: impl FnOnce(&S) + Send + 'static) -> Self {
        Self::After(Box::new(run))
    }
}

/// A fence, and the writes behind it.
type Batch = (Option<[u8; 32]>, Vec<Write>);

/// The wrapper. Calls without a [`Step`] succeed.
pub(crate) struct Faulty<S> {
    pub(crate) store: S,
    writes: Mutex<VecDeque<Step<S>>>,
    reads: Mutex<VecDeque<Step<S>>>,
    late: Mutex<Vec<Batch>>,
    overlay: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
    gets: AtomicUsize,
}

impl<S: Store> Faulty<S> {
    pub(crate) fn new(store: S) -> Self {
        Self {
            store,
            writes: Mutex::default(),
            reads: Mutex::default(),
            late: Mutex::default(),
            overlay: Mutex::default(),
            gets: AtomicUsize::new(0),
        }
    }

    /// Sets the outcomes of the next calls that write.
    pub(crate) fn writes(&self, steps: impl IntoIterator<Item = Step<S>>) {
        self.writes.lock().unwrap().extend(steps);
    }

    /// Sets the outcomes of the next calls that read.
    pub(crate) fn reads(&self, steps: impl IntoIterator<Item = Step<S>>) {
        self.reads.lock().unwrap().extend(steps);
    }

    /// Carries out all late writes.
    pub(crate) fn land(&self) -> Vec<Outcome> {
        let late = std::mem::take(&mut *self.late.lock().unwrap());
        let land = |(fence, writes): Batch| self.store.apply(fence.as_ref(), &writes).unwrap();
        late.into_iter().flat_map(land).collect()
    }

    /// Carries out the first late write. Returns `false` if there is none.
    pub(crate) fn land_next(&self) -> bool {
        let mut late = self.late.lock().unwrap();
        if late.is_empty() {
            return false;
        }
        let (fence, writes) = late.remove(0);
        self.store.apply(fence.as_ref(), &writes).unwrap();
        true
    }

    /// Counts the reads of single rows so far.
    pub(crate) fn gets(&self) -> usize {
        self.gets.load(Ordering::Relaxed)
    }

    /// Returns other bytes for a scope than the store has.
    pub(crate) fn show(&self, scope: &[u8], record: Vec<u8>) {
        self.overlay.lock().unwrap().insert(scope.to_vec(), record);
    }

    /// Returns the bytes that the store has, for all scopes.
    pub(crate) fn show_all(&self) {
        self.overlay.lock().unwrap().clear();
    }

    fn read<T>(&self, run: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let step = self.reads.lock().unwrap().pop_front();
        match step.unwrap_or(Step::Pass) {
            Step::Pass => run(),
            Step::After(first) => {
                first(&self.store);
                run()
            }
            _ => Err(unavailable()),
        }
    }

    fn write<T>(
        &self,
        batch: Option<(Option<&[u8; 32]>, &[Write])>,
        run: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let step = self.writes.lock().unwrap().pop_front();
        match step.unwrap_or(Step::Pass) {
            Step::Pass => run(),
            Step::Unavailable => Err(unavailable()),
            Step::Lost => Err(unknown()),
            Step::Done => {
                run()?;
                Err(unknown())
            }
            Step::Late => {
                let owned = batch.map(|(fence, writes)| (fence.copied(), writes.to_vec()));
                self.late.lock().unwrap().extend(owned);
                Err(unknown())
            }
            Step::After(first) => {
                first(&self.store);
                run()
            }
        }
    }
}

impl<S: Store> Store for Faulty<S> {
    fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        self.read(|| match self.overlay.lock().unwrap().get(scope) {
            Some(record) => Ok(Some(record.clone())),
            None => self.store.get(scope),
        })
    }

    fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        self.write(Some((fence, writes)), || self.store.apply(fence, writes))
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        let page = self.read(|| self.store.scan(prefix, after, limit, fetch))?;
        let overlay = self.overlay.lock().unwrap();
        let shown = page.into_iter().map(|row| match overlay.get(row.scope()) {
            Some(record) => Row::new(row.scope().to_vec(), fetch.of(record).to_vec()),
            None => row,
        });
        Ok(shown.collect())
    }

    fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        self.write(None, || self.store.purge(scope))
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("requested".into())
}

fn unknown() -> StoreError {
    StoreError::Unknown("requested".into())
}
