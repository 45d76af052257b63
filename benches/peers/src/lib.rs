//! A comparison with other crates: see `benches/peers.rs`.
