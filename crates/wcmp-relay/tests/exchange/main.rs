//! The exchange: sets are reconciled exactly, and peers that lie or vanish cost their own session only.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod guest;
mod have;
mod hostile;
mod kit;
mod network;
#[cfg(feature = "noise")]
mod noise;
mod riblt;
mod session;
