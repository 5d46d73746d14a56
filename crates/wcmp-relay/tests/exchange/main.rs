//! The exchange: sets are reconciled exactly, and peers that lie or vanish cost their own session only.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod full_disk;
mod guest;
mod have;
mod hostile;
mod kit;
mod network;
#[cfg(feature = "noise")]
mod noise;
#[path = "../store/kit.rs"]
#[allow(dead_code, reason = "what the store's tests need beside it")]
mod numbers;
mod riblt;
mod session;
#[path = "../store/sim.rs"]
#[allow(dead_code, reason = "what the store's tests need beside it")]
mod sim;
