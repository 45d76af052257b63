//! How to build a platform on this crate, step by step.
