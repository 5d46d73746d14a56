//! One check a fuzz target: a function of bytes that panics when a property does not hold.
//!
//! `fuzz/fuzz_targets/` calls them with new bytes, `tests/fuzz_corpora.rs` with those of `fuzz/corpus/`.

pub mod bundle;
pub mod call;
pub mod content;
pub mod exchange;
pub mod have;
pub mod hints;
pub mod json;
pub mod policy;
pub mod sealed;
pub mod store;
pub mod wire;
