//! Signed calls and answers (auth 4).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod answers;
mod changed;
mod digests;
#[cfg(feature = "http")]
mod http_messages;
mod kit;
mod refused;
mod replay;
mod taken;
mod vectors;
