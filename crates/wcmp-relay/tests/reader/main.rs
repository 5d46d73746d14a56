//! The reader against files made by hand.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(clippy::cast_possible_truncation, reason = "files here are small")]

mod craft;
mod limits;
mod rules;
