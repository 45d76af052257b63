//! One call of a vault: what an observer is told about it, and when.

use std::error::Error;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::seal::Revision;
use crate::vault::error::VaultError;
use crate::vault::observer::{End, Event, Observer, Outcome, Touched};

/// An observer, and the number of calls that it was told of.
pub(super) struct Observed {
    observer: AssertUnwindSafe<Box<dyn Observer>>,
    calls: AtomicU64,
}

impl Observed {
    pub(super) fn by(observer: impl Observer + 'static) -> Self {
        Self { observer: AssertUnwindSafe(Box::new(observer)), calls: AtomicU64::new(0) }
    }

    /// The number of the next call.
    pub(super) fn next_number(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }
}

/// One call of a vault, from the observer's permission to the end. The steps of a call that write are
/// methods of this type, so that their attempts are counted.
///
/// The observer is told of the end when the call [`end`](Self::end)s, or else when this is dropped.
pub(super) struct Call<'a, V> {
    vault: &'a V,
    /// `None` if the vault has no observer, or if it was told of the end.
    event: Option<(&'a Observed, Event<'a>)>,
    attempts: AtomicU32,
}

impl<'a, V> Call<'a, V> {
    /// Begins a call, if the observer permits it.
    ///
    /// # Errors
    ///
    /// [`VaultError::Refused`] if the observer does not.
    pub(super) fn begin(
        vault: &'a V,
        event: Option<(&'a Observed, Event<'a>)>,
    ) -> Result<Self, VaultError> {
        if let Some((observed, event)) = &event {
            observed.observer.before(event).map_err(VaultError::Refused)?;
        }
        Ok(Self { vault, event, attempts: AtomicU32::new(0) })
    }

    /// Counts one write that is sent to the store.
    pub(super) fn count_attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the call with a result about no single record.
    pub(super) fn end<T, E>(self, result: Result<T, E>) -> Result<T, E>
    where
        E: Error + Send + Sync + 'static,
    {
        self.end_with(result, |_| None)
    }

    /// Ends a call that wrote a record.
    pub(super) fn end_written<E>(self, result: Result<Touched, E>) -> Result<Revision, E>
    where
        E: Error + Send + Sync + 'static,
    {
        self.end_with(result, |written| Some(*written)).map(|written| written.revision)
    }

    /// Ends the call. `touched` returns the record that the result is about.
    pub(super) fn end_with<T, E>(
        mut self,
        result: Result<T, E>,
        touched: impl FnOnce(&T) -> Option<Touched>,
    ) -> Result<T, E>
    where
        E: Error + Send + Sync + 'static,
    {
        if self.event.is_some() {
            match &result {
                Ok(value) => self.tell(End::Done, touched(value)),
                Err(error) => self.tell(End::Failed(error), None),
            }
        }
        result
    }

    /// Tells the observer of the end, unless it was told before.
    pub(super) fn tell(&mut self, end: End<'_>, touched: Option<Touched>) {
        if let Some((observed, event)) = self.event.take() {
            let attempts = self.attempts.load(Ordering::Relaxed);
            observed.observer.after(&event, &Outcome { end, touched, attempts });
        }
    }
}

impl<V> Deref for Call<'_, V> {
    type Target = V;

    fn deref(&self) -> &V {
        self.vault
    }
}

impl<V> Drop for Call<'_, V> {
    fn drop(&mut self) {
        if self.event.is_some() {
            // The call may be dropped by a panic, and a second one would end the process.
            let _ = catch_unwind(AssertUnwindSafe(|| self.tell(End::Abandoned, None)));
        }
    }
}
