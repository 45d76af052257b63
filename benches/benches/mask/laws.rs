//! The cases of the masker's law, which are also those of the fuzzer.

#[path = "../../../fuzz/laws/mask.rs"]
pub(crate) mod mask;
#[path = "../../../tests/support/masked.rs"]
pub(crate) mod masked;
