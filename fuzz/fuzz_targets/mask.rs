#![no_main]

#[path = "../laws/mod.rs"]
#[allow(dead_code, reason = "each target has one law")]
mod laws;

libfuzzer_sys::fuzz_target!(|data: &[u8]| laws::mask::check(data));
