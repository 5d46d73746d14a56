//! The cryptography of WCMP: algorithm ids, keys, HPKE slots, hints, and the
//! providers that do the arithmetic.
//!
//! Section numbers ("spec 6.2") are those of `docs/spec/envelope.md`.
//!
//! * [`Suite`]: what each suite id means (spec 2).
//! * [`PublicKey`], [`KeyPair`], [`PairKey`]: keys, their validation and their
//!   text forms (spec 1).
//! * [`HintKey`], [`PairHintKey`]: how a receiver finds its own (spec 6.3), and
//!   [`HintEngine`], [`HintMatcher`]: many of them, for many envelopes.
//! * [`slot`]: the content key sealed to one receiver (spec 6.2), on [`hpke`].
//! * [`Provider`]: a plain struct of functions and static trait objects, passed
//!   explicitly. [`Provider::rust_crypto`] is complete and always there.
//!
//! Nothing here reads a clock or the system's random numbers.
#![no_std]

extern crate alloc;

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod hpke;
pub mod kdf;
pub mod slot;

mod hint;
mod id;
mod key;
mod pair;
mod provider;
mod public_key;
mod text;

pub use hint::{
    HintEngine, HintInput, HintKey, HintKeys, HintMatcher, HintPath, PairHintKey, find_hint,
    stranger_hint,
};
pub use id::{AeadAlgorithm, Form, KeyType, Suite, SuiteId, UnknownId};
pub use key::KeyPair;
pub use pair::PairKey;
pub use provider::{
    Aead, CryptoError, Ed25519, Provider, X25519, X25519Secret, XWing, XWingSecret,
};
pub use public_key::{KeyError, PublicKey};

/// Bytes of a hint in an envelope.
pub const HINT_LEN: usize = 16;
