//! The bytes of a WCMP envelope: borrowed view, owned form, canonical encoder, hash chain.
//!
//! This crate knows where the fields are and which lengths they may have (sections 3 and 4 of the specification). It
//! knows no key and no suite, and no cryptography but SHA-256: a relay needs nothing more. It does not need `std`.
//!
//! # Layout
//! | field | offset | bytes |
//! |---|---|---|
//! | version | 0 | 1, always 1 |
//! | suite | 1 | 2, big-endian |
//! | sender nonce | 3 | 16 |
//! | sender hint | 19 | 16 |
//! | expires | 35 | 4, big-endian: an hour, floor(unix seconds / 3600) |
//! | commitment | 39 | 32 |
//! | payload | 71 | varint length, then at least 16 |
//! | recipient nonce | | 16 |
//! | encapsulation | | varint length, then 0 to 65535 |
//! | hints | | varint length 16·R, then R hints, strictly ascending, 1 <= R <= 4096 |
//! | sealed keys | | varint length S·R, then R sealed keys of S >= 1 bytes each |
//! | signature | | varint length, then 1 to 65535 |
//!
//! At most 16 777 216 bytes in all. Varints are minimal, so an envelope has exactly one encoding.
//!
//! # Reading and writing
//! [`EnvelopeRef::parse`] borrows, allocates nothing, and panics on no input. [`Envelope::encode`] refuses what
//! [`EnvelopeRef::parse`] would refuse; so does [`Writer`], which makes an envelope in the memory that it is sent from.
//!
//! ```
//! use wcmp_wire::{Envelope, EnvelopeRef, ParseErrorKind, sha256};
//!
//! let envelope = Envelope {
//!     suite: 0x0101,
//!     sender_nonce: [1; 16],
//!     sender_hint: [2; 16],
//!     expires: 493_000,
//!     commitment: [3; 32],
//!     payload: vec![4; 1040],
//!     recipient_nonce: [5; 16],
//!     encapsulation: vec![6; 32],
//!     hints: vec![[7; 16], [8; 16], [9; 16], [10; 16]],
//!     sealed_keys: vec![11; 4 * 48],
//!     signature: vec![12; 64],
//! };
//! let bytes = envelope.encode()?;
//!
//! let view = EnvelopeRef::parse(&bytes)?;
//! assert_eq!((view.slots(), view.slot_len()), (4, 48));
//! assert_eq!(view.sealed_key(3), Some(&[11; 48][..]));
//! assert_eq!(view.id(sha256).to_string().len(), 64);
//! assert_eq!(view.to_owned(), envelope);
//!
//! let error = EnvelopeRef::parse(&bytes[..100]).unwrap_err();
//! assert_eq!((error.kind(), error.offset()), (ParseErrorKind::UnexpectedEnd, 71));
//! assert_eq!(error.code(), "malformed");
//! # Ok::<(), wcmp_wire::ParseError>(())
//! ```
#![no_std]

extern crate alloc;

mod error;
pub mod hash;
mod owned;
mod padding;
pub mod varint;
mod view;
mod writer;

pub use error::{ParseError, ParseErrorKind, Result};
pub use hash::{Body, Core, Digest, Id, Sha256, sha256};
pub use owned::{Envelope, encode_prefix};
pub use padding::padded_len;
pub use view::EnvelopeRef;
pub use writer::{Lengths, Writer};

/// The version of the format that this crate reads and writes: the first byte of an envelope.
pub const VERSION: u8 = 1;

/// Most bytes of an envelope, for senders, relays and receivers alike.
pub const MAX_ENVELOPE: usize = 16_777_216;

/// Most slots of an envelope.
pub const MAX_SLOTS: usize = 4096;

/// Bytes of the prefix: version, suite, sender nonce, sender hint, expires.
pub const PREFIX_LEN: usize = 39;

/// Bytes of a hint.
pub const HINT_LEN: usize = 16;

/// Bytes of a nonce.
pub const NONCE_LEN: usize = 16;

/// Fewest bytes of a payload: an AEAD tag.
pub const MIN_PAYLOAD: usize = 16;

/// Most bytes of an encapsulation.
pub const MAX_ENCAPSULATION: usize = 65_535;

/// Most bytes of a signature.
pub const MAX_SIGNATURE: usize = 65_535;
