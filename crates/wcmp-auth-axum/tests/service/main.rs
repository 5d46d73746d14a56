//! The service as its clients and its operators meet it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod calls;
mod client;
mod cluster;
#[path = "../../../../tests/tests/knh1_foreign/example.rs"]
mod example;
mod fleet;
mod layer;
mod logins;
mod postgres;
mod process;
mod program;
mod registration;
