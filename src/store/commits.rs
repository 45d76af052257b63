//! Commits that concurrent writers share.
//!
//! Calls that arrive while a commit is under way go into the next one. The commit under way belongs to the
//! queue: any caller that waits may poll it, and all are woken when it has something to do. So it goes on
//! even if some callers exist and are not polled. No timer delays a commit, and a lone caller waits for
//! nobody.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::seal::Scope;
use crate::store::backend::{KEYRING_ROW, Outcome, Write};
use crate::store::error::{Cause, StoreError};

/// The limits of a shared commit: it stays short, so that the next one begins soon. A call that is
/// larger has a commit of its own.
const MAX_ROWS: usize = 4096;
const MAX_LEN: usize = 8 << 20;

/// The writes of one call, which commit together or not at all.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) fence: Option<[u8; 32]>,
    pub(super) writes: Vec<Write>,
}

impl Call {
    pub(super) fn new(fence: Option<&[u8; 32]>, writes: &[Write]) -> Self {
        Self { fence: fence.copied(), writes: writes.to_vec() }
    }

    /// The numbers of rows and of bytes that it writes.
    fn size(&self) -> (usize, usize) {
        let (mut rows, mut len) = (0, 0);
        for write in &self.writes {
            rows += 1 + write.past().len() + write.removed().len();
            len += write.scope().len() + write.record().len();
            len += write
                .past()
                .iter()
                .map(|row| row.scope().len() + row.record().len())
                .sum::<usize>();
        }
        (rows, len)
    }

    /// The keyring's row never shares a commit.
    fn is_of_keyring(&self) -> bool {
        self.writes.iter().any(|write| write.scope() == KEYRING_ROW)
    }
}

/// The decision of a shared commit about one of its calls.
#[derive(Debug)]
pub(super) enum Decided {
    Told(Result<Vec<Outcome>, StoreError>),
    /// Nothing was written. The call is to have a commit of its own.
    Alone,
}

type Commit = Pin<Box<dyn Future<Output = Vec<Decided>> + Send>>;
/// Starts the commit of some calls, and returns what it decides about each.
type Start = Box<dyn Fn(Vec<Arc<Call>>) -> Commit + Send + Sync>;

/// The queue of calls, and the commit under way.
pub(super) struct Commits {
    start: Start,
    queue: Arc<Queue>,
}

/// The waker of the commit under way. It wakes all callers that wait.
struct Queue(Mutex<State>);

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Queue {
    fn wake(self: Arc<Self>) {
        let wakers = {
            let mut state = self.state();
            if let Some(running) = &mut state.running {
                running.is_woken = true;
            }
            state.undecided()
        };
        wake(wakers);
    }
}

#[derive(Default)]
struct State {
    /// In the order of their arrival.
    waiting: BTreeMap<u64, Waiting>,
    arrived: u64,
    running: Option<Running>,
}

struct Waiting {
    call: Arc<Call>,
    stage: Stage,
    waker: Waker,
}

enum Stage {
    Queued,
    Sent,
    Decided(Decided),
}

struct Running {
    /// `None` while it is polled.
    commit: Option<Commit>,
    members: Vec<u64>,
    /// The caller that is polling it.
    poller: Option<u64>,
    /// It has something to do since it was polled last.
    is_woken: bool,
}

impl Commits {
    pub(super) fn new(start: impl Fn(Vec<Arc<Call>>) -> Commit + Send + Sync + 'static) -> Self {
        Self { start: Box::new(start), queue: Arc::new(Queue(Mutex::default())) }
    }

    /// Adds a call to the queue. The returned future is done when it is decided.
    ///
    /// If it is dropped before the call was sent, the call leaves the queue. If all callers are dropped,
    /// so is the commit under way.
    pub(super) fn join(&self, call: Arc<Call>) -> Ticket<'_> {
        let mut state = self.state();
        state.arrived += 1;
        let number = state.arrived;
        let waiting = Waiting { call, stage: Stage::Queued, waker: Waker::noop().clone() };
        state.waiting.insert(number, waiting);
        Ticket { commits: self, number }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.queue.state()
    }
}

