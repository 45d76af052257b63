//! The global allocator of tests and benches: it counts allocations, and searches freed blocks.
//!
//! A binary includes this file and declares the allocator:
//!
//! ```text
//! #[path = "support/probe.rs"]
//! mod probe;
//!
//! #[global_allocator]
//! static PROBE: probe::Probe = probe::Probe::zeroing();
//! ```
//!
//! - [`during`] runs a function and reports its allocations. After [`watch`] it also counts the freed
//!   blocks that hold a watched secret.
//! - [`keep`] runs a function and keeps a copy of every block that it frees. A test can thus search for
//!   secrets that it computes afterwards.
//! - [`track`] runs a function that can ask which blocks are live, between calls of [`keep`].
//! - [`starve`] runs a function that gets no large block.
//! - [`interrupted`] runs a function, and another one whenever it allocates.
//!
//! All of them see the calling thread only, so tests can run in parallel.

#![allow(dead_code, reason = "each binary uses a part of it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

/// The system's allocator, with these functions.
pub(crate) struct Probe {
    zeroes: bool,
}

impl Probe {
    /// An allocator for a binary that only counts.
    pub(crate) const fn new() -> Self {
        Self { zeroes: false }
    }

    /// An allocator for a binary that searches freed blocks. It fills each new block with zeroes, so
    /// that no block holds bytes which another test has freed.
    pub(crate) const fn zeroing() -> Self {
        Self { zeroes: true }
    }

    /// Allocates a block, unless it is over the limit of [`starve`].
    ///
    /// # Safety
    ///
    /// Same as [`GlobalAlloc::alloc`].
    unsafe fn allocate(&self, layout: Layout, zeroed: bool) -> *mut u8 {
        interrupt();
        count(|report| report.allocate(layout));
        if is_refused(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's.
        let block =
            unsafe { if zeroed { System.alloc_zeroed(layout) } else { System.alloc(layout) } };
        with_live(|live| live.add(block, layout.size()));
        block
    }
}

/// The allocations of one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// The number of blocks that were allocated.
    pub(crate) allocations: usize,
    /// The number of times that a block was resized.
    pub(crate) reallocations: usize,
    /// The number of freed or resized blocks that held a watched secret.
    pub(crate) hits: usize,
    /// The peak of allocated bytes, relative to the beginning. While a block is resized, both its old
    /// and its new bytes count.
    pub(crate) peak: usize,
    /// The size of the largest block that was requested.
    largest: usize,
    /// The bytes that are allocated at the end. Negative if older blocks were freed.
    pub(crate) live: isize,
}

impl Report {
    fn allocate(&mut self, layout: Layout) {
        self.allocations += 1;
        self.grow(layout.size());
    }

    fn grow(&mut self, size: usize) {
        self.live += size as isize;
        self.peak = self.peak.max(usize::try_from(self.live).unwrap_or(0));
        self.largest = self.largest.max(size);
    }

    fn shrink(&mut self, size: usize) {
        self.live -= size as isize;
    }

    /// Keeps a copy of a block that is about to be freed, or searches it.
    ///
    /// # Safety
    ///
    /// `block` points to `len` bytes.
    unsafe fn inspect(&mut self, block: *const u8, len: usize) {
        match kept() {
            // SAFETY: the caller's.
            Some(kept) => unsafe { kept.push(block, len) },
            // SAFETY: the caller's.
            None => self.hits += usize::from(unsafe { holds_secret(block, len) }),
        }
    }
}

thread_local! {
    /// `Some` while [`during`] or [`keep`] runs.
    static REPORT: Cell<Option<Report>> = const { Cell::new(None) };
    /// `true` while [`keep`] runs.
    static KEEPING: Cell<bool> = const { Cell::new(false) };
    /// The list of [`track`], or null.
    static LIVE: Cell<*mut Live> = const { Cell::new(std::ptr::null_mut()) };
    /// The size of the largest block that [`starve`] allows.
    static LIMIT: Cell<usize> = const { Cell::new(usize::MAX) };
    /// The function that [`interrupted`] calls.
    static INTERRUPTION: Cell<Option<fn()>> = const { Cell::new(None) };
}

