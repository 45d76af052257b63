//! A commit that runs beside other work: in one task, or on a thread of its own.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, Builder, Scope};

use crate::store::backend::Outcome;
use crate::store::now;
use crate::vault::error::VaultError;

/// The outcomes of a commit, or `None` if the store has another keyring.
pub(super) type Committed = Result<Option<Vec<Outcome>>, VaultError>;
pub(super) type Commit<'env> = Pin<Box<dyn Future<Output = Committed> + Send + 'env>>;

/// The place where a commit runs while the caller goes on.
#[derive(Clone, Copy)]
pub(super) enum Beside<'scope, 'env> {
    /// The caller's task polls it.
    Task,
    /// It has a thread, since the store blocks.
    Thread(&'scope Scope<'scope, 'env>),
}

impl<'env> Beside<'_, 'env> {
    /// Gives each commit a thread. Returns when they have ended.
    pub(super) fn threads<T>(run: impl FnOnce(Beside<'_, 'env>) -> T) -> T {
        thread::scope(|scope| run(Beside::Thread(scope)))
    }

    /// Starts a commit. The returned future is done when the commit is.
    pub(super) fn run(self, commit: Commit<'env>) -> Commit<'env> {
        let Self::Thread(scope) = self else { return commit };
        let (job, slot) = (Arc::new(Mutex::new(Some(commit))), Arc::new(Slot::default()));
        let (taken, told) = (job.clone(), slot.clone());
        let spawned = Builder::new().spawn_scoped(scope, move || {
            let commit = lock(&taken).take();
            if let Some(commit) = commit {
                told.fill(catch_unwind(AssertUnwindSafe(|| now(commit))));
            }
        });
        if spawned.is_ok() {
            return Box::pin(async move { slot.filled().await });
        }
        // The system gives no thread, so the caller does it.
        let commit = lock(&job).take();
        commit.unwrap_or_else(|| Box::pin(async move { slot.filled().await }))
    }
}

/// The place for what a thread returns: its result, or its panic.
#[derive(Default)]
struct Slot(Mutex<(Option<thread::Result<Committed>>, Option<Waker>)>);

impl Slot {
    fn fill(&self, result: thread::Result<Committed>) {
        let mut slot = lock(&self.0);
        slot.0 = Some(result);
        if let Some(waker) = slot.1.take() {
            waker.wake();
        }
    }

    async fn filled(&self) -> Committed {
        let result = poll_fn(|context| {
            let mut slot = lock(&self.0);
            slot.1 = Some(context.waker().clone());
            slot.0.take().map_or(Poll::Pending, Poll::Ready)
        });
        result.await.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs two futures to their ends, in one task.
pub(super) async fn both<A, B>(
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut a, mut b) = (None, None);
    poll_fn(|context| {
        if a.is_none()
            && let Poll::Ready(done) = first.as_mut().poll(context)
        {
            a = Some(done);
        }
        if b.is_none()
            && let Poll::Ready(done) = second.as_mut().poll(context)
        {
            b = Some(done);
        }
        match (a.take(), b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            one => {
                (a, b) = one;
                Poll::Pending
            }
        }
    })
    .await
}
