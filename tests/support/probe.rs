//! A global allocator that counts allocations and looks into every block that is freed.
//!
//! A test binary includes this file, makes [`Probe`] its global allocator, and runs what it wants
//! to know about inside [`during`]. Only the calling thread is looked at, so that tests may run
//! beside each other. What it looks for is whatever [`watch`] was given last.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The allocator: the system's, watched.
pub struct Probe;

/// What happened on this thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Blocks that were allocated.
    pub allocations: usize,
    /// Blocks that were resized.
    pub reallocations: usize,
    /// Freed blocks, and blocks that were resized, which held something watched for.
    pub hits: usize,
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
pub fn watch(secrets: impl IntoIterator<Item = Vec<u8>>) {
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
pub fn during<T>(run: impl FnOnce() -> T) -> (T, Report) {
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
    // SAFETY: the caller's. Bytes that were never written are read too: that is the point.
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

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Probe {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(|report| report.allocations += 1);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(|report| report.allocations += 1);
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(|report| {
            // SAFETY: the block is as long as its layout says.
            report.hits += usize::from(unsafe { holds_secret(block, layout.size()) });
        });
        // SAFETY: the caller's.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(|report| {
            report.reallocations += 1;
            // SAFETY: the block is as long as its layout says.
            report.hits += usize::from(unsafe { holds_secret(block, layout.size()) });
        });
        // SAFETY: the caller's.
        unsafe { System.realloc(block, layout, size) }
    }
}