fn count(change: impl FnOnce(&mut Report)) {
    // A thread frees its last blocks after its locals are gone.
    let _ = REPORT.try_with(|cell| {
        if let Some(mut report) = cell.get() {
            change(&mut report);
            cell.set(Some(report));
        }
    });
}

fn is_refused(size: usize) -> bool {
    LIMIT.try_with(|limit| size > limit.get()).unwrap_or(false)
}

/// Looks at a block of another allocator that is about to be freed.
///
/// # Safety
///
/// `block` points to `len` bytes.
pub(crate) unsafe fn inspect(block: *const u8, len: usize) {
    // SAFETY: the caller's.
    count(|report| unsafe { report.inspect(block, len) });
}

/// Runs a function, and reports the allocations of this thread.
pub(crate) fn during<T>(run: impl FnOnce() -> T) -> (T, Report) {
    REPORT.set(Some(Report::default()));
    let result = run();
    let report = REPORT.take().expect("it was set above, and `during` does not nest");
    (result, report)
}

/// Runs a function on this thread that gets no block larger than `limit`.
pub(crate) fn starve<T>(limit: usize, run: impl FnOnce() -> T) -> T {
    LIMIT.set(limit);
    let result = run();
    LIMIT.set(usize::MAX);
    result
}

/// Runs a function on this thread, and calls `interruption` before each block that it allocates. That
/// one must not panic; what it allocates does not interrupt it.
pub(crate) fn interrupted<T>(interruption: fn(), run: impl FnOnce() -> T) -> T {
    INTERRUPTION.set(Some(interruption));
    let result = run();
    INTERRUPTION.set(None);
    result
}

fn interrupt() {
    let _ = INTERRUPTION.try_with(|cell| {
        if let Some(interruption) = cell.take() {
            interruption();
            cell.set(Some(interruption));
        }
    });
}

/// The secrets that [`during`] searches for. They are leaked, so that the allocator reads them without
/// a lock.
static WATCHED: AtomicPtr<Watched> = AtomicPtr::new(std::ptr::null_mut());
static WATCHING: Mutex<()> = Mutex::new(());

struct Watched {
    secrets: Vec<Vec<u8>>,
    /// For each byte, `true` if a secret begins with it.
    begins: [bool; 256],
}

/// Adds byte strings to those that [`during`] searches for in freed blocks.
pub(crate) fn watch(secrets: impl IntoIterator<Item = Vec<u8>>) {
    let _guard = WATCHING.lock().expect("no test panics while it holds the lock");
    let mut all = watched().map_or(Vec::new(), |watched| watched.secrets.clone());
    all.extend(secrets);
    assert!(all.iter().all(|secret| secret.len() >= 8), "short byte strings are found by chance");
    let mut begins = [false; 256];
    all.iter().for_each(|secret| begins[usize::from(secret[0])] = true);
    let watched = Box::new(Watched { secrets: all, begins });
    WATCHED.store(Box::into_raw(watched), Ordering::Release);
}

fn watched() -> Option<&'static Watched> {
    // SAFETY: the pointee is leaked and never changed.
    unsafe { WATCHED.load(Ordering::Acquire).as_ref() }
}

/// Returns `true` if a block holds a watched secret.
///
/// # Safety
///
/// `block` points to `len` bytes.
unsafe fn holds_secret(block: *const u8, len: usize) -> bool {
    let Some(watched) = watched() else { return false };
    // SAFETY: the caller's; bytes that were never written are zero.
    let bytes = unsafe { std::slice::from_raw_parts(block, len) };
    // A plain loop is fast without optimisation, and blocks are large.
    let mut i = 0;
    while i < len {
        if watched.begins[bytes[i] as usize]
            && watched.secrets.iter().any(|secret| bytes[i..].starts_with(secret))
        {
            return true;
        }
        i += 1;
    }
    false
}

/// The most bytes that one [`keep`] can hold: several Argon2 matrices of the smallest size.
const ARENA: usize = 96 << 20;

/// Copies of freed blocks, each after its length.
struct Kept {
    bytes: *mut u8,
    len: usize,
    overflowed: bool,
}