/// The place of one call in the queue.
pub(super) struct Ticket<'a> {
    commits: &'a Commits,
    number: u64,
}

impl Ticket<'_> {
    /// Returns `true` if the call was sent, so that it may be carried out.
    #[cfg(any(feature = "postgres", test))] // only its store gives up waiting
    pub(super) fn is_sent(&self) -> bool {
        let state = self.commits.state();
        let waiting = state.waiting.get(&self.number);
        waiting.is_none_or(|waiting| !matches!(waiting.stage, Stage::Queued))
    }
}

impl Future for Ticket<'_> {
    type Output = Decided;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Decided> {
        let (commits, number) = (self.commits, self.number);
        let mut state = commits.state();
        loop {
            if let Some(decided) = state.collect(number, context.waker()) {
                return Poll::Ready(decided);
            }
            if state.running.is_none() {
                let members = state.next_members();
                let calls = members.iter().map(|member| state.waiting[member].call.clone());
                let commit = (commits.start)(calls.collect());
                let (commit, poller) = (Some(commit), None);
                state.running = Some(Running { commit, members, poller, is_woken: true });
            }
            let Some(mut commit) = state.take_commit(number) else { return Poll::Pending };
            // Nobody else polls it meanwhile, and a store that blocks does all of its work here.
            drop(state);
            let waker = Waker::from(commits.queue.clone());
            let polled = commit.as_mut().poll(&mut Context::from_waker(&waker));
            state = commits.state();
            let is_pending = polled.is_pending();
            let wakers = match polled {
                Poll::Ready(decided) => state.finish(decided),
                Poll::Pending => state.put_back(commit),
            };
            drop(state);
            wake(wakers);
            if is_pending {
                return Poll::Pending;
            }
            state = commits.state();
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.commits.state();
        let left = state.waiting.remove(&self.number);
        let has_panicked = |running: &Running| running.poller == Some(self.number);
        let wakers = match state.running.as_ref().is_some_and(has_panicked) {
            true => state.fail(),
            false => Vec::new(),
        };
        let is_abandoned = state.waiting.values().all(Waiting::is_decided);
        let abandoned = state.running.take_if(|_| is_abandoned);
        drop(state);
        drop((left, abandoned));
        wake(wakers);
    }
}

