//! A comparison with other crates that seal: see `benches/peers.rs`.
