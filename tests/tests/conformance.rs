//! Every provider passes the one conformance suite.

use wcmp_suite::{Provider, conformance};

#[test]
fn rust_crypto() {
    conformance::check(&Provider::rust_crypto());
}

#[test]
fn aws_lc() {
    conformance::check(&Provider::aws_lc());
}

#[test]
fn ring() {
    conformance::check(&Provider::ring());
}
