//! The store: crashes, faults, full disks, rot, two processes, and the same as the model in all operations.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod columns;
mod crashes;
mod damage;
mod full_disk;
mod kit;
mod million;
mod model;
mod node_crashes;
mod processes;
mod sim;
