//! A store that pauses at each call, and schedules that decide whose call is next.
//!
//! Each process is a future over a [`Paused`] store. A poll lets it make one call, and runs it up to
//! its next one. So the order of all calls is the order of polls, which a [`Schedule`] chooses, and
//! every order can be tried.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use secrets_toml::store::backend::{Fetch, Outcome, Row, Write};
use secrets_toml::store::{AsyncStore, Store, StoreError};

use crate::dice::Dice;

/// A store over another one, whose calls wait for a poll each.
pub(crate) struct Paused<S>(pub(crate) S);

impl<S: Store> AsyncStore for Paused<S> {
    async fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Pause::default().await;
        self.0.get(scope)
    }

    async fn apply(
        &self,
        fence: Option<&[u8; 32]>,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, StoreError> {
        Pause::default().await;
        self.0.apply(fence, writes)
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Vec<Row>, StoreError> {
        Pause::default().await;
        self.0.scan(prefix, after, limit, fetch)
    }

    async fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
        Pause::default().await;
        self.0.purge(scope)
    }
}

/// Is ready when it is polled again.
#[derive(Default)]
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A process: what it does, until it is done.
pub(crate) type Process<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs processes in the order of a schedule. `after` is called after each step.
pub(crate) fn run(processes: Vec<Process<'_>>, schedule: &mut Schedule, mut after: impl FnMut()) {
    let mut processes: Vec<_> = processes.into_iter().map(Some).collect();
    let mut last = None;
    loop {
        let awake: Vec<_> = (0..processes.len()).filter(|i| processes[*i].is_some()).collect();
        if awake.is_empty() {
            return;
        }
        let next = schedule.choose(&awake, last);
        let process = processes[next].as_mut().unwrap();
        if process.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            processes[next] = None;
        }
        last = Some(next);
        after();
    }
}

/// The choices of a run.
///
/// A process that is chosen goes on until it is done, but for a number of interruptions. Most faults of
/// concurrent programs take few of them.
pub(crate) struct Schedule {
    /// The choices so far, each with the number of those that there were.
    choices: Vec<(usize, usize)>,
    at: usize,
    interruptions: usize,
    left: usize,
    dice: Option<Dice>,
}

impl Schedule {
    /// Begins with the first of all schedules with at most this many interruptions.
    pub(crate) fn first(interruptions: usize) -> Self {
        Self { choices: Vec::new(), at: 0, interruptions, left: interruptions, dice: None }
    }

    /// Chooses at random, and interrupts at every step.
    pub(crate) fn random(seed: u64) -> Self {
        Self { dice: Some(Dice(seed)), ..Self::first(usize::MAX) }
    }

    /// Goes to the next schedule. Returns `false` if there is none.
    pub(crate) fn next(&mut self) -> bool {
        (self.at, self.left) = (0, self.interruptions);
        while let Some((choice, count)) = self.choices.pop() {
            if choice + 1 < count {
                self.choices.push((choice + 1, count));
                return true;
            }
        }
        false
    }

    fn choose(&mut self, awake: &[usize], last: Option<usize>) -> usize {
        if let Some(dice) = &mut self.dice {
            return awake[dice.roll(awake.len())];
        }
        let current = last.filter(|last| awake.contains(last));
        let others = awake.iter().copied().filter(|i| Some(*i) != current);
        let is_fixed = current.is_some() && self.left == 0;
        let options: Vec<_> = current
            .into_iter()
            .chain(others.take(if is_fixed { 0 } else { awake.len() }))
            .collect();
        if self.at == self.choices.len() {
            self.choices.push((0, options.len()));
        }
        let (choice, count) = self.choices[self.at];
        assert_eq!(count, options.len(), "the same choices lead to the same place");
        self.at += 1;
        if current.is_some() && choice > 0 {
            self.left -= 1;
        }
        options[choice]
    }
}