impl Kept {
    /// # Safety
    ///
    /// `block` points to `len` bytes.
    unsafe fn push(&mut self, block: *const u8, len: usize) {
        if self.len + 8 + len > ARENA {
            self.overflowed = true;
            return;
        }
        // SAFETY: the block is as long as the caller says, and the arena has room.
        unsafe {
            let end = self.bytes.add(self.len);
            end.cast::<[u8; 8]>().write_unaligned((len as u64).to_le_bytes());
            std::ptr::copy_nonoverlapping(block, end.add(8), len);
        }
        self.len += 8 + len;
    }
}

struct Shared(UnsafeCell<Kept>);

// SAFETY: only the thread that holds `KEEPER` sets `KEEPING`, and only that thread accesses the value.
unsafe impl Sync for Shared {}

static KEEPER: Mutex<()> = Mutex::new(());
static KEPT: Shared =
    Shared(UnsafeCell::new(Kept { bytes: std::ptr::null_mut(), len: 0, overflowed: false }));

fn kept() -> Option<&'static mut Kept> {
    let keeping = KEEPING.try_with(Cell::get).unwrap_or(false);
    // SAFETY: see `Shared`. The allocator drops the reference before it returns.
    keeping.then(|| unsafe { &mut *KEPT.0.get() })
}

/// Runs a function on this thread, and keeps the blocks that it frees. Calls on other threads wait.
pub(crate) fn keep<T>(run: impl FnOnce() -> T) -> (T, Freed) {
    struct Stop;
    impl Drop for Stop {
        fn drop(&mut self) {
            KEEPING.set(false);
        }
    }

    let _one_at_a_time = KEEPER.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: this thread holds the lock, and `KEEPING` is not set.
    let kept = unsafe { &mut *KEPT.0.get() };
    if kept.bytes.is_null() {
        // SAFETY: the layout is not empty. The block is never freed.
        kept.bytes =
            unsafe { System.alloc_zeroed(Layout::array::<u8>(ARENA).expect("the size fits")) };
        assert!(!kept.bytes.is_null());
    }
    (kept.len, kept.overflowed) = (0, false);
    let stop = Stop;
    KEEPING.set(true);
    let (result, report) = during(run);
    drop(stop);

    // SAFETY: as above; `Kept::push` has written these bytes.
    let kept = unsafe { &mut *KEPT.0.get() };
    assert!(!kept.overflowed, "more bytes were freed than `keep` can hold");
    let mut rest = unsafe { std::slice::from_raw_parts(kept.bytes, kept.len) };
    let mut blocks = Vec::new();
    while let Some((len, more)) = rest.split_first_chunk::<8>() {
        let (block, more) = more.split_at(u64::from_le_bytes(*len) as usize);
        blocks.push(block.to_vec());
        rest = more;
    }
    (result, Freed { blocks, largest: report.largest })
}

/// The blocks that a function freed.
pub(crate) struct Freed {
    blocks: Vec<Vec<u8>>,
    largest: usize,
}

impl Freed {
    /// Counts the freed blocks that hold a part of a secret: eight bytes, from a multiple of eight.
    pub(crate) fn hits(&self, secret: &[u8]) -> usize {
        assert!(secret.len() >= 8, "short byte strings are found by chance");
        self.blocks.iter().filter(|block| holds_part(block, secret)).count()
    }

    /// Counts the freed blocks of at least this size that hold anything but zeroes.
    pub(crate) fn unwiped(&self, size: usize) -> usize {
        let large = self.blocks.iter().filter(|block| block.len() >= size);
        large.filter(|block| is_written(block)).count()
    }

    /// Returns the number of freed blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Returns the number of freed blocks of at least this size.
    pub(crate) fn at_least(&self, size: usize) -> usize {
        self.blocks.iter().filter(|block| block.len() >= size).count()
    }

    /// Returns the size of the largest block that was requested.
    pub(crate) fn largest(&self) -> usize {
        self.largest
    }
}

/// The most blocks that [`track`] can hold.
const TRACKED: usize = 1 << 12;

/// The blocks that [`keep`] allocated and that are not freed yet.
struct Live {
    blocks: [(*mut u8, usize); TRACKED],
    len: usize,
    overflowed: bool,
}

impl Live {
    /// Adds a block, if [`keep`] runs.
    fn add(&mut self, block: *mut u8, len: usize) {
        if block.is_null() || !KEEPING.try_with(Cell::get).unwrap_or(false) {
            return;
        }
        if self.len == TRACKED {
            self.overflowed = true;
            return;
        }
        self.blocks[self.len] = (block, len);
        self.len += 1;
    }

