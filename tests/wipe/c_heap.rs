//! The heap of AWS-LC, which is C's and not Rust's: what it frees is seen, too.
//!
//! AWS-LC overwrites each block before it frees it, whatever was in it. If the program has a function of
//! the name `sdallocx`, which is jemalloc's, it frees its blocks with that one. This file has it, so the
//! probe sees each block as the allocator would get it back.
//!
//! Copies that AWS-LC's assembly leaves on the stack are not seen.

use std::cell::Cell;
use std::ffi::{c_int, c_void};

use secrets_toml::seal::{Keyring, OpenError, Revision, Scope};
use secrets_toml::{Document, Secrets};

use crate::probe::{self, keep};

const KEY: [u8; 32] = *b"the key of AWS-LC's own test: 32";

thread_local! {
    /// The blocks that AWS-LC freed in this thread, and those of them that held anything but zeros.
    static FREED: Cell<[usize; 2]> = const { Cell::new([0; 2]) };
}

unsafe extern "C" {
    fn malloc(len: usize) -> *mut c_void;
    fn free(block: *mut c_void);
}

/// Frees a block of AWS-LC.
///
/// # Safety
///
/// `block` comes from `malloc`, and has `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn sdallocx(block: *mut c_void, len: usize, _flags: c_int) {
    // SAFETY: the caller's. The block is freed after its last use.
    unsafe {
        let bytes = std::slice::from_raw_parts(block.cast::<u8>(), len);
        let is_wiped = bytes.iter().all(|byte| *byte == 0);
        let _ = FREED.try_with(|freed| {
            let [all, unwiped] = freed.get();
            freed.set([all + 1, unwiped + usize::from(!is_wiped)]);
        });
        probe::inspect(block.cast(), len);
        free(block);
    }
}

/// Runs a function, and returns how many blocks AWS-LC freed, and how many of them unwiped.
fn freed(run: impl FnOnce()) -> [usize; 2] {
    FREED.set([0; 2]);
    run();
    FREED.get()
}

fn scope() -> Scope {
    Scope::module("chat").unwrap()
}

fn secrets() -> Secrets {
    Document::parse("TOKEN = 'the value of a credential'").unwrap().validate().unwrap()
}

/// Without this, the other tests would pass if nothing was seen.
#[test]
fn a_block_that_is_not_wiped_would_be_found() {
    let (counts, kept) = keep(|| {
        freed(|| {
            // SAFETY: the block has 32 bytes, and is used no more.
            unsafe {
                let block = malloc(32);
                assert!(!block.is_null());
                block.cast::<[u8; 32]>().write(KEY);
                sdallocx(block, 32, 0);
            }
        })
    });
    assert_eq!((counts, kept.hits(&KEY)), ([1, 1], 1));
}

/// The context of the cipher is a block of its own for each record. It holds the key of the record.
#[test]
fn every_context_is_wiped() {
    let (keyring, scope, secrets) = (Keyring::from_bytes(KEY), scope(), secrets());
    let seal = || keyring.seal(&scope, Revision::FIRST, &secrets).unwrap();
    let record = seal();
    assert_eq!(freed(|| drop(seal())), [1, 0]);
    let open = || assert!(keyring.open(&scope, record.as_bytes()).is_ok());
    assert_eq!(freed(open), [1, 0]);
    let mut wrong = record.as_bytes().to_vec();
    wrong[200] ^= 1;
    let open = || assert_eq!(keyring.open(&scope, &wrong).unwrap_err(), OpenError::Tampered);
    assert_eq!(freed(open), [1, 0]);
    wrong[80] ^= 1;
    let open = || assert_eq!(keyring.open(&scope, &wrong).unwrap_err(), OpenError::Mismatch);
    assert_eq!(freed(open), [0, 0], "the record was refused before its key was derived");
}
