//! A node: what it takes in and why not, when it hands on, what its clock stops.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod clock;
mod holds;
mod intake;
mod kit;
