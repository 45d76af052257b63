#![no_main]

#[cfg(not(secrets_toml_readers))]
compile_error!("this target needs RUSTFLAGS=\"--cfg secrets_toml_readers\"");

#[path = "../laws/mod.rs"]
#[allow(dead_code, reason = "each target has one law")]
mod laws;

#[cfg(secrets_toml_readers)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| laws::readers::check(data));
