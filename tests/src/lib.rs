//! What tests, fuzz targets and the generator of vectors share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a check fails by panicking"
)]

pub mod checks;
pub mod foreign;
pub mod kit;
pub mod protocol;
pub mod vectors;
