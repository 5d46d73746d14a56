//! Drives the binary, as a script would.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod bundles;
mod common;
mod demo;
mod exchange;
#[cfg(target_os = "linux")]
mod full_disk;
mod import;
mod keys;
mod node;
mod policy;
mod refusals;
mod scan;
mod seal_open;
mod store;
#[cfg(target_os = "linux")]
mod terminal;
