//! SHA-256 that counts its compressions: what a record costs is a number, and not a duration.

use std::cell::Cell;

use hmac::digest::block_api::{
    Block, BlockSizeUser, Buffer, BufferKindUser, EagerHash, FixedOutputCore, OutputSizeUser,
    UpdateCore,
};
use hmac::digest::{HashMarker, Output, buffer_fixed};
use sha2::Sha256;

type Core = <Sha256 as EagerHash>::Core;

thread_local! {
    static COMPRESSIONS: Cell<usize> = const { Cell::new(0) };
}

/// Returns what a function returns, and the number of compressions that it took.
pub(in crate::seal) fn count<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = COMPRESSIONS.get();
    let result = run();
    (result, COMPRESSIONS.get() - before)
}

fn add(count: usize) {
    COMPRESSIONS.set(COMPRESSIONS.get() + count);
}

buffer_fixed!(
    /// SHA-256.
    pub(in crate::seal) struct Counted(CountedCore);
    impl: BaseFixedTraits Default Clone HashMarker;
);

#[derive(Default, Clone)]
pub(in crate::seal) struct CountedCore(Core);

impl HashMarker for CountedCore {}

impl BlockSizeUser for CountedCore {
    type BlockSize = <Core as BlockSizeUser>::BlockSize;
}

impl BufferKindUser for CountedCore {
    type BufferKind = <Core as BufferKindUser>::BufferKind;
}

impl OutputSizeUser for CountedCore {
    type OutputSize = <Core as OutputSizeUser>::OutputSize;
}

impl UpdateCore for CountedCore {
    fn update_blocks(&mut self, blocks: &[Block<Self>]) {
        add(blocks.len());
        self.0.update_blocks(blocks);
    }
}

impl FixedOutputCore for CountedCore {
    fn finalize_fixed_core(&mut self, buffer: &mut Buffer<Self>, out: &mut Output<Self>) {
        // The rest of the message, a byte that ends it, and its length in 8 bytes.
        add((buffer.get_pos() + 9).div_ceil(64));
        self.0.finalize_fixed_core(buffer, out);
    }
}
