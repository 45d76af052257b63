//! An allocator that keeps a copy of every block that is freed, so that a test can look for secrets
//! in them afterwards, when it knows which they were.
//!
//! A test binary makes it its own:
//!
//! ```text
//! #[path = "support/canary.rs"]
//! mod canary;
//!
//! #[global_allocator]
//! static ALLOCATOR: canary::Canary = canary::Canary;
//!
//! let (result, freed) = canary::watch(|| work());
//! assert_eq!(freed.hits(secret), 0);
//! ```
//!
//! There is no `realloc` of its own: the standard library's moves the block and frees the old one
//! each time, which is the worst that any allocator may do.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::sync::{Mutex, PoisonError};

/// What one [`watch`] may free, in bytes: several Argon2 matrices of the least size.
const ARENA: usize = 96 << 20;

/// The system's allocator, which tells [`watch`] what is freed.
pub(crate) struct Canary;

struct Watch {
    bytes: *mut u8,
    len: usize,
    blocks: usize,
    largest: usize,
    overflowed: bool,
}

struct Shared(UnsafeCell<Watch>);

// SAFETY: only the thread that holds `LOCK` has `WATCHING` set, and only that thread looks inside.
unsafe impl Sync for Shared {}

static LOCK: Mutex<()> = Mutex::new(());
static WATCH: Shared = Shared(UnsafeCell::new(Watch {
    bytes: std::ptr::null_mut(),
    len: 0,
    blocks: 0,
    largest: 0,
    overflowed: false,
}));

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    static LIMIT: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn watching() -> Option<&'static mut Watch> {
    let watching = WATCHING.try_with(Cell::get).unwrap_or(false);
    // SAFETY: see `Shared`; nothing that is called with it allocates.
    watching.then(|| unsafe { &mut *WATCH.0.get() })
}

// SAFETY: every call is passed on to the system's allocator.
unsafe impl GlobalAlloc for Canary {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(watch) = watching() {
            watch.largest = watch.largest.max(layout.size());
        }
        if layout.size() > LIMIT.try_with(Cell::get).unwrap_or(usize::MAX) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's. Zeroed, so that what is found in a block was written to it.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(watch) = watching() {
            let len = layout.size();
            if watch.len + 8 + len <= ARENA {
                // SAFETY: the block is still allocated, and the arena has the room.
                unsafe {
                    let end = watch.bytes.add(watch.len);
                    end.cast::<[u8; 8]>().write_unaligned((len as u64).to_le_bytes());
                    std::ptr::copy_nonoverlapping(block, end.add(8), len);
                }
                watch.len += 8 + len;
                watch.blocks += 1;
            } else {
                watch.overflowed = true;
            }
        }
        unsafe { System.dealloc(block, layout) }
    }
}

/// What was freed, and the largest block that was asked for.
pub(crate) struct Freed {
    blocks: Vec<Vec<u8>>,
    largest: usize,
}

impl Freed {
    /// How many freed blocks hold 8 bytes in a row of this secret, from any multiple of 8.
    pub(crate) fn hits(&self, secret: &[u8]) -> usize {
        assert!(secret.len() >= 8, "too short to be told from chance");
        let parts: Vec<&[u8]> = secret.chunks_exact(8).collect();
        let holds = |found: &[u8]| parts.iter().any(|part| found[0] == part[0] && found == *part);
        let written = self.blocks.iter().filter(|block| is_written(block));
        written.filter(|block| block.windows(8).any(holds)).count()
    }

    /// How many freed blocks of at least this size hold anything but zeros.
    #[allow(dead_code, reason = "not every binary works in large blocks")]
    pub(crate) fn unwiped(&self, size: usize) -> usize {
        let large = self.blocks.iter().filter(|block| block.len() >= size);
        large.filter(|block| is_written(block)).count()
    }

    /// How many blocks were freed.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The largest block that was asked for, in bytes.
    #[allow(dead_code, reason = "not every binary asks")]
    pub(crate) fn largest(&self) -> usize {
        self.largest
    }
}

fn is_written(block: &[u8]) -> bool {
    // In wide instructions even where the test is not optimised: a wiped matrix has 20 million bytes.
    !block.chunks(512).all(|chunk| chunk == &[0; 512][..chunk.len()])
}

/// Runs something on this thread, and keeps what it frees. One runs at a time; the others wait.
pub(crate) fn watch<T>(run: impl FnOnce() -> T) -> (T, Freed) {
    struct Stop;
    impl Drop for Stop {
        fn drop(&mut self) {
            WATCHING.set(false);
        }
    }

    let _one_at_a_time = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: this thread holds the lock, and nobody is watching yet.
    let watch = unsafe { &mut *WATCH.0.get() };
    if watch.bytes.is_null() {
        // SAFETY: the layout is not empty. It is never freed.
        watch.bytes = unsafe { System.alloc_zeroed(Layout::array::<u8>(ARENA).unwrap()) };
        assert!(!watch.bytes.is_null());
    }
    (watch.len, watch.blocks, watch.largest) = (0, 0, 0);
    watch.overflowed = false;
    let stop = Stop;
    WATCHING.set(true);
    let result = run();
    drop(stop);

    // SAFETY: as above; `dealloc` has written these bytes.
    let watch = unsafe { &mut *WATCH.0.get() };
    assert!(!watch.overflowed, "more was freed than a watch keeps");
    let mut rest = unsafe { std::slice::from_raw_parts(watch.bytes, watch.len) };
    let mut blocks = Vec::with_capacity(watch.blocks);
    while let Some((len, more)) = rest.split_first_chunk::<8>() {
        let (block, more) = more.split_at(u64::from_le_bytes(*len) as usize);
        blocks.push(block.to_vec());
        rest = more;
    }
    (result, Freed { blocks, largest: watch.largest })
}

/// Runs something on this thread, for which there is no block larger than this.
#[allow(dead_code, reason = "not every binary runs short of memory")]
pub(crate) fn starve<T>(limit: usize, run: impl FnOnce() -> T) -> T {
    LIMIT.set(limit);
    let result = run();
    LIMIT.set(usize::MAX);
    result
}
