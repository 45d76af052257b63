//! The queue with commits that a test lets go one by one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::thread;

use super::*;
use crate::seal::{Keyring, Revision, Scope};

/// The calls of each commit that has begun, and those that were dropped.
#[derive(Default)]
struct Log {
    begun: Vec<Vec<String>>,
    dropped: usize,
    /// The commits that may end.
    ended: usize,
    polls: usize,
    waker: Option<Waker>,
}

struct Bench {
    commits: Commits,
    log: Arc<Mutex<Log>>,
}

/// A commit: it ends if the log says so, and wakes the last caller that polled it.
struct Under {
    number: usize,
    calls: usize,
    log: Arc<Mutex<Log>>,
    is_done: bool,
}

impl Future for Under {
    type Output = Vec<Decided>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<Decided>> {
        let log = self.log.clone();
        let mut log = log.lock().unwrap();
        log.polls += 1;
        if log.ended <= self.number {
            log.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        self.is_done = true;
        Poll::Ready((0..self.calls).map(|_| Decided::Told(Ok(vec![Outcome::Applied]))).collect())
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        self.log.lock().unwrap().dropped += usize::from(!self.is_done);
    }
}

impl Bench {
    fn new() -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let shared = log.clone();
        let commits = Commits::new(move |calls| {
            let names = calls
                .iter()
                .map(|call| format!("{}", call.fence.map_or(0, |f| f[0])) + &name(call));
            let mut log = shared.lock().unwrap();
            log.begun.push(names.collect());
            let number = log.begun.len() - 1;
            Box::pin(Under { number, calls: calls.len(), log: shared.clone(), is_done: false })
        });
        Self { commits, log }
    }

    fn begun(&self) -> Vec<String> {
        self.log.lock().unwrap().begun.iter().map(|names| names.join(" ")).collect()
    }

    fn end_one(&self) {
        let mut log = self.log.lock().unwrap();
        log.ended += 1;
        if let Some(waker) = log.waker.take() {
            waker.wake();
        }
    }
}

fn name(call: &Call) -> String {
    let names = call.writes.iter().map(|write| match write.scope() {
        KEYRING_ROW => "K".to_owned(),
        scope if scope[0] > 3 => format!("{}'", scope[3] as char),
        scope => (scope[3] as char).to_string(),
    });
    names.collect()
}

/// A call of writes to scopes of one letter. `K` is the keyring's row, and a capital a past row.
fn call(fence: u8, scopes: &str) -> Arc<Call> {
    let keyring = Keyring::from_bytes([7; 32]);
    let writes = scopes.chars().map(|letter| {
        if letter == 'K' {
            return Write::keyring(None, "text");
        }
        let scope = Scope::module(&letter.to_ascii_lowercase().to_string()).unwrap();
        let record = keyring.seal_tombstone(&scope, Revision::FIRST, None).unwrap();
        match letter.is_uppercase() {
            true => Write::replace_past(&scope, Revision::FIRST, [0; 32], record),
            false => Write::create(&scope, record),
        }
    });
    let fence = (fence > 0).then_some([fence; 32]);
    Arc::new(Call { fence, writes: writes.collect() })
}

/// Counts how often a task is woken.
#[derive(Default)]
struct Woken(Mutex<usize>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        *self.0.lock().unwrap() += 1;
    }
}

struct Task<'a> {
    ticket: Pin<Box<Ticket<'a>>>,
    woken: Arc<Woken>,
}

impl<'a> Task<'a> {
    fn new(bench: &'a Bench, call: Arc<Call>) -> Self {
        Self { ticket: Box::pin(bench.commits.join(call)), woken: Arc::default() }
    }

    /// Polls it. Returns `true` if it is done.
    fn poll(&mut self) -> bool {
        let waker = Waker::from(self.woken.clone());
        self.ticket.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
    }

    fn was_woken(&self) -> bool {
        std::mem::take(&mut *self.woken.0.lock().unwrap()) > 0
    }
}

#[track_caller]
fn tasks<'a>(bench: &'a Bench, calls: &[(u8, &str)]) -> Vec<Task<'a>> {
    let mut tasks: Vec<_> =
        calls.iter().map(|(fence, scopes)| Task::new(bench, call(*fence, scopes))).collect();
    assert!(tasks.iter_mut().all(|task| !task.poll()));
    tasks
}

