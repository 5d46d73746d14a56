//! What every provider has to pass, as one call: [`check`].
//!
//! The answers are data and stand beside the name of their source; none is made by
//! the code under test. Where a source is this project ("WCMP"), the answer was
//! computed from the definitions with an implementation that shares no code with
//! any provider, and the text says what it shows.
#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a check fails by panicking; a digit fits a byte"
)]

mod aead;
mod ed25519;
mod hash;
mod x25519;
mod xwing;

use alloc::vec::Vec;

use crate::Provider;

/// Checks every field of `provider` against known answers, and that it refuses
/// what spec 1.1 to 1.4 and 6.2 refuse.
///
/// ```
/// use wcmp_suite::{Provider, conformance};
///
/// conformance::check(&Provider::rust_crypto());
/// ```
///
/// # Panics
/// At the first answer that differs, with the provider's name and the answer's
/// source.
pub fn check(provider: &Provider) {
    hash::check(provider);
    aead::check(provider);
    x25519::check(provider);
    ed25519::check(provider);
    xwing::check(provider);
}

/// The bytes of hexadecimal text.
fn hex(text: &str) -> Vec<u8> {
    let digit = |c: &u8| char::from(*c).to_digit(16).expect("hexadecimal") as u8;
    assert!(text.len().is_multiple_of(2), "two digits a byte: {text}");
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| digit(&pair[0]) << 4 | digit(&pair[1]))
        .collect()
}

/// As [`hex`], for exactly N bytes.
fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().expect("N bytes")
}
