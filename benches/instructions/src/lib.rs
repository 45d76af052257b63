//! Counts instructions: see `benches/instructions.rs`.
