//! KNH1 and its peers, the server's side: a login, and a signed call checked.
//! Randomness is replayed on every side, so no side pays for the system's.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a bench stops at the first surprise"
)]

#[path = "auth/calls.rs"]
mod calls;
#[path = "auth/logins.rs"]
mod logins;
#[path = "auth/replay.rs"]
mod replay;

use criterion::{criterion_group, criterion_main};
use wcmp_benches::criterion;

/// A ratio and its limit, one below the other.
fn against(what: &str, ratio: f64, limit: &str) {
    println!("  {what}: {ratio:.2} ({limit})");
}

criterion_group! { name = benches; config = criterion(); targets = logins::logins, calls::calls }
criterion_main!(benches);
