//! Slices of work, between which an async call lets other tasks run.

use std::future::poll_fn;
use std::task::Poll;

/// The limits of a slice. To open or to seal so many records takes some 200 µs, and so do the bytes.
const RECORDS: usize = 64;
const LEN: usize = 256 << 10;

/// The records that a call has opened or sealed since it last let other tasks run.
#[derive(Debug, Default)]
pub(super) struct Slices {
    records: usize,
    len: usize,
}

impl Slices {
    /// Adds a record of this length. At the end of a slice, lets other tasks run.
    pub(super) async fn add(&mut self, len: usize) {
        self.records += 1;
        self.len += len;
        if self.records >= RECORDS || self.len >= LEN {
            *self = Self::default();
            pause().await;
        }
    }
}

/// Returns to the runtime once, which polls the task again after others. It needs no particular runtime.
async fn pause() {
    let mut is_over = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