    fn remove(&mut self, block: *mut u8) {
        // Most blocks are freed soon. A plain loop is fast without optimisation.
        let mut i = self.len;
        while i > 0 {
            i -= 1;
            if self.blocks[i].0 == block {
                self.len -= 1;
                self.blocks[i] = self.blocks[self.len];
                return;
            }
        }
    }
}

fn with_live(change: impl FnOnce(&mut Live)) {
    // SAFETY: the pointer is of this thread, and `track` has not returned. The allocator drops the
    // reference before it returns, and `live` does not allocate while it holds one.
    let live = LIVE.try_with(|live| unsafe { live.get().as_mut() }).unwrap_or(None);
    if let Some(live) = live {
        change(live);
    }
}

/// Runs a function on this thread, which can call [`live`].
///
/// Another thread must not free a block that [`keep`] allocated here.
pub(crate) fn track<T>(run: impl FnOnce() -> T) -> T {
    struct Stop(*mut Live);
    impl Drop for Stop {
        fn drop(&mut self) {
            LIVE.set(std::ptr::null_mut());
            // SAFETY: it comes from `Box::into_raw`, and nothing refers to it any more.
            drop(unsafe { Box::from_raw(self.0) });
        }
    }

    let list =
        Box::new(Live { blocks: [(std::ptr::null_mut(), 0); TRACKED], len: 0, overflowed: false });
    let stop = Stop(Box::into_raw(list));
    LIVE.set(stop.0);
    run()
}

/// Counts the blocks that hold a part of a secret, as [`Freed::hits`] does, that [`keep`] allocated in
/// this [`track`], and that are not freed yet.
pub(crate) fn live(secret: &[u8]) -> usize {
    let mut hits = None;
    with_live(|live| {
        // SAFETY: the block is not freed; bytes that were never written are zero.
        let bytes =
            |(block, len): (*mut u8, usize)| unsafe { std::slice::from_raw_parts(block, len) };
        let blocks = live.blocks[..live.len].iter().map(|block| bytes(*block));
        hits = (!live.overflowed).then(|| blocks.filter(|block| holds_part(block, secret)).count());
    });
    hits.expect("`live` is called in `track`, which can hold all blocks")
}

/// Returns `true` if a block holds eight bytes of a secret, from a multiple of eight.
fn holds_part(block: &[u8], secret: &[u8]) -> bool {
    let parts = || secret.chunks_exact(8);
    let mut begins = [false; 256];
    parts().for_each(|part| begins[usize::from(part[0])] = true);
    // A plain loop, as in `holds_secret`.
    let (mut i, len) = (0, if is_written(block) { block.len() } else { 0 });
    while i < len {
        if begins[block[i] as usize] && parts().any(|part| block[i..].starts_with(part)) {
            return true;
        }
        i += 1;
    }
    false
}

fn is_written(block: &[u8]) -> bool {
    // Comparing slices is fast without optimisation. A wiped matrix has 20 million bytes.
    !block.chunks(512).all(|chunk| chunk == &[0; 512][..chunk.len()])
}

// SAFETY: every block comes from the system's allocator, and returns to it.
unsafe impl GlobalAlloc for Probe {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        unsafe { self.allocate(layout, self.zeroes) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        unsafe { self.allocate(layout, true) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(|report| {
            report.shrink(layout.size());
            // SAFETY: the block is as long as its layout says.
            unsafe { report.inspect(block, layout.size()) };
        });
        with_live(|live| live.remove(block));
        // SAFETY: the caller's.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(|report| {
            report.reallocations += 1;
            report.grow(size);
            report.shrink(layout.size());
            // Some allocators move the block, and free the old one.
            // SAFETY: the block is as long as its layout says.
            unsafe { report.inspect(block, layout.size()) };
        });
        if is_refused(size) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's; the bytes after the old ones belong to the new block.
        unsafe {
            let new = System.realloc(block, layout, size);
            if self.zeroes && !new.is_null() && size > layout.size() {
                new.add(layout.size()).write_bytes(0, size - layout.size());
            }
            if !new.is_null() {
                with_live(|live| {
                    live.remove(block);
                    live.add(new, size);
                });
            }
            new
        }
    }
}
