//! The Worst Case Messaging Protocol.
//!
//! Messages for people whose every communication may be intercepted and whose
//! devices may be seized. One signed, encrypted, padded envelope for many receivers;
//! nobody but them can tell who wrote it, for whom, or for how many. Everybody
//! carries everybody's envelopes; each finds their own by keyed hints.
//!
//! This crate puts four together and adds nothing:
//!
//! | crate | re-exported as | what it holds |
//! |---|---|---|
//! | `wcmp-wire` | [`wire`] | the bytes of an envelope |
//! | `wcmp-suite` | [`suite`] | algorithm ids, keys, crypto providers |
//! | `wcmp-message` | [`message`] | seal, recognise, open |
//! | `wcmp-relay` | [`relay`] | carrying, without keys: bundles, store, policy, exchange |
//!
//! # From one person to another
//!
//! ```
//! use wcmp::{Content, KeyPair, KeyType, Provider, Readable, Receiver, Sealer, Suite};
//!
//! let crypto = Provider::rust_crypto();
//! let mut rng = wcmp::system_rng();
//! let alice = KeyPair::generate(&crypto, KeyType::X25519, &mut rng)?;
//! let bob = KeyPair::generate(&crypto, KeyType::X25519, &mut rng)?;
//!
//! // Alice writes to Bob's public key and introduces herself.
//! let now = 494_000; // hours since 1970
//! let content = Content::new("text/plain", "meet at the usual place");
//! let envelope = Sealer::new(Suite::SealedAes256Gcm, now + 100)
//!     .from(&alice)
//!     .to(bob.public())
//!     .introduce()
//!     .seal(&crypto, &content, &mut rng)?;
//!
//! // Anybody carries it. Bob looks whether it is his, and opens it.
//! let bob = Receiver::new(bob);
//! let readable = Readable::parse(&envelope, now)?;
//! let recognised = readable.recognise(&crypto, &bob).expect("it is for Bob");
//! let opened = recognised.open(&crypto, &[])?;
//! assert_eq!(*opened.content.body, *b"meet at the usual place");
//! assert_eq!(opened.sender.public_key(), Some(alice.public()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! More in the package's `examples/`: seal and open, a dead drop, a folder scanned.

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

pub use wcmp_message as message;
pub use wcmp_relay as relay;
pub use wcmp_suite as suite;
pub use wcmp_wire as wire;

pub use wcmp_message::{
    Column, Contact, Content, ContentBody, Extension, Found, OpenError, Opened, Readable, Receiver,
    Recognised, Row, ScanCursor, Scanned, Scanner, SealError, Sealer, Sender, Ttl, Way, hour,
};
pub use wcmp_suite::{KeyError, KeyPair, KeyType, Provider, PublicKey, Suite, SuiteId};
pub use wcmp_wire::{EnvelopeRef, Id, ParseError};

/// What a store's scan column holds, as rows for a [`Scanner`]; in the column's order, so that the number of a row is its
/// place there.
///
/// Looking for one's own then reads a hundred bytes of an envelope and 16 for each slot, and not the rest.
#[must_use]
pub fn rows<'a>(columns: &relay::store::Columns<'a>) -> Vec<Row<'a>> {
    let mut hints = columns.hints();
    let row = |place| {
        let slots = columns.slots(place)?;
        let (own, rest) = hints.split_at_checked(slots.into())?;
        hints = rest;
        Some(Row {
            suite: columns.suite(place)?,
            expires: columns.expires(place)?,
            recipient_nonce: columns.recipient_nonces().get(place)?,
            body: columns.bodies().get(place)?,
            encapsulation: columns.encapsulation(place)?,
            hints: own,
        })
    };
    (0..columns.len()).map_while(row).collect()
}

/// The operating system's random numbers. The crates below take randomness as an
/// argument; this is the one to give them.
///
/// An error of the system's shows as [`SealError::Random`] or an error of the call
/// that needed it; nothing panics.
#[must_use]
pub fn system_rng() -> getrandom::SysRng {
    getrandom::SysRng
}
