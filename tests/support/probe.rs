//! A global allocator that counts allocations and looks into every block that is freed.
//!
//! A test or a bench includes this file, makes [`Probe`] its global allocator, and runs what it
//! wants to know about inside [`during`]. Only the calling thread is looked at, so that tests may
//! run beside each other. While something is watched for, every block begins as zeroes: what is found
//! in one was written to it, and does not come from a block that another test freed.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The allocator: the system's, watched.
pub(crate) struct Probe;

/// What happened on this thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Blocks that were allocated.
    pub(crate) allocations: usize,
    /// Blocks that were resized.
    pub(crate) reallocations: usize,
    /// Freed blocks, and blocks that were resized, which held something watched for.
    pub(crate) hits: usize,
    /// The most bytes that were allocated at one time, beyond what was when it began. While a block
    /// is resized, its old and its new bytes count.
    pub(crate) peak: usize,
    /// The bytes that are allocated now. Below zero where older blocks were freed.
    live: isize,
}

impl Report {
    fn allocate(&mut self, layout: Layout) {
        self.allocations += 1;
        self.grow(layout.size());
    }

    fn grow(&mut self, size: usize) {
        self.live += size as isize;
        self.peak = self.peak.max(usize::try_from(self.live).unwrap_or(0));
    }

    fn shrink(&mut self, size: usize) {
        self.live -= size as isize;
    }
}

thread_local! {
    /// `Some` while [`during`] runs.
    static REPORT: Cell<Option<Report>> = const { Cell::new(None) };
}

/// What is looked for, leaked, so that the allocator can read it without a lock.
static WATCHED: AtomicPtr<Watched> = AtomicPtr::new(std::ptr::null_mut());
static WATCHING: Mutex<()> = Mutex::new(());

struct Watched {
    secrets: Vec<Vec<u8>>,
    /// Whether any of them begins with a byte.
    begins: [bool; 256],
}

/// Adds byte strings to what is looked for in freed blocks.
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

/// Runs something and tells what the allocator saw of it on this thread.
pub(crate) fn during<T>(run: impl FnOnce() -> T) -> (T, Report) {
    REPORT.set(Some(Report::default()));
    let result = run();
    let report = REPORT.take().expect("it was set above, and `during` does not nest");
    (result, report)
}

fn watched() -> Option<&'static Watched> {
    // SAFETY: what the pointer leads to is leaked, and never changed.
    unsafe { WATCHED.load(Ordering::Acquire).as_ref() }
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

/// Whether a block that is about to go holds something watched for.
///
/// # Safety
///
/// `block` leads to `len` bytes.
unsafe fn holds_secret(block: *const u8, len: usize) -> bool {
    let Some(watched) = watched() else { return false };
    // SAFETY: the caller's; what was never written to is zero.
    let bytes = unsafe { std::slice::from_raw_parts(block, len) };
    // A plain loop: test binaries are built without optimisation, and blocks are large.
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

// SAFETY: every call goes to the system's allocator.
unsafe impl GlobalAlloc for Probe {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if watched().is_some() {
            // SAFETY: the caller's.
            return unsafe { self.alloc_zeroed(layout) };
        }
        count(|report| report.allocate(layout));
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(|report| report.allocate(layout));
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(|report| {
            report.shrink(layout.size());
            // SAFETY: the block is as long as its layout says.
            report.hits += usize::from(unsafe { holds_secret(block, layout.size()) });
        });
        // SAFETY: the caller's.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(|report| {
            report.reallocations += 1;
            report.grow(size);
            report.shrink(layout.size());
            // SAFETY: the block is as long as its layout says.
            report.hits += usize::from(unsafe { holds_secret(block, layout.size()) });
        });
        // SAFETY: the caller's; the bytes past the old ones are the new block's own.
        unsafe {
            let new = System.realloc(block, layout, size);
            if watched().is_some() && !new.is_null() && size > layout.size() {
                new.add(layout.size()).write_bytes(0, size - layout.size());
            }
            new
        }
    }
}
