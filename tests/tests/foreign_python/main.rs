//! Our implementation and the one in Python, written from the specification alone, agree.
//!
//! Both get the same requests and have to answer alike. Everything is random, from seeds
//! that are the same in every run; a failure names the request.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod bundles;
mod forged;
mod keys;
mod letters;
mod messages;
mod mutations;
mod own_tests;
mod torsion;
mod vectors;

use std::path::Path;

use serde_json::Value;
use wcmp::Provider;
use wcmp_tests::foreign::Python;
use wcmp_tests::protocol::answer;

/// Where cargo lets tests keep files.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The two implementations side by side.
struct Both {
    rust: Provider,
    python: Python,
}

impl Both {
    /// `None`, and a notice, where there is no Python.
    fn start() -> Option<Both> {
        Some(Both {
            rust: Provider::rust_crypto(),
            python: Python::start(target())?,
        })
    }

    /// The answer that both give.
    fn agree(&mut self, request: &Value) -> Value {
        let ours = answer(&self.rust, request);
        let theirs = self.python.ask(request);
        assert_eq!(ours, theirs, "ours and theirs, to {request}");
        ours
    }
}