/// Wakes callers. The state is unlocked before, because a waker may do anything.
fn wake(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

impl Waiting {
    fn is_decided(&self) -> bool {
        matches!(self.stage, Stage::Decided(_))
    }
}

impl State {
    /// Takes what was decided about a call, or notes whom to wake.
    fn collect(&mut self, number: u64, waker: &Waker) -> Option<Decided> {
        let waiting = self.waiting.get_mut(&number)?;
        if !waiting.is_decided() {
            waiting.waker.clone_from(waker);
            return None;
        }
        // It is not among those that may be woken any more.
        match self.waiting.remove(&number)?.stage {
            Stage::Decided(decided) => Some(decided),
            Stage::Queued | Stage::Sent => None,
        }
    }

    /// Takes the commit to poll it, unless another caller is polling it, or it has nothing to do.
    fn take_commit(&mut self, number: u64) -> Option<Commit> {
        let running = self.running.as_mut().filter(|running| running.is_woken)?;
        let commit = running.commit.take()?;
        (running.poller, running.is_woken) = (Some(number), false);
        Some(commit)
    }

    /// Puts it back after it was polled. Returns whom to wake, if it has something to do again: whoever was
    /// woken meanwhile could not poll it.
    fn put_back(&mut self, commit: Commit) -> Vec<Waker> {
        let Some(running) = &mut self.running else { return Vec::new() };
        (running.commit, running.poller) = (Some(commit), None);
        if running.is_woken { self.undecided() } else { Vec::new() }
    }

    /// The wakers of the callers that wait.
    fn undecided(&self) -> Vec<Waker> {
        let waiting = self.waiting.values().filter(|waiting| !waiting.is_decided());
        waiting.map(|waiting| waiting.waker.clone()).collect()
    }

    /// Marks the calls of the next commit as sent: those from the first one on that have its fence, up
    /// to the limits. Two calls that touch one scope do not share a commit, and keep their order.
    fn next_members(&mut self) -> Vec<u64> {
        let (mut members, mut fence, mut scopes) = (Vec::new(), None, HashSet::new());
        let (mut rows, mut len) = (0, 0);
        for (number, waiting) in &mut self.waiting {
            if !matches!(waiting.stage, Stage::Queued) {
                continue;
            }
            let call = &waiting.call;
            let size = call.size();
            let is_first = members.is_empty();
            (rows, len) = (rows + size.0, len + size.1);
            if !is_first && (rows > MAX_ROWS || len > MAX_LEN) {
                break;
            }
            let touched: Vec<_> = call.writes.iter().map(|one| present_of(one.scope())).collect();
            let is_free = touched.iter().all(|scope| !scopes.contains(scope));
            // A call that stays behind keeps later ones of its scopes behind it.
            scopes.extend(touched);
            let fits = *fence.get_or_insert(call.fence) == call.fence && !call.is_of_keyring();
            let may_share = is_free && fits;
            if !is_first && !may_share {
                continue;
            }
            let is_of_keyring = call.is_of_keyring();
            waiting.stage = Stage::Sent;
            members.push(*number);
            if is_of_keyring {
                break;
            }
        }
        members
    }

    /// Tells the callers of a commit that was lost that they are in doubt. Returns whom to wake.
    fn fail(&mut self) -> Vec<Waker> {
        let unknown = || Decided::Told(Err(StoreError::Unknown("the commit was lost".into())));
        let members = self.running.as_ref().map_or(0, |running| running.members.len());
        self.finish((0..members).map(|_| unknown()).collect())
    }

    /// Tells the callers what was decided. Returns whom to wake: them, and those that may begin the next
    /// commit.
    fn finish(&mut self, decided: Vec<Decided>) -> Vec<Waker> {
        let wakers = self.undecided();
        let Some(running) = self.running.take() else { return wakers };
        for (member, decided) in running.members.iter().zip(decided) {
            if let Some(waiting) = self.waiting.get_mut(member) {
                waiting.stage = Stage::Decided(decided);
            }
        }
        wakers
    }
}

/// Returns the scope of a key: of a past row, the scope that it belongs to. Two writes whose scopes
/// differ by this change no row in common.
fn present_of(key: &[u8]) -> Vec<u8> {
    Scope::of_past(key).map_or_else(|| key.to_vec(), |(scope, _)| scope.as_bytes().to_vec())
}

impl StoreError {
    /// Returns as many errors of this kind as there are callers to be told.
    pub(super) fn shared(self) -> impl Fn() -> Self {
        let kind: fn(Cause) -> Self = match &self {
            Self::Unknown(_) => Self::Unknown,
            Self::Denied(_) => Self::Denied,
            Self::Corrupt(_) => Self::Corrupt,
            Self::Foreign(_) => Self::Foreign,
            Self::Missing => |_| Self::Missing,
            _ => Self::Unavailable,
        };
        let cause = match self {
            Self::Unavailable(cause)
            | Self::Unknown(cause)
            | Self::Denied(cause)
            | Self::Corrupt(cause)
            | Self::Foreign(cause) => cause,
            other => other.into(),
        };
        let cause: Arc<dyn Error + Send + Sync> = cause.into();
        move || kind(Box::new(Shared(cause.clone())))
    }
}

/// A cause that several errors have.
#[derive(Debug)]
struct Shared(Arc<dyn Error + Send + Sync>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests;
