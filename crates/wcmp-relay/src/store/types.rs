//! What goes into a store and comes out of it.

use alloc::vec::Vec;
use core::ops::Add;

use wcmp_wire::{Body, EnvelopeRef, Id, hash, sha256};

use crate::bundle::Stamp;

/// An envelope to be stored, with its names, which it takes a hash over all its bytes to know.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    envelope: EnvelopeRef<'a>,
    body: Body,
    id: Id,
    stamp: Stamp<'a>,
}

impl<'a> Incoming<'a> {
    /// Computes the names of the envelope (spec 4.3).
    #[must_use]
    pub fn new(envelope: EnvelopeRef<'a>, stamp: Stamp<'a>) -> Self {
        let body = envelope.body(sha256);
        let core = envelope.core(sha256, &body);
        let digest = envelope.digest(sha256, &core);
        let id = hash::id(sha256, &digest, envelope.signature());
        Self {
            envelope,
            body,
            id,
            stamp,
        }
    }

    /// The envelope.
    #[must_use]
    pub const fn envelope(&self) -> &EnvelopeRef<'a> {
        &self.envelope
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }

    /// The hash on which its hints depend, in sealed suites.
    #[must_use]
    pub const fn body(&self) -> Body {
        self.body
    }

    /// What lies beside it.
    #[must_use]
    pub const fn stamp(&self) -> Stamp<'a> {
        self.stamp
    }

    /// Bytes of the envelope.
    #[must_use]
    pub fn size(&self) -> u32 {
        // Parsed, so at most 2^24.
        u32::try_from(self.envelope.as_bytes().len()).unwrap_or(u32::MAX)
    }
}

/// What became of an envelope that was given to a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Taken {
    /// It is stored now.
    New,
    /// It was stored before, or is in the batch twice.
    Known,
    /// It is not stored: there is no room, and all that is stored is worth more.
    Refused,
}

/// An envelope as a store gives it back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// The bytes of the envelope.
    pub envelope: Vec<u8>,
    /// The nonce of its stamp of kind 1, if it has one.
    pub nonce: Option<[u8; 8]>,
}

impl Stored {
    /// The stamp beside the envelope.
    #[must_use]
    pub fn stamp(&self) -> Stamp<'_> {
        self.nonce.as_ref().map_or(Stamp::NONE, Stamp::work)
    }
}

/// What a store says about an envelope without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name.
    pub id: Id,
    /// The last hour in which it may be handed on.
    pub expires: u32,
    /// Bytes of the envelope.
    pub size: u32,
    /// Effort of its stamp, 0 without one.
    pub effort: u64,
}

/// A number of envelopes and their bytes, without what a store needs beside them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// How many.
    pub envelopes: u64,
    /// Sum of their lengths.
    pub bytes: u64,
}

impl Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            envelopes: self.envelopes.saturating_add(other.envelopes),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// The envelopes of one expiry day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Day {
    /// `expires / 24`.
    pub day: u32,
    /// What there is.
    pub totals: Totals,
}

/// How much a store may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota {
    /// Most envelopes.
    pub envelopes: u64,
    /// Most bytes of envelopes. On the disk they take up to a quarter more, see the segment store.
    pub bytes: u64,
}

impl Quota {
    /// As much as fits the medium.
    pub const NONE: Self = Self {
        envelopes: u64::MAX,
        bytes: u64::MAX,
    };

    /// Whether so much is allowed.
    #[must_use]
    pub const fn allows(&self, totals: Totals) -> bool {
        totals.envelopes <= self.envelopes && totals.bytes <= self.bytes
    }
}

/// How far a reader of arrivals has come. Means nothing to another store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Cursor {
    /// Which run of numbers; a greater one after every opening.
    pub(super) run: u64,
    /// The batch, counted from 1 in its run.
    pub(super) batch: u64,
}

impl Cursor {
    /// Before everything.
    pub const START: Self = Self { run: 0, batch: 0 };

    /// As bytes to be kept by the reader.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        (((self.run as u128) << 64) | self.batch as u128).to_be_bytes()
    }

    /// From [`to_bytes`](Cursor::to_bytes). A cursor that the store does not know leads to everything.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self {
            run: (both >> 64) as u64,
            #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
            batch: both as u64,
        }
    }
}

/// Envelopes that came in one batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrivals {
    /// Behind this batch.
    pub cursor: Cursor,
    /// What is still there of it, ascending by id; not empty.
    pub entries: Vec<Entry>,
}