#[test]
fn what_gathers_goes_into_the_next_commit() {
    let bench = Bench::new();
    let mut first = tasks(&bench, &[(0, "a")]);
    assert_eq!(bench.begun(), ["0a"], "a lone caller waits for nobody");
    let mut rest = tasks(&bench, &[(0, "b"), (0, "cd"), (0, "e")]);
    bench.end_one();
    assert!(first[0].was_woken() && first[0].poll());
    assert!(rest.iter().all(Task::was_woken), "any of them begins it");
    assert!(!rest[1].poll());
    assert_eq!(bench.begun(), ["0a", "0b 0cd 0e"]);
    let polls = bench.log.lock().unwrap().polls;
    assert!(!rest[2].poll() && !rest[0].was_woken());
    assert_eq!(bench.log.lock().unwrap().polls, polls, "it has nothing to do");
    bench.end_one();
    assert!(rest[0].poll() && rest[1].was_woken() && rest[2].was_woken());
    assert!(rest[1].poll() && rest[2].poll());
}

/// A caller exists, and nobody polls it: the one that began the commit, and the one that could begin the
/// next one.
#[test]
fn who_is_not_polled_holds_up_nobody() {
    let bench = Bench::new();
    let mut first = tasks(&bench, &[(0, "a")]);
    let mut rest = tasks(&bench, &[(0, "b"), (0, "c")]);
    bench.end_one();
    assert!(rest[1].was_woken() && !rest[1].poll());
    assert_eq!(bench.begun(), ["0a", "0b 0c"]);
    bench.end_one();
    assert!(rest[1].was_woken() && rest[1].poll());
    assert!(first[0].was_woken() && first[0].poll(), "it was told meanwhile");
    assert!(rest[0].was_woken() && rest[0].poll());
}

