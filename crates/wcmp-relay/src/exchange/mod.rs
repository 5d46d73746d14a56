//! Two nodes that meet bring each other up to date, over anything that carries bytes both ways.
//!
//! ```text
//! both    hello: version, capabilities, nonce, limits       the nonces give the keys of this exchange
//! both    days:  per day of expiry, how many envelopes and a fingerprint
//! one     more                                              (the one with the greater nonce)
//! other     symbols of the days that differ
//! one     ... until it knows the difference: stop, wants, its frames, done
//! other   its frames, done
//! ```
//!
//! The bytes are those of docs/spec/exchange.md. [`Session`] is the state machine of either side: bytes in, bytes out.
//! It has no clock, no randomness and no sockets. What a node has and takes, it asks of its [`Shelf`]; holds, policy,
//! budgets and counting by reason are there. Envelopes go in whole and on their own, so a session that breaks off
//! anywhere has lost nothing, and is resumed by running another.
//!
//! Neither side learns which envelopes the other wrote or wants to read: a session depends on what both have and hand
//! on, on their limits and on the nonces, and the crate cannot name a key (spec 9.1).
//!
//! [`riblt`] finds the difference; [`have`] does so for a stick. `noise` (feature of that name) is the link between two
//! that share a secret. [`Guest`] is a peer at a [`Node`](crate::node::Node).

mod guest;
pub mod have;
mod message;
#[cfg(feature = "noise")]
pub mod noise;
pub mod riblt;
mod session;

use core::fmt;
use core::ops::ControlFlow;
use core::time::Duration;

use wcmp_wire::{Id, MAX_ENVELOPE};

use crate::bundle::Stamp;
pub use guest::{Guest, GuestAt};
pub use session::Session;

/// Most hours between now and the expiry of an envelope that takes part in an exchange: no more than 128 days differ.
pub const MAX_TTL: u32 = 3000;

/// Most symbols of one exchange: enough for a million and a half of differences.
pub const MAX_SYMBOLS: u32 = 1 << 21;

/// A session's node: what it has to hand on, and where it puts what it gets.
///
/// All of it may be asked at any time of a session, also while the node changes through others.
pub trait Shelf {
    /// How it fails: a session ends by it.
    type Error;

    /// Names all envelopes that may be handed on now, each once, in any order: not expired, past their hold, allowed
    /// by the policy. Called three times in a session.
    ///
    /// # Errors
    /// If the node fails.
    fn offer(&mut self, each: &mut dyn FnMut(Offer)) -> Result<(), Self::Error>;

    /// Calls `give` once with an envelope and the stamp that the policy hands on beside it; not if it is there no more.
    ///
    /// # Errors
    /// If the node fails.
    fn fetch(&mut self, id: &Id, give: &mut dyn FnMut(Stamp<'_>, &[u8]))
    -> Result<(), Self::Error>;

    /// Is given what the peer sent: **any bytes**, of which nothing was checked but their number. Takes them in, or counts
    /// why it does not. `Break` if nothing more is wanted in this session: its budget is spent, or the store is full.
    ///
    /// # Errors
    /// If the node fails.
    fn take(&mut self, stamp: Stamp<'_>, envelope: &[u8]) -> Result<ControlFlow<()>, Self::Error>;
}

/// An envelope that may be handed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Its name.
    pub id: Id,
    /// Its last hour.
    pub expires: u32,
    /// Its bytes.
    pub len: usize,
}

/// What one side allows the other. Each is bounded by the protocol's own limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Most bytes of an envelope. Both sides' limits hold for both.
    pub envelope: u32,
    /// Most hours until an envelope expires. Both sides' limits hold for both.
    pub ttl: u32,
    /// Most envelopes that are taken in.
    pub frames: u32,
    /// Most bytes of envelopes that are taken in, the unwanted ones included.
    pub bytes: u64,
    /// Most symbols, which take 48 bytes of memory each where they are taken apart.
    pub symbols: u32,
    /// The other side is given up when in so much time not even 4 KiB moved.
    pub patience: Duration,
    /// A session ends after so much time, whatever moves. Another one goes on where it was.
    pub session: Duration,
}

impl Default for Limits {
    /// 1 MiB and 31 days an envelope; 1 M envelopes or 4 GiB; 2^21 symbols; one minute; one hour.
    fn default() -> Self {
        Self {
            envelope: 1 << 20,
            ttl: 744,
            frames: 1_000_000,
            bytes: 4 << 30,
            symbols: MAX_SYMBOLS,
            patience: Duration::from_secs(60),
            session: Duration::from_secs(3600),
        }
    }
}

impl Limits {
    /// Within what the protocol can say.
    fn bounded(self) -> Self {
        const LARGEST: u32 = 16_777_216;
        const _: () = assert!(MAX_ENVELOPE == LARGEST as usize);
        Self {
            envelope: self.envelope.min(LARGEST),
            ttl: self.ttl.min(MAX_TTL),
            symbols: self.symbols.clamp(1, MAX_SYMBOLS),
            ..self
        }
    }
}

/// What happened in a session, so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Report {
    /// Frames that were given to the node, which knows what became of them.
    pub received: u64,
    /// Frames with a stamp that is none.
    pub malformed: u64,
    /// Frames larger than was said to be allowed; their bytes were passed over.
    pub oversized: u64,
    /// Frames that came after the node had enough, and were not looked at.
    pub surplus: u64,
    /// Envelopes that were asked for.
    pub wanted: u64,
    /// Envelopes that were sent.
    pub sent: u64,
    /// Symbols that were sent or taken.
    pub symbols: u64,
    /// Bytes that came, and that went.
    pub bytes_in: u64,
    /// See `bytes_in`.
    pub bytes_out: u64,
    /// The sets differed too much to be compared at once, or more was wanted than the limits allow: another session
    /// will go on.
    pub more: bool,
}

/// Why a session cannot go on. What was taken in before is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error<E> {
    /// The node failed.
    Node(E),
    /// The peer speaks no version that we speak, or another protocol.
    Version,
    /// The peer sends back our own messages.
    Reflected,
    /// A message of no known form.
    Malformed,
    /// A message that has no place here.
    Unexpected,
    /// More than was asked for or allowed.
    Flood,
    /// Symbols or days that describe no set.
    Inconsistent,
    /// Nothing moved for too long.
    Stalled,
    /// It took longer than one session may.
    Long,
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node(error) => return error.fmt(f),
            Self::Version => "the other side speaks another version, or another protocol",
            Self::Reflected => "the other side sends back what it gets",
            Self::Malformed => "the other side sent a malformed message",
            Self::Unexpected => "the other side sent a message out of turn",
            Self::Flood => "the other side sent more than it was asked for",
            Self::Inconsistent => "the other side described no possible set",
            Self::Stalled => "the other side stalled",
            Self::Long => "it took longer than one exchange may",
        })
    }
}

impl<E: core::error::Error> core::error::Error for Error<E> {}
