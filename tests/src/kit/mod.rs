//! What attacks are made of: people, and a builder of envelopes that does as it is told.
#![allow(clippy::missing_panics_doc, reason = "a test fails by panicking")]

mod content;
mod forge;
mod rng;

pub use content::{Parts, bytes, pad, parse, varint};
pub use forge::{
    Forge, Forged, Hint, Hook, Plaintext, Row, Schedule, Stage, reply_signature, schedule, sign,
};
pub use rng::TestRng;

use wcmp::{KeyPair, KeyType, OpenError, Opened, Provider, PublicKey, Readable, Receiver, Suite};

/// The hour at which tests read, and up to which they seal.
pub const NOW: u32 = 494_000;

/// The provider of tests that are not about providers.
pub const CRYPTO: Provider = Provider::rust_crypto();
/// Every provider there is.
pub const PROVIDERS: [Provider; 3] = [
    Provider::rust_crypto(),
    Provider::ring(),
    Provider::aws_lc(),
];

/// The suites whose receivers have keys of type 1.
pub const X25519_SUITES: [Suite; 4] = [
    Suite::OpenAes256Gcm,
    Suite::OpenChaCha20Poly1305,
    Suite::SealedAes256Gcm,
    Suite::SealedChaCha20Poly1305,
];

/// The suites that are recognised with a private key only.
pub const SEALED: [Suite; 2] = [Suite::SealedAes256Gcm, Suite::SealedChaCha20Poly1305];

/// The suites that are recognised with a public key.
pub const OPEN: [Suite; 3] = [
    Suite::OpenAes256Gcm,
    Suite::OpenChaCha20Poly1305,
    Suite::OpenXWing,
];

/// The key pair of this type that belongs to `name`.
#[must_use]
pub fn keys(key_type: KeyType, name: &str) -> KeyPair {
    let seed = wcmp_wire::sha256(&[b"keys of ", name.as_bytes()]);
    KeyPair::from_seed(&CRYPTO, key_type, &seed).unwrap()
}

/// The key pair of type 1 that belongs to `name`.
#[must_use]
pub fn person(name: &str) -> KeyPair {
    keys(KeyType::X25519, name)
}

/// `name` as a receiver of messages of `suite`, who gave their key to `contacts`.
#[must_use]
pub fn receiver(suite: Suite, name: &str, contacts: &[&PublicKey]) -> Receiver {
    let mut receiver = Receiver::new(keys(suite.key_type(), name));
    for contact in contacts {
        receiver.add_contact(&CRYPTO, (*contact).clone());
    }
    receiver
}

/// Section 8 from the bytes on, at the hour [`NOW`]: what is not recognised is `not-for-me`.
///
/// # Errors
/// Those of parsing and opening.
pub fn open(envelope: &[u8], receiver: &Receiver) -> Result<Opened, OpenError> {
    open_at(envelope, receiver, NOW)
}

/// As [`open`], at this hour.
///
/// # Errors
/// Those of parsing and opening.
pub fn open_at(envelope: &[u8], receiver: &Receiver, now: u32) -> Result<Opened, OpenError> {
    let readable = Readable::parse(envelope, now)?;
    let recognised = readable.recognise(&CRYPTO, receiver);
    recognised.ok_or(OpenError::NotForMe)?.open(&CRYPTO, &[])
}

/// The code with which `receiver` refuses `envelope`; `"opened"` if they do not.
#[must_use]
pub fn code(envelope: &[u8], receiver: &Receiver) -> &'static str {
    match open(envelope, receiver) {
        Ok(_) => "opened",
        Err(error) => error.code(),
    }
}

/// The encoding of a public key of these two parts, whatever they are.
#[must_use]
pub fn key_of(kem: &[u8], ed25519: &[u8; 32]) -> Vec<u8> {
    let key_type = if kem.len() == 32 { 1u16 } else { 2 };
    [&key_type.to_be_bytes()[..], kem, ed25519].concat()
}