/// The commit is woken while it is polled: nobody else could poll it then.
#[test]
fn a_commit_that_is_woken_while_it_is_polled_is_polled_again() {
    let commits = Commits::new(|_| {
        let mut polls = 0;
        Box::pin(std::future::poll_fn(move |context| {
            polls += 1;
            if polls == 3 {
                return Poll::Ready(vec![Decided::Alone]);
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    });
    let mut ticket = Box::pin(commits.join(call(0, "a")));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    for _ in 0..2 {
        assert!(ticket.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(std::mem::take(&mut *woken.0.lock().unwrap()) > 1);
    }
    assert!(ticket.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

/// The calls that wait while one is committed, and the commits that follow.
#[test]
fn calls_share_a_commit_unless_they_must_not() {
    type Case<'a> = (&'a [(u8, &'a str)], &'a [&'a str]);
    let cases: [Case<'_>; 8] = [
        (&[(1, "a"), (2, "b"), (1, "c")], &["1a 1c", "2b"]),
        (&[(0, "a"), (1, "b"), (0, "c")], &["0a 0c", "1b"]),
        (&[(0, "a"), (0, "a"), (0, "b")], &["0a 0b", "0a"]),
        // A call that stays behind keeps the later ones of its scopes behind it.
        (&[(0, "a"), (0, "ab"), (0, "b"), (0, "c")], &["0a 0c", "0ab", "0b"]),
        (&[(0, "a"), (0, "A"), (0, "B")], &["0a 0b'", "0a'"]),
        (&[(0, "aA"), (0, "b")], &["0aa' 0b"]),
        (&[(0, "a"), (0, "K"), (0, "b")], &["0a 0b", "0K"]),
        (&[(0, "K"), (0, "b"), (0, "K")], &["0K", "0b", "0K"]),
    ];
    for (calls, commits) in cases {
        let bench = Bench::new();
        let mut before = tasks(&bench, &[(0, "z")]);
        let mut waiting = tasks(&bench, calls);
        bench.end_one();
        assert!(before[0].poll());
        while !waiting.is_empty() {
            waiting.retain_mut(|task| !task.poll());
            bench.end_one();
        }
        assert_eq!(bench.begun()[1..], *commits, "{calls:?}");
    }
}

#[test]
fn a_commit_has_limits() {
    let bench = Bench::new();
    let mut before = tasks(&bench, &[(0, "z")]);
    let keyring = Keyring::from_bytes([7; 32]);
    let calls = (0..10).map(|number| {
        let writes = (0..1000).map(|one| {
            let scope = Scope::module(&format!("{number}-{one}")).unwrap();
            Write::create(&scope, keyring.seal_tombstone(&scope, Revision::FIRST, None).unwrap())
        });
        Arc::new(Call { fence: None, writes: writes.collect() })
    });
    let mut waiting: Vec<_> = calls.map(|call| Task::new(&bench, call)).collect();
    assert!(waiting.iter_mut().all(|task| !task.poll()));
    bench.end_one();
    assert!(before[0].poll());
    while !waiting.is_empty() {
        waiting.retain_mut(|task| !task.poll());
        bench.end_one();
    }
    let sizes: Vec<_> = bench.log.lock().unwrap().begun.iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 4, 4, 2]);
}

#[test]
fn who_is_dropped_hands_over() {
    let bench = Bench::new();
    let mut first = tasks(&bench, &[(0, "a")]);
    let mut rest = tasks(&bench, &[(0, "b"), (0, "c"), (0, "d")]);
    // One that was not sent leaves the queue.
    assert!(!rest[1].ticket.is_sent());
    drop(rest.remove(1));
    // The one that began the commit is dropped, and one that has polled since: another one polls it.
    assert!(first[0].ticket.is_sent());
    drop(first.remove(0));
    assert!(!rest[0].poll());
    drop(rest.remove(0));
    bench.end_one();
    assert!(rest[0].was_woken() && !rest[0].poll());
    assert_eq!(bench.begun(), ["0a", "0d"]);
    assert_eq!(bench.log.lock().unwrap().dropped, 0);
    // All are dropped.
    drop(rest);
    assert_eq!(bench.log.lock().unwrap().dropped, 1);
    assert!(bench.commits.state().waiting.is_empty());
    let mut next = tasks(&bench, &[(0, "e")]);
    bench.end_one();
    bench.end_one();
    assert!(next[0].poll());
}

/// One that was woken to poll the commit, or to begin the next one, is dropped before it does.
#[test]
fn who_is_dropped_after_it_was_woken_hands_over() {
    let bench = Bench::new();
    let mut first = tasks(&bench, &[(0, "a")]);
    let mut rest = tasks(&bench, &[(0, "b"), (0, "c"), (0, "d")]);
    bench.end_one();
    drop(first.remove(0));
    drop(rest.remove(0));
    assert!(rest[0].was_woken() && !rest[0].poll());
    assert_eq!(bench.begun(), ["0a", "0c 0d"]);
    bench.end_one();
    assert!(rest[0].poll() && rest[1].poll());

    let mut first = tasks(&bench, &[(0, "a")]);
    let mut rest = tasks(&bench, &[(0, "b"), (0, "c")]);
    bench.end_one();
    assert!(first[0].poll() && rest[0].was_woken());
    drop(rest.remove(0));
    assert!(rest[0].was_woken() && !rest[0].poll());
    bench.end_one();
    assert!(rest[0].poll());
}

#[test]
fn a_commit_that_panics_leaves_the_others_in_doubt() {
    let commits = Commits::new(|_| Box::pin(async { panic!("a commit") }));
    let [first, second] = [call(0, "a"), call(0, "b")].map(|call| commits.join(call));
    let poll = |ticket: &mut Pin<Box<Ticket<'_>>>| {
        ticket.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    };
    let (mut first, mut second) = (Box::pin(first), Box::pin(second));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(&mut first)));
    assert!(panicked.is_err());
    drop(first);
    let Poll::Ready(Decided::Told(Err(error))) = poll(&mut second) else { panic!("it is told") };
    assert_eq!(error.to_string(), "the store did not report whether the write happened");
}

/// Threads block on their calls. Whoever polls the commit does all of its work. It takes until all threads
/// have called: so the next commit is that of all others.
#[test]
fn threads_wait_for_each_other() {
    const THREADS: usize = 8;
    const CALLS: usize = 20;
    let joined = Arc::new(AtomicUsize::new(0));
    let (has_joined, sizes) = (joined.clone(), Arc::new(Mutex::new(Vec::new())));
    let decided = Mutex::new(HashMap::<String, usize>::new());
    let (committed, decided) = (sizes.clone(), Arc::new(decided));
    let commits = Commits::new(move |calls| {
        committed.lock().unwrap().push(calls.len());
        let (joined, decided) = (has_joined.clone(), decided.clone());
        Box::pin(async move {
            let mut decided = decided.lock().unwrap();
            // A thread that has not ended has made one call more than were decided.
            let ended = decided.values().filter(|count| **count == CALLS).count();
            let awaited = decided.values().sum::<usize>() + THREADS - ended;
            while joined.load(Ordering::Relaxed) < awaited {
                thread::yield_now();
            }
            calls.iter().for_each(|call| *decided.entry(name(call)).or_default() += 1);
            calls.iter().map(|_| Decided::Told(Ok(vec![Outcome::Applied]))).collect()
        })
    });
    thread::scope(|threads| {
        for number in 0..THREADS {
            let (commits, joined) = (&commits, &joined);
            threads.spawn(move || {
                let letter = (b'a' + number as u8) as char;
                for _ in 0..CALLS {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    let ticket = commits.join(call(0, &letter.to_string()));
                    joined.fetch_add(1, Ordering::Relaxed);
                    assert!(matches!(runtime.block_on(ticket), Decided::Told(Ok(_))));
                }
            });
        }
    });
    let sizes = sizes.lock().unwrap();
    assert_eq!(sizes.iter().sum::<usize>(), THREADS * CALLS);
    assert!(sizes.len() <= 2 * CALLS, "{sizes:?}");
}
